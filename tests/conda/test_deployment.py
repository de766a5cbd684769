"""`snakemake --cores all --use-conda`: environments really created, and the jobs really run in them.

The command `conda` is a stand-in (stand_in.py) and the channel a local one (channel.py). Run are the rules of
envs/data.yaml, from the raw log to encoded sequences; with LOGASSAY_CONDA=full the whole study in all environments.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.conda import channel
from tests.results_folder import digests
from tests.workflow.project import ROOT, Project

FULL = os.environ.get("LOGASSAY_CONDA") == "full"
ENVIRONMENTS = sorted(path.stem for path in (ROOT / "envs").glob("*.yaml")) if FULL else ["data"]
SEED = "results/runs/dataset=simulated/grouping=session/split=chronological/seed=1"
# With other targets Snakemake would create the environments of all rules.
ENCODED = (f"{SEED}/train.parquet", f"{SEED}/size=200/overlap.parquet", f"{SEED}/pseudo/ratio=00200/mutated.parquet")
TARGETS = () if FULL else ("--", *ENCODED)
DATA_JOBS = {
    "simulate_log.py",
    "parse_log.py",
    "group_sequences.py",
    "split_sequences.py",
    "mine_templates.py",
    "encode_sequences.py",
    "measure_overlap.py",
    "mutate_sequences.py",
}


class Deployed(NamedTuple):
    """The study, run with conda, and beside it without."""

    project: Project
    plain: Project
    printed: str
    journal: list[dict[str, Any]]
    shell: dict[str, str]


def dependencies(environment: str) -> list[Any]:
    """Return the packages of an environment file: conda's, and last those of pip."""
    found: list[Any] = yaml.safe_load((ROOT / "envs" / f"{environment}.yaml").read_text())["dependencies"]
    return found


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory, conda: Path, shell: dict[str, str]) -> Iterator[Deployed]:
    """The study with conda and without, side by side."""
    python, pip = dependencies("data")[:2]
    if f"python={channel.VERSION}" != python:
        pytest.skip(f"the environments ask for {python}, and the local channel has this Python {channel.VERSION}")
    channel.build(conda / "channel", pip.removeprefix("pip="))
    folder = tmp_path_factory.mktemp("deployed")
    project, plain, journal = Project(folder / "conda"), Project(folder / "plain"), folder / "journal"
    # What users have installed for themselves, or made known to every Python, must not be found by jobs: it ends them.
    packages = folder / f"user/lib/python{channel.VERSION}/site-packages"
    packages.mkdir(parents=True)
    (packages / "polars.py").write_text("raise SystemExit('polars of the user')\n")
    user = {"PYTHONUSERBASE": str(folder / "user"), "PYTHONPATH": str(packages)}
    with ThreadPoolExecutor() as pool:
        beside = pool.submit(plain.snakemake, *TARGETS)
        watched = shell | user | {"LOGASSAY_JOURNAL": str(journal)}
        done = project.snakemake("--cores", "all", "--use-conda", *TARGETS, env=watched)
    assert done.returncode == 0, done.stdout[-5000:]
    assert beside.result().returncode == 0, beside.result().stdout[-5000:]
    entries = [json.loads(line) for line in journal.read_text().splitlines()]
    yield Deployed(project, plain, done.stdout, entries, shell | user)
    # Half a gigabyte for each environment.
    shutil.rmtree(project.root / ".snakemake/conda")


def prefixes(deployed: Deployed) -> dict[str, Path]:
    """Return the folder of each environment that was created."""
    created = re.findall(r"Environment for (\S+) created \(location: (\S+)\)", deployed.printed)
    return {Path(file).stem: deployed.project.root / location for file, location in created}


def test_only_the_environments_of_the_jobs_are_created(deployed: Deployed) -> None:
    assert sorted(prefixes(deployed)) == ENVIRONMENTS


def test_an_environment_holds_exactly_what_its_file_pins(deployed: Deployed) -> None:
    """Every package with its version, none besides: what another machine gets does not depend on the day."""
    for name, prefix in prefixes(deployed).items():
        _, pip, packages = dependencies(name)
        freeze = [prefix / "bin/python", "-m", "pip", "list", "--format=freeze"]
        listed = subprocess.run(freeze, capture_output=True, text=True, check=True, env=deployed.shell).stdout.split()
        installed = {re.sub(r"[-_.]+", "-", line).lower().split("+")[0] for line in listed}
        assert installed == {re.sub(r"[-_.]+", "-", line) for line in [pip.replace("=", "=="), *packages["pip"]]}
        (record,) = (prefix / "conda-meta").glob("python-*.json")
        linked = json.loads(record.read_text())
        assert linked["version"] == sys.version.split()[0]
        assert linked["channel"].startswith("file://")


def test_jobs_run_in_their_environment_and_import_nothing_from_outside(deployed: Deployed) -> None:
    created = prefixes(deployed)
    ran: dict[str, set[str]] = {name: set() for name in created}
    names = {str(prefix): name for name, prefix in created.items()}
    scripts = [entry for entry in deployed.journal if entry["program"].startswith("scripts/")]
    for entry in scripts:
        ran[names[entry["prefix"]]].add(Path(entry["program"]).name)
        assert entry["path"][0] == f"{entry['prefix']}/bin"
        # Relative names are those of the project's scripts, and of modules of torch that have no file.
        files = [file for file in entry["modules"].values() if file.startswith("/")]
        inside = (f"{entry['prefix']}/", f"{deployed.project.root}/scripts/")
        assert [file for file in files if not file.startswith(inside)] == []
    assert ran["data"] == DATA_JOBS
    # As many as jobs with a command, each of which activates its environment.
    assert len(scripts) == len(re.findall(r"^Activating conda environment", deployed.printed, re.MULTILINE))


def test_results_are_the_same_as_without_conda(deployed: Deployed) -> None:
    found = digests(deployed.project.root / "results")
    assert {Path(name).name for name in found} >= {"lines.parquet", "split.json", "templates.json", "overlap.json"}
    assert found == digests(deployed.plain.root / "results")


def test_every_program_of_an_environment_finds_its_packages(deployed: Deployed) -> None:
    """Also the programs that this study does not run."""
    for name, prefix in prefixes(deployed).items():
        modules = {
            script
            for path in (ROOT / "workflow/rules").glob("*.smk")
            for rule in re.split(r"^ *rule ", path.read_text(), flags=re.MULTILINE)[1:]
            if f"envs/{name}.yaml" in rule
            for script in re.findall(r'script\("(\w+)\.py"\)', rule)
        }
        assert len(modules) > 10 or name != "data"
        command = [prefix / "bin/python", "-c", f"import {', '.join(sorted(modules))}"]
        done = subprocess.run(command, cwd=ROOT / "scripts", capture_output=True, text=True, check=False, env={})
        assert done.returncode == 0, f"{name}: {done.stderr}"


def test_nothing_runs_a_second_time(deployed: Deployed) -> None:
    done = deployed.project.snakemake("--cores", "all", "--use-conda", *TARGETS, env=deployed.shell)
    assert done.returncode == 0, done.stdout
    assert "Nothing to be done" in done.stdout
    assert "Creating conda environment" not in done.stdout

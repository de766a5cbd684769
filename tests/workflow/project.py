"""A copy of the project in an empty folder, and Snakemake run in it as a user would."""

import fcntl
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]

STUDY: dict[str, Any] = {
    "study": {
        "name": "tiny",
        "datasets": ["simulated"],
        "sample_sizes": [200],
        "models": ["deeplog", "logbert-small", "flag-all", "new-event", "isolation-forest"],
        "epochs": 2,
        "anomaly_ratios": [0.02],
    },
    "evaluation": {"pseudo": {"sessions": 50}},
    "datasets": {"simulated": {"source": {"simulate": {"sessions": 600}}}},
}

VARIANTS: dict[str, Any] = yaml.safe_load((ROOT / "config/models.yaml").read_text())["models"]
SMALL = {"logbert": "logbert-small"}
"""The variant that stands for a module, where the first one is slow."""
MODELS = list({each["module"]: SMALL.get(name, name) for name, each in reversed(VARIANTS.items())}.values())
"""One variant of every model there is."""
EVERY: dict[str, Any] = {"study": {"models": MODELS}}
"""What makes the tiny study one of every model."""

# Snakemake's imports take longer than planning a small study: each run is forked off a process that has done them.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["snakemake.cli"])
SECONDS = 900
"""How long Snakemake may take."""


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with `changes` laid over it at every depth."""
    result = dict(base)
    for key, value in changes.items():
        nested = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if nested else value
    return result


def run_snakemake(options: list[str], folder: Path, environment: dict[str, str], said: Path) -> None:
    """Do in this process what `python -m snakemake` does in a folder and an environment; write down what it says."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path = [path for path in sys.path if not Path(path).is_relative_to(ROOT / "scripts")]
    with said.open("wb") as stream, Path(os.devnull).open("rb") as nothing:
        for number, file in enumerate((nothing, stream, stream)):
            os.dup2(file.fileno(), number)
    from snakemake.cli import main

    main(options)


class Project:
    """A checkout with a study of its own: the one that is in a folder already, or else a fresh one without results."""

    def __init__(self, root: Path) -> None:
        self.root = root
        if (root / "Snakefile").exists():
            return
        # Compiled modules come along, which hold for the size and time of their source; those being written do not.
        for name in ("workflow", "config", "scripts", "envs"):
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("*.pyc.*", ".mypy_cache"))
        shutil.copy(ROOT / "Snakefile", root)

    def copy(self, root: Path) -> "Project":
        """Return a copy with all results, and with what Snakemake knows of them."""
        shutil.copytree(self.root, root)
        return Project(root)

    def snakemake(
        self, *options: str, study: dict[str, Any] | None = None, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run Snakemake on a study; standard output and error come back as one text."""
        (self.root / "study.yaml").write_text(yaml.safe_dump(study or STUDY))
        arguments = ["--cores", "2", "--configfile", "study.yaml", *options]
        if env is not None:
            # What an interpreter takes from its environment, it takes at its start.
            return subprocess.run(
                [sys.executable, "-m", "snakemake", *arguments],
                cwd=self.root,
                env=env,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                text=True,
                check=False,
                timeout=SECONDS,
            )
        said = self.root / "said.txt"
        process = PROCESSES.Process(target=run_snakemake, args=(arguments, self.root, dict(os.environ), said))
        process.start()
        process.join(SECONDS)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(arguments, SECONDS, said.read_bytes())
        return subprocess.CompletedProcess(arguments, process.exitcode, said.read_text())

    def build(self, study: dict[str, Any] | None = None) -> str:
        """Run a study to its end."""
        done = self.snakemake(study=study)
        assert done.returncode == 0, done.stdout[-5000:]
        return done.stdout

    def stale(self, changes: dict[str, Any] | None = None) -> set[str]:
        """Name the jobs that a changed study would run: the last folders of each job's log file."""
        done = self.snakemake("--dry-run", "--printshellcmds", study=merged(STUDY, changes or {}))
        assert done.returncode == 0, done.stdout[-5000:]
        logs = re.findall(r"--log results/logs/(\S+)\.log", done.stdout)
        assert len(logs) == len(set(logs))
        counted = re.search(r"^total +(\d+)$", done.stdout, re.MULTILINE)
        # The target rule `all` counts as a job, but runs nothing.
        assert len(logs) == (int(counted[1]) - 1 if counted else 0), done.stdout[-3000:]
        return {re.sub(r"^(?:dataset|grouping|split|seed)=.*?(?=(?:size=|[^/=]+$))", "", log) for log in logs}


def built(folder: Path, study: dict[str, Any]) -> Project:
    """Run a study to its end in a folder, unless another process of the tests has or is about to; not to be changed."""
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder.with_suffix(".done")
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            Project(folder).build(study)
            done.touch()
        return Project(folder)

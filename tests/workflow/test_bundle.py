"""A study on a log of the user's own, bundled, unpacked elsewhere, and reproduced from raw log to report."""

import gzip
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from rocrate.rocrate import ROCrate

from logassay.simulate import simulate
from tests.workflow.project import ROOT, Project

NAMES = ("comparison.md", "comparison.csv", "comparison.parquet")


def origin(root: Path) -> Project:
    """A project of its own, with all that setting up and packing need."""
    project = Project(root)
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, project.root)
    return project


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make with the present environment in place of one that it would set up."""
    command = ["make", "--old-file", f"{sys.prefix}/.ready", f"VENV={sys.prefix}", *arguments]
    return subprocess.run(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
        timeout=600,
    )


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of a study whose log is two files in a folder with a blank in its name; that folder is gone again."""
    root = tmp_path_factory.mktemp("origin")
    project = origin(root / "project")
    own = root / "logs of ann"
    (own / "old").mkdir(parents=True)
    simulate(own / "all.log", own / "labels.csv", own / "kinds.csv", sessions=400, anomaly_share=0.04, seed=3)
    lines = (own / "all.log").read_text().splitlines(keepends=True)
    (own / "app.log").write_text("".join(lines[len(lines) // 2 :]))
    (own / "old" / "app.1.log").write_text("".join(lines[: len(lines) // 2]))
    (own / "all.log").unlink()
    labels = {"file": str(own / "labels.csv"), "kinds": str(own / "kinds.csv")}
    study: dict[str, Any] = {
        "study": {
            "name": "mine",
            "datasets": ["mine"],
            "sample_sizes": [100],
            "models": ["deeplog", "count-vector"],
            "epochs": 1,
            "protocols": ["labelled"],
        },
        "datasets": {"mine": {"format": "hdfs", "source": {"file": f"{own}/**/app*.log"}, "labels": labels}},
        "report": {"languages": ["en"]},
    }
    (project.root / "study.yaml").write_text(yaml.safe_dump(study))
    done = make(project.root, "bundle", "STUDY=study.yaml")
    assert done.returncode == 0, done.stdout[-5000:]
    assert "Packed: bundle/inputs/mine/log/old/app.1.log" in done.stdout
    bundle = project.root / "results" / "bundles" / "mine.tar.gz"
    before = bundle.read_bytes()
    # A second time nothing runs again, and the bytes are the same.
    again = make(project.root, "bundle", "STUDY=study.yaml")
    assert "Nothing to be done" in again.stdout
    assert bundle.read_bytes() == before
    kept = root / "mine.tar.gz"
    shutil.move(bundle, kept)
    shutil.rmtree(own)
    shutil.rmtree(project.root)
    return kept


@pytest.fixture(scope="module")
def reproduced(packed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle unpacked in an empty folder, after its one command."""
    folder = tmp_path_factory.mktemp("elsewhere")
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="data")
    root = folder / "logassay-mine"
    done = make(root, "reproduce")
    assert done.returncode == 0, done.stdout[-5000:]
    assert "REPRODUCED: comparison.md, comparison.csv and comparison.parquet are the same, byte for" in done.stdout
    return root


def test_the_bundle_tells_neither_where_it_was_made_nor_where_the_log_lay(packed: Path) -> None:
    with tarfile.open(packed) as archive:
        for member in archive.getmembers():
            file = archive.extractfile(member)
            assert file is not None
            content = member.name.encode() + file.read()
            assert b"logs of ann" not in content, member.name
            assert str(packed.parent).encode() not in content, member.name


def test_the_tables_are_the_same_from_raw_log_to_report(reproduced: Path) -> None:
    expected, made = reproduced / "bundle/expected", reproduced / "results/studies/mine"
    assert (made / "report/comparison_report.en.html").is_file()
    for name in NAMES:
        assert (expected / name).read_bytes() == (made / name).read_bytes()
    assert pl.read_parquet(made / "comparison.parquet").height == 2


def test_both_manifests_name_the_same_files_and_code(reproduced: Path) -> None:
    crates = [ROCrate(reproduced / folder) for folder in ("bundle/expected", "results/studies/mine")]
    scripts = [{each.id for each in crate.get_by_type("SoftwareApplication")} for crate in crates]
    assert scripts[0] == scripts[1]
    facts = [{each["name"]: each["sha256"] for each in crate.get_by_type("File")} for crate in crates]
    # The user's files lie within the working folder here, and outside of it there.
    assert {*facts[1]} - {*facts[0]} == {"app.log", "app.1.log", "labels.csv", "kinds.csv"}
    for name in ("lines.parquet", "sequences.parquet", "train.parquet", *NAMES):
        assert facts[0][name] == facts[1][name]
    made = {each["@id"] for each in crates[1].get("#job/studies/mine/compare")["result"]}
    assert {*NAMES} <= made
    rules = {each["name"].split(":")[0] for each in crates[1].get_by_type("CreateAction") if each.id != "#run"}
    assert rules == {
        *("parse_log", "group_sequences", "split_sequences", "mine_templates", "encode_sequences", "measure_overlap"),
        *("train_epoch", "fit_baseline", "score_sequences", "evaluate_labelled", "summarise_epochs"),
        *("compare_runs", "judge_study", "bundle_charts", "write_reports"),
    }


def test_a_tampered_table_is_reported_with_row_and_column(reproduced: Path) -> None:
    path = reproduced / "results/studies/mine/comparison.csv"
    before = path.read_bytes()
    table = pl.read_csv(path, infer_schema=False)
    tampered = table.with_columns(tp=pl.when(pl.col("model") == "deeplog").then(pl.lit("999")).otherwise("tp"))
    path.write_text(tampered.write_csv())
    done = subprocess.run(
        [sys.executable, "scripts/check_reproduction.py"], cwd=reproduced, capture_output=True, text=True, check=False
    )
    path.write_bytes(before)
    assert done.returncode == 1
    assert done.stdout.startswith("NOT REPRODUCED")
    assert "comparison.csv: 1 row of 2 differ." in done.stdout
    found = table.filter(pl.col("model") == "deeplog")["tp"][0]
    assert f"model deeplog, epoch 1, seed 1: tp {found} expected, 999 found" in done.stdout


def test_an_input_that_changed_is_named_before_anything_runs(reproduced: Path) -> None:
    path = reproduced / "bundle/inputs/mine/log/app.log"
    before = path.read_bytes()
    path.write_bytes(before + b"one more line\n")
    done = make(reproduced, "reproduce")
    path.write_bytes(before)
    assert done.returncode != 0
    assert "app.log is not the file that the study was run on" in done.stdout
    assert "Traceback" not in done.stdout
    assert "snakemake --cores" not in done.stdout


def test_the_bundle_says_what_it_holds(reproduced: Path) -> None:
    facts = json.loads((reproduced / "bundle/bundle.json").read_text())
    assert [each["path"].removeprefix("bundle/inputs/mine/") for each in facts["inputs"]] == [
        "labels/kinds.csv",
        "labels/labels.csv",
        "log/app.log",
        "log/old/app.1.log",
    ]
    assert "make reproduce" in (reproduced / "REPRODUCE.md").read_text()


def test_an_address_on_this_machine_and_paths_upwards_are_reproduced(tmp_path: Path) -> None:
    """With the files packed, and with files that were left out and put in their places."""
    project, own = origin(tmp_path / "project"), tmp_path / "home of ann"
    (own / "logs").mkdir(parents=True)
    simulate(own / "all.log", own / "labels.csv", own / "kinds.csv", sessions=400, anomaly_share=0.04, seed=3)
    data = (own / "all.log").read_bytes()
    archive = own / "log 1.gz"
    archive.write_bytes(gzip.compress(data))
    half = data.index(b"\n", len(data) // 2) + 1
    (own / "logs/a.log").write_bytes(data[:half])
    (project.root / "b.log").write_bytes(data[half:])
    shutil.copy(own / "labels.csv", project.root)
    labels = {"away": {"file": "labels.csv"}, "up": {"file": "../home of ann/labels.csv"}}
    away = {"url": archive.as_uri(), "sha256": hashlib.sha256(archive.read_bytes()).hexdigest()}
    up = {"file": ["../home of ann/logs/a.log", "b.log"]}
    study: dict[str, Any] = {
        "study": {
            "name": "mine",
            "datasets": ["away", "up"],
            "sample_sizes": [100],
            "models": ["count-vector", "new-event"],
            "protocols": ["labelled"],
        },
        "datasets": {
            name: {"format": "hdfs", "source": source, "labels": labels[name]}
            for name, source in (("away", away), ("up", up))
        },
        "report": {"languages": ["en"]},
    }
    (project.root / "study.yaml").write_text(yaml.safe_dump(study))
    for inputs in ("yes", "no"):
        done = make(project.root, "bundle", "STUDY=study.yaml", f"INPUTS={inputs}")
        assert done.returncode == 0, done.stdout[-5000:]
        assert ("Packed" if inputs == "yes" else "Left out") + ": bundle/inputs/away/log/log 1.gz" in done.stdout
        assert "Fetched" not in done.stdout
        shutil.move(project.root / "results/bundles/mine.tar.gz", tmp_path / f"{inputs}.tar.gz")
    results = project.root / "results/studies/mine"
    shared = b"\n".join(path.read_bytes() for path in results.rglob("*") if path.is_file())
    assert not re.search(rb"of( |%20)ann", shared)
    # Study files of advice are made of what this job is given.
    planned = project.snakemake("--dry-run", "--forcerun", "judge_study", "--printshellcmds", study=study).stdout
    assert not re.search("of( |%20)ann", next(line for line in planned.splitlines() if "judge_study.py" in line))
    kept = {
        "away/log/log 1.gz": archive.read_bytes(),
        "away/labels/labels.csv": (own / "labels.csv").read_bytes(),
        "up/labels/labels.csv": (own / "labels.csv").read_bytes(),
        "up/log/home of ann/logs/a.log": data[:half],
        "up/log/project/b.log": data[half:],
    }
    shutil.rmtree(own)
    shutil.rmtree(project.root)
    for inputs in ("yes", "no"):
        with tarfile.open(tmp_path / f"{inputs}.tar.gz") as packed:
            packed.extractall(tmp_path / inputs, filter="data")
        root = tmp_path / inputs / "logassay-mine"
        for name in ("bundle/study.yaml", "REPRODUCE.md", "bundle/expected/ro-crate-metadata.json"):
            assert str(tmp_path) not in (root / name).read_text()
        place = root / "bundle/inputs"
        if inputs == "no":
            done = make(root, "reproduce")
            assert done.returncode != 0
            assert "labels.csv is missing; it was not packed, so put the file there that has" in done.stdout
            for name, content in kept.items():
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                (place / name).write_bytes(content)
        found = [path for path in place.rglob("*") if path.is_file()]
        assert {path.relative_to(place).as_posix(): path.read_bytes() for path in found} == kept
    # The other one has the same files now.
    done = make(root, "reproduce")
    assert done.returncode == 0, done.stdout[-5000:]
    assert "REPRODUCED" in done.stdout

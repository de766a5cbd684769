"""A full disk, too little memory, a folder that cannot be written, a clock that is set back, two runs in one folder.

Each is told in a sentence, and when it is over, the next run ends with the results of an undisturbed one.
"""

import os
import resource
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.interruptions.killing import Run
from tests.interruptions.studies import elsewhere
from tests.results_folder import digests
from tests.workflow.project import Project, merged

SPLIT = "grouping=session/split=chronological/seed=1"
FETCHED = f"results/runs/dataset=hdfs_v1/{SPLIT}/train.parquet"
READY = f"results/runs/dataset=ready/{SPLIT}/train.parquet"
YEAR = 365 * 86400


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return elsewhere(tmp_path_factory.mktemp("input"))


@pytest.fixture(scope="module")
def wanted(study: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The digests of an undisturbed run."""
    project = Project(tmp_path_factory.mktemp("undisturbed") / "project")
    done = project.snakemake("--nocolor", FETCHED, READY, study=study)
    assert done.returncode == 0, done.stdout[-5000:]
    return digests(project.root / "results")


@pytest.fixture
def ends(project: Project, study: dict[str, Any], wanted: dict[str, str]) -> Callable[..., None]:
    """Function that ends a study, and finds the results right and nothing left to be done."""

    def check(dataset: str = "hdfs_v1", target: str = FETCHED) -> None:
        done = project.snakemake("--rerun-incomplete", target, study=study)
        assert done.returncode == 0, done.stdout[-5000:]
        right = {name: each for name, each in wanted.items() if name.startswith(f"runs/dataset={dataset}/")}
        assert len(right) > 5
        assert digests(project.root / "results") == right
        assert "Nothing to be done" in project.snakemake("--dry-run", target, study=study).stdout

    return check


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[None]:
    """Mount something on a folder, if one may."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"only root may mount: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def refused(project: Project, study: dict[str, Any], *targets: str) -> str:
    """Run a study that must fail, in words; return them."""
    done = project.snakemake("--nocolor", "--rerun-incomplete", *targets, study=study)
    assert done.returncode != 0
    assert "Traceback" not in done.stdout, done.stdout
    return done.stdout


def test_a_full_disk(project: Project, study: dict[str, Any], ends: Callable[..., None]) -> None:
    results = project.root / "results"
    with mounted(results, "-t", "tmpfs", "-o", "size=112k", "tmpfs"):
        said = refused(project, study, FETCHED)
        assert "cannot be written, as no space is left on the disk; make room there and run Snakemake again." in said
        assert not [path for path in results.rglob("*.part")]
        subprocess.run(["mount", "-o", "remount,size=64m", str(results)], check=True)
        ends()


def test_a_folder_that_cannot_be_written(project: Project, study: dict[str, Any], ends: Callable[..., None]) -> None:
    results = project.root / "results"
    with mounted(results, "--bind", str(results)):
        subprocess.run(["mount", "-o", "remount,bind,ro", str(results)], check=True)
        said = refused(project, study, FETCHED)
        assert "results cannot be written (Read-only file system); make it writable if a job is to run." in said
        assert project.snakemake("--dry-run", FETCHED, study=study).returncode == 0
    ends()


def test_too_little_memory(project: Project, study: dict[str, Any], ends: Callable[..., None]) -> None:
    """Whether the library that fails says so, or takes the process down with it."""
    run = Run(project, study, FETCHED)
    resource.prlimit(run.job("group_sequences"), resource.RLIMIT_AS, (200 << 20, 200 << 20))
    assert run.end() == 1
    error = run.said.read_text().split("\nerror: ")[1].splitlines()[0]
    assert "memory" in error
    assert "lower compute.memory_mb (for reading logs, grouping and encoding)" in error
    ends()


def test_a_clock_that_was_set_back(project: Project, study: dict[str, Any], ends: Callable[..., None]) -> None:
    """All that was made before it is from the future then: while a run is at work, and before one starts."""
    results = project.root / "results"
    run = Run(project, study, FETCHED)
    run.job("parse_log")
    in_a_year(results)
    assert run.end() == 1
    assert "raw.log is from the future: the clock was set back" in run.said.read_text().split("\nerror: ")[1]
    done = project.snakemake("--rerun-incomplete", str(Path(FETCHED).parents[2] / "sequences.parquet"), study=study)
    assert done.returncode == 0, done.stdout[-5000:]
    assert "The clock was set back: " in done.stdout
    in_a_year(results)
    ends()


def test_a_file_of_the_users_from_the_future(
    project: Project, study: dict[str, Any], ends: Callable[..., None]
) -> None:
    file = Path(study["datasets"]["ready"]["source"]["sessions"][0]["file"])
    in_a_year(file.parent)
    said = refused(project, study, READY)
    assert "sessions.csv is from the future: the clock was set back, or never right where it was made." in said
    for path in file.parent.iterdir():
        path.touch()
    ends("ready", READY)


def in_a_year(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            os.utime(path, (path.stat().st_mtime + YEAR,) * 2)


def test_a_job_is_killed_and_its_run_goes_on(project: Project, study: dict[str, Any], wanted: dict[str, str]) -> None:
    """What it was writing is gone with the run, not only with the next one."""
    run = Run(project, study, "--retries", "1", FETCHED, READY)
    job = run.job("parse_log")
    os.kill(job, signal.SIGSTOP)
    half = project.root / "results/runs/dataset=hdfs_v1" / f".lines.parquet.{job}-a.part"
    half.write_text("half")
    os.kill(job, signal.SIGKILL)
    assert run.end() == 0, run.said.read_text()[-5000:]
    assert not half.exists()
    assert digests(project.root / "results") == wanted


def test_two_runs_in_one_folder(project: Project, study: dict[str, Any], wanted: dict[str, str]) -> None:
    """One that wants the same is refused; one that wants something else runs beside it."""
    first = Run(project, study, FETCHED)
    job = first.job("download_log")
    os.kill(job, signal.SIGSTOP)  # for as long as the others take
    third = Run(project, merged(study, {"study": {"name": "other"}}), READY)
    assert third.end() == 0, third.said.read_text()[-5000:]
    # The end of that one leaves the lock of the first.
    second = Run(project, merged(study, {"study": {"name": "same"}}), FETCHED)
    assert second.end() == 1
    os.kill(job, signal.SIGCONT)
    said = second.said.read_text()
    assert "Another Snakemake, or a job of one that was killed, is at work in this folder" in said
    assert "Directory cannot be locked" in said
    assert first.end() == 0, first.said.read_text()[-5000:]
    assert digests(project.root / "results") == wanted


def test_plans_and_lists_change_nothing(project: Project, study: dict[str, Any]) -> None:
    """Nor do they say that they did."""
    results, locks = project.root / "results", project.root / ".snakemake" / "locks"
    for path in (results / "studies" / ".table.md.1-a.part", results / "old.json", locks / "0.output.lock"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{READY}\n")
    in_a_year(results)

    def state() -> dict[Path, tuple[int, bytes]]:
        files = [path for folder in (results, locks) for path in folder.rglob("*") if path.is_file()]
        return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files if "cache" not in path.parts}

    before = state()
    assert len(before) == 3
    for options in (["--dry-run", READY], ["--summary"], ["--list-rules"]):
        done = project.snakemake("--nocolor", *options, study=study)
        assert done.returncode == 0, done.stdout[-5000:]
        assert "has been removed" not in done.stdout
        assert state() == before
    assert not (results / "cache" / "running").exists()
    done = project.snakemake("--nocolor", f"{Path(READY).parent}/split.parquet", study=study)
    assert "The last run was killed; its lock has been removed." in done.stdout
    assert not before.keys() & state().keys() - {results / "old.json"}

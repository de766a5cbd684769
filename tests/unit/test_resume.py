"""What a killed run leaves is cleared away by the next one, and never by one that is not alone."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from logassay import resume
from logassay.errors import limit_of_machine

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(resume.RUN, "")


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """What a killed run left: a lock, half a file, half a folder, and a result."""
    folder = tmp_path / "results"
    (folder / "runs" / ".pieces.1-a.part").mkdir(parents=True)
    (folder / "runs" / ".pieces.1-a.part" / "0.arrow").write_text("x")
    (folder / "runs" / ".lines.parquet.12-ab.part").write_text("half")
    (folder / "runs" / ".raw.log.partial").write_text("goes on")
    (folder / "runs" / "lines.part").write_text("a name of the user's")
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / "0.input.lock").write_text("a")
    return folder


def rest(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_next_run_clears_away_what_a_killed_one_left(results: Path) -> None:
    note, said = resume.begin(results, results.parent / "locks", main=True)
    assert said == [
        "The last run was killed; its lock has been removed.",
        "Unfinished files of jobs that were killed have been removed: 2.",
    ]
    assert rest(results.parent) == {"results/runs/.raw.log.partial", "results/runs/lines.part", "results/cache/running"}
    assert note is not None
    note.close()
    _, said = resume.begin(results, results.parent / "locks", main=True)
    assert said == []


@pytest.mark.parametrize("main", [True, False])
def test_a_run_that_is_not_alone_clears_nothing(results: Path, main: bool) -> None:
    first, _ = resume.begin(results, results / "none", main=False)
    before = rest(results.parent)
    second, said = resume.begin(results, results.parent / "locks", main=main)
    assert first is not None
    assert second is not None
    assert rest(results.parent) == before
    assert [sentence.split(" in ")[0] for sentence in said] == ["Another Snakemake is at work"] * main


def test_the_note_of_a_killed_process_is_forgotten(results: Path) -> None:
    program = "import sys, time; from pathlib import Path; from logassay import resume\n"
    program += "kept = resume.begin(Path(sys.argv[1]), Path('none'), main=False); print(flush=True); time.sleep(60)"
    environment = {"PYTHONPATH": str(ROOT / "scripts")}
    with subprocess.Popen(
        [sys.executable, "-c", program, str(results)], env=environment, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert resume.begin(results, results.parent / "locks", main=True)[1][0].startswith("Another")
        process.kill()
    assert resume.begin(results, results.parent / "locks", main=True)[1][0].startswith("The last run was killed")


def test_results_from_the_future_keep_their_order_and_come_before_all_others(tmp_path: Path) -> None:
    now = time.time()
    times = {"a": now + 5000.0, "b": now + 9000.0, "c": now - 100.0, "d": now + 30.0}
    paths = {name: tmp_path / name for name in times}
    for name, path in paths.items():
        path.write_text(name)
        os.utime(path, (times[name], times[name]))
    assert resume.make_past({paths[name]: when for name, when in times.items()}, now) == 2
    found = {name: path.stat().st_mtime - now for name, path in paths.items()}
    assert found == pytest.approx({"a": -4101, "b": -101, "c": -100, "d": 30}, abs=1e-3)


def test_where_all_results_are_from_the_future_the_latest_is_of_now(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("a")
    assert resume.make_past({path: 5e9}, 1e9) == 1
    assert path.stat().st_mtime == 1e9 - 1


def test_a_job_ends_with_the_run_that_started_it(tmp_path: Path) -> None:
    """As it does if that is gone already; and one that nobody started goes on."""
    program = "import time; from logassay import resume; resume.end_with_run(); print(flush=True); time.sleep({})"
    run = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    environment = {"PYTHONPATH": str(ROOT / "scripts"), resume.RUN: f"{run.pid}:{resume._room()}"}
    command = [sys.executable, "-c", program.format(60)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as job:
        assert job.stdout is not None
        job.stdout.readline()
        run.kill()
        assert job.wait(10) == resume.GONE
    run.wait()
    assert subprocess.run(command, env=environment, timeout=10, check=False).returncode == resume.GONE
    command = [sys.executable, "-c", program.format(0)]
    for other in ({}, {resume.RUN: f"{run.pid}:elsewhere"}):
        assert subprocess.run(command, env={**environment, resume.RUN: ""} | other, check=False).returncode == 0


def with_note(error: Exception, note: str) -> Exception:
    error.add_note(note)
    return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (with_note(OSError(28, "No space left on device"), "a.png"), "a.png cannot be written, as no space is left on"),
        (with_note(RuntimeError("IO: No space (os error 28)"), "a"), "a cannot be written, as no space is left on the"),
        (OSError(30, "Read-only file system", "b"), "b cannot be written (Read-only file system); make its folder"),
        (with_note(PermissionError(13, "denied"), "c"), "c cannot be written (Permission denied); make its folder"),
        (MemoryError(), "There was not enough memory (none was left); lower compute.memory_mb"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 4 GB"), "There was not enough memory (DefaultCPU"),
    ],
)
def test_the_limits_of_the_machine_are_told_in_words(error: Exception, said: str) -> None:
    assert (limit_of_machine(error) or "").startswith(said)


@pytest.mark.parametrize("error", [ValueError("x"), PermissionError(13, "denied", "input"), FileNotFoundError(2, "x")])
def test_other_errors_are_faults(error: Exception) -> None:
    assert limit_of_machine(error) is None

"""What a killed run leaves is cleared away by the next one, and never by one that is not alone."""

import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bundle_study
from logassay import bundle, resume
from logassay.errors import UserError, limit_of_machine

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
    assert len(said) == main
    assert all("is at work in this folder" in sentence and "`snakemake --unlock`" in sentence for sentence in said)


def test_who_only_looks_is_waited_for(results: Path) -> None:
    running = results / "cache" / "running"
    running.parent.mkdir()
    with running.open("a+b") as looking:
        fcntl.flock(looking, fcntl.LOCK_EX)
        threading.Timer(0.2, looking.close).start()
        _, said = resume.begin(results, results.parent / "locks", main=True)
    assert said[0] == "The last run was killed; its lock has been removed."


def test_all_who_may_write_in_a_folder_may_write_the_note(results: Path) -> None:
    (results / "cache").mkdir()
    (results / "cache").chmod(0o2775)
    mask = os.umask(0o077)
    resume.begin(results, results.parent / "locks", main=True)
    os.umask(mask)
    assert (results / "cache" / "running").stat().st_mode & 0o777 == 0o664


def test_a_colleagues_note_holds_too(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may not write it, and is at work in folders that all may write in."""
    resume.begin(results, results.parent / "none", main=False)
    opened = Path.open

    def theirs(path: Path, mode: str = "r", *rest: Any, **options: Any) -> Any:
        if path.name == "running" and mode != "rb":
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, mode, *rest, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", theirs)
        note, said = resume.begin(results, results.parent / "locks", main=True)
    assert note is not None
    assert said[0] == "The last run was killed; its lock has been removed."
    assert "is at work in this folder" in resume.begin(results, results.parent / "locks", main=True)[1][0]
    resume.end(note, results, chunks=True)
    assert resume.begin(results, results.parent / "locks", main=True)[1] == []


def test_a_clock_that_was_set_back_by_seconds(results: Path) -> None:
    path = results / "runs" / "late.json"
    path.write_text("")
    os.utime(path, (time.time() + 5,) * 2)
    _, said = resume.begin(results, results.parent / "locks", main=True)
    assert said[-1] == "The clock was set back: 1 results had times in the future; they have older ones now."
    assert path.stat().st_mtime < (results / "runs" / "lines.part").stat().st_mtime


@pytest.mark.parametrize("chunks", [True, False])
@pytest.mark.parametrize("alone", [True, False])
def test_the_end_of_a_run(results: Path, alone: bool, chunks: bool) -> None:
    """What its killed jobs left goes, and chunks that have been read; not beside another run."""
    note, _ = resume.begin(results, results.parent / "locks", main=True)
    half = results / "runs" / ".half.json.9-a.part"
    half.write_text("half")
    dataset = results / "runs" / "dataset=d"
    (dataset / "chunks").mkdir(parents=True)
    times = {"chunks/1-of-2.arrow": 50, "parse_report.json": 60, "chunks/2-of-2.arrow": 70}
    for name, seconds in times.items():
        (dataset / name).write_text("")
        os.utime(dataset / name, (seconds, seconds))
    other = None if alone else resume.begin(results, results.parent / "locks", main=False)[0]
    assert note is not None
    resume.end(note, results, chunks=chunks)
    assert note.closed
    assert half.exists() != alone
    gone = {"chunks/1-of-2.arrow"} if alone and chunks else set()
    assert {name for name in times if not (dataset / name).exists()} == gone
    assert other is None or not other.closed


def run_of(monkeypatch: pytest.MonkeyPatch, host: str, boot: str) -> None:
    monkeypatch.setattr(resume, "_here", lambda: (host, boot))


def test_what_another_machine_may_be_at_work_on_is_left_alone(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file system does not tell machines of each other's notes; each note here is closed at once."""
    locks = results.parent / "locks"
    run_of(monkeypatch, "login1", "a")
    resume.begin(results, results / "none", main=False)
    run_of(monkeypatch, "node7", "b")
    resume.begin(results, results / "none", main=False)
    before = rest(results.parent)
    run_of(monkeypatch, "login1", "a")
    for _ in range(2):
        (said,) = resume.begin(results, locks, main=True)[1]
        assert said.startswith("This folder was last used on node7, so nothing is cleared away; if no Snakemake")
        assert "`snakemake --unlock`" in said
        assert rest(results.parent) == before
    # What `snakemake --unlock` does.
    (locks / "0.input.lock").unlink()
    assert resume.begin(results, locks, main=True)[1] == [
        "Unfinished files of jobs that were killed have been removed: 2."
    ]
    assert (results / "cache" / "running").read_text() == "login1 a\n"


@pytest.mark.parametrize(("host", "boot"), [("login1", "after a power cut"), ("a container", "a"), ("login1", "")])
def test_what_ran_on_this_machine_is_known_to_be_gone(
    results: Path, monkeypatch: pytest.MonkeyPatch, host: str, boot: str
) -> None:
    run_of(monkeypatch, "login1", "a")
    resume.begin(results, results / "none", main=False)
    run_of(monkeypatch, host, boot)
    said = resume.begin(results, results.parent / "locks", main=True)[1]
    assert said[0] == "The last run was killed; its lock has been removed."


def test_machines_that_cannot_be_told_apart_by_their_start_are_by_their_names(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_of(monkeypatch, "one", "")
    resume.begin(results, results / "none", main=False)
    run_of(monkeypatch, "other", "")
    assert resume.begin(results, results.parent / "locks", main=True)[1][0].startswith(
        "This folder was last used on one"
    )


def test_what_cannot_be_cleared_away_is_told_and_the_note_is_kept(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of the system's, a colleague's files, a file that goes meanwhile, and links in place of folders."""
    (results / "lost+found").mkdir()
    (results / "runs" / "gone").write_text("")
    (results / "runs" / "theirs").write_text("")
    os.utime(results / "runs" / "theirs", (5e9, 5e9))
    (results / "runs" / ".theirs.part").write_text("")
    (results / "kept").mkdir()
    (results / "kept" / "file").write_text("")
    (results / "runs" / ".link.part").symlink_to(results / "kept", target_is_directory=True)
    (results / "runs" / "loop").symlink_to(results, target_is_directory=True)

    def refusing(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any, *rest: Any, **options: Any) -> Any:
            name = "" if isinstance(path, int) else Path(path).name
            if "theirs" in name or name == "lost+found":
                raise PermissionError(1, "Operation not permitted", "a name of the system's")
            if name == "gone":
                raise FileNotFoundError(2, "No such file or directory", name)
            return function(path, *rest, **options)

        return call

    for name in ("scandir", "unlink", "utime"):
        monkeypatch.setattr(os, name, refusing(getattr(os, name)))
    note, said = resume.begin(results, results.parent / "locks", main=True)
    assert note is not None
    assert said[:2] == [
        "The last run was killed; its lock has been removed.",
        "Unfinished files of jobs that were killed have been removed: 3.",
    ]
    assert len(said) == 3
    assert said[2].startswith("Left as it is, since it cannot be read or cleared away: ")
    assert said[2].endswith(" (Operation not permitted), and 2 more; its owner can delete it.")
    assert (results / "kept" / "file").exists()
    # Nobody else is alone now.
    assert "is at work in this folder" in resume.begin(results, results.parent / "locks", main=True)[1][0]


def test_the_note_of_a_killed_process_is_forgotten(results: Path) -> None:
    program = "import sys, time; from pathlib import Path; from logassay import resume\n"
    program += "kept = resume.begin(Path(sys.argv[1]), Path('none'), main=False); print(flush=True); time.sleep(60)"
    environment = {"PYTHONPATH": str(ROOT / "scripts")}
    with subprocess.Popen(
        [sys.executable, "-c", program, str(results)], env=environment, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert resume.begin(results, results.parent / "locks", main=True)[1][0].startswith(
            "Another Snakemake, or a job of one"
        )
        process.kill()
    assert resume.begin(results, results.parent / "locks", main=True)[1][0].startswith("The last run was killed")


def test_results_from_the_future_keep_their_order_and_come_before_all_others(tmp_path: Path) -> None:
    now = time.time()
    times = {"a": now + 5000.0, "b": now + 9000.0, "c": now - 100.0, "d": now}
    paths = {name: tmp_path / name for name in times}
    for name, path in paths.items():
        path.write_text(name)
        os.utime(path, (times[name], times[name]))
    assert resume.make_past({paths[name]: when for name, when in times.items()}, now, []) == 2
    found = {name: path.stat().st_mtime - now for name, path in paths.items()}
    assert found == pytest.approx({"a": -4101, "b": -101, "c": -100, "d": 0}, abs=1e-3)


def test_where_all_results_are_from_the_future_the_latest_is_of_now(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("a")
    assert resume.make_past({path: 5e9}, 1e9, []) == 1
    assert path.stat().st_mtime == 1e9 - 1


def test_a_job_ends_with_the_run_that_started_it(tmp_path: Path) -> None:
    """As it does if that is gone already; and one that nobody started goes on."""
    program = "import time; from logassay import resume; resume.end_with_run(); print(flush=True); time.sleep({})"
    run = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    environment = {"PYTHONPATH": str(ROOT / "scripts"), resume.RUN: f"{run.pid}:{resume._room()}"}
    command = [sys.executable, "-c", program.format(60)]
    said = "error: this job ends, for the Snakemake that started it is gone; run Snakemake again.\n"
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as job:
        assert job.stdout is not None
        job.stdout.readline()
        run.kill()
        assert job.communicate(timeout=10) == ("", said)
        assert job.returncode == resume.GONE
    run.wait()
    late = subprocess.run(command, env=environment, timeout=10, check=False, stderr=subprocess.PIPE, text=True)
    assert (late.returncode, late.stderr) == (resume.GONE, said)
    command = [sys.executable, "-c", program.format(0)]
    for other in ({}, {resume.RUN: f"{run.pid}:elsewhere"}):
        assert subprocess.run(command, env={**environment, resume.RUN: ""} | other, check=False).returncode == 0


def test_a_run_that_starts_while_a_bundle_is_packed_leaves_it_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pack(*_: Any, **__: Any) -> dict[str, Any]:
        half = Path("results", "bundles", ".x.part")
        half.parent.mkdir()
        half.write_text("half")
        assert "is at work" in resume.begin(Path("results"), Path("locks"), main=True)[1][0]
        assert half.read_text() == "half"
        raise UserError("packed")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bundle_study, "ROOT", ROOT)
    monkeypatch.setattr(bundle, "pack_study", pack)
    with pytest.raises(UserError, match="packed"):
        bundle_study.run(bundle_study.arguments().parse_args([]))


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

"""What is said last of a run that failed."""

import os
from pathlib import Path

from logassay.errors import LESS_MEMORY
from logassay.last_words import last_words

START = 1_000_000.0
"""When the run began."""


def written(path: Path, text: str, seconds: float) -> str:
    """Write a log so many seconds after the start; return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (START + seconds,) * 2)
    return str(path)


def error(*logs: str) -> str:
    """What Snakemake says of a job that failed."""
    return f"Error in rule x:\n    log: {', '.join(logs)} (check log file(s) for error details)\n"


def wordless(path: str) -> str:
    return f"The job of {path} was ended without a word; if that was for want of memory, {LESS_MEMORY}."


def test_the_last_error_of_each_log_of_this_run(tmp_path: Path) -> None:
    one = written(tmp_path / "a/one.log", "10:00 ERROR first\n10:01 INFO more\n10:02 ERROR second\n", 5)
    written(tmp_path / "a/before.log", "10:00 ERROR of another run\n", -5)
    written(tmp_path / "b/two.log", "10:00 ERROR second\n", 6)
    written(tmp_path / "b/three.log", "10:00 ERROR terminal \x1b[31m\n", 6)
    assert last_words(error(one), tmp_path, START) == ["second", "terminal \\x1b[31m"]


def test_a_job_that_said_nothing_is_named(tmp_path: Path) -> None:
    silent = written(tmp_path / "a/silent.log", "10:00 INFO reads\n", 5)
    written(tmp_path / "a/fine.log", "10:00 INFO reads\n", 6)
    assert last_words(error(silent), tmp_path, START) == [wordless(silent)]
    # One that wrote nothing new at all is known by what Snakemake says.
    old = written(tmp_path / "b/old.log", "", -5)
    assert last_words(error(old), tmp_path, START) == [wordless(old)]


def test_on_a_cluster_its_own_log_stands_behind(tmp_path: Path) -> None:
    job = written(tmp_path / "a/job.log", "10:00 INFO reads\n", 5)
    own = written(tmp_path / "slurm/rule_x/7.log", "10:00 ERROR of an attempt that was made good\n", 6)
    assert last_words(error(job, own), tmp_path, START) == [wordless(job)]


def test_of_a_chain_of_epochs_the_last_one_that_began_is_named(tmp_path: Path) -> None:
    epochs = [written(tmp_path / f"model=m/train_epoch_{epoch}.log", "", 10 * epoch) for epoch in (1, 2)]
    never = str(tmp_path / "model=m/train_epoch_3.log")
    own = written(tmp_path / "slurm/group_epochs/7.log", "", 30)
    other = written(tmp_path / "model=n/train_epoch_1.log", "", 5)
    told = "".join(error(path, own) for path in (*epochs, never)) + error(other)
    assert last_words(told, tmp_path, START) == [wordless(epochs[1]), wordless(other)]


def test_a_job_that_was_not_submitted_did_not_end(tmp_path: Path) -> None:
    old = written(tmp_path / "a/old.log", "", -5)
    told = f"Exception in run_job for rule x: The --a option: not allowed.\n{error(old)}" * 3
    assert last_words(told, tmp_path, START) == ["A job could not be submitted. The --a option: not allowed."]


def test_a_file_from_the_future_is_named(tmp_path: Path) -> None:
    told = "Output results/a.json has older modification time (1.0) than input my log (2).csv (99.5)."
    (said,) = last_words(told, tmp_path, START)
    assert said.startswith("my log (2).csv is from the future: the clock was set back")

"""What users get wrong: one clear sentence, and an exit code that is not 0."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from logassay.simulate import simulate
from tests.workflow.project import STUDY, Project, merged


def sentence(project: Project, changes: dict[str, Any], *options: str) -> str:
    """Run a study that must fail; return what it printed, which must not be a traceback."""
    done = project.snakemake(*options, study=merged(STUDY, changes))
    assert done.returncode != 0
    assert "Traceback" not in done.stdout, done.stdout
    return done.stdout


def own(source: str, log_format: str = "hdfs") -> dict[str, Any]:
    dataset = {"format": log_format, "source": {"file": source}}
    study = {"datasets": ["own"], "models": ["new-event"], "protocols": ["pseudo"]}
    return {"study": study, "datasets": {"own": dataset}}


def write_log(folder: Path) -> Path:
    log = folder / "own.log"
    simulate(log, folder / "labels.csv", folder / "kinds.csv", sessions=300, anomaly_share=0.04, seed=3)
    return log


def test_an_unknown_key_is_named(project: Project) -> None:
    said = sentence(project, {"study": {"epohcs": 4}})
    assert "Unknown key 'study.epohcs' in the configuration; did you mean 'epochs'?" in said


def test_a_missing_log_is_named(project: Project) -> None:
    assert "datasets.own.source.file: there is no file 'no/such.log'; correct the path." in sentence(
        project, own("no/such.log")
    )


def test_a_folder_is_no_log(project: Project) -> None:
    (project.root / "logs").mkdir()
    said = sentence(project, own("logs/"), "--dry-run")
    assert "datasets.own.source.file: 'logs/' is a folder; write logs/* for its files." in said


def test_a_zone_that_is_not_known_is_told_before_any_job_runs(project: Project) -> None:
    write_log(project.root)
    changes = merged(own("own.log"), {"formats": {"hdfs": {"timestamp": {"zone": "Asia/Soul"}}}})
    said = sentence(project, changes, "--dry-run")
    assert "formats.hdfs.timestamp.zone is 'Asia/Soul', which is no known zone; give a name such as Asia/Seoul" in said


def test_nothing_in_a_sentence_steers_the_terminal(project: Project) -> None:
    name = "own\x1b[31m\x9b2J.log"
    assert r"there is no file 'own\x1b[31m\x9b2J.log'" in sentence(project, own(name))
    # From the log of a job.
    (project.root / "own.log").write_text("\x1b[31m\x9b2J\u2028not in this format\n")
    said = sentence(project, own("own.log"))
    assert r"error: own.log is not in the format 'hdfs': line 1 is '\x1b[31m\x9b2J\u2028not in this format'" in said
    assert "\x1b" not in said
    assert "\x9b" not in said


def test_a_log_in_another_format_is_named(project: Project) -> None:
    write_log(project.root)
    said = sentence(project, own("own.log", "bgl"))
    assert "own.log is not in the format 'bgl'" in said


def test_a_sample_larger_than_the_data_names_both_numbers(project: Project) -> None:
    said = sentence(project, {"study": {"sample_sizes": [5000], "models": ["new-event"], "protocols": ["labelled"]}})
    assert "holds 300 sequences but 5000 were asked for" in said


def test_an_evaluation_larger_than_the_data_names_both_numbers(project: Project) -> None:
    said = sentence(project, {"study": {"eval_sample_size": 4000, "models": ["new-event"], "protocols": ["labelled"]}})
    assert "4000" in said
    assert "179" in said


def test_a_truncated_archive_is_named(project: Project) -> None:
    log = write_log(project.root)
    packed = gzip.compress(log.read_bytes())
    (project.root / "own.log.gz").write_bytes(packed[: len(packed) // 2])
    said = sentence(project, own("own.log.gz"))
    assert "own.log.gz" in said
    assert "truncated" in said


@pytest.mark.parametrize("damage", ["flipped", "pickle"])
def test_a_damaged_checkpoint_is_named_and_never_run(built_project: Project, damage: str) -> None:
    project = built_project
    checkpoint = next(project.root.glob("results/runs/**/model=deeplog/checkpoints/epoch_2.pt"))
    if damage == "flipped":
        content = bytearray(checkpoint.read_bytes())
        content[len(content) // 2] ^= 1
        checkpoint.write_bytes(content)
    else:
        # The opcodes of a pickle that would create a file called "owned" when loaded.
        checkpoint.write_bytes(b"cbuiltins\nopen\n(Vowned\nVw\ntR.")
    said = sentence(project, {"study": {"models": ["deeplog"], "epochs": 3, "protocols": ["labelled"]}})
    assert "epoch_2.pt" in said
    assert ("is damaged" if damage == "flipped" else "is not a LogAssay checkpoint") in said
    assert not (project.root / "owned").exists()

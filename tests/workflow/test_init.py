"""From a log that nothing is known about to reports: the study that describe_log.py writes runs as it is."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from tests.logs import lines
from tests.workflow.project import Project


def init(project: Project, log: str, *options: str) -> Path:
    """Write a study of a log, and return its path."""
    command = [sys.executable, "scripts/describe_log.py", "--input", log, *options]
    done = subprocess.run(command, cwd=project.root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    path = next(line.split()[1] for line in done.stdout.splitlines() if line.startswith("written:"))
    assert f"make report STUDY={path}" in done.stdout
    return Path(path)


def built(project: Project, study: Path, *options: str) -> pl.DataFrame:
    """Run a study to its reports; return its table."""
    done = project.snakemake("--configfile", str(study), *options)
    assert done.returncode == 0, done.stdout[-5000:]
    name = yaml.safe_load((project.root / study).read_text())["study"]["name"]
    folder = project.root / "results/studies" / name
    for language in ("en", "ko"):
        assert (folder / f"report/comparison_report.{language}.html").stat().st_size > 10_000
    return pl.read_parquet(folder / "comparison.parquet")


def facts(project: Project, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(next(project.root.glob(f"results/runs/**/{name}")).read_text())
    return found


def test_a_log_without_sessions_and_labels(project: Project) -> None:
    (project.root / "app.txt").write_text("\n".join(lines("plain", 300)) + "\n")
    study = init(project, "app.txt", "--name", "plain-lines")
    table = built(project, study, "--config", 'study={"epochs": 2}')
    assert table["protocol"].unique().to_list() == ["pseudo"]
    assert set(table["model"]) == set(yaml.safe_load((project.root / study).read_text())["study"]["models"])
    parsed = facts(project, "parse_report.json")
    assert (parsed["lines"], parsed["parsed"]) == (300, 300)
    report = (project.root / "results/studies/plain-lines/report/comparison_report.en.md").read_text()
    assert "labelled" not in report
    # No table without a row: its last line would be the one that divides head and body.
    assert not [
        block
        for block in report.split("\n\n")
        if block.strip().endswith("|") and set(block.splitlines()[-1]) <= set("|:- ")
    ]


def test_sessions_of_json_lines_of_its_own(project: Project) -> None:
    text = lines("fields-of-its-own", 900)
    # A line that is cut off, and one that is no JSON.
    text[400:400] = [text[0][:60], "panic: disk is full"]
    (project.root / "app.txt").write_text("\n".join(text) + "\n")
    study = init(project, "app.txt", "--name", "json-sessions")
    table = built(project, study, "--config", 'study={"epochs": 1, "models": ["deeplog-batch64", "new-event"]}')
    assert table.height == 2
    parsed = facts(project, "parse_report.json")
    assert (parsed["lines"], parsed["parsed"], parsed["joined"]) == (902, 900, 2)
    grouped = facts(project, "sequences.json")
    assert grouped["grouping"] == "session"
    assert grouped["sequences"] == len({json.loads(line)["trace_id"] for line in lines("fields-of-its-own", 900)})


@pytest.mark.parametrize("packed", ["tar", "gz"])
def test_a_packed_log_plans(project: Project, packed: str) -> None:
    import gzip
    import tarfile

    raw = project.root / "app.log"
    raw.write_text("\n".join(lines("access-log", 400)) + "\n")
    log = project.root / f"app.{packed}"
    if packed == "gz":
        log.write_bytes(gzip.compress(raw.read_bytes()))
    else:
        with tarfile.open(log, "w") as archive:
            archive.add(raw, "logs/app.log")
    study = init(project, log.name)
    done = project.snakemake("--configfile", str(study), "--dry-run", "--quiet")
    assert done.returncode == 0, done.stdout[-3000:]

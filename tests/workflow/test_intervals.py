"""A log whose labels are a list of incidents, from raw lines to the evaluation."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import polars as pl

from tests.workflow.project import Project

SECONDS = 6_000
NORMAL = (
    "accepted connection {} from 10.0.0.{}",
    "read {} bytes",
    "wrote {} bytes to /data/{}",
    "closed connection {}",
)
# Incidents in seconds from the start, in each part of the log; the last one comes after its end.
INCIDENTS = [(4_100, 4_160, "disk"), (5_200, 5_290, "disk"), (5_600, 5_640, "network"), (7_000, 7_100, "disk")]
WRONG = {"disk": "write failed: no space left on device {}", "network": "connection {} reset by peer"}


def write(folder: Path) -> None:
    """Write a log in the time of one zone and incidents in that of another."""
    start = datetime(2026, 1, 1, 9, tzinfo=timezone(timedelta(hours=9)))
    lines = []
    for second in range(SECONDS):
        wrong = next((kind for begin, end, kind in INCIDENTS if begin <= second <= end and second % 3 == 0), None)
        message = WRONG[wrong] if wrong else NORMAL[second % 4]
        time = (start + timedelta(seconds=second)).isoformat()
        lines.append(f"{time} host server[{second % 7}]: {message.format(second, second % 100)}\n")
    (folder / "own.log").write_text("".join(lines))
    rows = ["began,ended,what"]
    for begin, end, kind in INCIDENTS:
        times = [(start + timedelta(seconds=second)).astimezone(UTC) for second in (begin, end)]
        rows.append(f"{times[0]:%Y-%m-%d %H:%M:%S},{times[1].isoformat()},{kind}")
    (folder / "incidents.csv").write_text("\n".join(rows) + "\n")


def test_incidents_label_windows_and_give_their_kinds(project: Project) -> None:
    write(project.root)
    labels = {"intervals": "incidents.csv", "start": "began", "end": "ended", "kind": "what"}
    study = {
        "study": {
            "name": "own",
            "datasets": ["own"],
            "groupings": ["minute"],
            "sample_sizes": [40],
            "models": ["new-event"],
            "protocols": ["labelled"],
        },
        "groupings": {"minute": {"by": "time", "length": 60}},
        "datasets": {"own": {"format": "syslog-iso", "source": {"file": "own.log"}, "labels": labels}},
    }
    project.build(study)
    results = project.root / "results/runs/dataset=own"
    report = json.loads((results / "grouping=minute/sequences.json").read_text())
    assert (report["sequences"], report["lines"], report["lines_left_out"]) == (100, SECONDS, 0)
    assert (report["intervals"], report["intervals_without_line"]) == (4, 1)
    assert report["lines_in_intervals"] == sum(end - begin + 1 for begin, end, _ in INCIDENTS[:3])
    # Minutes 68 and 69; 86, 87 and 88; 93 and 94.
    assert (report["anomalous"], report["normal"], report["unlabelled"]) == (7, 93, 0)
    kinds = pl.read_parquet(results / "grouping=minute/sequences.parquet")["kind"]
    assert kinds.value_counts().sort("kind").rows() == [(None, 93), ("disk", 5), ("network", 2)]
    parsed = json.loads((results / "parse_report.json").read_text())
    assert parsed["first_time"] == "2026-01-01T00:00:00"
    assert parsed["time_note"] == "Times are UTC; the log gives each with its zone."

    # Those from minute 86 on are in the test part.
    evaluation = json.loads(next(results.rglob("evaluation_results_epoch_1.json")).read_text())
    assert (evaluation["counts"]["tp"], evaluation["counts"]["fn"]) == (5, 0)

    # One incident less: sequences are made anew, lines are not.
    incidents = project.root / "incidents.csv"
    incidents.write_text("\n".join(incidents.read_text().splitlines()[:-2]) + "\n")
    done = project.snakemake("--dry-run", study=study)
    assert "Grouping the lines of own" in done.stdout
    assert "Parsing the log of own" not in done.stdout

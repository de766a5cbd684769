"""The whole workflow on real logs, with nothing but a study file: from raw lines to the comparison table."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl

ROOT = Path(__file__).resolve().parents[2]
MODELS = ["deeplog", "logbert-small", "flag-all", "never-flag", "new-event", "isolation-forest"]


def run_study(folder: Path, study: dict[str, Any]) -> Path:
    """Run a study in an empty folder; return its folder of results."""
    (folder / "study.json").write_text(json.dumps(study))
    command = ["snakemake", "--cores", "2", "--snakefile", ROOT / "Snakefile", "--configfile", "study.json"]
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    return folder / "results"


def counts(table: pl.DataFrame, **factors: Any) -> dict[str, int]:
    """TP, FP, FN and TN of the one row with these factors."""
    row = table.filter(*(pl.col(name) == value for name, value in factors.items()))
    assert row.height == 1
    return dict(zip(("tp", "fp", "fn", "tn"), row.select("tp", "fp", "fn", "tn").row(0), strict=True))


def test_hdfs_from_raw_log_to_table(real_data: Path, tmp_path: Path) -> None:
    """20,000 raw lines: 1,782 blocks, of which 43 are anomalous."""
    source = real_data / "hdfs_20k"
    dataset = {
        "format": "hdfs",
        "source": {"file": str(source / "HDFS.log")},
        "labels": {"file": str(source / "anomaly_label.csv")},
    }
    study = {"name": "real", "datasets": ["hdfs-20k"], "sample_sizes": [800], "models": MODELS, "epochs": 2}
    pseudo = {"pseudo": {"sessions": 200}}
    results = run_study(tmp_path, {"study": study, "datasets": {"hdfs-20k": dataset}, "evaluation": pseudo})
    base = results / "runs/dataset=hdfs-20k"
    parsed = json.loads((base / "parse_report.json").read_text())
    assert parsed["lines"] == 20_000 == parsed["parsed"] + parsed["joined"] + parsed["rejected"]
    grouped = json.loads((base / "grouping=session/sequences.json").read_text())
    assert (grouped["sequences"], grouped["anomalous"], grouped["unlabelled"]) == (1782, 43, 0)
    assert grouped["lines_in_sequences"] == 20_000
    table = pl.read_parquet(results / "studies/real/comparison.parquet")
    # Two deep models with two epochs and four baselines, under two protocols.
    assert table.height == 2 * (2 * 2 + 4)
    anomalous = next(
        part["anomalous"]
        for part in json.loads((base / "grouping=session/split=chronological/seed=1/split.json").read_text())["parts"]
        if part["part"] == "test"
    )
    all_flagged = counts(table, model="flag-all", protocol="labelled")
    assert (all_flagged["tp"], all_flagged["fn"], all_flagged["tn"]) == (anomalous, 0, 0)
    none_flagged = counts(table, model="never-flag", protocol="labelled")
    assert (none_flagged["tp"], none_flagged["fp"], none_flagged["fn"]) == (0, 0, anomalous)
    assert "deeplog" in (results / "studies/real/comparison.md").read_text()


def test_bgl_in_windows_of_ten_lines(real_data: Path, tmp_path: Path) -> None:
    """2,000 raw lines, 143 of them alerts, cut into 200 windows."""
    log = real_data / "loghub_2k/BGL/BGL_2k.log"
    study = {
        "name": "real",
        "datasets": ["bgl-2k"],
        "groupings": ["lines-10"],
        "splits": ["shuffled"],
        "sample_sizes": [100],
        "models": MODELS,
        "epochs": 1,
        "protocols": ["labelled"],
    }
    dataset = {"format": "bgl", "source": {"file": str(log)}}
    results = run_study(tmp_path, {"study": study, "datasets": {"bgl-2k": dataset}})
    base = results / "runs/dataset=bgl-2k"
    lines = pl.read_parquet(base / "lines.parquet")
    assert (lines.height, lines["alert"].sum()) == (2000, 143)
    # The log's own first column, in tens.
    alerts = [not line.startswith("- ") for line in log.read_text().splitlines()]
    expected = sum(any(alerts[start : start + 10]) for start in range(0, 2000, 10))
    grouped = json.loads((base / "grouping=lines-10/sequences.json").read_text())
    assert (grouped["sequences"], grouped["anomalous"]) == (200, expected)
    assert pl.read_parquet(results / "studies/real/comparison.parquet").height == len(MODELS)

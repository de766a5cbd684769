"""Parsing of real logs against Loghub's own figures."""

import gzip
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import yaml
from drain3.drain import Drain

from logassay.line_format import LineFormat
from logassay.parse import ParseReport, parse

ROOT = Path(__file__).resolve().parents[2]
CONFIG = yaml.safe_load((ROOT / "config" / "formats.yaml").read_text())
FORMATS = {name: LineFormat.from_dict(name, values) for name, values in CONFIG["formats"].items()}


def run(
    log: Path, fmt: str, folder: Path, chunk_bytes: int = 1 << 20
) -> tuple[ParseReport, pl.DataFrame, pl.DataFrame]:
    lines, messages = folder / "lines.parquet", folder / "messages.parquet"
    report = parse(log, FORMATS[fmt], lines, messages, folder / "rejects.parquet", chunk_bytes=chunk_bytes)
    return report, pl.read_parquet(lines), pl.read_parquet(messages)


def truth(data: Path, name: str) -> pl.DataFrame:
    """Loghub's reading of its sample of 2,000 lines, one row per line."""
    return pl.read_csv(data / "loghub_2k" / name / f"{name}_2k.log_structured.csv", infer_schema=False)


def test_hdfs_20k(real_data: Path, tmp_path: Path) -> None:
    log = real_data / "hdfs_20k" / "HDFS.log"
    report, lines, messages = run(log, "hdfs", tmp_path)
    assert report.lines == 20_000 == report.parsed + report.joined + report.rejected
    assert (report.parsed, report.lines_without_key) == (20_000, 0)
    labels = pl.read_csv(real_data / "hdfs_20k" / "anomaly_label.csv")
    keys = lines["keys"].explode()
    assert keys.n_unique() == 1_782
    assert set(keys) == set(labels["BlockId"])
    assert messages["lines"].sum() == 20_000
    assert messages.height < 100

    (tmp_path / "log.gz").write_bytes(gzip.compress(log.read_bytes(), 1))
    again = run(tmp_path / "log.gz", "hdfs", tmp_path, chunk_bytes=10_000)
    assert again[0] == replace(report, files=again[0].files)
    assert again[1].equals(lines)
    assert again[2].equals(messages)


@pytest.mark.parametrize(("name", "fmt"), [("HDFS", "hdfs"), ("BGL", "bgl")])
def test_header_fields_are_those_of_loghub(real_data: Path, tmp_path: Path, name: str, fmt: str) -> None:
    expected = truth(real_data, name)
    log = real_data / "loghub_2k" / name / f"{name}_2k.log"
    text = pl.Series(log.read_bytes().decode().splitlines())
    fields = FORMATS[fmt].fields(text)
    assert fields["content"].to_list() == expected["Content"].to_list()
    columns = {"hdfs": {"date": "Date", "time": "Time"}, "bgl": {"alert": "Label", "node": "Node", "time": "Time"}}
    for group, column in columns[fmt].items():
        assert fields[group].to_list() == expected[column].to_list()

    report, lines, messages = run(log, fmt, tmp_path)
    assert (report.lines, report.parsed, report.rejected) == (2_000, 2_000, 0)
    masked = lines.join(messages, on="message_id", maintain_order="left")["message"]
    assert masked.to_list() == FORMATS[fmt].message(fields).to_list()


def test_bgl_alerts_and_times(real_data: Path, tmp_path: Path) -> None:
    _, lines, _ = run(real_data / "loghub_2k" / "BGL" / "BGL_2k.log", "bgl", tmp_path)
    expected = truth(real_data, "BGL")
    assert lines["alert"].sum() == 143
    assert lines["alert"].to_list() == (expected["Label"] != "-").to_list()
    assert lines["time"].dt.strftime("%Y-%m-%d-%H.%M.%S.%6f").to_list() == expected["Time"].to_list()
    assert lines["keys"].list.join(" ").to_list() == expected["Node"].to_list()


@pytest.mark.parametrize(
    ("name", "fmt", "accuracy", "distinct"), [("HDFS", "hdfs", 0.9975, 30), ("BGL", "bgl", 0.968, 150)]
)
def test_masks_serve_the_template_miner(
    real_data: Path, tmp_path: Path, name: str, fmt: str, accuracy: float, distinct: int
) -> None:
    """Grouping accuracy: the share of lines whose template holds exactly the lines of one true template."""
    _, lines, messages = run(real_data / "loghub_2k" / name / f"{name}_2k.log", fmt, tmp_path)
    assert messages.height <= distinct
    drain = Drain()
    clusters = [drain.add_log_message(message)[0].cluster_id for message in messages["message"]]
    found, true = defaultdict(list), defaultdict(list)
    for line, (message, event) in enumerate(zip(lines["message_id"], truth(real_data, name)["EventId"], strict=True)):
        found[clusters[message]].append(line)
        true[event].append(line)
    right = {tuple(group) for group in true.values()}
    assert sum(len(group) for group in found.values() if tuple(group) in right) / 2_000 >= accuracy

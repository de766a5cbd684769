"""Loghub's samples tiled to longer logs, as the benchmark does with `--real`: read whole, and grouped as by drain3."""

from pathlib import Path

import polars as pl
import pytest
import yaml

from logassay import bench_peers
from logassay.bench_stages import SAMPLES, check_grouping, tile_log
from logassay.line_format import LineFormat
from logassay.parse import parse

FORMATS = yaml.safe_load((Path(__file__).resolve().parents[2] / "config/formats.yaml").read_text())["formats"]


@pytest.mark.parametrize("name", SAMPLES)
def test_tiled_samples_are_grouped_as_by_drain3(real_data: Path, tmp_path: Path, name: str) -> None:
    fmt = LineFormat.from_dict(name, FORMATS[name])
    log = tmp_path / "tiled.log"
    sample = real_data / "loghub_2k" / SAMPLES[name] / f"{SAMPLES[name]}_2k.log"
    tile_log(sample, log, bench_peers.python_header(fmt), 9_000, seed=1)
    lines, messages = tmp_path / "lines.parquet", tmp_path / "messages.parquet"
    report = parse(log, fmt, lines, messages, tmp_path / "rejects.parquet")
    assert (report.lines, report.parsed) == (9_000, 9_000)
    assert pl.Series(log.read_text().splitlines()).n_unique() > 8_900
    bench_peers.drain3(fmt)(log, tmp_path / "drain3.npy")
    bench_peers.distinct(fmt)(messages, tmp_path / "distinct.npy")
    found = check_grouping(tmp_path)
    assert found["lines_grouped_as_by_drain3"] + found["lines_that_drain3_cannot_group"] == 9_000
    assert found["lines_that_drain3_cannot_group"] < 9

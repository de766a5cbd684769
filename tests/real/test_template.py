"""Drain on Loghub's samples: its accuracy, and that distinct messages give what plain drain3 gives line by line."""

from pathlib import Path

import polars as pl
import pytest
import yaml
from drain3.drain import Drain

from logassay import bench_parsers
from logassay.line_format import LineFormat
from logassay.miners.drain import mine

FORMATS = yaml.safe_load((Path(__file__).resolve().parents[2] / "config/formats.yaml").read_text())["formats"]
SYSTEMS = ["HDFS", "BGL", "Thunderbird", "OpenStack", "Hadoop"]
LEAST = {"HDFS": 0.9975, "BGL": 0.9685}


@pytest.fixture(scope="module")
def samples(real_data: Path) -> dict[str, bench_parsers.Sample]:
    return {sample.name: sample for sample in bench_parsers.read_samples(real_data / "loghub_2k")}


def messages(sample: bench_parsers.Sample, masked: bool) -> pl.DataFrame:
    name = sample.name.lower()
    return bench_parsers.masked(sample, LineFormat.from_dict(name, FORMATS[name] | ({} if masked else {"masks": []})))


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("system", SYSTEMS)
def test_grouping_equals_plain_drain3(samples: dict[str, bench_parsers.Sample], system: str, masked: bool) -> None:
    lines = messages(samples[system], masked)
    assert lines["message"].null_count() == 0
    plain = Drain(depth=4, sim_th=0.4, max_children=100)
    by_line = [plain.add_log_message(message)[0].cluster_id - 1 for message in lines["message"]]
    distinct = bench_parsers.distinct(lines)
    mined = mine(distinct["message"].to_list(), distinct["lines"].to_list())
    group_of = dict(zip(distinct["message"], mined.groups, strict=True))
    assert len(by_line) == 2000
    assert [group_of[message] for message in lines["message"]] == by_line
    assert mined.templates == [cluster.get_template() for cluster in plain.clusters]


def test_drain_groups_lines_as_people_do(samples: dict[str, bench_parsers.Sample]) -> None:
    measured = {}
    for name, sample in samples.items():
        lines = messages(sample, True)
        distinct = bench_parsers.distinct(lines)
        template_of = dict(zip(distinct["message"], bench_parsers.mined(distinct, "drain", {}), strict=True))
        found = [template_of[message] for message in lines["message"]]
        measured[name] = bench_parsers.accuracy(found, sample.groups, sample.templates)["grouping_accuracy"]
    assert sum(measured.values()) / len(measured) >= 0.95, measured
    for name, least in LEAST.items():
        assert measured[name] >= least, measured

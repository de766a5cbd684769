"""What is proposed for real logs, as a new user would meet it: nothing but the path is given."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from logassay import describe, parse, propose_study, settings
from logassay.line_format import LineFormat
from logassay.study_file import render
from tests.unit.test_describe import CONFIG, SCHEMA, merged

# Folder and file; format, grouping and protocols that are proposed.
LOGS = [
    ("loghub_2k/HDFS/HDFS_2k.log", "hdfs", "window", ["pseudo"]),
    ("loghub_2k/BGL/BGL_2k.log", "bgl", "window", ["labelled", "pseudo"]),
    ("loghub_2k/Thunderbird/Thunderbird_2k.log", "thunderbird", "window", ["pseudo"]),
    ("loghub_2k/OpenStack/OpenStack_2k.log", "openstack", "window", ["pseudo"]),
    ("loghub_2k/Hadoop/Hadoop_2k.log", "hadoop", "window", ["pseudo"]),
    ("hdfs_20k/HDFS.log", "hdfs", "session", ["labelled", "pseudo"]),
]


def proposal_of(log: Path) -> tuple[propose_study.Proposal, dict[str, Any]]:
    sample = describe.take([log], str(log))
    proposal = propose_study.propose(sample, CONFIG, "own", str(log), None, "snakemake")
    config = merged(CONFIG, proposal.study)
    settings.validate(copy.deepcopy(config), SCHEMA)
    return proposal, config


@pytest.mark.parametrize(
    ("name", "wanted", "by", "protocols"), LOGS, ids=lambda value: Path(value).stem if isinstance(value, str) else ""
)
def test_a_real_log_is_described(
    real_data: Path, tmp_path: Path, name: str, wanted: str, by: str, protocols: list[str]
) -> None:
    log = real_data / name
    proposal, config = proposal_of(log)
    chosen = config["datasets"]["own"]["format"]
    assert chosen == wanted
    assert config["groupings"][proposal.study["study"]["groupings"][0]]["by"] == by
    assert proposal.study["study"]["protocols"] == protocols
    # Every line can be read as proposed.
    fmt = LineFormat.from_dict(chosen, config["formats"][chosen])
    report = parse.parse(log, fmt, *(tmp_path / f"{part}.parquet" for part in ("lines", "messages", "rejects")))
    lines = len(log.read_bytes().removesuffix(b"\n").split(b"\n"))
    assert lines == report.parsed == report.lines
    assert f"all {lines:,} lines: {lines:,} begin a message" in proposal.head[2]
    text = render(proposal.study, proposal.head, proposal.before, proposal.after)
    assert yaml.safe_load(text) == proposal.study


def test_the_labels_of_hdfs_are_found(real_data: Path) -> None:
    log = real_data / "hdfs_20k/HDFS.log"
    proposal, _ = proposal_of(log)
    assert proposal.study["datasets"]["own"]["labels"] == {
        "file": str(log.with_name("anomaly_label.csv")),
        "key": "BlockId",
        "label": "Label",
        "normal": "Normal",
        "anomalous": "Anomaly",
    }


@pytest.mark.parametrize("name", [name for name, *_ in LOGS])
def test_a_pattern_is_put_together_where_no_format_is_known(real_data: Path, tmp_path: Path, name: str) -> None:
    """As if the log were of a system that nobody has described."""
    sample = describe.take([real_data / name], name)
    plain = {**CONFIG, "formats": {"plain": CONFIG["formats"]["plain"]}}
    study = propose_study.propose(sample, plain, "own", name, None, "snakemake").study
    fmt = LineFormat.from_dict("own", study["formats"]["own"])
    report = describe.parse_sample(sample.data, fmt, tmp_path)
    assert report.parsed == sample.lines
    assert report.first_time is not None

"""The formats of Loghub's systems on its samples of 2,000 lines, against its own reading of them."""

from pathlib import Path

import polars as pl
import pytest
import yaml

from logassay.line_format import LineFormat
from logassay.parse import parse

ROOT = Path(__file__).resolve().parents[2]
ENTRIES = yaml.safe_load((ROOT / "config" / "formats.yaml").read_text())["formats"]

# Loghub strips lines before it reads them; the blanks at the end of so many contents are the only difference.
BLANKS_AT_THE_END = {"HDFS": 0, "BGL": 0, "Thunderbird": 0, "OpenStack": 0, "Hadoop": 147}
NOTATIONS = {
    "HDFS": "<Date> <Time> <Pid> <Level> <Component>: <Content>",
    "BGL": "<Label> <Timestamp> <Date> <Node> <Time> <NodeRepeat> <Type> <Component> <Level> <Content>",
    "Thunderbird": (
        r"<Label> <Timestamp> <Date> <User> <Month> <Day> <Time> <Location> <Component>(\[<PID>\])?: <Content>"
    ),
    "OpenStack": r"<Logrecord> <Date> <Time> <Pid> <Level> <Component> \[<ADDR>\] <Content>",
    "Hadoop": r"<Date> <Time> <Level> \[<Process>\] <Component>: <Content>",
}


def sample(data: Path, name: str) -> tuple[pl.Series, pl.DataFrame]:
    folder = data / "loghub_2k" / name
    lines = (folder / f"{name}_2k.log").read_bytes().decode().splitlines()
    truth = pl.read_csv(folder / f"{name}_2k.log_structured.csv", infer_schema=False)
    return pl.Series(lines), truth.with_columns(pl.col("Content").fill_null(""))


@pytest.mark.parametrize("name", BLANKS_AT_THE_END)
def test_every_line_is_parsed_and_its_content_is_that_of_loghub(real_data: Path, tmp_path: Path, name: str) -> None:
    fmt = LineFormat.from_dict(name.lower(), ENTRIES[name.lower()])
    lines, truth = sample(real_data, name)
    content = fmt.fields(lines)["content"]
    differs = content != truth["Content"]
    assert differs.sum() == BLANKS_AT_THE_END[name]
    assert content.str.strip_chars_end().to_list() == truth["Content"].to_list()

    outputs = [tmp_path / f"{part}.parquet" for part in ("lines", "messages", "rejects")]
    report = parse(real_data / "loghub_2k" / name / f"{name}_2k.log", fmt, *outputs)
    assert (report.lines, report.parsed, report.joined, report.rejected) == (2_000, 2_000, 0, 0)


@pytest.mark.parametrize("name", NOTATIONS)
def test_loghubs_notation_gives_its_columns(real_data: Path, name: str) -> None:
    lines, truth = sample(real_data, name)
    stamp, key = ("Time", "Node" if name == "BGL" else "Component")
    entry = {
        "loghub": NOTATIONS[name],
        "timestamp": {"text": f"{{{stamp.lower()}}}", "format": "epoch_s"},
        "session_key": {"group": key.lower()},
    }
    fields = LineFormat.from_dict(name, entry).fields(lines)
    assert fields["content"].str.strip_chars_end().to_list() == truth["Content"].to_list()
    for column in (stamp, key):
        assert fields[column.lower()].to_list() == truth[column].to_list()


def test_times_of_the_samples(real_data: Path) -> None:
    first = {}
    for name in BLANKS_AT_THE_END:
        fmt = LineFormat.from_dict(name.lower(), ENTRIES[name.lower()])
        time = fmt.time(fmt.fields(sample(real_data, name)[0]))
        assert time.null_count() == 0
        first[name] = str(time[0])
    assert first == {
        "HDFS": "2008-11-09 20:36:15",
        "BGL": "2005-06-03 15:42:50.675872",
        "Thunderbird": "2005-11-09 20:01:01",  # 12:01:01 as the nodes, eight hours behind, write it
        "OpenStack": "2017-05-16 00:00:00.008000",
        "Hadoop": "2015-10-18 18:01:47.978000",
    }

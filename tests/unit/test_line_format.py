"""Entries of formats: the ways to describe a line, times, years and zones, and what is said about mistakes."""

from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from logassay.errors import UserError
from logassay.line_format import LineFormat
from logassay.parse import parse
from logassay.time_format import counts_from_1970, has_year, has_zone

HEADER = r"^(?P<time>\S+ \S+) (?P<level>\w+) (?P<content>.*)$"
TIMESTAMP = {"text": "{time}", "format": "%Y-%m-%d %H:%M:%S"}


def fmt(**changes: Any) -> LineFormat:
    entry = {"header": HEADER, "timestamp": TIMESTAMP} | changes
    return LineFormat.from_dict("x", {key: value for key, value in entry.items() if value is not None})


def times(timestamp: dict[str, Any], *written: str) -> list[datetime | None]:
    read = fmt(header="^(?P<time>.*?)(?:;(?P<more>.*))?; (?P<content>.*)$", timestamp=timestamp)
    found = read.time(read.fields(pl.Series([f"{text}; x" for text in written])))
    return read.dated(found).to_list()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("time_format", "written", "expected"),
    [
        # Fractions with any number of digits, whatever the format says; digits beyond microseconds are cut off.
        ("%Y-%m-%d %H:%M:%S.%6f", "2005-06-11 19:20:26.000001", "2005-06-11 19:20:26.000001"),
        ("%Y-%m-%d %H:%M:%S.%6f", "2005-06-11 19:20:26.5", "2005-06-11 19:20:26.500000"),
        ("%Y-%m-%d %H:%M:%S.%6f", "2005-06-11 19:20:26.1234567", "2005-06-11 19:20:26.123456"),
        ("%Y-%m-%d %H:%M:%S.%3f", "2005-06-11 19:20:26", "2005-06-11 19:20:26"),
        ("%Y-%m-%d %H:%M:%S,%3f", "2005-06-11 19:20:26,978", "2005-06-11 19:20:26.978000"),
        ("%Y-%m-%d %H:%M:%S,%3f", "2005-06-11 19:20:26,9", "2005-06-11 19:20:26.900000"),
        ("%Y-%m-%d %H:%M:%S,%3f", "2005-06-11 19:20:26.97", "2005-06-11 19:20:26.970000"),
        ("%Y-%m-%d %H:%M:%S%.f", "2005-06-11 19:20:26,97", "2005-06-11 19:20:26.970000"),
        ("%Y-%m-%d %H:%M:%S.%6f", "2005-06-11 19:20:26.x", None),
        # Names of months and days.
        ("%a %b %d %H:%M:%S %Y", "Sun Dec  4 04:47:44 2005", "2005-12-04 04:47:44"),
        ("%d/%b/%Y:%H:%M:%S %z", "10/Oct/2000:13:55:36 -0730", "2000-10-10 21:25:36"),
        # ISO 8601 with zones.
        ("%+", "2026-01-02T03:04:05Z", "2026-01-02 03:04:05"),
        ("%+", "2026-01-02T03:04:05.123456789+05:30", "2026-01-01 21:34:05.123456"),
        ("%Y-%m-%dT%H:%M:%S.%3f%#z", "2026-01-02T03:04:05.1Z", "2026-01-02 03:04:05.100000"),
        # Numbers since 1970.
        ("%s", "1117838570", "2005-06-03 22:42:50"),
        ("epoch_s", "1117838570", "2005-06-03 22:42:50"),
        ("epoch_s", "1117838570.25", "2005-06-03 22:42:50.250000"),
        ("epoch_s", "1117838570.", "2005-06-03 22:42:50"),
        ("epoch_s", "1117838570.1234567", "2005-06-03 22:42:50.123456"),
        ("epoch_s", "-0.5", "1969-12-31 23:59:59.500000"),
        ("epoch_ms", "1117838570001", "2005-06-03 22:42:50.001000"),
        ("epoch_ms", "1117838570001.5", "2005-06-03 22:42:50.001500"),
        ("epoch_us", "1117838570000001", "2005-06-03 22:42:50.000001"),
        ("epoch_s", "nan", None),
        ("epoch_s", "1e9", None),
        ("epoch_s", "999999999999999999", None),
        ("epoch_us", "999999999999999999999", None),
        ("epoch_s", "", None),
    ],
)
def test_times(time_format: str, written: str, expected: str | None) -> None:
    read = times({"text": "{time}", "format": time_format}, written)
    assert read == [None if expected is None else at(expected)]


def test_parts_of_a_time_are_put_together_and_filled_up() -> None:
    stamp = {"text": "{time}.{more:03}", "format": "%Y-%m-%d %H:%M:%S.%3f"}
    read = times(stamp, "2026-01-02 03:04:05;7", "2026-01-02 03:04:05;70", "2026-01-02 03:04:05;700")
    assert [time.microsecond // 1000 for time in read if time] == [7, 70, 700]


@pytest.mark.parametrize(
    ("zone", "written", "expected"),
    [
        ("Asia/Seoul", "2026-01-02 03:04:05", "2026-01-01 18:04:05"),
        ("+09:00", "2026-01-02 03:04:05", "2026-01-01 18:04:05"),
        ("-0330", "2026-01-02 03:04:05", "2026-01-02 06:34:05"),
        ("UTC", "2026-01-02 03:04:05", "2026-01-02 03:04:05"),
        ("Europe/Berlin", "2026-07-01 12:00:00", "2026-07-01 10:00:00"),
        # Clocks go from 2 to 3 on 29 March, and from 3 to 2 on 25 October.
        ("Europe/Berlin", "2026-03-29 01:59:59", "2026-03-29 00:59:59"),
        ("Europe/Berlin", "2026-03-29 02:30:00", "2026-03-29 01:30:00"),
        ("Europe/Berlin", "2026-10-25 02:30:00", "2026-10-25 00:30:00"),
        (None, "2026-10-25 02:30:00", "2026-10-25 02:30:00"),
        ("Asia/Seoul", "0001-01-01 00:00:00", None),
        ("America/New_York", "9999-12-31 23:59:59", None),
        ("Europe/Berlin", "+262142-12-31 23:59:59", None),
    ],
)
def test_times_of_a_zone_become_utc(zone: str | None, written: str, expected: str | None) -> None:
    assert times(TIMESTAMP | {"zone": zone}, written) == [None if expected is None else at(expected)]


YEARLESS = {"text": "{time}", "format": "%b %d %H:%M:%S"}


@pytest.mark.parametrize(
    ("year", "written", "expected"),
    [
        ("infer", "Jun  4 15:16:01", "2000-06-04 15:16:01"),
        (2005, "Jun 14 15:16:01", "2005-06-14 15:16:01"),
        (2024, "Feb 29 00:00:00", "2024-02-29 00:00:00"),
        (2025, "Feb 29 00:00:00", "2025-02-28 00:00:00"),
        (2025, "Feb 30 00:00:00", None),
    ],
)
def test_a_year_that_the_log_lacks(year: int | str, written: str, expected: str | None) -> None:
    assert times(YEARLESS | {"year": year}, written) == [None if expected is None else at(expected)]


def test_the_year_decides_on_summer_time() -> None:
    # In 2025 clocks went forward on 30 March, in 2024 on the 31st.
    for year, hour in ((2025, 10), (2024, 11)):
        found = times(YEARLESS | {"year": year, "zone": "Europe/Berlin"}, "Mar 30 12:00:00")
        assert found == [datetime(year, 3, 30, hour)]


def test_years_go_by_with_the_log(tmp_path: Path) -> None:
    # Over the turn of the year there and back (two processes write), then a second turn, a leap day, and an old line.
    written = [
        "Dec 30 10:00",
        "Jan  1 00:00",
        "Dec 31 23:59",
        "Jan  1 00:01",
        "Nov 30 00:00",
        "Jan 31 00:00",
        "Feb 29 00:00",
    ]
    (tmp_path / "log").write_text("".join(f"{time}:00; x\n" for time in written))
    read = fmt(header="^(?P<time>.*?); (?P<content>.*)$", timestamp=YEARLESS | {"year": 2022})
    outputs = [tmp_path / name for name in ("lines", "messages", "rejects")]
    report = parse(tmp_path / "log", read, *outputs, chunk_bytes=1)
    assert pl.read_parquet(outputs[0])["time"].dt.strftime("%Y-%m-%d").to_list() == [
        "2022-12-30",
        "2023-01-01",
        "2022-12-31",
        "2023-01-01",
        "2023-11-30",
        "2024-01-31",
        "2024-02-29",
    ]
    assert report.clock_steps_back == 1
    assert "first line is taken to be of 2022, and each step from December back to January" in report.time_note


def test_years_end_somewhere() -> None:
    read = fmt(timestamp=YEARLESS | {"year": 2022, "zone": "Asia/Seoul"})
    assert read.dated(pl.Series([datetime(2000, 6, 1)] * 2), pl.Series([1, 100_000])).dt.year().to_list() == [
        2023,
        9998,
    ]


@pytest.mark.parametrize(
    ("timestamp", "note"),
    [
        (TIMESTAMP, "Times are as written in the log; their zone is not known."),
        (TIMESTAMP | {"zone": "Asia/Seoul"}, "Times are UTC; the log's own are of the zone Asia/Seoul."),
        ({"text": "{time}", "format": "%+"}, "Times are UTC; the log gives each with its zone."),
        ({"text": "{time}", "format": "epoch_ms"}, "Times are UTC; the log counts them from 1970."),
        (None, "Lines have no time."),
    ],
)
def test_what_times_mean_is_stated(timestamp: dict[str, Any] | None, note: str) -> None:
    assert fmt(timestamp=timestamp).time_note == note


@pytest.mark.parametrize("time_format", ["%%Y %m", "%%s", "%%z", "%%+", "%%%%Y", "%% s"])
def test_two_percent_signs_are_one_and_no_field(time_format: str) -> None:
    assert not has_year(time_format)
    assert not has_zone(time_format)
    assert not counts_from_1970(time_format)


def test_a_field_may_follow_a_percent_sign() -> None:
    assert has_year("%%%Y")
    assert has_zone("%%%z")
    assert counts_from_1970("%%%s")
    assert times({"text": "{time}", "format": "%b %d %H:%M:%S%%Y", "year": 2019}, "Mar 30 12:00:00%Y") == [
        at("2019-03-30 12:00:00")
    ]


def test_a_year_that_is_not_known_is_stated() -> None:
    note = fmt(timestamp=YEARLESS | {"year": "infer"}).time_note
    assert "its first line is taken to be of 2000 (which stands for a year that is not known)" in note


def test_lines_without_time_are_kept(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("a b c\n\nd\n")
    outputs = [tmp_path / name for name in ("lines", "messages", "rejects")]
    report = parse(tmp_path / "log", fmt(header=None, plain=True, timestamp=None), *outputs)
    assert (report.lines, report.parsed, report.rejected, report.first_time) == (3, 3, 0, None)
    assert pl.read_parquet(outputs[0])["time"].to_list() == [None] * 3
    assert pl.read_parquet(outputs[1])["message"].to_list() == ["a b c", "", "d"]


def test_json_fields_may_lie_deep_or_have_dots_in_their_names() -> None:
    paths = {"content": "log.original", "level": "$['log.level']", "first": "$.tags[0]", "odd": "it's"}
    read = fmt(header=None, json=paths, timestamp=None, session_key={"group": "first"})
    line = r'{"log": {"original": "caf\u00e9 \"x\""}, "log.level": 3, "tags": ["a", "b"], "it\u0027s": true}'
    fields = read.fields(pl.Series([line, line[:-1], "", "17", "null", '"text"', "{}"]))
    assert fields.row(0, named=True) == {"content": 'café "x"', "level": "3", "first": "a", "odd": "true"}
    assert fields[1:].null_count().row(0) == (6, 6, 6, 6)
    assert read.keys(fields.head(1)).to_list() == [["a"]]


def test_only_what_is_in_brackets_is_a_key() -> None:
    read = fmt(session_key={"pattern": "(?:user|id)=([a-z]+)(x)?"})
    found = read.keys(pl.DataFrame({"content": ["user=a id=b user=a", "id=7", "user=q"]}))
    assert found.to_list() == [["a", "b"], [], ["q"]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"header": None},
            "formats.x has none of the ways to describe a line; give one of header, loghub, json, journald",
        ),
        ({"plain": True}, "formats.x has 'header' and 'plain' of the ways to describe a line"),
        ({"header": None, "plain": "yes"}, "formats.x.plain is 'yes'; write true"),
        ({"header": "(?P<content>"}, "formats.x.header is not a valid pattern"),
        ({"header": "(?P<time>.*)"}, "formats.x.header has no group 'content'; write (?P<content>...) for the message"),
        ({"header": None, "loghub": "<Time> <Text>"}, "formats.x.loghub has no group 'content'; write <Content>"),
        ({"header": None, "loghub": "<Content> <Content>"}, "formats.x.loghub has the field <content> twice"),
        ({"header": None, "loghub": "<a b> <Content>"}, "formats.x.loghub has the field <a b>; a name is made of"),
        ({"header": None, "loghub": "all"}, "formats.x.loghub is 'all', which names no field"),
        ({"header": None, "loghub": "[<Time>] <Content>"}, "formats.x.loghub has a bare [; between fields it is"),
        ({"header": None, "loghub": "<Content>"}, "names the group 'time', which formats.x.loghub lacks; write <time>"),
        ({"header": None, "loghub": 5}, "formats.x.loghub is 5; put it in quotes"),
        ({"header": None, "json": "message"}, "formats.x.json is 'message'; it must name fields, for example"),
        ({"header": None, "json": {"content": 5}}, "formats.x.json.content is 5; it must be the name of a field"),
        ({"header": None, "json": {"time": "t"}}, "formats.x.json has no group 'content'; write content"),
        ({"header": None, "json": {"content": "$["}}, "formats.x.json.content is '$[', which is no JSONPath"),
        (
            {"header": None, "json": {"content": "m"}},
            "names the group 'time', which formats.x.json lacks; add time to it",
        ),
        ({"header": None, "journald": True}, "formats.x.journald is True; it must name fields"),
        ({"header": None, "plain": True}, "names the group 'time', which formats.x.plain lacks"),
        ({"timestamp": {"text": "{time}"}}, "formats.x.timestamp.format is missing"),
        ({"timestamp": TIMESTAMP | {"text": "{day}"}}, "formats.x.timestamp.text names the group 'day', which"),
        ({"timestamp": TIMESTAMP | {"text": "{time:>9}"}}, "formats.x.timestamp.text has {time:>9}; only a width with"),
        ({"timestamp": TIMESTAMP | {"format": "%H:%M"}}, "from which no full date can be read"),
        ({"timestamp": TIMESTAMP | {"format": "%b %d"}}, "(for a log without years, set timestamp.year)"),
        (
            {"timestamp": TIMESTAMP | {"format": "epoch_ns"}},
            "formats.x.timestamp.format is 'epoch_ns'; known are epoch_s",
        ),
        ({"timestamp": TIMESTAMP | {"format": 5}}, "formats.x.timestamp.format is 5; put it in quotes"),
        (
            {"timestamp": TIMESTAMP | {"year": 2005}},
            "formats.x.timestamp.year is 2005, but the format '%Y-%m-%d %H:%M:%S' r",
        ),
        (
            {"timestamp": YEARLESS | {"year": "this"}},
            "formats.x.timestamp.year is 'this'; it must be the year of the first",
        ),
        (
            {"timestamp": TIMESTAMP | {"zone": "Mars/Base"}},
            "formats.x.timestamp.zone is 'Mars/Base'; give a name such as",
        ),
        ({"timestamp": TIMESTAMP | {"zone": 9}}, "formats.x.timestamp.zone is 9; put it in quotes"),
        (
            {"timestamp": {"text": "{time}", "format": "%+", "zone": "UTC"}},
            "formats.x.timestamp.zone is 'UTC', but the format '%+' reads a zone",
        ),
        (
            {"session_key": {"group": "node"}},
            "formats.x.session_key.group names the group 'node', which formats.x.header",
        ),
        ({"alert": {"group": "node", "normal": "-"}}, "formats.x.alert.group names the group 'node', which"),
    ],
)
def test_mistakes_are_told_in_one_sentence(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        fmt(**changes)
    assert message in str(caught.value)
    assert str(caught.value).startswith("formats.x")
    assert "\n" not in str(caught.value)

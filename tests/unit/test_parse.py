"""Parsing of raw logs; expectations are worked out by hand, or come from plain Python on the same text."""

import gzip
import json
import random
import subprocess
import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from logassay import join
from logassay import parse as module
from logassay.errors import UserError
from logassay.join import MESSAGES
from logassay.line_format import LineFormat
from logassay.lines import LINES, REJECTS
from logassay.parse import ParseReport, parse
from logassay.squeeze import Text

ROOT = Path(__file__).resolve().parents[2]
CONFIG = yaml.safe_load((ROOT / "config" / "formats.yaml").read_text())
FORMATS = {name: LineFormat.from_dict(name, values) for name, values in CONFIG["formats"].items()}
OUTPUTS = ("lines.parquet", "messages.parquet", "rejects.parquet")

# Anything that has to be told apart: `time level [node] text`, with an optional text.
SMALL: dict[str, Any] = {
    "header": r"^(?P<time>\S+ \S+) (?P<level>\w+) \[(?P<node>\w*)\](?: (?P<content>.*))?$",
    "timestamp": {"text": "{time}", "format": "%Y-%m-%d %H:%M:%S"},
    "masks": [{"pattern": "[0-9]+", "replacement": "<*>"}],
}


def small(**changes: Any) -> LineFormat:
    return LineFormat.from_dict("small", SMALL | changes)


def run(
    folder: Path, data: bytes, fmt: LineFormat, chunk_bytes: int = module.CHUNK_BYTES, name: str = "raw.log"
) -> tuple[ParseReport, pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    (folder / name).write_bytes(data)
    lines, messages, rejects = (folder / output for output in OUTPUTS)
    report = parse(folder / name, fmt, lines, messages, rejects, chunk_bytes=chunk_bytes)
    return report, pl.read_parquet(lines), pl.read_parquet(messages), pl.read_parquet(rejects)


HDFS = [
    "the end of something",
    "081109 203518 143 INFO dfs.DataNode$DataXceiver: Receiving block blk_-1 src: /10.0.0.1:5 dest: /10.0.0.2:50010",
    "java.io.IOException: Could not read from stream of blk_7",
    "\tat java.net.SocketInputStream",
    "081109 203520 35 INFO dfs.FSNamesystem: BLOCK* ask 10.0.0.1:50010 to delete  blk_-1 blk_22 blk_-1",
    "081399 203519 35 INFO dfs.FSNamesystem: a month of ninety-nine days",
    "\tat a line that belongs to it",
    "081109 203519 9 WARN dfs.DataNode: ",
    "081109 203521 1 INFO dfs.DataNode: Receiving block blk_3 src: /10.0.0.9:1 dest: /10.0.0.2:1",
]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("end", [True, False])
@pytest.mark.parametrize("compressed", [True, False])
def test_every_fate_of_a_line(tmp_path: Path, newline: str, end: bool, compressed: bool) -> None:
    data = (newline.join(HDFS) + newline * end).encode()
    stored = gzip.compress(data) if compressed else data
    report, lines, messages, rejects = run(tmp_path, stored, FORMATS["hdfs"])
    assert lines.schema == LINES
    assert lines.rows() == [
        (2, datetime(2008, 11, 9, 20, 35, 18), ["blk_-1"], None, 0, 2),
        (5, datetime(2008, 11, 9, 20, 35, 20), ["blk_-1", "blk_22"], None, 1, 0),
        (8, datetime(2008, 11, 9, 20, 35, 19), [], None, 2, 0),
        (9, datetime(2008, 11, 9, 20, 35, 21), ["blk_3"], None, 0, 0),
    ]
    assert messages.schema == MESSAGES
    assert messages.rows() == [
        (0, "Receiving block <*> src: /<*> dest: /<*>", 2, 2),
        (1, "BLOCK* ask <*> to delete  <*>", 1, 5),
        (2, "", 1, 8),
    ]
    assert rejects.schema == REJECTS
    assert rejects.rows() == [
        (1, "no-header-before", HDFS[0]),
        (6, "bad-timestamp", HDFS[5]),
        (7, "follows-rejected", HDFS[6]),
    ]
    assert asdict(report) == {
        "lines": 9,
        "parsed": 4,
        "joined": 2,
        "rejected": 3,
        "reasons": {"no-header-before": 1, "bad-timestamp": 1, "follows-rejected": 1},
        "messages": 3,
        "lines_without_key": 1,
        "lines_with_several_keys": 1,
        "first_time": "2008-11-09T20:35:18",
        "last_time": "2008-11-09T20:35:21",
        "clock_steps_back": 1,
        "lines_with_invalid_utf8": 0,
        "bytes": len(data),
        "time_note": "Times are as written in the log; their zone is not known.",
        "files": [{"file": str(tmp_path / "raw.log"), "kind": ".gz" if compressed else "plain", "bytes": len(stored)}],
    }


def test_bgl_labels_nodes_and_fractions(tmp_path: Path) -> None:
    log = (
        "- 1117838570 2005.06.03 R02-M1-N0-C:J12-U11 2005-06-03-15.42.50.675872 R02-M1-N0-C:J12-U11 RAS KERNEL INFO "
        "instruction cache parity error corrected\n"
        "KERNDTLB 1118536327 2005.06.11 R30 2005-06-11-19.20.25.000001 R30 RAS KERNEL FATAL data TLB error interrupt\n"
        "- 1118536328 2005.06.11 R30 2005-06-11-19.20.66.000001 R30 RAS KERNEL FATAL no time\n"
        "- 1118536328 2005.06.11 R30 2005-06-11-19.20.26.000000 R30 RAS KERNEL FATAL\n"
    )
    report, lines, messages, rejects = run(tmp_path, log.encode(), FORMATS["bgl"])
    assert lines.drop("joined").rows() == [
        (1, datetime(2005, 6, 3, 15, 42, 50, 675872), ["R02-M1-N0-C:J12-U11"], False, 0),
        (2, datetime(2005, 6, 11, 19, 20, 25, 1), ["R30"], True, 1),
        (4, datetime(2005, 6, 11, 19, 20, 26), ["R30"], False, 2),
    ]
    assert messages["message"].to_list() == [
        "instruction cache parity error corrected",
        "data TLB error interrupt",
        "",
    ]
    assert rejects["reason"].to_list() == ["bad-timestamp"]
    assert (report.first_time, report.last_time) == ("2005-06-03T15:42:50.675872", "2005-06-11T19:20:26")


@pytest.mark.parametrize(
    ("name", "content", "masked"),
    [
        ("hdfs", "Deleting block blk_1 file /a/subdir2/blk_-1", "Deleting block <*> file /a/subdir<*>/<*>"),
        ("hdfs", "10.0.0.1:50010:Got exception while serving blk_3", "<*>:Got exception while serving <*>"),
        ("hdfs", "/x/_task_200811092030_0001_m_000590_0/part-00590. blk_4", "/x/_task_<*>_<*>_m_<*>_<*>/part-<*>. <*>"),
        ("hdfs", "to delete blk_1 blk_2  blk_3", "to delete <*>  <*>"),
        ("bgl", "CE sym 20, at 0x1438f9e0, mask 0x40", "CE sym <*>, at <*>, mask <*>"),
        ("bgl", "iar 00106210 dear 0244c1dc ffffffff", "iar <*> dear <*> <*>"),
        ("bgl", "a bad cafe added", "a bad cafe added"),
        ("bgl", "socket to 172.16.96.116:33569, x", "socket to <*>, x"),
        ("bgl", "(R62-M1-Nf-C:J03-U11) and R10-M1-N2", "(<*>) and <*>"),
        ("bgl", "from FF:F2:9F:15:7B:E0:00:0D:60:EA:84:1F ip=10.7.0.130", "from <*> ip=<*>"),
        ("bgl", "loading /bgl/apps/a_b.rts: ./c tree/torus core.12", "loading <*>: <*> tree/torus core.<*>"),
        (
            "bgl",
            "2 L3 EDRAM error(s) on bglio11 r24=0 dbcr0=0x1",
            "<*> L<*> EDRAM error(s) on bglio<*> r<*>=<*> dbcr<*>=<*>",
        ),
    ],
)
def test_masks(name: str, content: str, masked: str) -> None:
    assert FORMATS[name].message(pl.DataFrame({"content": [content]})).to_list() == [masked]


def test_masks_follow_each_other_and_keep_groups() -> None:
    masks = [
        {"pattern": "(user|group)=[a-z]+", "replacement": "${1}=<name>"},
        {"pattern": "<name>:[0-9]+", "replacement": "<pair>"},
        {"pattern": "[0-9]+"},
    ]
    message = small(masks=masks).message(pl.DataFrame({"content": ["user=ann:12 group=all 7"]}))
    assert message.to_list() == ["user=<pair> group=<name> <*>"]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (None, [[], [], []]),
        ({"group": "node"}, [["n1"], [], ["n2"]]),
        ({"pattern": "job-[0-9]+"}, [["job-2", "job-1"], [], ["job-1"]]),
    ],
)
def test_session_keys(tmp_path: Path, key: dict[str, str] | None, expected: list[list[str]]) -> None:
    log = b"2026-01-02 03:04:05 I [n1] job-2 job-1 job-2\n2026-01-02 03:04:05 I []\n2026-01-02 03:04:05 I [n2] job-1\n"
    report, lines, _, _ = run(tmp_path, log, small(session_key=key))
    assert lines["keys"].to_list() == expected
    assert report.lines_without_key == expected.count([])


@pytest.mark.parametrize(
    ("text", "time_format", "written", "expected"),
    [
        ("2005 {time}", "%Y %b %d %H:%M:%S", "Jun 3 15:42:50", datetime(2005, 6, 3, 15, 42, 50)),
        ("{time}", "%s", "1117838570", datetime(2005, 6, 3, 22, 42, 50)),
        ("{time}", "%s", "99999999999999", None),
        ("{time}", "%Y-%m-%d %H:%M:%S,%3f", "2015-10-18 18:01:47,978", datetime(2015, 10, 18, 18, 1, 47, 978_000)),
        ("{time}", "%Y-%m-%dT%H:%M:%S%z", "2024-01-02T03:04:05+0900", datetime(2024, 1, 1, 18, 4, 5)),
        ("{time}", "%Y-%m-%d", "2024-02-30", None),
        ("{time}", "%Y-%m-%d", "2024-02-29 and more", None),
    ],
)
def test_times(text: str, time_format: str, written: str, expected: datetime | None) -> None:
    fmt = small(header="^(?P<time>[^|]*)[|](?P<content>.*)$", timestamp={"text": text, "format": time_format})
    fields = fmt.fields(pl.Series([f"{written}|message"]))
    assert fmt.time(fields).to_list() == [expected]


def test_the_characters_of_a_line_survive(tmp_path: Path) -> None:
    head = b"2026-01-02 03:04:05 I [n] "
    contents = [
        b"nul \x00 \xe4\xbd\xa0\xe5\xa5\xbd",
        b"bad \xff\xfe",
        b"sep \xe2\x80\xa8 \x0b \xc2\x85",
        b"cr \r in",
        b"\xef\xbf\xbd",
    ]
    log = b"".join(head + content + b"\r\n" for content in contents) + b"\n\r\n\xff\n" + head + b"cr at the end\r"
    report, lines, messages, _ = run(tmp_path, log, small(masks=[]))
    assert messages["message"].to_list() == [
        "nul \x00 你好",
        "bad \ufffd\ufffd",
        "sep \u2028 \x0b \x85",
        "cr \r in",
        "\ufffd",
        "cr at the end",
    ]
    assert lines["line"].to_list() == [1, 2, 3, 4, 5, 9]
    assert lines["joined"].to_list() == [0, 0, 0, 0, 3, 0]
    assert report.lines_with_invalid_utf8 == 2


def mixed_log(seed: int, count: int) -> bytes:
    """A log with all kinds of lines in random order, among them long runs that join or are rejected."""
    rng = random.Random(seed)
    lines: list[bytes] = []
    while len(lines) < count:
        kind = rng.choices(["good", "bad time", "trace", "foreign"], [10, 1, 2, 1])[0]
        stamp = f"2026-01-{rng.randrange(1, 29):02d} 00:00:{rng.randrange(60):02d}"
        if kind == "good":
            text = (
                f"{rng.choice(['read', 'write', 'lies'])} job-{rng.randrange(9)} job-{rng.randrange(9)}"
                + "é" * rng.randrange(3)
            )
            lines.append(f"{stamp} {rng.choice('IE')} [{rng.choice(['a', 'b', ''])}] {text}".encode())
        elif kind == "bad time":
            lines.append(b"2026-13-01 00:00:00 I [a] never")
        elif kind == "trace":
            lines.extend([b"\tat somewhere"] * rng.choice([1, 2, 30]))
        else:
            lines.append(rng.choice([b"", b"\xff\xfe", b"caf\xc3\xa9", b"0123456789ab", b"0123456789abc"]))
    return b"first of all\n" + b"\n".join(lines) + rng.choice([b"", b"\n", b"\r\n"])


@pytest.mark.parametrize("seed", range(2))
def test_blocks_do_not_show(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(join, "ROW_GROUP", 100)
    fmt = small(session_key={"pattern": "job-[0-9]"}, alert={"group": "level", "normal": "I"})
    data = mixed_log(seed, 500)
    results = {}
    for chunk_bytes in (1, 100, 1000, 1 << 20):
        report, lines, *_ = run(tmp_path, data, fmt, chunk_bytes)
        results[chunk_bytes] = report, [(tmp_path / name).read_bytes() for name in OUTPUTS]
        assert pq.ParquetFile(tmp_path / "lines.parquet").num_row_groups == -(-report.parsed // 100)
        assert report.joined == lines["joined"].sum()
    assert results[1] == results[100] == results[1000] == results[1 << 20]


def test_a_stack_trace_may_span_blocks(tmp_path: Path) -> None:
    head = b"2026-01-02 03:04:05 I [n] boom\n"
    report, lines, _, _ = run(tmp_path, head + b"\tat x\n" * 5000 + head, small(), chunk_bytes=1000)
    assert lines.select("line", "joined").rows() == [(1, 5000), (5002, 0)]
    assert (report.parsed, report.joined, report.rejected) == (2, 5000, 0)


def test_long_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = b"2026-01-02 03:04:05 I [n] "
    long = b"x" * 10_000_000
    report, _, messages, rejects = run(tmp_path, long + b"\n" + head + long + b"1\n" + long, small(), 1 << 20)
    assert (report.parsed, report.joined, report.rejected) == (1, 1, 1)
    assert messages["message"].str.len_bytes().to_list() == [10_000_003]
    assert rejects["text"].to_list() == ["x" * 500]
    monkeypatch.setattr(module, "MAX_LINE_BYTES", 2 << 20)
    with pytest.raises(UserError, match=r"raw\.log has a line of more than 2 MiB"):
        run(tmp_path, head + long, small(), 1 << 20)


def test_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = "2026-01-02 03:04:05 I [n] "
    log = "".join(
        f"{head}user u{number} of {kind} came" + " and so on" * 30 + "\n" for number in range(9) for kind in "ab"
    )
    lines = tmp_path / "lines.parquet"
    arguments = (
        tmp_path / "raw.log",
        small(masks=[]),
        lines,
        tmp_path / "messages.parquet",
        tmp_path / "rejects.parquet",
    )
    (tmp_path / "raw.log").write_text(log)
    monkeypatch.setattr(join, "BLOCKS_MB", 0)
    monkeypatch.setattr(join, "MESSAGE_BYTES", (1 << 20) // 18 - 700)
    assert parse(*arguments, memory_mb=1).messages == 18
    monkeypatch.setattr(join, "MESSAGE_BYTES", (1 << 20) // 17)
    with pytest.raises(
        UserError,
        match=r"^18 distinct messages, and more to come, do not fit into compute\.memory_mb \(1\): mask in "
        r"formats\.small\.masks what varies as between 'user u(.) of a came and so on.*' and 'user u\1 of b came and",
    ):
        parse(*arguments, memory_mb=1)
    assert parse(*arguments, memory_mb=2).messages == 18


@pytest.mark.parametrize("name", ["hdfs", "bgl"])
def test_long_lines_of_digits_nul_and_lone_carriage_returns(tmp_path: Path, name: str) -> None:
    heads = {"hdfs": "081109 203518 143 INFO dfs.A: "}
    head = heads.get(name, "- 1 2005.06.03 R0 2005-06-03-15.42.50.675872 R0 RAS KERNEL INFO ")
    contents = ["7" * 10_000_000, "\0", "a\rb 1", "\r", "1 2 " * 1_000_000, "x" * 1_000_000, ""]
    report, lines, messages, _ = run(tmp_path, "".join(f"{head}{text}\n" for text in contents).encode(), FORMATS[name])
    assert (report.lines, report.parsed) == (7, 7)
    masked = ["<*>", "\0", "a\rb <*>", "", "<*> <*> " * 1_000_000, "x" * 1_000_000]
    assert messages["message"].to_list() == masked
    assert lines["message_id"].to_list() == [0, 1, 2, 3, 4, 5, 3]


def test_a_log_in_another_format_is_told_early(tmp_path: Path) -> None:
    with pytest.raises(
        UserError,
        match=r"raw\.log is not in the format 'bgl': line 1 is '\\x1b\[31mthe end.*matches none of the first 9 lines; "
        r"choose another one, or correct formats\.bgl\.header",
    ):
        run(tmp_path, ("\x1b[31m" + "\n".join(HDFS)).encode(), FORMATS["bgl"])
    assert [path.name for path in tmp_path.iterdir()] == ["raw.log"]
    head = b"2026-01-02 03:04:05 I [n] boom\n"
    for chunk_bytes in (1000, 1 << 20):
        assert run(tmp_path, b"x\n" * 9_999 + head * 200, small(), chunk_bytes)[0].parsed == 200
        with pytest.raises(UserError, match="matches none of the first 1"):
            run(tmp_path, b"x\n" * 10_000 + head * 200, small(), chunk_bytes)


def test_stack_traces_are_not_another_format(tmp_path: Path) -> None:
    head = b"2026-01-02 03:04:05 I [n] boom\n"
    assert run(tmp_path, head + b"\tat x\n" * 9_999, small())[0].joined == 9_999
    assert run(tmp_path, (head + b"\tat x\n" * 99) * 101, small())[0].parsed == 101
    with pytest.raises(UserError, match="matches only 101 of 10201 lines"):
        run(tmp_path, (head + b"\tat x\n" * 100) * 101, small())


def test_no_readable_time_at_all(tmp_path: Path) -> None:
    log = b"x\n2026-01-02T03:04:05 z I [n] boom\n2026-01-02T03:04:05 z I [n] boom\n"
    with pytest.raises(
        UserError,
        match=r"no line whose time formats\.small\.timestamp can read \(format '%Y-%m-%d %H:%M:%S'\): the first is "
        r"'2026-01-02T03:04:05 z I \[n\] boom'",
    ):
        run(tmp_path, log, small())


def test_damaged_log_leaves_nothing(tmp_path: Path) -> None:
    data = gzip.compress("\n".join(HDFS * 1000).encode())
    with pytest.raises(UserError, match=r"raw\.log\.gz ends early: the \.gz file is truncated; fetch it again"):
        run(tmp_path, data[: len(data) // 2], FORMATS["hdfs"], 1000, name="raw.log.gz")
    assert [path.name for path in tmp_path.iterdir()] == ["raw.log.gz"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"header": "("}, r"formats\.small\.header is not a valid pattern \(error: unclosed group\)"),
        ({"header": "(?P<content>a)(?=b)"}, r"formats\.small\.header is not a valid pattern \(error: look-around"),
        ({"header": "^(?P<message>.*)$"}, r"formats\.small\.header has no group 'content'"),
        ({"header": None}, r"formats\.small has none of the ways to describe a line"),
        ({"header": 5}, r"formats\.small\.header is 5; it must be a regular expression"),
        ({"haeder": "x"}, r"formats\.small\.haeder is not known"),
        ({"timestamp": {"text": "{time}"}}, r"formats\.small\.timestamp\.format is missing"),
        ({"timestamp": {"text": "{day}", "format": "%s"}}, r"formats\.small\.timestamp\.text names the group 'day'"),
        ({"timestamp": {"text": "time", "format": "%s"}}, r"formats\.small\.timestamp\.text is 'time'"),
        ({"timestamp": {"text": "{time", "format": "%s"}}, r"formats\.small\.timestamp\.text is '{time'"),
        ({"timestamp": {"text": "{}", "format": "%s"}}, r"formats\.small\.timestamp\.text is '{}'"),
        (
            {"timestamp": {"text": "{time}", "format": "%H:%M"}},
            r"timestamp\.format is '%H:%M', from which no full date",
        ),
        ({"timestamp": {"text": "{time}", "format": "%Q"}}, r"formats\.small\.timestamp\.format is '%Q'"),
        ({"timestamp": {"text": "{time}", "format": 5}}, r"formats\.small\.timestamp\.format is 5"),
        ({"timestamp": {"text": "{time}", "format": "%F %T.%f"}}, r"format is '%F %T\.%f', which is no usable"),
        ({"session_key": {"group": "nod"}}, r"formats\.small\.session_key\.group names the group 'nod'"),
        ({"session_key": {"pattern": "[0-"}}, r"formats\.small\.session_key\.pattern is not a valid pattern"),
        ({"session_key": {"pattern": "[0-9]*"}}, r"formats\.small\.session_key\.pattern matches the empty text"),
        ({"session_key": {"pattern": "a", "group": "node"}}, r"formats\.small\.session_key has both"),
        ({"session_key": "node"}, r"formats\.small\.session_key is 'node'; it must be a group of settings"),
        ({"alert": {"group": "label", "normal": "-"}}, r"formats\.small\.alert\.group names the group 'label'"),
        ({"alert": {"group": "level", "normal": 0}}, r"formats\.small\.alert\.normal is 0; put it in quotes"),
        ({"masks": [{"pattern": "a"}, {"pattern": "("}]}, r"formats\.small\.masks\[1\]\.pattern is not a valid"),
        ({"masks": [{"pattern": "a", "replacement": 1}]}, r"formats\.small\.masks\[0\]\.replacement is 1"),
        ({"masks": [{"replacement": "a"}]}, r"formats\.small\.masks\[0\]\.pattern is missing"),
    ],
)
def test_a_wrong_format_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        small(**changes)


def test_datasets_name_formats_that_exist() -> None:
    datasets = yaml.safe_load((ROOT / "config" / "datasets.yaml").read_text())["datasets"]
    assert {dataset["format"] for dataset in datasets.values()} <= set(FORMATS)


# Texts out of which headers can come about, and anything else.
PIECES = [
    "081109 203518 143 INFO dfs.A: ",
    "081109 999999 1 W a: ",
    "blk_-1",
    " blk_2",
    "12",
    "\n",
    "\r",
    "\r\n",
    "\t",
    ":",
    "é",
]
BYTES = st.one_of(
    st.binary(max_size=300),
    st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=30).map(
        lambda parts: "".join(parts).encode(errors="replace")
    ),
)


@settings(max_examples=100, deadline=None)
@given(BYTES, st.sampled_from(["hdfs", "bgl"]), st.sampled_from([1, 10, 1000]))
@example(b"\x1f\x8b", "hdfs", 10)
@example(b"\x28\xb5\x2f\xfd\x00", "hdfs", 10)
@example(b"x\x01\n", "hdfs", 10)
def test_whatever_the_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes, name: str, chunk_bytes: int) -> None:
    folder = tmp_path_factory.getbasetemp()
    try:
        report, lines, messages, rejects = run(folder, data, FORMATS[name], chunk_bytes)
    except UserError:
        return
    assert report.lines == data.count(b"\n") + (not data.endswith(b"\n"))
    assert report.parsed + report.joined + report.rejected == report.lines
    assert (report.parsed, report.joined, report.rejected) == (lines.height, lines["joined"].sum(), rejects.height)
    assert messages["lines"].sum() == lines.height
    assert messages["message_id"].to_list() == list(range(report.messages))
    assert lines["message_id"].unique(maintain_order=True).to_list() == list(range(report.messages))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=16), min_size=1))
def test_lines_are_cut_as_python_cuts_them(lines: list[str]) -> None:
    text = "".join(line + "\n" for line in lines)
    assert Text.of(text.encode()).lines().to_list() == [line.removesuffix("\r") for line in text[:-1].split("\n")]


@settings(max_examples=100, deadline=None)
@given(st.lists(BYTES, min_size=1, max_size=5), st.sampled_from(["hdfs", "bgl"]))
def test_the_short_way_through_a_header_is_right(data: list[bytes], name: str) -> None:
    text = pl.Series([line for part in data for line in part.decode(errors="replace").split("\n")], dtype=pl.String)
    fmt = FORMATS[name]
    direct = text.str.extract_groups(fmt.header).struct.unnest()
    assert fmt.fields(text).select(direct.columns).equals(direct)


@pytest.mark.parametrize(
    "header",
    [
        "^(?P<a>x)|(?P<content>.*)$",
        "(?P<a>x)(?P<content>.*)$",
        r"^(?:(?P<content>(?P<a>x)y)|z)\((?P<b>.*)$",
        "(?x)^(?P<a>x) # comment (?P<content>.*)$\n(?P<content>.*)$",
        "^(?R)(?P<a>x)(?P<content>.*)$",
    ],
)
def test_headers_that_must_go_the_long_way(header: str) -> None:
    text = pl.Series(["xy", "y", "yx", "xy(z", "x\r", ""])
    fmt = small(header=header, timestamp={"text": "{a}", "format": "%s"})
    assert fmt.fields(text).equals(text.str.extract_groups(header).struct.unnest())


def test_program(tmp_path: Path) -> None:
    (tmp_path / "raw.log").write_text("\n".join(HDFS))
    command = [sys.executable, str(ROOT / "scripts" / "parse_log.py"), "--format-name", "hdfs"]
    command += ["--format", json.dumps(CONFIG["formats"]["hdfs"])]
    for threads in ("1", "2"):
        folder = tmp_path / threads
        outputs = [part for name in OUTPUTS for part in (f"--{name.removesuffix('.parquet')}", str(folder / name))]
        more = [
            "--input",
            str(tmp_path / "raw.log"),
            "--threads",
            threads,
            *outputs,
            "--report",
            str(folder / "report.json"),
        ]
        done = subprocess.run([*command, *more], capture_output=True, text=True, check=True)
        assert "9 lines: 4 parsed, 2 joined, 3 rejected" in done.stderr
    first, second = ([path.read_bytes() for path in sorted((tmp_path / n).iterdir())] for n in ("1", "2"))
    assert first == second
    assert json.loads((tmp_path / "1" / "report.json").read_text())["messages"] == 3

    (tmp_path / "raw.log").write_bytes(b"")
    failed = subprocess.run([*command, *more], capture_output=True, text=True, check=False)
    assert failed.returncode == 2
    assert failed.stderr.splitlines()[-1].endswith("raw.log is empty; give a log with at least one line.")

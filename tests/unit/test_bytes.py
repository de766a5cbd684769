"""Any bytes whatever become a parsed log or one sentence, and no line is lost on the way."""

import bz2
import gzip
import io
import json
import lzma
import re
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
import yaml
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from logassay.acquire import open_log
from logassay.archive import STARTS as STARTS_OF_FILES
from logassay.errors import UserError
from logassay.line_format import LineFormat
from logassay.parse import ParseReport, gather, parse, parse_chunk

ROOT = Path(__file__).resolve().parents[2]
ENTRIES = yaml.safe_load((ROOT / "config" / "formats.yaml").read_text(encoding="utf-8"))["formats"]
NAMES = ["hdfs", "bgl", "syslog-rfc3164", "json-lines", "access-log", "journald", "plain"]
FORMATS = {name: LineFormat.from_dict(name, ENTRIES[name]) for name in NAMES}
HDFS = re.compile(r"([0-9]{6}) ([0-9]{6}) [0-9]+ [^ ]+ [^ :]+: .*", re.DOTALL)

# What lines begin with in some format, what else is in them, and all that some reader takes for the end of a line.
STARTS = [
    b"081109 203518 143 INFO dfs.A: Receiving block blk_-1",
    b"081109 203517 9 WARN a: ",
    b"081332 203517 9 WARN a: no such day",
    b"- 1117838570 2005.06.03 R02-M1 2005-06-03-15.42.50.363779 R02-M1 RAS KERNEL INFO parity error",
    b"APPREAD 1117838570 2005.06.03 R02 2005-06-03-15.42.50.363779 R02 RAS APP FATAL ",
    b"Dec 31 23:59:59 host sshd[12]: closed",
    b"Jan  1 00:00:00 host kernel: up",
    b'{"time": "2026-01-02T03:04:05Z", "message": "hello"}',
    b'{"time": "2026-01-02T03:04:05Z", "message": ["no text"]}',
    b'{"time": "2026-01-02T03:04:05Z", "mess',
    b"__REALTIME_TIMESTAMP=1767323045000000\nMESSAGE=hello\n\n",
    b"__REALTIME_TIMESTAMP=1767323045000001\nMESSAGE\n\x05\0\0\0\0\0\0\0a\nb\0c\n\n",
    b"MESSAGE\n\xff\xff\xff\xff\xff\xff\xff\x7f",
    b'127.0.0.1 - - [01/Feb/2026:03:04:05 +0100] "GET / HTTP/1.1" 200 5 "-" "x"',
]
SEPARATORS = ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
PIECES = [
    *STARTS,
    *(separator.encode() for separator in SEPARATORS),
    b"\r",
    b"\0",
    b"\x85",  # not UTF-8
    b"\xff\xfe",
    b"\xed\xa0\x80",  # a surrogate, which is no UTF-8
    b"\xf0\x9f",  # the beginning of a character
    "\N{SNOWMAN}".encode(),
    b" blk_2 10.0.0.1:80",
    b"\tat java.lang.Thread.run(Thread.java:1)",
    b"%s {} \\ $1",
]


def tarred(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("a.log")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def zipped(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.log", data)
    return buffer.getvalue()


PACKERS: list[Callable[[bytes], bytes]] = [
    bytes,
    gzip.compress,
    zstandard.ZstdCompressor(write_checksum=True).compress,
    bz2.compress,
    lambda data: lzma.compress(data, preset=0),
    tarred,
    lambda data: gzip.compress(tarred(data)),
    zipped,
]
line = st.builds(
    lambda parts, end: b"".join(parts) + end,
    st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=5)), max_size=4),
    st.sampled_from([b"\n", b"\n", b"\r\n", b""]),
)
# The first bytes are those of a text, lest they be taken for those of another kind of file.
text = st.builds(
    lambda mark, first, lines: mark + first + b"".join(lines),
    st.sampled_from([b"", b"", b"\xef\xbb\xbf"]),
    st.sampled_from([b"\n", *(start + b"\n" for start in STARTS)]),
    st.lists(line, max_size=12),
)


def run(folder: Path, paths: list[Path], fmt: LineFormat, chunk_bytes: int) -> ParseReport | str:
    """Parse; or return what the user is told."""
    outputs = [folder / f"{name}.parquet" for name in ("lines", "messages", "rejects")]
    try:
        return parse(paths, fmt, *outputs, chunk_bytes=chunk_bytes)
    except UserError as error:
        assert not list(folder.glob("*.parquet"))
        return str(error)


def run_in_chunks(folder: Path, paths: list[Path], fmt: LineFormat, chunk_bytes: int, n: int) -> ParseReport | str:
    """The same by way of `n` chunks."""
    outputs = [folder / f"{name}.parquet" for name in ("lines", "messages", "rejects")]
    chunks = [folder / f"{i}.arrow" for i in range(n)]
    for i, chunk in enumerate(chunks):
        parse_chunk(paths, fmt, i, n, chunk, chunk_bytes=chunk_bytes)
    try:
        return gather(chunks, paths, fmt, *outputs)
    except UserError as error:
        return str(error)


def check_that_it_adds_up(folder: Path, report: ParseReport | str, lines: int | None = None) -> None:
    """Every line is in one of three places, and those that cannot be used have a reason."""
    assert isinstance(report, ParseReport), report
    lines = report.lines if lines is None else lines
    assert report.lines == lines
    assert report.parsed + report.joined + report.rejected == lines
    parsed = pl.read_parquet(folder / "lines.parquet")
    rejects = pl.read_parquet(folder / "rejects.parquet")
    messages = pl.read_parquet(folder / "messages.parquet")
    assert (parsed.height, parsed["joined"].sum(), rejects.height) == (report.parsed, report.joined, report.rejected)
    assert rejects["reason"].null_count() == 0
    assert {reason: number for reason, number in report.reasons.items() if number} == dict(
        rejects["reason"].value_counts().iter_rows()
    )
    assert messages["lines"].sum() == report.parsed
    assert parsed["message_id"].is_in(messages["message_id"].to_list()).all()
    # No line twice: those that were parsed or rejected have distinct numbers within the log.
    numbers = [*parsed["line"], *rejects["line"]]
    assert len(set(numbers)) == len(numbers)
    assert all(1 <= number <= lines for number in numbers)


def is_hdfs(line: bytes) -> bool:
    match = HDFS.fullmatch(line.removesuffix(b"\r").decode(errors="replace"))
    if match is None:
        return False
    try:
        datetime.strptime(" ".join(match.groups()), "%y%m%d %H%M%S")
    except ValueError:
        return False
    return not match[2].endswith(("60", "61"))


@given(
    texts=st.lists(st.tuples(text, st.sampled_from(PACKERS)), min_size=1, max_size=3),
    name=st.sampled_from(NAMES),
    chunk_bytes=st.sampled_from([1, 7, 64, 1 << 20]),
    n=st.sampled_from([2, 5]),
)
@settings(max_examples=75, deadline=None)
def test_lines_add_up(
    tmp_path_factory: pytest.TempPathFactory,
    texts: list[tuple[bytes, Callable[[bytes], bytes]]],
    name: str,
    chunk_bytes: int,
    n: int,
) -> None:
    folder = tmp_path_factory.mktemp("any")
    paths = []
    whole = b""
    for place, (data, pack) in enumerate(texts):
        paths.append(folder / f"{place}.log")
        paths[-1].write_bytes(pack(data))
        if whole and not whole.endswith(b"\n"):
            whole += b"\n"
        whole += data.removeprefix(b"\xef\xbb\xbf")
    with open_log(paths) as stream:
        assert stream.read() == whole
    lines = whole.removesuffix(b"\n").split(b"\n")
    report = run(folder, paths, FORMATS[name], chunk_bytes)
    if isinstance(report, str):
        assert re.search(r"is not in the format|has no line whose time", report)
        assert report.isprintable()
        assert name != "plain"
        assert not (name == "hdfs" and any(map(is_hdfs, lines)))
    else:
        check_that_it_adds_up(folder, report, len(lines))
        json.dumps(asdict(report), allow_nan=False)
    chunked = folder / "chunked"
    chunked.mkdir()
    assert run_in_chunks(chunked, paths, FORMATS[name], chunk_bytes, n) == report
    for path in folder.glob("*.parquet"):
        assert (chunked / path.name).read_bytes() == path.read_bytes()


BEGINNINGS = [
    b"\x1f\x8b\x08",
    b"\x28\xb5\x2f\xfd",
    b"BZh91AY&SY",
    b"\xfd7zXZ\0",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"\xff\xfe",
    b"\xfe\xff",
    b"\xff\xfe\0\0",
    gzip.compress(b"some text\n")[:-9],
    tarred(b"some text\n")[:700],
    zipped(b"some text\n")[:-8],
]
FILES = ["a.log", "a.gz", "a.xz", "a.bz2", "a.zst", "a.tar", "a.tgz", "a.zip"]


@given(
    data=st.builds(lambda start, rest: start + rest, st.sampled_from([b"", *BEGINNINGS]), st.binary(max_size=1500)),
    name=st.sampled_from(FILES),
)
@settings(max_examples=200, deadline=None)
def test_any_file_is_read_or_refused_with_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, name: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / name).write_bytes(data)
    report = run(folder, [folder / name], FORMATS["plain"], 100)
    if isinstance(report, str):
        assert report.startswith(str(folder / name))
        assert report.isprintable()
    else:
        check_that_it_adds_up(folder, report)


@given(place=st.integers(0, 10_000), flip=st.integers(1, 255), pack=st.sampled_from(PACKERS[1:]), cut=st.booleans())
@settings(max_examples=150, deadline=None)
def test_a_damaged_archive_never_gives_other_lines(
    tmp_path_factory: pytest.TempPathFactory, place: int, flip: int, pack: Callable[[bytes], bytes], cut: bool
) -> None:
    """Cut or changed at any place it is refused, or all lines are there."""
    folder = tmp_path_factory.mktemp("damaged")
    whole = b"".join(b"%d %s\n" % (number, b"ab" * (number % 7)) for number in range(100))
    data = bytearray(pack(whole))
    place %= len(data)
    if cut:
        del data[max(place, 12) :]
    else:
        data[place] ^= flip
    (folder / "a.log").write_bytes(data)
    try:
        with open_log(folder / "a.log") as stream:
            found = stream.read()
    except UserError:
        return
    # A plain tar archive has no checksum over its members, and what is no archive any more is read as text.
    if pack is not tarred and any(re.match(start, data) for start in STARTS_OF_FILES.values()):
        assert found == whole


def test_long_lines_duplicates_and_a_clock_that_goes_back(tmp_path: Path) -> None:
    header = b"081109 203518 143 INFO dfs.A: "
    long = header + b"x" * 10_000_000 + b"\n"
    stack = b"y" * 10_000_000 + b"\n"
    same = [header + b"Receiving block blk_1\r\n"] * 1000
    back = [b"081109 2035%02d 143 INFO dfs.A: again\n" % (59 - second) for second in range(60)]
    log = [b"no header yet\n", long, stack, *same, *back, b"081109 999999 1 INFO a: no such time\n", b"lost\n"]
    (tmp_path / "a.log.xz").write_bytes(lzma.compress(b"".join(log), preset=0))
    report = run(tmp_path, [tmp_path / "a.log.xz"], FORMATS["hdfs"], 1 << 16)
    check_that_it_adds_up(tmp_path, report, len(log))
    assert isinstance(report, ParseReport)
    assert (report.parsed, report.joined, report.rejected) == (1 + 1000 + 60, 1, 3)
    assert report.reasons == {"no-header-before": 1, "bad-timestamp": 1, "follows-rejected": 1}
    assert report.clock_steps_back == 59
    assert report.messages == 3
    messages = pl.read_parquet(tmp_path / "messages.parquet")["message"]
    assert messages[0] == "x" * 10_000_000
    assert messages[1] == "Receiving block <*>"

"""Parsing in chunks: the same bytes as parsing in one go, wherever the log is cut."""

import gzip
import json
import random
import subprocess
import sys
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from logassay.errors import UserError
from logassay.files import BLANK, TRAILER, read_json, sealed_path, sha256_of
from logassay.line_format import LineFormat
from logassay.parse import ParseReport, gather, parse, parse_chunk

ROOT = Path(__file__).resolve().parents[2]
CONFIG = yaml.safe_load((ROOT / "config" / "formats.yaml").read_text())["formats"]
HDFS = LineFormat.from_dict("hdfs", CONFIG["hdfs"])
YEARLESS: dict[str, Any] = {
    "header": "^(?P<time>[A-Z][a-z][a-z] +[0-9]+ [0-9:]+) (?P<content>.*)$",
    "timestamp": {"text": "{time}", "format": "%b %d %H:%M:%S", "year": 2019},
    "masks": [{"pattern": "[0-9]+"}],
}
OUTPUTS = ("lines.parquet", "messages.parquet", "rejects.parquet")


def whole(
    folder: Path, log: Path | list[Path], fmt: LineFormat, chunk_bytes: int = 1 << 20
) -> tuple[ParseReport, list[bytes]]:
    paths = [folder / name for name in OUTPUTS]
    report = parse(log, fmt, *paths, chunk_bytes=chunk_bytes)
    return report, [path.read_bytes() for path in paths]


def in_chunks(
    folder: Path, log: Path | list[Path], fmt: LineFormat, n: int, chunk_bytes: int = 1 << 20
) -> tuple[ParseReport, list[bytes]]:
    chunks = [folder / f"{i}.arrow" for i in range(n)]
    lines = [parse_chunk(log, fmt, i, n, chunk, chunk_bytes=chunk_bytes) for i, chunk in enumerate(chunks)]
    paths = [folder / name for name in OUTPUTS]
    report = gather(chunks, log, fmt, *paths)
    assert report.lines == sum(lines)
    return report, [path.read_bytes() for path in paths]


def mixed_log(seed: int, count: int, newline: str) -> bytes:
    """Headers, stack traces, bad times and what belongs to them; the clock steps back now and then."""
    rng = random.Random(seed)
    time = datetime(2008, 11, 9, 20, 35, 18)
    lines: list[str] = ["before the first header"]
    while len(lines) < count:
        time += timedelta(seconds=rng.choice([0, 1, 5, -3]))
        kind = rng.choices(["good", "bad time", "trace", "long trace"], [12, 1, 2, 1])[0]
        key = rng.choice(["blk_1", "blk_-22", "blk_1 blk_22", "blk_1 blk_1", ""])
        if kind == "good":
            text = rng.choice(["Receiving block", "é served", "10.0.0.1:50010 lost, deleting"])
            lines.append(
                f"{time:%y%m%d %H%M%S} {rng.randrange(99)} INFO dfs.Node: {text} {key} size {rng.randrange(10**6)}"
            )
        elif kind == "bad time":
            lines.append("081399 203519 35 INFO dfs.Node: a month of ninety-nine days")
        else:
            lines.extend(["\tat a.b.C(D.java:7)"] * (2 if kind == "trace" else 60))
    return newline.join(lines).encode() + rng.choice([b"", newline.encode()])


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("seed", range(2))
def test_chunks_do_not_show(tmp_path: Path, newline: str, seed: int) -> None:
    log = tmp_path / "raw.log"
    log.write_bytes(mixed_log(seed, 600, newline))
    expected = whole(tmp_path, log, HDFS)
    assert min(expected[0].joined, expected[0].clock_steps_back, *expected[0].reasons.values()) > 0
    for n, chunk_bytes in ((1, 1 << 20), (2, 1), (3, 777), (16, 1 << 20), (16, 1000)):
        assert in_chunks(tmp_path, log, HDFS, n, chunk_bytes) == expected


def test_more_chunks_than_lines_and_chunks_without_a_header(tmp_path: Path) -> None:
    log = tmp_path / "raw.log"
    log.write_text("081109 203518 1 INFO a: boom\n" + "\tat x\n" * 400 + "081109 203519 1 INFO a: boom")
    expected = whole(tmp_path, log, HDFS)
    assert (expected[0].parsed, expected[0].joined) == (2, 400)
    assert in_chunks(tmp_path, log, HDFS, 16) == expected
    log.write_text("081109 203518 1 INFO a: boom\n081109 203519 1 INFO a: boom")
    assert in_chunks(tmp_path, log, HDFS, 16) == whole(tmp_path, log, HDFS)


def test_several_files_one_of_them_packed(tmp_path: Path) -> None:
    files = [tmp_path / "a.log", tmp_path / "b.log.gz", tmp_path / "c.log"]
    parts = [mixed_log(seed, 200, "\n").rstrip(b"\n") for seed in range(3)]
    files[0].write_bytes(parts[0])
    files[1].write_bytes(gzip.compress(parts[1]))
    files[2].write_bytes(parts[2])
    together = tmp_path / "raw.log"
    together.write_bytes(b"\n".join(parts))
    (one, data), expected = whole(tmp_path, together, HDFS), whole(tmp_path, files, HDFS)
    assert expected == (replace(one, files=expected[0].files), data)
    for n in (1, 2, 5):
        assert in_chunks(tmp_path, files, HDFS, n, 5000) == expected


def test_years_count_on_over_borders(tmp_path: Path) -> None:
    times = ["Dec 30 10:00:00", "Dec 31 23:59:59", "Jan  1 00:00:01", "Dec 31 23:59:58", "Jan  1 00:00:02"]
    times += ["Mar  1 00:00:00", "Feb 28 00:00:00", "Nov  5 00:00:00", "Jan  7 00:00:00"]
    log = tmp_path / "raw.log"
    log.write_text("".join(f"{time} message {number}\n" for number, time in enumerate(times)))
    fmt = LineFormat.from_dict("yearless", YEARLESS)
    expected = whole(tmp_path, log, fmt)
    found = pl.read_parquet(tmp_path / "lines.parquet")["time"].dt.strftime("%Y-%m-%d").to_list()
    assert found == [
        "2019-12-30",
        "2019-12-31",
        "2020-01-01",
        "2019-12-31",  # the clock stepped back over the turn of the year
        "2020-01-01",
        "2020-03-01",
        "2020-02-28",
        "2020-11-05",
        "2021-01-07",
    ]
    assert expected[0].clock_steps_back == 2
    for n, chunk_bytes in ((1, 1), (2, 100), (3, 1 << 20), (16, 1)):
        assert in_chunks(tmp_path, log, fmt, n, chunk_bytes) == expected
        assert whole(tmp_path, log, fmt, chunk_bytes) == expected


def test_mistakes(tmp_path: Path) -> None:
    log = tmp_path / "raw.log"
    log.write_bytes(b"")
    with pytest.raises(UserError, match=r"raw\.log is empty; give a log"):
        in_chunks(tmp_path, log, HDFS, 3)
    log.write_bytes(b"nothing\n" * 50)
    with pytest.raises(UserError, match=r"raw\.log is not in the format 'hdfs'.*none of the first 50 lines"):
        in_chunks(tmp_path, log, HDFS, 3)
    (tmp_path / "0.arrow").write_bytes((tmp_path / "0.arrow").read_bytes()[:300])
    with pytest.raises(UserError, match=r"0\.arrow is damaged \(it has no checksum: .*\); delete it and run Snakemake"):
        gather([tmp_path / "0.arrow"], log, HDFS, *(tmp_path / name for name in OUTPUTS))


def test_a_log_that_changes_between_the_chunks_is_told(tmp_path: Path) -> None:
    log = tmp_path / "raw.log"
    lines = b"".join(b"081109 203518 %d INFO a: boom\n" % number for number in range(3000))
    paths = [tmp_path / name for name in OUTPUTS]
    chunks = [tmp_path / f"{i}.arrow" for i in range(2)]
    told = r"raw\.log changed between the chunks' jobs; parse a copy that nothing writes to, or set compute\.parse_chu"
    log.write_bytes(lines)
    parse_chunk(log, HDFS, 0, 2, chunks[0])
    log.write_bytes(lines * 2)
    parse_chunk(log, HDFS, 1, 2, chunks[1])
    with pytest.raises(UserError, match=told):
        gather(chunks, log, HDFS, *paths)
    parse_chunk(log, HDFS, 0, 2, chunks[0])
    assert gather(chunks, log, HDFS, *paths).lines == 6000
    log.write_bytes(lines * 3)  # after the last chunk, too: the report tells the sizes of what was read
    with pytest.raises(UserError, match=told):
        gather(chunks, log, HDFS, *paths)
    # Rotated, as a pattern finds the files: none has another size.
    log.write_bytes(lines * 2)
    other = tmp_path / "raw.log.1"
    log.rename(other)
    log.write_bytes(lines)
    with pytest.raises(UserError, match="changed between"):
        gather(chunks, [other, log], HDFS, *paths)
    assert not any(path.exists() and path.stat().st_mtime_ns > log.stat().st_mtime_ns for path in paths)


def test_chunks_of_another_number_or_order_are_told(tmp_path: Path) -> None:
    log = tmp_path / "raw.log"
    log.write_bytes(mixed_log(1, 300, "\n"))
    paths = [tmp_path / name for name in OUTPUTS]
    one, two = chunks = [tmp_path / f"{i}.arrow" for i in range(2)]
    for i, chunk in enumerate(chunks):
        parse_chunk(log, HDFS, i, 2, chunk)
    for wrong, told in (([two, one], "2 of 2, 1 of 2"), ([one], "1 of 2"), ([one, one, two], "1 of 2, 1 of 2, 2 of 2")):
        with pytest.raises(
            UserError, match=rf"The chunks given of .*raw\.log are {told}; give each of its chunks once"
        ):
            gather(wrong, log, HDFS, *paths)
    with sealed_path(one, TRAILER) as path, path.open("wb") as stream:
        with pa.ipc.new_stream(stream, pa.schema([])):
            pass
        stream.write(TRAILER + BLANK.encode())
    with pytest.raises(UserError, match=r"0\.arrow is damaged \(.* whole chunk .*: it does not say of which log\)"):
        gather(chunks, log, HDFS, *paths)


@pytest.mark.parametrize(
    ("times", "years"),
    [
        # A late line around the turn of a year, some days from it.
        (["Jan 10", "Dec 31", "Jan 11"], [2019, 2018, 2019]),
        (["Dec 20", "Jan 10", "Dec 31", "Jan 10", "Jan 2"], [2019, 2020, 2019, 2020, 2020]),
        (["Jan 25", "Jan 3", "Dec 30", "Jan 3", "Dec 20"], [2019, 2019, 2018, 2019, 2018]),
        # No step back: the log is silent for most of a year.
        (["Jan 25", "Dec 10", "Jan 2"], [2019, 2019, 2020]),
        (["Feb 10", "Dec 31", "Jan 1"], [2019, 2019, 2020]),
        (["Dec 31", "Jul 20", "Dec 31"], [2019, 2019, 2019]),
    ],
)
def test_late_lines_around_new_year_add_no_year(tmp_path: Path, times: list[str], years: list[int]) -> None:
    log = tmp_path / "raw.log"
    log.write_text("".join(f"{time} 10:00:00 message\n" for time in times))
    whole(tmp_path, log, LineFormat.from_dict("yearless", YEARLESS))
    assert pl.read_parquet(tmp_path / "lines.parquet")["time"].dt.year().to_list() == years


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ({"header": "^=(?P<content>.*)$"}, "header"),
        ({"loghub": "<Level>=<Content>"}, "loghub"),
        ({"json": {"content": "message"}}, "json"),
        ({"journald": {"content": "MESSAGE"}}, "journald"),
    ],
)
def test_a_log_in_another_format_names_the_key_that_there_is(tmp_path: Path, entry: dict[str, Any], named: str) -> None:
    log = tmp_path / "raw.log"
    log.write_text("what is this\n" * 3)
    with pytest.raises(
        UserError, match=rf"matches none of the first 3 lines; choose another one, or correct formats\.x\.{named}\."
    ):
        whole(tmp_path, log, LineFormat.from_dict("x", entry))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [b"081109 203518 1 I a: blk_1", b"081399 203518 1 I a: x", b"\n", b"\r", b"\r\n", b"\xff", b"x", b"\0"]
        ),
        min_size=1,
        max_size=40,
    ),
    st.integers(1, 5),
    st.sampled_from([1, 30, 1000]),
)
def test_whatever_the_bytes(
    tmp_path_factory: pytest.TempPathFactory, parts: list[bytes], n: int, chunk_bytes: int
) -> None:
    folder = tmp_path_factory.getbasetemp()
    log = folder / "any.log"
    log.write_bytes(b"".join(parts))
    results: list[Any] = []
    for read in (whole, partial(in_chunks, n=n)):
        try:
            results.append(read(folder, log, HDFS, chunk_bytes=chunk_bytes))
        except UserError as error:
            results.append(str(error))
    assert results[0] == results[1]


def test_programs(tmp_path: Path) -> None:
    log = tmp_path / "raw.log"
    log.write_bytes(mixed_log(1, 300, "\n"))
    report, expected = whole(tmp_path, log, HDFS)
    common = ["--input", str(log), "--format-name", "hdfs", "--format", json.dumps(CONFIG["hdfs"])]
    chunks = [str(tmp_path / f"{i}.arrow") for i in (1, 2)]
    for i, chunk in enumerate(chunks, start=1):
        command = [sys.executable, str(ROOT / "scripts" / "parse_chunk.py"), *common, "--output", chunk]
        subprocess.run([*command, "--chunk", str(i), "--chunks", "2", "--threads", "2"], check=True)
    folder = tmp_path / "gathered"
    outputs = [part for name in OUTPUTS for part in (f"--{name.removesuffix('.parquet')}", str(folder / name))]
    command = [sys.executable, str(ROOT / "scripts" / "gather_chunks.py"), *common, *outputs]
    subprocess.run([*command, "--report", str(folder / "report.json"), "--chunks", *chunks], check=True)
    assert [(folder / name).read_bytes() for name in OUTPUTS] == expected
    written = read_json(folder / "report.json")
    assert written.pop("made") == {Path(name).stem: sha256_of(folder / name) for name in OUTPUTS}
    assert written == asdict(report) | {"made_from": {}}

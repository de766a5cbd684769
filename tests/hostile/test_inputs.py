"""Files that are none, lines and patterns that keep a reader busy, and JSON that no one should trust."""

import gzip
import json
import os
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from logassay.files import read_json
from tests.hostile.conftest import Run, refused
from tests.hostile.test_archives import PLAIN


def parse(run: Run, log: object, fmt: str = PLAIN, **options: Any) -> Any:
    outputs = [f"--{name}={name}.parquet" for name in ("lines", "messages", "rejects")]
    fmt_options = ["--format-name", "f", "--format", fmt]
    return run("parse_log.py", "--input", log, *fmt_options, *outputs, "--report=report.json", **options)


@pytest.mark.parametrize("kind", ["pipe", "device", "link to a device", "link to itself"])
def test_a_log_that_is_no_file_is_refused(run: Run, tmp_path: Path, kind: str) -> None:
    log = tmp_path / "a.log"
    if kind == "pipe":
        os.mkfifo(log)
    elif kind == "link to itself":
        log.symlink_to(log)
    elif kind == "link to a device":
        log.symlink_to("/dev/zero")
    else:
        log = Path("/dev/zero")
    said = refused(parse(run, log))
    assert said.startswith(f"{log} cannot be read" if kind == "link to itself" else f"{log} is a device or a pipe")


def test_a_link_to_a_log_is_followed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "real.log").write_text("a line\n")
    (tmp_path / "a.log").symlink_to("real.log")
    assert parse(run, tmp_path / "a.log").returncode == 0


def test_lines_that_keep_a_backtracking_engine_busy_take_their_length(run: Run, tmp_path: Path) -> None:
    """Half a million characters on which each of the patterns would need more steps than there are atoms."""
    fmt = {
        "header": r"^(?P<day>(?:\S+\s?)+): (?P<content>.*)$",
        "session_key": {"pattern": r"(?:\w+\s?)*!"},
        "masks": [{"pattern": r"(?:a+)+$"}, {"pattern": r"(?:a|aa|a+)+b"}, {"pattern": r"(?:.*,){20}x"}],
    }
    lines = ["a" * 50_000 + "?", "a " * 25_000, ": " + "a," * 25_000, "x: " + "a" * 50_000 + "c"] * 3
    (tmp_path / "a.log").write_text("\n".join(lines) + "\n")
    assert parse(run, tmp_path / "a.log", json.dumps(fmt), seconds=60).returncode == 0
    # The same through the programs that look at a log of unknown format, whose patterns are Python's.
    odd = ["1." * 5000, "[" * 9000, "Jan " + ":" * 9000, " " * 9000 + "x", '{"a":' * 3000, "a=b " * 3000, "<" * 9000]
    (tmp_path / "b.log").write_text("".join(f"2024-01-01 00:00:{n % 60:02} {odd[n % len(odd)]}\n" for n in range(300)))
    run("describe_log.py", "--input", tmp_path / "b.log", "--name", "x", "--output-dir", tmp_path, seconds=60)


@pytest.mark.parametrize(
    ("fmt", "told"),
    [
        ({"header": "^(?P<content>((a{1,100}){1,100}){1,100})$"}, "Compiled regex exceeds size limit"),
        ({"plain": True, "masks": [{"pattern": "(?:" * 300 + ")" * 300}]}, "maximum number of nested"),
        ({"plain": True, "masks": [{"pattern": "(?=a)b"}]}, "look-around"),
        (
            {"header": "^(?P<t>.*?),(?P<content>.*)$", "timestamp": {"text": "{t.__class__}", "format": "%F"}},
            "__class__",
        ),
    ],
)
def test_a_pattern_that_is_too_large_or_wants_more_is_refused(
    run: Run, tmp_path: Path, fmt: dict[str, Any], told: str
) -> None:
    (tmp_path / "a.log").write_text("a line\n")
    said = refused(parse(run, tmp_path / "a.log", json.dumps(fmt)))
    assert told in said
    assert said.startswith("formats.f.")


def test_a_deeply_nested_pattern_is_used(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("a line\n")
    fmt = {"plain": True, "masks": [{"pattern": "(" * 200 + "li" + ")" * 200}]}
    assert parse(run, tmp_path / "a.log", json.dumps(fmt)).returncode == 0


def test_lines_of_hostile_json_are_lines_like_others(run: Run, tmp_path: Path) -> None:
    good = '{"time": "2024-01-01T00:00:00Z", "message": "%s"}'
    lines = [
        good % "first",
        '{"time": "2024-01-01T00:00:00Z", "message": ' + "[" * 100_000,
        '{"a":' * 100_000,
        '{"time": "2024-01-01T00:00:00Z", "n": 1e999, "m": NaN, "message": "x"}',
        '{"time": "2024-01-01T00:00:00Z", "n": %s, "message": "huge"}' % ("9" * 100_000),
        '{"time": "2024-01-01T00:00:00Z", "message": "one", "message": "two"}',
        '{"time": "2024-01-01T00:00:00Z", "message": "\\ud800 \\u0000 \\u202e"}',
        good % "last",
    ]
    (tmp_path / "a.log").write_text("\n".join(lines) + "\n")
    fmt = {"json": {"time": "time", "content": "message"}, "timestamp": {"text": "{time}", "format": "%+"}}
    done = parse(run, tmp_path / "a.log", json.dumps(fmt))
    assert done.returncode == 0, done.stderr
    here = tmp_path / "here"
    messages = pl.read_parquet(here / "messages.parquet")["message"].to_list()
    assert messages[0] == "first"
    assert messages[-1] == "last"
    report = read_json(here / "report.json")
    assert report["parsed"] + report["joined"] + report["rejected"] == report["lines"] == len(lines)


def test_an_archive_member_with_a_hostile_name_does_not_steer_the_terminal(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "\x1b[31m\u202e a.gz"
    log.write_bytes(gzip.compress(b"a line\n" * 1000)[:-9])
    done = parse(run, log)
    assert "\x1b" not in done.stderr
    assert "\u202e" not in done.stderr
    assert r"\x1b[31m\u202e a.gz ends early" in refused(done)

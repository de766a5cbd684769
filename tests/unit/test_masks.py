"""Patterns that are blind to digits, and what they are for: reading one of all lines that differ in digits only."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from logassay import lines as module
from logassay.line_format import LineFormat
from logassay.lines import Block, Reader
from logassay.masks import in_pieces, is_blind
from logassay.squeeze import Squeezed, Text

ROOT = Path(__file__).resolve().parents[2]
FORMATS = {
    name: LineFormat.from_dict(name, values)
    for name, values in yaml.safe_load((ROOT / "config" / "formats.yaml").read_text())["formats"].items()
}


def squeezed(text: str) -> str:
    return re.sub("[0-9]+", "0", text)


@pytest.mark.parametrize(
    "pattern",
    [
        "[0-9]+",
        r"\d+",
        "[0-9]+(?:[.:][0-9]+)*",
        "blk_-?[0-9]+(?: blk_-?[0-9]+)*|[0-9]+",
        r"\b[a-f]{8}\b",
        r"\b(?:[a-f]*[0-9]+(?:[a-f]+[0-9]+)*[a-f]*)\b",
        "(?:[0-9A-F]+:){5,}[0-9A-F]+",
        r"(?x) \B /[\w.]+  # a path",
        "(?x) [0-9] + ( [.:] [0-9]+ )*",
        r"x[^ ]*$",
        r"(?i)user=\S+ ",
        r"a\.{0,2}",
        r"[^\d]",
        r"[\s\-\]]x",
        r"(?P<name>x)[!-~]+",
        r"\x41[0-9]+",
        r"^ (?:a|b)?[0-9]*",
    ],
)
def test_patterns_that_are_blind(pattern: str) -> None:
    assert is_blind(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "0x[0-9a-f]+",  # one digit is not like another
        "[1-9]+",
        "[0-57-9]+",
        r"[\x30]+",
        "[0-9]",  # so many digits, not a run
        "[0-9]{2}",
        "[0-9]{2,}",
        "[0-9]?x",
        "[0-9]+?x",
        "[0-9]*?x",
        "(?:[0-9])+",
        "(?:[0-9]+)+",
        "(?:[0-9]+x?)*y",
        "[0-9]+[0-9]+",
        "[0-9]+[a-z0-9]*",
        r"\w+.*",
        "[^ ]+ ?.*",
        r"\B[0-9]+",  # begins within a run
        r"[0-9]+\B",
        r"[0-9]+x*\B",
        "[0-9]*",  # matches the empty text
        "x*",
        r"\b",
        "[[:digit:]]+",  # not understood
        r"\pN+",
        "[0-9&&[^3]]+",
        r"(?m)^[0-9]+$",
        r"(?U)[0-9]+",
        r"\b{start}[0-9]+",
        "[]0-9]+",
        "x++",
    ],
)
def test_patterns_that_are_not_known_to_be_blind(pattern: str) -> None:
    assert not is_blind(pattern)


RUNS = ["[0-9]+", r"\d+", "[0-9a-f]+", "[^ ]+", r"\S+", r"\w*", ".*", "[0-9]*", "[0-9]+?", "[1-9]+", "[0-9]{2}"]
ATOMS = st.sampled_from(
    [*RUNS, "[0-9]", "[a-f]", "[a-z.]*", "x", "a", " ", ":", "-", r"\.", "0", r"\b", r"\B", "^", "$"]
)
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=4).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"(?:{'|'.join(parts)})"),
        st.tuples(inner, st.sampled_from(["+", "*", "?", "{2}", "{1,3}", "{2,}", "+?"])).map(
            lambda p: f"(?:{p[0]}){p[1]}"
        ),
        inner.map(lambda part: f"({part})"),
    ),
    max_leaves=8,
)
TEXTS = st.lists(st.sampled_from([*"0192xaf :-.", "123", "é", "00", "x1"]), max_size=12).map("".join)


@settings(max_examples=1500, deadline=None)
@given(PATTERNS, st.lists(TEXTS, min_size=3, max_size=6), st.sampled_from(["<*>", "", "${1}", "a"]))
@example(r"\B[0-9]+", ["12", "a1 2", "123"], "<*>")
@example(r"[0-9]+\B", ["12", "1a 2", "123"], "<*>")
@example("[0-9]+(?:[.:][0-9]+)*", ["1.22:333 4", "1:2.", "12"], "")
@example(r"\b(?:[a-f]*[0-9]+)\b|x", ["12ax1", "a1", "1x22"], "${1}")
def test_what_counts_as_blind_is(pattern: str, texts: list[str], replacement: str) -> None:
    if not is_blind(pattern):
        return
    column = pl.Series(texts)
    original = column.str.replace_all(pattern, replacement)
    of_squeezed = pl.Series(map(squeezed, texts)).str.replace_all(pattern, replacement)
    assert list(map(squeezed, original)) == list(map(squeezed, of_squeezed))
    matches = [[squeezed(match) for match in found] for found in column.str.extract_all(pattern)]
    assert matches == pl.Series(map(squeezed, texts)).str.extract_all(pattern).to_list()


HEADERS = [
    "^(?P<time>[^ ]+) (?P<content>.*)$",
    "^(?:[a-z]+ )?(?P<time>[0-9]+):(?P<content>.*)$",
    r"^\S+ (?P<time>[0-9.-]+)(?: |$)(?P<content>.*)$",
    "(?P<content>.*)$",
]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(HEADERS), st.lists(TEXTS, min_size=1, max_size=8))
def test_pieces_tell_where_groups_are(header: str, texts: list[str]) -> None:
    names = {"content", "time"} & set(re.findall(r"P<(\w+)>", header))
    found = in_pieces(header, names)
    assert found is not None
    pattern, order = found
    whole = pl.Series(texts).str.extract_groups(header).struct.unnest()
    parts = pl.Series(texts).str.extract_groups(pattern).struct.unnest()
    assert parts.select(sorted(names)).equals(whole.select(sorted(names)))
    matched = parts.filter(pl.col("content").is_not_null())
    texts = [text for text, content in zip(texts, whole["content"], strict=True) if content is not None]
    assert matched.select(pl.concat_str(order)).to_series().to_list() == texts


@pytest.mark.parametrize(
    "header",
    [
        "(?P<time>[0-9]+) (?P<content>.*)$",  # may begin anywhere
        "^(?P<time>[0-9]{6}) (?P<content>.*)$",
        "^(?:(?P<time>[0-9]+) )?(?P<content>.*)$",
        "^(?P<time>[0-9]+)? (?P<content>.*)$",
        "^(?P<time>[0-9]+) (?P<content>.*)$|x",
        "(?x)^(?P<time>[0-9]+) (?P<content>.*)$",
        "^(?P<content>.*)$",
        "^(?P<time>[^ ]+)(?P<content>.*)$",
    ],
)
def test_headers_that_cannot_be_divided(header: str) -> None:
    assert in_pieces(header, {"time", "content"}) is None


LINES = st.lists(
    st.lists(st.sampled_from(["1", "22", "-", ".", " ", "é", "a", "\r", "123456"]), max_size=9).map("".join), min_size=1
)


@settings(max_examples=200, deadline=None)
@given(LINES, st.sampled_from(["\n", "\r\n"]))
def test_squeezing(lines: list[str], newline: str) -> None:
    data = "".join(line + newline for line in lines).encode()
    text = Text.of(data)
    result = Squeezed.of(text)
    cut = [line.removesuffix("\r") for line in data.decode().split("\n")[:-1]]
    assert text.lines().to_list() == cut
    distinct = result.distinct.to_list()
    assert [distinct[code] for code in result.codes] == list(map(squeezed, cut))
    raw = squeezed(data.decode()).encode()
    assert len(result.origins) == len(raw)
    assert [raw[start] for start in result.starts] == [squeezed(line + newline).encode()[0] for line in lines]
    for place, origin in enumerate(result.origins):
        assert squeezed(chr(data[origin])) == chr(raw[place])
        assert squeezed(data[:origin].decode(errors="ignore")) == raw[:place].decode(errors="ignore")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(max_size=40), min_size=1))
def test_pieces_and_their_changes(parts: list[str]) -> None:
    encoded = [part.replace("\n", "").replace("\r", "").encode(errors="replace") for part in parts]
    text = Text.of(b"".join(encoded))
    ends = np.cumsum([len(part) for part in encoded])
    starts = ends - [len(part) for part in encoded]
    assert text.pieces(starts, ends).to_list() == [part.decode() for part in encoded]
    if max(map(len, encoded)) <= 32:
        expected = [True, *(one != other for one, other in pairwise(encoded))]
        assert text.changes(starts, ends).tolist() == expected


def both_ways(fmt: LineFormat, data: bytes, monkeypatch: pytest.MonkeyPatch) -> tuple[Block, Block]:
    with monkeypatch.context() as patch:
        patch.setattr(module, "FEW_DISTINCT", 1)
        short = Reader(fmt).read(data)
        patch.setattr(module, "FEW_DISTINCT", -1)
        return short, Reader(fmt).read(data)


def assert_same(short: Block, long: Block) -> None:
    assert short.messages == long.messages
    assert short.codes.tolist() == long.codes.tolist()
    assert short.parsed.equals(long.parsed)
    assert short.rejects.equals(long.rejects)
    assert (short.lines, short.headers, short.lead) == (long.lines, long.headers, long.lead)


PIECES = [
    "081109 203518 143 INFO dfs.A: ",
    "081109 999999 1 W a: ",
    "- 1 2005.06.03 R0-M1 ",
    "2005-06-03-15.42.50.675872 ",
]
PIECES += [
    "R02-M1-N0-C:J12-U11 RAS KERNEL INFO ",
    "blk_-1",
    " blk_2",
    "blk_1",
    "12",
    "0x1f",
    "deadbeef",
    "L3",
    "\n",
    "\n",
]
PIECES += ["\r", "\r\n", "\t", ":", "é", " ", "/a/b1", "10.0.0.1:5", "blk_" + "7" * 40]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(PIECES), max_size=40).map(lambda parts: "".join(parts) + "\n"),
    st.sampled_from(["hdfs", "bgl"]),
)
def test_both_ways_of_reading_give_the_same(data: str, name: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        assert Reader(FORMATS[name])._pieces is not None
        assert_same(*both_ways(FORMATS[name], data.encode(), patch))


SMALL: dict[str, Any] = {
    "header": "^(?P<level>[^ ]+) (?P<node>[^ ]*) (?P<time>[0-9:-]+) (?P<content>.*)$",
    "timestamp": {"text": "2020-{time}", "format": "%Y-%m-%d-%H:%M:%S"},
}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"masks": [{"pattern": "[0-9]{2,}"}]},  # not blind: masks are applied to each content
        {"masks": [{"pattern": "n=[0-9]+", "replacement": "n=<n>"}]},  # leaves other digits, which differ
        {"masks": [{"pattern": "[0-9]+", "replacement": "<1>"}]},
        {"masks": [{"pattern": "[0-9]+"}, {"pattern": "<[*]>(?: <[*]>)*"}]},
        {"session_key": {"pattern": "j[0-9]{2}"}},
        {"session_key": {"pattern": "j[0-9]+"}},
        {"session_key": {"pattern": "(j[0-9]+):"}},
        {"session_key": {"group": "node"}},
        {"alert": {"group": "level", "normal": "I"}},
        {"alert": {"group": "level", "normal": "I1"}},
        {"timestamp": {"text": "{time}", "format": "%m-%d-%H:%M:%S", "year": 2020}},
        {"timestamp": None},
    ],
)
def test_each_part_of_a_format(changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    fmt = LineFormat.from_dict("small", SMALL | changes)
    contents = [
        "n=1 of 12",
        "n=22 of 7",
        "",
        "j1 j22 j1: j22 j333:",
        "j1 j1",
        "j1",
        "n=",
        "a 1 2 3 4",
        f"j{'1' * 50} j{'1' * 50}",
    ]
    text = "".join(
        f"{level} {node} 01-0{day}-00:00:0{day % 3} {content}\n"
        for level in ("I", "I1", "I2")
        for node in ("", "n7", "n12")
        for day in (1, 2, 0)
        for content in contents
    )
    short, long = both_ways(fmt, text.encode() + b"no header\n" + text.encode(), monkeypatch)
    assert_same(short, long)
    assert short.headers == 2 * 27 * len(contents)

"""The numbers in messages: what is one, and which event has which, worked out by hand."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from logassay.corpus import Values, from_lists, read_corpus, read_values
from logassay.errors import UserError
from logassay.files import write_parquet
from logassay.line_format import LineFormat
from logassay.mutate import OPERATORS, Change, apply_change, propose, trace_origins
from logassay.parse import parse
from logassay.score import concatenate, read_mutated
from logassay.sequence import Grouping, group
from logassay.values import align, extract, find_numbers

ROOT = Path(__file__).resolve().parents[2]
CONFIG = yaml.safe_load((ROOT / "config" / "formats.yaml").read_text())
FORMATS = {name: LineFormat.from_dict(name, values) for name, values in CONFIG["formats"].items()}
PLAIN = LineFormat.from_dict(
    "plain", {"header": "^(?P<time>[^ ]+) (?P<content>.*)$", "timestamp": {"text": "{time}", "format": "%s"}}
)

LOG = """before any header
081109 203518 143 INFO dfs.DataNode: Received block blk_1 of size 512 from /10.0.0.1
081109 203519 143 INFO dfs.DataNode: Received block blk_2 of size 640 from /10.0.0.2
\tat line 99 of a stack trace
081399 203519 35 INFO dfs.FSNamesystem: a month of 99 days blk_1
081109 203521 35 INFO dfs.FSNamesystem: BLOCK* delete blk_2 blk_1 after 3 s or -2.5
081109 203522 35 INFO dfs.FSNamesystem: no block at all, 7 times
081109 203523 143 INFO dfs.DataNode: Verification succeeded for blk_1
"""
NUMBERS = {2: [512.0], 3: [640.0], 6: [3.0, -2.5], 7: [7.0], 8: []}
"""Line numbers, and the numbers in the lines that parsing keeps."""


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("hdfs", "Received block blk_-12 of size 67108864 from /10.251.1.2", [67108864]),
        ("hdfs", "block blk_7 from 0 to 3145728 meta file offset to 24583", [0, 3145728, 24583]),
        ("hdfs", "BLOCK* ask 10.250.0.1:50010 to replicate blk_1 blk_2 to 10.0.0.2:50010 10.0.0.3:50010", []),
        ("hdfs", "/user/_task_200811_0001_m_000003_0/part-00003. subdir12 0x12 00544ea8 07:49:04 12/15", []),
        ("hdfs", "-5 +3 0.25, (7) [8] 99. 4: size=12;13 'x'", [-5, 3, 0.25, 7, 8, 99, 4, 12, 13]),
        ("hdfs", "took 12ms 5s 40% 3KB 9bytes but 7th and 8x", [12, 5, 40, 3, 9]),
        ("hdfs", "a version 1.2.3 and " + 50 * "9", [float(np.finfo(np.float32).max)]),
        ("hdfs", "", []),
        # Numbers that a mask of several words swallows, or that only a mask in verbose mode names.
        ("bgl", "R02-M1-N0-C:J12-U11 172.16.96.116:33569 0x00544ea8 ffffffff 12 of 345 at 2.5", [12, 345, 2.5]),
        ("plain", "in 5 steps of 0.1", [5, 0.1]),
    ],
)
def test_what_is_a_number(name: str, content: str, expected: list[float]) -> None:
    found = find_numbers(pl.Series([content, "none", content]), FORMATS.get(name, PLAIN)).to_list()
    assert found == [pytest.approx(expected), [], pytest.approx(expected)]


def test_a_mask_decides_what_belongs_together() -> None:
    entry = {**CONFIG["formats"]["hdfs"], "masks": [{"pattern": "user [0-9]+"}, {"pattern": r"\b[0-9]{2,}\b"}]}
    found = find_numbers(pl.Series(["user 77 took 12 of 3"]), LineFormat.from_dict("mine", entry))
    assert found.to_list() == [[12.0]]  # 77 is part of a longer thing, and no mask reaches into 3


def test_a_session_key_of_digits_is_no_number() -> None:
    entry = {**CONFIG["formats"]["hdfs"], "session_key": {"pattern": "[0-9]{6}"}}
    assert find_numbers(pl.Series(["job 123456 has 12"]), LineFormat.from_dict("mine", entry)).to_list() == [[12.0]]


@pytest.fixture
def parsed(tmp_path: Path) -> Path:
    (tmp_path / "raw.log").write_text(LOG)
    parse(tmp_path / "raw.log", FORMATS["hdfs"], *(tmp_path / f"{name}.parquet" for name in ("lines", "m", "r")))
    return tmp_path


def test_rows_are_those_of_the_parsed_lines(parsed: Path) -> None:
    assert extract(parsed / "raw.log", FORMATS["hdfs"], parsed / "values.parquet") == 5
    frame = pl.read_parquet(parsed / "values.parquet")
    assert frame["line"].to_list() == pl.read_parquet(parsed / "lines.parquet")["line"].to_list()
    assert dict(frame.iter_rows()) == NUMBERS


@pytest.mark.parametrize("chunk_bytes", [1, 90, 200])
def test_blocks_do_not_show(parsed: Path, chunk_bytes: int) -> None:
    extract(parsed / "raw.log", FORMATS["hdfs"], parsed / "whole.parquet")
    extract(parsed / "raw.log", FORMATS["hdfs"], parsed / "cut.parquet", chunk_bytes=chunk_bytes)
    assert (parsed / "whole.parquet").read_bytes() == (parsed / "cut.parquet").read_bytes()


def split(folder: Path, grouping: Grouping) -> dict[Path, Path]:
    """Group the lines and make parts of the sequences, in another order; return the parts and where values go."""
    sequences, _ = group(folder / "lines.parquet", grouping, None)
    write_parquet(sequences, folder / "sequences.parquet")
    events = sequences.rename({"message_ids": "events"}).with_columns(pl.col("events").list.eval(pl.element() + 2))
    write_parquet(events[::-1], folder / "train.parquet")
    write_parquet(events.head(0), folder / "test.parquet")
    extract(folder / "raw.log", FORMATS["hdfs"], folder / "values.parquet")
    return {folder / f"{part}.parquet": folder / f"{part}_values.parquet" for part in ("train", "test")}


@pytest.mark.parametrize(
    ("grouping", "expected"),
    [
        # blk_2: received and deleted; blk_1: received, deleted, verified.
        (Grouping("session"), [[[640.0], [3.0, -2.5]], [[512.0], [3.0, -2.5], []]]),
        (Grouping("window", 3, 2), [[[3.0, -2.5], [7.0], []], [[512.0], [640.0], [3.0, -2.5]]]),
        (Grouping("time", 3, 3), [[[3.0, -2.5], [7.0], []], [[512.0], [640.0]]]),
    ],
)
def test_each_event_has_the_numbers_of_its_line(parsed: Path, grouping: Grouping, expected: list[object]) -> None:
    parts = split(parsed, grouping)
    for _ in range(2):
        align(parsed / "values.parquet", parsed / "lines.parquet", parsed / "sequences.parquet", parts, by=grouping.by)
    sequences, lengths, values = read_values(parsed / "train_values.parquet")
    assert sequences.tolist() == [1, 0]
    events = [part.tolist() for part in np.split(values.numbers, values.offsets[1:-1])]
    assert [events[: lengths[0]], events[lengths[0] :]] == expected
    corpus = read_corpus(parsed / "train.parquet", values=parsed / "train_values.parquet")
    assert corpus.values is not None
    assert corpus.values.counts.tolist() == [len(each) for each in events]
    assert len(read_corpus(parsed / "test.parquet", values=parsed / "test_values.parquet")) == 0
    first = read_corpus(parsed / "train.parquet", 1, parsed / "train_values.parquet")
    assert first.values is not None
    assert first.values.counts.tolist() == [len(each) for each in events[: lengths[0]]]


def test_the_scripts_write_the_same_bytes(parsed: Path) -> None:
    parts = split(parsed, Grouping("session"))
    align(parsed / "values.parquet", parsed / "lines.parquet", parsed / "sequences.parquet", parts, by="session")
    write_parquet(pl.read_parquet(parsed / "test.parquet"), parsed / "validation.parquet")
    names = ("values", "train_values", "test_values")
    before = {name: (parsed / f"{name}.parquet").read_bytes() for name in names}
    extraction = ["--input", "raw.log", "--format-name", "hdfs", "--format", json.dumps(CONFIG["formats"]["hdfs"])]
    alignment = ["--values", "values.parquet", "--lines", "lines.parquet", "--sequences", "sequences.parquet"]
    for part in ("train", "validation", "test"):
        alignment += [f"--{part}", f"{part}.parquet", f"--{part}-values", f"{part}_values.parquet"]
    for name, options in (
        ("extract_values.py", [*extraction, "--threads", "2", "--output", "values.parquet"]),
        ("align_values.py", [*alignment, "--by", "session"]),
    ):
        subprocess.run([sys.executable, ROOT / "scripts" / name, *options], cwd=parsed, check=True)
    assert {name: (parsed / f"{name}.parquet").read_bytes() for name in names} == before


def test_files_that_do_not_belong_together_are_told(parsed: Path) -> None:
    parts = split(parsed, Grouping("session"))
    arguments = parsed / "values.parquet", parsed / "lines.parquet", parsed / "sequences.parquet"
    train = parsed / "train.parquet"
    write_parquet(pl.read_parquet(train).with_columns(pl.col("events").list.head(1)), train)
    with pytest.raises(UserError, match=r"train\.parquet and .*lines\.parquet are not of the same log"):
        align(*arguments, parts, by="session")
    write_parquet(pl.read_parquet(parsed / "values.parquet").head(3), parsed / "values.parquet")
    with pytest.raises(UserError, match=r"values\.parquet and .*lines\.parquet are not of the same log"):
        align(*arguments, parts, by="session")


def test_values_of_another_split_are_told(parsed: Path) -> None:
    parts = split(parsed, Grouping("session"))
    align(parsed / "values.parquet", parsed / "lines.parquet", parsed / "sequences.parquet", parts, by="session")
    for other in ("sequences.parquet", "test.parquet"):
        write_parquet(pl.read_parquet(parsed / other).rename({"message_ids": "events"}, strict=False), parsed / other)
    with pytest.raises(UserError, match=r"test_values\.parquet holds the values of other sequences than .*train"):
        read_corpus(parsed / "train.parquet", values=parsed / "test_values.parquet")
    with pytest.raises(UserError, match="holds the values of other sequences than"):
        read_corpus(parsed / "sequences.parquet", values=parsed / "train_values.parquet")


FOUR = Values(np.array([1, 2, 3, 4], np.float32), np.array([0, 2, 2, 3, 4]))
"""Four events with the numbers 1 and 2; none; 3; 4."""


def test_take_moves_numbers_with_their_events() -> None:
    taken = FOUR.take([3, -1, 0, 1, 0])
    assert taken.counts.tolist() == [1, 1, 2, 0, 2]
    np.testing.assert_array_equal(taken.numbers, [4, np.nan, 1, 2, 1, 2])
    corpus = replace(from_lists([[5, 6], [7, 8]]), values=FOUR)
    again = corpus.take([1, 0]).values
    assert again is not None
    assert (again.numbers.tolist(), again.counts.tolist()) == ([3, 4, 1, 2], [1, 1, 2, 0])
    joined = concatenate([corpus, corpus.take([1])]).values
    assert joined is not None
    assert (joined.numbers.tolist(), joined.offsets.tolist()) == ([1, 2, 3, 4, 3, 4], [0, 2, 2, 3, 4, 5, 6])
    assert concatenate([from_lists([[2]])]).values is None


def test_sequences_with_other_values_are_not_the_same() -> None:
    corpus = from_lists([[2, 3]] * 5)
    assert corpus.distinct()[1].tolist() == [0, 0, 0, 0, 0]
    numbers = np.array([1, 2, 1, 2, 1, 2, 1, 9, 1, 2], np.float32)
    # The third has both numbers at its first event, the fourth another number, the fifth another elapsed time.
    values = Values(numbers, np.cumsum([0, 1, 1, 1, 1, 2, 0, 1, 1, 1, 1]))
    gaps = np.array([0, 0, 0, 0, 0, 0, 0, 0, 0, 4], np.float32)
    assert replace(corpus, values=values, gaps=gaps).distinct()[1].tolist() == [0, 0, 1, 2, 3]


@pytest.mark.parametrize(
    ("operator", "positions", "expected"),
    [
        ("insert", [0, 2, 2, 4], [-1, 0, 1, -1, -1, 2, 3, -1]),
        ("delete", [1, 2], [0, 3]),
        ("replace", [0, 3], [-1, 1, 2, -1]),
        ("swap", [0, 1, 2, 3], [1, 0, 3, 2]),
        ("replace_unseen", [0, 3], [-1, 1, 2, -1]),
        ("repeat", [1, 2], [0, 1, 2, 1, 2, 3]),
        ("truncate", [2, 3], [0, 1]),
    ],
)
def test_origins_by_hand(operator: str, positions: list[int], expected: list[int]) -> None:
    nothing = np.empty(0, dtype=np.int32)
    change = Change(operator, np.asarray(positions), nothing, nothing)
    assert trace_origins(change, 4).tolist() == expected


def test_origins_of_a_shuffle_by_hand() -> None:
    original, shuffled = np.array([7, 8, 7], dtype=np.int32), np.array([8, 7, 7], dtype=np.int32)
    assert trace_origins(Change("shuffle", np.array([1, 2, 3]), original, shuffled), 5).tolist() == [0, 2, 1, 3, 4]


@given(st.lists(st.integers(2, 5), min_size=1, max_size=12), st.sampled_from(OPERATORS), st.integers(1, 4))
def test_an_event_with_an_origin_is_the_parents(parent: list[int], operator: str, changes: int) -> None:
    events, known = np.asarray(parent, dtype=np.int32), np.arange(2, 6, dtype=np.int32)
    change = propose(operator, events, known, changes, np.random.default_rng(1))
    if change is None:
        return
    mutated, _ = apply_change(events, np.zeros(len(events), np.float32), change)
    origins = trace_origins(change, len(events))
    assert len(origins) == len(mutated)
    kept = origins >= 0
    np.testing.assert_array_equal(events[origins[kept]], mutated[kept])
    # What happens twice has two events of one origin.
    again = len(change.positions) if operator == "repeat" else 0
    assert len(set(origins[kept].tolist())) == kept.sum() - again


def test_mutated_sequences_keep_the_numbers_of_their_parents(tmp_path: Path) -> None:
    values = {"sequence": [8, 3], "counts": [[2, 0], [1, 1]], "values": [[1.0, 2.0], [3.0, 4.0]]}
    types = {"sequence": pl.Int32, "counts": pl.List(pl.Int32), "values": pl.List(pl.Float32)}
    write_parquet(pl.DataFrame(values, schema=types), tmp_path / "validation_values.parquet")
    rows = {"sequence": [3, 8], "label": [True, True], "events": [[5, 9, 6], [6]], "gaps": [[0.0] * 3, [0.0]]}
    frame = pl.DataFrame(rows | {"origins": [[1, -1, 0], [1]]}, schema_overrides={"sequence": pl.Int32})
    write_parquet(frame, tmp_path / "mutated.parquet")
    found = read_mutated(tmp_path / "mutated.parquet", tmp_path / "validation_values.parquet").values
    assert found is not None
    assert found.counts.tolist() == [1, 1, 1, 0]
    np.testing.assert_array_equal(found.numbers, [4, np.nan, 3])
    assert read_mutated(tmp_path / "mutated.parquet", None).values is None
    write_parquet(frame.with_columns(sequence=pl.lit(4, pl.Int32)), tmp_path / "mutated.parquet")
    with pytest.raises(UserError, match="holds the values of other sequences than the parents"):
        read_mutated(tmp_path / "mutated.parquet", tmp_path / "validation_values.parquet")

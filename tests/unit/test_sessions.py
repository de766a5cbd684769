"""Sessions and windows in little memory: the same as by a plain loop over the lines, and the same bytes as in much."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logassay.errors import UserError
from logassay.files import parquet_pieces, write_parquet
from logassay.sequence import SEQUENCES, Grouping, Sequences, group
from logassay.sessions import Sessions
from logassay.windows import Windows

START = datetime(2026, 1, 1)
LINES = pl.Schema(
    [
        ("line", pl.Int64()),
        ("time", pl.Datetime("us")),
        ("keys", pl.List(pl.String())),
        ("alert", pl.Boolean()),
        ("message_id", pl.Int32()),
    ]
)
LOG = st.lists(
    st.tuples(
        st.integers(-30, 60),  # seconds since the line before; the clock may step back
        st.lists(st.sampled_from(["a", "b", "c", "ä", "blk_-1"]), max_size=3, unique=True),
        st.sampled_from([None, True, False]),
        st.integers(1, 3),  # lines of the raw log since the line before
    ),
    min_size=1,
    max_size=60,
)


def write(path: Path, log: list[Any], row_group: int) -> list[dict[str, Any]]:
    """Write a log as lines.parquet; return its lines."""
    time, line, rows = START, 0, []
    for number, (seconds, keys, alert, step) in enumerate(log):
        time, line = time + timedelta(seconds=seconds), line + step
        rows.append({"line": line, "time": time, "keys": keys, "alert": alert, "message_id": number})
    with parquet_pieces(path, LINES, row_group) as file:
        file.append(pl.DataFrame(rows, schema=LINES))
    return rows


def numbered(frames: list[pl.DataFrame]) -> pl.DataFrame:
    frame = pl.concat(frames)
    return frame.with_columns(sequence=pl.int_range(frame.height, dtype=pl.Int32)).select(SEQUENCES.names())


def as_bytes(frames: list[pl.DataFrame], path: Path) -> bytes:
    with parquet_pieces(path, SEQUENCES, lists="message_ids") as file:
        for frame in frames:
            file.append(frame.with_columns(sequence=pl.lit(0, dtype=pl.Int32)).select(SEQUENCES.names()))
    return path.read_bytes()


def label_of(rows: list[dict[str, Any]], rule: str) -> bool | None:
    alerts = [row["alert"] for row in rows]
    if all(alert is None for alert in alerts):
        return None
    return any(alerts) if rule == "any" else alerts[-1]


def check(frame: pl.DataFrame, expected: list[tuple[str, list[dict[str, Any]]]], rule: str) -> None:
    """Compare sequences with the ids and lines they should have."""
    assert frame["id"].to_list() == [name for name, _ in expected]
    assert frame["message_ids"].to_list() == [[row["message_id"] for row in rows] for _, rows in expected]
    gaps = []
    for _, rows in expected:
        times = [row["time"] for row in rows]
        gaps.append([0.0] + [(b - a).total_seconds() for a, b in pairwise(times)])
    assert frame["gaps"].to_list() == gaps
    assert frame["start"].to_list() == [rows[0]["time"] for _, rows in expected]
    assert frame["end"].to_list() == [rows[-1]["time"] for _, rows in expected]
    assert frame["first_line"].to_list() == [rows[0]["line"] for _, rows in expected]
    assert frame["label"].to_list() == [label_of(rows, rule) for _, rows in expected]


@settings(deadline=None, max_examples=60)
@given(LOG, st.integers(1, 20), st.integers(600, 9000))
def test_sessions(tmp_path_factory: pytest.TempPathFactory, log: list[Any], row_group: int, memory: int) -> None:
    folder = tmp_path_factory.mktemp("sessions")
    rows = write(folder / "lines.parquet", log, row_group)
    sessions: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        for key in row["keys"]:
            sessions.setdefault(key, []).append(row)
    expected = sorted(sessions.items(), key=lambda session: (session[1][0]["line"], session[0]))
    made = [Sessions(folder / "lines.parquet", bytes_, folder / "pieces") for bytes_ in (memory, 10**9)]
    little, much = (list(each.frames()) for each in made)
    for frames, each in zip((little, much), made, strict=True):
        assert each.lines_without_key == sum(not row["keys"] for row in rows)
        if sessions:
            check(numbered(frames), expected, "any")
    assert as_bytes(little, folder / "little.parquet") == as_bytes(much, folder / "much.parquet")
    # Nothing is left of the temporary files.
    assert sorted(path.name for path in folder.iterdir()) == ["lines.parquet", "little.parquet", "much.parquet"]


def line_windows(rows: list[dict[str, Any]], length: int, stride: int) -> list[list[dict[str, Any]]]:
    windows, begin = [], 0
    while begin < len(rows):
        windows.append(rows[begin : begin + length])
        if begin + length >= len(rows):
            break
        begin += stride
    return windows


def time_windows(rows: list[dict[str, Any]], span: int, step: int) -> list[list[dict[str, Any]]]:
    clock, latest = [], rows[0]["time"]
    for row in rows:
        latest = max(latest, row["time"])
        clock.append((latest - rows[0]["time"]).total_seconds())
    begins = range(0, int(clock[-1]) + 1, step)
    windows = [[row for row, at in zip(rows, clock, strict=True) if a <= at < a + span] for a in begins]
    return [window for window in windows if window]


@settings(deadline=None, max_examples=80)
@given(
    LOG,
    st.integers(1, 20),
    st.integers(1, 4000),
    st.sampled_from(["window", "time"]),
    st.integers(1, 70),
    st.integers(1, 70),
    st.sampled_from(["any", "last"]),
)
def test_windows(
    tmp_path_factory: pytest.TempPathFactory,
    log: list[Any],
    row_group: int,
    memory: int,
    by: Any,
    length: int,
    stride: int,
    rule: Any,
) -> None:
    folder = tmp_path_factory.mktemp("windows")
    rows = write(folder / "lines.parquet", log, row_group)
    cut: Callable[..., list[list[dict[str, Any]]]] = line_windows if by == "window" else time_windows
    expected = [(f"line-{window[0]['line']}", window) for window in cut(rows, length, stride)]
    made = [Windows(folder / "lines.parquet", by, length, stride, rule, bytes_) for bytes_ in (memory, 10**9)]
    little, much = (list(each.frames()) for each in made)
    for frames, each in zip((little, much), made, strict=True):
        check(numbered(frames), expected, rule)
        assert each.lines_used == len({row["line"] for _, window in expected for row in window})
    assert as_bytes(little, folder / "little.parquet") == as_bytes(much, folder / "much.parquet")


def test_a_session_over_the_whole_log_does_not_hold_up_the_others(tmp_path: Path) -> None:
    path = tmp_path / "lines.parquet"
    rows = write(path, [(1, ["all", f"k{number // 4}"], None, 1) for number in range(4000)], 500)
    little = list(Sessions(path, 200_000, tmp_path / "pieces").frames())
    frame = numbered(little)
    # Both begin with the first line: the key settles their order.
    assert frame["id"].to_list() == ["all", *(f"k{number}" for number in range(1000))]
    assert frame["message_ids"][0].to_list() == [row["message_id"] for row in rows]
    assert as_bytes(little, tmp_path / "a") == as_bytes(
        list(Sessions(path, 10**9, tmp_path / "pieces").frames()), tmp_path / "b"
    )


def test_lines_without_times_give_sessions_without_times_but_no_windows_of_time(tmp_path: Path) -> None:
    path = tmp_path / "lines.parquet"
    write(path, [(1, ["a"], None, 1), (1, ["a"], None, 1)], 10)
    write_parquet(pl.read_parquet(path).with_columns(time=pl.lit(None, dtype=pl.Datetime("us"))), path)
    for grouping in (Grouping("session"), Grouping("window", 2, 2)):
        frame, _ = group(path, grouping, None)
        assert frame["gaps"].to_list() == [[0, 0]]
        assert frame.select("start", "end").row(0) == (None, None)
    with pytest.raises(UserError, match="has lines without a time, which no window of time can hold"):
        group(path, Grouping("time", 2, 2), None)


def test_row_groups_do_not_depend_on_the_pieces(tmp_path: Path) -> None:
    schema = pl.Schema({"row": pl.Int64(), "events": pl.List(pl.Int32())})
    lengths = [3, 0, 90, 1, 1, 500, 2, 2, 2, 2, 2, 2]
    frame = pl.DataFrame({"row": range(12), "events": [[1] * length for length in lengths]}, schema=schema)
    for number, size in enumerate((1, 5, 12)):
        with parquet_pieces(tmp_path / f"{number}", schema, 100, "events") as file:
            for begin in range(0, 12, size):
                file.append(frame.slice(begin, size))
    assert len({(tmp_path / f"{number}").read_bytes() for number in range(3)}) == 1
    # A row counts as 16 elements and its own; the one that reaches 100 is the last of its group.
    with (tmp_path / "0").open("rb") as stream:
        found = pq.ParquetFile(stream).metadata
        assert [found.row_group(group).num_rows for group in range(found.num_row_groups)] == [3, 3, 6]
    assert pl.read_parquet(tmp_path / "0").equals(frame)


def test_report_is_that_of_all_pieces_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lines.parquet"
    write(path, [(1, [f"k{number % 7}"] if number % 10 else [], None, 1) for number in range(500)], 50)
    reports = []
    for memory in (4000, 10**9):
        monkeypatch.setattr("logassay.sequence.LEAST_MEMORY", memory)
        sequences = Sequences(path, Grouping("session"), None, 0, tmp_path / "pieces")
        assert sum(frame.height for frame in sequences.frames()) == 7
        reports.append(sequences.report())
    assert reports[0] == reports[1]
    assert (reports[0]["lines"], reports[0]["lines_in_sequences"], reports[0]["lines_left_out"]) == (500, 450, 50)
    # 450 lines over 7 keys: keys 0, 1, 2 ... have 64 or 65 of them.
    assert set(reports[0]["length_quantiles"].values()) <= {63, 64, 65}

"""Grouping lines into sequences; every expectation is worked out by hand on ten lines."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from logassay.errors import UserError
from logassay.files import write_parquet
from logassay.lines import LINES
from logassay.sequence import Grouping, Labels, group, read_labels

START = datetime(2026, 1, 1)


def lines(path: Path, keys: list[list[str]], seconds: list[float], alerts: list[bool | None] | None = None) -> Path:
    count = len(keys)
    write_parquet(
        pl.DataFrame(
            {
                "line": list(range(1, count + 1)),
                "time": [START + timedelta(seconds=second) for second in seconds],
                "keys": keys,
                "alert": [None] * count if alerts is None else alerts,
                "message_id": list(range(count)),
                "joined": [0] * count,
            },
            schema=LINES,
        ),
        path,
    )
    return path


def label_csv(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_sessions_interleave_share_lines_and_keep_file_order(tmp_path: Path) -> None:
    keys = [["b"], ["a"], ["a", "b"], [], ["b"], ["c"]]
    path = lines(tmp_path / "lines.parquet", keys, [0, 1, 2, 3, 4.5, 5])
    frame, report = group(path, Grouping("session"), None)
    assert frame["id"].to_list() == ["b", "a", "c"]
    assert frame["message_ids"].to_list() == [[0, 2, 4], [1, 2], [5]]
    assert frame["gaps"].to_list() == [[0, 2, 2.5], [0, 1], [0]]
    assert frame["first_line"].to_list() == [1, 2, 6]
    assert frame["end"][0] == START + timedelta(seconds=4.5)
    assert frame["label"].to_list() == [None, None, None]
    assert (report["lines"], report["lines_in_sequences"], report["lines_left_out"]) == (6, 5, 1)


def test_session_labels_and_kinds_come_from_the_files(tmp_path: Path) -> None:
    path = lines(tmp_path / "lines.parquet", [["a"], ["b"], ["c"]], [0, 1, 2])
    labels = Labels(
        label_csv(tmp_path / "l.csv", "BlockId,Label\na,Normal\nb,Anomaly\nz,Normal\n"),
        kinds=label_csv(tmp_path / "k.csv", "BlockId,Kind\nb,empty packet\n"),
    )
    frame, report = group(path, Grouping("session"), labels)
    assert frame["label"].to_list() == [False, True, None]
    assert frame["kind"].to_list() == [None, "empty packet", None]
    assert (report["normal"], report["anomalous"], report["unlabelled"]) == (1, 1, 1)
    assert report["labels_without_sequence"] == 1


def test_line_alerts_label_a_session(tmp_path: Path) -> None:
    path = lines(tmp_path / "lines.parquet", [["a"], ["a"], ["b"]], [0, 1, 2], [False, True, False])
    frame, _ = group(path, Grouping("session"), None)
    assert frame["label"].to_list() == [True, False]


@pytest.mark.parametrize(
    ("length", "stride", "expected"),
    [
        (5, 5, [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]),
        (4, 4, [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]),
        (4, 3, [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9]]),
        (20, 20, [list(range(10))]),
        (2, 6, [[0, 1], [6, 7]]),
    ],
)
def test_windows_of_lines(tmp_path: Path, length: int, stride: int, expected: list[list[int]]) -> None:
    path = lines(tmp_path / "lines.parquet", [[]] * 10, list(range(10)))
    frame, report = group(path, Grouping("window", length, stride), None)
    assert frame["message_ids"].to_list() == expected
    covered = len({line for window in expected for line in window})
    assert (report["lines_in_sequences"], report["lines_left_out"]) == (covered, 10 - covered)
    assert report["independent_after"] == -(-length // stride)


@pytest.mark.parametrize(("rule", "expected"), [("any", [True, False, True]), ("last", [False, False, True])])
def test_a_window_is_labelled_by_any_or_by_its_last_line(tmp_path: Path, rule: str, expected: list[bool]) -> None:
    alerts = [True, False, False, False, False, True]
    path = lines(tmp_path / "lines.parquet", [[]] * 6, list(range(6)), alerts)
    frame, _ = group(path, Grouping("window", 2, 2, rule), None)  # type: ignore[arg-type]
    assert frame["label"].to_list() == expected


def test_windows_take_the_labels_of_their_sessions(tmp_path: Path) -> None:
    path = lines(tmp_path / "lines.parquet", [["a"], ["b"], ["a", "b"], ["a"]], [0, 1, 2, 3])
    labels = Labels(label_csv(tmp_path / "l.csv", "BlockId,Label\na,Normal\nb,Anomaly\n"))
    frame, _ = group(path, Grouping("window", 1, 1), labels)
    assert frame["label"].to_list() == [False, True, True, False]


def test_windows_of_time_overlap_skip_silence_and_survive_a_clock_that_steps_back(tmp_path: Path) -> None:
    path = lines(tmp_path / "lines.parquet", [[]] * 6, [0, 5, 12, 11, 100, 109.5])
    frame, report = group(path, Grouping("time", 10, 5), None)
    # Windows begin every 5 s: [0,10) [5,15) [10,20) ... [95,105) [100,110) [105,115). The fourth line steps back.
    assert frame["message_ids"].to_list() == [[0, 1], [1, 2, 3], [2, 3], [4], [4, 5], [5]]
    assert report["lines_left_out"] == 0


def test_time_windows_with_holes_count_the_lines_between(tmp_path: Path) -> None:
    path = lines(tmp_path / "lines.parquet", [[]] * 4, [0, 3, 7, 10])
    frame, report = group(path, Grouping("time", 2, 5), None)
    assert frame["message_ids"].to_list() == [[0], [3]]
    assert (report["lines_in_sequences"], report["lines_left_out"]) == (2, 2)


def test_sessions_equal_pandas_groupby(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    keys = [[f"k{key}"] for key in rng.integers(0, 3000, 50_000)]
    path = lines(tmp_path / "lines.parquet", keys, list(range(50_000)))
    frame, _ = group(path, Grouping("session"), None)
    table = pl.DataFrame({"key": [key[0] for key in keys], "id": range(50_000)}).to_pandas()
    expected = table.groupby("key", sort=False)["id"].apply(list)
    assert frame["id"].to_list() == expected.index.to_list()
    assert frame["message_ids"].to_list() == expected.to_list()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("BlockId,Label\na,normal\n", r"line 2 has the label 'normal', which is neither 'Normal' nor 'Anomaly'"),
        ("BlockId,Klass\na,Normal\n", r"has no column 'Label' but 'BlockId', 'Klass'"),
        ("BlockId,Label\na,Normal\na,Anomaly\n", r"labels 'a' both ways"),
        ("BlockId,Label\n\na\n", r"line 3 has the label '', which is neither"),
        ("BlockId,Label\n,Normal\n", r"line 2 has no BlockId"),
        ("BlockId,Label\n", r"labels no session; add some"),
        (
            "BlockId;Label\r\na;Normal\r\n",
            r"one column 'BlockId;Label', not 'BlockId'; separate its columns by comm",
        ),
        ("", r"is not a readable CSV file"),
    ],
)
def test_wrong_label_files_are_told(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_labels(Labels(label_csv(tmp_path / "l.csv", text)))


def test_labels_of_another_log_are_told(tmp_path: Path) -> None:
    path = lines(tmp_path / "lines.parquet", [["a"], ["b"]], [0, 1])
    labels = Labels(label_csv(tmp_path / "l.csv", "BlockId,Label\nblk_1,Normal\n"))
    with pytest.raises(UserError, match=r"names none of the log's 2 sessions: it has 'blk_1', the log has 'a'"):
        group(path, Grouping("session"), labels)


def test_no_session_key_at_all_is_told(tmp_path: Path) -> None:
    path = lines(tmp_path / "lines.parquet", [[], []], [0, 1])
    with pytest.raises(UserError, match="gives no sequence when grouped by session"):
        group(path, Grouping("session"), None)

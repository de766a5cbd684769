"""Labels by intervals of time and by lists; every expectation is worked out by hand on a few lines."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import polars as pl
import pytest

from logassay.errors import UserError
from logassay.files import write_parquet
from logassay.labels import Incidents, Intervals, Labels, read_intervals, read_labels
from logassay.lines import LINES
from logassay.sequence import Grouping, group

START = datetime(2026, 1, 1, 12)


def csv(folder: Path, *rows: str, header: str = "start,end,kind") -> Path:
    path = folder / "incidents.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat(" ")


def lines(folder: Path, seconds: list[float | None], keys: list[list[str]] | None = None) -> Path:
    count = len(seconds)
    path = folder / "lines.parquet"
    write_parquet(
        pl.DataFrame(
            {
                "line": range(1, count + 1),
                "time": [None if second is None else START + timedelta(seconds=second) for second in seconds],
                "keys": keys or [[] for _ in seconds],
                "alert": [None] * count,
                "message_id": range(count),
                "joined": [0] * count,
            },
            schema=LINES,
        ),
        path,
    )
    return path


def alerts(folder: Path, seconds: list[float | None], *rows: str) -> tuple[list[bool | None], dict[str, Any]]:
    incidents = Incidents(Intervals(csv(folder, *rows)))
    labelled = incidents.relabel(pl.read_parquet(lines(folder, seconds)))
    incidents.check()
    return labelled["alert"].to_list(), incidents.report()


def test_both_ends_of_an_interval_belong_to_it(tmp_path: Path) -> None:
    found, report = alerts(tmp_path, [9.999999, 10, 15, 20, 20.000001], f"{at(10)},{at(20)},a")
    assert found == [False, True, True, True, False]
    assert report == {"intervals": 1, "intervals_without_line": 0, "lines_in_intervals": 3}


def test_intervals_may_overlap_hold_each_other_and_hold_no_line(tmp_path: Path) -> None:
    # 10..50 holds 20..25 and overlaps 45..60; 70..80 holds no line; 90..90 is a moment. The order does not matter.
    rows = [(90, 90), (70, 80), (20, 25), (45, 60), (10, 50)]
    found, report = alerts(tmp_path, [5, 22, 30, 55, 61, 69, 90, 91], *(f"{at(a)},{at(b)},x" for a, b in rows))
    assert found == [False, True, True, True, False, False, True, False]
    assert report == {"intervals": 5, "intervals_without_line": 1, "lines_in_intervals": 4}


def test_lines_without_a_time_have_no_label_and_a_clock_may_step_back(tmp_path: Path) -> None:
    found, _ = alerts(tmp_path, [30, None, 12, 40], f"{at(10)},{at(20)},a")
    assert found == [False, None, True, False]


def test_lines_in_pieces_are_counted_once(tmp_path: Path) -> None:
    incidents = Incidents(Intervals(csv(tmp_path, f"{at(0)},{at(1)},a", f"{at(5)},{at(6)},b")))
    frame = pl.read_parquet(lines(tmp_path, [0, 3, 5, 5, 9]))
    found = [incidents.relabel(frame[row : row + 2])["alert"] for row in range(0, 5, 2)]
    assert pl.concat(found).to_list() == [True, False, True, True, False]
    assert incidents.report() == {"intervals": 2, "intervals_without_line": 0, "lines_in_intervals": 3}


def test_a_session_is_anomalous_if_any_line_of_it_lies_in_an_interval(tmp_path: Path) -> None:
    path = lines(tmp_path, [0, 1, 2, 3, 4], [["a"], ["b"], ["a", "b"], ["c"], ["c"]])
    intervals = Intervals(csv(tmp_path, f"{at(1)},{at(1.5)},disk", f"{at(3.5)},{at(9)},"), kind="kind")
    frame, report = group(path, Grouping("session"), intervals, folder=tmp_path)
    assert frame["id"].to_list() == ["a", "b", "c"]
    assert frame["label"].to_list() == [False, True, True]
    assert frame["kind"].to_list() == [None, "disk", None]
    assert (report["anomalous"], report["normal"], report["unlabelled"]) == (2, 1, 0)
    assert (report["intervals"], report["intervals_without_line"], report["lines_in_intervals"]) == (2, 0, 2)


@pytest.mark.parametrize(
    ("by", "rule", "expected"),
    [
        ("window", "any", [True, False, True]),
        ("window", "last", [False, False, True]),
        ("time", "any", [True, False, True]),
    ],
)
def test_windows_are_labelled_likewise(
    tmp_path: Path, by: Literal["window", "time"], rule: Literal["any", "last"], expected: list[bool]
) -> None:
    path = lines(tmp_path, [0, 1, 2, 3, 4, 5])
    rows = (f"{at(0)},{at(0)},start", f"{at(5)},{at(6)},end")
    frame, _ = group(path, Grouping(by, 2, 2, rule), Intervals(csv(tmp_path, *rows), kind="kind"), folder=tmp_path)
    assert frame["label"].to_list() == expected
    assert frame["kind"].to_list() == ["start" if expected[0] else None, None, "end"]


@pytest.mark.parametrize(
    ("text", "zone", "utc", "expected"),
    [
        ("2026-01-01 12:00:00", None, False, datetime(2026, 1, 1, 12)),
        ("2026-01-01T12:00", None, True, datetime(2026, 1, 1, 12)),
        ("20260101T120000.5", None, True, datetime(2026, 1, 1, 12, 0, 0, 500_000)),
        ("2026-01-01 12:00:00", "Asia/Seoul", True, datetime(2026, 1, 1, 3)),
        ("2026-07-01 12:00:00", "Europe/Berlin", True, datetime(2026, 7, 1, 10)),
        ("2026-01-01 12:00:00", "-05:30", True, datetime(2026, 1, 1, 17, 30)),
        ("2026-01-01T12:00:00+09:00", "Europe/Berlin", True, datetime(2026, 1, 1, 3)),
        ("2026-01-01T12:00:00Z", None, True, datetime(2026, 1, 1, 12)),
    ],
)
def test_zones_of_intervals(tmp_path: Path, text: str, zone: str | None, utc: bool, expected: datetime) -> None:
    read = read_intervals(Intervals(csv(tmp_path, f"{text},2027-01-01 00:00:00,"), zone=zone, utc=utc))
    assert read["start"].to_list() == [expected]


def test_the_columns_may_have_other_names(tmp_path: Path) -> None:
    path = csv(tmp_path, "x,2026-01-02 00:00:00,2026-01-01 00:00:00", header="what,to,from")
    read = read_intervals(Intervals(path, start="from", end="to", kind="what"))
    assert read.rows() == [(datetime(2026, 1, 1), datetime(2026, 1, 2), "x")]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("2026-01-01 12:00:01,2026-01-01 12:00:00,", "line 2 ends .* before it starts"),
        ("soon,2026-01-01 12:00:00,", "line 2 has the start 'soon', which is no date with a time of day"),
        ("2026-01-01,2026-01-02,", "line 2 has the start '2026-01-01', which is no date with a time of day"),
        (",2026-01-02 00:00:00,", "line 2 has no start; write a time there"),
        ("\n2026-01-01 12:00:00,,", "line 3 has no end; .* has not ended yet, one behind the end of the log"),
        ("9" * 1000 + ",2026-01-02 00:00:00,", "line 2 has the start '9{80}', which is no date"),
        ("2026-01-01T12:00:00Z,2026-01-01T13:00:00Z,", "with a zone, but the times of the log have none"),
    ],
)
def test_wrong_intervals_are_told(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_intervals(Intervals(csv(tmp_path, row)))


@pytest.mark.parametrize(
    ("intervals", "message"),
    [
        (
            {"kind": "what"},
            "has no column 'what' but 'start', 'end', 'kind'; name its columns in the dataset's labels.st",
        ),
        ({"zone": "Mars"}, "labels.zone is 'Mars'; give a name such as Asia/Seoul"),
    ],
)
def test_wrong_settings_of_intervals_are_told(tmp_path: Path, intervals: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_intervals(Intervals(csv(tmp_path, f"{at(0)},{at(1)},"), utc=True, **intervals))  # type: ignore[arg-type]


def test_blanks_around_a_key_do_not_part_it_from_its_kind(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_bytes(b"\xef\xbb\xbfBlockId,Label\r\n a ,Anomaly\r\na, Anomaly\r\nb,Normal\r\n")
    (tmp_path / "kinds.csv").write_text("BlockId,Kind\n a , disk\n")
    read = read_labels(Labels(tmp_path / "labels.csv", kinds=tmp_path / "kinds.csv"))
    assert read.rows() == [("a", True, "disk"), ("b", False, None)]


def test_a_list_as_spreadsheets_write_it(tmp_path: Path) -> None:
    """A byte order mark, CRLF, quotes and blank lines are no matter; semicolons are told."""
    path = tmp_path / "incidents [1].csv"
    path.write_bytes(b'\xef\xbb\xbfstart,end\r\n"2026-01-01 12:00:00",2026-01-01 12:00:10\r\n\r\n')
    assert read_intervals(Intervals(path)).rows() == [(START, START + timedelta(seconds=10), None)]
    path.write_bytes(b"\xef\xbb\xbfstart;end\r\n2026-01-01 12:00:00;2026-01-01 12:00:10\r\n")
    with pytest.raises(UserError, match="has the one column 'start;end', not 'start'; separate its columns by commas"):
        read_intervals(Intervals(path))


def test_the_ends_of_all_times_are_the_same_in_every_zone(tmp_path: Path) -> None:
    path = csv(tmp_path, "0001-01-01 00:00:00,9999-12-31 23:59:59,")
    found = read_intervals(Intervals(path, zone="Asia/Seoul", utc=True))
    assert found.row(0)[:2] == (datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59))


def test_an_empty_or_missing_list_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="lists no interval"):
        read_intervals(Intervals(csv(tmp_path)))
    with pytest.raises(UserError, match=r"does not exist; correct the dataset's labels\.intervals"):
        read_intervals(Intervals(tmp_path / "none.csv"))


def test_intervals_of_another_log_are_told(tmp_path: Path) -> None:
    path = lines(tmp_path, [0, 60])
    intervals = Intervals(csv(tmp_path, "2025-01-01 00:00:00,2025-01-01 01:00:00,"))
    with pytest.raises(
        UserError, match=r"lies in any of the 1 intervals .* from 2026-01-01 12:00:00 to 2026-01-01 12:01"
    ):
        group(path, Grouping("window", 1, 1), intervals, folder=tmp_path)


def listed(folder: Path, text: str, pattern: str = "vm-[0-9]+") -> Labels:
    path = folder / "failed.txt"
    path.write_text(text)
    return Labels(path, listed=pattern)


def test_a_text_lists_the_anomalous_sessions_and_all_others_are_normal(tmp_path: Path) -> None:
    log = lines(tmp_path, [0, 1, 2, 3, 4], [["vm-1"], ["vm-2"], ["vm-1"], ["vm-3"], []])
    labels = listed(tmp_path, "These failed: vm-2, and vm-2 again;\nvm-9 is of another log\n")
    sequences, report = group(log, Grouping("session"), labels)
    assert dict(sequences.select("id", "label").iter_rows()) == {"vm-1": False, "vm-2": True, "vm-3": False}
    counts = {name: report[name] for name in ("anomalous", "normal", "unlabelled", "labels_without_sequence")}
    assert counts == {"anomalous": 1, "normal": 2, "unlabelled": 0, "labels_without_sequence": 1}
    # A line without a key has no label.
    windows, _ = group(log, Grouping("window", 1, 1), labels)
    assert windows["label"].to_list() == [False, True, False, False, None]


def test_brackets_in_the_pattern_hold_the_key(tmp_path: Path) -> None:
    assert read_labels(listed(tmp_path, "failed 7 and 8", r"(?:failed|and) (\d)"))["id"].to_list() == ["7", "8"]


@pytest.mark.parametrize(
    ("text", "pattern", "message"),
    [
        ("nothing failed", "vm-[0-9]+", r"failed\.txt has nothing that labels\.listed \('vm-\[0-9\]\+'\) matches"),
        ("vm-1", "vm-(", r"labels\.listed is 'vm-\(', which is no valid pattern"),
        ("vm-7", "vm-[0-9]+", r"names none of the log's 1 sessions: it has 'vm-7', .* correct labels\.listed"),
    ],
)
def test_wrong_lists_are_told(tmp_path: Path, text: str, pattern: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        group(lines(tmp_path, [0.0], [["vm-1"]]), Grouping("session"), listed(tmp_path, text, pattern))

"""Labels that come from files: one per session, or the intervals of incidents.

What is anomalous is said here; which lines make a sequence is decided in sequence.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from logassay.clock import to_utc
from logassay.errors import UserError

LINE = "line of the file"
EARLIEST_YEAR, LATEST_YEAR = 2, 9998
"""Years whose times are also times in any other zone."""
TEXT = 80
"""Characters of a text that an error shows."""


@dataclass(frozen=True)
class Labels:
    """A CSV with one label per session, such as Loghub's `anomaly_label.csv`, and optionally one with the kinds.

    Attributes
    ----------
    path : Path
        CSV with a header line.
    key, label : str
        Names of the columns that hold the session key and its label.
    normal, anomalous : str
        The two values of the label column.
    kinds : Path or None
        CSV with the columns `key` and `Kind`: what sort of anomaly a session is, where that is known.
    listed : str or None
        Pattern (Rust syntax) for the keys of anomalous sessions in a text that lists no others; or for what is in the
        first brackets, if it has any. The columns have no effect then.
    """

    path: Path
    key: str = "BlockId"
    label: str = "Label"
    normal: str = "Normal"
    anomalous: str = "Anomaly"
    kinds: Path | None = None
    listed: str | None = None

    @property
    def others(self) -> bool | None:
        """Label of sessions that the file does not name: normal, where it lists the anomalous ones."""
        return None if self.listed is None else False


def read_labels(labels: Labels) -> pl.DataFrame:
    """Read session labels.

    Returns
    -------
    polars.DataFrame
        Columns `id` (str), `label` (bool, True = anomalous), `kind` (str or null).

    Raises
    ------
    UserError
        If a column is missing, a value is neither normal nor anomalous, or a session has two labels.
    """
    if labels.listed is not None:
        return _read_list(labels.path, labels.listed).with_columns(label=True, kind=pl.lit(None, dtype=pl.String))
    names = "labels.key and labels.label"
    frame = _read_csv(labels.path, [labels.key, labels.label], "labels.file", names)
    if not frame.height:
        raise UserError(f"{labels.path} labels no session; add some, or remove the dataset's labels.")
    frame = frame.select(LINE, id=_stripped(labels.key), value=_stripped(labels.label))
    wrong = frame.filter(~pl.col("value").is_in([labels.normal, labels.anomalous]))
    if wrong.height:
        line, _, value = wrong.row(0)
        raise UserError(
            f"{labels.path} line {line} has the label {value[:TEXT]!r}, which is neither {labels.normal!r} nor "
            f"{labels.anomalous!r}; set the dataset's labels.normal and labels.anomalous to the values in the file."
        )
    nameless = frame.filter(pl.col("id") == "")
    if nameless.height:
        raise UserError(f"{labels.path} line {nameless[LINE][0]} has no {labels.key}; correct or remove it.")
    frame = frame.select("id", label=pl.col("value") == labels.anomalous).unique(maintain_order=True)
    twice = frame.filter(pl.col("id").is_duplicated())
    if twice.height:
        raise UserError(f"{labels.path} labels {twice['id'][0][:TEXT]!r} both ways; keep one line for each session.")
    if labels.kinds is None:
        return frame.with_columns(kind=pl.lit(None, dtype=pl.String))
    kinds = _read_csv(labels.kinds, [labels.key, "Kind"], "labels.kinds", "labels.key").select(
        id=_stripped(labels.key), kind=_stripped("Kind").replace("", None)
    )
    return frame.join(kinds.unique("id", maintain_order=True), on="id", how="left", maintain_order="left")


def _read_list(path: Path, pattern: str) -> pl.DataFrame:
    """Return the distinct keys, as `id`, that a text lists."""
    try:
        lines = pl.Series("line", path.read_text(encoding="utf-8", errors="replace").splitlines(), dtype=pl.String)
    except OSError as error:
        raise UserError(f"The label file {path} cannot be read ({error.strerror}); correct labels.file.") from None
    try:
        found = lines.str.extract_all(pattern).explode(empty_as_null=False).alias("id")
        if found.str.extract_groups(pattern).struct.fields:
            found = found.str.extract(pattern).alias("id")
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"labels.listed is {pattern!r}, which is no valid pattern ({reason}); correct it.") from None
    keys = found.drop_nulls().unique(maintain_order=True)
    if not len(keys):
        raise UserError(f"{path} has nothing that labels.listed ({pattern!r}) matches; correct the pattern.")
    return keys.to_frame()


def _stripped(column: str) -> pl.Expr:
    return pl.col(column).str.strip_chars().fill_null("")


def _read_csv(path: Path, columns: list[str], key: str, names: str) -> pl.DataFrame:
    """Read columns of a CSV as text, with the number of each `LINE`; blank lines are left out."""
    try:
        frame = pl.read_csv(path, infer_schema=False, glob=False)
    except FileNotFoundError:
        raise UserError(f"The label file {path} does not exist; correct the dataset's {key}.") from None
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UserError(f"{path} is not a readable CSV file ({str(error).splitlines()[0]}); correct it.") from None
    missing = [column for column in columns if column not in frame.columns]
    if missing and frame.width == 1 and re.search("[;\t]", frame.columns[0]):
        raise UserError(
            f"{path} has the one column {frame.columns[0][:TEXT]!r}, not {missing[0]!r}; "
            "separate its columns by commas, not by semicolons or tabs."
        )
    if missing:
        raise UserError(
            f"{path} has no column {missing[0]!r} but {', '.join(map(repr, frame.columns))[:1000]}; "
            f"name its columns in the dataset's {names}."
        )
    blank = pl.all_horizontal(pl.all().is_null())
    kept = frame.select(~blank).to_series()
    numbers = pl.int_range(2, frame.height + 2, eager=True).alias(LINE)
    return frame.select(list(dict.fromkeys(columns))).insert_column(0, numbers).filter(kept)


def line_labels(lines: pl.DataFrame, labels: pl.DataFrame, others: bool | None = None) -> pl.DataFrame:
    """Give each line the label of its sessions, `others` for those without: anomalous if any of them is."""
    exploded = (
        lines.select("line", id="keys").explode("id", empty_as_null=True).join(labels, on="id", how="left").sort("line")
    )
    if others is not None:
        exploded = exploded.with_columns(label=pl.when(pl.col("id") != "").then(pl.col("label").fill_null(others)))
    per_line = exploded.group_by("line", maintain_order=True).agg(
        alert=pl.when(pl.col("label").is_not_null().any()).then(pl.col("label").any())
    )
    return lines.drop("alert").with_columns(alert=per_line["alert"])


@dataclass(frozen=True)
class Intervals:
    """A CSV with the intervals in which something was wrong, such as a list of incidents.

    Attributes
    ----------
    path : Path
        CSV with a header line. Times are ISO 8601 with a date and a time of day; both ends belong to the interval.
    start, end : str
        Names of the columns with the two ends.
    kind : str or None
        Name of the column that says what was wrong.
    zone : str or None
        Zone of times without one. None: they are what the log's times are.
    utc : bool
        Whether the log's times are UTC; if not, they are as written, and so must these be.
    """

    path: Path
    start: str = "start"
    end: str = "end"
    kind: str | None = None
    zone: str | None = None
    utc: bool = False


def read_intervals(intervals: Intervals) -> pl.DataFrame:
    """Read intervals.

    Returns
    -------
    polars.DataFrame
        Columns `start`, `end` (datetime, as the log's times), `kind` (str or null), sorted by `start`.

    Raises
    ------
    UserError
        If a column is missing, there is no interval, or one of them has no times, ends before it starts, or has a zone
        although the log has none.
    """
    columns = [intervals.start, intervals.end, *([intervals.kind] if intervals.kind else [])]
    names = "labels.start, labels.end and labels.kind"
    frame = _read_csv(intervals.path, columns, "labels.intervals", names)
    if not frame.height:
        raise UserError(f"{intervals.path} lists no interval; add some, or remove the dataset's labels.")
    ends = {}
    for name in (intervals.start, intervals.end):
        ends[name] = [_time(intervals, line, name, text or "") for line, text in frame.select(LINE, name).iter_rows()]
    kind = pl.col(intervals.kind).str.strip_chars().replace("", None) if intervals.kind else pl.lit(None, pl.String)
    read = frame.select(
        pl.Series("start", ends[intervals.start], dtype=pl.Datetime("us")),
        pl.Series("end", ends[intervals.end], dtype=pl.Datetime("us")),
        kind=kind,
    )
    wrong = read.insert_column(0, frame[LINE]).filter(pl.col("end") < pl.col("start"))
    if wrong.height:
        line, start, end, _ = wrong.row(0)
        raise UserError(f"{intervals.path} line {line} ends ({end}) before it starts ({start}); correct it.")
    return read.drop(LINE).sort("start", maintain_order=True)


def _time(intervals: Intervals, line: int, column: str, text: str) -> datetime:
    """Read one end of an interval."""
    place = f"{intervals.path} line {line}"
    text = text.strip()
    if not text:
        raise UserError(
            f"{place} has no {column}; write a time there (for what has not ended yet, one behind the end of the log)."
        )
    try:
        time = datetime.fromisoformat(text)
        bare = time if time.tzinfo is None else time.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        time = None
    if time is None or len(text) < len("20260131T1345"):
        raise UserError(
            f"{place} has the {column} {text[:TEXT]!r}, which is no date with a time of day; "
            "write it like 2026-01-31 13:45:00, with +09:00 or Z behind it where it has a zone."
        )
    if time.tzinfo is not None:
        if not intervals.utc:
            raise UserError(
                f"{place} has the {column} {text!r} with a zone, but the times of the log have none; "
                "set timestamp.zone of the dataset's format, or leave the zone out."
            )
        return bare
    if intervals.zone is None or not EARLIEST_YEAR <= bare.year <= LATEST_YEAR:
        return bare  # such as 9999-12-31 for what has no end
    try:
        utc: datetime = to_utc(pl.Series([bare]), intervals.zone).item()
    except pl.exceptions.PolarsError:
        raise UserError(
            f"The dataset's labels.zone is {intervals.zone!r}; give a name such as Asia/Seoul or an offset like +09:00."
        ) from None
    return utc


class Incidents:
    """Labels lines by intervals: those in one are anomalous, and all others with a time are normal.

    What is counted on the way is that of all lines once they have all passed.
    """

    def __init__(self, intervals: Intervals) -> None:
        self._path = intervals.path
        self._table = read_intervals(intervals)
        self._start, self._end = (self._table[name].to_physical().to_numpy() for name in ("start", "end"))
        # The end of all intervals up to each; where the next one starts later, nothing is wrong in between.
        self._reach = np.maximum.accumulate(self._end)
        self._met = np.zeros(len(self._start), dtype=bool)
        self._lines = 0
        self._first: datetime | None = None
        self._last: datetime | None = None

    def relabel(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Give lines with a `time` an `alert`; lines without one have no label."""
        time = lines["time"].drop_nulls()
        if len(time):
            low, high = time.min(), time.max()
            assert isinstance(low, datetime)
            assert isinstance(high, datetime)
            self._first = low if self._first is None else min(self._first, low)
            self._last = high if self._last is None else max(self._last, high)
        clock = time.to_physical().to_numpy()
        before = np.searchsorted(self._start, clock, side="right") - 1
        inside = (before >= 0) & (clock <= self._reach[before])
        self._lines += int(inside.sum())
        ordered = np.sort(clock[inside])
        self._met |= np.searchsorted(ordered, self._start, "left") < np.searchsorted(ordered, self._end, "right")
        alert = pl.Series("alert", [None], dtype=pl.Boolean).new_from_index(0, lines.height)
        return lines.with_columns(alert.scatter(lines["time"].is_not_null().arg_true(), pl.Series(inside)))

    def with_kinds(self, sequences: pl.DataFrame) -> pl.DataFrame:
        """Give anomalous sequences the `kind` of the first interval that overlaps their time."""
        low = sequences.select(pl.min_horizontal("start", "end")).to_series().to_physical().fill_null(0).to_numpy()
        high = sequences.select(pl.max_horizontal("start", "end")).to_series().to_physical().fill_null(0).to_numpy()
        # The first interval that ends at or after the start of the sequence is the first that reaches so far.
        first = np.minimum(np.searchsorted(self._reach, low, side="left"), len(self._reach) - 1)
        overlaps = pl.Series((self._start[first] <= high) & (self._end[first] >= low))
        kind = self._table["kind"].gather(first)
        return sequences.with_columns(
            kind=pl.when(pl.col("label") & overlaps).then(kind).otherwise(pl.lit(None, pl.String))
        )

    def check(self) -> None:
        """Raise UserError if no line lies in any interval."""
        if not self._met.any():
            start, end, _ = self._table.row(0)
            raise UserError(
                f"No line of the log lies in any of the {len(self._met)} intervals of {self._path}: the log runs from "
                f"{self._first} to {self._last}, the first interval from {start} to {end}; "
                "give the intervals of this log, or set labels.zone."
            )

    def report(self) -> dict[str, Any]:
        """Return the counts."""
        return {
            "intervals": len(self._met),
            "intervals_without_line": int((~self._met).sum()),
            "lines_in_intervals": self._lines,
        }

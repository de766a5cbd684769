"""From parsed lines to sequences: by session key, by a window of lines, or by a span of time.

A sequence keeps the message ids of its lines in file order; which template a message has is decided after the split.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from logassay.errors import UserError
from logassay.files import write_json, write_parquet
from logassay.labels import Labels, line_labels, read_labels

COLUMNS = ["sequence", "id", "label", "kind", "start", "end", "first_line", "message_ids", "gaps"]


@dataclass(frozen=True)
class Grouping:
    """How lines become sequences.

    Attributes
    ----------
    by : "session", "window" or "time"
        One sequence per session key, per `length` lines, or per `length` seconds.
    length, stride : float
        Extent of a window and distance between the starts of neighbours; lines for "window", seconds for "time".
    label : "any" or "last"
        A window is anomalous if any of its lines is, or if its last line is.
    """

    by: Literal["session", "window", "time"]
    length: float = 0
    stride: float = 0
    label: Literal["any", "last"] = "any"


def _by_session(lines: pl.LazyFrame) -> pl.DataFrame:
    """Group lines by session key; within a group the order of the file is kept."""
    return (
        lines.select("line", "time", "message_id", "alert", id=pl.col("keys"))
        .explode("id")  # a line without a key has an empty list, and vanishes here
        .group_by("id")
        .agg(
            label=pl.col("alert").any(),
            start=pl.col("time").first(),
            end=pl.col("time").last(),
            first_line=pl.col("line").min(),
            message_ids=pl.col("message_id"),
            gaps=_gaps(pl.col("time")),
            has_alerts=pl.col("alert").is_not_null().any(),
        )
        # Two sessions may begin on the same line; the id settles their order.
        .sort("first_line", "id")
        .collect(engine="streaming")
        .with_columns(label=pl.when("has_alerts").then("label"))
        .drop("has_alerts")
    )


def _gaps(time: pl.Expr) -> pl.Expr:
    """Seconds since the previous line of the same sequence; negative where the log's clock steps back."""
    return (time.diff().dt.total_microseconds() / 1e6).fill_null(0).cast(pl.Float32)


def _windows(
    lines: pl.DataFrame, starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64], rule: Literal["any", "last"]
) -> pl.DataFrame:
    """Cut the rows [starts[i], ends[i]) out of `lines`, one sequence for each i."""
    lengths = ends - starts
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    rows = np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
    window = np.repeat(np.arange(len(starts)), lengths)
    label = pl.col("alert").any() if rule == "any" else pl.col("alert").last()
    return (
        lines[rows]
        .with_columns(window=pl.Series(window))
        .group_by("window", maintain_order=True)
        .agg(
            id=pl.lit("line-") + pl.col("line").first().cast(pl.String),
            label=pl.when(pl.col("alert").is_not_null().any()).then(label),
            start=pl.col("time").first(),
            end=pl.col("time").last(),
            first_line=pl.col("line").first(),
            message_ids=pl.col("message_id"),
            gaps=_gaps(pl.col("time")),
        )
        .drop("window")
    )


def _line_windows(count: int, length: int, stride: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Start and end rows of windows over `count` lines; a shorter last window keeps the tail of the log."""
    number = 1 + max(0, -(-(count - length) // stride)) if count else 0
    starts = np.arange(number, dtype=np.int64) * stride
    starts = starts[starts < count]
    return starts, np.minimum(starts + length, count)


def _time_windows(
    time: npt.NDArray[np.int64], span: float, step: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Start and end rows of windows of `span` seconds every `step` seconds; windows without a line are left out."""
    # A clock that steps back would put a line before its predecessor; file order wins.
    clock = np.maximum.accumulate(time)
    if not len(clock):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    span_us, step_us = round(span * 1e6), round(step * 1e6)
    # Only steps at which some line falls into the window can give one: enumerate those, not all steps.
    elapsed = clock - clock[0]
    last = elapsed // step_us
    first = np.maximum(0, -(-(elapsed - span_us + 1) // step_us))
    steps = np.unique(np.concatenate([np.arange(a, b + 1) for a, b in np.unique(np.stack([first, last], 1), axis=0)]))
    starts = np.searchsorted(elapsed, steps * step_us, side="left")
    ends = np.searchsorted(elapsed, steps * step_us + span_us, side="left")
    return starts[ends > starts], ends[ends > starts]


def group(lines_path: Path, grouping: Grouping, labels: Labels | None) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Build the sequences of a parsed log.

    Parameters
    ----------
    lines_path : Path
        `lines.parquet` of the parse stage.
    grouping : Grouping
        How lines become sequences.
    labels : Labels or None
        Labels by session. Without them the line labels of the log (`alert`) count, and without those the
        sequences stay unlabelled.

    Returns
    -------
    sequences : polars.DataFrame
        One row per sequence in order of its first line: `sequence, id, label, kind, start, end, first_line,
        message_ids, gaps` (gaps in seconds).
    report : dict
        Counts in which every line of the log is accounted for.
    """
    known = read_labels(labels) if labels is not None else None
    if grouping.by == "session":
        frame, used = _sessions(lines_path, known)
    else:
        frame, used = _cut(lines_path, grouping, known)
    frame = frame.with_columns(sequence=pl.int_range(pl.len(), dtype=pl.Int32)).select(COLUMNS)
    if not frame.height:
        raise UserError(
            f"{lines_path} gives no sequence when grouped by {grouping.by}; "
            "check the format's session_key, or choose a grouping by window or time."
        )
    lengths = frame["message_ids"].list.len()
    label = frame["label"]
    report = {
        "grouping": grouping.by,
        # So many sequences later, no line is shared with this one: the least gap between the parts of a split.
        "independent_after": 1 if grouping.by == "session" else int(-(-grouping.length // grouping.stride)),
        "sequences": frame.height,
        "anomalous": int(label.sum()),
        "normal": int((~label).sum()),
        "unlabelled": label.null_count(),
        "labels_without_sequence": 0
        if known is None or grouping.by != "session"
        else known.join(frame, on="id", how="anti").height,
        **used,
        "length_quantiles": {
            str(q): int(lengths.quantile(q / 100, "nearest") or 0) for q in (0, 5, 25, 50, 75, 95, 100)
        },
    }
    return frame, report


def _sessions(lines_path: Path, known: pl.DataFrame | None) -> tuple[pl.DataFrame, dict[str, int]]:
    lines = pl.scan_parquet(lines_path)
    frame = _by_session(lines)
    if known is None:
        frame = frame.with_columns(kind=pl.lit(None, dtype=pl.String))
    else:
        frame = frame.drop("label").join(known, on="id", how="left", maintain_order="left")
        if frame.height and frame["label"].null_count() == frame.height:
            raise UserError(
                f"The label file names none of the log's {frame.height} sessions: it has {known['id'].first()!r}, the "
                f"log has {frame['id'].first()!r}; give the dataset the labels of this log, or correct labels.key."
            )
    total, without = lines.select(pl.len(), (pl.col("keys").list.len() == 0).sum().alias("without")).collect().row(0)
    used = {"lines": total, "lines_in_sequences": total - without, "lines_left_out": without}
    return frame, used


def _cut(lines_path: Path, grouping: Grouping, known: pl.DataFrame | None) -> tuple[pl.DataFrame, dict[str, int]]:
    lines = pl.read_parquet(lines_path)
    if known is not None:
        lines = line_labels(lines, known.select("id", "label"))
    if grouping.by == "window":
        starts, ends = _line_windows(lines.height, int(grouping.length), int(grouping.stride))
    else:
        clock = lines["time"].dt.timestamp("us").to_numpy()
        starts, ends = _time_windows(clock, grouping.length, grouping.stride)
    frame = _windows(lines.drop("keys"), starts, ends, grouping.label)
    frame = frame.with_columns(kind=pl.lit(None, dtype=pl.String))
    # Starts and ends both ascend, so a line is covered unless it lies between one end and the next start.
    between = int(np.maximum(0, starts[1:] - np.maximum.accumulate(ends)[:-1]).sum())
    left_out = between + (lines.height - int(ends.max()) if len(ends) else lines.height)
    return frame, {"lines": lines.height, "lines_in_sequences": lines.height - left_out, "lines_left_out": left_out}


def run(lines: Path, grouping: Grouping, labels: Labels | None, output: Path, report: Path) -> None:
    """Build sequences and write them with their report."""
    frame, facts = group(lines, grouping, labels)
    write_parquet(frame, output)
    write_json(report, facts)

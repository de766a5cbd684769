"""From parsed lines to sequences: by session key, by a window of lines, or by a span of time.

A sequence keeps the message ids of its lines in file order; which template a message has is decided after the split.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import polars as pl

from logassay.errors import UserError
from logassay.files import digests_of, parquet_pieces, sha256_of, write_json
from logassay.labels import Incidents, Intervals, Labels, line_labels, read_labels
from logassay.rows import Lines
from logassay.sessions import Sessions
from logassay.windows import Windows

SEQUENCES = pl.Schema(
    [
        ("sequence", pl.Int32()),
        ("id", pl.String()),
        ("label", pl.Boolean()),
        ("kind", pl.String()),
        ("start", pl.Datetime("us")),
        ("end", pl.Datetime("us")),
        ("first_line", pl.Int64()),
        ("message_ids", pl.List(pl.Int32())),
        ("gaps", pl.List(pl.Float32())),
    ]
)

BASE_MEMORY = 350_000_000
"""What the program needs for itself: libraries, a row group of lines, one of sequences that is being written."""
LABELS_FACTOR = 7
"""Memory for labels of sessions as a multiple of their size."""
LEAST_MEMORY = 50_000_000
"""What is left to work with, however little may be used."""


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


class Sequences:
    """The sequences of a parsed log, made piece by piece.

    Parameters
    ----------
    lines_path : Path
        `lines.parquet` of the parse stage.
    grouping : Grouping
        How lines become sequences.
    labels : Labels, Intervals or None
        Labels by session, or by time. Without them the line labels of the log (`alert`) count, and without those the
        sequences stay unlabelled.
    memory : int
        Bytes to use, about; the sequences do not depend on it.
    folder : Path
        Folder to make for temporary files, should they be needed.
    """

    def __init__(
        self, lines_path: Path, grouping: Grouping, labels: Labels | Intervals | None, memory: int, folder: Path
    ) -> None:
        self._path = lines_path
        self._grouping = grouping
        self._known = read_labels(labels) if isinstance(labels, Labels) else None
        self._incidents = Incidents(labels) if isinstance(labels, Intervals) else None
        relabel = self._incidents.relabel if self._incidents is not None else None
        self._others = labels.others if isinstance(labels, Labels) else None
        self._lengths: Counter[int] = Counter()
        self._counts: Counter[str] = Counter()
        taken = BASE_MEMORY + (0 if self._known is None else LABELS_FACTOR * int(self._known.estimated_size()))
        memory = max(LEAST_MEMORY, memory - taken)
        if grouping.by == "session":
            self._maker: Sessions | Windows = Sessions(lines_path, memory, folder, self._known, relabel, self._others)
        else:
            if self._known is not None:
                relabel = partial(line_labels, labels=self._known.select("id", "label"), others=self._others)
            extents = (grouping.length, grouping.stride)
            self._maker = Windows(lines_path, grouping.by, *extents, grouping.label, memory, relabel)

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield the sequences in order of their first line, with the columns of SEQUENCES (gaps in seconds).

        Raises
        ------
        UserError
            If there is no sequence, or the labels are those of another log.
        """
        count = 0
        for frame in self._maker.frames():
            if not count:
                first = frame["id"][0]
            numbers = pl.int_range(count, count + frame.height, dtype=pl.Int32, eager=True)
            frame = frame.with_columns(sequence=numbers).select(SEQUENCES.names())
            if self._incidents is not None:
                frame = self._incidents.with_kinds(frame)
            count += frame.height
            label = frame["label"]
            self._counts.update(anomalous=int(label.sum()), normal=int((~label).sum()), unlabelled=label.null_count())
            self._lengths.update(dict(frame["message_ids"].list.len().value_counts().iter_rows()))
            yield frame
        if not count:
            raise UserError(
                f"{self._path} gives no sequence when grouped by {self._grouping.by}; "
                "check the format's session_key, or choose a grouping by window or time."
            )
        if self._incidents is not None:
            self._incidents.check()
        known = self._known
        named = count - self._counts["unlabelled" if self._others is None else "normal"]
        if self._grouping.by == "session" and known is not None and not named:
            raise UserError(
                f"The label file names none of the log's {count} sessions: it has {known['id'].first()!r}, the "
                f"log has {first!r}; give the dataset the labels of this log, or correct "
                f"labels.{'key' if self._others is None else 'listed'}."
            )

    def report(self) -> dict[str, Any]:
        """Return counts in which every line of the log is accounted for, when all sequences have been made."""
        total = Lines(self._path).count
        maker, grouping = self._maker, self._grouping
        used = total - maker.lines_without_key if isinstance(maker, Sessions) else maker.lines_used
        sequences = self._lengths.total()
        without_sequence = 0
        if isinstance(maker, Sessions) and self._known is not None:
            unnamed = self._counts["unlabelled" if self._others is None else "normal"]
            without_sequence = self._known.height - (sequences - unnamed)
        return {
            "grouping": grouping.by,
            # So many sequences later, no line is shared with this one: the least gap between the parts of a split.
            "independent_after": 1 if grouping.by == "session" else int(-(-grouping.length // grouping.stride)),
            "sequences": sequences,
            "anomalous": self._counts["anomalous"],
            "normal": self._counts["normal"],
            "unlabelled": self._counts["unlabelled"],
            "labels_without_sequence": without_sequence,
            "lines": total,
            "lines_in_sequences": used,
            "lines_left_out": total - used,
            **(self._incidents.report() if self._incidents is not None else {}),
            "length_quantiles": {str(q): _quantile(self._lengths, q / 100) for q in (0, 5, 25, 50, 75, 95, 100)},
        }


def _quantile(counts: Counter[int], share: float) -> int:
    """Return the value at the nearest place to this share of the sorted values, of which there are so many each."""
    place = round(share * (counts.total() - 1))
    for value in sorted(counts):
        place -= counts[value]
        if place < 0:
            return value
    raise ValueError("there is no value")


def group(
    lines_path: Path,
    grouping: Grouping,
    labels: Labels | Intervals | None,
    memory: int = 1 << 30,
    folder: Path = Path(".pieces"),
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Build the sequences of a log that is small enough to keep them in memory, and the report; see `Sequences`."""
    sequences = Sequences(lines_path, grouping, labels, memory, folder)
    frame = pl.concat(sequences.frames())
    return frame, sequences.report()


def run(
    lines: Path,
    grouping: Grouping,
    labels: Labels | Intervals | None,
    memory_mb: int,
    output: Path,
    report: Path,
) -> None:
    """Build sequences and write them with their report, in about so much memory."""
    sequences = Sequences(lines, grouping, labels, memory_mb * 10**6, output.with_name(f".{output.name}.pieces"))
    with parquet_pieces(output, SEQUENCES, lists="message_ids", compression_level=3) as file:
        for frame in sequences.frames():
            file.append(frame)
    made_from = digests_of(lines=lines)
    if labels is not None:
        made_from["labels"] = sha256_of(labels.path)
    if isinstance(labels, Labels) and labels.kinds is not None:
        made_from["kinds"] = sha256_of(labels.kinds)
    write_json(report, {**sequences.report(), "made_from": made_from, "made": digests_of(sequences=output)})

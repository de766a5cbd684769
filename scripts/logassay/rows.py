"""The lines of a parsed log as arrays, read piece by piece, and sequences cut out of them.

What grouping by session and cutting windows share: both only say which rows make which sequence.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from logassay.files import open_parquet

IntArray = npt.NDArray[np.int64]

NO_TIME = int(np.iinfo(np.int64).min)
"""Stands for a missing time; numpy and Arrow call the same number NaT."""
NO_ALERT = -1
"""Stands for the missing label of a line."""

EVENTS_AT_ONCE = 1 << 21
"""About so many events are cut out at a time."""


@dataclass(frozen=True)
class Rows:
    """Lines, or lines repeated for each of their session keys.

    Attributes
    ----------
    line : int64 array, shape (rows,)
        Number of the line in the raw log.
    time : int64 array, shape (rows,)
        Microseconds since 1970; NO_TIME where the line has none.
    alert : int8 array, shape (rows,)
        1 anomalous, 0 normal, NO_ALERT not labelled.
    message_id : int32 array, shape (rows,)
        Masked message of the line.
    """

    line: IntArray
    time: IntArray
    alert: npt.NDArray[np.int8]
    message_id: npt.NDArray[np.int32]

    @classmethod
    def of(cls, lines: pl.DataFrame) -> "Rows":
        """Take the columns of lines.parquet."""
        return cls(
            lines["line"].to_numpy(),
            lines["time"].cast(pl.Datetime("us")).to_physical().fill_null(NO_TIME).to_numpy(),
            lines["alert"].cast(pl.Int8).fill_null(NO_ALERT).to_numpy(),
            lines["message_id"].to_numpy(),
        )

    def __len__(self) -> int:
        return len(self.line)

    def take(self, places: "IntArray | slice") -> "Rows":
        """Return the rows at `places`."""
        return Rows(self.line[places], self.time[places], self.alert[places], self.message_id[places])


def join(pieces: Iterable[Rows], most: int) -> Rows:
    """Join rows, in order; there are at most so many."""
    whole = Rows(
        line=np.empty(most, dtype=np.int64),
        time=np.empty(most, dtype=np.int64),
        alert=np.empty(most, dtype=np.int8),
        message_id=np.empty(most, dtype=np.int32),
    )
    end = 0
    for piece in pieces:
        begin, end = end, end + len(piece)
        whole.line[begin:end], whole.time[begin:end] = piece.line, piece.time
        whole.alert[begin:end], whole.message_id[begin:end] = piece.alert, piece.message_id
    return whole.take(slice(end))


@dataclass(frozen=True)
class Lines:
    """lines.parquet, of which a row group at a time is in memory."""

    path: Path

    @property
    def count(self) -> int:
        """Number of lines."""
        with open_parquet(self.path) as file:
            return int(file.metadata.num_rows)

    def size_of_keys(self) -> tuple[int, int]:
        """Return the number of session keys of all lines together (an empty list counts as one), and their bytes."""
        with open_parquet(self.path) as file:
            names = [file.schema.column(number).path for number in range(len(file.schema))]
            place = next(number for number, name in enumerate(names) if name.startswith("keys."))
            groups = range(file.metadata.num_row_groups)
            chunks = [file.metadata.row_group(group).column(place) for group in groups]
            return sum(chunk.num_values for chunk in chunks), sum(chunk.total_uncompressed_size for chunk in chunks)

    def frames(self, columns: list[str]) -> Iterator[pl.DataFrame]:
        """Yield the lines in pieces, with these columns."""
        for table in self._tables(columns):
            frame = pl.from_arrow(table)
            assert isinstance(frame, pl.DataFrame)
            yield frame

    def frames_with_keys(self, columns: list[str]) -> Iterator[tuple[pl.DataFrame, list[pa.LargeListArray]]]:
        """Yield the lines in pieces: these columns, and the session keys as lists of numbers in dictionaries."""
        with open_parquet(self.path) as file:
            names = [file.schema.column(number).path for number in range(len(file.schema))]
        coded = [name for name in names if name.startswith("keys.")]
        for table in self._tables([*columns, "keys"], read_dictionary=coded):
            frame = pl.from_arrow(table.select(columns))
            assert isinstance(frame, pl.DataFrame)
            yield frame, table["keys"].chunks

    def _tables(self, columns: list[str], **options: Any) -> Iterator[pa.Table]:
        with open_parquet(self.path, **options) as file:
            for group in range(file.metadata.num_row_groups):
                yield file.read_row_group(group, columns=columns)


def arrow(values: npt.NDArray[Any]) -> pa.Array:
    """Return values as an Arrow array. pyarrow does the same, but imports pandas before, if that is installed."""
    return pl.Series(values).to_arrow()


def array(values: pa.Array) -> npt.NDArray[Any]:
    """Return an Arrow array of numbers as one of numpy; 0 for null. As with `arrow`, pyarrow would import pandas."""
    return pl.Series(values).fill_null(0).to_numpy()


def lists(offsets: IntArray, flat: npt.NDArray[Any]) -> pl.Series:
    """Return the lists `flat[offsets[i]:offsets[i + 1]]` as a column."""
    return pl.Series(pl.from_arrow(pa.LargeListArray.from_arrays(arrow(offsets), arrow(flat))))


def cut_out(rows: Rows, places: IntArray, offsets: IntArray, rule: Literal["any", "last"]) -> pl.DataFrame:
    """Make sequences of rows.

    Parameters
    ----------
    rows : Rows
        Rows of lines.
    places : int64 array, shape (events,)
        The rows of all sequences, one sequence after the other, each in file order.
    offsets : int64 array, shape (sequences + 1,)
        Sequence `i` has the rows `places[offsets[i]:offsets[i + 1]]`, of which there is at least one.
    rule : "any" or "last"
        A sequence is anomalous if any of its lines is, or if its last line is; it has no label if none of them has.

    Returns
    -------
    polars.DataFrame
        `label, start, end, first_line, message_ids, gaps`.
    """
    begins, ends = offsets[:-1], offsets[1:] - 1
    time = rows.time[places]
    gaps = np.zeros(len(places), dtype=np.float32)
    # Seconds since the previous line of the same sequence; negative where the log's clock steps back.
    gaps[1:] = np.diff(time) / 1e6
    gaps[begins] = 0
    missing = time == NO_TIME
    if missing.any():
        gaps[missing] = 0
        gaps[1:][missing[:-1]] = 0
    label = np.full(len(begins), NO_ALERT, dtype=np.int8)
    alert = rows.alert[places]
    if (alert != NO_ALERT).any():
        label = np.maximum.reduceat(alert, begins)
        if rule == "last":
            label = np.where(label == NO_ALERT, label, alert[ends])
    flag = pl.Series(label)
    return pl.DataFrame(
        {
            "label": flag.replace(NO_ALERT, None).cast(pl.Boolean),
            "start": _datetimes(time[begins]),
            "end": _datetimes(time[ends]),
            "first_line": rows.line[places[begins]],
            "message_ids": lists(offsets, rows.message_id[places]),
            "gaps": lists(offsets, gaps),
        }
    )


def _datetimes(time: IntArray) -> pl.Series:
    return pl.Series(time).replace(NO_TIME, None).cast(pl.Datetime("us"))

"""Lines become sequences by windows of lines or of time, in memory that does not grow with the log.

The lines of one window have to fit. The windows are the same whatever the memory.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from logassay.errors import UserError
from logassay.rows import EVENTS_AT_ONCE, NO_TIME, IntArray, Lines, Rows, cut_out, join

BYTES_PER_EVENT = 64
"""Memory for a line of a window that is being cut out."""


class Windows:
    """The windows of a log, in order.

    A window is a stretch of a clock that never steps back: of the lines' numbers from 0, or of the microseconds since
    the first line. Window `i` begins at `i * step` and is `span` long.

    Parameters
    ----------
    lines : Path
        lines.parquet.
    by : "window" or "time"
        Whether extents are lines or seconds.
    length, stride : float
        Extent of a window, and distance between the starts of neighbours.
    rule : "any" or "last"
        A window is anomalous if any of its lines is, or if its last line is.
    memory : int
        Bytes that may be used, beside those of the lines of a window and of the program itself.
    relabel : function or None
        Gives a frame of lines (`line, time, alert, message_id, keys`) other labels.

    Attributes
    ----------
    lines_used : int
        Lines that are in some window; known when all windows have been seen.
    """

    def __init__(
        self,
        lines: Path,
        by: Literal["window", "time"],
        length: float,
        stride: float,
        rule: Literal["any", "last"],
        memory: int,
        relabel: Callable[[pl.DataFrame], pl.DataFrame] | None = None,
    ) -> None:
        self._lines = Lines(lines)
        self._of_time = by == "time"
        unit = 1e6 if self._of_time else 1
        self._span, self._step = round(length * unit), round(stride * unit)
        self._rule: Literal["any", "last"] = rule
        self._events = max(1, min(EVENTS_AT_ONCE, memory // BYTES_PER_EVENT))
        self._relabel = relabel
        self.lines_used = 0
        self._used_up_to = 0  # lines; those of later windows come after
        self._dropped = 0  # lines before those that are held

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield the windows in pieces: `id, label, kind, start, end, first_line, message_ids, gaps`."""
        # The last window of lines reaches the end of the log; further ones would only repeat its tail.
        last = None if self._of_time else max(0, -(-(self._lines.count - self._span) // self._step))
        held: list[tuple[Rows, IntArray]] = []
        done = 0  # windows
        latest = 0
        for rows, clock in self._clocked():
            held.append((rows, clock))
            latest = int(clock[-1])
            # Windows that end by now are whole.
            whole = (latest - self._span) // self._step + 1
            if whole > done:
                yield from self._cut(held, done, whole)
                done = whole
                held = [self._keep(*held[0], done * self._step)]
        if held:
            end = latest // self._step + 1
            yield from self._cut(held, done, end if last is None else min(end, last + 1))

    def _clocked(self) -> Iterator[tuple[Rows, IntArray]]:
        """Yield the lines in pieces, with the clock of each."""
        columns = ["line", "time", "alert", "message_id"] + (["keys"] if self._relabel else [])
        origin: int | None = None
        latest = number = 0
        for frame in self._lines.frames(columns):
            rows = Rows.of(frame if self._relabel is None else self._relabel(frame))
            if not self._of_time:
                yield rows, np.arange(number, number + len(rows))
                number += len(rows)
                continue
            if (rows.time == NO_TIME).any():
                raise UserError(
                    f"{self._lines.path} has lines without a time, which no window of time can hold; "
                    "choose a grouping by session or by window, or a format with a timestamp."
                )
            origin = int(rows.time[0]) if origin is None else origin
            # A clock that steps back would put a line before its predecessor; file order wins.
            clock = np.maximum(np.maximum.accumulate(rows.time - origin), latest)
            latest = int(clock[-1])
            yield rows, clock

    def _cut(self, held: list[tuple[Rows, IntArray]], begin: int, end: int) -> Iterator[pl.DataFrame]:
        """Yield those of the windows from `begin` to before `end` that hold a line; join what is held."""
        rows = join((piece for piece, _ in held), sum(len(piece) for piece, _ in held))
        clock = np.concatenate([piece for _, piece in held])
        held[:] = [(rows, clock)]
        # In a log with long silences few windows hold a line: enumerate those, some lines at a time.
        overlap = -(-self._span // self._step)
        block = max(1, self._events // overlap)
        for low in range(0, len(clock), block):
            some = clock[low : low + block]
            first = np.maximum(begin, -(-(some - self._span + 1) // self._step))
            last = np.minimum(end - 1, some // self._step)
            # The windows of a line up to the last one of the line before are known already.
            first = np.maximum(first, np.concatenate([[begin], last[:-1] + 1]))
            counts = np.maximum(0, last - first + 1)
            if not counts.any():
                continue
            windows = np.repeat(first - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
            begin = int(windows[-1]) + 1
            starts = np.searchsorted(clock, windows * self._step, side="left")
            ends = np.searchsorted(clock, windows * self._step + self._span, side="left")
            yield from self._frames(rows, starts, ends)

    def _keep(self, rows: Rows, clock: IntArray, begin: int) -> tuple[Rows, IntArray]:
        """Return the lines that later windows, from the clock's `begin` on, can have."""
        place = int(np.searchsorted(clock, begin))
        self._dropped += place
        return rows.take(slice(place, None)), clock[place:]

    def _frames(self, rows: Rows, starts: IntArray, ends: IntArray) -> Iterator[pl.DataFrame]:
        """Cut out the rows [starts[i], ends[i]), one sequence for each i; both ascend."""
        before = np.concatenate([[self._used_up_to - self._dropped], ends[:-1]])
        self.lines_used += int(np.maximum(0, ends - np.maximum(starts, before)).sum())
        self._used_up_to = self._dropped + int(ends[-1])
        offsets = np.concatenate([[0], np.cumsum(ends - starts)])
        begin = 0
        while begin < len(starts):
            end = max(begin + 1, int(np.searchsorted(offsets, offsets[begin] + self._events, side="right")) - 1)
            local = offsets[begin : end + 1] - offsets[begin]
            places = np.repeat(starts[begin:end] - local[:-1], np.diff(local)) + np.arange(local[-1])
            frame = cut_out(rows, places, local, self._rule)
            yield frame.select(
                pl.format("line-{}", "first_line").alias("id"),
                "label",
                pl.lit(None, dtype=pl.String).alias("kind"),
                "start",
                "end",
                "first_line",
                "message_ids",
                "gaps",
            )
            begin = end

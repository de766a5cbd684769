"""Joins blocks of lines, in their order, to a whole log, and writes it.

What crosses the borders of blocks is settled here: line numbers, message ids, stack traces, years, the clock. So the
result does not depend on where a log was cut.
"""

from collections import Counter
from contextlib import AbstractContextManager
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import polars as pl

from logassay.acquire import Log
from logassay.errors import UserError, harmless
from logassay.files import ParquetPieces, parquet_pieces
from logassay.line_format import LineFormat
from logassay.lines import BAD_TIMESTAMP, FOLLOWS_REJECTED, LINES, NO_HEADER, REJECTS, Block, Codes

MESSAGES = pl.Schema(
    [("message_id", pl.Int32()), ("message", pl.String()), ("lines", pl.Int64()), ("first_line", pl.Int64())]
)

ROW_GROUP = 1 << 18
"""Rows of a Parquet row group: fixed, so that the files do not depend on the block size."""

BLOCKS_MB = 400
"""What the blocks that are worked on need, whatever the log; the rest of the memory is for distinct messages."""
MESSAGE_BYTES = 300
"""What a distinct message needs beside two copies of its text."""

TRIAL_LINES = 10_000
"""The header pattern must match at least one of the first so many lines ..."""
MIN_HEADER_SHARE = 0.01
"""... and at least this share of a log that is longer. Stack traces stay far above it."""

DAY = 24 * 3600 * 10**6
"""In microseconds."""
NEW_YEAR = -180 * DAY
"""A step from one line to the next below this is one from December back to January, in a log without years."""
OLD_YEAR = 340 * DAY
"""One above this is the way back: the clock steps back over the turn of the year, from 25 days around it at most."""


def row_groups(path: Path, schema: pl.Schema, repetitive: list[str]) -> AbstractContextManager[ParquetPieces]:
    """Return a writer of rows by line number, in row groups that do not depend on the pieces."""
    return parquet_pieces(
        path,
        schema,
        ROW_GROUP,
        use_dictionary=repetitive,
        # Numbers that grow from row to row are small as differences.
        column_encoding={name: "DELTA_BINARY_PACKED" for name in ("line", "time") if name in schema},
        # Nobody looks for texts and lists by their smallest and largest.
        write_statistics=[name for name, kind in schema.items() if not kind.is_nested() and kind != pl.String],
    )


class Messages:
    """The dictionary of distinct masked messages: the only thing that grows with the log."""

    def __init__(self, memory_mb: int) -> None:
        self._memory_mb = memory_mb
        self._left = (memory_mb - BLOCKS_MB) << 20
        self._ids: dict[str, int] = {}
        self._lines: list[int] = []
        self._first: list[int] = []

    def __len__(self) -> int:
        return len(self._ids)

    def number(self, messages: list[str], codes: Codes, lines: npt.NDArray[np.int64], fmt: LineFormat) -> Codes:
        """Return the message id of each line; `codes` point into `messages`, ordered by first appearance."""
        first = np.empty(len(messages), dtype=np.int64)
        first[codes[::-1]] = lines[::-1]  # the last assignment to a place is its first appearance
        counts = np.bincount(codes, minlength=len(messages))
        ids = np.empty(len(messages), dtype=np.int32)
        for place, (message, count, line) in enumerate(zip(messages, counts.tolist(), first.tolist(), strict=True)):
            number = self._ids.setdefault(message, len(self._ids))
            if number == len(self._lines):
                self._lines.append(0)
                self._first.append(line)
                self._left -= 2 * len(message) + MESSAGE_BYTES
            self._lines[number] += count
            ids[place] = number
        if self._left < 0:
            self._complain(fmt)
        return ids[codes]

    def frame(self) -> pl.DataFrame:
        """Return the columns of messages.parquet."""
        return pl.DataFrame(
            {
                "message_id": range(len(self)),
                "message": list(self._ids),
                "lines": self._lines,
                "first_line": self._first,
            },
            schema=MESSAGES,
        )

    def _complain(self, fmt: LineFormat) -> None:
        one, other = _alike([message[:1000] for message in list(self._ids)[-1000:]])
        raise UserError(
            f"{len(self)} distinct messages, and more to come, do not fit into compute.memory_mb ({self._memory_mb}): "
            f"mask in formats.{fmt.name}.masks what varies as between '{one}' and '{other}', or allow more memory."
        )


def _alike(messages: list[str]) -> tuple[str, str]:
    """Return the two messages with the longest common beginning, from shortly before where they differ."""

    def common(pair: tuple[str, str]) -> int:
        differs = (place for place, (one, other) in enumerate(zip(*pair, strict=False)) if one != other)
        return next(differs, min(map(len, pair)))

    one, other = max(pairwise(sorted(messages)), key=common, default=(messages[0], messages[0]))
    start = max(common((one, other)) - 60, 0)
    return harmless(one[start:], 100), harmless(other[start:], 100)


class WholeLog:
    """Joins blocks, in their order, to the whole log: line numbers, message ids, and what crosses block borders."""

    def __init__(self, fmt: LineFormat, lines: ParquetPieces, rejects: ParquetPieces, memory_mb: int) -> None:
        self.messages = Messages(memory_mb)
        self.first_line = ""
        self.first_rejected = ""
        self.count: Counter[str] = Counter()
        self.reasons = dict.fromkeys((NO_HEADER, BAD_TIMESTAMP, FOLLOWS_REJECTED), 0)
        self.earliest: datetime | None = None
        self.latest: datetime | None = None
        self.first_header: int | None = None
        self._fmt = fmt
        self._lines = lines
        self._rejects = rejects
        # The last parsed line waits here, because the next block may still join lines to it.
        self._waiting: pl.DataFrame | None = None
        self._reason: str | None = NO_HEADER  # why a line that follows now is rejected; None: it is joined
        self._last_time: datetime | None = None
        self._last_written: int | None = None  # time of the last parsed line as of `LEAP_YEAR`, in microseconds
        self._years = 0  # years since that of the first line

    def add(self, block: Block) -> None:
        """Take the next block in."""
        base = self.count["lines"] + 1
        if base == 1:
            self.first_line = block.first
        self._add_lead(block.lead, base)
        self._reject(block.rejects.with_columns(pl.col("line") + base))
        if not self.first_rejected and block.rejects.height:
            self.first_rejected = block.rejects["text"].item(0)
        if block.headers:
            self.first_header = self.first_header or base + len(block.lead)
            self._reason = FOLLOWS_REJECTED if block.ends_rejected else None
        if block.parsed.height:
            self._add_parsed(block, base)
        self.count.update(bytes=block.bytes, lines=block.lines, headers=block.headers, invalid=block.invalid)

    def finish(self) -> None:
        """Hand on the line that is still waiting."""
        if self._waiting is not None:
            self._lines.append(self._waiting)

    def _add_lead(self, lead: list[str], base: int) -> None:
        """Lines before the block's first header line belong to what the blocks before it ended with."""
        if self._reason is not None:
            lines = range(base, base + len(lead))
            self._reject(pl.DataFrame({"line": lines, "reason": [self._reason] * len(lead), "text": lead}, REJECTS))
        elif len(lead) and self._waiting is not None:
            self._waiting = self._waiting.with_columns(pl.col("joined") + len(lead))
            self.count["joined"] += len(lead)

    def _add_parsed(self, block: Block, base: int) -> None:
        lines = block.parsed["line"] + base
        ids = self.messages.number(block.messages, block.codes, lines.to_numpy(), self._fmt)
        time = self._dated(block.parsed["time"]).alias("time")
        parsed = block.parsed.with_columns(lines, time, pl.Series("message_id", ids)).select(LINES.names())
        if self._waiting is not None:
            self._lines.append(self._waiting)
        self._lines.append(parsed.head(-1))
        self._waiting = parsed.tail(1)

        keys = parsed["keys"].list.len()
        self.count.update(
            parsed=parsed.height,
            joined=int(parsed["joined"].sum()),
            keyless=int((keys == 0).sum()),
            several=int((keys > 1).sum()),
        )
        if self._fmt.timed:
            self._add_times(parsed["time"])

    def _add_times(self, times: pl.Series) -> None:
        before = pl.Series("time", [self._last_time], dtype=LINES["time"]).append(times.head(-1))
        self._last_time = times.item(-1)
        earliest, latest = cast(datetime, times.min()), cast(datetime, times.max())
        self.earliest = earliest if self.earliest is None else min(self.earliest, earliest)
        self.latest = latest if self.latest is None else max(self.latest, latest)
        self.count["steps_back"] += int((times < before).sum())

    def _dated(self, times: pl.Series) -> pl.Series:
        """Give times without a year theirs, which follows from the steps from December back to January."""
        if not self._fmt.rolls_over:
            return times
        written = times.to_physical().to_numpy()
        before = written[0] if self._last_written is None else self._last_written
        steps = np.diff(written, prepend=before)
        years = self._years + np.cumsum((steps < NEW_YEAR).astype(np.int64) - (steps > OLD_YEAR))
        self._last_written, self._years = int(written[-1]), int(years[-1])
        return self._fmt.dated(times, pl.Series(years))

    def _reject(self, rejects: pl.DataFrame) -> None:
        for reason, number in rejects["reason"].value_counts().iter_rows():
            self.reasons[reason] += number
        self.count["rejected"] += rejects.height
        self._rejects.append(rejects.cast(REJECTS))


def check_format(log: WholeLog, path: Log, fmt: LineFormat, *, at_end: bool) -> None:
    """Tell a log in another format as early as possible, but not one with many stack traces."""
    lines, headers = log.count["lines"], log.count["headers"]
    if at_end and lines == 0:
        raise UserError(f"{path} is empty; give a log with at least one line.")
    seen = lines if log.first_header is None else log.first_header - 1  # lines before the first header line
    none = seen >= TRIAL_LINES or (at_end and headers == 0)
    few = at_end and lines > TRIAL_LINES and headers < MIN_HEADER_SHARE * lines
    if none or few:
        matched = f"matches none of the first {seen} lines" if none else f"matches only {headers} of {lines} lines"
        raise UserError(
            f"{path} is not in the format '{fmt.name}': line 1 is '{harmless(log.first_line, 80)}', and "
            f"the format {matched}; choose another one, or correct formats.{fmt.name}.{fmt.kind}."
        )
    if at_end and log.count["parsed"] == 0:
        raise UserError(
            f"{path} has no line whose time formats.{fmt.name}.timestamp can read (format '{fmt.time_format}'): "
            f"the first is '{harmless(log.first_rejected, 80)}'; correct the timestamp format."
        )

"""Raw log -> table of lines, dictionary of distinct masked messages, and what could not be used.

One pass over blocks of whole lines. What a line looks like comes from a `LineFormat`; the result does not
depend on how the log is cut into blocks, nor on the number of threads.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from logassay.acquire import open_log
from logassay.cli import progress
from logassay.errors import UserError
from logassay.files import atomic_path, write_parquet
from logassay.line_format import LineFormat

LINES = pl.Schema(
    [
        ("line", pl.Int64()),
        ("time", pl.Datetime("us")),
        ("keys", pl.List(pl.String())),
        ("alert", pl.Boolean()),
        ("message_id", pl.Int32()),
        ("joined", pl.Int32()),
    ]
)
MESSAGES = pl.Schema(
    [("message_id", pl.Int32()), ("message", pl.String()), ("lines", pl.Int64()), ("first_line", pl.Int64())]
)
REJECTS = pl.Schema([("line", pl.Int64()), ("reason", pl.String()), ("text", pl.String())])

NO_HEADER = "no-header-before"
BAD_TIMESTAMP = "bad-timestamp"
FOLLOWS_REJECTED = "follows-rejected"

CHUNK_BYTES = 4 << 20
"""Size of a block; larger ones need more memory and are not faster."""
MAX_LINE_BYTES = 256 << 20
"""A longer line means that the file is no line-based log."""
ROW_GROUP = 1 << 18
"""Rows of a Parquet row group: fixed, so that the files do not depend on the block size."""
REJECT_CHARACTERS = 500

TRIAL_LINES = 10_000
"""The header pattern must match at least one of the first so many lines ..."""
MIN_HEADER_SHARE = 0.01
"""... and at least this share of a log that is longer. Stack traces stay far above it."""

S = TypeVar("S")
T = TypeVar("T")


def _shown(text: str, characters: int = 80) -> str:
    """Return the start of `text` with everything escaped that a terminal could act upon."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:characters])


@dataclass(frozen=True)
class ParseReport:
    """What became of the lines; always `parsed + joined + rejected == lines`.

    Attributes
    ----------
    lines : int
        Lines of the raw log (a last line without a newline counts).
    parsed, joined, rejected : int
        Header lines that were used; lines that joined their predecessor; lines that could not be used.
    reasons : dict
        Rejected lines by reason.
    messages : int
        Distinct masked messages.
    lines_without_key, lines_with_several_keys : int
        Parsed lines that belong to no session, or to more than one.
    first_time, last_time : str or None
        Earliest and latest time, ISO 8601, as written in the log.
    clock_steps_back : int
        Parsed lines that are earlier than the parsed line before them.
    lines_with_invalid_utf8 : int
        Lines in which invalid bytes were replaced by U+FFFD.
    bytes : int
        Size of the log after decompression.
    """

    lines: int
    parsed: int
    joined: int
    rejected: int
    reasons: dict[str, int]
    messages: int
    lines_without_key: int
    lines_with_several_keys: int
    first_time: str | None
    last_time: str | None
    clock_steps_back: int
    lines_with_invalid_utf8: int
    bytes: int


@dataclass(frozen=True)
class _Block:
    """What can be told about a block of lines without knowing what came before it.

    Line numbers are 0-based within the block; `codes` point into `messages`, both by first appearance.
    """

    bytes: int
    lines: int
    invalid: int
    headers: int
    first: str
    lead: list[str]  # start of each line before the first header line
    rejects: pl.DataFrame  # line, reason, text: header lines with a bad timestamp and their followers
    ends_rejected: bool  # whether the last header line was rejected
    parsed: pl.DataFrame  # line, time, keys, alert, joined
    messages: list[str]
    codes: npt.NDArray[np.int32]


def _split(data: bytes) -> pl.Series:
    """Split valid UTF-8 at LF or CRLF into a column that points into `data` instead of copying it."""
    if not data.endswith(b"\n"):
        data += b"\n"
    characters = np.frombuffer(data, dtype=np.uint8)
    ends = np.flatnonzero(characters == ord("\n"))
    starts = np.empty_like(ends)
    starts[0] = 0
    starts[1:] = ends[:-1] + 1
    lengths = ends - starts
    lengths -= (lengths > 0) & (characters[ends - 1] == ord("\r"))
    # Arrow's string view: 4 bytes length, then up to 12 bytes of text; or, if it is longer, its first 4 bytes, the
    # number of the buffer (0), and the place in the buffer.
    views = np.zeros((len(ends), 16), dtype=np.uint8)
    numbers = views.view(np.int32)
    numbers[:, 0] = lengths
    numbers[:, 3] = starts
    last = len(data) - 1
    views[:, 4:8] = characters[np.minimum(starts[:, None] + np.arange(4), last)]
    short = np.flatnonzero(lengths <= 12)
    places = np.arange(12)
    inline = characters[np.minimum(starts[short, None] + places, last)]
    views[short, 4:] = np.where(places < lengths[short, None], inline, 0)
    buffers = [None, pa.py_buffer(views), pa.py_buffer(data)]
    return pl.Series("text", pa.Array.from_buffers(pa.string_view(), len(ends), buffers))


def _valid(data: bytes) -> tuple[bytes, int]:
    """Replace what is not UTF-8; return the bytes and in how many lines something was replaced."""
    try:
        if not data.isascii():
            data.decode()
        return data, 0
    except UnicodeDecodeError:
        valid = data.decode(errors="replace").encode()
        # Line by line, for no replacement reaches over a newline.
        return valid, sum(old != new for old, new in zip(data.split(b"\n"), valid.split(b"\n"), strict=True))


def _starts(text: pl.Series) -> list[str]:
    """Return the start of each line, as copies: a slice would keep the whole block in memory."""
    return text.str.head(REJECT_CHARACTERS).to_list()


@dataclass(frozen=True)
class HeaderLines:
    """The header lines of a block.

    Attributes
    ----------
    text : polars.Series
        All lines of the block.
    invalid : int
        Lines in which something was not UTF-8.
    positions : int64 array, shape (header lines,)
        Position of each header line in `text`.
    fields : polars.DataFrame
        The groups of the header pattern, one row per header line.
    time : polars.Series
        Time of each header line; null where it cannot be read, and the line is rejected.
    """

    text: pl.Series
    invalid: int
    positions: npt.NDArray[np.int64]
    fields: pl.DataFrame
    time: pl.Series


def header_lines(data: bytes, fmt: LineFormat) -> HeaderLines:
    """Find the header lines of a block of whole lines."""
    valid, invalid = _valid(data)
    text = _split(valid)
    fields = fmt.fields(text)
    # On a match some group is there; those in optional parts of the pattern may be missing.
    header = fields.select(pl.any_horizontal(pl.all().is_not_null())).to_series()
    positions = header.arg_true().to_numpy().astype(np.int64)
    if len(positions) < len(text):
        fields = fields.filter(header)
    fields = fields.with_columns(pl.col("content").fill_null(""))
    return HeaderLines(text, invalid, positions, fields, fmt.time(fields))


def _read_block(data: bytes, fmt: LineFormat) -> _Block:
    """Do all the work on a block of whole lines that does not depend on its neighbours."""
    found = header_lines(data, fmt)
    text, positions, fields, time = found.text, found.positions, found.fields, found.time
    followers = np.diff(positions, append=len(text)) - 1
    lead = text.head(int(positions[0]) if len(positions) else len(text))
    bad = time.is_null().to_numpy()
    rejects = pl.DataFrame(schema=REJECTS)
    if bad.any():
        sizes = np.where(bad, followers + 1, 0)
        # Each rejected header line is followed by its own followers: count up from its position.
        starts = np.cumsum(sizes) - sizes
        lines = np.repeat(positions - starts, sizes) + np.arange(sizes.sum())
        rejects = pl.DataFrame(
            {
                "line": lines,
                "reason": np.where(np.isin(lines, positions), BAD_TIMESTAMP, FOLLOWS_REJECTED),
                "text": _starts(text.gather(lines)),
            },
            schema=REJECTS,
        )
        fields, time = fields.filter(~bad), time.filter(~bad)

    message = fmt.message(fields).to_arrow(compat_level=pl.CompatLevel.oldest()).dictionary_encode()
    return _Block(
        bytes=len(data),
        lines=len(text),
        invalid=found.invalid,
        headers=len(positions),
        first=text.item(0)[:REJECT_CHARACTERS],
        lead=_starts(lead),
        rejects=rejects,
        ends_rejected=bool(len(bad) and bad[-1]),
        parsed=pl.DataFrame(
            {
                "line": positions[~bad],
                "time": time,
                "keys": fmt.keys(fields),
                "alert": fmt.alert(fields),
                "joined": followers[~bad],
            },
            schema_overrides=LINES,
        ),
        messages=message.dictionary.to_pylist(),
        codes=message.indices.to_numpy(),
    )


class RowGroups:
    """A Parquet file written piece by piece, in row groups that do not depend on the pieces."""

    def __init__(self, path: Path, schema: pl.Schema, repetitive: list[str]) -> None:
        self._pieces: list[pl.DataFrame] = []
        self._rows = 0
        self._writer = pq.ParquetWriter(
            path, _arrow(pl.DataFrame(schema=schema)).schema, compression="zstd", use_dictionary=repetitive
        )

    def append(self, piece: pl.DataFrame) -> None:
        self._pieces.append(piece)
        self._rows += piece.height
        while self._rows >= ROW_GROUP:
            self._flush(ROW_GROUP)

    def close(self) -> None:
        """Write what is left. Not called after an error: the file is thrown away then."""
        if self._rows:
            self._flush(self._rows)
        self._writer.close()

    def _flush(self, rows: int) -> None:
        whole = pl.concat(self._pieces)
        # Contiguous columns, because Arrow's page borders follow the pieces of a column.
        self._writer.write_table(_arrow(whole.head(rows).rechunk()), row_group_size=rows)
        self._pieces = [whole.slice(rows)]
        self._rows -= rows


def _arrow(frame: pl.DataFrame) -> pa.Table:
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest())


class _Messages:
    """The dictionary of distinct masked messages: the only thing that grows with the log."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}
        self._lines: list[int] = []
        self._first: list[int] = []

    def __len__(self) -> int:
        return len(self._ids)

    def number(
        self, messages: list[str], codes: npt.NDArray[np.int32], lines: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int32]:
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
            self._lines[number] += count
            ids[place] = number
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


class _Log:
    """Joins blocks, in their order, to the whole log: line numbers, message ids, and what crosses block borders."""

    def __init__(self, lines: RowGroups, rejects: RowGroups) -> None:
        self.messages = _Messages()
        self.first_line = ""
        self.first_rejected = ""
        self.count: Counter[str] = Counter()
        self.reasons = dict.fromkeys((NO_HEADER, BAD_TIMESTAMP, FOLLOWS_REJECTED), 0)
        self.earliest: datetime | None = None
        self.latest: datetime | None = None
        self.first_header: int | None = None
        self._lines = lines
        self._rejects = rejects
        # The last parsed line waits here, because the next block may still join lines to it.
        self._waiting: pl.DataFrame | None = None
        self._reason: str | None = NO_HEADER  # why a line that follows now is rejected; None: it is joined
        self._last_time: datetime | None = None

    def add(self, block: _Block) -> None:
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

    def _add_parsed(self, block: _Block, base: int) -> None:
        lines = block.parsed["line"] + base
        ids = self.messages.number(block.messages, block.codes, lines.to_numpy())
        parsed = block.parsed.with_columns(lines, pl.Series("message_id", ids)).select(LINES.names())
        if self._waiting is not None:
            self._lines.append(self._waiting)
        self._lines.append(parsed.head(-1))
        self._waiting = parsed.tail(1)

        keys = parsed["keys"].list.len()
        times = parsed["time"]
        before = pl.Series("time", [self._last_time], dtype=LINES["time"]).append(times.head(-1))
        self._last_time = times.item(-1)
        earliest, latest = cast(datetime, times.min()), cast(datetime, times.max())
        self.earliest = earliest if self.earliest is None else min(self.earliest, earliest)
        self.latest = latest if self.latest is None else max(self.latest, latest)
        self.count.update(
            parsed=parsed.height,
            joined=int(parsed["joined"].sum()),
            keyless=int((keys == 0).sum()),
            several=int((keys > 1).sum()),
            steps_back=int((times < before).sum()),
        )

    def _reject(self, rejects: pl.DataFrame) -> None:
        for reason, number in rejects["reason"].value_counts().iter_rows():
            self.reasons[reason] += number
        self.count["rejected"] += rejects.height
        self._rejects.append(rejects.cast(REJECTS))


def blocks(stream: BinaryIO, chunk_bytes: int, path: Path) -> Iterator[bytes]:
    """Cut a log into blocks of whole lines, about `chunk_bytes` long."""
    while block := stream.read(chunk_bytes):
        if not block.endswith(b"\n"):
            block += stream.readline(MAX_LINE_BYTES)
        if not block.endswith(b"\n") and stream.read(1):
            raise UserError(
                f"{path} has a line of more than {MAX_LINE_BYTES >> 20} MiB; it is no line-based log, "
                "give a log with a newline after each line."
            )
        yield block


def in_order(function: Callable[[S], T], items: Iterable[S], workers: int) -> Iterator[T]:
    """Apply `function` in `workers` threads; results come in the order of `items`, few of which are held."""
    with ThreadPoolExecutor(workers) as pool:
        running: deque[Future[T]] = deque()
        for item in items:
            running.append(pool.submit(function, item))
            if len(running) > workers:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()


def _check_format(log: _Log, path: Path, fmt: LineFormat, *, at_end: bool) -> None:
    """Tell a log in another format as early as possible, but not one with many stack traces."""
    lines, headers = log.count["lines"], log.count["headers"]
    seen = lines if log.first_header is None else log.first_header - 1  # lines before the first header line
    none = seen >= TRIAL_LINES or (at_end and headers == 0)
    few = at_end and lines > TRIAL_LINES and headers < MIN_HEADER_SHARE * lines
    if none or few:
        matched = f"matches none of the first {seen} lines" if none else f"matches only {headers} of {lines} lines"
        raise UserError(
            f"{path} is not in the format '{fmt.name}': line 1 is '{_shown(log.first_line)}', and the header pattern "
            f"{matched}; choose another format, or correct formats.{fmt.name}.header."
        )
    if at_end and log.count["parsed"] == 0:
        raise UserError(
            f"{path} has no line whose time formats.{fmt.name}.timestamp can read (format '{fmt.time_format}'): "
            f"the first is '{_shown(log.first_rejected)}'; correct the timestamp format."
        )


def parse(
    log: Path, fmt: LineFormat, lines: Path, messages: Path, rejects: Path, *, chunk_bytes: int = CHUNK_BYTES
) -> ParseReport:
    """Parse a raw log into three Parquet files.

    A line that the header pattern matches is a message of its own, even if its content is empty (the empty
    message is a message like others). Every other line joins the header line before it: it is counted there, and
    its text is not used. Rejected are lines before the first header line, header lines whose time cannot be read,
    and the lines that would have joined those.

    Masking looks at one line at a time, so the results (bytes included) depend neither on `chunk_bytes` nor on
    the number of threads, which is that of polars. Memory grows with the distinct masked messages only.

    Parameters
    ----------
    log : Path
        Raw log, plain, `.gz` or `.zst`; LF or CRLF; UTF-8, in which invalid bytes become U+FFFD.
    fmt : LineFormat
        How to read its lines.
    lines, messages, rejects : Path
        Files to write: parsed lines (`LINES`), distinct masked messages numbered by first appearance
        (`MESSAGES`), lines that could not be used (`REJECTS`, text cut to 500 characters).
    chunk_bytes : int
        Size of the blocks that are worked on at a time.

    Returns
    -------
    ParseReport
        Counts, for parse_report.json.

    Raises
    ------
    UserError
        If the log is missing, empty, damaged, in another format, or no line of it can be used.
    """
    with ExitStack() as stack:
        stream = stack.enter_context(open_log(log))
        line_rows = RowGroups(stack.enter_context(atomic_path(lines)), LINES, ["keys.list.element", "message_id"])
        reject_rows = RowGroups(stack.enter_context(atomic_path(rejects)), REJECTS, ["reason"])
        whole = _Log(line_rows, reject_rows)
        read = partial(_read_block, fmt=fmt)
        results = in_order(read, blocks(stream, chunk_bytes, log), workers=pl.thread_pool_size())
        for block in progress(results, "parse (blocks)"):
            whole.add(block)
            _check_format(whole, log, fmt, at_end=False)
        _check_format(whole, log, fmt, at_end=True)
        whole.finish()
        count = whole.count
        if count["parsed"] + count["joined"] + count["rejected"] != count["lines"]:
            raise RuntimeError(f"lines are lost or counted twice: {dict(count)}")
        line_rows.close()
        reject_rows.close()
        write_parquet(whole.messages.frame(), messages)
    return ParseReport(
        lines=count["lines"],
        parsed=count["parsed"],
        joined=count["joined"],
        rejected=count["rejected"],
        reasons=whole.reasons,
        messages=len(whole.messages),
        lines_without_key=count["keyless"],
        lines_with_several_keys=count["several"],
        first_time=None if whole.earliest is None else whole.earliest.isoformat(),
        last_time=None if whole.latest is None else whole.latest.isoformat(),
        clock_steps_back=count["steps_back"],
        lines_with_invalid_utf8=count["invalid"],
        bytes=count["bytes"],
    )

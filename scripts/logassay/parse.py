"""Raw log -> table of lines, dictionary of distinct masked messages, and what could not be used.

One pass over blocks of whole lines, either in one job or in one per chunk of the log and one that gathers these. What
a line looks like comes from a `LineFormat`; the result does not depend on how the log is cut into chunks and blocks,
nor on the number of threads.
"""

import io
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

import polars as pl

from logassay.acquire import Log, inventory, open_chunk, open_log
from logassay.block_files import origin_of, read_blocks, write_blocks
from logassay.cli import progress
from logassay.errors import UserError
from logassay.files import write_parquet
from logassay.join import WholeLog, check_format, row_groups
from logassay.line_format import LineFormat
from logassay.lines import LINES, REJECTS, Block, Reader

CHUNK_BYTES = 4 << 20
"""Size of a block; larger ones need more memory and are not faster."""
MAX_LINE_BYTES = 256 << 20
"""A longer line means that the file is no line-based log."""
AHEAD = 3
"""Blocks that are read ahead for each thread, lest the threads wait while a row group is written."""
MEMORY_MB = 2000
"""Memory that parsing may take, if not told otherwise."""

S = TypeVar("S")
T = TypeVar("T")


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
    time_note : str
        What the times mean: their zone, and where their year comes from.
    files : list of dict
        Name, kind and size of each file, in the order in which they were read.
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
    time_note: str
    files: list[dict[str, str | int]]


def blocks(stream: BinaryIO, chunk_bytes: int, log: Log) -> Iterator[bytes]:
    """Cut a log into blocks of whole lines, about `chunk_bytes` long."""
    while block := stream.read(chunk_bytes):
        if not block.endswith(b"\n"):
            block += stream.readline(MAX_LINE_BYTES)
        if not block.endswith(b"\n") and stream.read(1):
            raise UserError(
                f"{log} has a line of more than {MAX_LINE_BYTES >> 20} MiB; it is no line-based log, "
                "give a log with a newline after each line."
            )
        yield block


def in_order(function: Callable[[S], T], items: Iterable[S], workers: int) -> Iterator[T]:
    """Apply `function` in `workers` threads; results come in the order of `items`, few of which are held."""
    with ThreadPoolExecutor(workers) as pool:
        running: deque[Future[T]] = deque()
        for item in items:
            running.append(pool.submit(function, item))
            if len(running) > AHEAD * workers:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()


def parse(
    log: Log,
    fmt: LineFormat,
    lines: Path,
    messages: Path,
    rejects: Path,
    *,
    chunk_bytes: int = CHUNK_BYTES,
    memory_mb: int = MEMORY_MB,
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
    log : RawLog, Path, or sequence of Path
        Raw log, as `acquire.open_log` takes it; LF or CRLF; UTF-8, in which invalid bytes become U+FFFD.
    fmt : LineFormat
        How to read its lines.
    lines, messages, rejects : Path
        Files to write: parsed lines (`LINES`), distinct masked messages numbered by first appearance
        (`MESSAGES`), lines that could not be used (`REJECTS`, text cut to 500 characters).
    chunk_bytes : int
        Size of the blocks that are worked on at a time.
    memory_mb : int
        Memory that the job may take. Only the distinct masked messages grow with the log; they must fit.

    Returns
    -------
    ParseReport
        Counts, for parse_report.json.

    Raises
    ------
    UserError
        If the log is missing, empty, damaged, in another format, no line of it can be used, or its distinct messages
        need too much memory.
    """
    with _opened(open_log(log), fmt) as stream:
        results = _read(stream, log, fmt, chunk_bytes)
        return _join(results, log, fmt, lines, messages, rejects, memory_mb)


def parse_chunk(log: Log, fmt: LineFormat, i: int, n: int, output: Path, *, chunk_bytes: int = CHUNK_BYTES) -> int:
    """Do the part of parsing a raw log that needs no more than one chunk of it, and write that for `gather`.

    Parameters
    ----------
    log, fmt, chunk_bytes
        As for `parse`.
    i, n : int
        Which chunk, from 0, of how many; `acquire.plan_chunks` says what belongs to it. A log that its format cannot
        read in parts is one chunk, and the others are empty.
    output : Path
        File to write: the chunk's blocks.

    Returns
    -------
    int
        Number of lines.
    """
    origin = _origin(inventory(log), i, n)
    chunk = open_chunk(log, i, n)
    if fmt.whole:
        chunk.close()
        chunk = open_chunk(log, 0, 1) if i == 0 else io.BytesIO()
    with _opened(chunk, fmt) as stream:
        return write_blocks(_read(stream, log, fmt, chunk_bytes), output, origin)


def gather(
    chunks: Sequence[Path],
    log: Log,
    fmt: LineFormat,
    lines: Path,
    messages: Path,
    rejects: Path,
    *,
    memory_mb: int = MEMORY_MB,
) -> ParseReport:
    """Join the chunks of a log, from `parse_chunk` and in their order; the same as `parse` of the whole log.

    Raises
    ------
    UserError
        Like `parse`; also if the log was another one for one of the chunks, or they are not all of its chunks.
    """
    _check_origins([origin_of(path) for path in chunks], log)
    return _join(read_blocks(chunks), log, fmt, lines, messages, rejects, memory_mb)


def _origin(files: list[dict[str, str | int]], i: int, n: int) -> dict[str, object]:
    return {"files": files, "chunk": i + 1, "chunks": n}


def _check_origins(origins: list[dict[str, object]], log: Log) -> None:
    """Check that the chunks are all those of the log as it is now: what each took depends on the sizes of its files."""
    files = inventory(log)
    if any(origin["files"] != files for origin in origins):
        raise UserError(
            f"{log} changed between the chunks' jobs; parse a copy that nothing writes to, or set "
            "compute.parse_chunks to 1."
        )
    if origins != [_origin(files, i, len(origins)) for i in range(len(origins))]:
        given = ", ".join(f"{origin['chunk']} of {origin['chunks']}" for origin in origins)
        raise UserError(f"The chunks given of {log} are {given}; give each of its chunks once, in their order.")


def _opened(raw: BinaryIO, fmt: LineFormat) -> BinaryIO:
    """Return the lines of a log as its format reads them."""
    try:
        return fmt.stream(raw)
    except BaseException:
        raw.close()
        raise


def _read(stream: BinaryIO, log: Log, fmt: LineFormat, chunk_bytes: int) -> Iterator[Block]:
    results = in_order(Reader(fmt).read, blocks(stream, chunk_bytes, log), workers=pl.thread_pool_size())
    return iter(progress(results, "parse (blocks)"))


def _join(
    read: Iterable[Block], log: Log, fmt: LineFormat, lines: Path, messages: Path, rejects: Path, memory_mb: int
) -> ParseReport:
    with ExitStack() as stack:
        line_rows = stack.enter_context(row_groups(lines, LINES, ["message_id"]))
        reject_rows = stack.enter_context(row_groups(rejects, REJECTS, ["reason"]))
        whole = WholeLog(fmt, line_rows, reject_rows, memory_mb)
        for block in read:
            whole.add(block)
            check_format(whole, log, fmt, at_end=False)
        check_format(whole, log, fmt, at_end=True)
        whole.finish()
        count = whole.count
        if count["parsed"] + count["joined"] + count["rejected"] != count["lines"]:
            raise RuntimeError(f"lines are lost or counted twice: {dict(count)}")
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
        time_note=fmt.time_note,
        files=inventory(log),
    )

"""Raw logs as byte streams: one or many files, of any kind, whole or in chunks of lines.

Everything here is about bytes; what the lines mean is the business of `logassay.parse`.
"""

import argparse
import io
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from logassay import archive
from logassay.archive import BLOCK_BYTES, MAX_EXPANSION, TAR_BLOCK, content, is_plain, kind_of, opened, stream_of
from logassay.errors import UserError
from logassay.files import check_made
from logassay.sources import log_files

if TYPE_CHECKING:
    from logassay.line_format import LineFormat

FIRST_BYTES = (1 << 13, 1 << 18)
"""How far into a file its first time is looked for; the shorter way is enough for almost all, and there may be many."""


@dataclass(frozen=True)
class RawLog:
    """The files of a log, in their order.

    Attributes
    ----------
    files : tuple of Path
        One or more.
    member : str or None
        Which members of archives are meant; None for all.
    max_expansion : int
        How many times its size a compressed file may unfold to.
    """

    files: tuple[Path, ...]
    member: str | None = None
    max_expansion: int = MAX_EXPANSION

    def __str__(self) -> str:
        more = len(self.files) - 1
        return f"{self.files[0]}" + (f" (and {more} more)" if more else "")


@dataclass(frozen=True)
class Span:
    """What a chunk takes of a file: the lines whose first byte is in [start, end); or all of a file that is packed."""

    path: Path
    start: int
    end: int
    whole: bool
    ended: bool
    """Whether a missing newline at the end of the file is supplied."""


Log = RawLog | Path | Sequence[Path]


def _raw_log(log: Log) -> RawLog:
    if isinstance(log, RawLog):
        return log
    return RawLog((log,) if isinstance(log, Path) else tuple(log))


def in_time_order(log: RawLog, fmt: "LineFormat") -> RawLog:
    """Order the files of a log by the time of the first line in each that the format can date, then as they are given.

    Files without such a line come last. If the format's times lack a year, the order begins behind the longest time
    between the first lines of two files, which are taken to lie around the turn of a year.
    """
    if len(log.files) == 1 or not fmt.timed:
        return log
    times = [_first_time(log, path, fmt) for path in log.files]
    dated = sorted((time, place) for place, time in enumerate(times) if time is not None)
    if fmt.rolls_over and len(dated) > 1:
        gaps = [(later[0] - sooner[0]) for sooner, later in itertools.pairwise(dated)]
        widest = max(range(len(gaps)), key=lambda place: (gaps[place], -place))
        around_new_year = dated[0][0] + timedelta(days=366) - dated[-1][0]
        if gaps[widest] > around_new_year:
            dated = dated[widest + 1 :] + dated[: widest + 1]
    undated = [place for place, time in enumerate(times) if time is None]
    order = [place for _, place in dated] + undated
    return replace(log, files=tuple(log.files[place] for place in order))


def _first_time(log: RawLog, path: Path, fmt: "LineFormat") -> Any:
    """Return the time of the first line of a file that can be dated, or None."""
    import polars as pl

    for most in FIRST_BYTES:
        with stream_of(content(path, member=log.member, max_expansion=log.max_expansion)) as stream:
            start = stream.read(most)
        lines = fmt.stream(io.BytesIO(start)).read().split(b"\n")
        if len(start) == most:
            lines.pop()
        text = pl.Series("text", [line.removesuffix(b"\r").decode(errors="replace") for line in lines], dtype=pl.String)
        fields = fmt.fields(text)
        times = fmt.time(fields.filter(pl.col("content").is_not_null())).drop_nulls()
        if len(times):
            return times.item(0)
        if len(start) < most:
            break
    return None


def open_log(log: Log) -> BinaryIO:
    """Open a log as one stream of bytes over all its files.

    Each file is read as `archive.content` says; between two files a missing newline is supplied. Memory stays
    constant, however large the files. Empty files are allowed among others.

    Parameters
    ----------
    log : RawLog, Path, or sequence of Path
        The files, in their order.

    Returns
    -------
    BinaryIO
        Buffered stream with `read`, `readline` and iteration over lines; a context manager.

    Raises
    ------
    UserError
        If a file is missing or unreadable, or there is not one byte; and from any later read, if a file is truncated
        or damaged, or unfolds to too much.
    """
    return _not_empty(_raw_log(log), open_chunk(log, 0, 1))


def _not_empty(log: RawLog, stream: BinaryIO) -> BinaryIO:
    try:
        if not stream.peek(1):  # type: ignore[attr-defined]  # only of buffered streams
            raise UserError(f"{log} is empty; give a log with at least one line.")
    except UserError:
        stream.close()
        raise
    return stream


def inventory(log: Log) -> list[dict[str, str | int]]:
    """Return name, kind and size on the disk of each file of a log, in the order in which they are read."""
    rows: list[dict[str, str | int]] = []
    for path in _raw_log(log).files:
        with opened(path) as file:
            kind = kind_of(file.peek(TAR_BLOCK)[:TAR_BLOCK], str(path))
        rows.append({"file": str(path), "kind": kind or "plain", "bytes": path.stat().st_size})
    return rows


def plan_chunks(log: Log, n: int) -> list[list[Span]]:
    """Cut a log into `n` chunks of lines, by the sizes of its files on the disk.

    Chunk i holds the lines whose first byte is in bytes [i*total/n, (i+1)*total/n) of all files one after the other. A
    packed file (compressed, an archive, UTF-16) cannot be cut: it belongs to the chunk in which its first byte lies. So
    a single packed file gives one full chunk and n - 1 empty ones.

    Returns
    -------
    list of list of Span
        For each chunk what it takes of which file; some may be empty.
    """
    files = _raw_log(log).files
    sizes = []
    for path in files:
        with opened(path):  # for its sentence, if it cannot be
            sizes.append(path.stat().st_size)
    total = sum(sizes)
    borders = [number * total // n for number in range(n + 1)]
    chunks: list[list[Span]] = [[] for _ in range(n)]
    offset = 0
    for path, size in zip(files, sizes, strict=True):
        if size == 0:
            continue
        ended = offset + size < total
        whole = not is_plain(path)
        for chunk, low, high in zip(chunks, borders, borders[1:], strict=False):
            if whole and low <= offset < high:
                chunk.append(Span(path, 0, size, whole, ended))
            elif not whole and low < offset + size and offset < high:
                chunk.append(Span(path, max(low - offset, 0), min(high - offset, size), whole, ended))
        offset += size
    return chunks


def open_chunk(log: Log, i: int, n: int) -> BinaryIO:
    """Open chunk `i` of `n` (from 0) of a log; all chunks one after the other give the same bytes as `open_log`.

    A chunk may be empty.
    """
    raw = _raw_log(log)
    return stream_of(_span_bytes(raw, plan_chunks(raw, n)[i]))


def _span_bytes(log: RawLog, spans: list[Span]) -> Iterator[bytes]:
    for span in spans:
        blocks = (
            content(span.path, member=log.member, max_expansion=log.max_expansion) if span.whole else _lines_of(span)
        )
        last = b"\n"
        for block in blocks:
            yield block
            last = block[-1:] or last
        if span.ended and last != b"\n":
            yield b"\n"


def _lines_of(span: Span) -> Iterator[bytes]:
    """Yield the lines of a plain file whose first byte is in the span."""
    with opened(span.path) as file:
        try:
            if span.start == 0 and file.peek(3).startswith(b"\xef\xbb\xbf"):
                file.read(3)
            elif span.start > 0:
                # The line before, from its last byte on.
                file.seek(span.start - 1)
                while (line := file.readline(BLOCK_BYTES)) and not line.endswith(b"\n"):
                    if file.tell() >= span.end:
                        return
            left = span.end - file.tell()
            if span.start == 0:
                left = max(left, 1)  # the first line belongs here, even if the border lies in its byte order mark
            last = b""
            while left > 0 and (last := file.read(min(left, BLOCK_BYTES))):
                left -= len(last)
                yield last
            if file.tell() < span.end:
                raise UserError(f"{span.path} became shorter while it was read; give a copy that nothing writes to.")
            while last and not last.endswith(b"\n"):
                last = file.readline(BLOCK_BYTES)
                yield last
        except OSError as error:
            raise UserError(
                f"{span.path} cannot be read ({error.strerror}); check the disk or fetch it again."
            ) from None


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a log to a command line."""
    parser.add_argument(
        "--input",
        required=True,
        nargs="+",
        metavar="FILE",
        help="raw log: one or more files, or patterns in quotes; plain, .gz, .zst, .bz2, .xz, tar or zip archives",
    )
    parser.add_argument(
        "--made-by", type=Path, metavar="FILE", help="JSON that simulate_log.py or download_log.py wrote beside the log"
    )
    parser.add_argument("--member", metavar="PATTERN", help="which members of archives are read (default: all)")
    parser.add_argument(
        "--max-expansion",
        type=int,
        default=archive.MAX_EXPANSION,
        metavar="N",
        help=f"how many times its size a compressed file may unfold to (default: {archive.MAX_EXPANSION})",
    )


def check_input(args: argparse.Namespace) -> None:
    """Check that a log which LogAssay made or fetched is as it was then; there is no such record of other logs."""
    if args.made_by is not None:
        check_made(Path(args.input[0]), "raw", args.made_by)


def from_options(args: argparse.Namespace, fmt: "LineFormat") -> RawLog:
    """Return the log that a command line names, its files in the order of time."""
    files = tuple(log_files(args.input))
    if not files:
        raise UserError(f"No file is found by {' '.join(args.input)}; correct the pattern.")
    return in_time_order(RawLog(files, args.member, args.max_expansion), fmt)

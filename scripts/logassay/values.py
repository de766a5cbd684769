"""The numbers in messages, for the models that read them: found in the raw log, then laid beside the encoded events.

A stage of its own that nothing else waits for, so that parsing need not keep what most models never look at.
"""

import re
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from logassay.acquire import Log, open_log
from logassay.cli import progress
from logassay.corpus import Values
from logassay.errors import UserError
from logassay.files import read_parquet, write_parquet
from logassay.join import row_groups
from logassay.line_format import LineFormat
from logassay.lines import header_lines
from logassay.parse import CHUNK_BYTES, blocks, in_order

VALUES = pl.Schema([("line", pl.Int64()), ("values", pl.List(pl.Float32()))])

WORD = r"""[^\s=,;()\[\]{}<>"'|]*"""
"""What may stand before and behind a masked place without a gap."""
NUMBER = r"^([+-]?[0-9]+(?:\.[0-9]+)?)(?:[mun]?s|[kKMGT]i?B|bytes|%)?[.:]?$"
"""A word that is a number: sign, digits, fraction; a unit, which is not read; the end of a sentence or of a name."""
ANY_DIGITS = "[0-9]+"
"""Stands for the masks of a format that has none."""


def word_pattern(fmt: LineFormat) -> str:
    """Return the pattern of a word that a mask of the format reaches into, whole."""
    # A pattern with flag x may end in a comment, which has to end before the bracket.
    ends = ("\n" if re.match(r"\(\?[a-zA-Z]*x", pattern) else "" for pattern, _ in fmt.masks)
    masks = [f"(?:{pattern}{end})" for (pattern, _), end in zip(fmt.masks, ends, strict=True)]
    return f"{WORD}(?:{'|'.join(masks) or ANY_DIGITS}){WORD}"


def find_numbers(content: pl.Series, fmt: LineFormat) -> pl.Series:
    """Find the numbers in the contents of lines.

    A number is what a mask of the format reaches into (any digits, if it has no masks) and what, together with all that
    stands before and behind it without a gap, reads as a decimal number: `67108864`, `-3`, `0.5`, `12ms`, `99.`; in
    `size=5, (7)` there are two, for `= , ; | < >`, quotes and brackets are gaps. So these are none: session keys,
    addresses and their ports, hexadecimal words with a letter or 0x, paths, times of day, and digits inside of words.

    Parameters
    ----------
    content : polars.Series of str
        One for each line.
    fmt : LineFormat
        Gives masks and session keys.

    Returns
    -------
    polars.Series of list[float32]
        The numbers of each line, in order. Beyond the range of the type they are its largest.
    """
    if fmt.key_pattern is not None:
        # A letter in its place, lest a key of digits counts, or what surrounds it grows together.
        content = content.str.replace_all(fmt.key_pattern, "key")
    words = content.str.extract_all(word_pattern(fmt))
    numbers = words.explode(empty_as_null=False).str.extract(NUMBER).cast(pl.Float64)
    # How many numbers there are up to each word gives how many there are up to each line.
    before = np.concatenate([[0], np.cumsum(numbers.is_not_null().to_numpy())])
    offsets = before[np.concatenate([[0], np.cumsum(words.list.len().to_numpy(), dtype=np.int64)])]
    limit = float(np.finfo(np.float32).max)
    found = numbers.drop_nulls().clip(-limit, limit).cast(pl.Float32)
    return pl.Series("values", pl.from_arrow(pa.LargeListArray.from_arrays(offsets, found.to_arrow())))


def _read_block(data: bytes, fmt: LineFormat) -> tuple[int, pl.DataFrame]:
    """Return the number of a block's lines, and the numbers in those that parsing keeps (`line` from 0)."""
    found = header_lines(data, fmt)
    content = found.fields["content"].filter(found.usable)
    lines = pl.Series("line", found.positions[found.usable])
    return found.lines, pl.DataFrame([lines, find_numbers(content, fmt)], schema=VALUES)


def extract(log: Log, fmt: LineFormat, output: Path, *, chunk_bytes: int = CHUNK_BYTES) -> int:
    """Write the numbers of every parsed line of a raw log.

    Parameters
    ----------
    log : RawLog, Path, or sequence of Path
        Raw log, as `acquire.open_log` takes it.
    fmt : LineFormat
        How to read its lines.
    output : Path
        File to write: `line` and `values`, with the same rows as lines.parquet.
    chunk_bytes : int
        Size of the blocks that are worked on at a time; the result does not depend on it.

    Returns
    -------
    int
        Number of rows.
    """
    base, rows = 1, 0
    with fmt.stream(open_log(log)) as stream, row_groups(output, VALUES, ["values.list.element"]) as file:
        results = in_order(partial(_read_block, fmt=fmt), blocks(stream, chunk_bytes, log), pl.thread_pool_size())
        for lines, frame in progress(results, "values (blocks)"):
            file.append(frame.with_columns(pl.col("line") + base))
            base += lines
            rows += frame.height
    return rows


def rows_of_sessions(lines: Path, ids: pl.Series) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Find the lines of sessions.

    Parameters
    ----------
    lines : Path
        lines.parquet.
    ids : polars.Series of str
        The session keys wanted.

    Returns
    -------
    rows : int64 array, shape (events,)
        Row in `lines` of each event, session after session, each in file order.
    lengths : int64 array, shape (sessions,)
        Number of events of each session.
    """
    keys = read_parquet(lines, ["keys"]).select(id="keys").with_row_index("row").explode("id", empty_as_null=False)
    wanted = pl.DataFrame({"id": ids}).with_row_index("place")
    events = keys.join(wanted, on="id").sort("place", "row")
    lengths = np.bincount(events["place"].to_numpy(), minlength=len(ids))
    return events["row"].to_numpy().astype(np.int64), lengths.astype(np.int64)


def rows_of_windows(
    lines: Path, first_line: pl.Series, lengths: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Find the lines of windows, which are all the lines from the first on; otherwise like `rows_of_sessions`."""
    numbers = read_parquet(lines, ["line"])["line"].to_numpy()
    starts = np.searchsorted(numbers, first_line.to_numpy())
    begins = np.cumsum(lengths) - lengths
    return np.repeat(starts - begins, lengths) + np.arange(lengths.sum()), lengths


def align(values: Path, lines: Path, sequences: Path, parts: dict[Path, Path], *, by: str) -> None:
    """Write the numbers of each event of the parts of a split.

    Parameters
    ----------
    values : Path
        Numbers of each line, from `extract`.
    lines, sequences : Path
        lines.parquet and sequences.parquet of the same log.
    parts : dict of Path to Path
        For train.parquet and the others the file to write, with the same rows: `sequence`, `counts` (how many numbers
        each event has) and `values` (these, event after event).
    by : "session", "window" or "time"
        How lines became sequences.

    Raises
    ------
    UserError
        If the files do not belong together.
    """
    table = read_parquet(values)
    if not table["line"].equals(read_parquet(lines, ["line"])["line"]):
        raise UserError(f"{values} and {lines} are not of the same log; delete both and run Snakemake again.")
    counts = table["values"].list.len().to_numpy()
    offsets = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)
    known = Values(table["values"].explode(empty_as_null=False).to_numpy(), offsets)
    first_lines = read_parquet(sequences, ["sequence", "first_line"])
    for path, output in parts.items():
        part = read_parquet(path, ["sequence", "id", "events"])
        lengths = part["events"].list.len().to_numpy().astype(np.int64)
        if by == "session":
            rows, found = rows_of_sessions(lines, part["id"])
        else:
            starts = part.join(first_lines, on="sequence", how="left", maintain_order="left")["first_line"]
            rows, found = rows_of_windows(lines, starts, lengths)
        if not np.array_equal(found, lengths):
            raise UserError(f"{path} and {lines} are not of the same log; delete both and run Snakemake again.")
        events = known.take(rows)
        ends = np.concatenate([[0], np.cumsum(lengths)])
        write_parquet(
            part.select("sequence").with_columns(
                counts=_lists(ends, events.counts.astype(np.int32)),
                values=_lists(events.offsets[ends], events.numbers),
            ),
            output,
        )


def _lists(offsets: npt.NDArray[np.int64], flat: npt.NDArray[np.int32] | npt.NDArray[np.float32]) -> pl.Series:
    return pl.Series(pl.from_arrow(pa.LargeListArray.from_arrays(offsets, pa.array(flat))))

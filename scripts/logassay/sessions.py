"""Lines become sequences by their session keys, in memory that does not grow with the log.

What does not fit is divided by key into files, each of which fits; their sessions are then merged in the order in which
they begin. The sessions are the same whatever the memory. A single session has to fit.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from logassay.files import arrow_table, scratch_folder
from logassay.rows import EVENTS_AT_ONCE, IntArray, Lines, Rows, array, arrow, cut_out, join

COLUMNS = ["line", "time", "alert", "message_id"]
BYTES_PER_ROW = 72
"""Memory for a row: its columns, the number of its key, its place, and what sorting needs."""
KEY_FACTOR = 3
"""Memory for the distinct keys, as a multiple of the space that all keys take in the file before compression."""
MOST_PARTITIONS = 500
"""Each is an open file; systems allow 1,024."""
ROW_SCHEMA = pa.schema(
    [
        ("key", pa.dictionary(pa.int32(), pa.large_string())),
        ("line", pa.int64()),
        ("time", pa.int64()),
        ("alert", pa.int8()),
        ("message_id", pa.int32()),
    ]
)

Relabel = Callable[[pl.DataFrame], pl.DataFrame]


@dataclass(frozen=True)
class Piece:
    """Some rows of lines, one for each session key of a line, and these keys (a dictionary array)."""

    rows: Rows
    keys: pa.DictionaryArray


class Sessions:
    """The sessions of a log, in the order in which they begin.

    Parameters
    ----------
    lines : Path
        lines.parquet.
    memory : int
        Bytes that may be used, beside those of a session and of the program itself.
    folder : Path
        Folder to make for temporary files, should they be needed.
    known : polars.DataFrame or None
        Labels of sessions: `id`, `label`, `kind`. Without them sessions get the labels of their lines.
    relabel : function or None
        Gives a frame of lines (`line, time, alert, message_id`) other labels.
    others : bool or None
        Label of sessions that `known` does not name.

    Attributes
    ----------
    lines_without_key : int
        Lines that belong to no session; known when all sessions have been seen.
    """

    def __init__(
        self,
        lines: Path,
        memory: int,
        folder: Path,
        known: pl.DataFrame | None = None,
        relabel: Relabel | None = None,
        others: bool | None = None,
    ) -> None:
        self._lines = Lines(lines)
        self._folder = folder
        self._known = known
        self._others = others
        self._relabel = relabel
        self.lines_without_key = 0
        self._rows, key_bytes = self._lines.size_of_keys()
        wanted = -(-(self._rows * BYTES_PER_ROW + key_bytes * KEY_FACTOR) // memory)
        self._partitions = max(1, min(wanted, MOST_PARTITIONS))
        self._events = max(1, min(EVENTS_AT_ONCE, memory // (BYTES_PER_ROW * self._partitions)))

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield the sessions in pieces: `id, label, kind, start, end, first_line, message_ids, gaps`."""
        if self._partitions == 1:
            yield from self._group(self._pieces(), self._rows)
            return
        with scratch_folder(self._folder) as folder:
            paths = [folder / f"{number}.arrow" for number in range(self._partitions)]
            runs = []
            for path, rows in zip(paths, self._divide(paths), strict=True):
                with pa.OSFile(str(path)) as source, pa.ipc.open_stream(source) as stream:
                    run = path.with_suffix(".run")
                    if _write_run(self._group(map(_piece, stream), rows), run):
                        runs.append(run)
                path.unlink()
            yield from _merge(runs)

    def _pieces(self) -> Iterator[Piece]:
        """Read all lines, once for each of their keys."""
        for frame, chunks in self._lines.frames_with_keys(COLUMNS):
            rows = Rows.of(frame if self._relabel is None else self._relabel(frame))
            begin = 0
            for chunk in chunks:
                counts = array(chunk.value_lengths())
                self.lines_without_key += int((counts == 0).sum())
                keys = chunk.flatten()
                if not pa.types.is_dictionary(keys.type):  # a page of keys that hardly ever repeat
                    keys = keys.dictionary_encode()
                keys = keys.cast(ROW_SCHEMA.field("key").type)
                whole = len(chunks) == 1 and bool((counts == 1).all())
                yield Piece(rows if whole else rows.take(begin + np.repeat(np.arange(len(counts)), counts)), keys)
                begin += len(counts)

    def _divide(self, paths: list[Path]) -> IntArray:
        """Write the rows to as many files, all rows of a key to the same one; return the number of rows of each."""
        total = np.zeros(len(paths), dtype=np.int64)
        with ExitStack() as stack:
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            files = [
                stack.enter_context(
                    pa.ipc.new_stream(stack.enter_context(pa.OSFile(str(path), "wb")), ROW_SCHEMA, options=options)
                )
                for path in paths
            ]
            for piece in self._pieces():
                # Where a key goes decides on speed alone.
                part_of_key = (pl.Series(piece.keys.dictionary).hash() % len(paths)).to_numpy().astype(np.uint16)
                codes = array(piece.keys.indices)
                part = part_of_key[codes]
                places = np.argsort(part, kind="stable")
                counts = np.bincount(part, minlength=len(paths))
                total += counts
                for number, end in enumerate(np.cumsum(counts)):
                    if counts[number]:
                        files[number].write_batch(_batch(piece, codes, places[end - counts[number] : end]))
        return total

    def _group(self, pieces: Iterable[Piece], most: int) -> Iterator[pl.DataFrame]:
        """Yield the sessions of at most so many rows, in order of their first line, then of their key.

        Those that begin with the same line come together.
        """
        keys: list[pa.DictionaryArray] = []

        def rows_alone() -> Iterator[Rows]:
            for piece in pieces:
                keys.append(piece.keys)
                yield piece.rows

        rows = join(rows_alone(), most)
        coded = pa.chunked_array(keys, ROW_SCHEMA.field("key").type).unify_dictionaries()
        keys.clear()
        if not len(coded):
            return
        ids = pl.Series("id", coded.chunk(0).dictionary)
        codes = np.concatenate([array(chunk.indices) for chunk in coded.chunks])
        del coded
        places = np.argsort(codes, kind="stable")
        counts = np.bincount(codes, minlength=len(ids))
        del codes
        begins = np.cumsum(counts) - counts
        first = rows.line[places[begins]]
        code = np.argsort(first, kind="stable")
        first = first[code]
        same = first[1:] == first[:-1]
        if same.any():
            tied = np.flatnonzero(np.append(same, False) | np.insert(same, 0, False))
            order = pl.DataFrame({"first": first[tied], "id": ids.gather(code[tied]), "code": code[tied]})
            code[tied] = order.sort("first", "id")["code"].to_numpy()
        table = _labelled(ids.gather(code).to_frame(), self._known, self._others)
        begins, counts = begins[code], counts[code]
        offsets = np.concatenate([[0], np.cumsum(counts)])
        begin = 0
        while begin < len(first):
            end = max(begin + 1, int(np.searchsorted(offsets, offsets[begin] + self._events, side="right")) - 1)
            end = int(np.searchsorted(first, first[end - 1], side="right"))
            local = offsets[begin : end + 1] - offsets[begin]
            chosen = places[np.repeat(begins[begin:end] - local[:-1], counts[begin:end]) + np.arange(local[-1])]
            frame = cut_out(rows, chosen, local, "any")
            labels = table[begin:end]
            yield labels.hstack(frame if self._known is None else frame.drop("label")).select(
                "id", "label", "kind", "start", "end", "first_line", "message_ids", "gaps"
            )
            begin = end


def _labelled(ids: pl.DataFrame, known: pl.DataFrame | None, others: bool | None) -> pl.DataFrame:
    """Return `id`, `kind`, and `label` where labels of sessions are known; `others` is that of all others."""
    if known is None:
        return ids.with_columns(kind=pl.lit(None, dtype=pl.String))
    table = ids.join(known, on="id", how="left", maintain_order="left")
    return table if others is None else table.with_columns(pl.col("label").fill_null(others))


def _batch(piece: Piece, codes: npt.NDArray[np.int32], places: IntArray) -> pa.RecordBatch:
    """Return the rows at `places`, with a dictionary of the keys they have."""
    used, inverse = np.unique(codes[places], return_inverse=True)
    keys = pa.DictionaryArray.from_arrays(arrow(inverse.astype(np.int32)), piece.keys.dictionary.take(arrow(used)))
    rows = piece.rows.take(places)
    columns = [arrow(column) for column in (rows.line, rows.time, rows.alert, rows.message_id)]
    return pa.record_batch([keys, *columns], schema=ROW_SCHEMA)


def _piece(batch: pa.RecordBatch) -> Piece:
    line, time, alert, message_id = (array(batch.column(number)) for number in range(1, 5))
    return Piece(Rows(line, time, alert, message_id), batch.column(0))


def _write_run(frames: Iterator[pl.DataFrame], path: Path) -> bool:
    """Write frames that are in order to a file, a batch each; say whether there are any."""
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with ExitStack() as stack:
        writer = None
        for frame in frames:
            table = arrow_table(frame)
            if writer is None:
                sink = stack.enter_context(pa.OSFile(str(path), "wb"))
                writer = stack.enter_context(pa.ipc.new_stream(sink, table.schema, options=options))
            writer.write_batch(table.combine_chunks().to_batches()[0])
    return writer is not None


def _merge(paths: list[Path]) -> Iterator[pl.DataFrame]:
    """Yield the sessions of files that are each in order of the first line, all in that order; a batch of each is read.

    Sessions that begin with the same line are never in two batches of a file.
    """
    with ExitStack() as stack:
        sources = [stack.enter_context(pa.OSFile(str(path))) for path in paths]
        streams = [stack.enter_context(pa.ipc.open_stream(source)) for source in sources]
        waiting = [_next(stream) for stream in streams]
        while any(frame is not None for frame in waiting):
            present = [frame for frame in waiting if frame is not None]
            # All sessions up to here have been read.
            limit = min(int(frame["first_line"][-1]) for frame in present)
            ready = []
            for number, frame in enumerate(waiting):
                if frame is None:
                    continue
                end = int(frame["first_line"].search_sorted(limit, side="right"))
                ready.append(frame.head(end))
                waiting[number] = frame.slice(end) if end < frame.height else _next(streams[number])
            yield pl.concat(ready).sort("first_line", "id")


def _next(stream: pa.RecordBatchReader) -> pl.DataFrame | None:
    try:
        batch = stream.read_next_batch()
    except StopIteration:
        return None
    frame = pl.from_arrow(batch)
    assert isinstance(frame, pl.DataFrame)
    return frame

"""The three parts of a split as event sequences, each in its sampling order: what models and evaluation read.

Training code is given `train.parquet` alone; nothing but scoring opens `test.parquet`.
"""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from logassay.files import (
    arrow_table,
    digests_of,
    open_parquet,
    parquet_pieces,
    read_parquet,
    scratch_folder,
    write_json,
)
from logassay.rows import lists
from logassay.split import PARTS

ENCODED = pl.Schema(
    [
        ("sequence", pl.Int32()),
        ("id", pl.String()),
        ("label", pl.Boolean()),
        ("kind", pl.String()),
        ("start", pl.Datetime("us")),
        ("events", pl.List(pl.Int32())),
        ("gaps", pl.List(pl.Float32())),
    ]
)
COLUMNS = ["sequence", "id", "label", "kind", "start", "message_ids", "gaps"]

BASE_MEMORY = 350_000_000
"""What the program needs for itself: libraries, a row group that is read and one that is written."""
LEAST_MEMORY = 50_000_000
"""What is left to work with, however little may be used."""
BYTES_PER_EVENT, BYTES_PER_SEQUENCE = 32, 300
"""Memory while sequences are put in order."""
MOST_SHELVES = 150
"""For each part; each is an open file, and systems allow 1,024."""


def encode(sequences: pl.DataFrame, event_of: pl.Series) -> pl.DataFrame:
    """Return sequences with event ids for message ids, in sampling order.

    Parameters
    ----------
    sequences : polars.DataFrame
        Columns of the sequence stage, and `rank`.
    event_of : polars.Series of int
        The event of each message id from 0.

    Returns
    -------
    polars.DataFrame
        `sequence, id, label, kind, start, events, gaps`.
    """
    frame = sequences.sort("rank")
    offsets = np.concatenate([[0], np.cumsum(frame["message_ids"].list.len().to_numpy(), dtype=np.int64)])
    events = event_of.gather(frame["message_ids"].explode(empty_as_null=False)).to_numpy()
    return frame.with_columns(events=lists(offsets, events)).select(ENCODED.names()).cast(ENCODED)


class Shelf:
    """Sequences put aside: in memory, or in a file if there is a path for one."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._frames: list[pl.DataFrame] = []
        self._open: list[Any] = []  # the writer and what it writes to

    def put(self, frame: pl.DataFrame) -> None:
        """Add sequences."""
        if self._path is None:
            self._frames.append(frame)
            return
        table = arrow_table(frame)
        if not self._open:
            sink = pa.OSFile(str(self._path), "wb")
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            self._open = [pa.ipc.new_stream(sink, table.schema, options=options), sink]
        self._open[0].write_table(table)

    def take(self) -> pl.DataFrame | None:
        """Return all that was put aside; nothing is left here."""
        if self._path is None:
            frames, self._frames = self._frames, []
            return pl.concat(frames) if frames else None
        if not self._open:
            return None
        for each in self._open:
            each.close()
        with pa.OSFile(str(self._path)) as source, pa.ipc.open_stream(source) as stream:
            frame = pl.from_arrow(stream.read_all())
        self._path.unlink()
        assert isinstance(frame, pl.DataFrame)
        return frame


def shelve(sequences: Path, split: Path, memory: int, folder: Path) -> dict[str, list[Shelf]]:
    """Put the sequences of each part on shelves: the first has those that come first in its sampling order, and so on.

    Parameters
    ----------
    sequences, split : Path
        sequences.parquet and split.parquet.
    memory : int
        Bytes that the sequences of a shelf may take.
    folder : Path
        Where files may be put.
    """
    assignment = read_parquet(split).sort("sequence")
    number, rank = assignment["sequence"].to_numpy(), assignment["rank"].to_numpy()
    part = np.full(len(number), len(PARTS), dtype=np.int8)
    shelf_of = np.zeros(len(number), dtype=np.int16)
    shelves = {}
    with open_parquet(sequences) as file:
        names = [file.schema.column(place).path for place in range(len(file.schema))]
        place = next(place for place, name in enumerate(names) if name.startswith("message_ids."))
        groups = range(file.metadata.num_row_groups)
        events = sum(file.metadata.row_group(group).column(place).num_values for group in groups)
        size = events * BYTES_PER_EVENT + file.metadata.num_rows * BYTES_PER_SEQUENCE
        count = min(MOST_SHELVES, -(-size // memory))
        for code, name in enumerate(PARTS):
            members = (assignment["part"] == name).to_numpy()
            part[members] = code
            shelf_of[members] = rank[members] * np.int64(count) // max(1, members.sum())
            shelves[name] = [Shelf(folder / f"{name}-{place}.arrow" if count > 1 else None) for place in range(count)]
        for group in groups:
            frame = pl.from_arrow(file.read_row_group(group, columns=COLUMNS))
            assert isinstance(frame, pl.DataFrame)
            places = np.searchsorted(number, frame["sequence"].to_numpy())
            frame = frame.with_columns(rank=pl.Series(rank[places]))
            for code, name in enumerate(PARTS):
                for place in range(count):
                    chosen = (part[places] == code) & (shelf_of[places] == place)
                    if chosen.any():
                        shelves[name][place].put(frame.filter(chosen))
    return shelves


def run(
    sequences: Path,
    split: Path,
    message_events: Path,
    templates: Path,
    memory_mb: int,
    outputs: dict[str, Path],
    report: Path,
) -> None:
    """Write the event sequences of the three parts, and a report with the counts of each, in about so much memory."""
    # Message ids are dense, so the table in order of the id is a lookup by position.
    event_of = read_parquet(message_events).sort("message_id")["event"]
    known = read_parquet(templates, ["event", "in_training"]).filter("in_training")["event"].implode()
    memory = max(LEAST_MEMORY, memory_mb * 10**6 - BASE_MEMORY)
    parts: list[dict[str, Any]] = []
    with scratch_folder(report.with_name(f".{report.name}.pieces")) as folder:
        for part, shelves in shelve(sequences, split, memory, folder).items():
            count, events, unknown = 0, 0, 0
            with parquet_pieces(outputs[part], ENCODED, lists="events", compression_level=3) as file:
                for shelf in shelves:
                    stored = shelf.take()
                    if stored is None:
                        continue
                    frame = encode(stored, event_of)
                    flat = frame["events"].explode(empty_as_null=False)
                    count, events = count + frame.height, events + len(flat)
                    unknown += int((~flat.is_in(known)).sum())
                    file.append(frame)
            parts.append({"part": part, "sequences": count, "events": events, "unknown_events": unknown})
    inputs = {"sequences": sequences, "split": split, "message_events": message_events, "templates": templates}
    write_json(report, {"parts": parts, "made_from": digests_of(**inputs), "made": digests_of(**outputs)})

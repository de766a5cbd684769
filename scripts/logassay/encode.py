"""The three parts of a split as event sequences, each in its sampling order: what models and evaluation read.

Training code is given `train.parquet` alone; nothing but scoring opens `test.parquet`.
"""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from logassay.files import read_parquet, write_json, write_parquet
from logassay.split import PARTS

COLUMNS = ["sequence", "id", "label", "kind", "start", "events", "gaps"]


def encode(sequences: pl.DataFrame, split: pl.DataFrame, message_events: pl.DataFrame, part: str) -> pl.DataFrame:
    """Return one part's sequences with event ids for message ids, in sampling order.

    Parameters
    ----------
    sequences : polars.DataFrame
        Output of the sequence stage.
    split : polars.DataFrame
        `sequence`, `part`, `rank`.
    message_events : polars.DataFrame
        `message_id`, `event`; message ids are dense from 0.
    part : str
        "train", "validation" or "test".

    Returns
    -------
    polars.DataFrame
        `sequence, id, label, kind, start, events, gaps`.
    """
    # Message ids are dense, so the table in order of the id is a lookup by position.
    event_of = message_events.sort("message_id")["event"]
    chosen = split.filter(pl.col("part") == part).select("sequence", "rank")
    frame = sequences.join(chosen, on="sequence").sort("rank")
    flat = frame["message_ids"].explode(empty_as_null=False)
    offsets = np.concatenate([[0], np.cumsum(frame["message_ids"].list.len().to_numpy(), dtype=np.int64)])
    lists = pa.LargeListArray.from_arrays(offsets, event_of.gather(flat).to_arrow())
    return frame.with_columns(events=pl.Series(pl.from_arrow(lists))).select(COLUMNS)


def run(
    sequences: Path, split: Path, message_events: Path, templates: Path, outputs: dict[str, Path], report: Path
) -> None:
    """Write the event sequences of the three parts, and a report with the counts of each."""
    all_sequences = read_parquet(sequences, ["sequence", "id", "label", "kind", "start", "message_ids", "gaps"])
    assignment = read_parquet(split)
    events = read_parquet(message_events)
    known = read_parquet(templates, ["event", "in_training"]).filter("in_training")["event"]
    parts: list[dict[str, Any]] = []
    for part in PARTS:
        frame = encode(all_sequences, assignment, events, part)
        flat = frame["events"].explode(empty_as_null=False)
        unknown = int((~flat.is_in(known.implode())).sum())
        parts.append({"part": part, "sequences": frame.height, "events": len(flat), "unknown_events": unknown})
        write_parquet(frame, outputs[part])
    write_json(report, {"parts": parts})

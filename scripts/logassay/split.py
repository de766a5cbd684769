"""Which sequences are for training, validation and test, and in which order samples are drawn from each.

The split comes before anything is learned. Samples are nested: a sample of n is the first n of the sampling order.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl

from logassay.errors import UserError
from logassay.files import read_json, read_parquet, write_json, write_parquet

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Split:
    """How sequences are divided.

    Attributes
    ----------
    order : "chronological" or "shuffled"
        By start time, or at random (the literature's habit; a contrast, since the future then teaches the past).
    train, validation, test : float
        Shares of the sequences, at most 1 in sum.
    gap : int or None
        Sequences left out between the parts; None takes as many as may share lines (at least one), and none when
        shuffled.
    """

    order: Literal["chronological", "shuffled"]
    train: float
    validation: float
    test: float
    gap: int | None = None


def divide(
    sequences: pl.DataFrame, split: Split, independent_after: int, seed: int
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Assign every sequence to a part.

    Parameters
    ----------
    sequences : polars.DataFrame
        Columns `sequence`, `label`, `start`, `end`.
    split : Split
        Order and shares.
    independent_after : int
        Number of sequences after which no line is shared any more (1 for sessions).
    seed : int
        Seed of the sampling order, and of the shuffling.

    Returns
    -------
    assignment : polars.DataFrame
        `sequence`, `part` (train, validation, test or gap) and `rank`, the place in the part's sampling order.
    report : dict
        Counts for each part, and how many training sequences were still open when the test part began.
    """
    total = split.train + split.validation + split.test
    if total > 1 + 1e-9:
        raise UserError(f"The split's train, validation and test shares sum to {total:g}; they may not exceed 1.")
    rng = np.random.default_rng(seed)
    count = sequences.height
    if split.order == "chronological":
        ordered = sequences.sort("start", "sequence")["sequence"].to_numpy()
        gap = max(1, independent_after) if split.gap is None else split.gap
    else:
        ordered = rng.permutation(sequences["sequence"].to_numpy())
        gap = split.gap or 0
    borders = np.rint(np.cumsum([split.train, split.validation, split.test]) * count).astype(int)
    part = np.full(count, "gap", dtype=object)
    begin = 0
    for name, end in zip(PARTS, borders, strict=True):
        part[begin:end] = name
        begin = end + gap
        if not (part == name).any():
            raise UserError(
                f"The {name} part of the split is empty: {count} sequences with a gap of {gap} are too few; "
                "use more data, smaller windows or other shares."
            )
    rank = np.zeros(count, dtype=np.int32)
    for name in (*PARTS, "gap"):
        rows = np.flatnonzero(part == name)
        rank[rows] = rng.permutation(len(rows)) if name != "gap" else np.arange(len(rows))
    assignment = pl.DataFrame(
        {"sequence": pl.Series(ordered, dtype=pl.Int32), "part": pl.Series(list(part), dtype=pl.String), "rank": rank}
    ).sort("sequence")
    return assignment, _report(sequences.join(assignment, on="sequence"), split.order, gap)


def _report(divided: pl.DataFrame, order: str, gap: int) -> dict[str, Any]:
    parts = []
    for name in (*PARTS, "gap"):
        rows = divided.filter(pl.col("part") == name)
        label = rows["label"]
        parts.append(
            {
                "part": name,
                "sequences": rows.height,
                "normal": int((~label).sum()),
                "anomalous": int(label.sum()),
                "unlabelled": label.null_count(),
                "first_start": str(rows["start"].min()) if rows.height else None,
                "last_start": str(rows["start"].max()) if rows.height else None,
            }
        )
    test_start = divided.filter(pl.col("part") == "test")["start"].min()
    still_open = divided.filter((pl.col("part") == "train") & (pl.col("end") >= pl.lit(test_start))).height
    return {"order": order, "gap": gap, "parts": parts, "train_open_at_test_start": still_open}


def run(sequences: Path, sequence_report: Path, split: Split, seed: int, output: Path, report: Path) -> None:
    """Divide the sequences of a file and write the assignment with its report."""
    frame = read_parquet(sequences, ["sequence", "label", "start", "end"])
    assignment, facts = divide(frame, split, read_json(sequence_report)["independent_after"], seed)
    write_parquet(assignment, output)
    write_json(report, facts)

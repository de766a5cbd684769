"""Which sequences are for training, validation and test, and in which order samples are drawn from each.

The split comes before anything is learned. Samples are nested: a sample of n is the first n of the sampling order.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from logassay.errors import UserError
from logassay.files import columns_of, digests_of, read_json, read_parquet, write_json, write_parquet

PARTS = ("train", "validation", "test")
TRAIN, VALIDATION, TEST, GAP = range(4)
"""What stands for a part while sequences are divided: texts take ten times as much memory."""
NAMES = (*PARTS, "gap")
COLUMNS = ("sequence", "label", "start", "end", "part")
"""The last only where the data set gives it."""

Codes = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Split:
    """How sequences are divided.

    Attributes
    ----------
    order : "chronological", "shuffled" or "given"
        In the order in which they begin in the log, or at random (the literature's habit; a contrast, since the
        future then teaches the past), or as the data set itself says.
    train, validation, test : float
        Shares of the sequences, at most 1 in sum. When given, `validation` is the share of the training part that is
        drawn at random to validate, unless the data set has a validation part, and the others have no effect.
    gap : int or None
        Sequences left out between the parts; None takes as many as may share lines (at least one) when chronological,
        and none otherwise.
    anomalous : "anywhere" or "test"
        Where anomalous sequences go: as the order has it, or all into the test part, so that the shares are those of
        the normal ones.
    """

    order: Literal["chronological", "shuffled", "given"]
    train: float
    validation: float
    test: float
    gap: int | None = None
    anomalous: Literal["anywhere", "test"] = "anywhere"


def divide(
    sequences: pl.DataFrame, split: Split, independent_after: int, seed: int
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Assign every sequence to a part.

    Parameters
    ----------
    sequences : polars.DataFrame
        Columns `sequence`, `label`, `start`, `end`, and `part` where the data set gives it.
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
    rng = np.random.default_rng(seed)
    gap = split.gap or 0
    if split.order == "given":
        ordered, part = _given(sequences, split.validation, rng)
    else:
        if split.order == "chronological":
            # Sequences are numbered by their first line. File order holds even where the log's clock steps back, so
            # that a gap really parts windows that share lines.
            ordered = sequences.sort("sequence")
            gap = max(1, independent_after) if split.gap is None else split.gap
        else:
            ordered = sequences[rng.permutation(sequences.height)]
        part = np.full(ordered.height, TEST, dtype=np.int8)
        drawn = np.ones(ordered.height, dtype=bool)
        if split.anomalous == "test":
            drawn = ~ordered["label"].fill_null(False).to_numpy()
        part[drawn] = _by_shares(int(drawn.sum()), split, gap)
    for code, name in enumerate(PARTS):
        if not (part == code).any():
            raise UserError(
                f"The {name} part of the split is empty: {sequences.height} sequences with a gap of {gap} are too few; "
                "use more data, smaller windows or other shares."
            )
    rank = np.zeros(ordered.height, dtype=np.int32)
    for code in range(len(NAMES)):
        rows = np.flatnonzero(part == code)
        rank[rows] = rng.permutation(len(rows)) if code != GAP else np.arange(len(rows))
    report = _report(ordered.select("label", "start", "end", part=pl.Series(part)), split.order, gap)
    assignment = ordered.select("sequence", part=pl.Series(part), rank=pl.Series(rank)).sort("sequence")
    return assignment.with_columns(part=pl.Series(NAMES).gather(assignment["part"])), report


def _by_shares(count: int, split: Split, gap: int) -> Codes:
    """Cut `count` sequences, in order, into parts of the given shares with a gap between them."""
    total = split.train + split.validation + split.test
    if total > 1 + 1e-9:
        raise UserError(f"The split's train, validation and test shares sum to {total:g}; they may not exceed 1.")
    borders = np.rint(np.cumsum([split.train, split.validation, split.test]) * count).astype(int)
    part = np.full(count, GAP, dtype=np.int8)
    begin = 0
    for code, end in enumerate(borders):
        part[begin:end] = code
        begin = end + gap
    return part


def _given(sequences: pl.DataFrame, validation: float, rng: np.random.Generator) -> tuple[pl.DataFrame, Codes]:
    """Take the data set's own parts; draw the validation part from training where it has none."""
    if "part" not in sequences.columns or sequences["part"].null_count():
        raise UserError(
            "The split's order is 'given', but the data set does not say the part of every sequence; "
            "name the part in its source, or choose a chronological or shuffled split."
        )
    part = sequences["part"].replace_strict(PARTS, range(len(PARTS)), return_dtype=pl.Int8).to_numpy().copy()
    if not (part == VALIDATION).any():
        train = np.flatnonzero(part == TRAIN)
        part[rng.permutation(train)[: round(validation * len(train))]] = VALIDATION
    return sequences, part


def _report(divided: pl.DataFrame, order: str, gap: int) -> dict[str, Any]:
    parts = []
    for code, name in enumerate(NAMES):
        rows = divided.filter(pl.col("part") == code)
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
    still_open = None
    if order == "chronological":
        test_start = divided.filter(pl.col("part") == TEST)["start"].min()
        still_open = divided.filter((pl.col("part") == TRAIN) & (pl.col("end") >= pl.lit(test_start))).height
    return {"order": order, "gap": gap, "parts": parts, "train_open_at_test_start": still_open}


def run(sequences: Path, sequence_report: Path, split: Split, seed: int, output: Path, report: Path) -> None:
    """Divide the sequences of a file and write the assignment with its report."""
    known = columns_of(sequences)
    frame = read_parquet(sequences, [name for name in COLUMNS if name in known])
    assignment, facts = divide(frame, split, read_json(sequence_report)["independent_after"], seed)
    write_parquet(assignment, output)
    made_from, made = digests_of(sequences=sequences), digests_of(split=output)
    write_json(report, {**facts, "made_from": made_from, "made": made})

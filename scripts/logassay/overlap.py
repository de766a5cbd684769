"""How much of validation and test was already seen in training: the leakage that inflates published results."""

from pathlib import Path
from typing import Any

import polars as pl

from logassay.corpus import Corpus, read_corpus
from logassay.files import digests_of, read_parquet, write_json, write_parquet

EVALUATED = ("validation", "test")


def seen_in_training(train: Corpus, parts: dict[str, Corpus]) -> tuple[dict[str, list[int]], dict[str, list[bool]]]:
    """Number the distinct event sequences of some parts and tell which occur in training.

    Parameters
    ----------
    train : Corpus
        The training sample.
    parts : dict of str to Corpus
        The parts that are evaluated.

    Returns
    -------
    distinct : dict of str to list of int
        For each sequence of a part a number; equal numbers mean equal event sequences, across the parts too.
    seen : dict of str to list of bool
        Whether the same event sequence occurs in the training sample.
    """
    known = {train[row].tobytes() for row in range(len(train))}
    number: dict[bytes, int] = {}
    distinct: dict[str, list[int]] = {}
    seen: dict[str, list[bool]] = {}
    for name, corpus in parts.items():
        keys = [corpus[row].tobytes() for row in range(len(corpus))]
        distinct[name] = [number.setdefault(key, len(number)) for key in keys]
        seen[name] = [key in known for key in keys]
    return distinct, seen


def run(train: Path, sample_size: int, parts: dict[str, Path], output: Path, report: Path) -> None:
    """Write which validation and test sequences the training sample contains, with a summary by part and label."""
    sample = read_corpus(train, sample_size)
    distinct, seen = seen_in_training(sample, {name: read_corpus(path) for name, path in parts.items()})
    rows = pl.concat(
        read_parquet(path, ["sequence", "label"]).with_columns(
            part=pl.lit(name),
            distinct=pl.Series(distinct[name], dtype=pl.Int32),
            seen_in_training=pl.Series(seen[name], dtype=pl.Boolean),
        )
        for name, path in parts.items()
    )
    names = pl.when("label").then(pl.lit("anomalous")).when(pl.col("label").not_()).then(pl.lit("normal"))
    summary: list[dict[str, Any]] = (
        rows.group_by("part", names.otherwise(pl.lit("unlabelled")).alias("label"))
        .agg(
            sequences=pl.len(),
            distinct=pl.col("distinct").n_unique(),
            seen_in_training=pl.col("seen_in_training").sum(),
            share_seen=pl.col("seen_in_training").mean(),
        )
        .sort("part", "label")
        .to_dicts()
    )
    write_parquet(rows.select("part", "sequence", "distinct", "seen_in_training"), output)
    facts = {"training_sequences": len(sample), "training_distinct": len(sample.distinct()[0]), "parts": summary}
    made_from, made = digests_of(train=train, **parts), digests_of(overlap=output)
    write_json(report, {**facts, "made_from": made_from, "made": made})

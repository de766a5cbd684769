"""Scoring: what a trained model says about sequences, saved once so that judging needs no model.

Equal sequences are scored once.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from logassay import checkpoint, models
from logassay.corpus import Corpus, Values, read_corpus, read_values
from logassay.errors import UserError, harmless
from logassay.files import digests_of, read_parquet, write_json, write_parquet
from logassay.models.base import Detector, Scores


def load_detector(path: Path, device: str, threads: int, templates: Path | None) -> tuple[Detector, dict[str, Any]]:
    """Restore a model from its checkpoint.

    Parameters
    ----------
    path : Path
        Checkpoint of an epoch.
    device : str
        "auto", "cpu" or "cuda".
    threads : int
        Threads torch may use.
    templates : Path or None
        templates.parquet; models that read no templates need none.

    Returns
    -------
    detector : Detector
        The model, ready to score.
    header : dict
        `module`, `variant`, `hyper`, `seed`, `epoch` and `training_losses`.

    Raises
    ------
    UserError
        If the file is not a sound checkpoint, or the templates are needed and missing.
    """
    header = checkpoint.load(path)
    try:
        state = header.pop("detector")
        kind = models.load(header["module"])
        kind.set_threads(threads)
        detector = kind(header["hyper"], header["seed"], device, header["variant"])
        detector.restore(state)
    except checkpoint.UNSOUND as error:
        reason = harmless(f"{type(error).__name__}: {error}".splitlines()[0], 200)
        raise UserError(
            f"{path} does not hold the model that it names ({reason}); delete it and run Snakemake again."
        ) from None
    models.give_templates(detector, templates)
    return detector, header


def score_corpus(detector: Detector, corpus: Corpus) -> Scores:
    """Score every sequence of a corpus, equal ones once."""
    first, inverse = corpus.distinct()
    return detector.score(corpus.take(first)).take(inverse)


def tabulate(scores: Scores) -> pl.DataFrame:
    """Return scores as a table: length, unknown, score, paper, loss, then the model's components."""
    count = len(scores.score)
    loss = np.full(count, np.nan) if scores.loss is None else scores.loss
    return pl.DataFrame(
        {
            "length": scores.length,
            "unknown": scores.unknown,
            "score": scores.score,
            "paper": scores.paper,
            "loss": pl.Series(loss, dtype=pl.Float64, nan_to_null=True),
            **scores.components,
        }
    )


def run(
    *,
    checkpoint_path: Path,
    templates: Path | None,
    parts: Sequence[tuple[str, Path]],
    values: dict[str, Path],
    limits: dict[str, int],
    mutated: Path | None,
    device: str,
    threads: int,
    output: Path,
    facts: Path,
) -> None:
    """Score files of sequences and write the scores and the facts.

    Parameters
    ----------
    checkpoint_path : Path
        Checkpoint of the model.
    templates : Path or None
        templates.parquet; models that read no templates need none.
    parts : sequence of (str, Path)
        Name and file of each part, for example ("test", test.parquet).
    values : dict of str to Path
        For models that read the numbers in messages: the files of the values by name of the part, for the mutated
        sequences those of the part "validation", their parents.
    limits : dict of str to int
        Number of rows to use of a part, where not all.
    mutated : Path or None
        mutated.parquet, whose rows name part and operator themselves.
    device : str
        "auto", "cpu" or "cuda".
    threads : int
        Threads torch may use.
    output, facts : Path
        Where the scores and the facts go.

    Raises
    ------
    UserError
        If parts share a name, a limit is larger than its part or names none, or a file is damaged.
    """
    detector, _ = load_detector(checkpoint_path, device, threads, templates)
    made_from = digests_of(checkpoint=checkpoint_path, templates=templates, **dict(parts), mutated=mutated)
    made_from |= digests_of(**{f"{name}_values": path for name, path in values.items()})
    frames, corpora = [], []
    if len(dict(parts)) < len(parts):
        raise UserError("Two parts have the same name; give each --sequences a name of its own.")
    for name in limits:
        if name not in dict(parts):
            raise UserError(f"The limit of {name} belongs to no part; parts are: {', '.join(dict(parts)) or 'none'}.")
    for name, path in parts:
        frame = read_parquet(path, ["sequence", "label", "kind"])
        limit = limits.get(name, frame.height)
        if not 0 <= limit <= frame.height:
            raise UserError(
                f"{path} holds {frame.height} sequences but {limit} are to be evaluated; "
                f"set eval_sample_size to at most {frame.height} or use more data."
            )
        frames.append(frame.head(limit).select(pl.lit(name).alias("part"), "sequence", "label", "kind"))
        corpora.append(read_corpus(path, limit, models.needed_values(type(detector), values.get(name))))
    if mutated is not None:
        frames.append(read_parquet(mutated, ["part", "sequence", "label", "kind", "operator", "equals_normal"]))
        corpora.append(read_mutated(mutated, models.needed_values(type(detector), values.get("validation"))))
    corpus = concatenate(corpora)
    begin = time.perf_counter()
    scores = score_corpus(detector, corpus)
    seconds = time.perf_counter() - begin
    rows = pl.concat(frames).with_columns(
        pl.col("sequence").cast(pl.Int32), pl.col("label").cast(pl.Boolean), pl.col("kind").cast(pl.String)
    )
    own = [] if mutated is None else [rows.drop_in_place(name) for name in ("operator", "equals_normal")]
    write_parquet(pl.concat([rows, tabulate(scores)], how="horizontal").with_columns(own), output)
    write_json(
        facts,
        {
            "sequences": len(corpus),
            "distinct": len(corpus.distinct()[0]),
            "scoring_seconds": seconds,
            "sequences_per_second": len(corpus) / seconds,
            "device": detector.device,
            "threads": threads,
            "made_from": made_from,
            "made": digests_of(scores=output),
        },
    )


def concatenate(corpora: Sequence[Corpus]) -> Corpus:
    """Join corpora into one, in order."""
    lengths = np.concatenate([corpus.lengths for corpus in corpora])
    return Corpus(
        events=np.concatenate([corpus.events for corpus in corpora]),
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        labels=np.concatenate([corpus.labels for corpus in corpora]),
        gaps=np.concatenate([corpus.gaps for corpus in corpora]),
        values=_concatenate_values([corpus.values for corpus in corpora if corpus.values is not None]),
    )


def _concatenate_values(values: Sequence[Values]) -> Values | None:
    """Join the numbers of all corpora, if they have any: the corpora of one model all have or all lack them."""
    if not values:
        return None
    counts = np.concatenate([each.counts for each in values])
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Values(np.concatenate([each.numbers for each in values]), offsets)


def read_mutated(path: Path, parent_values: Path | None) -> Corpus:
    """Read mutated sequences.

    Parameters
    ----------
    path : Path
        mutated.parquet.
    parent_values : Path or None
        The values of the validation sequences, for models that read them. Events that a mutation has put in have none.
    """
    corpus = read_corpus(path)
    if parent_values is None:
        return corpus
    frame = read_parquet(path, ["sequence", "origins"])
    sequences, lengths, values = read_values(parent_values)
    # Position of the first event of each sequence's parent.
    order = np.argsort(sequences)
    places = np.searchsorted(sequences, frame["sequence"].to_numpy(), sorter=order)
    parents = order[np.minimum(places, len(order) - 1)]
    origins = frame["origins"].explode(empty_as_null=False).to_numpy().astype(np.int64)
    begins = np.repeat((np.cumsum(lengths) - lengths)[parents], corpus.lengths)
    longest = np.repeat(lengths[parents], corpus.lengths)
    if (sequences[parents] != frame["sequence"].to_numpy()).any() or (origins >= longest).any():
        raise UserError(f"{parent_values} holds the values of other sequences than the parents of {path}.")
    return replace(corpus, values=values.take(np.where(origins < 0, -1, begins + origins)))

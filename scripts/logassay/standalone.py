"""One checkpoint evaluated by hand, without the workflow: mutate or take the test part, score, judge, write."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from logassay import evaluate, models, mutate, score
from logassay.corpus import Corpus, read_corpus
from logassay.errors import UserError
from logassay.files import digests_of, read_json, read_parquet, sha256_of, write_parquet
from logassay.models.base import Detector
from logassay.sources import shown
from logassay.threshold import Choice

TRAIN, VALIDATION, TEST = "train.parquet", "validation.parquet", "test.parquet"


@dataclass(frozen=True)
class Pseudo:
    """Settings of the `pseudo` and the `prevalence` protocol.

    Attributes
    ----------
    sessions : int
        Validation sequences that are judged; the others serve to choose the threshold.
    anomaly_ratio : float
        Share of the events changed in each mutated sequence.
    operators : sequence of str
        Kinds of mutation.
    seed : int
        Seed of the mutations, and of the draw of the mutated sequences.
    prevalence : float or None
        Share of the sequences that are mutated, all others being intact; None judges each once intact and once mutated.
    """

    sessions: int
    anomaly_ratio: float
    operators: Sequence[str]
    seed: int
    prevalence: float | None = None


def locate(validation_data: Path, name: str) -> Path:
    """Return a part of a split; `validation_data` is the split's folder or its validation file."""
    path = validation_data / name if validation_data.is_dir() else validation_data.with_name(name)
    if name == VALIDATION and validation_data.is_file():
        path = validation_data
    if not path.is_file():
        raise UserError(
            f"There is no file {path}; give --validation-data the folder of a split that holds {VALIDATION} "
            f"(and {TRAIN} for mutations, {TEST} for labelled evaluations), below results/runs."
        )
    return path


def training_facts(checkpoint: Path, header: dict[str, Any]) -> dict[str, Any]:
    """Return what is known of the training: the facts beside the checkpoint, or what it says itself."""
    beside = checkpoint.with_suffix(".json")
    if beside.is_file():
        facts: dict[str, Any] = read_json(beside)
        return facts
    losses = header["training_losses"]
    loss = losses[-1] if losses else None
    return {"training_loss": loss, "checkpoint_sha256": sha256_of(checkpoint), "wall_seconds": None}


def _scored(detector: Detector, rows: pl.DataFrame, corpus: Corpus) -> pl.DataFrame:
    return pl.concat([rows, score.tabulate(score.score_corpus(detector, corpus))], how="horizontal")


def _values(detector: Detector, path: Path) -> Path | None:
    """Return the values beside a part, if the model reads numbers."""
    values = path.with_name(f"{path.stem}_values.parquet")
    return models.needed_values(type(detector), values if values.is_file() else None)


def _part(detector: Detector, path: Path, part: str, rows: int | None) -> pl.DataFrame:
    corpus = read_corpus(path, rows, _values(detector, path))
    names = read_parquet(path, ["sequence", "label", "kind"]).head(len(corpus))
    return _scored(detector, names.with_columns(pl.lit(part).alias("part")), corpus)


def evaluate_checkpoint(
    checkpoint: Path,
    validation_data: Path,
    output: Path,
    *,
    pseudo: Pseudo | None,
    max_samples: int | None,
    choice: Choice,
    decision: str,
    device: str,
    threads: int,
    schema: Path,
    full_paths: bool = False,
) -> dict[str, Any]:
    """Evaluate one checkpoint and write its results to `output/epoch_N`.

    Parameters
    ----------
    checkpoint : Path
        Checkpoint of an epoch.
    validation_data : Path
        Folder with the parts of a split, or its validation.parquet.
    output : Path
        Folder that gets a folder for the epoch.
    pseudo : Pseudo or None
        Judge mutated validation sequences; None judges the labelled test part.
    max_samples : int or None
        Test sequences to judge in a labelled evaluation; None takes all.
    choice : Choice
        How the threshold is chosen.
    decision : "threshold" or "rule"
        Judge by the threshold, or by the model's own rule.
    device : str
        "auto", "cpu" or "cuda".
    threads : int
        Threads of the model.
    schema : Path
        Schema of the evaluation results.
    full_paths : bool
        Whether the results name a checkpoint outside of the working folder with its path; if not, by its name alone.

    Returns
    -------
    dict
        The evaluation that was written.
    """
    path = locate(validation_data, VALIDATION)
    other = locate(validation_data, TEST if pseudo is None else TRAIN)
    beside = path.with_name("templates.parquet")
    templates = beside if beside.is_file() else None
    detector, header = score.load_detector(checkpoint, device, threads, templates)
    directory = output / f"epoch_{header['epoch']}"
    intact = _part(detector, path, "validation", None)
    run: dict[str, Any] = {"model": header["variant"], "epoch": header["epoch"], "seed": header["seed"]}
    if pseudo is not None:
        names = read_parquet(path, ["sequence", "id"])
        mutated, manifest = mutate.mutate_corpus(
            read_corpus(path),
            names,
            read_corpus(other),
            pseudo.sessions,
            pseudo.anomaly_ratio,
            pseudo.operators,
            pseudo.seed,
        )
        write_parquet(mutated, directory / "mutated.parquet")
        write_parquet(manifest, directory / "manifest.parquet")
        rows = mutated.select("part", "sequence", "label", "kind", "operator", "equals_normal")
        scores = _scored(detector, rows, score.read_mutated(directory / "mutated.parquet", _values(detector, path)))
        validation, test = evaluate.pseudo_parts(intact, scores, None, pseudo.prevalence, pseudo.seed)
        run |= {"anomaly_ratio": pseudo.anomaly_ratio, "prevalence": pseudo.prevalence}
    else:
        test_rows = _part(detector, other, "test", max_samples)
        validation, test = evaluate.labelled_parts(pl.concat([intact, test_rows]), None)
    result = evaluate.evaluate(
        validation,
        test,
        protocol="labelled" if pseudo is None else "pseudo" if pseudo.prevalence is None else "prevalence",
        run=run,
        choice=choice,
        decision=decision,
        training_facts=training_facts(checkpoint, header),
        score_facts={"device": detector.device, "threads": threads, "scoring_seconds": None},
        checkpoint=str(checkpoint) if full_paths else shown(str(checkpoint)),
        made_from=digests_of(checkpoint=checkpoint, templates=templates, validation=path, **{other.stem: other}),
    )
    evaluate.write_evaluation(result, test, directory, schema)
    return result

"""Training: one epoch of one model, from the checkpoint of the epoch before to its own.

Training 1 to 4 in one process or in four gives the same weights.
"""

import resource
import sys
import time
from pathlib import Path
from typing import Any

from logassay import checkpoint, models
from logassay.corpus import ANOMALOUS, NORMAL, Corpus, read_corpus
from logassay.errors import UserError
from logassay.files import digests_of, write_json
from logassay.models.base import Detector
from logassay.versions import versions


def run(
    *,
    module: str,
    variant: str,
    hyper: dict[str, Any],
    train: Path,
    templates: Path | None,
    values: Path | None,
    sample_size: int,
    seed: int,
    epoch: int,
    previous: Path | None,
    device: str,
    threads: int,
    output: Path,
    facts: Path,
) -> None:
    """Train one epoch and write its checkpoint and its facts.

    Parameters
    ----------
    module, variant : str
        The model's file, and the name of its hyperparameters in the config.
    hyper : dict
        Hyperparameters by name.
    train : Path
        train.parquet.
    templates : Path or None
        templates.parquet; models that read no templates need none.
    values : Path or None
        train_values.parquet; models that read no numbers need none.
    sample_size : int
        Number of its first rows to use.
    seed : int
        Seed of weights, order and masks.
    epoch : int
        Number of the epoch, from 1.
    previous : Path or None
        Checkpoint of the epoch before; None for the first.
    device : str
        "auto", "cpu" or "cuda".
    threads : int
        Threads torch may use. Their number changes the last digits of a result.
    output, facts : Path
        Where the checkpoint and the facts go.

    Raises
    ------
    UserError
        If the arguments contradict each other or the previous checkpoint, or there is nothing to train on.
    """
    kind = models.load(module)
    if output.suffix != kind.checkpoint_suffix:
        raise UserError(f"{output} must end in {kind.checkpoint_suffix}, the form of {module}'s checkpoints.")
    kind.set_threads(threads)
    made_from = digests_of(train=train, templates=templates, train_values=values, previous=previous)
    detector = kind(hyper, seed, device, variant)
    header = {"module": module, "variant": variant, "hyper": detector.hyperparameters, "seed": seed}
    losses = resume(detector, header, epoch, previous)
    models.give_templates(detector, templates)
    corpus = read_corpus(train, sample_size, models.needed_values(kind, values))
    normal = corpus.not_anomalous()
    begin = time.perf_counter()
    told = fit(detector, corpus if kind.supervised else normal, train)
    seconds = time.perf_counter() - begin
    losses.append(told["training_loss"])
    own = {"epoch": epoch, "training_losses": losses, "detector": detector.state(), "made_from": made_from}
    checkpoint.save(output, header | own)
    measured = {
        "examples_per_second": told["examples"] / seconds,
        "wall_seconds": seconds,
        "supervised": kind.supervised,
        "versions": versions(),
        "training_sequences": len(corpus),
        "training_normal": len(normal),
        "device": detector.device,
        "threads": threads,
        "peak_memory_mb": peak_memory_mb(),
        "made_from": made_from,
        "checkpoint_sha256": digests_of(checkpoint=output)["checkpoint"],
    }
    write_json(facts, {"epoch": epoch} | told | measured)


def fit(detector: Detector, corpus: Corpus, source: Path) -> dict[str, Any]:
    """Train one epoch on sequences from `source`; there must be some, and of both labels if they are learned from."""
    if not len(corpus):
        wanted = "" if detector.supervised else " that is not labelled anomalous"
        raise UserError(f"{source} gives no training sequence{wanted}; use more data or a larger sample size.")
    for label, name in ((NORMAL, "normal"), (ANOMALOUS, "anomalous")):
        if detector.supervised and not (corpus.labels == label).any():
            raise UserError(
                f"{source} gives no training sequence labelled {name}, but a supervised model learns from both kinds; "
                "use a data set with labels, a larger sample size, or a model that needs no labels."
            )
    return detector.fit_epoch(corpus)


def resume(detector: Detector, header: dict[str, Any], epoch: int, previous: Path | None) -> list[float | None]:
    """Restore the epoch before, if there is one.

    Parameters
    ----------
    detector : Detector
        A new one; it becomes the one of the previous checkpoint.
    header : dict
        What has to be the same there.
    epoch : int
        The epoch to be trained.
    previous : Path or None
        Checkpoint of the epoch before.

    Returns
    -------
    list of float or None
        Training losses of the epochs before.
    """
    if epoch < 1:
        raise UserError(f"The epoch is {epoch}; epochs are counted from 1.")
    if (previous is None) != (epoch == 1):
        needed = "has no previous checkpoint; leave it out" if epoch == 1 else "needs that of the epoch before"
        raise UserError(f"Epoch {epoch} {needed} (option --previous).")
    if previous is None:
        return []
    state = checkpoint.load(previous)
    differences = [
        f"{name} is {found!r} there but {wanted!r} here"
        for name, found, wanted in _pairs(state, header | {"epoch": epoch - 1})
        if found != wanted
    ]
    if differences:
        raise UserError(
            f"{previous} cannot be continued: {'; '.join(differences)}. Give the checkpoint of epoch {epoch - 1} "
            "of the same training, or delete it and run Snakemake again."
        )
    detector.restore(state["detector"])
    losses: list[float | None] = state["training_losses"]
    return losses


def _pairs(state: dict[str, Any], header: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """List what a checkpoint has and what is wanted, hyperparameters one by one."""
    plain = [(name, state[name], wanted) for name, wanted in header.items() if name not in ("hyper", "variant")]
    return plain + [(name, state["hyper"].get(name), wanted) for name, wanted in header["hyper"].items()]


def peak_memory_mb() -> float:
    """Return the largest memory this process has held, in megabytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6

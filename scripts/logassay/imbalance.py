"""What to do where anomalous training sequences are few: weigh them, repeat them, invent some, or leave others out.

Only supervised models and only training data come here.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from logassay.corpus import ANOMALOUS, NORMAL, PAD
from logassay.errors import UserError

IntArray = npt.NDArray[np.int64]

STRATEGIES = ("none", "class_weight", "oversample", "smote", "undersample")
NEIGHBOURS = 5
"""Neighbours of a sequence that decide about a new one made after it, k in the paper on SMOTE."""
MOST_PARENTS = 1000
"""New sequences are made after so many of the rarer class at most, drawn at random: the cost grows with the square."""


@dataclass(frozen=True)
class Balanced:
    """Training sequences after a strategy.

    Attributes
    ----------
    sequences : int64 array, shape (n, length)
        Encoded events, PAD after the last.
    labels : int64 array, shape (n,)
        0 normal, 1 anomalous.
    weights : pair of float
        Weight of a normal and of an anomalous sequence in the loss.
    facts : dict
        The strategy and the counts before and after it.
    """

    sequences: IntArray
    labels: IntArray
    weights: tuple[float, float]
    facts: dict[str, Any]


def balance(sequences: IntArray, labels: IntArray, strategy: str, seed: int) -> Balanced:
    """Treat the imbalance of the classes.

    Parameters
    ----------
    sequences : int64 array, shape (n, length)
        Encoded events, PAD after the last.
    labels : int64 array, shape (n,)
        0 normal, 1 anomalous; both occur.
    strategy : str
        - `none`: change nothing;
        - `class_weight`: weigh each class by n / (2 * its number), as scikit-learn's "balanced";
        - `oversample`: repeat sequences of the rarer class at random until both are equally many;
        - `smote`: make new ones of it (SMOTEN; Chawla et al., JAIR 2002): each place of a new sequence has the event
          that is most frequent there among a sequence of the class and its 5 nearest neighbours in the class by the
          value difference metric; places that come out as padding are closed up;
        - `undersample`: leave sequences of the other class out at random.
    seed : int
        Seed of the choices; the same seed makes the same ones in every epoch.

    Raises
    ------
    UserError
        If there are too few sequences to make new ones after.
    """
    weights = (1.0, 1.0)
    before = np.bincount(labels, minlength=2)
    if strategy == "class_weight":
        weights = (len(labels) / (2.0 * before[NORMAL]), len(labels) / (2.0 * before[ANOMALOUS]))
    elif strategy == "smote":
        made = _make_new(sequences, labels, seed % 2**32)
        sequences = np.concatenate([sequences, made])
        labels = np.concatenate([labels, np.full(len(made), before.argmin())])
    elif strategy in ("oversample", "undersample"):
        rows = _choose_rows(labels, strategy, seed % 2**32)
        sequences, labels = sequences[rows], labels[rows]
    after = np.bincount(labels, minlength=2)
    facts = {
        "strategy": strategy,
        "before": {"normal": int(before[NORMAL]), "anomalous": int(before[ANOMALOUS])},
        "after": {"normal": int(after[NORMAL]), "anomalous": int(after[ANOMALOUS])},
        "weights": {"normal": float(weights[NORMAL]), "anomalous": float(weights[ANOMALOUS])},
    }
    return Balanced(sequences, labels, weights, facts)


def _choose_rows(labels: IntArray, strategy: str, seed: int) -> IntArray:
    from imblearn.over_sampling import RandomOverSampler
    from imblearn.under_sampling import RandomUnderSampler

    sampler = {"oversample": RandomOverSampler, "undersample": RandomUnderSampler}[strategy](random_state=seed)
    sampler.fit_resample(np.arange(len(labels))[:, None], labels)
    rows: IntArray = np.asarray(sampler.sample_indices_, dtype=np.int64)
    return rows


def _make_new(sequences: IntArray, labels: IntArray, seed: int) -> IntArray:
    """Return as many new sequences of the rarer class as it lacks."""
    from imblearn.over_sampling import SMOTEN

    counts = np.bincount(labels, minlength=2)
    rarer, lacking = int(counts.argmin()), int(counts.max() - counts.min())
    if counts.min() < 2:
        name = ("normal", "anomalous")[rarer]
        raise UserError(
            f"The imbalance strategy smote needs at least 2 {name} training sequences, but there is {counts.min()}; "
            "use oversample, or more data."
        )
    if not lacking:
        return sequences[:0]
    parents = np.flatnonzero(labels == rarer)
    if len(parents) > MOST_PARENTS:
        parents = np.sort(np.random.default_rng(seed).choice(parents, MOST_PARENTS, replace=False))
    kept = np.concatenate([np.flatnonzero(labels != rarer), parents])
    sampler = SMOTEN(
        sampling_strategy={rarer: len(parents) + lacking},
        k_neighbors=min(NEIGHBOURS, len(parents) - 1),
        random_state=seed,
    )
    made: IntArray = sampler.fit_resample(sequences[kept], labels[kept])[0][len(kept) :].astype(np.int64)
    # A stable sort by "is padding" moves padding to the end and keeps the order of the events.
    return np.take_along_axis(made, np.argsort(made == PAD, axis=1, kind="stable"), axis=1)

"""Counts and the metrics that follow from them; every figure in the tables is computed here.

The formulas are scikit-learn's, as the tests check; they are spelt out because importing it takes longer than a job.
"""

from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

COUNTS = ("tp", "fp", "tn", "fn")
METRICS = (
    "accuracy",
    "balanced_accuracy",
    "precision",
    "recall",
    "specificity",
    "f1",
    "mcc",
    "roc_auc",
    "average_precision",
)
DEGENERATE = ("flag-all", "never-flag")
"""The two detectors that look at nothing; every result is read against them."""
ROC_POINTS = 200
"""Most points that a stored ROC curve has."""


@dataclass(frozen=True)
class Counts:
    """True positives, false positives, true negatives, false negatives; positive means anomalous."""

    tp: int
    fp: int
    tn: int
    fn: int

    def as_dict(self) -> dict[str, int]:
        """Return the counts by name."""
        return asdict(self)


def count(flagged: Booleans, anomalous: Booleans) -> Counts:
    """Count decisions against the truth (both boolean arrays, one entry per sequence)."""
    return Counts(
        tp=int(np.sum(flagged & anomalous)),
        fp=int(np.sum(flagged & ~anomalous)),
        tn=int(np.sum(~flagged & ~anomalous)),
        fn=int(np.sum(~flagged & anomalous)),
    )


def rates(tp: npt.ArrayLike, fp: npt.ArrayLike, tn: npt.ArrayLike, fn: npt.ArrayLike) -> dict[str, Floats]:
    """Compute all metrics that follow from counts, for single counts or for arrays of them.

    Returns
    -------
    dict of str to float64 array
        accuracy, balanced_accuracy, precision, recall, specificity, f1, mcc; NaN where the denominator is 0 (where
        scikit-learn warns and puts 0), for example the precision when nothing is flagged.
    """
    # Floats: the product under Matthews' root exceeds 64-bit integers.
    tp, fp, tn, fn = (np.asarray(values, dtype=np.float64) for values in (tp, fp, tn, fn))
    with np.errstate(divide="ignore", invalid="ignore"):
        recall = tp / (tp + fn)
        specificity = tn / (tn + fp)
        return {
            "accuracy": (tp + tn) / (tp + fp + tn + fn),
            "balanced_accuracy": (recall + specificity) / 2,
            "precision": tp / (tp + fp),
            "recall": recall,
            "specificity": specificity,
            "f1": 2 * tp / (2 * tp + fp + fn),
            "mcc": (tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)),
        }


@dataclass(frozen=True)
class Sweep:
    """What every possible threshold gives, from flagging nothing to flagging everything.

    Attributes
    ----------
    scores : float64 array, shape (distinct scores,)
        The distinct scores, descending.
    tp, fp : int64 arrays, shape (distinct scores + 1,)
        Entry k: anomalous and normal sequences among those that have one of the k highest scores.
    """

    scores: Floats
    tp: Integers
    fp: Integers

    @property
    def positives(self) -> int:
        """Number of anomalous sequences."""
        return int(self.tp[-1])

    @property
    def negatives(self) -> int:
        """Number of normal sequences."""
        return int(self.fp[-1])


def sweep(scores: Floats, anomalous: Booleans) -> Sweep:
    """Count hits and false alarms at every possible threshold; sequences with equal scores move together."""
    order = np.argsort(-scores, kind="stable")
    descending, hits = scores[order], anomalous[order]
    last_of_tie = np.append(np.flatnonzero(np.diff(descending)), len(descending) - 1) if len(scores) else order
    tp = np.cumsum(hits, dtype=np.int64)[last_of_tie]
    fp = last_of_tie + 1 - tp
    return Sweep(descending[last_of_tie], np.concatenate([[0], tp]), np.concatenate([[0], fp]))


def roc_auc(curve: Sweep) -> float | None:
    """Return the area under the ROC curve, or None where one of the classes is missing."""
    if not curve.positives or not curve.negatives:
        return None
    return float(np.trapezoid(curve.tp / curve.positives, curve.fp / curve.negatives))


def average_precision(curve: Sweep) -> float | None:
    """Return the sum of precision times gain in recall, or None where one of the classes is missing."""
    if not curve.positives or not curve.negatives:
        return None
    precision = curve.tp[1:] / (curve.tp[1:] + curve.fp[1:])
    return float(np.sum(precision * np.diff(curve.tp)) / curve.positives)


def roc_points(curve: Sweep) -> dict[str, list[float]]:
    """Return at most `ROC_POINTS` points of the ROC curve, spread evenly along it; none where a class is missing."""
    if not curve.positives or not curve.negatives:
        return {"fpr": [], "tpr": []}
    fpr, tpr = curve.fp / curve.negatives, curve.tp / curve.positives
    # Both rates only grow, so their sum measures the way along the curve; it keeps the steep start at rare anomalies.
    # Rounding must not push the last level beyond the last point.
    levels = np.minimum(np.linspace(0, 2, ROC_POINTS), (fpr + tpr)[-1])
    chosen = np.unique(np.searchsorted(fpr + tpr, levels))
    return {"fpr": np.round(fpr[chosen], 6).tolist(), "tpr": np.round(tpr[chosen], 6).tolist()}


def curve_points(curve: Sweep, chosen: float | None) -> dict[str, list[float] | list[int]] | None:
    """Return counts at no more than about `ROC_POINTS` thresholds, spread evenly along the ROC curve.

    Parameters
    ----------
    curve : Sweep
        Of the test part.
    chosen : float or None
        A threshold that must be among them.

    Returns
    -------
    dict or None
        `thresholds` ascending, and `tp` and `fp`, the sequences whose score exceeds them; None where a class is missing
        or all scores are equal.
    """
    if not curve.positives or not curve.negatives or len(curve.scores) < 2:
        return None
    way = curve.tp / curve.positives + curve.fp / curve.negatives
    levels = np.minimum(np.linspace(0, 2, ROC_POINTS), way[-1])
    kept = np.unique(np.searchsorted(way, levels))
    # Entry k flags the k highest scores: those above the score that comes next.
    below = curve.scores[-1] - (abs(curve.scores[-1]) * 1e-9 + 1e-9)
    thresholds = np.append(curve.scores, below)[kept]
    if chosen is not None:
        place = np.searchsorted(-curve.scores, -chosen, side="left")
        order = np.argsort(np.append(thresholds, chosen), kind="stable")
        thresholds, kept = np.append(thresholds, chosen)[order], np.append(kept, place)[order]
        last = np.append(np.diff(thresholds) > 0, True)
        thresholds, kept = thresholds[last], kept[last]
    else:
        thresholds, kept = thresholds[::-1], kept[::-1]
    return {"thresholds": thresholds.tolist(), "tp": curve.tp[kept].tolist(), "fp": curve.fp[kept].tolist()}


def metrics(counts: Counts, curve: Sweep) -> dict[str, float | None]:
    """Return all `METRICS` as JSON has them: None where undefined."""
    known = rates(counts.tp, counts.fp, counts.tn, counts.fn)
    defined = {name: None if np.isnan(value) else float(value) for name, value in known.items()}
    return {**defined, "roc_auc": roc_auc(curve), "average_precision": average_precision(curve)}

"""What the targets of a study are worth: which can be met, which exclude each other, which anything would meet.

Which threshold is chosen for them stands in threshold; here is what to say where it misses them, and what to set.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from logassay.metrics import DEGENERATE, Counts, Floats, Integers, Sweep, rates
from logassay.threshold import TARGETS, candidates, shortfalls, sweep_rates

PARETO_BLOCK = 256
"""Thresholds compared with all others at a time."""


@dataclass(frozen=True)
class Point:
    """A threshold, its counts, and what the target metrics are there (None where undefined)."""

    threshold: float
    counts: Counts
    metrics: dict[str, float | None]


@dataclass(frozen=True)
class Assessment:
    """What a model's scores make of a set of targets.

    Attributes
    ----------
    met : bool
        Whether one threshold meets all.
    unreachable : tuple of str
        Targets that no threshold meets, even alone.
    exclusive : tuple of pairs of str
        Targets of which each can be met alone, but no threshold meets both.
    nearest : Point
        The threshold at which the largest shortfall is smallest; it is the one that the strategy `targets` takes, as
        long as no other prevalence is assumed.
    shortfall : dict of str to float
        By how much the nearest threshold misses each target; 0 where it meets it.
    realistic : dict of str to float
        Targets that can be met together: the Pareto point nearest to the ones set, rounded down to whole per cent.
    """

    met: bool
    unreachable: tuple[str, ...]
    exclusive: tuple[tuple[str, str], ...]
    nearest: Point
    shortfall: dict[str, float]
    realistic: dict[str, float]


def target_rates(curve: Sweep, prevalence: float | None = None) -> dict[str, Floats]:
    """Return the metrics for which targets can be set, at each of the candidates of a sweep.

    Parameters
    ----------
    curve : Sweep
        Of scores that have both classes.
    prevalence : float, optional
        Share of anomalous sequences to assume instead of that of the data, above 0 and below 1.

    Returns
    -------
    dict of str to float64 array
        An undefined metric (the precision when nothing is flagged) is NaN.
    """
    values = sweep_rates(curve)
    if prevalence is not None:
        hits, alarms = prevalence * values["recall"], (1 - prevalence) * (1 - values["specificity"])
        restated = rates(hits, alarms, 1 - prevalence - alarms, prevalence - hits)
        # Recall and specificity do not depend on it; restating them would only round them.
        values |= {name: restated[name] for name in ("accuracy", "precision", "f1")}
    return {name: values[name] for name in TARGETS}


def assess(curve: Sweep, targets: Mapping[str, float], prevalence: float | None = None) -> Assessment | None:
    """Say which targets a model's scores can meet, alone, in pairs and together.

    Parameters
    ----------
    curve : Sweep
        Of the scores on which thresholds are chosen, which are those of validation.
    targets : mapping of str to float
        Smallest acceptable value of some of `threshold.TARGETS`.
    prevalence : float, optional
        Share of anomalous sequences to assume instead of that of the data. Targets that are met on the data and not
        here are out of reach because anomalies are rarer where the model is to be used.

    Returns
    -------
    Assessment or None
        None without targets, or where a class is missing.
    """
    if not targets or not curve.positives or not curve.negatives:
        return None
    names = [name for name in TARGETS if name in targets]
    values = target_rates(curve, prevalence)
    # An undefined metric meets no target: it counts as 0, as in threshold.choose.
    margins = {name: np.nan_to_num(values[name]) - targets[name] for name in names}
    unreachable = tuple(name for name in names if margins[name].max() < 0)
    exclusive = tuple(
        (first, second)
        for first, second in combinations([name for name in names if name not in unreachable], 2)
        if np.minimum(margins[first], margins[second]).max() < 0
    )
    every = np.array([margins[name] for name in names])
    merit = every.min(axis=0)
    index = int(np.argmax(merit))
    nearest = _point(curve, candidates(curve), values, index)
    # Of equally near thresholds one with the largest sum is not dominated by any other.
    ties = np.flatnonzero(merit == merit[index])
    pareto = int(ties[np.argmax(every[:, ties].sum(axis=0))])
    return Assessment(
        met=bool(merit[index] >= 0),
        unreachable=unreachable,
        exclusive=exclusive,
        nearest=nearest,
        shortfall=shortfalls(nearest.metrics, targets),
        realistic={name: _round_down(values[name][pareto]) for name in names},
    )


def _point(curve: Sweep, thresholds: Floats, values: Mapping[str, Floats], index: int) -> Point:
    tp, fp = int(curve.tp[index]), int(curve.fp[index])
    found = {name: None if np.isnan(each[index]) else float(each[index]) for name, each in values.items()}
    return Point(float(thresholds[index]), Counts(tp, fp, curve.negatives - fp, curve.positives - tp), found)


def _round_down(value: float) -> float:
    # 0.29 * 100 is 28.999999999999996.
    return 0.0 if math.isnan(value) else math.floor(100 * value + 1e-9) / 100


def pareto_front(curve: Sweep, metrics: tuple[str, ...], prevalence: float | None = None) -> list[Point]:
    """Return the thresholds to which no other is preferable: at least as good in all metrics and better in one.

    Parameters
    ----------
    curve : Sweep
        Of scores that have both classes; otherwise there are no points.
    metrics : tuple of str
        Some of `threshold.TARGETS`.
    prevalence : float, optional
        As for `assess`.

    Returns
    -------
    list of Point
        By threshold, descending; of thresholds equal in all metrics the highest.
    """
    if not metrics or not curve.positives or not curve.negatives:
        return []
    values = target_rates(curve, prevalence)
    corners = _corners(curve)
    table = np.nan_to_num(np.array([values[name][corners] for name in metrics]).T)
    kept = np.unique(table, axis=0, return_index=True)[1]
    kept.sort()
    corners, table = corners[kept], table[kept]
    dominated = np.zeros(len(table), dtype=bool)
    for start in range(0, len(table), PARETO_BLOCK):
        block = table[start : start + PARETO_BLOCK]
        # Rows are distinct: one that is nowhere worse than another is better somewhere.
        nowhere_worse = np.ones((len(block), len(table)), dtype=bool)
        for column in range(len(metrics)):
            nowhere_worse &= table[:, column] >= block[:, column, np.newaxis]
        dominated[start : start + PARETO_BLOCK] = nowhere_worse.sum(axis=1) > 1
    thresholds = candidates(curve)
    return [_point(curve, thresholds, values, int(index)) for index in corners[~dominated]]


def _corners(curve: Sweep) -> Integers:
    """Return the candidates with the most hits for their false alarms, and the fewest false alarms for their hits.

    No target metric falls with more hits or rises with more false alarms, so all others are nowhere better.
    """
    last_of_fp = np.append(np.diff(curve.fp) > 0, True)
    first_of_tp = np.append(True, np.diff(curve.tp) > 0)
    return np.flatnonzero(last_of_fp & first_of_tp)


def vacuous(targets: Mapping[str, float], prevalence: float) -> dict[str, str]:
    """Name the targets that a detector meets which looks at nothing.

    Flagging everything always has a recall of 1, flagging nothing always a specificity of 1; these two count only where
    that is also the answer that the commoner label suggests. At 7 % anomalies a specificity of 70 % is vacuous, and a
    recall of 70 % is not.

    Parameters
    ----------
    targets : mapping of str to float
        Smallest acceptable value of some of `threshold.TARGETS`.
    prevalence : float
        Share of anomalous sequences, from 0 to 1.

    Returns
    -------
    dict of str to str
        The detector, one of `metrics.DEGENERATE`, by target.
    """
    lazy = {
        "flag-all": rates(prevalence, 1 - prevalence, 0, 0),
        "never-flag": rates(0, 0, 1 - prevalence, prevalence),
    }
    suggested = {"recall": prevalence > 0.5, "specificity": prevalence < 0.5}
    found: dict[str, str] = {}
    for name in TARGETS:
        for detector in DEGENERATE:
            if name in targets and np.nan_to_num(lazy[detector][name]) >= targets[name] and suggested.get(name, True):
                found.setdefault(name, detector)
    return found


def forbidden(targets: Mapping[str, float], ceiling: Mapping[str, float] | None) -> list[tuple[str, ...]]:
    """Name the targets, or pairs of them, that the labels forbid to anything that sees only the order of events.

    Parameters
    ----------
    targets : mapping of str to float
        Smallest acceptable value of some of `threshold.TARGETS`.
    ceiling : mapping of str to float, or None
        `f1` and `recall_without_false_alarms`, as an evaluation has them; None where they are unknown.

    Returns
    -------
    list of tuples of str
        The F1 alone where it is above the ceiling; precision and recall where together they imply such an F1; recall
        with precision or specificity where the latter is to be 1 and the labels do not allow that recall without false
        alarms.
    """
    if ceiling is None:
        return []
    found: list[tuple[str, ...]] = []
    if targets.get("f1", 0) > ceiling["f1"]:
        found.append(("f1",))
    precision, recall = targets.get("precision", 0), targets.get("recall", 0)
    # The harmonic mean of two smallest values is the smallest F1 that they allow; less what rounding may add.
    implied = 2 * precision * recall / (precision + recall) - 1e-9 if precision and recall else 0.0
    without_alarms = recall > ceiling["recall_without_false_alarms"]
    if implied > ceiling["f1"] or (without_alarms and precision == 1):
        found.append(("precision", "recall"))
    if without_alarms and targets.get("specificity", 0) == 1:
        found.append(("recall", "specificity"))
    return found


def largest_false_positive_rate(precision: float, recall: float, prevalence: float) -> float:
    """Return the largest false-positive rate that a precision allows at a recall and a share of anomalous sequences.

    This is what the prevalence demands of a model: at 2 % anomalies, precision and recall of 90 % allow 0.2 %. Above 1
    any rate will do; a precision of 0 allows any, which is infinity.
    """
    if not precision:
        return math.inf
    return prevalence * recall * (1 - precision) / ((1 - prevalence) * precision)

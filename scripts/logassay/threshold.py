"""How a threshold is chosen, from validation scores alone; a sequence is flagged when its score exceeds it.

A further strategy is a further function here and a name in STRATEGIES.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from logassay.errors import UserError
from logassay.metrics import Booleans, Floats, Sweep, rates, sweep

STRATEGIES = ("paper", "quantile", "f1", "youden", "targets")
"""`paper` is the model's own decision rule and has no threshold; `quantile` alone needs no labels."""
TARGETS = ("accuracy", "precision", "recall", "f1", "specificity")
"""Metrics for which a target can be set."""


@dataclass(frozen=True)
class Choice:
    """How the threshold is to be chosen.

    Attributes
    ----------
    strategy : str
        One of `STRATEGIES`.
    false_positive_rate : float
        For `quantile`: the share of validation normals that may be flagged, at least 0 and below 1.
    targets : mapping of str to float
        Smallest acceptable values of some of `TARGETS`, each from 0 to 1.

    Raises
    ------
    UserError
        On a value out of range, or the strategy `targets` without a target.
    """

    strategy: str
    false_positive_rate: float = 0.01
    targets: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            raise UserError(
                f"evaluation.threshold.strategy is {self.strategy!r}; it must be one of {', '.join(STRATEGIES)}."
            )
        if not 0 <= self.false_positive_rate < 1:
            raise UserError(
                f"evaluation.threshold.false_positive_rate is {self.false_positive_rate}; "
                "give a share of at least 0 and below 1, for example 0.01."
            )
        if not isinstance(self.targets, Mapping):
            raise UserError(f"evaluation.threshold.targets is {self.targets!r}; it maps names of metrics to numbers.")
        for name, value in self.targets.items():
            if name not in TARGETS or not isinstance(value, int | float) or not 0 <= value <= 1:
                raise UserError(
                    f"evaluation.threshold.targets has {name} = {value}; a target is one of {', '.join(TARGETS)} "
                    "with a value from 0 to 1."
                )
        if self.strategy == "targets" and not self.targets:
            raise UserError(
                "evaluation.threshold.strategy is targets but evaluation.threshold.targets is empty; set at least one."
            )


def defined(anomalous: Booleans, targets: Mapping[str, float]) -> list[str]:
    """Return the strategies that these validation labels allow."""
    normal = not anomalous.all()
    labelled = normal and bool(anomalous.any())
    possible = {
        "paper": True,
        "quantile": normal,
        "f1": labelled,
        "youden": labelled,
        "targets": labelled and bool(targets),
    }
    return [name for name in STRATEGIES if possible[name]]


def choose(strategy: str, scores: Floats, anomalous: Booleans, choice: Choice) -> float | None:
    """Choose the threshold that `strategy` takes on validation data.

    Of several thresholds that are equally good the highest is taken.

    Parameters
    ----------
    strategy : str
        One of `STRATEGIES`; it need not be `choice.strategy`.
    scores : float64 array, shape (sequences,)
        Validation scores.
    anomalous : bool array, shape (sequences,)
        Whether each is labelled anomalous.
    choice : Choice
        Where the false-positive rate and the targets come from.

    Returns
    -------
    float or None
        None for `paper`.

    Raises
    ------
    UserError
        If the validation data lack the normal or the anomalous sequences that the strategy needs.
    """
    if strategy == "paper":
        return None
    if strategy not in defined(anomalous, choice.targets):
        if anomalous.all():
            raise UserError(
                f"evaluation.threshold.strategy is {strategy}, but the validation part has no sequence that is not "
                "anomalous; use more data or the strategy paper."
            )
        raise UserError(
            f"evaluation.threshold.strategy is {strategy}, but the validation part has no sequence that is labelled "
            "anomalous; use quantile, which needs no labels."
        )
    if strategy == "quantile":
        return quantile(scores[~anomalous], choice.false_positive_rate)
    curve = sweep(scores, anomalous)
    values = sweep_rates(curve)
    if strategy == "f1":
        merit = values["f1"]
    elif strategy == "youden":
        merit = values["recall"] + values["specificity"]
    else:
        # An undefined metric (the precision when nothing is flagged) meets no target: it counts as 0.
        merit = np.min([np.nan_to_num(values[name]) - target for name, target in choice.targets.items()], axis=0)
    return float(candidates(curve)[np.argmax(merit)])


def quantile(normal_scores: Floats, rate: float) -> float:
    """Return the smallest threshold at which at most the share `rate` of the normal scores is flagged.

    It is always one of the scores: with ties the share that is really flagged may be smaller than `rate`.
    """
    total = len(normal_scores)
    # Most false alarms allowed, by division: 0.29 * 100 is less than 29 in floating point, 29 / 100 is 0.29.
    allowed = int(np.searchsorted(np.arange(total + 1) / total, rate, side="right")) - 1
    return float(np.sort(normal_scores)[total - 1 - allowed])


def candidates(curve: Sweep) -> Floats:
    """Return one threshold per entry of a sweep, descending: the highest score, midpoints, one below all scores."""
    upper, lower = curve.scores[:-1], curve.scores[1:]
    # Halves first: the sum of two scores might overflow.
    middle = upper / 2 + lower / 2
    middle = np.where((lower <= middle) & (middle < upper), middle, lower)
    lowest = curve.scores[-1]
    return np.concatenate([curve.scores[:1], middle, [lowest - max(1.0, abs(lowest))]])


def sweep_rates(curve: Sweep) -> dict[str, Floats]:
    """Return the metrics of `metrics.rates` at each of the candidates of a sweep."""
    return rates(curve.tp, curve.fp, curve.negatives - curve.fp, curve.positives - curve.tp)


def shortfalls(metrics: Mapping[str, float | None], targets: Mapping[str, float]) -> dict[str, float]:
    """Return by how much each target is missed; 0 where it is met, the whole target where the metric is undefined."""
    return {name: max(0.0, targets[name] - (metrics[name] or 0.0)) for name in TARGETS if name in targets}

"""Warnings that a result carries by itself: what its numbers do not show, as codes with values, without texts.

Every value may be missing: published results come as counts only.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from logassay.metrics import DEGENERATE, Booleans, Counts, rates
from logassay.statistics import (
    RESAMPLES,
    Difference,
    Interval,
    holm,
    paired_difference,
    unpaired_difference,
    versus_best,
    wilson,
)
from logassay.targets import vacuous

Notice = dict[str, Any]
"""A `code` and its values."""
Comparison = Callable[[str, int, int], Difference | None]
"""Compares two rows by metric and positions: the first minus the second, None where it cannot be said."""

NOISE = 0.005
"""A rate is within noise of 0 when Wilson's interval reaches down to this: 1 of 36 is, 1 of 30 is not, 7 of 1,000 are
not. Larger shares would call a detector worthless that finds a few anomalies reliably."""
SHARE = 0.01
"""Share of the test data from which on unknown events and repeated sequences are worth a warning: they can move an
accuracy by as much, which is the size of the differences that tables show."""
LEVEL = 0.05
"""Largest p-value, corrected for the number of comparisons, that counts as a difference."""
AMONG_MODELS = ("f1", "roc_auc")
"""Metrics by which models are compared: one of decisions, one of scores. The others depend on the threshold or on the
share of anomalies more than on the model."""
AMONG_EPOCHS = ("f1", "recall", "roc_auc")
"""Metrics by which epochs of one model are compared, whose thresholds are chosen alike."""
AGAINST_BASELINES = ("f1", "roc_auc", "accuracy")
"""Metrics that mean something against a detector that looks at nothing; recall and specificity alone do not.

Where each sequence is judged intact and mutated, F1 does not either: flagging everything has 66.67 % there, because of
the mix of one to one, which is none that will be met in use. The accuracy is the balanced accuracy there, so that
comparing it says whether recall exceeds the false-positive rate. With labels the mix is that of the log, and in the
prevalence protocol the one that was asked for."""
OF_DATA = ("VACUOUS-TARGET", "CEILING", "UNSEEN", "COVERAGE", "LEAKAGE")
"""Codes that depend on the data rather than on how well a model does."""


def counts_of(evaluation: Mapping[str, Any]) -> Counts | None:
    """Return the counts of an evaluation or of a row, or None where there are none."""
    counts = evaluation.get("counts")
    return Counts(**{name: int(counts[name]) for name in ("tp", "fp", "tn", "fn")}) if counts else None


def near_zero(successes: int, trials: int) -> bool:
    """Tell whether a rate is within noise of 0; without trials it is not known, hence not."""
    interval = wilson(successes, trials)
    return interval is not None and interval[0] <= NOISE


def like(counts: Counts) -> str | None:
    """Name the one of `metrics.DEGENERATE` that the counts are within noise of, if any; both classes must occur."""
    positives, negatives = counts.tp + counts.fn, counts.fp + counts.tn
    if near_zero(counts.tn, negatives) and near_zero(counts.fn, positives):
        return "flag-all"
    if near_zero(counts.tp, positives) and near_zero(counts.fp, negatives):
        return "never-flag"
    return None


def degenerate_counts(detector: str, positives: int, negatives: int) -> Counts:
    """Return what flagging everything, or nothing, gives."""
    if detector == "flag-all":
        return Counts(tp=positives, fp=negatives, tn=0, fn=0)
    return Counts(tp=0, fp=0, tn=negatives, fn=positives)


def youden_interval(counts: Counts) -> Interval | None:
    """Return Newcombe's interval of Youden's J (recall minus false-positive rate), or None where a class is missing.

    Like Wilson's, of which it is made, it holds where nothing or everything is flagged.

    References
    ----------
    Newcombe, "Interval estimation for the difference between independent proportions", Statistics in Medicine 17
    (1998), method 10.
    """
    positives, negatives = counts.tp + counts.fn, counts.fp + counts.tn
    recall, alarms = wilson(counts.tp, positives), wilson(counts.fp, negatives)
    if recall is None or alarms is None:
        return None
    hit, alarm = counts.tp / positives, counts.fp / negatives
    below = math.hypot(hit - recall[0], alarms[1] - alarm)
    above = math.hypot(recall[1] - hit, alarm - alarms[0])
    return max(-1.0, hit - alarm - below), min(1.0, hit - alarm + above)


def metric_of(name: str, counts: Counts) -> float | None:
    """Return a metric of `metrics.rates`, or None where it is undefined."""
    value = float(rates(counts.tp, counts.fp, counts.tn, counts.fn)[name])
    return None if math.isnan(value) else value


def of_evaluation(
    evaluation: Mapping[str, Any],
    *,
    templates_fit_on: str | None = None,
    truncated: int | None = None,
    open_sessions: int | None = None,
    open_training_share: float | None = None,
) -> list[Notice]:
    """Return the warnings that one evaluation supports.

    Parameters
    ----------
    evaluation : mapping
        From `evaluate`, with `intervals` by metric where they were worked out. Of its parts only `counts` is needed.
    templates_fit_on : str, optional
        `all` where the templates were mined from the test lines too.
    truncated, open_sessions : int, optional
        Evaluated sequences that the model saw only in part, and sessions that the log's end cut off.
    open_training_share : float, optional
        Share of the training sequences that were not over when the first test sequence began.

    Returns
    -------
    list of dict
        In the order of severity: DEGENERATE, CHANCE, VACUOUS-TARGET, CEILING, UNSEEN, COVERAGE, LEAKAGE.
    """
    found = _of_decisions(evaluation)
    found += _vacuous_targets(evaluation)
    ceiling = evaluation.get("ceiling")
    if ceiling and min(ceiling["recall_without_false_alarms"], ceiling["f1"]) < 1:
        found.append({"code": "CEILING", "recall": ceiling["recall_without_false_alarms"], "f1": ceiling["f1"]})
    data = evaluation.get("data") or {}
    if (data.get("unknown_share") or 0) >= SHARE:
        found.append(
            {"code": "UNSEEN", "share": data["unknown_share"], "sequences": data.get("sequences_with_unknown")}
        )
    found += _coverage(data, truncated, open_sessions)
    seen = (evaluation.get("overlap") or {}).get("share_seen")
    # Mutations are those of validation sequences: where they are judged, the test part is not.
    mutated = (evaluation.get("run") or {}).get("protocol") in ("pseudo", "prevalence")
    shares = {
        "mutated-sequences" if mutated else "sequences": seen if (seen or 0) >= SHARE else None,
        "open-sessions": open_training_share or None,
    }
    if templates_fit_on == "all":
        found.append({"code": "LEAKAGE", "what": "templates", "share": None})
    found += [{"code": "LEAKAGE", "what": what, "share": share} for what, share in shares.items() if share]
    return found


def _of_decisions(evaluation: Mapping[str, Any]) -> list[Notice]:
    counts = counts_of(evaluation)
    # Of a detector that looks at nothing by design it goes without saying.
    if counts is None or (evaluation.get("run") or {}).get("model") in DEGENERATE:
        return []
    found: list[Notice] = []
    same = like(counts)
    if same:
        reference = metric_of("f1", degenerate_counts(same, counts.tp + counts.fn, counts.fp + counts.tn))
        values = {"f1": metric_of("f1", counts), "reference_f1": reference}
        found.append({"code": "DEGENERATE", "like": same, **counts.as_dict(), **values})
    interval = youden_interval(counts)
    if not same and interval and interval[0] <= 0 <= interval[1]:
        value = counts.tp / (counts.tp + counts.fn) - counts.fp / (counts.fp + counts.tn)
        found.append(_chance("youden", value, interval))
    area = (evaluation.get("metrics") or {}).get("roc_auc")
    limits = (evaluation.get("intervals") or {}).get("roc_auc")
    if area is not None and limits and limits[0] <= 0.5 <= limits[1]:
        found.append(_chance("roc_auc", area, limits))
    return found


def _chance(measure: str, value: float, interval: Sequence[float]) -> Notice:
    return {"code": "CHANCE", "measure": measure, "value": value, "low": interval[0], "high": interval[1]}


def _vacuous_targets(evaluation: Mapping[str, Any]) -> list[Notice]:
    counts = counts_of(evaluation)
    targets = (evaluation.get("threshold") or {}).get("targets") or {}
    if counts is None or not targets:
        return []
    positives = counts.tp + counts.fn
    prevalence = positives / max(1, positives + counts.fp + counts.tn)
    return [
        {"code": "VACUOUS-TARGET", "metric": name, "target": targets[name], "met_by": by, "prevalence": prevalence}
        for name, by in vacuous(targets, prevalence).items()
    ]


def _coverage(data: Mapping[str, Any], truncated: int | None, open_sessions: int | None) -> list[Notice]:
    unlabelled = data.get("unlabelled")
    known = [number for number in (truncated, unlabelled, open_sessions) if number is not None]
    total = (data.get("evaluated") or 0) + (unlabelled or 0)
    if not sum(known):
        return []
    values = {"truncated": truncated, "unlabelled": unlabelled, "open": open_sessions}
    return [{"code": "COVERAGE", **values, "share": sum(known) / total if total else None}]


def of_section(
    rows: Sequence[Mapping[str, Any]],
    *,
    compare: Comparison | None = None,
    compared: Iterable[int] | None = None,
    metrics: Sequence[str] | None = None,
    paired: bool = False,
) -> list[list[Notice]]:
    """Return the warnings that it takes several rows to see: NO-DIFFERENCE and BEATEN-BY-BASELINE.

    NO-DIFFERENCE goes to the best row and is given twice: among the epochs of a model, and among models, of which those
    that flag everything or nothing are left out. Flag-all and never-flag are baselines even where they were not run.

    Parameters
    ----------
    rows : sequence of mapping
        Rows of a section: `model`, `epoch`, `seed`, `sample_size`, `baseline`, `counts`, `metrics`; all but `model` and
        `counts` may be missing.
    compare : callable, optional
        Compares two rows on the same sequences. Without it the counts are compared as if they were of different
        sequences, which is more cautious, and no ROC-AUC is compared.
    compared : iterable of int, optional
        Positions of the rows by which models are compared with each other, one per model; by default each model's
        last epoch, with its largest sample and smallest seed.
    metrics : sequence of str, optional
        Metrics of which the best row is looked for; by default those of `AMONG_EPOCHS` and `AMONG_MODELS`.
    paired : bool
        Whether each sequence was judged intact and mutated: flag-all and never-flag are not compared by F1 then, see
        `AGAINST_BASELINES`.

    Returns
    -------
    list of list of dict
        The warnings of each row, in the order of the rows.
    """
    found: list[list[Notice]] = [[] for _ in rows]
    among_epochs, among_models = (
        [name for name in metrics or usual if name != "roc_auc" or compare] for usual in (AMONG_EPOCHS, AMONG_MODELS)
    )
    groups: dict[tuple[Any, ...], list[int]] = {}
    for index, row in enumerate(rows):
        groups.setdefault((row["model"], row.get("sample_size"), row.get("seed")), []).append(index)
    for places in groups.values():
        names = [f"{rows[place]['model']} epoch {rows[place].get('epoch')}" for place in places]
        _no_difference(found, rows, places, names, among_epochs, compare)
    chosen = [place for place in (_last(rows) if compared is None else sorted(set(compared))) if _decides(rows[place])]
    _no_difference(found, rows, chosen, [rows[place]["model"] for place in chosen], among_models, compare)
    test = compare or _unpaired(rows, 2)
    for index, row in enumerate(rows):
        if not row.get("baseline") and row["model"] not in DEGENERATE:
            for name in AGAINST_BASELINES:
                if name != "roc_auc" or compare:
                    found[index] += _beaten(rows, index, name, test, trivial=not (paired and name == "f1"))
    return found


def _unpaired(rows: Sequence[Mapping[str, Any]], compared: int) -> Comparison:
    """Return the comparison by counts alone, for so many rows."""
    # The smallest p-value of a bootstrap is 2 / resamples; it has to survive the correction for all pairs.
    resamples = max(RESAMPLES, round(2 / LEVEL) * compared * (compared - 1))

    def compare(metric: str, first: int, second: int) -> Difference | None:
        one, two = counts_of(rows[first]), counts_of(rows[second])
        if one is None or two is None or metric == "roc_auc":
            return None
        return unpaired_difference(metric, one, two, seed=0, resamples=resamples)

    return compare


def _decides(row: Mapping[str, Any]) -> bool:
    """Tell whether a model does anything but flag everything, or nothing."""
    counts = counts_of(row)
    return row["model"] not in DEGENERATE and (counts is None or like(counts) is None)


def _value(row: Mapping[str, Any], metric: str) -> float | None:
    value: float | None = (row.get("metrics") or {}).get(metric)
    counts = counts_of(row)
    return metric_of(metric, counts) if value is None and counts and metric != "roc_auc" else value


def _last(rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return the position of each model's last epoch, with its largest sample and smallest seed."""

    def key(place: int) -> tuple[int, int, int]:
        row = rows[place]
        return row.get("sample_size") or 0, -(row.get("seed") or 0), row.get("epoch") or 0

    best: dict[str, int] = {}
    for place, row in enumerate(rows):
        model = row["model"]
        if model not in best or key(place) > key(best[model]):
            best[model] = place
    return list(best.values())


def _no_difference(
    found: list[list[Notice]],
    rows: Sequence[Mapping[str, Any]],
    places: Sequence[int],
    names: Sequence[str],
    metrics: Sequence[str],
    compare: Comparison | None,
) -> None:
    if len(places) < 2:
        return
    test = compare or _unpaired(rows, len(places))
    for metric in metrics:
        values = [_value(rows[place], metric) for place in places]

        def pair(first: int, second: int, metric: str = metric) -> Difference | None:
            return test(metric, places[first], places[second])

        best = versus_best(values, pair, LEVEL)
        if best is None or not best.indistinguishable:
            continue
        equal = set(best.indistinguishable)
        chances = [other.p_value for other in best.others if other.row in equal and other.p_value is not None]
        others = [names[row] for row in sorted(equal)]
        p_value = min(chances, default=None)
        found[places[best.row]].append({"code": "NO-DIFFERENCE", "metric": metric, "others": others, "p": p_value})


def _beaten(
    rows: Sequence[Mapping[str, Any]], index: int, metric: str, compare: Comparison, *, trivial: bool
) -> list[Notice]:
    """Compare a row with every baseline, `trivial` ones too; the best of those that are surely better is reported."""
    row, counts = rows[index], counts_of(rows[index])
    value = _value(row, metric)
    if counts is None or value is None:
        return []
    baselines: list[tuple[str, float | None, Callable[[], Difference | None]]] = []
    for place, other in enumerate(rows):
        same_data = all(row.get(name) == other.get(name) for name in ("seed", "sample_size"))
        if other.get("baseline") and other["model"] not in DEGENERATE and same_data:
            baselines.append((other["model"], _value(other, metric), partial(compare, metric, index, place)))
    if trivial and metric != "roc_auc":
        for name in DEGENERATE:
            reference = metric_of(metric, degenerate_counts(name, counts.tp + counts.fn, counts.fp + counts.tn))
            baselines.append((name, reference, partial(_against_degenerate, counts, name, metric)))
    higher = [(value_there, name, test) for name, value_there, test in baselines if (value_there or 0) > value]
    differences = [test() for *_, test in higher]
    # Those that are not higher were compared as well.
    corrected = holm([each.p_value if each else None for each in differences], len(baselines))
    better = [
        (reference or 0.0, name, p_value)
        for (reference, name, _), p_value in zip(higher, corrected, strict=True)
        if p_value is not None and p_value <= LEVEL
    ]
    if not better:
        return []
    best, baseline, p_value = max(better, key=lambda each: each[0])
    values = {"metric": metric, "value": value, "baseline": baseline, "baseline_value": best, "p": p_value}
    return [{"code": "BEATEN-BY-BASELINE", **values}]


def _against_degenerate(counts: Counts, detector: str, metric: str) -> Difference | None:
    """Compare a detector with flag-all or never-flag on the same sequences, for which its counts are enough."""
    flagged, anomalous = _decisions(counts)
    always = np.full(len(flagged), detector == "flag-all")
    return paired_difference(metric, flagged, always, anomalous, seed=0)


def _decisions(counts: Counts) -> tuple[Booleans, Booleans]:
    """Lay out sequences that give these counts: whether each is flagged, and whether it is anomalous."""
    sizes = (counts.tp, counts.fn, counts.fp, counts.tn)
    return np.repeat([True, False, True, False], sizes), np.repeat([True, True, False, False], sizes)

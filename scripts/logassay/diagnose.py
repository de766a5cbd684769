"""Why a result is as it is, and what to change: causes tested on measured facts, advice with its cost and its evidence.

Pure functions without texts. `checks` measures on the scores what an evaluation stores, `diagnose` and `advise` judge
by what is stored; what cannot be tested, as where a document gives counts only, is suspected at most.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

import polars as pl

from logassay.metrics import DEGENERATE, Booleans, Counts, Floats, count, roc_auc, sweep
from logassay.statistics import (
    Interval,
    at_prevalence,
    bootstrap_intervals,
    over_seeds,
    rate_intervals,
    roc_auc_difference,
    roc_auc_interval,
    unpaired_difference,
    wilson,
)
from logassay.warn import AMONG_MODELS, LEVEL, counts_of, degenerate_counts, metric_of, near_zero, youden_interval

Evaluation = Mapping[str, Any]
Cause = dict[str, Any]
Advice = dict[str, Any]

FOUND, SUSPECTED, EXCLUDED = "found", "suspected", "excluded"
PARTS = ("validation", "test")
DATA_FAULTS = ("vocabulary", "labels-shifted", "labels-inverted-or-score-inverted")
"""The first suspects where a model flags everything, nothing, or at random. Where one is found the scores say nothing
of the model itself, so that nothing else is judged."""

FEW_PAIRS = 50
"""Neighbouring sequences that the test of shifted labels needs."""
FEW_ANOMALIES = 5
"""Anomalous sequences among them that it needs: the variance of a ROC-AUC of fewer is a guess."""
SHIFT_GAIN = 0.02
"""By how much at least the ROC-AUC has to rise with shifted labels, at the lower limit of its interval. Where anomalies
come in runs, or windows overlap, a shift changes little; real misalignment changes much."""
SHIFT_AREA = 0.55
"""ROC-AUC that the shifted labels must reach: below, nothing fits them either. It may stay low, since a model trained
on misaligned labels has learned anomalies as normal."""
INVERTED_AREA = 0.4
"""ROC-AUC at or below which, with an interval below 0.5, a score is inverted; between the two it may be just weak."""
UNKNOWN_MANY = 0.25
"""Share of normal sequences with an unknown event from which no threshold that a user could bear survives."""
UNKNOWN_SOME = 0.05
"""Share of normal sequences with an unknown event that is worth a suspicion: five times the usual false-alarm rate."""
DRIFT = 3.0
"""How many times more normal sequences must be flagged on test than on validation, beyond both intervals, for the two
parts to count as different; that the threshold was chosen on one of them brings no such factor."""
FEW_SEQUENCES = 200
"""Training sequences below which a sample is small: a kind of normal sequence that is one in a hundred is expected to
occur less than twice."""
GAP = 1.25
"""Validation loss over training loss from which a model knows its training sequences rather than their kind; with
thousands of sequences the two differ by a few per cent."""
FALLING = 0.05
"""Share by which a loss must fall, or rise, in the last epoch to be still moving; converging runs move less, and seeds
differ by a few per cent."""
RISING = 0.01
"""By how much the ROC-AUC must change between epochs to count as rising or falling."""
GUESS = 0.8
"""Share of the loss of guessing among all known events, ln(vocabulary), above which a network has learned next to
nothing; even the frequencies of the events alone bring a log's loss well below."""
GAIN, SURE_GAIN = 0.1, 0.05
"""F1 that another threshold must bring on validation, and lower limit from which that is sure. The best threshold is
picked by its result there, which flatters it: a limit just above 0 is not enough."""
REALISTIC = 0.02
"""Share of anomalous sequences at which a threshold for mutated sequences, of which half are anomalous, is judged where
the study names none."""
LEARNING_GAIN = 0.005
"""Gain by twice the data below which a rising learning curve is of no use."""
RARE, FEW_POSITIVES = 0.1, 100
"""Share of anomalies in training below which classes are imbalanced, and number of anomalies that a supervised model
cannot do with."""
LABELS_FIT = 0.2
"""Lower limit of Youden's J from which a model's decisions show that labels are in their place; misplaced ones leave
it near 0."""
NEAR_CEILING = 0.9
"""Share of the best F1 that the labels allow from which a model is healthy, however low that is."""
HEALTHY_AREA, HEALTHY_YOUDEN = 0.8, 0.5
"""Lower limits of ROC-AUC, or of Youden's J where no scores are known, from which a model counts as healthy."""
SLOW = 1e-3
"""Learning rate, that of all models' defaults, below which a larger one is worth a try."""


# Facts about scores


def checks(validation: pl.DataFrame, test: pl.DataFrame, threshold: float | None) -> dict[str, Any]:
    """Measure on validation and test scores what a diagnosis needs.

    Parameters
    ----------
    validation, test : polars.DataFrame
        As `evaluate.evaluate` gets them: `sequence` (number in the order of the log), `label`, `length`, `unknown`,
        `score`, `paper`. On validation no label counts as normal, on test such rows are left out.
    threshold : float or None
        The one chosen; None for the model's own rule.

    Returns
    -------
    dict
        For each of `PARTS` (undefined values are None):

        - `sequences`, `anomalous`: how many;
        - `roc_auc`, `low`, `high` (95 %), `roc_auc_inverted`: the score as it is, and with its sign changed;
        - `shifted`: see `shifted`;
        - `flagged`: shares by label; 1 minus that of the normal ones is the threshold's quantile among them;
        - `distinct_scores`: number of different scores; 1 is a constant;
        - `overlap`: share of the score distributions of the two labels that no threshold separates;
        - `unknown`, `with_unknown`: by label (and `all`) the share of unknown events, and of sequences that have one.
    """
    frames = {"validation": validation.with_columns(pl.col("label").fill_null(False)), "test": test.drop_nulls("label")}
    return {name: _checks(frame, threshold) for name, frame in frames.items()}


def _checks(frame: pl.DataFrame, threshold: float | None) -> dict[str, Any]:
    scores, truth, unknown = (frame[name].to_numpy() for name in ("score", "label", "unknown"))
    lengths = frame["length"].to_numpy()
    flagged = (frame["paper"] if threshold is None else frame["score"] > threshold).to_numpy()
    curve = sweep(scores, truth)
    area = roc_auc(curve)
    interval = roc_auc_interval(scores, truth)
    rows = {"normal": ~truth, "anomalous": truth, "all": truth | True}
    counts = count(flagged, truth)
    overlap = None
    if area is not None:
        overlap = 1 - float(max(abs(curve.tp / curve.positives - curve.fp / curve.negatives)))
    return {
        "sequences": frame.height,
        "anomalous": int(truth.sum()),
        "roc_auc": area,
        "low": interval and interval[0],
        "high": interval and interval[1],
        "roc_auc_inverted": None if area is None else 1 - area,
        "shifted": shifted(frame),
        "flagged": {
            "normal": _share(counts.fp, counts.fp + counts.tn),
            "anomalous": _share(counts.tp, counts.tp + counts.fn),
        },
        "distinct_scores": len(curve.scores),
        "overlap": overlap,
        "unknown": {name: _share(unknown[row].sum(), lengths[row].sum()) for name, row in rows.items()},
        "with_unknown": {name: _share((unknown[row] > 0).sum(), row.sum()) for name, row in rows.items()},
    }


def _share(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None


def shifted(frame: pl.DataFrame) -> dict[str, Any]:
    """Judge scores by the labels of the neighbours in the log: if these fit better, the labels are off by one.

    Only pairs of neighbours that are both in the part count, so that few remain of a shuffled split; with sessions,
    whose order is that of their first lines, the test finds a label table that has slipped by a row.

    Parameters
    ----------
    frame : polars.DataFrame
        `sequence`, `label`, `score`.

    Returns
    -------
    dict
        `forward` (the label of the next sequence) and `back` (of the one before): `pairs`, `roc_auc` of the
        neighbour's score, `own` that of the score that stands beside the label, `difference` with `low` and `high`
        (DeLong). None where it cannot be tested; `reason` then is `mutated` (pseudo-anomalies have their labels from
        their mutation, and no neighbours), `few-neighbours` or `few-anomalies`.
    """
    mutated = "operator" in frame.columns and frame["operator"].is_not_null().any()
    if mutated or frame["sequence"].is_duplicated().any():
        return {"reason": "mutated", "forward": None, "back": None}
    rows = frame.sort("sequence")
    sequence, scores, truth = (rows[name].to_numpy() for name in ("sequence", "score", "label"))
    adjacent = sequence[1:] - sequence[:-1] == 1
    if adjacent.sum() < FEW_PAIRS:
        return {"reason": "few-neighbours", "forward": None, "back": None}
    first, second = scores[:-1][adjacent], scores[1:][adjacent]
    forward = _neighbours(first, second, truth[1:][adjacent])
    back = _neighbours(second, first, truth[:-1][adjacent])
    reason = None if forward and back else "few-anomalies"
    return {"reason": reason, "forward": forward, "back": back}


def _neighbours(neighbour: Floats, own: Floats, truth: Booleans) -> dict[str, Any] | None:
    if min(int(truth.sum()), int((~truth).sum())) < FEW_ANOMALIES:
        return None
    difference = roc_auc_difference(neighbour, own, truth)
    if difference is None:
        return None
    return {
        "pairs": len(truth),
        "roc_auc": roc_auc(sweep(neighbour, truth)),
        "own": roc_auc(sweep(own, truth)),
        "difference": difference.difference,
        "low": difference.interval[0],
        "high": difference.interval[1],
    }


# Causes


def diagnose(
    model_rows: Sequence[Evaluation], section: Mapping[str, Any] | None = None, facts: Mapping[str, Any] | None = None
) -> list[Cause]:
    """Name the causes of a model's result.

    Parameters
    ----------
    model_rows : sequence of mapping
        All evaluations of one model in one section (every epoch, sample size and seed), with `checks`. All but `run`
        and `counts` may be missing.
    section : mapping, optional
        `learning_curves` as in verdicts.json, of which only those of this model count, and `rows` of all models: one
        that fits the labels shows that these are in their place.
    facts : mapping, optional
        Whatever is known of: `supervised` (bool), `values` (True where the losses are not those of predicted events),
        `recommended` (`epoch`, `seed`, `sample_size` of the evaluation to judge; by default the last epoch of the
        largest sample and smallest seed), `training_sequences`, `training_anomalous` (of that sample), `prevalences`
        (shares of anomalous sequences at which results are restated), `baseline_comparisons` (`metric`, `baseline`,
        `difference`, `p_adjusted`; positive where the model is better) and `better_baseline` (`model`, `metric`,
        `value`, `own`), one that is surely better.

    Returns
    -------
    list of dict
        `cause`, `level` (`found`, `suspected`, `excluded`), `evidence` (numbers by name, or words); what is found comes
        first. Excluded are only causes that a symptom made suspects; a model whose result is good has `healthy`, if
        need be with what is suspected, unless a baseline is better. The list is empty where a model is weak and nothing
        explains it, and for flag-all and never-flag. `part` among the evidence says where it was measured.
    """
    case = _Case(model_rows, section or {}, facts or {})
    if case.model in DEGENERATE:
        return []
    symptoms = _symptoms(case)
    training = [*_under_trained(case), *_over_fitted(case), *_too_little_data(case)]
    untrained = any(cause["cause"] == "under-trained" and "guessing" in cause["evidence"] for cause in training)
    faults = _data_faults(case, bool(symptoms) or case.doubtful)
    causes = [*symptoms, *faults]
    if not _found(faults):
        causes += training
        causes += _threshold(case, bool(symptoms), untrained or _found(training, "too-little-data"))
        causes += _imbalance(case)
        causes += _no_signal(case, causes)
        causes += _healthy(case, causes)
    order = (FOUND, SUSPECTED, EXCLUDED)
    return sorted(causes, key=lambda cause: order.index(cause["level"]))


def _cause(name: str, level: str, **evidence: Any) -> Cause:
    known = {key: value for key, value in evidence.items() if value is not None}
    return {"cause": name, "level": level, "evidence": known}


def _found(causes: Iterable[Cause], *names: str) -> bool:
    return any(cause["level"] == FOUND and (not names or cause["cause"] in names) for cause in causes)


class _Case:
    """One model's evaluations, read as the rules need them; everything unknown is None."""

    def __init__(self, rows: Sequence[Evaluation], section: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
        self.facts = facts
        runs = [row.get("run") or {} for row in rows]
        sizes = [run.get("sample_size") or 0 for run in runs]
        wanted = facts.get("recommended") or {}
        self.sample_size: int | None = wanted.get("sample_size") or max(sizes) or None
        largest = self.sample_size or 0
        self.rows = [row for row, size in zip(rows, sizes, strict=True) if size == largest]
        self.epochs = sorted({_run(row, "epoch") or 1 for row in self.rows})
        self.seeds = sorted({_run(row, "seed") or 0 for row in self.rows})
        epoch, seed = wanted.get("epoch") or self.epochs[-1], wanted.get("seed", self.seeds[0])
        chosen = [row for row in self.rows if (_run(row, "epoch") or 1) == epoch]
        self.row = next((row for row in chosen if (_run(row, "seed") or 0) == seed), (chosen or self.rows)[0])
        self.model = _run(self.row, "model")
        counts = counts_of(self.row)
        if counts is None:
            raise ValueError("an evaluation has no counts")
        self.counts = counts
        self.parts: dict[str, Mapping[str, Any]] = {
            name: part for name, part in (self.row.get("checks") or {}).items() if part
        }
        curves = section.get("learning_curves") or []
        self.curves = [curve for curve in curves if curve.get("model") in (self.model, None)]
        self.training_sequences: int | None = facts.get("training_sequences") or self.sample_size
        self.vocabulary: int | None = (self.row.get("training") or {}).get("vocabulary")
        self.youden = youden_interval(counts)
        self.evaluated = counts.tp + counts.fp + counts.tn + counts.fn
        self.lows = [facts["low"] for facts in self.parts.values() if facts.get("low") is not None]
        self.fitting = next((row["model"] for row in section.get("rows") or [] if _fits(row)), None)
        self.others = [
            row
            for row in section.get("rows") or []
            if row["model"] != self.model and row.get("sample_size") == _run(self.row, "sample_size")
        ]

    def by_epoch(self, value: Callable[[Evaluation], float | None]) -> list[float | None]:
        """Return the mean over the seeds for each epoch; None where a seed lacks it."""
        means: list[float | None] = []
        for epoch in self.epochs:
            values = [value(row) for row in self.rows if (_run(row, "epoch") or 1) == epoch]
            known = [each for each in values if each is not None]
            means.append(fmean(known) if known and len(known) == len(values) else None)
        return means

    @property
    def guessing(self) -> float | None:
        """Return the loss of guessing among all events, where losses are those of predicted events."""
        if self.facts.get("supervised") or self.facts.get("values") or (self.vocabulary or 0) < 4:
            return None
        return math.log(self.vocabulary or 1)

    @property
    def at_chance(self) -> bool:
        """Whether neither the decisions nor, where they are known, the scores tell the labels apart."""
        return self.idle and all(low <= 0.5 for low in self.lows)

    @property
    def doubtful(self) -> bool:
        """Whether a model may be at chance: a weak one can be above it by luck on one of the parts."""
        return self.idle and (any(low <= 0.5 for low in self.lows) or not self.lows)

    @property
    def idle(self) -> bool:
        """Whether the decisions do not tell the labels apart; a few high scores may where the ROC-AUC does not."""
        return self.youden is not None and self.youden[0] <= 0

    @property
    def area(self) -> float | None:
        """Return the ROC-AUC on validation, or else whatever is known of it."""
        found: float | None = _area(self.row)
        return found

    @property
    def areas(self) -> dict[str, float]:
        """Return the ROC-AUC by the part that it was measured on."""
        known = {"validation": _validation_area(self.row), "test": (self.row.get("metrics") or {}).get("roc_auc")}
        return {f"roc_auc_{part}": value for part, value in known.items() if value is not None}

    @property
    def beaten(self) -> bool:
        """Whether a baseline is surely better by a metric that means something."""
        better = self.facts.get("better_baseline") or {}
        return better.get("metric") in AMONG_MODELS or any(_surely(each, -1) for each in self.against_baselines)

    @property
    def against_baselines(self) -> list[Mapping[str, Any]]:
        found = self.facts.get("baseline_comparisons") or []
        return [each for each in found if each.get("model") in (self.model, None)]


def _surely(comparison: Mapping[str, Any], sign: int) -> bool:
    """Tell whether a comparison with a baseline goes this way (1: the model is better) beyond chance."""
    difference, p_value = comparison["difference"], comparison["p_adjusted"]
    return p_value is not None and p_value <= LEVEL and sign * (difference or 0) > 0


def _fits(row: Mapping[str, Any]) -> bool:
    """Tell whether a model's decisions agree with the labels so well that these cannot be misplaced."""
    counts = counts_of(row)
    interval = youden_interval(counts) if counts else None
    return interval is not None and interval[0] >= LABELS_FIT


def _run(row: Evaluation, name: str) -> Any:
    return (row.get("run") or {}).get(name)


def _loss(row: Evaluation) -> float | None:
    losses = row.get("losses") or {}
    value: float | None = losses.get("validation_normal")
    return losses.get("normal") if value is None else value


def _training_loss(row: Evaluation) -> float | None:
    value: float | None = (row.get("losses") or {}).get("training")
    return value


def _area(row: Evaluation) -> float | None:
    on_validation = _validation_area(row)
    return (row.get("metrics") or {}).get("roc_auc") if on_validation is None else on_validation


def _validation_area(row: Evaluation) -> float | None:
    value: float | None = ((row.get("threshold") or {}).get("metrics") or {}).get("roc_auc")
    return value


def _area_part(case: _Case) -> str:
    """Name the part that `_area` is of."""
    return "test" if _validation_area(case.row) is None else "validation"


def _symptoms(case: _Case) -> list[Cause]:
    """Flags everything or nothing, or all but: what is seen, which the other causes are to explain."""
    counts = case.counts
    positives, negatives = counts.tp + counts.fn, counts.fp + counts.tn
    if not negatives:
        return []
    evidence = counts.as_dict()
    limits = rate_intervals(counts)
    specificity, recall = limits["specificity"], limits["recall"]
    if near_zero(counts.tn, negatives) and (not positives or near_zero(counts.fn, positives)) and specificity:
        return [_cause("flags-everything", FOUND, **evidence, specificity_high=specificity[1])]
    if near_zero(counts.tp, positives) and counts.fp <= counts.tn and recall:
        return [_cause("flags-nothing", FOUND, **evidence, recall_high=recall[1])]
    return []


def _data_faults(case: _Case, symptom: bool) -> list[Cause]:
    """Test vocabulary, alignment and direction; what is not found is worth a word only where something is wrong."""
    shift, inverted = _labels_shifted(case), _inverted(case)
    # Where a shift explains more than the opposite direction does, it is the cause, and the other way round.
    if shift["level"] == inverted["level"] == FOUND:
        weaker = min(shift, inverted, key=lambda cause: float(cause["evidence"]["to"]))
        weaker["level"] = EXCLUDED
    suspects = [_vocabulary(case), shift, inverted]
    return [cause for cause in suspects if cause["level"] == FOUND or symptom or _measured(cause)]


def _measured(cause: Cause) -> bool:
    """Tell whether there are numbers behind a suspicion, rather than want of them."""
    return bool(cause["level"] == SUSPECTED and "tested" not in cause["evidence"])


def _vocabulary(case: _Case) -> Cause:
    """Test whether scoring knows the events that training had."""
    name = "vocabulary"
    shares = {part: (facts.get("with_unknown") or {}).get("normal") for part, facts in case.parts.items()}
    known = {part: share for part, share in shares.items() if share is not None}
    losses = case.row.get("losses") or {}
    evidence: dict[str, Any] = {f"with_unknown_{part}": share for part, share in known.items()}
    expected = _expected_unknown(case)
    small = (case.training_sequences or FEW_SEQUENCES) < FEW_SEQUENCES
    guessing, training = case.guessing, losses.get("training")
    worse: dict[str, float] = {}
    if guessing and training is not None and training < guessing / 2 and not small:
        lowest = min((loss for loss in case.by_epoch(_loss) if loss is not None), default=None)
        worse = {
            part: loss
            for part, loss in (("validation", lowest), ("test", losses.get("normal")))
            if loss is not None and loss > guessing
        }
    drift = _drift(case)
    if drift:
        evidence |= drift | {"drift": True}
    if worse:
        losses_shown = {f"loss_{part}": loss for part, loss in worse.items()}
        return _cause(name, FOUND, **evidence, **losses_shown, guessing=guessing, training_loss=training)
    share = max(known.values(), default=None)
    if share is None:
        return _cause(name, SUSPECTED, **evidence, tested="no")
    if share <= expected:
        evidence["share_expected_of_sample"] = expected if share else None
        return _cause(name, SUSPECTED if drift and not small else EXCLUDED, **evidence)
    harmed = (
        bool(drift)
        or case.at_chance
        or any((case.parts[part].get("flagged") or {}).get("normal", 0) >= UNKNOWN_MANY for part in known)
    )
    if (share >= UNKNOWN_MANY and harmed) or (share >= UNKNOWN_SOME and drift):
        return _cause(name, FOUND, **evidence)
    return _cause(name, SUSPECTED if share >= UNKNOWN_SOME or drift else EXCLUDED, **evidence)


def _expected_unknown(case: _Case) -> float:
    """Bound the share of sequences with events that a sample of this size leaves unseen by chance.

    An event that occurs in the share p of the sequences is missing from n of them with probability (1 - p)^n, and
    p (1 - p)^n is at most 1 / (e n) (the bound behind Good and Turing's missing mass). As many events again as are
    known are assumed to exist.
    """
    if not case.training_sequences or not case.vocabulary:
        return 0.0
    return min(1.0, 2 * case.vocabulary / (math.e * case.training_sequences))


def _drift(case: _Case) -> dict[str, float]:
    """Say how many normal sequences are flagged on validation and test, where that is surely different."""
    limits, shares = {}, {}
    for part in PARTS:
        facts = case.parts.get(part) or {}
        share = (facts.get("flagged") or {}).get("normal")
        if share is None:
            return {}
        normal = facts["sequences"] - facts["anomalous"]
        limits[part], shares[f"flagged_normal_{part}"] = wilson(share * normal, normal), share
    validation, test = limits["validation"], limits["test"]
    jumps = validation and test and test[0] > DRIFT * validation[1] and test[0] > UNKNOWN_SOME
    return shares if jumps else {}


def _labels_shifted(case: _Case) -> Cause:
    """Test whether the labels of the next sequence, or of the one before, fit the scores better on every part."""
    name = "labels-shifted"
    tests = {part: facts.get("shifted") or {} for part, facts in case.parts.items()}
    for direction, step in (("forward", 1), ("back", -1)):
        results = [test[direction] for test in tests.values() if test.get(direction)]
        if results and all(each["low"] > SHIFT_GAIN and each["roc_auc"] >= SHIFT_AREA for each in results):
            part, shown = next((part, test[direction]) for part, test in tests.items() if test.get(direction))
            evidence = {
                "part": part,
                "from": shown["own"],
                "to": shown["roc_auc"],
                "low": shown["low"],
                "high": shown["high"],
            }
            return _cause(name, FOUND, shift=step, parts=len(results), pairs=shown["pairs"], **evidence)
    reasons = [test.get("reason") for test in tests.values() if test.get("reason")]
    if case.parts and reasons and all(reason == "mutated" for reason in reasons):
        return _cause(name, EXCLUDED, reason="mutated")
    done = [
        (part, test[direction])
        for part, test in tests.items()
        for direction in ("forward", "back")
        if test.get(direction)
    ]
    if not done:
        area = case.area
        if case.fitting is not None or (area is not None and area >= HEALTHY_AREA):
            return _cause(name, EXCLUDED, **case.areas, fitting=case.fitting)
        return _cause(name, SUSPECTED, tested="no", reason=reasons[0] if reasons else None)
    part, best = max(done, key=lambda each: float(each[1]["difference"]))
    evidence = {"part": part, "from": best["own"], "to": best["roc_auc"], "low": best["low"], "high": best["high"]}
    # What was trained by shifted labels may fit none, shifted or not: only a model that fits them clears the labels.
    level = SUSPECTED if case.doubtful and case.fitting is None else EXCLUDED
    return _cause(name, level, **evidence, pairs=best["pairs"], fitting=case.fitting)


def _inverted(case: _Case) -> Cause:
    """Test whether the score, or the labels, point the other way."""
    name = "labels-inverted-or-score-inverted"
    known = {part: facts for part, facts in case.parts.items() if facts.get("low") is not None}
    if known:
        part = next(name for name in PARTS if name in known)
        first = known[part]
        evidence = {"part": part, "from": first["roc_auc"], "to": first["roc_auc_inverted"]}
        evidence |= {f"roc_auc_{part}": facts["roc_auc"] for part, facts in known.items()}
        below = all(facts["high"] < 0.5 for facts in known.values())
        clear = all(facts["roc_auc"] <= INVERTED_AREA for facts in known.values())
        # Trained on the anomalies, a model may fit nothing; but then most labels say anomalous.
        swapped = case.doubtful and case.fitting is None and case.counts.tp + case.counts.fn > case.evaluated / 2
        return _cause(name, FOUND if below and clear else SUSPECTED if below or swapped else EXCLUDED, **evidence)
    if case.area is not None:
        return _cause(name, EXCLUDED if case.area >= 0.5 else SUSPECTED, **case.areas)
    # Flagging little by a score that points the wrong way would find fewer anomalies than flagging at random.
    flags_some = not near_zero(case.counts.tn, case.counts.tn + case.counts.fp) and bool(case.counts.tp)
    if flags_some and case.youden and case.youden[1] > 0:
        return _cause(name, EXCLUDED, youden_low=case.youden[0], youden_high=case.youden[1])
    return _cause(name, SUSPECTED, tested="no")


def _under_trained(case: _Case) -> list[Cause]:
    """The loss is still falling in the last epoch and the ranking improves; or it is still that of a guess."""
    name = "under-trained"
    losses, training = case.by_epoch(_loss), case.by_epoch(_training_loss)
    last, guessing = losses[-1], case.guessing
    reached = [loss for loss in (last, training[-1]) if loss is not None]
    rate = (case.row.get("training") or {}).get("learning_rate")
    # On one of the two alone the model may well have learned; the better one tells.
    if guessing and reached and training[-1] is not None and min(reached) >= GUESS * guessing:
        values: dict[str, Any] = {"loss": last, "training_loss": training[-1]}
        values |= {"guessing": guessing, "learning_rate": rate}
        return [_cause(name, FOUND, epochs=case.epochs[-1], **values)]
    if len(losses) < 2 or last is None or losses[-2] is None or not losses[-2]:
        return []
    change = last / losses[-2] - 1
    training_change = _change(training)
    if change > -FALLING or (training_change is not None and training_change >= 0):
        return []
    areas = case.by_epoch(_area)
    gain = None if areas[-1] is None or areas[-2] is None else areas[-1] - areas[-2]
    limits = _gain_limits(case)
    sure = bool(limits) and all(low > 0 for low, _ in limits.values())
    level = FOUND if gain is not None and gain >= RISING and sure else SUSPECTED
    values = {"change": change, "training_change": training_change, f"roc_auc_change_{_area_part(case)}": gain}
    values |= {f"roc_auc_change_low_{part}": low for part, (low, _) in limits.items()}
    return [_cause(name, level, epochs=case.epochs[-1], loss=last, **values)]


def _gain_limits(case: _Case) -> dict[str, Interval]:
    """Bound what the last epoch added to the ROC-AUC: over the seeds, or for one by the intervals of both epochs.

    The latter, known by part, takes the epochs as independent, which is cautious: they rank much the same sequences
    alike. The limits of the difference follow from those of its terms as in Newcombe's method (MOVER).
    """
    runs = {((_run(row, "epoch") or 1), (_run(row, "seed") or 0)): row for row in case.rows}
    pairs = [[runs.get((epoch, seed), {}) for epoch in case.epochs[-2:]] for seed in case.seeds]
    if len(pairs) > 1:
        areas = [(_area(before), _area(after)) for before, after in pairs]
        spread = over_seeds([None if old is None or new is None else new - old for old, new in areas])
        return {_area_part(case): spread.interval} if spread and spread.interval else {}
    limits = {}
    for part in PARTS:
        before, after = ((row.get("checks") or {}).get(part) or {} for row in pairs[0])
        if before.get("low") is None or after.get("low") is None:
            continue
        difference = after["roc_auc"] - before["roc_auc"]
        below = math.hypot(after["roc_auc"] - after["low"], before["high"] - before["roc_auc"])
        above = math.hypot(after["high"] - after["roc_auc"], before["roc_auc"] - before["low"])
        limits[part] = (difference - below, difference + above)
    return limits


def _change(values: Sequence[float | None]) -> float | None:
    """Return the relative change in the last epoch, where it is known."""
    if len(values) < 2 or values[-1] is None or not values[-2]:
        return None
    return values[-1] / values[-2] - 1


def _over_fitted(case: _Case) -> list[Cause]:
    """The loss of validation normals rises again while that of training still falls."""
    losses, training = case.by_epoch(_loss), case.by_epoch(_training_loss)
    known = [(loss, place) for place, loss in enumerate(losses) if loss is not None]
    if len(known) < 2 or losses[-1] is None:
        return []
    best, place = min(known)
    since, last = training[place], training[-1]
    if not best or losses[-1] / best - 1 < FALLING or since is None or last is None or last >= since:
        return []
    areas = case.by_epoch(_area)
    values = {"epoch": case.epochs[place], "last": case.epochs[-1], "change": losses[-1] / best - 1}
    values |= {"loss": best, "last_loss": losses[-1]}
    part = _area_part(case)
    values |= {f"roc_auc_{part}": areas[place], f"last_roc_auc_{part}": areas[-1]}
    # With a small sample it is the sample that is to blame.
    small = (case.training_sequences or FEW_SEQUENCES) < FEW_SEQUENCES
    return [_cause("over-fitted", SUSPECTED if small else FOUND, **values, training_change=last / since - 1)]


def _too_little_data(case: _Case) -> list[Cause]:
    """The learning curve rises; or a small sample is known by heart, or lacks events that normal sequences have."""
    name = "too-little-data"
    size = case.training_sequences
    tested = [curve for curve in case.curves if curve.get("rising") is not None]
    rising = [curve for curve in tested if curve["rising"] and curve["gain_when_doubled"] >= LEARNING_GAIN]
    if rising:
        best = max(rising, key=lambda curve: float(curve["gain_when_doubled"]))
        values = {"metric": best["metric"], "gain": best["gain_when_doubled"], "low": best["low"], "high": best["high"]}
        return [_cause(name, FOUND, training_sequences=size, **values)]
    if size is None or size >= FEW_SEQUENCES:
        return []
    losses = [loss for loss in case.by_epoch(_loss) if loss is not None]
    training = _training_loss(case.row)
    loss = _loss(case.row)
    values = {"training_sequences": size}
    # Before over-fitting sets in, too: the lowest loss of any epoch is far above what training reached.
    if losses and loss is not None and training is not None and min(losses) > GAP * training:
        return [_cause(name, FOUND, **values, loss=loss, training_loss=training)]
    unknown = ((case.parts.get("validation") or {}).get("with_unknown") or {}).get("normal")
    if unknown is not None and unknown >= UNKNOWN_SOME:
        return [_cause(name, FOUND, **values, with_unknown_validation=unknown)]
    return [] if tested else [_cause(name, SUSPECTED, **values)]


def _threshold(case: _Case, symptom: bool, untrained: bool) -> list[Cause]:
    """Try on validation whether the threshold with the best F1 there is better than the one chosen, and than none.

    The threshold of a model that has learned too little is not what is wrong with it. Where sequences were judged in
    pairs, intact and mutated, half of them are anomalous: what is gained there has to hold where few are.
    """
    now, best = _validation_counts(case.row), _validation_counts(case.row, "f1")
    if now is None or best is None:
        drift = _drift(case)
        return [_cause("threshold-too-low", SUSPECTED, **drift)] if drift else []
    name = "threshold-too-low" if now.tp + now.fp > best.tp + best.fp else "threshold-too-high"
    difference = unpaired_difference("f1", best, now, seed=0)
    interval = bootstrap_intervals(best, seed=0)["f1"]
    flag_all = metric_of("f1", degenerate_counts("flag-all", best.tp + best.fn, best.fp + best.tn))
    before, after = metric_of("f1", now), metric_of("f1", best)
    if difference is None or interval is None or flag_all is None or before is None or after is None:
        return []
    restated = _restated(case, now, best)
    helps = difference.difference >= GAIN and difference.interval[0] > 0 and interval[0] > flag_all
    helps = helps and (restated is None or restated["holds"])
    if not helps and not symptom:
        return []
    values: dict[str, Any] = {"metric": "f1", "part": "validation", "from": before, "to": after}
    values |= {"to_low": interval[0], "to_high": interval[1], "gain": difference.difference}
    values |= {"low": difference.interval[0], "high": difference.interval[1]}
    values |= {"flagged": now.tp + now.fp, "flagged_best": best.tp + best.fp}
    values |= {"flagged_normal_validation": _share(now.fp, now.fp + now.tn)}
    values |= {"flagged_normal_validation_best": _share(best.fp, best.fp + best.tn)}
    if restated is not None:
        values |= {name: value for name, value in restated.items() if name != "holds"}
    level = EXCLUDED
    if helps:
        level = FOUND if difference.interval[0] >= SURE_GAIN and not untrained else SUSPECTED
    return [_cause(name, level, **values)]


def _restated(case: _Case, now: Counts, best: Counts) -> dict[str, Any] | None:
    """Restate both thresholds where few sequences are anomalous; None where they are judged as they occur.

    `holds` tells whether the better one is so at each prevalence, on the sequences that chose it and on the others.
    """
    if _run(case.row, "protocol") != "pseudo":
        return None
    pairs = [(now, best)]
    elsewhere = _strategy_counts(case.row, "f1", "test")
    if elsewhere is not None:
        pairs.append((case.counts, elsewhere))
    prevalences = sorted(case.facts.get("prevalences") or [REALISTIC])
    holds = True
    for before, after in pairs:
        values = [[at_prevalence(counts, share).f1 or 0.0 for share in prevalences] for counts in (before, after)]
        gains = [new - old for old, new in zip(*values, strict=True)]
        holds = holds and min(gains) > 0 and gains[-1] >= SURE_GAIN
    last = at_prevalence(pairs[-1][1], prevalences[-1])
    limits = last.f1_interval or (None, None)
    values_there: dict[str, Any] = {"share_anomalous": prevalences[-1], "restated_from": values[0][-1]}
    values_there |= {"restated_to": values[1][-1], "restated_low": limits[0], "restated_high": limits[1]}
    return values_there | {"holds": holds}


def _validation_counts(row: Evaluation, strategy: str | None = None) -> Counts | None:
    """Return the counts on validation by the threshold chosen, or by another strategy."""
    return counts_of(row.get("threshold") or {}) if strategy is None else _strategy_counts(row, strategy, "validation")


def _strategy_counts(row: Evaluation, strategy: str, part: str) -> Counts | None:
    for each in row.get("strategies") or []:
        if each["strategy"] == strategy:
            return counts_of(each.get(part) or {})
    return None


def _imbalance(case: _Case) -> list[Cause]:
    """A supervised model has few anomalies to learn from and finds few; mutated ones it was not meant to learn."""
    if not case.facts.get("supervised") or (_run(case.row, "protocol") or "labelled") != "labelled":
        return []
    data = case.row.get("data") or {}
    anomalous, total = case.facts.get("training_anomalous"), case.training_sequences
    estimated = anomalous is None
    if anomalous is None and total and data.get("validation_anomalous") is not None:
        # Training and validation are parts of the same log.
        evaluated = data["validation_anomalous"] + data["validation_normal"]
        anomalous = round(total * data["validation_anomalous"] / evaluated) if evaluated else None
    limits = rate_intervals(case.counts)
    recall = limits["recall"]
    if anomalous is None or not total or anomalous / total > RARE or recall is None or recall[1] >= 0.5:
        return []
    values = {"training_anomalous": anomalous, "share": anomalous / total, "recall_high": recall[1]}
    level = FOUND if anomalous < FEW_POSITIVES and not estimated else SUSPECTED
    return [_cause("imbalance", level, **values, estimated=estimated or None)]


def _no_signal(case: _Case, causes: Sequence[Cause]) -> list[Cause]:
    """Nothing explains why the scores do not tell the labels apart."""
    symptoms = ("flags-everything", "flags-nothing")
    explained = _found(cause for cause in causes if cause["cause"] not in symptoms)
    constant = any(part.get("distinct_scores") == 1 for part in case.parts.values())
    if explained or not (case.at_chance or constant):
        return []
    known = {part: facts for part, facts in case.parts.items() if facts.get("low") is not None}
    if not known:
        # Another threshold may still do, for all that is known; that everything is flagged has been said.
        limits = case.youden
        if limits is None or _found(causes, *symptoms):
            return []
        return [_cause("no-signal", SUSPECTED, youden_low=limits[0], youden_high=limits[1], tested="no")]
    part = "test" if "test" in known else "validation"
    shown = known[part]
    values = {"part": part, "roc_auc": shown["roc_auc"], "low": shown["low"], "high": shown["high"]}
    values |= {"overlap": shown.get("overlap"), "distinct_scores": shown.get("distinct_scores")}
    return [_cause("no-signal", FOUND, **values)]


def _healthy(case: _Case, causes: Sequence[Cause]) -> list[Cause]:
    """Nothing is found, the result is good beyond chance, and no baseline is better."""
    if _found(causes) or case.beaten or case.youden is None or case.youden[0] <= 0:
        return []
    values = {"youden_low": case.youden[0], **case.areas}
    ceiling, f1 = (case.row.get("ceiling") or {}).get("f1"), metric_of("f1", case.counts)
    if ceiling and f1 is not None and f1 >= NEAR_CEILING * ceiling:
        return [_cause("healthy", FOUND, **values, f1_test=f1, ceiling_f1=ceiling)]
    if case.lows:
        lows = {f"roc_auc_low_{part}": facts.get("low") for part, facts in case.parts.items()}
        return [_cause("healthy", FOUND, **values, **lows)] if min(case.lows) >= HEALTHY_AREA else []
    good = case.youden[0] >= HEALTHY_YOUDEN or (case.area or 0) >= HEALTHY_AREA
    return [_cause("healthy", FOUND, **values)] if good else []


# Advice


def advise(
    causes: Sequence[Cause],
    model_rows: Sequence[Evaluation],
    section: Mapping[str, Any] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> list[Advice]:
    """Say what to change, in the order in which to try it.

    Nothing is advised that does not address what is found or, where nothing is, suspected. Where the data are at fault
    nothing else is advised; where they may be, checking them comes first, and for a model that flags everything neither
    more epochs nor more data are advised.

    Parameters
    ----------
    causes : sequence of dict
        From `diagnose`.
    model_rows, section, facts
        As for `diagnose`; of the facts moreover, where known, `seconds_per_epoch` (of the largest sample; by default
        the evaluations' own training seconds), `training_available` (training sequences there are), `entry` (the
        model's variant as the config has it), `hyper` (its hyperparameters), `variants` and `study_models` (names of
        all variants, and of the study's), `evaluations` and `seconds_per_evaluation` (what judging the study anew
        takes), and `targets` (as `models[].targets` of verdicts.json).

    Returns
    -------
    list of dict
        `kind`, `model`, `changes` (of the config, nested), `cost_seconds` with `cost_basis`, `expected` where there is
        evidence (its interval is that of the value to be expected), `basis` of it; `study_file` and `command` are None.
        Advice that judges the study's results anew has `in_place`, and `evaluations` where their number is known. A
        threshold's `expected` moreover has `part`, `false_positive_rates` before and after, and `prevalence` where F1
        is restated at one; `optimistic` where the threshold was chosen on the same sequences.
    """
    case = _Case(model_rows, section or {}, facts or {})
    levels = {cause["cause"]: cause for cause in causes}
    found = {name: cause["evidence"] for name, cause in levels.items() if cause["level"] == FOUND}
    faults = [name for name in DATA_FAULTS if name in found]
    if faults:
        return [_check(case, levels[name]) for name in faults] + _use_baseline(case, no_signal=False)
    suspects = {name: levels[name] for name in DATA_FAULTS if levels.get(name, {}).get("level") == SUSPECTED}
    if found and not found.keys() & {"flags-everything", "flags-nothing", "no-signal"}:
        # What is found explains the result, unless scores are others on test than on validation.
        suspects = {name: cause for name, cause in suspects.items() if "drift" in cause["evidence"]}
    advice = [_check(case, cause) for cause in suspects.values()]
    check_first = bool(suspects) and ("flags-everything" in found or not found)
    if not found:
        # Nothing is certain: then what is suspected is worth a try.
        found = {name: cause["evidence"] for name, cause in levels.items() if cause["level"] == SUSPECTED}
    for name, kind in (("threshold-too-low", "raise-threshold"), ("threshold-too-high", "lower-threshold")):
        if name in found:
            advice.append(_other_threshold(case, kind, found[name]))
    if "over-fitted" in found:
        advice.append(_stop_earlier(case, found["over-fitted"]))
    if "under-trained" in found and not check_first:
        advice += _train_longer(case, found["under-trained"])
    if "too-little-data" in found and not check_first:
        advice.append(_more_data(case, found["too-little-data"]))
    if "imbalance" in found:
        advice += _balance(case)
    advice += _use_baseline(case, no_signal="no-signal" in found)
    targets = case.facts.get("targets") or {}
    if targets.get("met") is False and targets.get("proposed") and "no-signal" not in found:
        changes = {"evaluation": {"threshold": {"strategy": "targets", "targets": dict(targets["proposed"])}}}
        advice.append(_advice(case, "realistic-targets", changes, **_cost_of_judging(case)))
    if "healthy" in found and not case.beaten:
        advice.append(_advice(case, "use", cost=0.0))
    return advice


def _advice(
    case: _Case,
    kind: str,
    changes: Mapping[str, Any] | None = None,
    *,
    cost: float | None = None,
    cost_basis: Mapping[str, float] | None = None,
    expected: Mapping[str, Any] | None = None,
    basis: str = "none",
    **others: Any,
) -> Advice:
    return {
        "kind": kind,
        "model": case.model,
        "changes": dict(changes or {}),
        "study_file": None,
        "command": None,
        "cost_seconds": cost,
        "cost_basis": cost_basis and dict(cost_basis),
        "expected": expected and dict(expected),
        "basis": basis,
        **others,
    }


def _check(case: _Case, cause: Cause) -> Advice:
    """Advise to check a suspect; where the test was done, with what it showed."""
    kinds = ("check-vocabulary", "check-labels", "invert-score")
    kind = dict(zip(DATA_FAULTS, kinds, strict=True))[cause["cause"]]
    evidence = cause["evidence"]
    if cause["level"] != FOUND or "to" not in evidence:
        return _advice(case, kind)
    expected = {"metric": "roc_auc", "from": evidence["from"], "to": evidence["to"]}
    return _advice(case, kind, expected=expected, basis="measured")


def _use_baseline(case: _Case, no_signal: bool) -> list[Advice]:
    better = _better_baseline(case)
    if better is None:
        return [_advice(case, "use-baseline")] if no_signal else []
    baseline, expected = better
    return [_advice(case, "use-baseline", baseline=baseline, expected=expected, basis="measured")]


def _better_baseline(case: _Case) -> tuple[str, dict[str, Any]] | None:
    """Name the baseline to use instead, and by which metric: one that is surely better by one, and worse by none.

    Flag-all and never-flag may have better numbers, but are of no use to anybody.
    """
    wins = {each["baseline"] for each in case.against_baselines if _surely(each, 1)} | set(DEGENERATE)
    losses = [
        each
        for each in case.against_baselines
        if each["metric"] in AMONG_MODELS and each["baseline"] not in wins and _surely(each, -1)
    ]
    if losses:
        # Of several the best by the first metric that tells.
        worst = min(losses, key=lambda each: (AMONG_MODELS.index(each["metric"]), each["difference"]))
        own = (case.row.get("metrics") or {}).get(worst["metric"])
        if own is not None:
            return worst["baseline"], {"metric": worst["metric"], "from": own, "to": own - worst["difference"]}
    known = case.facts.get("better_baseline")
    if not known or known["metric"] not in AMONG_MODELS or known["model"] in wins or case.against_baselines:
        return None
    return known["model"], {"metric": known["metric"], "from": known.get("own"), "to": known["value"]}


def _other_threshold(case: _Case, kind: str, evidence: Mapping[str, Any]) -> Advice:
    """Advise the threshold with the best F1, with what it costs in false alarms."""
    if "from" not in evidence:
        # Drift alone says that the threshold does not fit, not which one would.
        return _advice(case, kind)
    expected: dict[str, Any] = {"metric": "f1"}
    if "share_anomalous" in evidence:
        names = {"from": "restated_from", "to": "restated_to", "low": "restated_low", "high": "restated_high"}
        judged = _strategy_counts(case.row, "f1", "test") is not None
    else:
        names, judged = {"from": "from", "to": "to", "low": "to_low", "high": "to_high"}, False
    expected |= {name: evidence.get(source) for name, source in names.items()}
    rates = [evidence.get(f"flagged_normal_validation{which}") for which in ("", "_best")]
    expected |= {"part": "test" if judged else "validation", "prevalence": evidence.get("share_anomalous")}
    expected |= {"false_positive_rates": rates, "optimistic": not judged}
    changes = {"evaluation": {"threshold": {"strategy": "f1"}}}
    return _advice(case, kind, changes, **_cost_of_judging(case), expected=expected, basis="measured")


def _cost_of_judging(case: _Case) -> dict[str, Any]:
    """Return the cost of judging saved scores anew: nothing is trained or scored, but every evaluation is repeated."""
    number, seconds = case.facts.get("evaluations"), case.facts.get("seconds_per_evaluation")
    cost = None if number is None or seconds is None else number * seconds
    return {"cost": cost, "evaluations": number, "in_place": True}


def _stop_earlier(case: _Case, evidence: Mapping[str, Any]) -> Advice:
    changes = {"study": {"epochs": evidence["epoch"]}}
    expected = {"metric": "validation_loss", "from": evidence["last_loss"], "to": evidence["loss"]}
    return _advice(case, "stop-earlier", changes, cost=0.0, expected=expected, basis="measured")


def _train_longer(case: _Case, evidence: Mapping[str, Any]) -> list[Advice]:
    """Advise twice the epochs, which go on from the last checkpoint; a larger step first where it is a small one."""
    advice = []
    epochs, rate = case.epochs[-1], evidence.get("learning_rate")
    if "guessing" in evidence and rate is not None and 0 < rate < SLOW:
        # A name as config/models.yaml has them: deeplog-lr1e-3.
        changes = _variant(case, f"lr{SLOW:.0e}".replace("e-0", "e-"), learning_rate=SLOW)
        advice.append(_advice(case, "tune", changes, **_cost(case, epochs)))
    changes = {"study": {"epochs": 2 * epochs}}
    others = _seconds_of_others(case, passes=0.0)
    return [*advice, _advice(case, "more-epochs", changes, **_cost(case, epochs, others=others))]


def _variant(case: _Case, name: str, **hyper: Any) -> dict[str, Any]:
    """Add a variant to the study, beside what it compares now; without a change where its entry cannot be told.

    A variant of its own keeps its results apart from those of the model that it changes.
    """
    variant, entry = f"{case.model}-{name}", case.facts.get("entry")
    models = case.facts.get("study_models") or [case.model]
    changes: dict[str, Any] = {"study": {"models": [*(each for each in models if each != variant), variant]}}
    if variant in (case.facts.get("variants") or []):
        return changes
    if not entry:
        return {}
    described = f"{case.model} with " + ", ".join(f"{key} {value}" for key, value in hyper.items())
    changed = dict(entry) | {"description": described, "hyper": dict(entry.get("hyper") or {}) | hyper}
    return changes | {"models": {variant: changed}}


def _seconds_of_others(case: _Case, *, passes: float) -> float:
    """Sum up what an epoch of the study's other models takes, for all seeds: they are trained along with this one.

    `passes` says how often a baseline, which learns in one pass, is trained for each epoch of the others.
    """
    seconds: dict[str, list[float]] = {}
    for row in case.others:
        known = (row.get("durations") or {}).get("training_seconds")
        if known is not None:
            seconds.setdefault(row["model"], []).append(known * (passes if row.get("baseline") else 1))
    return len(case.seeds) * sum(fmean(each) for each in seconds.values())


def _more_data(case: _Case, evidence: Mapping[str, Any]) -> Advice:
    """Advise twice the sample, or as much as there is; without a change where there is no more."""
    size, available = case.sample_size, case.facts.get("training_available")
    if size is None:
        return _advice(case, "more-data")
    larger = 2 * size if available is None else min(2 * size, available)
    if larger <= size:
        return _advice(case, "more-data")
    expected, basis = None, "none"
    # The learning curve says what twice the data bring, not what less than that does.
    if "gain" in evidence and larger == 2 * size:
        now = _now(case, evidence["metric"])
        if now is not None:
            expected = {"metric": evidence["metric"], "from": now, "to": now + evidence["gain"]}
            expected |= {"low": now + evidence["low"], "high": now + evidence["high"]}
            basis = "extrapolated"
    changes = {"study": {"sample_sizes": [larger]}}
    others = _seconds_of_others(case, passes=1 / case.epochs[-1])
    cost = _cost(case, case.epochs[-1], larger / size, others=others)
    return _advice(case, "more-data", changes, **cost, expected=expected, basis=basis)


def _now(case: _Case, metric: str) -> float | None:
    """Return the value that a learning curve ends with, or else the evaluation's."""
    for curve in case.curves:
        if curve.get("metric") == metric and curve.get("values") and curve["values"][-1] is not None:
            return float(curve["values"][-1])
    value: float | None = (case.row.get("metrics") or {}).get(metric)
    return value


def _balance(case: _Case) -> list[Advice]:
    """Advise to weight the classes, where the model can and does not yet."""
    hyper = case.facts.get("hyper") or (case.facts.get("entry") or {}).get("hyper") or {}
    if hyper.get("imbalance") != "none":
        return []
    changes = _variant(case, "class-weight", imbalance="class_weight")
    return [_advice(case, "balance-classes", changes, **_cost(case, case.epochs[-1]))]


def _cost(case: _Case, epochs: int, scale: float = 1.0, *, others: float = 0.0) -> dict[str, Any]:
    """Return the cost of so many epochs for every seed, linear in the number of training sequences.

    `others` are the seconds of an epoch of the models trained along; the seconds per epoch are those of all together.
    """
    seconds = case.facts.get("seconds_per_epoch")
    if seconds is None:
        known = [(row.get("durations") or {}).get("training_seconds") for row in case.rows]
        measured = [each for each in known if each is not None]
        seconds = fmean(measured) if measured else None
    if seconds is None:
        return {"cost": None, "cost_basis": None}
    total = epochs * len(case.seeds)
    each = (seconds + others / len(case.seeds)) * scale
    return {"cost": total * each, "cost_basis": {"epochs": total, "seconds_per_epoch": each}}

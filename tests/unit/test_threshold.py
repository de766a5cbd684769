"""Threshold strategies against trying every threshold."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from logassay.errors import UserError
from logassay.metrics import count, rates, sweep
from logassay.threshold import TARGETS, Choice, candidates, choose, defined, quantile, shortfalls

Data = tuple[np.ndarray, np.ndarray]

scored = st.lists(
    st.tuples(st.integers(-4, 4).map(float) | st.floats(-1e300, 1e300), st.booleans()), min_size=2, max_size=40
).map(lambda rows: (np.array([score for score, _ in rows]), np.array([label for _, label in rows])))


def every_threshold(scores: np.ndarray) -> list[float]:
    """Return one threshold per way to split the scores: each score itself, and one below all."""
    return [*scores.tolist(), float(np.nextafter(scores.min(), -np.inf))]


def chosen(scores: np.ndarray, truth: np.ndarray, choice: Choice) -> float:
    threshold = choose(choice.strategy, scores, truth, choice)
    assert threshold is not None
    return threshold


def metric(name: str, scores: np.ndarray, truth: np.ndarray, threshold: float) -> float:
    return float(np.nan_to_num(rates(**count(scores > threshold, truth).as_dict())[name]))


@settings(deadline=None, max_examples=100)
@given(scored)
def test_candidates_split_as_the_sweep_counts(data: Data) -> None:
    scores, truth = data
    curve = sweep(scores, truth)
    thresholds = candidates(curve)
    assert np.all(np.diff(thresholds) < 0)
    for threshold, tp, fp in zip(thresholds, curve.tp, curve.fp, strict=True):
        counts = count(scores > threshold, truth)
        assert (counts.tp, counts.fp) == (tp, fp)


@settings(deadline=None, max_examples=100)
@given(scored)
def test_f1_and_youden_find_the_best(data: Data) -> None:
    scores, truth = data
    assume(len(set(truth)) == 2)
    best_f1 = max(metric("f1", scores, truth, threshold) for threshold in every_threshold(scores))
    assert metric("f1", scores, truth, chosen(scores, truth, Choice("f1"))) == pytest.approx(best_f1, abs=1e-12)

    def youden(threshold: float) -> float:
        return metric("recall", scores, truth, threshold) + metric("specificity", scores, truth, threshold) - 1

    best = max(map(youden, every_threshold(scores)))
    assert youden(chosen(scores, truth, Choice("youden"))) == pytest.approx(best, abs=1e-12)


@settings(deadline=None, max_examples=100)
@given(scored, st.dictionaries(st.sampled_from(TARGETS), st.floats(0, 1), min_size=1))
def test_targets_are_met_or_nearest(data: Data, targets: dict[str, float]) -> None:
    scores, truth = data
    assume(len(set(truth)) == 2)

    def margin(threshold: float) -> float:
        return min(metric(name, scores, truth, threshold) - target for name, target in targets.items())

    best = max(map(margin, every_threshold(scores)))
    assert margin(chosen(scores, truth, Choice("targets", targets=targets))) == pytest.approx(best, abs=1e-12)


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.integers(-3, 3).map(float) | st.floats(-1e6, 1e6), min_size=1, max_size=50).map(np.array),
    st.floats(0, 1, exclude_max=True),
)
def test_quantile_is_the_smallest_threshold(normal: np.ndarray, rate: float) -> None:
    threshold = quantile(normal, rate)
    assert np.mean(normal > threshold) <= rate
    assert np.mean(normal > np.nextafter(threshold, -np.inf)) > rate


def test_quantile_with_ties_stays_below_the_rate() -> None:
    # 5 of 10 share the highest score: at 30 % none may be flagged, at 50 % all five.
    normal = np.array([0.0, 1, 2, 3, 4, 9, 9, 9, 9, 9])
    assert quantile(normal, 0.3) == 9
    assert quantile(normal, 0.5) == 4


def test_quantile_rate_is_not_lost_to_rounding() -> None:
    # 0.29 * 100 is 28.999999999999996 in floating point.
    normal = np.arange(100.0)
    assert np.sum(normal > quantile(normal, 0.29)) == 29


def test_constant_scores() -> None:
    scores, truth = np.full(8, 3.0), np.arange(8) < 2
    assert quantile(scores[~truth], 0.01) == 3
    assert chosen(scores, truth, Choice("f1")) < 3  # flagging all has F1 .4, flagging none 0


def test_equally_good_thresholds_take_the_highest() -> None:
    # Above 3: TP 1 FP 0 FN 1; above 1: TP 2, FP 2. Both have F1 2/3.
    scores, truth = np.array([4.0, 3, 2, 1.5, 1]), np.array([True, False, False, True, False])
    assert metric("f1", scores, truth, 3.5) == metric("f1", scores, truth, 1.25) == pytest.approx(2 / 3)
    assert chosen(scores, truth, Choice("f1")) == 3.5


def test_unreachable_targets_name_their_shortfall() -> None:
    # Above 2: TP 1, FP 1, FN 1, TN 1, everything one half; flagging all gives recall 1, specificity 0.
    scores, truth = np.array([4.0, 3, 2, 1]), np.array([False, True, True, False])
    targets = {"recall": 0.9, "specificity": 0.6}
    threshold = chosen(scores, truth, Choice("targets", targets=targets))
    # Candidates (recall, specificity): (0, 1) (0, .5) (.5, .5) (1, .5) (1, 0); the fourth misses by .1 only.
    assert threshold == 1.5
    found = {name: metric(name, scores, truth, threshold) for name in targets}
    assert shortfalls(found, targets) == {"recall": 0, "specificity": pytest.approx(0.1)}
    assert shortfalls({"precision": None}, {"precision": 0.4}) == {"precision": 0.4}


def test_strategies_without_labels() -> None:
    scores, none = np.arange(5.0), np.zeros(5, dtype=bool)
    assert defined(none, {"f1": 0.5}) == ["paper", "quantile"]
    for name in ("f1", "youden", "targets"):
        with pytest.raises(UserError, match=r"evaluation\.threshold\.strategy.*quantile"):
            choose(name, scores, none, Choice(name, targets={"f1": 0.5}))
    assert choose("paper", scores, none, Choice("paper")) is None
    assert defined(~none, {}) == ["paper"]
    with pytest.raises(UserError, match="no sequence that is not anomalous"):
        choose("quantile", scores, ~none, Choice("quantile"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"strategy": "best"}, "strategy is 'best'"),
        ({"strategy": "quantile", "false_positive_rate": 1.0}, "false_positive_rate is 1.0"),
        ({"strategy": "targets"}, "targets is empty"),
        ({"strategy": "f1", "targets": {"mcc": 0.5}}, "mcc = 0.5"),
        ({"strategy": "f1", "targets": {"f1": 55}}, "f1 = 55"),
        ({"strategy": "f1", "targets": {"f1": "high"}}, "f1 = high"),
        ({"strategy": "f1", "targets": [0.5]}, "maps names"),
    ],
)
def test_wrong_choices(arguments: dict, words: str) -> None:
    with pytest.raises(UserError, match=words):
        Choice(**arguments)

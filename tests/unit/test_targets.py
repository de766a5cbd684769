"""Targets against trying every threshold, hand-made scores and the source documents."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from logassay.metrics import Counts, sweep
from logassay.targets import (
    assess,
    forbidden,
    largest_false_positive_rate,
    pareto_front,
    target_rates,
    vacuous,
)
from logassay.threshold import TARGETS, Choice, choose, sweep_rates

Data = tuple[np.ndarray, np.ndarray]

scored = st.lists(st.tuples(st.integers(-4, 8).map(float), st.booleans()), min_size=2, max_size=40).map(
    lambda rows: (np.array([score for score, _ in rows]), np.array([label for _, label in rows]))
)
# Above 3.5: recall 0, specificity .5, precision 0; above 2.5: .5, .5, .5; above 1.5: 1, .5, 2/3; below all: 1, 0, .5.
SCORES, TRUTH = np.array([4.0, 3, 2, 1]), np.array([False, True, True, False])


def test_assessment_by_hand() -> None:
    found = assess(sweep(SCORES, TRUTH), {"recall": 0.9, "specificity": 0.6, "precision": 0.7})
    assert found is not None
    assert not found.met
    assert found.unreachable == ("precision",)  # 2/3 is the most
    assert found.exclusive == (("recall", "specificity"),)  # specificity 1 only when nothing is flagged
    assert found.nearest.threshold == 1.5
    assert found.nearest.counts == Counts(tp=2, fp=1, tn=1, fn=0)
    assert found.shortfall == {"recall": 0, "specificity": pytest.approx(0.1), "precision": pytest.approx(0.7 - 2 / 3)}
    assert found.realistic == {"precision": 0.66, "recall": 1.0, "specificity": 0.5}


def test_targets_that_are_met() -> None:
    found = assess(sweep(SCORES, TRUTH), {"recall": 1.0, "f1": 0.8})
    assert found is not None
    assert found.met
    assert (found.unreachable, found.exclusive, found.shortfall) == ((), (), {"recall": 0, "f1": 0})


def test_nothing_to_assess() -> None:
    assert assess(sweep(SCORES, TRUTH), {}) is None
    assert assess(sweep(SCORES, TRUTH & False), {"f1": 0.5}) is None
    assert pareto_front(sweep(SCORES, ~TRUTH | True), ("f1",)) == []


@settings(deadline=None, max_examples=100)
@given(scored, st.dictionaries(st.sampled_from(TARGETS), st.integers(0, 10).map(lambda n: n / 10), min_size=1))
def test_assessment_agrees_with_every_threshold(data: Data, targets: dict[str, float]) -> None:
    scores, truth = data
    assume(len(set(truth)) == 2)
    curve = sweep(scores, truth)
    found = assess(curve, targets)
    assert found is not None
    values = {name: np.nan_to_num(each) for name, each in sweep_rates(curve).items()}
    meets = {name: values[name] >= target for name, target in targets.items()}
    assert found.nearest.threshold == choose("targets", scores, truth, Choice("targets", targets=targets))
    assert found.met == bool(np.all(list(meets.values()), axis=0).any())
    assert set(found.unreachable) == {name for name in targets if not meets[name].any()}
    excluded = {
        frozenset((a, b))
        for a in meets
        for b in meets
        if meets[a].any() and meets[b].any() and not any(meets[a] & meets[b])
    }
    assert set(map(frozenset, found.exclusive)) == excluded
    # What is proposed is really met by one threshold.
    assert np.all([values[name] >= value for name, value in found.realistic.items()], axis=0).any()


@settings(deadline=None, max_examples=100)
@given(scored, st.sets(st.sampled_from(TARGETS), min_size=1), st.none() | st.sampled_from([0.01, 0.5]))
def test_pareto_front_is_what_brute_force_finds(data: Data, names: set[str], prevalence: float | None) -> None:
    scores, truth = data
    assume(len(set(truth)) == 2)
    curve = sweep(scores, truth)
    values = target_rates(curve, prevalence)
    table = np.nan_to_num(np.array([values[name] for name in sorted(names)]).T)
    expected = {tuple(row) for row in table if not any(np.all(other >= row) and np.any(other > row) for other in table)}
    front = pareto_front(curve, tuple(sorted(names)), prevalence)
    found = [tuple(point.metrics[name] or 0.0 for name in sorted(names)) for point in front]
    assert len(found) == len(expected)
    np.testing.assert_allclose(sorted(found), sorted(expected), atol=1e-12)


def test_pareto_front_of_many_sequences_is_quick() -> None:
    generator = np.random.default_rng(0)
    truth = np.arange(50_000) < 3_599
    curve = sweep(generator.normal(0, 1, 50_000) + 1.5 * truth, truth)
    front = pareto_front(curve, ("precision", "recall", "specificity"))
    recalls = [point.metrics["recall"] for point in front]
    assert recalls == sorted(recalls)
    assert len(front) > 1000


def test_another_prevalence_forbids_what_the_data_allow() -> None:
    # 9 of 10 anomalies above 1 of 10 normals: precision .9 at one to one, .09 / (.09 + .099) at one in a hundred...
    scores = np.concatenate([np.full(9, 2.0), [0.0], [2.0], np.full(9, 0.0)])
    truth = np.arange(20) < 10
    targets = {"precision": 0.9, "recall": 0.9}
    here, rare = assess(sweep(scores, truth), targets), assess(sweep(scores, truth), targets, prevalence=0.01)
    assert here is not None
    assert rare is not None
    assert here.met
    assert rare.unreachable == ("precision",)
    assert rare.nearest.metrics["precision"] == pytest.approx(0.01 * 0.9 / (0.01 * 0.9 + 0.99 * 0.1))
    assert rare.nearest.metrics["recall"] == 0.9
    # The rate that would do: precision .9 exactly.
    rate = largest_false_positive_rate(0.9, 0.9, 0.01)
    assert 0.01 * 0.9 / (0.01 * 0.9 + 0.99 * rate) == pytest.approx(0.9)
    assert largest_false_positive_rate(0, 0.9, 0.01) == np.inf


def test_vacuous_targets_of_the_second_document() -> None:
    targets = {"accuracy": 0.7, "specificity": 0.7, "f1": 0.55, "recall": 0.6, "precision": 0.5}
    prevalence = 3599 / 50000
    assert vacuous(targets, prevalence) == {"accuracy": "never-flag", "specificity": "never-flag"}
    # Flagging everything has F1 .1343 there.
    assert vacuous({"f1": 0.13}, prevalence) == {"f1": "flag-all"}
    assert vacuous({"f1": 0.14, "accuracy": 0.93}, prevalence) == {}
    # One to one, F1 2/3 is had for nothing; above it, so is recall.
    assert vacuous({"f1": 0.66, "recall": 0.9, "specificity": 0.9}, 0.5) == {"f1": "flag-all"}
    assert vacuous({"recall": 0.9, "specificity": 0.1}, 0.6) == {"recall": "flag-all"}


def test_label_ceiling() -> None:
    ceiling = {"f1": 0.8, "recall_without_false_alarms": 0.6}
    assert forbidden({"f1": 0.81}, ceiling) == [("f1",)]
    assert forbidden({"f1": 0.8, "precision": 0.8, "recall": 0.8}, ceiling) == []
    assert forbidden({"precision": 0.9, "recall": 0.8}, ceiling) == [("precision", "recall")]  # F1 .847
    assert forbidden({"precision": 1, "recall": 0.61}, ceiling) == [("precision", "recall")]
    assert forbidden({"specificity": 1, "recall": 0.61}, ceiling) == [("recall", "specificity")]
    assert forbidden({"f1": 0.99}, None) == []

"""Supervised models of event counts: against scikit-learn, and what they make of unknown events and missing labels."""

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from logassay import models
from logassay.corpus import Corpus, from_lists
from logassay.errors import UserError

NAMES = ["decision-tree", "logistic-regression"]


def trained(name: str, train: Corpus, **hyper: Any) -> Any:
    detector = models.load(name)(hyper, seed=5, device="cpu")
    assert detector.supervised
    detector.fit_epoch(train)
    return detector


def scored(detector: Any, *sequences: list[int]) -> list[float]:
    scores: list[float] = detector.score(from_lists(list(sequences))).score.tolist()
    return scores


@pytest.fixture(scope="module")
def samples() -> tuple[Corpus, Corpus]:
    """Random sequences; those with more than one event 3, or none and an event 5, tend to be anomalous."""
    random = np.random.default_rng(7)
    sequences = [random.integers(2, 7, random.integers(1, 8)).tolist() for _ in range(400)]
    labels = [
        int((each.count(3) > 1 or (3 not in each and 5 in each)) != (random.random() < 0.05)) for each in sequences
    ]
    return from_lists(sequences[:300], labels[:300]), from_lists(sequences[300:], labels[300:])


@pytest.mark.parametrize("depth", [0, 3])
def test_decision_tree_is_that_of_scikit_learn(samples: tuple[Corpus, Corpus], depth: int) -> None:
    train, test = samples
    detector = trained("decision-tree", train, depth=depth)
    tree = DecisionTreeClassifier(max_depth=depth or None, random_state=5)
    tree.fit(detector.count(train).toarray(), train.labels)
    scores = detector.score(test)
    assert scores.score.tolist() == pytest.approx(tree.predict_proba(detector.count(test).toarray())[:, 1].tolist())
    assert scores.paper.tolist() == (scores.score > 0.5).tolist()
    assert np.mean(scores.paper == (test.labels == 1)) > 0.85


def test_decision_tree_by_hand() -> None:
    # One question: is there more than one event 3?
    detector = trained("decision-tree", from_lists([[2], [2, 3], [2, 3], [2, 3, 3], [3, 3, 3]], [0, 0, 0, 1, 1]))
    assert detector.column.tolist() == [2, -2, -2]
    assert detector.threshold[0] == 1.5
    assert scored(detector, [2, 2], [3], [3, 3]) == [0, 0, 1]
    # An unknown event might be a 3: with one 3 that makes two. Two of them might be two.
    assert scored(detector, [2, 9], [3, 9], [9, 9], [3, 3, 9]) == [0, 1, 1, 1]


def test_decision_tree_takes_the_worst_leaf_that_unknown_events_allow() -> None:
    # Exactly one event 3 is anomalous. Unknown events cannot take a second one away.
    detector = trained("decision-tree", from_lists([[2], [2, 3], [2, 3, 3]], [0, 1, 0]))
    assert scored(detector, [2], [2, 9], [2, 9, 9], [2, 3], [2, 3, 9], [2, 3, 3, 9]) == [0, 1, 1, 1, 1, 0]


def test_equal_counts_of_both_labels_give_a_share() -> None:
    train = from_lists([[2, 3], [3, 2], [2, 3], [2, 3]], [0, 0, 1, 0])
    detector = trained("decision-tree", train)
    assert scored(detector, [2, 3], [4, 4]) == [0.25, 0.25]
    told = detector.fit_epoch(train)
    assert (told["examples"], told["distinct_examples"]) == (4, 2)


def test_logistic_regression_is_that_of_scikit_learn(samples: tuple[Corpus, Corpus]) -> None:
    train, test = samples
    detector = trained("logistic-regression", train, strength=0.5)
    dense = detector.count(train).toarray()[:, 1:]
    deviation = dense.std(axis=0)
    regression = LogisticRegression(C=0.5, tol=1e-8, max_iter=1000).fit(dense / deviation, train.labels)
    expected = regression.predict_proba(detector.count(test).toarray()[:, 1:] / deviation)[:, 1]
    scores = detector.score(test)
    assert scores.score.tolist() == pytest.approx(expected.tolist(), abs=1e-3)
    assert scores.paper.tolist() == (scores.score > 0.5).tolist()
    assert detector.coefficients[1:] == pytest.approx(regression.coef_[0] / deviation, abs=1e-2)


def test_to_logistic_regression_an_unknown_event_is_the_most_suspicious_one() -> None:
    train = from_lists([[2, 3], [2, 2, 3], [2, 4], [2, 4, 4], [2, 2]], [0, 0, 1, 1, 0])
    detector = trained("logistic-regression", train)
    assert detector.coefficients[3] > 0 > detector.coefficients[2]
    assert scored(detector, [2, 9]) == scored(detector, [2, 4])
    # No event speaks for an anomaly here: it is those sequences that have none.
    empty = trained("logistic-regression", from_lists([[2], [2, 2], [], []], [0, 0, 1, 1]))
    assert scored(empty, [2, 9]) == scored(empty, [2])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("labels", "missing"), [([0, 0, 0], "anomalous"), ([1, 1, -1], "normal"), ([-1, -1, -1], "normal")]
)
def test_one_label_is_not_enough(name: str, labels: list[int], missing: str) -> None:
    with pytest.raises(UserError, match=f"training sample is labelled {missing}, .* use a dataset with labels"):
        trained(name, from_lists([[2], [3], [4]], labels))


@pytest.mark.parametrize("name", NAMES)
def test_sequences_without_label_are_left_out(name: str) -> None:
    labelled = [[2], [2, 2], [2, 3], [3, 3]]
    alone = trained(name, from_lists(labelled, [0, 0, 1, 1]))
    mixed = trained(name, from_lists([[7, 7], *labelled, [2, 2, 2]], [-1, 0, 0, 1, 1, -1]))
    tests = [[2], [3], [7], [2, 3, 3]]
    assert mixed.vocabulary.known.tolist() == [2, 3]
    assert scored(mixed, *tests) == scored(alone, *tests)

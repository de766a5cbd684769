"""Class imbalance: the counts that each strategy leaves, and that nothing impossible is made up."""

from typing import Any

import numpy as np
import pytest

from logassay import imbalance
from logassay.errors import UserError
from logassay.imbalance import STRATEGIES, Balanced, balance

RNG = np.random.default_rng(0)


def padded(count: int, first: int) -> Any:
    """Sequences of 2 to 6 of the events first, first + 1 and first + 2."""
    table = np.zeros((count, 6), dtype=np.int64)
    for row in table:
        length = RNG.integers(2, 7)
        row[:length] = first + RNG.integers(0, 3, length)
    return table


SEQUENCES = np.concatenate([padded(40, 2), padded(10, 4)])
LABELS = np.repeat([0, 1], [40, 10])


def done(strategy: str, seed: int = 1) -> Balanced:
    return balance(SEQUENCES, LABELS, strategy, seed)


@pytest.mark.parametrize(
    ("strategy", "after", "weights"),
    [
        ("none", (40, 10), (1, 1)),
        ("class_weight", (40, 10), (50 / 80, 50 / 20)),
        ("oversample", (40, 40), (1, 1)),
        ("smote", (40, 40), (1, 1)),
        ("undersample", (10, 10), (1, 1)),
    ],
)
def test_counts(strategy: str, after: tuple[int, int], weights: tuple[float, float]) -> None:
    result = done(strategy)
    assert result.facts == {
        "strategy": strategy,
        "before": {"normal": 40, "anomalous": 10},
        "after": {"normal": after[0], "anomalous": after[1]},
        "weights": {"normal": weights[0], "anomalous": weights[1]},
    }
    assert np.bincount(result.labels).tolist() == list(after)
    assert len(result.sequences) == sum(after)
    assert result.weights == weights
    assert (result.sequences.dtype, result.labels.dtype) == (np.int64, np.int64)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_same_seed_does_the_same(strategy: str) -> None:
    one, same, other = done(strategy), done(strategy), done(strategy, 2**40 + 2)
    np.testing.assert_array_equal(one.sequences, same.sequences)
    assert (one.sequences.shape != other.sequences.shape or (one.sequences != other.sequences).any()) == (
        strategy in ("oversample", "smote", "undersample")
    )


def test_whole_sequences_are_repeated_or_left_out_with_their_label() -> None:
    given = {(tuple(row), label) for row, label in zip(SEQUENCES.tolist(), LABELS.tolist(), strict=True)}
    for strategy in ("oversample", "undersample"):
        result = done(strategy)
        pairs = zip(result.sequences.tolist(), result.labels.tolist(), strict=True)
        assert {(tuple(row), label) for row, label in pairs} <= given


def test_new_sequences_hold_known_events_of_their_class_and_padding_only_after_them() -> None:
    result = done("smote")
    np.testing.assert_array_equal(result.sequences[:50], SEQUENCES)
    made = result.sequences[50:]
    assert result.labels[50:].tolist() == [1] * 30
    assert set(made.ravel().tolist()) <= {0, 4, 5, 6}
    lengths = (made > 0).sum(1)
    assert all((row[:length] > 0).all() for row, length in zip(made, lengths, strict=True))
    # Something new, not repetitions.
    assert not {tuple(row) for row in made.tolist()} <= {tuple(row) for row in SEQUENCES.tolist()}


def test_new_sequence_by_majority() -> None:
    # The two anomalies' only neighbours are each other; where they differ the smaller event wins, and padding is 0.
    sequences = np.array([[2, 2, 2]] * 6 + [[7, 8, 9], [7, 9, 0]])
    made = balance(sequences, np.array([0] * 6 + [1] * 2), "smote", 3).sequences[8:]
    assert made.tolist() == [[7, 8, 0]] * 4


def test_holes_are_closed_up() -> None:
    # As if neighbours had agreed on padding between two events.
    sequences = np.array([[2, 2, 2]] * 4 + [[7, 0, 9]] * 2)
    made = balance(sequences, np.array([0] * 4 + [1] * 2), "smote", 3).sequences[6:]
    assert made.tolist() == [[7, 9, 0]] * 2


def test_the_rarer_class_may_be_the_normal_one() -> None:
    result = balance(SEQUENCES, 1 - LABELS, "smote", 1)
    assert result.facts["after"] == {"normal": 40, "anomalous": 40}
    assert result.labels[50:].tolist() == [0] * 30


def test_balanced_classes_stay_as_they_are() -> None:
    for strategy in STRATEGIES:
        result = balance(SEQUENCES[30:], LABELS[30:], strategy, 1)
        assert sorted(result.sequences.tolist()) == sorted(SEQUENCES[30:].tolist())
        assert result.weights == (1, 1)


def test_few_parents_serve_many_children(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imbalance, "MOST_PARENTS", 3)
    result = done("smote")
    assert result.facts["after"] == {"normal": 40, "anomalous": 40}
    np.testing.assert_array_equal(result.sequences[:50], SEQUENCES)
    assert len({tuple(row) for row in result.sequences[50:].tolist()}) <= 3


def test_a_single_sequence_has_no_neighbour() -> None:
    with pytest.raises(
        UserError, match=r"smote needs at least 2 anomalous training sequences, but there is 1; use over"
    ):
        balance(SEQUENCES[:41], LABELS[:41], "smote", 1)
    assert balance(SEQUENCES[:41], LABELS[:41], "oversample", 1).facts["after"] == {"normal": 40, "anomalous": 40}

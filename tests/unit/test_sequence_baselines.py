"""Baselines on lengths and on the order of events, each against its definition worked out by hand."""

from typing import Any

import numpy as np
import pytest

from logassay import models
from logassay.corpus import Corpus, from_lists
from logassay.models.n_gram import UNSEEN, find


def trained(name: str, train: Corpus | list[list[int]], **hyper: Any) -> Any:
    detector = models.load(name)(hyper, seed=5, device="cpu")
    detector.fit_epoch(from_lists(train) if isinstance(train, list) else train)
    return detector


def scored(detector: Any, *sequences: list[int]) -> list[float]:
    scores: list[float] = detector.score(from_lists(list(sequences))).score.tolist()
    return scores


def test_length_counts_the_events_too_few_or_too_many() -> None:
    detector = trained("length", [[2, 3], [4] * 5, [2] * 3])
    scores = detector.score(from_lists([[2], [], [3, 4], [2] * 5, [2] * 8, [9] * 6]))
    assert scores.score.tolist() == [1, 2, 0, 0, 3, 1]
    assert scores.paper.tolist() == [True, True, False, False, True, True]
    assert scores.unknown.tolist() == [0, 0, 0, 0, 0, 6]


def test_pairs_with_begin_and_end() -> None:
    # Known: begin 2, 2 3, 3 2, 2 end, begin 4, 4 end.
    detector = trained("n-gram", [[2, 3, 2], [4]], n=2)
    # [2, 3] ends after 3; [4, 4] repeats 4; [2, 9, 2] has two pairs with an unknown event; [] ends where it begins.
    assert scored(detector, [2, 3], [4, 4], [2, 9, 2], [], [2, 3, 2, 3, 2]) == [1 / 3, 1 / 3, 1 / 2, 1, 0]
    assert detector.score(from_lists([[4], [4, 4]])).paper.tolist() == [False, True]


def test_pairs_without_begin_and_end() -> None:
    detector = trained("n-gram", [[2, 3, 2], [4]], n=2, session_end=False)
    # A sequence too short for a pair is padded, and known if training has it.
    assert scored(detector, [2, 3], [4, 4], [2, 9, 2], [4], [2], [], [2, 3, 4]) == [0, 1, 1, 0, 1, 1, 1 / 2]


def test_longer_runs() -> None:
    # Known: begin begin 2, begin 2 3, 2 3 end.
    detector = trained("n-gram", [[2, 3]], n=3)
    # Of [2, 3, 3] the runs 2 3 3 and 3 3 end are not; of [3] none of the two.
    assert scored(detector, [2, 3], [2, 3, 3], [3], [2, 9]) == [0, 1 / 2, 1, 2 / 3]
    assert scored(trained("n-gram", [[2, 3]], n=1), [2, 9, 3], [2, 3, 2]) == [1 / 4, 0]


@pytest.mark.parametrize("session_end", [True, False])
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_runs_are_those_of_a_plain_loop(n: int, session_end: bool) -> None:
    random = np.random.default_rng(n)
    train, test = ([random.integers(2, 6, random.integers(0, 9)).tolist() for _ in range(40)] for _ in range(2))

    def runs(sequence: list[int]) -> list[tuple[int, ...]]:
        padded = [0] * (n - 1) + sequence + [-1] if session_end else [0] * (n - len(sequence)) + sequence
        return [tuple(padded[place : place + n]) for place in range(len(padded) - n + 1)]

    known = {run for sequence in train for run in runs(sequence)}
    expected = [np.mean([run not in known for run in runs(sequence)]) for sequence in test]
    detector = trained("n-gram", train, n=n, session_end=session_end)
    assert scored(detector, *test) == pytest.approx(expected)
    told = detector.fit_epoch(from_lists(train))
    assert (told["examples"], told["distinct_examples"]) == (sum(len(runs(each)) for each in train), len(known))


def test_names_are_found_among_the_known() -> None:
    assert find(np.array([7, 2, 9, UNSEEN, 0]), np.array([2, 7])).tolist() == [1, 0, UNSEEN, UNSEEN, UNSEEN]
    assert find(np.array([7, UNSEEN]), np.array([], dtype=np.int64)).tolist() == [UNSEEN, UNSEEN]


def test_edit_distance_by_hand() -> None:
    detector = trained("edit-distance", [[2, 3, 4, 5], [2, 2]])
    # One insertion of 4, one replacement of 4; of [4] three of 4 are missing, and [2, 2] has nothing in common with it.
    tests = [[2, 3, 5], [2, 9, 4, 5], [4], [], [2, 2, 2], [5, 4, 3, 2], [2, 2]]
    assert scored(detector, *tests) == [1 / 4, 1 / 4, 3 / 4, 1, 1 / 3, 3 / 4, 0]
    assert detector.score(from_lists([[2, 2], [2, 2, 2]])).paper.tolist() == [False, True]


def test_edit_distance_is_that_of_the_textbook() -> None:
    random = np.random.default_rng(2)
    train, test = ([random.integers(2, 5, random.integers(0, 9)).tolist() for _ in range(15)] for _ in range(2))

    def distance(one: list[int], other: list[int]) -> float:
        row = list(range(len(other) + 1))
        for place, event in enumerate(one, start=1):
            above, row = row, [place]
            for column, against in enumerate(other, start=1):
                row.append(min(above[column] + 1, row[-1] + 1, above[column - 1] + (event != against)))
        return row[-1] / max(len(one), len(other), 1)

    expected = [min(distance(sequence, each) for each in train) for sequence in test]
    assert scored(trained("edit-distance", train), *test) == pytest.approx(expected)


def test_edit_distance_keeps_the_most_frequent_sequences() -> None:
    train = [[3, 2], [2, 3], [4], [2, 3], [4]]
    assert scored(trained("edit-distance", train, sequences=2), [2, 3], [4], [3, 2]) == [0, 0, 1]
    # Equally frequent ones in order of appearance.
    assert scored(trained("edit-distance", train, sequences=1), [2, 3], [4]) == [0, 1]


def test_edit_distance_copes_with_large_vocabularies() -> None:
    # Also with events whose numbers are those of surrogates in Unicode.
    events = list(range(2, 60_002))
    detector = trained("edit-distance", [events[place : place + 2] for place in range(0, len(events), 2)], sequences=9)
    far = trained("edit-distance", [events])
    assert scored(detector, [2, 3], [2, 4]) == [0, 1 / 2]
    assert scored(far, [*events[:56_000], 2, *events[56_001:]]) == [1 / 60_000]

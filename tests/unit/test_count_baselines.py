"""Models of normal event counts, each against its definition worked out by hand."""

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from scipy.stats import chi2
from sklearn.neighbors import LocalOutlierFactor
from sklearn.svm import OneClassSVM

from logassay import models
from logassay.corpus import Corpus, from_lists
from logassay.models.base import Vocabulary
from logassay.models.counts import (
    CountDetector,
    count_events,
    distinct_rows,
    most_frequent,
    scale,
    squared_distances,
)
from logassay.models.invariants import mine
from logassay.models.pca import q_statistic

COUNTS = [
    "count-vector",
    "invariants",
    "isolation-forest",
    "k-nearest-neighbour",
    "local-outlier-factor",
    "logcluster",
    "one-class-svm",
    "pca",
]


def trained(name: str, train: Corpus | list[list[int]], **hyper: Any) -> Any:
    detector = models.load(name)(hyper, seed=5, device="cpu")
    assert isinstance(detector, CountDetector)
    detector.fit_epoch(from_lists(train) if isinstance(train, list) else train)
    return detector


def scored(detector: Any, *sequences: list[int]) -> list[float]:
    scores: list[float] = detector.score(from_lists(list(sequences))).score.tolist()
    return scores


def ruled(detector: Any, *sequences: list[int]) -> list[bool]:
    flags: list[bool] = detector.score(from_lists(list(sequences))).paper.tolist()
    return flags


def test_counts_with_unknown_events_first() -> None:
    corpus = from_lists([[2, 7, 2, 9], [], [3, 1, 0], [7]])
    counts = count_events(corpus, Vocabulary([2, 3, 7]))
    assert counts.toarray().tolist() == [[1, 2, 0, 1], [0, 0, 0, 0], [2, 0, 1, 0], [0, 0, 0, 1]]
    assert corpus.offsets.tolist() == [0, 4, 4, 7, 8]
    assert count_events(from_lists([]), Vocabulary([2])).shape == (0, 2)


def test_distinct_rows_come_in_ascending_order() -> None:
    dense = np.random.default_rng(1).integers(0, 3, (200, 4))
    dense[0] = [300, 0, 0, 0]
    dense[1] = [2, 70000, 0, 0]
    first, inverse = distinct_rows(sparse.csr_array(dense.astype(float)))
    expected, expected_first, expected_inverse = np.unique(dense, axis=0, return_index=True, return_inverse=True)
    assert dense[first].tolist() == expected.tolist()
    assert first.tolist() == expected_first.tolist()
    assert inverse.tolist() == expected_inverse.tolist()


def test_the_most_frequent_vectors_are_kept_in_order() -> None:
    vectors = sparse.csr_array(np.array([[0.0, 1], [1, 0], [2, 0], [3, 0]]))
    kept, occurs = most_frequent(vectors, np.array([1, 5, 1, 7]), 3)
    assert kept.toarray().tolist() == [[0, 1], [1, 0], [3, 0]]
    assert occurs.tolist() == [1, 5, 7]


def test_distances_and_scaling() -> None:
    rows = sparse.csr_array(np.array([[1.0, 2, 0], [0, 0, 0]]))
    others = sparse.csr_array(np.array([[4.0, 6, 0], [0, 0, 1], [1, 2, 0]]))
    assert squared_distances(rows, others).tolist() == [[25, 6, 0], [52, 1, 5]]
    assert scale(others, np.array([2.0, 0.5, 3])).toarray().tolist() == [[8, 3, 0], [0, 0, 3], [2, 1, 0]]


def test_count_vector_is_the_smallest_relative_difference() -> None:
    detector = trained("count-vector", [[2, 3, 4], [4, 3, 2], [2, 2]])
    # [2, 2, 3] differs from [2, 3, 4] by 2 of 4 and from [2, 2] by 1 of 3; [2, 3, 4, 9] by 1 of 4 from the former.
    tests = [[2, 2, 3], [2, 3, 4, 9], [9], [], [4, 2, 3], [2, 2, 2, 2]]
    assert scored(detector, *tests) == [1 / 3, 1 / 4, 1, 1, 0, 1 / 2]
    assert ruled(detector, *tests) == [True, True, True, True, False, True]
    assert scored(trained("count-vector", [[], [2]]), [], [9], [2, 9]) == [0, 1, 1 / 2]


@pytest.mark.parametrize(("name", "hyper"), [("count-vector", {}), ("k-nearest-neighbour", {"neighbours": 1})])
def test_the_cap_keeps_the_most_frequent_vectors(name: str, hyper: dict[str, int]) -> None:
    detector = trained(name, [[2, 2], [3], [2, 2], [2], [3]], vectors=2, **hyper)
    assert detector.vectors.toarray().tolist() == [[0, 0, 1], [0, 2, 0]]
    assert [score > 0 for score in scored(detector, [2, 2], [3], [2])] == [False, False, True]


def test_k_nearest_neighbour_is_a_euclidean_distance() -> None:
    train = [[2, 3, 4], [4, 3, 2], [2, 2]]
    # Vectors (1, 1, 1) and (2, 0, 0); [2, 2, 3, 9] is (2, 1, 0) and 1 unknown.
    for k, expected in ((1, [0, 1, np.sqrt(2)]), (2, [np.sqrt(3), np.sqrt(2), np.sqrt(3)])):
        detector = trained("k-nearest-neighbour", train, neighbours=k)
        assert scored(detector, [2, 3, 4], [2, 2, 3], [2, 2, 3, 9]) == expected
    # There are only two vectors to be near.
    assert scored(trained("k-nearest-neighbour", train, neighbours=9), [2, 2, 3]) == [np.sqrt(2)]


def test_k_nearest_neighbour_draws_its_line_through_the_training_sequences() -> None:
    # Six sequences of one event, three of two, one of four: their second neighbours are 1, 1 and 2 away.
    train = [[2]] * 6 + [[2, 2]] * 3 + [[2] * 4]
    assert trained("k-nearest-neighbour", train, neighbours=2, outside=0.1).limit == 1
    assert trained("k-nearest-neighbour", train, neighbours=2, outside=0.05).limit == 2
    assert trained("k-nearest-neighbour", train, neighbours=1, outside=0.0).limit == 0
    detector = trained("k-nearest-neighbour", train, neighbours=2, outside=0.1)
    assert ruled(detector, [2], [2] * 4, [2] * 3) == [False, True, False]


def test_local_outlier_factor_by_hand() -> None:
    # On a line at 1, 2 and 4, with k = 1: the nearest neighbours are 1, 1 and 2 away, the densities 1, 1 and 1/2.
    detector = trained("local-outlier-factor", [[2], [2, 2], [2] * 4], neighbours=1)
    # At 6 and 10 the neighbour is 4; reach 2 and 6, density 1/2 and 1/6. At 1 the density is that of the neighbour.
    assert scored(detector, [2] * 6, [2] * 10, [2]) == pytest.approx([1, 3, 1])
    assert ruled(detector, [2] * 6, [2] * 10, [2]) == [False, True, False]


def test_local_outlier_factor_is_that_of_scikit_learn() -> None:
    random = np.random.default_rng(3)
    # Large counts, so that hardly two neighbours are equally far.
    train = random.integers(1, 300, (60, 3))
    test = random.integers(1, 400, (40, 3))

    def write(rows: Any) -> list[list[int]]:
        return [[2] * row[0] + [3] * row[1] + [4] * row[2] for row in rows]

    expected = -LocalOutlierFactor(n_neighbors=7, novelty=True).fit(train).score_samples(test)
    detector = trained("local-outlier-factor", write(train) * 2, neighbours=7)
    assert scored(detector, *write(test)) == pytest.approx(expected.tolist())


def test_one_class_svm_by_hand() -> None:
    # One training vector: alpha is 1 and rho is k(x, x) = 1. Counts 0, 1 and 2 have the variance 2/3, so gamma is 1/2.
    detector = trained("one-class-svm", [[2, 3, 3]])
    assert detector.gamma == pytest.approx(0.5)
    expected = [0, 1 - np.exp(-0.5), 1 - np.exp(-1)]
    assert scored(detector, [3, 2, 3], [2, 3], [2, 3, 9]) == pytest.approx(expected, abs=1e-6)
    assert ruled(detector, [3, 2, 3], [2, 3], [2, 3, 9]) == [False, True, True]


def test_one_class_svm_is_that_of_scikit_learn_on_all_sequences() -> None:
    random = np.random.default_rng(4)
    train = [sorted(random.integers(2, 6, random.integers(1, 6)).tolist()) for _ in range(80)]
    test = from_lists([random.integers(2, 7, random.integers(0, 8)).tolist() for _ in range(50)])
    detector = trained("one-class-svm", train, nu=0.2)
    dense = count_events(from_lists(train), detector.vocabulary).toarray()
    assert len(np.unique(dense, axis=0)) < len(dense)
    machine = OneClassSVM(nu=0.2, gamma="scale", tol=1e-8).fit(dense)
    expected = -machine.decision_function(detector.count(test).toarray()) / (0.2 * 80)
    assert detector.score(test).score.tolist() == pytest.approx(expected.tolist(), abs=1e-5)
    # At most a share nu of the training sequences lies outside.
    assert 0 < np.mean(ruled(detector, *train)) <= 0.2


def test_q_statistic_by_hand() -> None:
    # Sums of powers 4, 6, 10; h0 = 1 - 2 x 4 x 10 / (3 x 36) = 7/27; the normal deviate of 0.001 is 3.0902.
    power = 7 / 27
    expected = 4 * (1 + 6 * power * (power - 1) / 16 + 3.0902323 * power * np.sqrt(12) / 4) ** (27 / 7)
    assert q_statistic(np.array([2.0, 1, 1]), 0.001) == pytest.approx(expected, rel=1e-6)
    assert expected == pytest.approx(25.83, abs=0.01)
    # A single component is the approximation of Wilson and Hilferty to the chi-square distribution.
    assert q_statistic(np.array([3.0]), 0.01) == pytest.approx(3 * chi2.isf(0.01, 1), rel=0.03)


def test_q_statistic_holds_where_one_component_stands_out() -> None:
    variances = np.array([1.0] + [0.01] * 1000)
    random = np.random.default_rng(6)
    errors = random.chisquare(1, 200_000) + 0.01 * random.chisquare(1000, 200_000)
    assert q_statistic(variances, 0.001) == pytest.approx(np.quantile(errors, 0.999), rel=0.03)


def test_pca_by_hand() -> None:
    # Each of three events is in two of four sequences: idf log(5/3), and log(5) for unknown ones. Normal counts never
    # leave the plane of (1, 1, 0) and (0, 0, 1); the residual is (1, -1, 0), and the unknown events.
    detector = trained("pca", [[2, 3], [2, 2, 3, 3], [4], [4]], variance=0.999)
    known, unknown = np.log(5 / 3) ** 2, np.log(5) ** 2
    tests = [[2, 3], [4, 4, 4], [2, 2, 2, 3], [3, 3], [9], [2, 9, 9]]
    expected = [0, 0, 2 * known, 2 * known, unknown, known / 2 + 4 * unknown]
    assert scored(detector, *tests) == pytest.approx(expected)
    assert ruled(detector, *tests) == [False, False, True, True, True, True]


def test_pca_takes_as_many_components_as_hold_the_variance() -> None:
    # Counts 0 or 8 of event 2, 0 or 1 of event 3, in all combinations: variances 16 and 1/4 times idf^2, the first
    # 98.5 % of the sum. There is one more column, for unknown events.
    train = [[], [3], [2] * 8, [2] * 8 + [3]]
    one, two = trained("pca", train, variance=0.98), trained("pca", train, variance=0.99)
    assert (one.residual.shape, two.residual.shape) == ((3, 2), (3, 1))
    idf = np.log(5 / 3)
    assert one.limit == pytest.approx(0.25 * idf**2 * (7 / 9 + 3.0902323 * np.sqrt(2) / 3) ** 3)
    # Event 3 is on average half there, and only the first model takes that for an error.
    assert scored(one, [2] * 100, [3] * 3) == pytest.approx([0.25 * idf**2, 6.25 * idf**2])
    assert scored(two, [2] * 100, [3] * 3) == pytest.approx([0, 0])


def test_logcluster_by_hand() -> None:
    # All three sequences have both events: weights 3 / (3 + 3). cos((1, 1), (1, 2)) = 3 / sqrt(10).
    train = [[2, 3], [3, 2], [2, 3, 3]]
    apart = 1 - 3 / np.sqrt(10)
    together = trained("logcluster", train, threshold=0.06)
    # The distance to the others is on average smaller for the vector that occurs twice.
    assert together.representatives.toarray() == pytest.approx(np.array([[0, 1, 1]]) / np.sqrt(2))
    # An unknown event weighs 3 / (3 + 0): the cosine of (1, 1/2, 1/2) with (0, 1, 1).
    tests = [[2, 2, 3, 3], [2, 3, 3], [2], [2, 3, 9], []]
    expected = [0, apart, 1 - np.sqrt(1 / 2), 1 - np.sqrt(1 / 3), 1]
    assert scored(together, *tests) == pytest.approx(expected)
    assert ruled(together, *tests) == [False, False, True, True, True]
    separate = trained("logcluster", train, threshold=0.05)
    assert separate.representatives.shape == (2, 3)
    assert scored(separate, [2, 3, 3]) == pytest.approx([0])
    # Rare events weigh more: 3 / (3 + 1) against 3 / (3 + 3).
    assert trained("logcluster", [[2], [2], [2, 3]]).weights.tolist() == [1, 1 / 2, 3 / 4]


def test_logcluster_takes_sequences_without_events_for_alike() -> None:
    assert scored(trained("logcluster", [[], [2]]), [], [2], [9]) == [0, 0, 1]


def test_invariants_by_hand() -> None:
    # Event 2 "receiving" = event 3 "received" = 3 x event 4 "allocate".
    detector = trained("invariants", [[2] * n * 3 + [3] * n * 3 + [4] * n for n in (1, 2, 3, 1)])
    # The third equation follows from two of them; the last one is about unknown events.
    assert detector.relations.tolist() == [[0, 1, -1, 0], [0, 1, 0, -3], [1, 0, 0, 0]]
    assert detector.weights.tolist() == [np.log(5)] * 3
    tests = [[4, 3, 2, 3, 2, 3, 2], [], [2, 2, 2, 3, 3, 4], [2, 2, 3, 3, 4], [2, 3, 4, 9], [9, 9]]
    assert scored(detector, *tests) == pytest.approx([0, 0, 1 / 3, 1 / 3, 2 / 3, 1 / 3])
    assert ruled(detector, *tests) == [False, False, True, True, True, True]


def test_invariants_of_three_events() -> None:
    # Every event 4 is the answer to an event 2 or an event 3.
    detector = trained("invariants", [[2, 4], [3, 4], [2, 3, 4, 4], [2, 2, 3, 4, 4, 4]])
    assert detector.relations.tolist() == [[0, 1, 1, -1], [1, 0, 0, 0]]
    assert ruled(detector, [2, 2, 4, 4], [2, 3, 4], [4]) == [False, True, True]


def test_invariants_tolerate_few_violations() -> None:
    normal = [[2, 3]] * 98
    assert trained("invariants", normal + [[2]] * 2).relations.tolist() == [[0, 1, -1], [1, 0, 0]]
    assert trained("invariants", normal + [[2]] * 3).relations.tolist() == [[1, 0, 0]]
    assert trained("invariants", normal + [[2]] * 3, support=0.97).relations.tolist() == [[0, 1, -1], [1, 0, 0]]
    # Weighed by how seldom it is violated: 2 of 100 and, by unknown events, 0 of 100.
    weights = trained("invariants", normal + [[2]] * 2).weights
    assert weights.tolist() == pytest.approx([np.log(101 / 3), np.log(101)])


def test_rare_events_have_no_invariants_but_among_each_other() -> None:
    # Events 4 and 5 are in 1 % of the sequences each: 4 = 5 holds in 98 %, and so does 2 = 3 + 4, for no reason.
    rare = [[2, 3]] * 98 + [[2, 3, 4], [2, 3, 5]]
    assert trained("invariants", rare).relations.tolist() == [[0, 1, -1, 0, 0], [1, 0, 0, 0, 0]]
    # Where they always come together, there is one.
    pair = [[2, 3]] * 99 + [[2, 3, 4, 5, 5]]
    assert trained("invariants", pair).relations[:-1].tolist() == [[0, 1, -1, 0, 0], [0, 0, 0, 2, -1]]


def test_the_search_for_invariants_is_complete() -> None:
    random = np.random.default_rng(8)
    free = random.integers(0, 4, (400, 3))
    counts = np.stack([*free.T, free[:, 0] + free[:, 1], 3 * free[:, 2], random.integers(0, 4, 400)], axis=1)
    counts[:6, 0] += 1  # violates what event 0 takes part in, in 1.5 % of the rows
    relations, _, violated = mine(counts.astype(float), np.ones(400, dtype=np.int64), 0.97)
    assert relations.tolist() == [[0, 0, 3, 0, -1, 0], [1, 1, 0, -1, 0, 0]]
    assert violated.tolist() == [0, 6]
    # Every equation of up to three coefficients that holds is a combination of those.
    for coefficients in np.ndindex(*[7] * 6):
        relation = np.array(coefficients) - 3
        if 0 < np.count_nonzero(relation) <= 3 and np.mean(counts @ relation == 0) >= 0.97:
            assert np.linalg.matrix_rank(np.vstack([relations, relation])) == 2


def test_the_most_common_events_are_searched() -> None:
    detector = trained("invariants", [[2, 3, 4, 5], [4, 5], [4, 5]], events=2)
    assert detector.relations.tolist() == [[0, 0, 0, 1, -1], [1, 0, 0, 0, 0]]


@pytest.mark.parametrize("name", COUNTS)
def test_the_order_of_events_and_of_training_sequences_does_not_matter(name: str) -> None:
    train = [[2, 3, 4], [2, 2], [4], [2, 3, 4, 4], [3]]
    tests = from_lists([[4, 2], [3, 3, 2], [9, 2]])
    mirrored = from_lists([[2, 4], [2, 3, 3], [2, 9]])
    scores = trained(name, train).score(tests).score.tolist()
    assert trained(name, train[::-1]).score(mirrored).score.tolist() == scores


def test_invariants_of_events_that_the_kept_vectors_do_not_have() -> None:
    # With one vector kept, 4 and 5 occur nowhere: their difference is no relation, and weighs nothing.
    detector: Any = trained("invariants", [[2, 3]] * 3 + [[4, 5]], vectors=1)
    assert np.isfinite(scored(detector, [2, 3], [2], [4])).all()
    assert scored(detector, [2, 3], [2])[0] < scored(detector, [2, 3], [2])[1]

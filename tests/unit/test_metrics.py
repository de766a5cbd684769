"""Counts and metrics against hand computation, the source documents and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from logassay.metrics import (
    Counts,
    average_precision,
    count,
    curve_points,
    metrics,
    rates,
    roc_auc,
    roc_points,
    sweep,
)

scored = st.lists(
    st.tuples(st.integers(-5, 5).map(float) | st.floats(-1e6, 1e6), st.booleans()), min_size=1, max_size=60
).map(lambda rows: (np.array([score for score, _ in rows]), np.array([label for _, label in rows])))


def test_counts_by_hand() -> None:
    flagged = np.array([True, True, False, False, True])
    anomalous = np.array([True, False, False, True, True])
    assert count(flagged, anomalous) == Counts(tp=2, fp=1, tn=1, fn=1)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        # The source documents' own rows: LogBERT's three epochs, DeepLog and LogAnomaly.
        (Counts(917, 0, 1000, 83), {"accuracy": 0.9585, "precision": 1.0, "recall": 0.917, "f1": 0.9567}),
        (Counts(915, 2, 998, 85), {"accuracy": 0.9565, "precision": 0.9978, "recall": 0.915, "f1": 0.9546}),
        (Counts(921, 1, 999, 79), {"accuracy": 0.96, "precision": 0.9989, "recall": 0.921, "f1": 0.9584}),
        (Counts(3598, 46401, 0, 1), {"accuracy": 0.0720, "precision": 0.0720, "recall": 0.9997, "f1": 0.1343}),
        (Counts(226, 2617, 43784, 3373), {"accuracy": 0.8802, "specificity": 0.9436, "recall": 0.0628, "f1": 0.0702}),
    ],
)
def test_source_documents(counts: Counts, expected: dict[str, float]) -> None:
    found = rates(**counts.as_dict())
    for name, value in expected.items():
        assert round(float(found[name]), 4) == pytest.approx(value, abs=1e-9)


def test_deeplog_of_the_second_document_is_flag_all() -> None:
    share = 3599 / 50000
    assert float(rates(3598, 46401, 0, 1)["f1"]) == pytest.approx(2 * share / (1 + share), abs=1e-4)
    assert float(rates(3598, 46401, 0, 1)["specificity"]) == 0


def test_undefined_is_none() -> None:
    nothing_flagged = metrics(Counts(0, 0, 7, 3), sweep(np.zeros(10), np.arange(10) < 3))
    assert nothing_flagged["precision"] is None
    assert nothing_flagged["mcc"] is None
    assert nothing_flagged["f1"] == 0
    assert nothing_flagged["recall"] == 0
    one_class = metrics(Counts(0, 2, 8, 0), sweep(np.arange(10.0), np.zeros(10, dtype=bool)))
    undefined = {name for name, value in one_class.items() if value is None}
    assert undefined == {"balanced_accuracy", "recall", "mcc", "roc_auc", "average_precision"}
    empty = metrics(Counts(0, 0, 0, 0), sweep(np.empty(0), np.empty(0, dtype=bool)))
    assert set(empty.values()) == {None}


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_rates_equal_scikit_learn(pairs: list[tuple[bool, bool]]) -> None:
    truth = np.array([truth for truth, _ in pairs])
    flagged = np.array([flag for _, flag in pairs])
    found = rates(**count(flagged, truth).as_dict())
    expected = {
        "accuracy": reference.accuracy_score(truth, flagged),
        "precision": reference.precision_score(truth, flagged, zero_division=np.nan),
        "recall": reference.recall_score(truth, flagged, zero_division=np.nan),
        "specificity": reference.recall_score(~truth, ~flagged, zero_division=np.nan),
        "f1": reference.f1_score(truth, flagged, zero_division=np.nan),
    }
    if len(set(truth)) == 2:
        expected["balanced_accuracy"] = reference.balanced_accuracy_score(truth, flagged)
        if len(set(flagged)) == 2:
            expected["mcc"] = reference.matthews_corrcoef(truth, flagged)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-12, atol=1e-12, err_msg=name)


def test_mcc_of_a_million_sequences_does_not_overflow() -> None:
    assert float(rates(10**6, 10**6, 10**6, 10**6)["mcc"]) == 0
    assert float(rates(10**6, 0, 10**6, 0)["mcc"]) == 1


@settings(deadline=None, max_examples=100)
@given(scored)
def test_areas_equal_scikit_learn(data: tuple[np.ndarray, np.ndarray]) -> None:
    scores, truth = data
    curve = sweep(scores, truth)
    if len(set(truth)) < 2:
        assert roc_auc(curve) is None
        assert average_precision(curve) is None
        assert roc_points(curve) == {"fpr": [], "tpr": []}
        return
    assert roc_auc(curve) == pytest.approx(reference.roc_auc_score(truth, scores), abs=1e-12)
    assert average_precision(curve) == pytest.approx(reference.average_precision_score(truth, scores), abs=1e-12)


@settings(deadline=None, max_examples=100)
@given(scored)
def test_sweep_counts_every_threshold(data: tuple[np.ndarray, np.ndarray]) -> None:
    scores, truth = data
    curve = sweep(scores, truth)
    assert curve.tp[0] == curve.fp[0] == 0
    for index, lowest in enumerate(curve.scores, start=1):
        counts = count(scores >= lowest, truth)
        assert (counts.tp, counts.fp) == (curve.tp[index], curve.fp[index])


def test_roc_points_keep_the_steep_start() -> None:
    # 20 anomalies above 100,000 normals, of which every third anomaly has normals above it.
    generator = np.random.default_rng(0)
    truth = np.zeros(100_020, dtype=bool)
    truth[:20] = True
    scores = np.where(truth, generator.normal(3, 1, len(truth)), generator.normal(0, 1, len(truth)))
    curve = sweep(scores, truth)
    points = roc_points(curve)
    assert len(points["fpr"]) <= 200
    assert (points["fpr"][0], points["tpr"][0]) == (0, 0)
    assert (points["fpr"][-1], points["tpr"][-1]) == (1, 1)
    area = np.trapezoid(points["tpr"], points["fpr"])
    assert area == pytest.approx(roc_auc(curve), abs=0.01)


def test_curve_points_by_hand() -> None:
    curve = sweep(np.array([3.0, 1.0, 2.0, 2.0]), np.array([True, False, True, False]))
    points = curve_points(curve, 2.5)
    assert points is not None
    # Above 3: none. Above 2.5 and above 2: the score 3. Above 1: 3 and both 2. Below 1: all.
    assert points["thresholds"][1:] == [1.0, 2.0, 2.5, 3.0]
    assert points["thresholds"][0] < 1
    assert (points["tp"], points["fp"]) == ([2, 2, 1, 1, 0], [2, 1, 0, 0, 0])
    again = curve_points(curve, 2.0)
    assert again is not None
    assert again["thresholds"][1:] == [1.0, 2.0, 3.0]
    assert curve_points(sweep(np.ones(3), np.array([True, False, True])), None) is None
    many = np.random.default_rng(1).normal(size=5000)
    thinned = curve_points(sweep(many, many + np.random.default_rng(2).normal(size=5000) > 1), None)
    assert thinned is not None
    assert 150 < len(thinned["thresholds"]) <= 200

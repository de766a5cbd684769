"""The baselines on the real HDFS sessions of hdfs_100k, with the split that was published with them.

26 of the 57 anomalous test sessions have exactly the events of normal training sessions: no function of the events
finds more than 31 without false alarms. F1 published on this split: PCA .314, isolation forest and decision tree .690.
"""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from sklearn.metrics import roc_auc_score

from logassay import models
from logassay.corpus import Corpus, from_lists
from logassay.models.base import Detector, Scores
from logassay.score import concatenate, score_corpus

VARIANTS = Path(__file__).resolve().parents[2] / "config" / "models.yaml"


@pytest.fixture(scope="module")
def parts(real_data: Path) -> dict[str, Corpus]:
    """Normal and anomalous sessions to train on, normal ones held out of training, and the test sessions."""
    path = real_data / "hdfs_100k" / "sessions.csv"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    frame = pl.read_csv(path)
    events = [[int(event[1:]) + 1 for event in row.split()] for row in frame["EventSequence"]]
    corpus = from_lists(events, (frame["Label"] == "Anomaly").cast(pl.Int8).to_list())
    train = corpus.take((frame["Split"] == "train").to_numpy())
    normal = train.not_anomalous()
    order = np.random.default_rng(1).permutation(len(normal))
    return {
        "train": normal.take(order[1000:]),
        "anomalous": train.take(train.labels == 1),
        "held out": normal.take(order[:1000]),
        "test": corpus.take((frame["Split"] == "test").to_numpy()),
    }


def train(variant: str, parts: dict[str, Corpus], **hyper: Any) -> Detector:
    entry = yaml.safe_load(VARIANTS.read_text(encoding="utf-8"))["models"][variant]
    # These are sessions, and sessions have an end.
    settled = {name: True if value == "auto" else value for name, value in (entry["hyper"] | hyper).items()}
    detector = models.load(entry["module"])(settled, 1, "cpu")
    detector.fit_epoch(concatenate([parts["train"], parts["anomalous"]]) if detector.supervised else parts["train"])
    return detector


def judge(flagged: Any, test: Corpus) -> tuple[int, int, float]:
    """Return anomalies found, false alarms and F1."""
    anomalous = test.labels == 1
    found, alarms = int((flagged & anomalous).sum()), int((flagged & ~anomalous).sum())
    return found, alarms, 2 * found / (found + alarms + anomalous.sum())


def at_half_a_percent(detector: Detector, parts: dict[str, Corpus]) -> tuple[Scores, Any]:
    """Score the test sessions and flag what exceeds all but 0.5 % of the held-out normal ones."""
    scores = score_corpus(detector, parts["test"])
    threshold = np.quantile(score_corpus(detector, parts["held out"]).score, 0.995, method="higher")
    return scores, scores.score > threshold


@pytest.mark.parametrize(
    ("variant", "found", "alarms", "auc"),
    [
        ("length", 12, 0, 0.60),
        ("n-gram", 18, 0, 0.65),
        ("pca", 18, 0, 0.71),
        ("count-vector", 28, 0, 0.74),
        ("k-nearest-neighbour", 28, 0, 0.74),
        ("local-outlier-factor", 28, 0, 0.74),
        ("isolation-forest", 28, 0, 0.73),
        ("logcluster", 28, 0, 0.74),
        ("edit-distance", 29, 1, 0.75),
        ("one-class-svm", 30, 0, 0.76),
        ("invariants", 30, 0, 0.75),
        ("logistic-regression", 30, 0, 0.76),
        ("decision-tree", 30, 0, 0.76),
    ],
)
def test_what_each_baseline_finds(variant: str, found: int, alarms: int, auc: float, parts: dict[str, Corpus]) -> None:
    scores, flagged = at_half_a_percent(train(variant, parts), parts)
    tp, fp, f1 = judge(flagged, parts["test"])
    assert found - 1 <= tp <= 31
    assert fp <= alarms + 2
    assert 2 * (found - 1) / (found + alarms + 1 + 57) <= f1 <= 0.705
    # With the order that no function of the events can see left to chance, 31 of 57 found are a ROC-AUC of about 0.77.
    assert auc <= roc_auc_score(parts["test"].labels == 1, scores.score) <= 0.80


@pytest.mark.parametrize(
    ("variant", "f1"),
    [
        # As published.
        ("pca", 0.314),
        ("decision-tree", 0.690),
        ("invariants", 0.690),
        ("logistic-regression", 0.690),
        ("one-class-svm", 0.690),
        ("count-vector", 0.659),
        ("logcluster", 0.659),
    ],
)
def test_the_rule_of_the_paper(variant: str, f1: float, parts: dict[str, Corpus]) -> None:
    paper = score_corpus(train(variant, parts), parts["test"]).paper
    assert judge(paper, parts["test"])[2] == pytest.approx(f1, abs=0.02)


def test_runs_of_three_events_see_what_pairs_do_not(parts: dict[str, Corpus]) -> None:
    scores, flagged = at_half_a_percent(train("n-gram", parts, n=3), parts)
    assert judge(flagged, parts["test"])[0] >= 29
    assert roc_auc_score(parts["test"].labels == 1, scores.score) >= 0.75


def test_the_invariants_are_those_of_hdfs(parts: dict[str, Corpus]) -> None:
    detector: Any = train("invariants", parts)
    found = [
        {f"E{detector.vocabulary.known[column - 1] - 1}": int(relation[column]) for column in relation.nonzero()[0]}
        for relation in detector.relations[:-1]
    ]
    # Three times receiving a block (E1) for one time allocating it (E5); as many responders end (E3) as blocks are
    # received (E4).
    assert {"E1": 1, "E5": -3} in found
    assert {"E3": 1, "E4": -1} in found


@pytest.fixture(scope="module")
def full(real_data: Path) -> dict[str, Corpus]:
    """Sessions of the whole log: normal ones to train on and held out, and all anomalous ones."""
    folder = real_data / "hdfs_logdeep"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    normal, anomalous = (
        from_lists([[int(event) + 1 for event in line.split()] for line in (folder / name).read_text().splitlines()])
        for name in ("hdfs_train", "hdfs_test_abnormal")
    )
    order = np.random.default_rng(1).permutation(len(normal))
    return {"train": normal.take(order[:3884]), "held out": normal.take(order[3884:]), "anomalous": anomalous}


@pytest.mark.parametrize(
    ("variant", "recall", "alarms"),
    [("count-vector", 0.999, 6), ("k-nearest-neighbour", 0.999, 9), ("invariants", 0.999, 4), ("logcluster", 0.9, 2)],
)
def test_counts_alone_find_nearly_all_anomalies_of_the_full_log(
    variant: str, recall: float, alarms: int, full: dict[str, Corpus]
) -> None:
    detector = train(variant, full)
    assert score_corpus(detector, full["anomalous"]).paper.mean() >= recall
    assert score_corpus(detector, full["held out"]).paper.sum() <= alarms

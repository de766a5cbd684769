"""Models without a network, how models are found by name, and how hyperparameters are checked."""

import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from sklearn.ensemble import IsolationForest

from logassay import checkpoint, models
from logassay.corpus import Corpus, from_lists
from logassay.errors import UserError
from logassay.models import counts
from logassay.models.base import Detector, Vocabulary, largest, mean

SENSITIVE = [
    "count-vector",
    "edit-distance",
    "invariants",
    "k-nearest-neighbour",
    "local-outlier-factor",
    "logcluster",
    "n-gram",
    "one-class-svm",
    "pca",
]
"""The models without labels to which an unknown event is a difference."""
BASELINES = [
    *SENSITIVE,
    "decision-tree",
    "flag-all",
    "isolation-forest",
    "length",
    "logistic-regression",
    "never-flag",
    "new-event",
]
TRAIN = from_lists([[2, 3, 4], [2, 2], [4], [2, 3, 4]])
TEST = from_lists([[2, 9, 9], [4, 3], [], [1]])


def random_corpus(seed: int, size: int) -> Corpus:
    """Up to 8 events from 2 to 6, anomalous if one is 6; but for the seed 1 some sequences hold the unknown event 7."""
    random = np.random.default_rng(seed)
    sequences = [random.integers(2, 7, random.integers(0, 9)).tolist() for _ in range(size)]
    for sequence in sequences[::5] if seed > 1 else []:
        sequence.append(7)
    return from_lists(sequences, [int(6 in sequence) for sequence in sequences])


@pytest.fixture(scope="module")
def sample() -> Corpus:
    return random_corpus(1, 120)


def trained(name: str, **hyper: Any) -> Detector:
    detector = models.load(name)(hyper, seed=5, device="cpu")
    detector.fit_epoch(TRAIN)
    return detector


def test_vocabulary_numbers_known_events_and_nothing_else() -> None:
    vocabulary = Vocabulary.of(from_lists([[7, 1, 3], [7, 20]]))
    assert vocabulary.known.tolist() == [3, 7, 20]
    # PAD and UNK in the data, holes, and ids beyond the largest known one are all UNK.
    assert vocabulary.encode([3, 7, 20, 1, 0, 5, 21, 999]).tolist() == [2, 3, 4, 1, 1, 1, 1, 1]
    assert vocabulary.count_unknown(from_lists([[3, 5, 99], [], [7]])).tolist() == [2, 0, 0]
    assert Vocabulary([]).encode([0, 1, 2, 3]).tolist() == [1, 1, 1, 1]


def test_largest_and_mean_of_each_owner() -> None:
    owner = np.array([0, 0, 2])
    assert largest([1, 5, 3], owner, 4).tolist() == [5, 0, 3, 0]
    assert mean([1, 5, 3], owner, 4).tolist() == [3, 0, 3, 0]


@pytest.mark.parametrize(("name", "answer"), [("flag-all", True), ("never-flag", False)])
def test_degenerate_models_always_say_the_same(name: str, answer: bool) -> None:
    scores = trained(name).score(TEST)
    assert scores.score.tolist() == [float(answer)] * 4
    assert scores.paper.tolist() == [answer] * 4
    assert scores.loss is None
    assert scores.length.tolist() == [3, 2, 0, 1]
    assert scores.unknown.tolist() == [2, 0, 0, 1]


def test_new_event_counts_unseen_events() -> None:
    scores = trained("new-event").score(TEST)
    assert scores.score.tolist() == [2, 0, 0, 1]
    assert scores.paper.tolist() == [True, False, False, True]


def test_isolation_forest_sees_counts_with_unknown_first() -> None:
    detector: Any = trained("isolation-forest")
    assert detector.count(TEST).toarray().tolist() == [[2, 1, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0], [1, 0, 0, 0]]
    # The distinct training vectors in ascending order, and how often each occurs.
    assert detector.vectors.toarray().tolist() == [[0, 0, 0, 1], [0, 1, 1, 1], [0, 2, 0, 0]]
    assert detector.multiplicities.tolist() == [1, 2, 1]


def test_isolation_forest_is_that_of_scikit_learn() -> None:
    detector = trained("isolation-forest", trees=20, samples=3)
    data = [[0, 0, 0, 1], [0, 1, 1, 1], [0, 1, 1, 1], [0, 2, 0, 0]]
    forest = IsolationForest(n_estimators=20, max_samples=3, random_state=5).fit(data)
    scores = detector.score(TEST)
    expected = -forest.score_samples([[2, 1, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0], [1, 0, 0, 0]])
    assert scores.score.tolist() == expected.tolist()
    assert scores.paper.tolist() == (expected > 0.5).tolist()
    assert len(detector.score(from_lists([])).score) == 0


@pytest.mark.parametrize("name", BASELINES)
def test_restored_baselines_score_the_same(name: str, tmp_path: Path, sample: Corpus) -> None:
    detector = models.load(name)({}, seed=5, device="cpu")
    detector.fit_epoch(sample)
    path = tmp_path / "epoch_1.npz"
    checkpoint.save(path, detector.state())
    other = models.load(name)({}, seed=5, device="cpu")
    other.restore(checkpoint.load(path))
    tests = random_corpus(2, 80)
    assert other.score(tests).score.tobytes() == detector.score(tests).score.tobytes()
    assert other.score(tests).paper.tolist() == detector.score(tests).paper.tolist()
    # What was restored can be saved, and is the same file again; so is what is trained again.
    again = models.load(name)({}, seed=5, device="cpu")
    again.fit_epoch(sample)
    for place, each in enumerate((other, again)):
        checkpoint.save(tmp_path / f"{place}.npz", each.state())
        assert (tmp_path / f"{place}.npz").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("name", BASELINES)
def test_scores_do_not_depend_on_what_else_is_scored(
    name: str, sample: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = models.load(name)({}, seed=5, device="cpu")
    detector.fit_epoch(sample)
    tests = random_corpus(3, 60)
    together = detector.score(tests).score
    order = np.random.default_rng(4).permutation(len(tests))
    assert detector.score(tests.take(order)).score.tobytes() == together[order].tobytes()
    alone = np.concatenate([detector.score(tests.take([row])).score for row in range(len(tests))])
    assert alone.tobytes() == together.tobytes()
    monkeypatch.setattr(counts, "BLOCK", 7)
    assert detector.score(tests).score.tobytes() == together.tobytes()
    assert len(detector.score(from_lists([])).score) == 0


def unknown_at(seed: int, corpus: Corpus, replace: bool) -> Corpus:
    """Put an unknown event at a random place of each sequence, or in the place of one of its events."""
    random = np.random.default_rng(seed)
    changed = [corpus[row].tolist() for row in range(len(corpus))]
    for sequence in changed:
        place = int(random.integers(len(sequence) + 1 - replace))
        sequence[place : place + replace] = [99]
    return from_lists(changed)


@pytest.mark.parametrize("name", [name for name in BASELINES if name not in ("edit-distance", "length")])
def test_one_more_unknown_event_never_makes_a_sequence_look_more_normal(name: str, sample: Corpus) -> None:
    detector = models.load(name)({}, seed=5, device="cpu")
    detector.fit_epoch(sample)
    tests = random_corpus(3, 60)
    before, after = detector.score(tests), detector.score(unknown_at(5, tests, replace=False))
    assert np.all(after.score >= before.score - 1e-12)
    assert not np.any(before.paper & ~after.paper)
    assert after.unknown.tolist() == (before.unknown + 1).tolist()


@pytest.mark.parametrize("name", ["count-vector", "edit-distance", "length", "n-gram", "new-event"])
def test_an_unknown_event_in_the_place_of_another_never_makes_a_sequence_look_more_normal(
    name: str, sample: Corpus
) -> None:
    detector = models.load(name)({}, seed=5, device="cpu")
    detector.fit_epoch(sample)
    tests = random_corpus(3, 60)
    tests = tests.take(tests.lengths > 0)
    assert np.all(detector.score(unknown_at(5, tests, replace=True)).score >= detector.score(tests).score)


@pytest.mark.parametrize("name", SENSITIVE)
def test_unknown_events_in_training_teach_nothing(name: str) -> None:
    detector = models.load(name)({}, seed=5, device="cpu")
    detector.fit_epoch(from_lists([[2, 1, 3], [2, 3, 1], [2, 3]] * 5))
    known, unknown = detector.score(from_lists([[2, 3], [2, 1, 3]])).score
    assert unknown > known
    assert detector.score(from_lists([[2, 1, 3]])).paper.tolist() == [True]


@pytest.mark.parametrize("name", SENSITIVE)
def test_a_single_sequence_can_be_trained_on(name: str) -> None:
    detector = models.load(name)({}, seed=5, device="cpu")
    detector.fit_epoch(from_lists([[2, 3, 3]]))
    scores = detector.score(from_lists([[2, 3, 3], [2, 9, 3, 3], [], [9]]))
    # Without events no equation is violated; to idf, events that all sequences have mean nothing.
    assert scores.paper.tolist() == [False, True, name not in ("invariants", "pca"), True]
    assert np.all(np.isfinite(scores.score))
    assert np.all(scores.score[1:] >= scores.score[0])
    detector.fit_epoch(TEST.take([2]))  # the one without events
    assert detector.score(from_lists([[], [2]])).paper.tolist() == [False, True]


def test_baselines_need_no_torch() -> None:
    program = f"""
import sys
from logassay import models
for name in {BASELINES!r}:
    models.load(name)
assert "torch" not in sys.modules
"""
    scripts = Path(models.__file__).parents[2]
    subprocess.run([sys.executable, "-c", program], check=True, env={"PYTHONPATH": str(scripts)})


def test_unknown_models_are_refused_with_a_list() -> None:
    assert models.load("isolation_forest") is models.load("isolation-forest")
    for name in ("deeplogg", "base", "counts", "neural", "../errors"):
        with pytest.raises(UserError, match=r"must be one of: .*deeplog, .*flag-all, .*new-event"):
            models.load(name)


@pytest.mark.parametrize(
    ("hyper", "message"),
    [
        ({"hiden": 8}, r"models\.mine\.hyper\.hiden is not a hyperparameter .* it has: history, embedding, hidden,"),
        ({"hidden": "8"}, r"models\.mine\.hyper\.hidden is '8' but must be a whole number of at least 1"),
        ({"hidden": 0}, r"models\.mine\.hyper\.hidden is 0 but must be a whole number of at least 1"),
        ({"hidden": True}, r"models\.mine\.hyper\.hidden is True but must be a whole number"),
        ({"session_end": 1}, r"models\.mine\.hyper\.session_end is 1 but must be true or false"),
        ({"learning_rate": -1}, r"models\.mine\.hyper\.learning_rate is -1.0 but must be a number from 0 to 1"),
        ({"learning_rate": float("nan")}, r"models\.mine\.hyper\.learning_rate is nan but must be"),
        ({"score": "nll"}, r"models\.mine\.hyper\.score is 'nll' but must be one of: nll_max, nll_mean, rank_max"),
    ],
)
def test_wrong_hyperparameters_are_named(hyper: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        models.load("deeplog")(hyper, 1, "cpu", "mine")


def test_hyperparameters_that_contradict_each_other_are_named() -> None:
    with pytest.raises(
        UserError, match=r"models\.mine\.hyper: hidden \(30\) must be even and a multiple of heads \(4\)"
    ):
        models.load("logbert")({"hidden": 30}, 1, "cpu", "mine")


def test_hyperparameters_must_be_named() -> None:
    with pytest.raises(
        UserError, match=r"models\.mine\.hyper is \[3\] but must map names of hyperparameters to values"
    ):
        models.load("deeplog")([3], 1, "cpu", "mine")  # type: ignore[arg-type]


def test_hyperparameters_are_completed() -> None:
    detector = models.load("deeplog")({"learning_rate": 1, "hidden": 8}, 1, "cpu")
    assert detector.hyperparameters["learning_rate"] == 1.0
    assert type(detector.hyperparameters["learning_rate"]) is float
    assert (detector.hyperparameters["hidden"], detector.hyperparameters["history"]) == (8, 10)


def test_config_states_every_hyperparameter_of_every_variant() -> None:
    config = Path(__file__).resolve().parents[2] / "config" / "models.yaml"
    for name, variant in yaml.safe_load(config.read_text(encoding="utf-8"))["models"].items():
        kind = models.load(variant["module"])
        assert list(variant["hyper"]) == [each.name for each in fields(kind.hyper_kind)], name
        # The workflow resolves `auto` by the grouping before a model is built.
        hyper = {key: True if value == "auto" else value for key, value in variant["hyper"].items()}
        assert kind(hyper, 1, "cpu", name).hyperparameters == hyper
        assert variant["framework"] == {".pt": "torch", ".npz": "numpy"}[kind.checkpoint_suffix]


def test_every_hyperparameter_is_documented() -> None:
    for name in models.names():
        for each in fields(models.load(name).hyper_kind):
            assert len(each.metadata["doc"]) > 10

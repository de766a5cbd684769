"""DeepLog complete: two verdicts become one, on a scale worked out by hand."""

from dataclasses import replace
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from logassay import checkpoint, models
from logassay.corpus import Corpus
from logassay.models.base import Vocabulary
from logassay.models.deeplog_combined import DeepLogCombined, Tail
from logassay.models.deeplog_values import held_out
from tests.unit.test_deeplog_values import sessions

SMALL: dict[str, Any] = {
    "history": 4,
    "embedding": 6,
    "hidden": 8,
    "layers": 1,
    "candidates": 2,
    "batch_size": 128,
    "value_batch_size": 64,
    "learning_rate": 0.01,
}


@pytest.fixture(scope="module")
def trained() -> DeepLogCombined:
    model = DeepLogCombined(SMALL, 1, "cpu")
    for _ in range(5):
        model.fit_epoch(sessions(300, seed=0))
    return model


def test_surprise_by_hand() -> None:
    tail = Tail.of(np.arange(1.0, 21.0)[::-1])
    # Eighteen of twenty are inside; the other two exceed 18 by 1.5 on average.
    surprises = tail.surprise(np.array([0.0, 1.0, 11.0, 18.0, 19.5, 21.0]))
    expected = [0, 0, -log(10 / 20), -log(3 / 20), log(10) + 1, log(10) + 2]
    np.testing.assert_allclose(surprises, expected, atol=1e-12)


def test_surprise_where_no_score_stands_out() -> None:
    tail = Tail.of(np.full(50, 5.0))
    surprises = tail.surprise(np.array([1.0, 5.0, 5.1, 6.0]))
    assert surprises[:2].tolist() == [0, 0]
    assert surprises[2] > log(50)
    assert surprises[3] > surprises[2]


def test_surprise_never_falls() -> None:
    rng = np.random.default_rng(0)
    for count in (1, 2, 7, 300):
        tail = Tail.of(rng.exponential(size=count).round(1))
        assert (np.diff(tail.surprise(np.linspace(-1, 9, 400))) >= 0).all()


def without_events(corpus: Corpus, places: list[int]) -> Corpus:
    """Take single events out of a corpus of one sequence."""
    keep = np.delete(np.arange(len(corpus.events)), places)
    assert corpus.values is not None
    offsets = np.array([0, len(keep)])
    return Corpus(corpus.events[keep], offsets, corpus.labels, corpus.gaps[keep], corpus.values.take(keep))


def test_each_model_finds_its_own_kind(trained: DeepLogCombined) -> None:
    normal = trained.score(sessions(200, seed=7))
    large = trained.score(sessions(20, seed=8, size=40_000.0))
    late = trained.score(sessions(20, seed=8, wait=900.0))
    unopened = trained.score(without_events(sessions(1, seed=8), [0]))
    for strange in (large, late):
        assert (strange.components["value_surprise"] > strange.components["key_surprise"]).all()
        assert strange.score.min() > normal.score.max()
        assert strange.paper.all()
    assert unopened.components["key_surprise"][0] > unopened.components["value_surprise"][0]
    assert unopened.score[0] > np.quantile(normal.score, 0.95)
    surprises = [normal.components["key_surprise"], normal.components["value_surprise"]]
    np.testing.assert_array_equal(normal.score, np.maximum(*surprises))
    # On one scale: of new normal sequences about one in a hundred has a surprise beyond -log 0.01 by either model.
    assert all((each > -log(0.01)).mean() < 0.06 for each in surprises)


def test_the_rule_is_either(trained: DeepLogCombined) -> None:
    corpus = sessions(200, seed=7)
    both = trained.keys.score(corpus).paper | trained.values.score(corpus).paper
    np.testing.assert_array_equal(trained.score(corpus).paper, both)
    components = set(trained.score(corpus).components)
    assert components >= {"nll_max", "nll_mean", "rank_max", "z_max", "entry_max", "error_mean", "judged"}
    np.testing.assert_array_equal(trained.score(corpus).loss, trained.keys.score(corpus).loss)


def test_neither_model_learns_from_what_is_held_out() -> None:
    train = sessions(100, seed=1)
    held = held_out(100, 0.2, 3)
    facts = DeepLogCombined(SMALL, 3, "cpu").fit_epoch(train)
    rest = train.take(~held)
    assert facts["examples"] == len(rest.events) + len(rest)  # every event and every end
    assert facts["value_examples"] == len(rest.events)
    # An event that only a held-out sequence has is unknown to both.
    row = int(np.flatnonzero(held)[0])
    events = train.events.copy()
    events[train.offsets[row]] = 77
    model = DeepLogCombined(SMALL, 3, "cpu")
    model.fit_epoch(replace(train, events=events))
    assert model.vocabulary.known.tolist() == Vocabulary([2, 3, 4]).known.tolist()
    assert model.score(replace(train, events=events)).unknown.sum() == 1


def test_two_and_two_epochs_are_four_to_the_byte(tmp_path: Path) -> None:
    train = sessions(80, seed=1)
    at_once, first = DeepLogCombined(SMALL, 5, "cpu"), DeepLogCombined(SMALL, 5, "cpu")
    for _ in range(4):
        torch.rand(3)  # somebody else's random numbers do not matter
        at_once.fit_epoch(train)
    for _ in range(2):
        first.fit_epoch(train)
    checkpoint.save(tmp_path / "two.pt", first.state())
    then = DeepLogCombined(SMALL, 5, "cpu")
    then.restore(checkpoint.load(tmp_path / "two.pt"))
    np.testing.assert_array_equal(then.score(train).score, first.score(train).score)
    for _ in range(2):
        then.fit_epoch(train)
    for name, model in (("a", at_once), ("b", then)):
        checkpoint.save(tmp_path / f"{name}.pt", model.state())
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()


def test_the_config_says_which_models_read_values() -> None:
    config = Path(__file__).resolve().parents[2] / "config" / "models.yaml"
    for name, variant in yaml.safe_load(config.read_text(encoding="utf-8"))["models"].items():
        assert variant.get("values", False) == models.load(variant["module"]).uses_values, name

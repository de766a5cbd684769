"""The plain formulations learn and say the same as the models, so that their times can be compared."""

from dataclasses import fields

import numpy as np
import pytest

from logassay import bench, models
from logassay.corpus import Corpus, from_lists


def corpus() -> Corpus:
    rng = np.random.default_rng(0)
    lists = [rng.integers(2, 6, rng.integers(1, 9)).tolist() for _ in range(60)] * 3
    return from_lists(lists, [int(number % 4 == 0) for number in range(len(lists))])


def settings(module: str, **hyper: object) -> dict:
    known = {each.name for each in fields(models.load(module).hyper_kind)}
    small = {"hidden": 8, "embedding": 4, "dimension": 4, "feed_forward": 8, "filters": 4, "batch_size": 64} | hyper
    return {"module": module, "hyper": {name: value for name, value in small.items() if name in known}}


TEMPLATES = {event: f"word{event} message of kind{event % 2}" for event in range(2, 6)}


@pytest.mark.parametrize("module", ["deeplog", "loganomaly", "logrobust", "cnn"])
def test_plain_and_fast_have_one_loss_curve(module: str) -> None:
    measured = bench.compare_training(module, settings(module), corpus(), TEMPLATES, epochs=3, threads=1)
    assert measured["losses"] == pytest.approx(measured["plain_losses"], rel=1e-4)
    assert measured["losses"][2] < measured["losses"][0]


def test_logbert_learns_alike() -> None:
    hyper = settings("logbert", heads=2, dropout=0.0)
    measured = bench.compare_training("logbert", hyper, corpus(), TEMPLATES, epochs=6, threads=1)
    # The same batches and masks. Only the centre differs: here that of the epoch, there that of a pass after it.
    assert measured["losses"][0] == pytest.approx(measured["plain_losses"][0], rel=1e-5)
    assert measured["losses"] == pytest.approx(measured["plain_losses"], rel=0.02)


@pytest.mark.parametrize("module", ["deeplog", "loganomaly", "logrobust", "cnn", "logbert"])
def test_bfloat16_learns_alike_and_always_the_same(module: str) -> None:
    losses = {}
    for name in ("float32", "bfloat16", "again"):
        described = settings(module, heads=2, precision="float32" if name == "float32" else "bfloat16")
        detector = models.load(module)(described["hyper"], 1, "cpu")
        detector.read_templates(TEMPLATES)
        losses[name] = [detector.fit_epoch(corpus())["training_loss"] for _ in range(3)]
    assert losses["bfloat16"] == losses["again"]
    assert losses["bfloat16"] != losses["float32"]
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.02)


def test_plain_scoring_agrees() -> None:
    measured = bench.compare_scoring("deeplog", settings("deeplog"), corpus(), repeats=1)
    assert measured["sequences"] == 180

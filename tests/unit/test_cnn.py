"""CNN: filters by hand, padding that does not matter, and shortcuts that change no result."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from logassay.corpus import Corpus, from_lists
from logassay.models.cnn import CNN

SMALL = {"embedding": 5, "filters": 4, "batch_size": 16, "learning_rate": 0.01}


def detector(kind: type[CNN] = CNN, **hyper: Any) -> CNN:
    kind.set_threads(1)
    return kind(SMALL | hyper, 1, "cpu")


def labelled_corpus(count: int) -> Corpus:
    """Anomalous are the sequences that have 3 right after 2."""
    rng = np.random.default_rng(0)
    events = [rng.integers(2, 6, size=rng.integers(0, 9)).tolist() for _ in range(count)]
    return from_lists(events, [int((2, 3) in pairwise(each)) for each in events])


def test_answers_by_hand() -> None:
    model = detector(embedding=1, filters=1)
    model.fit_epoch(from_lists([[2, 3, 4], [2, 4]], [0, 1]))
    network: Any = model.network
    with torch.no_grad():
        network.embedding.weight[:, 0] = torch.tensor([0.0, 0.0, 1.0, -2.0, 10.0])
        for look in network.filters:
            look.weight.fill_(1.0)
            look.bias.fill_(0.5)
        network.output.weight.copy_(torch.tensor([[1.0, 10.0, 100.0], [0.0, 0.0, 0.0]]))
        network.output.bias.zero_()
        # Sums of 3, 4 and 5 events from each start, zeros after the end: 2 3 2 2 -> 1 -2 1 1; 3 -> -2; and nothing.
        logits = network(torch.tensor([[2, 3, 2, 2], [3, 0, 0, 0], [0, 0, 0, 0]]))[:, 0]
    three, four, five = max(0, 0, 2, 1) + 0.5, max(1, 0, 2, 1) + 0.5, max(1, 0, 2, 1) + 0.5
    assert logits[0] == pytest.approx(three + 10 * four + 100 * five)
    assert logits[1] == 0  # -2 + 0.5 is cut to 0, and padding has no say, though it would answer 0.5
    assert logits[2] == pytest.approx(0.5 * 111)


def test_padding_does_not_matter() -> None:
    model = detector()
    model.fit_epoch(labelled_corpus(40))
    with torch.no_grad():
        for length in (1, 2, 3, 6):
            alone = model.network(torch.full((1, length), 4))
            tokens = torch.tensor([[4] * length + [0] * (9 - length), [2] * 9])
            torch.testing.assert_close(model.network(tokens)[0], alone[0])


def test_learns_a_pair_of_events() -> None:
    model = detector()
    for _ in range(25):
        facts = model.fit_epoch(labelled_corpus(200))
    assert facts["training_loss"] < 0.1
    scores = model.score(from_lists([[4, 2, 3, 5], [4, 3, 2, 5], [2, 3], [2, 9], []]))
    assert scores.paper.tolist() == [True, False, True, False, False]
    assert scores.unknown.tolist() == [0, 0, 0, 1, 0]


class Plain(CNN):
    """Computes every sequence of a batch with all its padding, in double precision."""

    def build(self) -> Any:
        return super().build().double()

    def merge(self, examples: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return examples, torch.ones_like(examples)

    def predict(self, tokens: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(tokens)
        return logits


class Deduplicated(CNN):
    """The real thing, in double precision."""

    def build(self) -> Any:
        return super().build().double()


def test_shortcuts_change_nothing() -> None:
    corpus = labelled_corpus(60).take(np.random.default_rng(1).integers(0, 60, 90))
    models = [detector(kind) for kind in (Plain, Deduplicated)]
    for _ in range(2):
        told = [model.fit_epoch(corpus) for model in models]
    assert told[0]["training_loss"] == pytest.approx(told[1]["training_loss"], abs=1e-9)
    for one, other in zip(*(model.network.parameters() for model in models), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)

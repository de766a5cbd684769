"""DeepLog: windows, ranks and losses worked out by hand, and shortcuts that change no result."""

from math import log
from typing import Any

import numpy as np
import pytest
import torch

from logassay.corpus import Corpus, from_lists
from logassay.errors import UserError
from logassay.models.base import Vocabulary
from logassay.models.deeplog import DeepLog
from logassay.models.neural import surprise
from logassay.models.windows import number_runs

SMALL = {"history": 4, "embedding": 6, "hidden": 8, "batch_size": 16}


def detector(known: list[int], **hyper: Any) -> DeepLog:
    result = DeepLog(SMALL | hyper, 1, "cpu")
    with result.own_randomness():
        result.create(Vocabulary(known))
    return result


def random_corpus(count: int, seed: int = 0) -> Corpus:
    rng = np.random.default_rng(seed)
    return from_lists([rng.integers(2, 7, size=rng.integers(0, 9)).tolist() for _ in range(count)])


def test_windows_of_a_session_of_three_events() -> None:
    # The events 5, 7 and 9 are 2, 3 and 4 to the model, the end is 5; 8 was not in training.
    steps = detector([5, 7, 9]).steps(from_lists([[5, 9, 5], [], [8]]))
    assert steps.windows[steps.window].tolist() == [
        [0, 0, 0, 0],
        [0, 0, 0, 2],
        [0, 0, 2, 4],
        [0, 2, 4, 2],
        [0, 0, 0, 0],
        [0, 0, 0, 0],
        [0, 0, 0, 1],
    ]
    assert steps.target.tolist() == [2, 4, 2, 5, 5, 1, 5]
    assert steps.owner.tolist() == [0, 0, 0, 0, 1, 2, 2]
    assert len(steps.windows) == 5  # each distinct window once


def test_windows_without_an_end() -> None:
    steps = detector([5, 7, 9], history=1, session_end=False).steps(from_lists([[], [7, 9], []]))
    assert steps.windows[steps.window].tolist() == [[0], [3]]
    assert steps.target.tolist() == [3, 4]
    assert steps.owner.tolist() == [1, 1]
    nothing = detector([5], session_end=False).steps(from_lists([[5]]).take(np.array([], dtype=int)))
    assert (nothing.windows.shape, len(nothing.target)) == ((0, 4), 0)


def test_short_sessions_flagged_as_in_the_public_implementations() -> None:
    model = detector([5, 7, 9], history=2, session_end=False, short_sessions="flag")
    model.network = Fixed()
    corpus = from_lists([[5, 7, 5, 5], [5, 7], [], [5, 5, 8]])
    steps = model.steps(corpus)
    assert steps.windows[steps.window].tolist() == [[2, 3], [3, 2], [2, 2]]  # no window has padding
    assert steps.target.tolist() == [2, 2, 1]
    assert steps.owner.tolist() == [0, 0, 3]
    scores = model.score(corpus)
    assert scores.components["rank_max"].tolist() == [1, 4, 4, 4]
    assert scores.components["nll_max"].tolist() == pytest.approx([log(1 / 0.7), 100, 100, log(1 / 0.1)])
    assert scores.paper.tolist() == [False, True, True, False]  # 9 candidates are more than there are
    strict = detector([5, 7, 9], history=2, session_end=False, short_sessions="flag", candidates=3)
    strict.network = Fixed()
    assert strict.score(corpus).paper.tolist() == [False, True, True, True]


@pytest.mark.parametrize("largest", [2, 10**9])  # with large tokens a number cannot hold ten of them
@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 7, 10])
def test_runs_have_equal_numbers_exactly_if_they_are_equal(width: int, largest: int) -> None:
    stream = np.random.default_rng(width).integers(0, 3, 300) * (largest // 2)
    numbers = number_runs(stream, width)
    runs = [tuple(stream[start : start + width].tolist()) for start in range(300 - width + 1)]
    assert len(numbers) == len(runs)
    assert len(set(zip(runs, numbers.tolist(), strict=True))) == len(set(runs)) == len(set(numbers.tolist()))


def test_surprise_with_ties_and_unknown_events() -> None:
    # Three candidates, numbers 2 to 4, with probabilities 1/2, 1/4, 1/4.
    logits = torch.log(torch.tensor([[0.5, 0.25, 0.25]])).repeat(4, 1) + 3.0
    nll, rank = surprise(logits, np.array([2, 3, 4, 1]))
    np.testing.assert_allclose(nll, [log(2), log(4), log(4), log(4)], rtol=1e-6)
    assert rank.tolist() == [1, 3, 3, 4]  # a tie takes the last place; UNK comes after the last candidate


class Fixed(torch.nn.Module):
    """Predicts 2, 3 and the end with probabilities 0.7, 0.2 and 0.1, whatever came before."""

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        return torch.log(torch.tensor([[0.7, 0.2, 0.1]])).repeat(len(windows), 1)


def test_score_by_hand() -> None:
    model = detector([5, 7], candidates=3)
    model.network = Fixed()
    scores = model.score(from_lists([[5, 7], [], [5, 6, 5]]))
    nll = {"5": -log(0.7), "7": -log(0.2), "end": -log(0.1)}
    known = (nll["5"] + nll["7"] + nll["end"]) / 3
    unknown = (2 * nll["5"] + 2 * nll["end"]) / 4  # event 6 has the loss of the least probable candidate
    np.testing.assert_allclose(scores.components["nll_mean"], [known, nll["end"], unknown], rtol=1e-6)
    np.testing.assert_allclose(scores.score, [nll["end"]] * 3, rtol=1e-6)
    assert scores.components["rank_max"].tolist() == [3, 3, 4]
    assert scores.paper.tolist() == [False, False, True]
    assert scores.unknown.tolist() == [0, 0, 1]
    assert scores.length.tolist() == [2, 0, 3]
    np.testing.assert_array_equal(scores.loss, scores.components["nll_mean"])


def test_an_empty_sequence_without_end_scores_zero() -> None:
    scores = detector([5, 7], session_end=False).score(from_lists([[], [5]]))
    assert (scores.score[0], scores.paper[0]) == (0.0, False)
    assert scores.score[1] > 0


class Plain(DeepLog):
    """Computes every window of a batch, in double precision."""

    def build(self) -> torch.nn.Module:
        return super().build().double()

    def predict(self, windows: torch.Tensor, window: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(windows[window])
        return logits


class Deduplicated(DeepLog):
    """The real thing, in double precision."""

    def build(self) -> torch.nn.Module:
        return super().build().double()


def test_deduplication_changes_nothing() -> None:
    plain, deduplicated = Plain(SMALL, 1, "cpu"), Deduplicated(SMALL, 1, "cpu")
    train = random_corpus(40)
    for _ in range(2):
        told = [model.fit_epoch(train) for model in (plain, deduplicated)]
    assert told[0]["training_loss"] == pytest.approx(told[1]["training_loss"], abs=1e-9)
    for one, other in zip(plain.network.parameters(), deduplicated.network.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


def test_scoring_equals_scoring_each_step_alone() -> None:
    model = DeepLog(SMALL, 3, "cpu")
    model.fit_epoch(random_corpus(40).take(range(30)))
    corpus = random_corpus(25, seed=1)
    scores = model.score(corpus)
    for row in range(len(corpus)):
        tokens = [*model.vocabulary.encode(corpus[row]).tolist(), 2 + model.vocabulary.size]
        nll, rank = [], []
        for step, target in enumerate(tokens):
            window = ([0] * 4 + tokens[:step])[-4:]
            with torch.no_grad():
                p = torch.softmax(model.network(torch.tensor([window]))[0], 0)
            nll.append(-log(p[target - 2]))
            rank.append(int((p >= p[target - 2]).sum()))
        assert scores.components["nll_max"][row] == pytest.approx(max(nll), abs=1e-5)
        assert scores.components["nll_mean"][row] == pytest.approx(sum(nll) / len(nll), abs=1e-5)
        assert scores.components["rank_max"][row] == max(rank)


def test_a_session_that_breaks_off_is_found_by_its_end_only() -> None:
    train = from_lists([[2, 3, 4, 5]] * 60)
    cut = from_lists([[2, 3, 4, 5], [2, 3]])
    judged = {}
    for end in (True, False):
        model = DeepLog(SMALL | {"session_end": end, "learning_rate": 0.02, "candidates": 1}, 1, "cpu")
        for _ in range(8):
            model.fit_epoch(train)
        judged[end] = model.score(cut)
    assert judged[True].score[1] > 10 * judged[True].score[0]
    assert judged[True].paper.tolist() == [False, True]
    assert judged[False].score[1] <= judged[False].score[0]


def test_unknown_events_in_training_are_context_but_no_target() -> None:
    model = DeepLog(SMALL, 1, "cpu")
    facts = model.fit_epoch(from_lists([[2, 1, 3], [1]]))
    assert facts["examples"] == 4  # 2, 3 and two ends
    assert facts["vocabulary"] == 2
    assert facts["distinct_examples"] == 5


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_nothing_to_learn_is_told() -> None:
    with pytest.raises(UserError, match="hold no event to learn from"):
        DeepLog(SMALL | {"session_end": False}, 1, "cpu").fit_epoch(from_lists([[1], []]))


def test_divergence_is_told() -> None:
    model = DeepLog(SMALL, 1, "cpu")
    model.fit_epoch(random_corpus(40))
    with torch.no_grad():
        next(model.network.parameters()).fill_(float("inf"))
    with pytest.raises(UserError, match=r"Training diverged.*learning_rate \(now 0\.001\)"):
        model.fit_epoch(random_corpus(40))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_where_there_is_none() -> None:
    with pytest.raises(UserError, match="device cuda was asked for but torch finds no CUDA device"):
        DeepLog(SMALL, 1, "cuda")
    assert DeepLog(SMALL, 1, "auto").device == "cpu"

"""LogBERT: masks, folds, pieces and distances worked out by hand, and the encoder against torch's own."""

import copy
from math import cos, log, sin
from typing import Any

import numpy as np
import pytest
import torch

from logassay.bench import PlainEncoder
from logassay.corpus import Corpus, from_lists
from logassay.models.base import Vocabulary
from logassay.models.logbert import (
    Dropout,
    Hyperparameters,
    LogBERT,
    Network,
    cut,
    fold_rounds,
    sinusoids,
    squared_distance,
    token_batches,
)

SMALL = {"layers": 1, "hidden": 8, "heads": 2, "feed_forward": 16, "dropout": 0.0, "batch_size": 8}


def detector(known: list[int], **hyper: Any) -> LogBERT:
    result = LogBERT(SMALL | hyper, 1, "cpu")
    with result.own_randomness():
        result.create(Vocabulary(known))
    result.network.eval()
    return result


def random_corpus(count: int, longest: int = 9, seed: int = 0) -> Corpus:
    rng = np.random.default_rng(seed)
    return from_lists([rng.integers(2, 7, size=rng.integers(0, longest)).tolist() for _ in range(count)])


def test_positions_by_hand() -> None:
    expected = [[0.0, 1.0, 0.0, 1.0], [sin(1), cos(1), sin(0.01), cos(0.01)], [sin(2), cos(2), sin(0.02), cos(0.02)]]
    np.testing.assert_allclose(sinusoids(3, 4), expected, atol=1e-6)


def test_network_equals_one_that_leaves_nothing_out() -> None:
    # Rows of three lengths, equal tokens at equal places, and more than one layer.
    torch.manual_seed(0)
    hyper = Hyperparameters(layers=3, hidden=8, heads=2, feed_forward=16, dropout=0.0)
    ours = Network(6, hyper)
    theirs = copy.deepcopy(PlainEncoder(ours, hyper))
    tokens = torch.tensor([[8, 2, 0, 0, 0], [8, 2, 3, 4, 0], [8, 9, 3, 9, 0], [8, 2, 3, 4, 7], [8, 2, 1, 9, 9]])
    masked = torch.tensor([1, 8, 11, 13, 16, 23, 24])
    for mine, plain in zip(ours(tokens, masked), theirs(tokens, masked), strict=True):
        torch.testing.assert_close(mine, plain, atol=1e-5, rtol=1e-5)
    for network in (ours, theirs):
        logits, dist = network(tokens, masked)
        (logits.square().sum() + dist.sin().sum()).backward()
    torch.testing.assert_close(ours.embedding.weight.grad, theirs.embedding.weight.grad, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(ours.output.weight.grad, theirs.output.weight.grad, atol=1e-4, rtol=1e-4)
    for mine, plain in zip(ours.layers, theirs.encoder.layers, strict=True):
        torch.testing.assert_close(
            mine.query_key_value.weight.grad, plain.self_attn.in_proj_weight.grad, atol=1e-4, rtol=1e-4
        )
        torch.testing.assert_close(mine.narrow.weight.grad, plain.linear2.weight.grad, atol=1e-4, rtol=1e-4)


def test_dropout() -> None:
    torch.manual_seed(0)
    dropout = Dropout(0.1)
    x = torch.full((301, 333), 3.0, requires_grad=True)
    out = dropout(x)
    assert (out == 0).float().mean().item() == pytest.approx(0.1, abs=0.005)
    assert out.mean().item() == pytest.approx(3.0, rel=0.005)
    out.sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad * 3, out.detach())
    # Neighbours, which share a random word, are dropped independently.
    dropped = (out.detach() == 0).flatten()
    assert (dropped[1:] & dropped[:-1]).float().mean().item() == pytest.approx(0.01, abs=0.0015)
    assert dropout.eval()(x) is x


def test_long_sequences_are_cut_into_nearly_equal_pieces() -> None:
    start, length, owner = cut(np.array([3, 0, 10, 4]), 4)
    assert start.tolist() == [0, 3, 6, 9, 13]
    assert length.tolist() == [3, 3, 3, 4, 4]
    assert owner.tolist() == [0, 2, 2, 2, 3]


def test_tokens_begin_with_dist_and_end_with_the_end() -> None:
    # The events 5 and 7 are 2 and 3 to the model, the end is 4, DIST 5, MASK 6; 8 was not in training.
    model = detector([5, 7], max_length=4)
    pieces = model.pieces(from_lists([[7], [5, 8, 7, 5]]))
    assert model.tokens(pieces, np.array([0, 1, 2])).tolist() == [[5, 3, 4, 0], [5, 2, 1, 0], [5, 3, 2, 4]]


def test_masking_is_that_of_bert() -> None:
    model = detector([10, 11, 12, 13, 14], mask_ratio=0.5)
    torch.manual_seed(0)
    dist, mask = model.network.dist, model.network.mask
    tokens = torch.randint(2, dist, (400, 41))
    tokens[:, 0] = dist
    tokens[:, 20] = 1
    tokens[:, 30:] = 0
    tokens[:50, 2:] = 0  # only one event: it is always masked
    noisy, masked = model.mask(tokens)
    chosen = torch.zeros(tokens.numel(), dtype=torch.bool).index_fill(0, masked, True).view_as(tokens)
    eligible = (tokens >= 2) & (tokens < dist)
    assert not chosen[~eligible].any()
    assert torch.equal(noisy[~chosen], tokens[~chosen])
    assert chosen.any(1).all()
    assert chosen[:50, 1].all()
    assert chosen[50:].sum() / eligible[50:].sum() == pytest.approx(0.5, abs=0.02)
    count = chosen.sum().item()
    assert (noisy == mask)[chosen].sum() / count == pytest.approx(0.8, abs=0.02)
    # Of the tenth that is replaced at random, one in six candidates (the end among them) is the old one.
    assert (noisy == tokens)[chosen].sum() / count == pytest.approx(0.1 + 0.1 / 6, abs=0.02)
    assert ((noisy >= 2) & (noisy <= mask) & (noisy != dist))[chosen].all()


class Watching(torch.nn.Module):
    """Predicts the candidates with probabilities 0.6, 0.3 and 0.1, and remembers what it was shown."""

    dist, mask = 5, 6

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[tuple[torch.Tensor, torch.Tensor]] = []

    def forward(self, tokens: torch.Tensor, masked: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        self.shown.append((tokens, masked))
        logits = torch.log(torch.tensor([[0.6, 0.3, 0.1]])).repeat(len(masked), 1)
        return logits, torch.ones(len(tokens), 8)


def test_rounds_of_short_pieces_are_left_out() -> None:
    piece, fold = fold_rounds(np.array([7, 2, 0, 1]), 3)
    assert piece.tolist() == [0, 0, 0, 1, 1, 3]
    assert fold.tolist() == [0, 1, 2, 0, 1, 0]


def test_folds_mask_each_position_exactly_once() -> None:
    model = detector([5, 7], folds=3, max_length=9)
    model.network = watching = Watching()  # type: ignore[assignment]
    corpus = from_lists([[5, 7, 5, 7, 5, 7], [5], [], [7] * 20])
    model.score(corpus)
    hidden: dict[int, list[int]] = {}
    for tokens, masked in watching.shown:
        assert (tokens[:, 0] == 5).all()
        assert torch.equal((tokens.flatten() == 6).nonzero()[:, 0], masked)
        for row in tokens.tolist():
            places = [place - 1 for place, token in enumerate(row) if token == 6]
            assert len({place % 3 for place in places}) == 1
            hidden.setdefault(sum(token > 0 for token in row) - 1, []).extend(places)
    # Pieces have 7 events (6 and the end), 2, 1, and 7 + 7 + 7; of each length, every place is masked once per piece.
    assert {length: sorted(places) for length, places in hidden.items()} == {
        7: sorted(list(range(7)) * 4),
        2: [0, 1],
        1: [0],
    }


def test_score_by_hand() -> None:
    model = detector([5, 7], candidates=2, missed_share=0.3)
    model.network = Watching()  # type: ignore[assignment]
    model.centre = torch.full((8,), 0.5)
    scores = model.score(from_lists([[5, 7], [5, 5, 9], []]))
    nll = {"5": -log(0.6), "7": -log(0.3), "end": -log(0.1)}
    means = [(nll["5"] + nll["7"] + nll["end"]) / 3, (2 * nll["5"] + 2 * nll["end"]) / 4, nll["end"]]
    np.testing.assert_allclose(scores.components["nll_mean"], means, rtol=1e-6)
    np.testing.assert_allclose(scores.score, [nll["end"]] * 3, rtol=1e-6)
    # With two candidates the end is never restored, nor is the unknown event 9.
    np.testing.assert_allclose(scores.components["share_missed"], [1 / 3, 1 / 2, 1])
    np.testing.assert_allclose(scores.components["distance"], [8 * 0.25] * 3)
    assert scores.paper.tolist() == [True, True, True]
    assert scores.unknown.tolist() == [0, 1, 0]


def test_squared_distance() -> None:
    assert squared_distance(torch.tensor([[3.0, 4.0], [1.0, 1.0]]), torch.tensor([0.0, 1.0])).tolist() == [18.0, 1.0]


def test_centre_is_the_mean_of_the_previous_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    model = LogBERT(SMALL | {"learning_rate": 0.0, "alpha": 0.5}, 1, "cpu")
    seen: list[torch.Tensor] = []
    losses: list[tuple[float, float]] = []
    descend = model.descend

    def watch(batches: Any) -> dict[str, Any]:
        def watched() -> Any:
            for loss, reported, size in batches:
                losses.append((loss.item(), reported.item()))
                yield loss, reported, size

        model.network.register_forward_hook(lambda module, given, result: seen.append(result[1].detach()))
        return descend(watched())

    monkeypatch.setattr(model, "descend", watch)
    model.fit_epoch(random_corpus(20))
    assert all(loss == reported for loss, reported in losses)  # the first epoch has no centre
    first = torch.cat(seen).double().mean(0).float()
    torch.testing.assert_close(model.centre, first)
    seen.clear()
    losses.clear()
    model.fit_epoch(random_corpus(20))
    for (loss, reported), dist in zip(losses, seen[::2], strict=True):  # two hooks by now, hence every other
        assert loss == pytest.approx(reported + 0.5 * (dist - first).square().sum(1).mean().item(), abs=1e-5)


def test_what_is_scored_together_does_not_matter() -> None:
    model = LogBERT(SMALL | {"max_length": 12}, 2, "cpu")
    model.fit_epoch(random_corpus(40))
    corpus = random_corpus(20, longest=40, seed=3)
    together = model.score(corpus)
    for row in range(len(corpus)):
        alone = model.score(corpus.take([row]))
        for name, values in together.components.items():
            assert values[row] == alone.components[name][0], name


def test_batches_hold_every_row_once_and_few_tokens() -> None:
    length = np.array([5, 1, 9, 3, 3, 20])
    batches = [batch.tolist() for batch in token_batches(length, 10)]
    assert batches == [[5], [2], [0], [3, 4], [1]]


def test_batches_are_random_and_those_of_one_length_follow_each_other() -> None:
    model = detector([5], batch_size=4)
    torch.manual_seed(0)
    length = np.array([2, 9, 2, 9, 2, 9, 2, 9, 5])
    batches = model.random_batches(length)
    assert sorted(np.concatenate(batches).tolist()) == list(range(9))
    assert [len(batch) for batch in batches] == [4, 4, 1]
    assert all((np.diff(length[batch]) >= 0).all() for batch in batches)
    assert len(np.unique(length[batches[0]])) > 1


def test_a_session_that_breaks_off_is_found() -> None:
    train = from_lists([[2, 3, 4, 5]] * 60)
    model = LogBERT(SMALL | {"learning_rate": 0.01, "candidates": 1}, 1, "cpu")
    for _ in range(8):
        model.fit_epoch(train)
    scores = model.score(from_lists([[2, 3, 4, 5], [2, 3], [2, 3, 4, 6]]))
    assert scores.score[1] > 5 * scores.score[0]
    assert scores.paper.tolist() == [False, True, True]
    # An unseen event has the loss of the least probable candidate there.
    assert scores.score[2] > 5 * scores.score[0]


def test_sequences_of_unknown_events_only_do_not_disturb_training() -> None:
    model = LogBERT(SMALL | {"session_end": False, "batch_size": 1}, 1, "cpu")
    facts = model.fit_epoch(from_lists([[2, 3], [1, 1], []]))
    assert np.isfinite(facts["training_loss"])
    assert torch.isfinite(model.centre).all()
    scores = model.score(from_lists([[], [2, 3]]))
    assert (scores.score[0], scores.paper[0], scores.components["distance"][0]) == (0.0, False, 0.0)

"""DeepLog's parameter values: vectors, histories and intervals worked out by hand, and planted anomalies."""

from dataclasses import replace
from math import log, log1p
from pathlib import Path

import numpy as np
import pytest
import torch

from logassay import checkpoint, models
from logassay.corpus import Corpus, Values, from_lists
from logassay.errors import UserError
from logassay.models.deeplog_values import DeepLogValues, Form, Regression, held_out, is_known, measure
from logassay.score import score_corpus

SMALL = {"history": 3, "hidden": 6, "layers": 1, "batch_size": 64, "learning_rate": 0.01}
NAN = float("nan")


def with_values(sequences: list[list[int]], gaps: list[float], numbers: list[list[float]]) -> Corpus:
    """Build a corpus; `gaps` and `numbers` have one entry for each event."""
    flat = np.asarray([number for each in numbers for number in each], dtype=np.float32)
    values = Values(flat, np.cumsum([0] + [len(each) for each in numbers]))
    return replace(from_lists(sequences), gaps=np.asarray(gaps, dtype=np.float32), values=values)


def sessions(count: int, seed: int, size: float = 1000.0, wait: float = 2.0) -> Corpus:
    """Sessions of: open (2); three to five packets (3), each about 1000 bytes some 2 s after the last; close (4).

    `size` and `wait` are those of each session's third packet.
    """
    rng = np.random.default_rng(seed)
    events, gaps, numbers = [], [], []
    for _ in range(count):
        packets = int(rng.integers(3, 6))
        sizes, waits = rng.normal(1000, 30, packets), rng.exponential(0.3, packets) + 1.7
        sizes[2] += size - 1000
        waits[2] += wait - 2.0
        events.append([2, *[3] * packets, 4])
        gaps += [0.0, *waits, 0.5]
        numbers += [[], *[[value] for value in sizes], []]
    return with_values(events, gaps, numbers)


@pytest.fixture(scope="module")
def trained() -> DeepLogValues:
    model = DeepLogValues(SMALL, 1, "cpu")
    for _ in range(4):
        model.fit_epoch(sessions(300, seed=0))
    return model


def test_vectors_by_hand() -> None:
    corpus = with_values([[2, 3], [3, 5, 3]], [0, 1, 0, 2, -4], [[], [7, 8], [9], [NAN], [1, 2, 3]])
    assert is_known(corpus.values).tolist() == [True, True, True, False, True]
    np.testing.assert_allclose(
        measure(corpus, np.array([1, 2, 4]), 3),
        [[log(2), 7, 8], [0, 9, NAN], [-log(5), 1, 2]],
        rtol=1e-6,
    )


def test_scales_and_widths_by_hand() -> None:
    # Ten sessions to learn from and ten to hold out, all alike: event 2 has numbers 4 and 8 in turn, then sometimes 5.
    half = [[4.0], [8.0, 5.0], []] * 10
    train = with_values([[2, 2, 3]] * 20, [0, 3, 0] * 20, half * 2)
    model = DeepLogValues(SMALL | {"held_out": 0.5, "least": 5}, 1, "cpu")
    facts = model.fit_epoch(train)
    learned = model.forms[2]
    np.testing.assert_allclose(learned.centre, [log(4) / 2, 6, 5], rtol=1e-6)
    np.testing.assert_allclose(learned.scale, [log(4) / 2, 2, 1], rtol=1e-6)  # what never varies keeps its unit
    assert model.forms[3].centre.tolist() == [0]
    series = model.series(train)[2]
    np.testing.assert_allclose(series.targets(np.arange(2)), [[-1, -1, 0], [1, 1, 0]], atol=1e-6)
    assert (facts["examples"], facts["distinct_examples"], facts["sequences_held_out"]) == (30, 3, 10)
    limited = DeepLogValues(SMALL | {"held_out": 0.5, "least": 5, "parameters": 1}, 1, "cpu")
    limited.fit_epoch(train)
    assert len(limited.forms[2].centre) == 2


def test_a_history_is_of_one_template_and_one_sequence() -> None:
    model = DeepLogValues(SMALL | {"history": 2}, 1, "cpu")
    model.forms = {3: form([0, 0], [1, 1]), 9: form([0], [1])}
    numbers: list[list[float]] = [[1], [5], [2], [3], [4], [6], [NAN], [700]]
    corpus = with_values([[3, 2, 3, 3, 3], [3, 3, 3]], [0] * 8, numbers)
    series = model.series(corpus)
    assert list(series) == [3]
    assert series[3].places.tolist() == [0, 2, 3, 4, 5, 7]
    histories, available = series[3].histories(series[3].steps.window)
    assert available.tolist() == [0, 1, 2, 2, 0, 1]
    assert histories[:, 0].tolist() == [[1, 0, 0]] * 6  # the mark of the begin
    seen = [row[1 : 1 + count, 2].tolist() for row, count in zip(histories, available, strict=True)]
    assert seen == [[], [1], [1, 2], [2, 3], [], [6]]
    assert not histories[0, 1:].any()
    assert series[3].targets(np.array([5]))[0].tolist() == [0, 700]  # an error counts all of it, a history up to 10
    again = with_values([[3, 3]], [0, 0], [[700], [1]])
    assert model.series(again)[3].histories(np.array([0, 1]))[0].max() == 10


def form(centre: list[float], scale: list[float]) -> Form:
    """Build a form without errors."""
    width = len(centre)
    return Form(np.array(centre, float), np.array(scale, float), np.zeros(1 + width), np.ones(1 + width))


class Still(Regression):
    """Always predicts zero, the mean of training."""

    def forward(self, histories: torch.Tensor, available: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(histories), histories.shape[2] - 1)


def test_interval_and_score_by_hand() -> None:
    model = DeepLogValues(SMALL | {"parameters": 1, "score": "z_max"}, 1, "cpu")
    model.forms = {3: form([0, 10], [1, 2])}
    model._vocabulary = models.base.Vocabulary([2, 3])
    model.network = torch.nn.ModuleDict({"3": Still(2, model.hyper)})
    # Deviations of 1, 2, 3 and 4 standard deviations in one of two entries: errors of 0.5, 2, 4.5 and 8.
    model.fit_errors(with_values([[3, 3], [3, 3]], [0] * 4, [[12], [14], [4], [18]]))
    assert model.forms[3].expected == pytest.approx([3.75, 0, 7.5])
    assert model.forms[3].spread == pytest.approx(np.std([0.5, 2, 4.5, 8]) * np.array([1, 0, 2]) + [0, 0.01, 0])
    assert model.limit == pytest.approx(3.2905, abs=1e-4)  # 99.9 % of a Gaussian lie within
    corpus = with_values(
        [[3, 2, 3], [2, 7], [3], [3, 3], []],
        [0, 0, 0, 0, 0, 0, 0, 1e3],
        [[10], [], [20], [], [], [NAN], [], [10]],
    )
    scores = model.score(corpus)
    spread = model.forms[3].spread[0]
    missing_and_late = [0.0, log1p(1e3) ** 2 / 2]
    assert scores.score == pytest.approx([(12.5 - 3.75) / spread, 0, 0, (missing_and_late[1] - 3.75) / spread, 0])
    assert scores.paper.tolist() == [False, False, False, True, False]
    assert scores.components["error_mean"] == pytest.approx([6.25, 0, 0, missing_and_late[1] / 2, 0])
    assert scores.components["judged"] == pytest.approx([2 / 3, 0, 0, 1, 0])
    # The size of the first sequence is as odd as before; the delay of the fourth shows all the more on its own.
    entries = [(25 - 7.5) / (2 * spread), 0, 0, log1p(1e3) ** 2 / 0.01, 0]
    assert scores.components["entry_max"] == pytest.approx(entries)
    assert scores.unknown.tolist() == [0, 1, 0, 0, 0]
    np.testing.assert_array_equal(scores.loss, scores.components["error_mean"])


def test_a_spread_is_never_tiny() -> None:
    model = DeepLogValues(SMALL, 1, "cpu")
    model.forms = {3: form([0], [1])}
    model.network = torch.nn.ModuleDict({"3": Still(1, model.hyper)})
    model.fit_errors(with_values([[3, 3]], [0, 0], [[], []]))
    assert (model.forms[3].expected.tolist(), model.forms[3].spread.tolist()) == ([0, 0], [0.01, 0.01])


def test_rare_templates_are_left_out_and_counted() -> None:
    train = with_values([[2, 2], [2, 3], [4, 2]] * 40, [0] * 240, [[]] * 240)
    facts = DeepLogValues(SMALL | {"least": 50}, 1, "cpu").fit_epoch(train)
    assert (facts["templates_judged"], facts["templates_left_out"]) == (1, 2)
    held = held_out(120, 0.2, 1)
    assert facts["vectors_left_out"] == 80
    assert facts["sequences_held_out"] == held.sum() == 24
    assert facts["examples"] == (train.take(~held).events == 2).sum()
    with pytest.raises(UserError, match=r"No template has 500 vectors to learn from.*lower the variant's.*`least`"):
        DeepLogValues(SMALL | {"least": 500}, 1, "cpu").fit_epoch(train)


@pytest.mark.parametrize("planted", [{"size": 40_000.0}, {"wait": 900.0}, {"size": -500.0}])
def test_planted_anomalies_are_found(trained: DeepLogValues, planted: dict[str, float]) -> None:
    normal, strange = trained.score(sessions(200, seed=7)), trained.score(sessions(50, seed=8, **planted))
    assert strange.paper.all()
    assert strange.score.min() > 3 * normal.score.max()
    assert normal.paper.mean() < 0.2
    assert normal.loss is not None
    assert normal.loss.mean() < 1.2  # not worse than predicting the mean


def test_the_size_of_one_vector_follows_the_one_before() -> None:
    # Every second packet repeats the size of the first: only a network that looks back can tell.
    rng = np.random.default_rng(0)
    sizes = rng.choice([1.0, 5.0], size=600)
    numbers = [[size] for size in sizes.repeat(2).tolist()]
    model = DeepLogValues(SMALL | {"hidden": 16, "learning_rate": 0.02}, 1, "cpu")
    train = with_values([[3, 3]] * 600, [0] * 1200, numbers)
    for _ in range(12):
        model.fit_epoch(train)
    same, other = with_values([[3, 3]], [0, 0], [[5], [5]]), with_values([[3, 3]], [0, 0], [[5], [1]])
    errors = [model.errors(3, model.series(corpus)[3]) for corpus in (same, other)]
    assert errors[0][1, 2] < 0.1
    assert errors[1][1, 2] > 2.0


def test_numbers_nobody_knows_are_not_judged(trained: DeepLogValues) -> None:
    corpus = with_values([[2, 3, 3, 4]] * 2, [0, 2, 2, 0.5] * 2, [[], [1000], [9e9], [], [], [1000], [NAN], []])
    scores = trained.score(corpus)
    assert scores.paper.tolist() == [True, False]
    assert scores.components["judged"].tolist() == [1.0, 0.75]


def test_what_is_scored_together_does_not_matter(trained: DeepLogValues) -> None:
    corpus = sessions(40, seed=9)
    twice = corpus.take(np.concatenate([np.arange(40), np.arange(40)]))
    together = score_corpus(trained, twice)
    for row in range(40):
        alone = trained.score(corpus.take([row]))
        assert together.score[[row, row + 40]] == pytest.approx(alone.score.repeat(2), rel=1e-4)


def test_two_and_two_epochs_are_four_to_the_byte(tmp_path: Path) -> None:
    train = sessions(80, seed=1)
    at_once, first = DeepLogValues(SMALL, 5, "cpu"), DeepLogValues(SMALL, 5, "cpu")
    for _ in range(4):
        torch.rand(3)  # somebody else's random numbers do not matter
        at_once.fit_epoch(train)
    for _ in range(2):
        first.fit_epoch(train)
    checkpoint.save(tmp_path / "two.pt", first.state())
    then = DeepLogValues(SMALL, 5, "cpu")
    then.restore(checkpoint.load(tmp_path / "two.pt"))
    np.testing.assert_array_equal(then.score(train).score, first.score(train).score)
    for _ in range(2):
        then.fit_epoch(train)
    for name, model in (("a", at_once), ("b", then)):
        checkpoint.save(tmp_path / f"{name}.pt", model.state())
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()
    assert DeepLogValues(SMALL, 6, "cpu").fit_epoch(train) != DeepLogValues(SMALL, 5, "cpu").fit_epoch(train)


def test_sequences_without_values_are_told() -> None:
    assert models.load("deeplog-values").uses_values
    assert not models.load("deeplog").uses_values
    with pytest.raises(UserError, match="come without theirs"):
        DeepLogValues(SMALL, 1, "cpu").fit_epoch(from_lists([[2, 3]] * 100))
    with pytest.raises(UserError, match="set `values: true` in its entry"):
        models.needed_values(DeepLogValues, None)

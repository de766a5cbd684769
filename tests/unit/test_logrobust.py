"""LogRobust: attention by hand, padding that does not matter, new events, and shortcuts that change no result."""

from typing import Any

import numpy as np
import pytest
import torch

from logassay.corpus import Corpus, from_lists
from logassay.models.classifier import distinct_rows
from logassay.models.logrobust import LogRobust

TEMPLATES = {
    2: "Receiving block <*>",
    3: "Received block <*> of size <*>",
    4: "Verification succeeded for <*>",
    5: "Exception while serving <*>",
    6: "Exceptions while serving <*>",  # not in training, but nearly 5
    7: "User <*> logged in",  # not in training, and unlike any
}
SMALL = {"dimension": 12, "hidden": 6, "batch_size": 16, "learning_rate": 0.01}


def detector(kind: type[LogRobust] = LogRobust, **hyper: Any) -> LogRobust:
    kind.set_threads(1)
    result = kind(SMALL | hyper, 1, "cpu")
    result.read_templates(TEMPLATES)
    return result


def labelled_corpus(count: int, seed: int = 0) -> Corpus:
    """Sequences of the events 2 to 4, and of 2 to 5 where anomalous; every eleventh has no label."""
    rng = np.random.default_rng(seed)
    events, labels = [], []
    for row in range(count):
        anomalous = row % 4 == 0
        events.append(rng.integers(2, 5, size=rng.integers(1, 9)).tolist())
        if anomalous:
            events[-1].insert(rng.integers(0, len(events[-1]) + 1), 5)
        labels.append(-1 if row % 11 == 0 else int(anomalous))
    return from_lists(events, labels)


def test_attention_by_hand() -> None:
    model = detector()
    model.fit_epoch(labelled_corpus(20))
    network: Any = model.network
    with torch.no_grad():
        network.attention.weight.zero_()
        network.attention.weight[0, 0] = 1.0
        network.attention.bias.zero_()
        states = torch.zeros(2, 3, 12)
        states[:, :, 0] = torch.tensor([[0.5, -1.0, 9.0], [2.0, 0.0, 1.0]])
        weights = network.attend(states, torch.tensor([[True, True, False], [True, True, True]])).numpy()
    first = np.exp(np.tanh([0.5, -1.0]))
    second = np.exp(np.tanh([2.0, 0.0, 1.0]))
    # The third place of the first sequence is padding, however large its state.
    np.testing.assert_allclose(weights, [[*(first / first.sum()), 0], second / second.sum()], rtol=1e-6)
    np.testing.assert_allclose(weights.sum(1), [1, 1], rtol=1e-6)


def test_logits_by_hand() -> None:
    """Against the bidirectional LSTM of torch, on a sequence without padding."""
    model = detector()
    model.fit_epoch(labelled_corpus(20))
    network: Any = model.network
    lstm = torch.nn.LSTM(12, 6, 2, batch_first=True, bidirectional=True)
    for row, layer in enumerate(network.layers):
        for direction, suffix in ((layer.ahead, ""), (layer.back, "_reverse")):
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                getattr(lstm, f"{name}_l{row}{suffix}").data.copy_(getattr(direction, f"{name}_l0"))
    with torch.no_grad():
        states = lstm(network.meaning[torch.tensor([[2, 5, 3]])])[0][0]  # (3, 2 * hidden)
        weights = torch.softmax(torch.tanh(states @ network.attention.weight[0] + network.attention.bias), 0)
        expected = (weights[:, None] * states).sum(0) @ network.output.weight.T + network.output.bias
        torch.testing.assert_close(network(torch.tensor([[2, 5, 3]]))[0], expected)


def test_padding_does_not_matter() -> None:
    model = detector()
    model.fit_epoch(labelled_corpus(20))
    network: Any = model.network
    with torch.no_grad():
        alone = network(torch.tensor([[4, 2, 5]]))
        beside = network(torch.tensor([[4, 2, 5, 0, 0, 0], [2, 2, 2, 2, 2, 2]]))
    torch.testing.assert_close(alone[0], beside[0])


def test_an_event_means_its_weighted_words() -> None:
    model = detector()
    model.fit_epoch(from_lists([[2, 3], [4, 5, 3]], [0, 1]))
    for row, event in enumerate((2, 3, 4, 5)):
        total = model.words.tf_idf(TEMPLATES[event])
        np.testing.assert_allclose(model.meaning[row], total / np.linalg.norm(total) * np.sqrt(12))


def test_new_events_have_the_vector_of_their_own_template() -> None:
    model = detector()
    model.fit_epoch(labelled_corpus(20))
    network: Any = model.network
    assert model.encode(np.array([7, 2, 6, 1, 99, 5], dtype=np.int32)).tolist() == [7, 2, 6, 1, 1, 5]
    table = network.meaning.numpy()
    assert table.shape == (2 + 4 + 2, 12)
    for row, event in ((6, 6), (7, 7)):
        total = model.words.tf_idf(TEMPLATES[event])
        np.testing.assert_allclose(table[row], total / np.linalg.norm(total) * np.sqrt(12), rtol=1e-5)
    assert not table[:2].any()  # padding, and what is unknown altogether
    cosine = table @ table[5] / 12
    assert cosine[6] > 0.6 > cosine[7]


def test_learns_and_is_robust_to_a_reworded_event() -> None:
    model = detector()
    for _ in range(25):
        facts = model.fit_epoch(labelled_corpus(120))
    assert facts["training_loss"] < 0.1
    scores = model.score(from_lists([[2, 5, 3], [2, 6, 3], [2, 4, 3]]))
    assert scores.paper.tolist() == [True, True, False]
    assert scores.unknown.tolist() == [0, 1, 0]
    assert scores.loss is None
    assert scores.score.min() >= 0
    assert scores.score.max() <= 1


def test_unlabelled_sequences_are_left_out() -> None:
    corpus = from_lists([[2, 3], [4, 5], [6, 6, 7], [2]], [0, 1, -1, 0])
    model = detector()
    facts = model.fit_epoch(corpus)
    assert (facts["examples"], facts["vocabulary"]) == (3, 4)
    assert "exceptions" not in model.words.words


def test_what_is_cut_off_is_told() -> None:
    model = detector(max_length=3)
    facts = model.fit_epoch(from_lists([[2, 3, 4, 5, 5], [4, 4, 4], [2, 2]], [1, 0, 0]))
    assert facts["events_cut"] == pytest.approx(2 / 10)
    scores = model.score(from_lists([[2, 3, 4, 5, 5], [2, 3, 4], [2, 3], []]))
    assert scores.components["events_cut"].tolist() == [2, 0, 0, 0]
    assert scores.length.tolist() == [5, 3, 2, 0]
    assert scores.score[0] == pytest.approx(scores.score[1], abs=1e-6)
    assert np.isfinite(scores.score).all()
    assert len(model.score(from_lists([])).score) == 0


def test_distinct_rows() -> None:
    table = np.array([[3, 0], [2, 1], [3, 0], [0, 3], [2, 1]])
    rows, row = distinct_rows(table)
    assert len(rows) == 3
    np.testing.assert_array_equal(rows[row], table)


class Plain(LogRobust):
    """Computes every sequence of a batch with all its padding, in double precision."""

    def build(self) -> Any:
        return super().build().double()

    def merge(self, examples: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return examples, torch.ones_like(examples)

    def predict(self, tokens: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(tokens)
        return logits


class Deduplicated(LogRobust):
    """The real thing, in double precision."""

    def build(self) -> Any:
        return super().build().double()


@pytest.mark.parametrize("imbalance", ["none", "class_weight", "oversample"])
def test_shortcuts_change_nothing(imbalance: str) -> None:
    corpus = labelled_corpus(60).take(np.random.default_rng(1).integers(0, 30, 90))
    models = [detector(kind, imbalance=imbalance) for kind in (Plain, Deduplicated)]
    for _ in range(2):
        told = [model.fit_epoch(corpus) for model in models]
    assert told[0]["training_loss"] == pytest.approx(told[1]["training_loss"], abs=1e-9)
    assert told[1]["distinct_examples"] < told[1]["examples"]
    for one, other in zip(*(model.network.parameters() for model in models), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


def test_imbalance_is_treated_and_told() -> None:
    corpus = labelled_corpus(60)
    normal, anomalous = ((corpus.labels == label).sum() for label in (0, 1))
    facts = detector(imbalance="oversample").fit_epoch(corpus)
    assert facts["examples"] == 2 * normal
    assert facts["imbalance"]["before"] == {"normal": normal, "anomalous": anomalous}
    assert facts["imbalance"]["after"] == {"normal": normal, "anomalous": normal}


def test_weights_of_the_classes_enter_the_loss() -> None:
    # One batch, at the same initial weights: the reported loss is not weighted, the gradient is.
    corpus = from_lists([[2, 3]] * 3 + [[4, 5]], [0, 0, 0, 1])
    plain, weighted = detector(), detector(imbalance="class_weight")
    told = [model.fit_epoch(corpus) for model in (plain, weighted)]
    assert told[0]["training_loss"] == pytest.approx(told[1]["training_loss"])
    assert told[0]["gradient_norm"] != pytest.approx(told[1]["gradient_norm"], rel=1e-3)
    assert told[1]["imbalance"]["weights"] == {"normal": 4 / 6, "anomalous": 2}


def test_a_restored_model_scores_the_same() -> None:
    model = detector()
    model.fit_epoch(labelled_corpus(40))
    other = LogRobust(SMALL, 1, "cpu")
    other.restore(model.state())
    other.read_templates(TEMPLATES)
    corpus = from_lists([[2, 7, 6], [5, 4], [3, 99]])
    assert other.score(corpus).score.tolist() == model.score(corpus).score.tolist()

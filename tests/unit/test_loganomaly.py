"""LogAnomaly: counts of a window by hand, new events that resemble known ones, and shortcuts that change no result."""

from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from logassay.corpus import Corpus, from_lists
from logassay.errors import UserError
from logassay.models.loganomaly import LogAnomaly

TEMPLATES = {
    2: "Receiving block <*>",
    3: "Received block <*> of size <*>",
    4: "Deleting block <*>",
    5: "Verification succeeded for <*>",
    6: "PacketResponder <*> terminating",
    7: "Deleting block <*> now",  # says the same as 4 but for a new word
    8: "Kernel panic",
    9: "Deleting: block of <*>",  # the very words of 4
}
SMALL = {"history": 4, "dimension": 16, "hidden": 8, "batch_size": 16}


def detector(kind: type[LogAnomaly] = LogAnomaly, **hyper: Any) -> LogAnomaly:
    kind.set_threads(1)
    result = kind(SMALL | hyper, 1, "cpu")
    result.read_templates(TEMPLATES)
    return result


def random_corpus(count: int, seed: int = 0) -> Corpus:
    """Sequences of the events 2 to 6."""
    rng = np.random.default_rng(seed)
    return from_lists([rng.integers(2, 7, size=rng.integers(0, 9)).tolist() for _ in range(count)])


def trained(**hyper: Any) -> LogAnomaly:
    result = detector(**hyper)
    result.fit_epoch(from_lists([[2, 3, 4, 5, 6]] * 30))
    return result


def test_counts_of_a_window() -> None:
    network: Any = trained().network
    # The known events 2 to 6; padding is no event, nor is an unknown one (1).
    counts = network.count(torch.tensor([[0, 2, 4, 2], [1, 6, 6, 6]]))
    assert counts.tolist() == [
        [[0, 0, 0, 0, 0], [1, 0, 0, 0, 0], [1, 0, 1, 0, 0], [2, 0, 1, 0, 0]],
        [[0, 0, 0, 0, 0], [0, 0, 0, 0, 1], [0, 0, 0, 0, 2], [0, 0, 0, 0, 3]],
    ]


def test_an_event_means_the_mean_of_its_words() -> None:
    model = trained()
    for row, event in enumerate((2, 3, 4, 5, 6)):
        mean = model.words.mean(TEMPLATES[event])
        np.testing.assert_allclose(model.meaning[row], mean / np.linalg.norm(mean) * 4)
    table = model.state()["meaning"].float()
    network: Any = model.network
    torch.testing.assert_close(network.meaning, torch.cat([torch.zeros(2, 16), table]))


def test_new_events_are_taken_for_the_most_similar_known_one() -> None:
    events = np.array([4, 7, 8, 9, 1, 77, 2], dtype=np.int32)
    # 4 is the model's 4. Event 9 has the same words; 7 resembles it; 8, 1 and 77, which has no template, are unknown.
    assert trained(match=0.5).encode(events).tolist() == [4, 4, 1, 4, 1, 1, 2]
    assert trained(match=0.999).encode(events).tolist() == [4, 1, 1, 4, 1, 1, 2]
    assert trained(match=1.1).encode(events).tolist() == [4, 1, 1, 1, 1, 1, 2]
    cosine = trained().words
    new, old = cosine.mean(TEMPLATES[7]), cosine.mean(TEMPLATES[4])
    assert 0.5 < new @ old / np.linalg.norm(new) / np.linalg.norm(old) < 0.999


def test_what_resembles_a_known_event_is_judged_as_that_and_what_does_not_is_never_right() -> None:
    model = trained(match=0.5, candidates=2)
    scores = model.score(from_lists([[2, 3, 4, 5, 6], [2, 3, 9, 5, 6], [2, 3, 8, 5, 6]]))
    assert scores.score[0] == scores.score[1]
    assert scores.unknown.tolist() == [0, 1, 1]  # counted as unknown, whatever it is taken for
    assert scores.components["rank_max"][2] == 7  # after the five known events and the end
    assert scores.paper[2]


def test_only_templates_of_training_sequences_matter_for_training() -> None:
    few, many = detector(), detector()
    few.read_templates({event: TEMPLATES[event] for event in range(2, 7)})
    for model in (few, many):
        model.fit_epoch(random_corpus(30))
    for one, other in zip(few.network.parameters(), many.network.parameters(), strict=True):
        assert torch.equal(one, other)
    assert few.words.matrix.tobytes() == many.words.matrix.tobytes()
    assert "kernel" not in many.words.words


def test_a_training_event_without_template_is_told() -> None:
    with pytest.raises(UserError, match=r"templates lack event 12, which occurs in training; give the templates\.parq"):
        detector().fit_epoch(from_lists([[2, 12]]))


class Plain(LogAnomaly):
    """Computes every window of a batch, in double precision."""

    def build(self) -> Any:
        return super().build().double()

    def predict(self, windows: torch.Tensor, window: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(windows[window])
        return logits


class Deduplicated(LogAnomaly):
    """The real thing, in double precision."""

    def build(self) -> Any:
        return super().build().double()


def test_deduplication_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)  # the counts
    plain, deduplicated = detector(Plain), detector(Deduplicated)
    for _ in range(2):
        told = [model.fit_epoch(random_corpus(40)) for model in (plain, deduplicated)]
    assert told[0]["training_loss"] == pytest.approx(told[1]["training_loss"], abs=1e-9)
    for one, other in zip(plain.network.parameters(), deduplicated.network.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


def test_scoring_equals_scoring_each_step_alone() -> None:
    model = detector()
    model.fit_epoch(random_corpus(40).take(range(30)))
    corpus = random_corpus(25, seed=1)
    scores = model.score(corpus)
    for row in range(len(corpus)):
        tokens = [*model.encode(corpus[row]).tolist(), 2 + model.vocabulary.size]
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
    judged = {}
    for end in (True, False):
        model = detector(session_end=end, learning_rate=0.02, candidates=1)
        for _ in range(8):
            model.fit_epoch(from_lists([[2, 3, 4, 5]] * 60))
        judged[end] = model.score(from_lists([[2, 3, 4, 5], [2, 3]]))
    assert judged[True].score[1] > 10 * judged[True].score[0]
    assert judged[True].paper.tolist() == [False, True]
    assert judged[False].score[1] <= judged[False].score[0]


def test_a_restored_model_scores_the_same() -> None:
    model = trained(match=0.5)
    other = LogAnomaly(SMALL | {"match": 0.5}, 1, "cpu")
    other.restore(model.state())
    other.read_templates(TEMPLATES)
    corpus = from_lists([[2, 3, 7, 5, 8], [9, 4], []])
    assert other.score(corpus).score.tolist() == model.score(corpus).score.tolist()


def test_word_vectors_from_a_file(tmp_path: Path) -> None:
    words = {
        "receiving": "1 0 0",
        "received": "0.9 0.1 0",
        "block": "0 0 1",
        "verification": "0 1 0",
        "kernel": "0 1 0.1",
    }
    path = tmp_path / "vectors.txt"
    path.write_text(f"{len(words)} 3\n" + "".join(f"{word} {values}\n" for word, values in words.items()))
    model = trained(vectors=str(path), match=0.5)
    # "Receiving block" is the mean of its two vectors, stretched to the length sqrt(3).
    np.testing.assert_allclose(model.meaning[0], np.array([1, 0, 1]) / np.sqrt(2) * np.sqrt(3))
    before = model.state()["words"]["words"]
    assert "kernel" not in before
    # The file knows "kernel", which training does not; "panic" is known to neither.
    model.score(from_lists([[8]]))
    assert model.state()["words"]["words"] == before
    path.unlink()
    with pytest.raises(UserError, match=r"vectors\.txt cannot be read"):
        trained(vectors=str(path))

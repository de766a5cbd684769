"""LogAnomaly (Meng et al., IJCAI 2019): which event comes next, judged from what the events before it say?

Like DeepLog it predicts every event from a window of events before it, but sees a window in two ways: as the meanings
of its events' templates, one after the other, and as how often each event has come. An event that training did not have
is taken for the known one whose template says nearly the same. Beyond the paper, the end of a sequence is an event, and
short sequences are padded.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from logassay.corpus import FIRST_EVENT, UNK
from logassay.models.base import FloatArray, IntArray, option
from logassay.models.neural import precision_option
from logassay.models.text import TextDetector, vector_table
from logassay.models.windows import SHORT_SESSIONS, WindowDetector
from logassay.vectors import WordVectors


@dataclass(frozen=True)
class Hyperparameters:
    """The paper's settings where it names them; the rest is ours.

    The paper has its word vectors trained with lists of synonyms and antonyms (template2vec); here they are learned
    from the training templates alone, or read from a file.
    """

    history: int = option(10, "events a prediction sees, w in the paper", least=1)
    dimension: int = option(64, "length of word vectors; with a file of vectors its own counts", least=1)
    vectors: str = option("", "file of pretrained word vectors in the word2vec text format; empty learns them")
    match: float = option(0.8, "least cosine similarity for a new event to be taken for a known one", least=0.0)
    hidden: int = option(64, "units of each LSTM layer", least=1)
    layers: int = option(2, "layers of each LSTM", least=1)
    candidates: int = option(9, "an event among this many most probable ones is normal, k in the paper", least=1)
    session_end: bool = option(True, "whether the end of a sequence is an event to be predicted")
    short_sessions: str = option("pad", "what happens to sequences shorter than the history", one_of=SHORT_SESSIONS)
    learning_rate: float = option(1e-3, "step size of Adam", least=0.0, most=1.0)
    batch_size: int = option(2048, "windows per optimiser step", least=1)
    precision: str = precision_option()
    score: str = option("nll_max", "component that serves as score", one_of=("nll_max", "nll_mean", "rank_max"))


class Network(nn.Module):
    """Two LSTMs, one on meanings and one on counts, and a linear layer from their last states to the candidates.

    Parameters
    ----------
    meaning : float64 array, shape (known events, dimension)
        The vector of each known event's template; it is not trained. PAD and UNK have the vector 0.
    candidates : int
        Number of events that can be predicted.
    hyper : Hyperparameters
        Sizes.
    """

    meaning: Tensor

    def __init__(self, meaning: FloatArray, candidates: int, hyper: Hyperparameters) -> None:
        super().__init__()
        known, dimension = meaning.shape
        self.register_buffer("meaning", vector_table(meaning), persistent=False)
        self.semantic = nn.LSTM(dimension, hyper.hidden, hyper.layers, batch_first=True)
        self.quantitative = nn.LSTM(known, hyper.hidden, hyper.layers, batch_first=True)
        self.output = nn.Linear(2 * hyper.hidden, candidates)

    def count(self, windows: Tensor) -> Tensor:
        """Count events: shape (windows, history, known events).

        At each place of a window stands how often each known event has come so far; at the last, in the whole window.
        """
        return functional.one_hot(windows, len(self.meaning))[:, :, FIRST_EVENT:].cumsum(1).float()

    def forward(self, windows: Tensor) -> Tensor:
        """Return logits, shape (windows, candidates), for windows of shape (windows, history)."""
        semantic, _ = self.semantic(self.meaning[windows])  # (windows, history, hidden)
        quantitative, _ = self.quantitative(self.count(windows))
        logits: Tensor = self.output(torch.cat([semantic[:, -1], quantitative[:, -1]], dim=1))
        return logits


class LogAnomaly(TextDetector, WindowDetector):
    """Predict each event from the `history` events before it; what is measured is described at `WindowDetector`.

    A template's vector is the mean of its words' vectors. An event that training did not have is replaced by the known
    one with the most similar template, if the cosine similarity is at least `match`. Otherwise it stays unknown, and is
    never predicted right.

    The paper's rule: anomalous if any event is not among the `candidates` most probable ones.
    """

    hyper_kind = Hyperparameters
    hyper: Hyperparameters

    def build(self) -> Network:
        """Create the network; the candidates are the known events and the end."""
        return Network(self.meaning, self.vocabulary.size + self.hyper.session_end, self.hyper)

    def compose(self, words: WordVectors, template: str) -> FloatArray:
        """Average the vectors of a template's words."""
        return words.mean(template)

    def admit(self, vectors: FloatArray) -> IntArray:
        """Take new events for the known ones with the most similar templates, or for UNK."""
        # All vectors have the length sqrt(dimension), or 0.
        similarity = vectors @ self.meaning.T / self.words.dimension  # (new events, known events)
        nearest = FIRST_EVENT + similarity.argmax(axis=1)
        return np.where(similarity.max(axis=1) >= self.hyper.match, nearest, UNK)


DETECTOR = LogAnomaly

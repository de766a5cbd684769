"""LogRobust (Zhang et al., ESEC/FSE 2019): is this sequence anomalous, judged from what its events say?

A supervised model. Each event is the vector of its template, words weighted by how telling they are, so that an event
that training did not have still says something. A bidirectional LSTM reads the sequence, attention weighs its events.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from logassay.corpus import FIRST_EVENT, PAD
from logassay.imbalance import STRATEGIES
from logassay.models.base import FloatArray, IntArray, option
from logassay.models.classifier import Classifier
from logassay.models.neural import precision_option
from logassay.models.text import TextDetector, vector_table
from logassay.vectors import WordVectors


@dataclass(frozen=True)
class Hyperparameters:
    """The paper's settings where it names them; its word vectors come from FastText on other texts."""

    dimension: int = option(64, "length of word vectors; with a file of vectors its own counts", least=1)
    vectors: str = option("", "file of pretrained word vectors in the word2vec text format; empty learns them")
    hidden: int = option(128, "units of each LSTM layer in each direction", least=1)
    layers: int = option(2, "layers of the LSTM", least=1)
    max_length: int = option(50, "events of a sequence that are looked at; the rest is cut off", least=1)
    imbalance: str = option("none", "what is done where one class is rarer", one_of=STRATEGIES)
    learning_rate: float = option(1e-3, "step size of Adam", least=0.0, most=1.0)
    batch_size: int = option(64, "sequences per optimiser step", least=1)
    precision: str = precision_option()


class Layer(nn.Module):
    """One layer of the bidirectional LSTM.

    Two LSTMs in one direction each, the second on mirrored sequences: padding then comes last for both, so that no
    state has seen it, and packing is not needed, whose gradient costs time that grows with the square of the length.
    """

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.ahead = nn.LSTM(inputs, hidden, batch_first=True)
        self.back = nn.LSTM(inputs, hidden, batch_first=True)

    def forward(self, x: Tensor, mirror: Tensor) -> Tensor:
        """Return states, shape (n, length, 2 * hidden), for `x` of shape (n, length, inputs).

        `mirror`, shape (n, length), has for each place that which it changes with when its sequence is read backwards.
        """
        mirrored = self.back(_rearrange(x, mirror))[0]
        return torch.cat([self.ahead(x)[0], _rearrange(mirrored, mirror)], dim=2)


def _rearrange(x: Tensor, place: Tensor) -> Tensor:
    return x.gather(1, place[:, :, None].expand(-1, -1, x.shape[2]))


class Network(nn.Module):
    """Bidirectional LSTM, attention over its states, and a linear layer from their weighted sum to the two classes.

    Parameters
    ----------
    meaning : float64 array, shape (known events, dimension)
        The vector of each known event's template; it is not trained. PAD and UNK have the vector 0.
    hyper : Hyperparameters
        Sizes.
    """

    meaning: Tensor

    def __init__(self, meaning: FloatArray, hyper: Hyperparameters) -> None:
        super().__init__()
        self.register_buffer("meaning", vector_table(meaning), persistent=False)
        inputs = [meaning.shape[1], *[2 * hyper.hidden] * (hyper.layers - 1)]
        self.layers = nn.ModuleList(Layer(size, hyper.hidden) for size in inputs)
        self.attention = nn.Linear(2 * hyper.hidden, 1)
        self.output = nn.Linear(2 * hyper.hidden, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return logits, shape (n, 2), for tokens of shape (n, length)."""
        # A sequence without events is one of a single event that says nothing.
        lengths = (tokens != PAD).sum(1, keepdim=True).clamp(min=1)  # (n, 1)
        place = torch.arange(tokens.shape[1], device=tokens.device)
        mirror = torch.where(place < lengths, lengths - 1 - place, place)
        states = self.meaning[tokens]
        for layer in self.layers:
            states = layer(states, mirror)  # (n, length, 2 * hidden)
        weights = self.attend(states, place < lengths)
        logits: Tensor = self.output((weights[:, :, None] * states).sum(1))
        return logits

    def attend(self, states: Tensor, present: Tensor) -> Tensor:
        """Weigh the events of each sequence, shape (n, length): softmax of tanh(W h) over those that are `present`."""
        energy = torch.tanh(self.attention(states)[:, :, 0])
        return energy.masked_fill(~present, -torch.inf).softmax(1)


class LogRobust(Classifier, TextDetector):
    """Tell anomalous sequences from normal ones; see `Classifier` for what is measured.

    A template's vector is the sum of its words' vectors, each weighted by its tf-idf among the training templates. New
    events have the vector of their own template.

    The paper's rule: anomalous if the probability of that exceeds 0.5.
    """

    hyper_kind = Hyperparameters
    hyper: Hyperparameters
    network: Network

    def build(self) -> Network:
        """Create the network."""
        return Network(self.meaning, self.hyper)

    def compose(self, words: WordVectors, template: str) -> FloatArray:
        """Add up the weighted vectors of a template's words."""
        return words.tf_idf(template)

    def admit(self, vectors: FloatArray) -> IntArray:
        """Show the network the vectors of new events, numbered after the known ones, until others come."""
        self.network.meaning = vector_table(np.concatenate([self.meaning, vectors])).to(self.device)
        return FIRST_EVENT + self.vocabulary.size + np.arange(len(vectors))


DETECTOR = LogRobust

"""CNN (Lu, Wei, Li and Wang, DASC 2018): is this sequence anomalous, judged from the short runs of events in it?

A supervised model. Filters of several widths look at every run of so many events; the strongest answer of each filter
anywhere in the sequence decides.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from logassay.corpus import FIRST_EVENT, PAD, UNK
from logassay.imbalance import STRATEGIES
from logassay.models.base import option
from logassay.models.classifier import Classifier
from logassay.models.neural import precision_option

WIDTHS = (3, 4, 5)
"""Events that a filter looks at, as in the paper."""


@dataclass(frozen=True)
class Hyperparameters:
    """The paper's settings where it names them. Its dropout is left out: equal sequences are computed once."""

    embedding: int = option(128, "length of an event's vector", least=1)
    filters: int = option(128, "filters of each width", least=1)
    max_length: int = option(50, "events of a sequence that are looked at; the rest is cut off", least=1)
    imbalance: str = option("none", "what is done where one class is rarer", one_of=STRATEGIES)
    learning_rate: float = option(1e-3, "step size of Adam", least=0.0, most=1.0)
    batch_size: int = option(64, "sequences per optimiser step", least=1)
    precision: str = precision_option()


class Network(nn.Module):
    """Embedding, filters of each width, their largest values, and a linear layer from these to the two classes.

    Parameters
    ----------
    known : int
        Number of known events.
    hyper : Hyperparameters
        Sizes.
    """

    def __init__(self, known: int, hyper: Hyperparameters) -> None:
        super().__init__()
        self.embedding = nn.Embedding(FIRST_EVENT + known, hyper.embedding, padding_idx=PAD)
        # Training never shows UNK: zero misleads less than a random vector, but is what padding has, so that an unknown
        # event at the end of a sequence goes unseen. Unlike the other models this one needs new-event beside it.
        nn.init.zeros_(self.embedding.weight.data[UNK])
        self.filters = nn.ModuleList(nn.Conv1d(hyper.embedding, hyper.filters, width) for width in WIDTHS)
        self.output = nn.Linear(len(WIDTHS) * hyper.filters, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return logits, shape (n, 2), for tokens of shape (n, length)."""
        x = self.embedding(tokens).transpose(1, 2)  # (n, embedding, length)
        # Runs start at events alone, and at the first place of an empty sequence; beyond the end they see zeros.
        place = torch.arange(tokens.shape[1], device=tokens.device)
        outside = place >= (tokens != PAD).sum(1, keepdim=True).clamp(min=1)  # (n, length)
        strongest = []
        for width, look in zip(WIDTHS, self.filters, strict=True):
            answers = functional.relu(look(functional.pad(x, (0, width - 1))))  # (n, filters, length)
            strongest.append(answers.masked_fill(outside[:, None, :], 0.0).amax(2))
        logits: Tensor = self.output(torch.cat(strongest, dim=1))
        return logits


class CNN(Classifier):
    """Tell anomalous sequences from normal ones; see `Classifier` for what is measured.

    The paper's rule: anomalous if the probability of that exceeds 0.5.
    """

    hyper_kind = Hyperparameters
    hyper: Hyperparameters

    def build(self) -> Network:
        """Create the network."""
        return Network(self.vocabulary.size, self.hyper)


DETECTOR = CNN

"""DeepLog (Du, Li, Zheng and Srikumar, CCS 2017), the log-key model: which event comes next?

An LSTM predicts every event of a sequence from the events before it; a sequence is anomalous if an event comes that
the network did not expect. Beyond the paper, the end of a sequence is an event too, so that one which breaks off early
is noticed, and sequences shorter than the history are padded on the left instead of being dropped.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from logassay.corpus import FIRST_EVENT, UNK
from logassay.models.base import option
from logassay.models.neural import precision_option
from logassay.models.windows import SHORT_SESSIONS, WindowDetector


@dataclass(frozen=True)
class Hyperparameters:
    """The paper's settings; the embedding (the paper feeds one-hot vectors), batch size and learning rate are ours."""

    history: int = option(10, "events a prediction sees, h in the paper", least=1)
    embedding: int = option(32, "length of an event's vector", least=1)
    hidden: int = option(64, "units of each LSTM layer, alpha in the paper", least=1)
    layers: int = option(2, "LSTM layers, L in the paper", least=1)
    candidates: int = option(9, "an event among this many most probable ones is normal, g in the paper", least=1)
    session_end: bool = option(True, "whether the end of a sequence is an event to be predicted")
    short_sessions: str = option("pad", "what happens to sequences shorter than the history", one_of=SHORT_SESSIONS)
    learning_rate: float = option(1e-3, "step size of Adam", least=0.0, most=1.0)
    batch_size: int = option(2048, "windows per optimiser step", least=1)
    precision: str = precision_option()
    score: str = option("nll_max", "component that serves as score", one_of=("nll_max", "nll_mean", "rank_max"))


class Network(nn.Module):
    """Embedding, LSTM, and a linear layer from its last state to the candidates.

    Parameters
    ----------
    candidates : int
        Number of events that can be predicted.
    hyper : Hyperparameters
        Sizes.
    """

    def __init__(self, candidates: int, hyper: Hyperparameters) -> None:
        super().__init__()
        self.embedding = nn.Embedding(FIRST_EVENT + candidates, hyper.embedding)
        # Training never shows UNK to most models: zero, the mean of the others, misleads less than a random vector.
        nn.init.zeros_(self.embedding.weight.data[UNK])
        self.lstm = nn.LSTM(hyper.embedding, hyper.hidden, hyper.layers, batch_first=True)
        self.output = nn.Linear(hyper.hidden, candidates)

    def forward(self, windows: Tensor) -> Tensor:
        """Return logits, shape (windows, candidates), for windows of shape (windows, history)."""
        states, _ = self.lstm(self.embedding(windows))  # (windows, history, hidden)
        logits: Tensor = self.output(states[:, -1])
        return logits


class DeepLog(WindowDetector):
    """Predict each event from the `history` events before it; what is measured is described at `WindowDetector`.

    The paper's rule: anomalous if any event is not among the `candidates` most probable ones.
    """

    hyper_kind = Hyperparameters
    hyper: Hyperparameters

    def build(self) -> nn.Module:
        """Create the network; the candidates are the known events and the end."""
        return Network(self.vocabulary.size + self.hyper.session_end, self.hyper)


DETECTOR = DeepLog

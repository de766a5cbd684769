"""How much faster the models train than their plain formulation: the same network and batches, nothing left out.

Plain means: equal windows or sequences are computed as often as they occur, the whole length is padded, and torch's own
optimiser takes the steps. LogBERT is torch's own encoder on sequences padded to the longest of a random batch, restores
every place and finds its centre in a pass of its own.
"""

import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from logassay import cli, models
from logassay.corpus import PAD, Corpus
from logassay.models.base import Detector, FloatArray, IntArray, Vocabulary
from logassay.models.classifier import Classifier
from logassay.models.logbert import Hyperparameters, LogBERT, Network, Pieces
from logassay.models.neural import Adam, surprise
from logassay.models.windows import WindowDetector


class PlainAdam(Adam):
    """The optimiser that comes with torch."""

    def __init__(self, parameters: dict[str, Tensor], learning_rate: float) -> None:
        super().__init__(parameters, learning_rate)
        self.torchs = torch.optim.Adam(parameters.values(), lr=learning_rate)

    def step(self) -> None:
        """Update every weight from its gradient."""
        self.steps += 1
        self.torchs.step()


class Plain:
    """What all plain formulations share."""

    network: Any
    hyper: Any

    def create(self, vocabulary: Vocabulary) -> None:
        """Create the network and its optimiser."""
        super().create(vocabulary)  # type: ignore[misc]
        self.optimiser = PlainAdam(dict(self.network.named_parameters()), self.hyper.learning_rate)


class PlainWindows:
    """Windows computed one by one, in training and in scoring."""

    network: Any
    device: str

    def predict(self, windows: Tensor, window: Tensor) -> Tensor:
        """Return logits of every window of a batch."""
        logits: Tensor = self.network(windows[window])
        return logits

    @torch.no_grad()
    def judge_all(self, windows: IntArray, window: IntArray, target: IntArray) -> tuple[FloatArray, FloatArray]:
        """Judge every step of every sequence."""
        nll, rank = np.empty(len(window)), np.empty(len(window))
        for begin in range(0, len(window), 2048):
            rows = slice(begin, begin + 2048)
            logits = self.network(torch.from_numpy(windows[window[rows]]).to(self.device))
            nll[rows], rank[rows] = surprise(logits, target[rows])
        return nll, rank


class PlainSequences:
    """Sequences computed one by one, padded to the full length."""

    network: Any

    def merge(self, examples: Tensor) -> tuple[Tensor, Tensor]:
        """Return all examples of a batch, each counted once."""
        return examples, torch.ones_like(examples)

    def predict(self, tokens: Tensor) -> Tensor:
        """Return logits for rows of the full length."""
        logits: Tensor = self.network(tokens)
        return logits


class PlainEncoder(nn.Module):
    """LogBERT's network from torch's own parts, with the same weights and dropout at the same places."""

    positions: Tensor

    def __init__(self, network: Network, hyper: Hyperparameters) -> None:
        super().__init__()
        self.dist, self.mask = network.dist, network.mask
        self.embedding, self.positions, self.output = network.embedding, network.positions, network.output
        self.dropout = nn.Dropout(hyper.dropout)
        layer = nn.TransformerEncoderLayer(
            hyper.hidden, hyper.heads, hyper.feed_forward, hyper.dropout, batch_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, hyper.layers, enable_nested_tensor=False)
        for theirs, ours in zip(self.encoder.layers, network.layers, strict=True):
            theirs.self_attn.dropout, theirs.dropout = 0.0, nn.Identity()  # the two that LogBERT's layers do not have
            pairs: dict[str, nn.Module] = {
                "self_attn.in_proj_": ours.query_key_value,
                "self_attn.out_proj.": ours.join,
                "norm1.": ours.norm_attention,
                "linear1.": ours.widen,
                "linear2.": ours.narrow,
                "norm2.": ours.norm_feed_forward,
            }
            theirs.load_state_dict(
                {name + kind: part.state_dict()[kind] for name, part in pairs.items() for kind in ("weight", "bias")}
            )

    def forward(self, tokens: Tensor, masked: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits of the masked places, having computed all, and the vectors of DIST."""
        x = self.dropout(self.embedding(tokens) + self.positions[: tokens.shape[1]])
        x = self.encoder(x, src_key_padding_mask=tokens == PAD)
        return self.output(x).flatten(0, 1)[masked], x[:, 0]


class PlainMasks:
    """LogBERT with a plain network, and a pass for the centre."""

    network: Any
    hyper: Any
    device: str
    pieces: Callable[[Corpus], Pieces]
    tokens: Callable[[Pieces, IntArray], Tensor]

    def build(self) -> PlainEncoder:
        """Create the network."""
        network = super().build()  # type: ignore[misc]
        with torch.random.fork_rng(devices=[]):
            return PlainEncoder(network, self.hyper)

    def train_epoch(self, train: Corpus) -> dict[str, Any]:
        """Train as usual, then look at all sequences again for the centre."""
        facts: dict[str, Any] = super().train_epoch(train)  # type: ignore[misc]
        self.network.eval()
        pieces = self.pieces(train)
        with torch.no_grad():
            none = torch.zeros(0, dtype=torch.int64, device=self.device)
            every = np.arange(len(pieces.length))
            batches = np.split(every, range(self.hyper.batch_size, len(every), self.hyper.batch_size))
            sums = [self.network(self.tokens(pieces, rows), none)[1].sum(0) for rows in batches]
        self.centre = (torch.stack(sums).sum(0) / len(pieces.length)).float()
        return facts


def plain(detector: type[Detector]) -> type[Detector]:
    """Return the plain formulation of a model."""
    for kind, mixin in ((WindowDetector, PlainWindows), (Classifier, PlainSequences), (LogBERT, PlainMasks)):
        if issubclass(detector, kind):
            return type(f"Plain{detector.__name__}", (mixin, Plain, detector), {})
    raise ValueError(f"{detector.__name__} has no plain formulation")


def compare_training(
    variant: str, settings: dict[str, Any], train: Corpus, templates: dict[int, str], epochs: int, threads: int
) -> dict[str, Any]:
    """Train a model and its plain formulation in turn, epoch by epoch.

    Parameters
    ----------
    variant : str
        Name for messages.
    settings : dict
        `module` and `hyper` of the variant.
    train : Corpus
        Training sequences.
    templates : dict of int to str
        Text of each event.
    epochs : int
        Epochs of each; the median counts.
    threads : int
        Threads of torch.

    Returns
    -------
    dict
        Seconds per epoch of both, their ratio, and both curves of the training loss.
    """
    fast = models.load(settings["module"])
    fast.set_threads(threads)
    corpus = train if fast.supervised else train.not_anomalous()
    seconds: dict[str, list[float]] = {"fast": [], "plain": []}
    losses: dict[str, list[float]] = {"fast": [], "plain": []}
    detectors = {
        name: kind(settings["hyper"], 1, "cpu", variant) for name, kind in (("fast", fast), ("plain", plain(fast)))
    }
    for detector in detectors.values():
        detector.read_templates(templates)
    for _ in cli.progress(range(epochs), variant):
        for name, detector in detectors.items():
            begin = time.perf_counter()
            losses[name].append(detector.fit_epoch(corpus)["training_loss"])
            seconds[name].append(time.perf_counter() - begin)
    middle = {name: median(values) for name, values in seconds.items()}
    return {
        "variant": variant,
        "sequences": len(corpus),
        "epoch_seconds": middle["fast"],
        "plain_epoch_seconds": middle["plain"],
        "speedup": middle["plain"] / middle["fast"],
        "losses": losses["fast"],
        "plain_losses": losses["plain"],
    }


def compare_scoring(variant: str, settings: dict[str, Any], corpus: Corpus, repeats: int) -> dict[str, Any]:
    """Score with a window model and with its plain formulation in turn; both must say the same."""
    from logassay.score import score_corpus

    kind = models.load(settings["module"])
    fast = kind(settings["hyper"], 1, "cpu", variant)
    fast.fit_epoch(corpus.not_anomalous())
    slow = plain(kind)(settings["hyper"], 1, "cpu", variant)
    slow.restore(fast.state())
    assert isinstance(fast, WindowDetector)
    steps = fast.steps(corpus)
    seconds: dict[str, list[float]] = {"fast": [], "plain": []}
    for _ in range(repeats):
        begin = time.perf_counter()
        found = score_corpus(fast, corpus).components["nll_max"]
        seconds["fast"].append(time.perf_counter() - begin)
        # The windows are at hand here; laying them out without merging equal ones would cost the plain way more.
        begin = time.perf_counter()
        nll, _ = slow.judge_all(steps.windows, steps.window, steps.target)  # type: ignore[attr-defined]
        largest = np.zeros(len(corpus))
        np.maximum.at(largest, steps.owner, nll)
        seconds["plain"].append(time.perf_counter() - begin)
        if np.abs(largest - found).max() > 1e-4:
            raise RuntimeError(f"{variant}: both ways of scoring disagree")
    middle = {name: median(values) for name, values in seconds.items()}
    return {
        "variant": variant,
        "sequences": len(corpus),
        "sequences_per_second": len(corpus) / middle["fast"],
        "plain_sequences_per_second": len(corpus) / middle["plain"],
        "speedup": middle["plain"] / middle["fast"],
    }


def table(rows: list[dict[str, Any]], columns: dict[str, str]) -> Iterator[list[str]]:
    """Yield heading and rows of a table of numbers."""
    yield list(columns.values())
    for row in rows:
        yield [row[name] if isinstance(row[name], str) else f"{row[name]:,.3g}" for name in columns]

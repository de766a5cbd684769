"""How much faster the models train than their plain formulation: the same network and batches, nothing left out.

Plain means: equal windows or sequences are computed as often as they occur, batches are not sorted by length, the whole
length is padded, LogBERT restores every place and finds its centre in a pass of its own.
"""

import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor

from logassay import cli, models
from logassay.corpus import Corpus
from logassay.models.base import Detector, FloatArray, IntArray
from logassay.models.classifier import Classifier
from logassay.models.logbert import LogBERT, Pieces
from logassay.models.neural import surprise
from logassay.models.windows import WindowDetector


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


class PlainMasks:
    """Batches in random order, logits at every place, and a pass for the centre."""

    network: Any
    hyper: Any
    device: str
    pieces: Callable[[Corpus], Pieces]
    tokens: Callable[[Pieces, IntArray], Tensor]

    def random_batches(self, length: IntArray) -> list[IntArray]:
        """Divide pieces into batches at random."""
        order = torch.randperm(len(length)).numpy()
        return np.split(order, range(self.hyper.batch_size, len(order), self.hyper.batch_size))

    def train_epoch(self, train: Corpus) -> dict[str, Any]:
        """Train as usual, but with every logit, then look at all sequences again for the centre."""
        whole = self.network.forward

        def forward(tokens: Tensor, masked: Tensor) -> tuple[Tensor, Tensor]:
            places = torch.arange(tokens.numel(), device=tokens.device)
            logits, dist = whole(tokens, places)
            return logits[masked], dist

        self.network.forward = forward
        try:
            facts: dict[str, Any] = super().train_epoch(train)  # type: ignore[misc]
        finally:
            self.network.forward = whole
        pieces = self.pieces(train)
        with torch.no_grad():
            none = torch.zeros(0, dtype=torch.int64, device=self.device)
            sums = [
                self.network(self.tokens(pieces, rows), none)[1].sum(0) for rows in self.random_batches(pieces.length)
            ]
        self.centre = (torch.stack(sums).sum(0) / len(pieces.length)).float()
        return facts


def plain(detector: type[Detector]) -> type[Detector]:
    """Return the plain formulation of a model."""
    for kind, mixin in ((WindowDetector, PlainWindows), (Classifier, PlainSequences), (LogBERT, PlainMasks)):
        if issubclass(detector, kind):
            return type(f"Plain{detector.__name__}", (mixin, detector), {})
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
        begin = time.perf_counter()
        steps = fast.steps(corpus)
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

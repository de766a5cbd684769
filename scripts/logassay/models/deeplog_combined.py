"""DeepLog (Du, Li, Zheng and Srikumar, CCS 2017), complete: the log-key model and the parameter-value model together.

Each learns for itself; here is only how two verdicts become one.
"""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from logassay.corpus import Corpus
from logassay.models import deeplog
from logassay.models.base import Detector, FloatArray, Scores, option
from logassay.models.deeplog_values import SCORES, DeepLogValues, held_out
from logassay.models.neural import NeuralDetector

TAIL = 0.1
"""Share of the held-out sequences that the tail of a score's distribution is fitted to."""


@dataclass(frozen=True)
class Hyperparameters(deeplog.Hyperparameters):
    """Those of the log-key model; history, hidden, layers and learning_rate serve both, as in the paper."""

    parameters: int = option(10, "at most so many numbers of an event are used, the first ones", least=0)
    least: int = option(50, "a template with fewer vectors to learn from is not judged by its values", least=1)
    held_out: float = option(0.2, "share of the training sequences that errors are fitted on", least=0.01, most=0.9)
    confidence: float = option(0.999, "share of the errors that the interval holds", least=0.5, most=0.999999)
    value_batch_size: int = option(128, "vectors of one template per optimiser step", least=1)
    value_score: str = option("entry_max", "component of the value model that counts", one_of=SCORES)


@dataclass(frozen=True)
class Tail:
    """How surprising a score is among those of normal sequences that were not learned from.

    Up to the quantile 1 - `TAIL` the surprise is -log of the share of them that are at least as large. Beyond it their
    excess is taken for exponential, so that scores above all of them differ as well; that is the peaks-over-threshold
    method (Pickands 1975) with shape 0. Surprises of different scores are on one scale: 4.6 is one in a hundred.

    Attributes
    ----------
    known : float64 array, shape (n,)
        Scores of normal sequences, ascending.
    """

    known: FloatArray

    @classmethod
    def of(cls, scores: FloatArray) -> "Tail":
        """Learn from scores of normal sequences."""
        return cls(np.sort(scores))

    def surprise(self, scores: FloatArray) -> FloatArray:
        """Return the surprise of each score, shape (n,); never negative, and larger for a larger score."""
        count = len(self.known)
        begin = self.known[math.ceil((1 - TAIL) * count) - 1]
        beyond = self.known[self.known > begin]
        # A score without a tail: what lies beyond is measured by its own size.
        excess = float(beyond.mean() - begin) if len(beyond) else max(abs(float(begin)), 1.0) / 100
        share = (count - np.searchsorted(self.known, scores)) / count
        inside = -np.log(np.maximum(share, 1 / count))
        tail = -math.log(max(len(beyond), 1) / count) + (scores - begin) / excess
        surprise: FloatArray = np.where(scores > begin, tail, inside)
        return surprise


class DeepLogCombined(Detector):
    """Judge events by what comes and by what it measured; see `deeplog` and `deeplog_values` for the two models.

    The paper's rule: anomalous if either model says so.

    The score is the larger of the two surprises, see `Tail`. Both are measured on the sequences that the value model
    holds out, from which the log-key model does not learn here either; the value model's Gaussians are fitted on them.
    No label and no sequence outside of training is used. The loss is that of the log-key model. Components: those of
    both models, `key_surprise` and `value_surprise`.
    """

    uses_values: ClassVar[bool] = True
    checkpoint_suffix: ClassVar[str] = ".pt"
    hyper_kind = Hyperparameters

    def __init__(self, hyperparameters: dict[str, Any], seed: int, device: str, variant: str = "<variant>") -> None:
        super().__init__(hyperparameters, seed, device, variant)
        hyper = self.hyperparameters
        shared = ("history", "hidden", "layers", "learning_rate", "parameters", "least", "held_out", "confidence")
        own = {name: hyper[name] for name in shared}
        own |= {"batch_size": hyper["value_batch_size"], "score": hyper["value_score"]}
        keys = {name: hyper[name] for name in deeplog.Hyperparameters.__dataclass_fields__}
        self.keys = deeplog.DeepLog(keys, seed, device, variant)
        self.values = DeepLogValues(own, seed, device, variant)
        self.device = self.keys.device

    @staticmethod
    def set_threads(threads: int) -> None:
        """Let torch compute on so many threads."""
        NeuralDetector.set_threads(threads)

    def fit_epoch(self, train: Corpus) -> dict[str, Any]:
        """Train both models for one epoch, then learn the distributions of their scores."""
        held = held_out(len(train), self.hyper.held_out, self.seed)
        facts = self.values.fit_epoch(train)
        keys = self.keys.fit_epoch(train.take(~held))
        self._vocabulary = self.keys.vocabulary
        kept = train.take(held)
        self.key_tail = Tail.of(self.keys.score(kept).score)
        self.value_tail = Tail.of(self.values.score(kept).score)
        own = ("templates_judged", "templates_left_out", "vectors_left_out", "sequences_held_out")
        told = {name: facts[name] for name in own}
        told |= {"value_loss": facts["training_loss"], "value_examples": facts["examples"]}
        return keys | told | {"parameters": keys["parameters"] + facts["parameters"]}

    def score(self, corpus: Corpus) -> Scores:
        """Score every sequence."""
        keys, values = self.keys.score(corpus), self.values.score(corpus)
        surprises = {
            "key_surprise": self.key_tail.surprise(keys.score),
            "value_surprise": self.value_tail.surprise(values.score),
        }
        score = np.maximum(surprises["key_surprise"], surprises["value_surprise"])
        components = keys.components | values.components | surprises
        return self.scores(corpus, score, keys.paper | values.paper, keys.loss, components)

    def state(self) -> dict[str, Any]:
        """Return the states of both models and the distributions of their scores."""
        return super().state() | {
            "keys": self.keys.state(),
            "values": self.values.state(),
            "key_tail": torch.from_numpy(self.key_tail.known),
            "value_tail": torch.from_numpy(self.value_tail.known),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Become the model that returned `state`."""
        super().restore(state)
        self.keys.restore(state["keys"])
        self.values.restore(state["values"])
        self.key_tail, self.value_tail = Tail(state["key_tail"].numpy()), Tail(state["value_tail"].numpy())


DETECTOR = DeepLogCombined

"""What supervised deep models share: whole sequences of limited length, told apart by their labels.

The network, and what it is shown of an event, are the model's own.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from logassay import cli
from logassay.corpus import PAD, UNLABELLED, Corpus
from logassay.imbalance import balance
from logassay.models.base import IntArray, Scores
from logassay.models.neural import NeuralDetector

TOGETHER = {"cpu": 16, "cuda": 4096}
"""Sequences of a batch that go through the network together: on a CPU few of similar length, to compute no padding."""
SCORING_BATCH = 512
"""Sequences that go through it together when nothing is learned."""


class Classifier(NeuralDetector):
    """Tell anomalous sequences from normal ones.

    The network maps tokens, int64, shape (n, length), with PAD after the last event of each row, to logits, shape
    (n, 2), of normal and anomalous; how much padding there is must not matter. The hyperparameters have `max_length`,
    `learning_rate`, `batch_size` and `imbalance`.

    Only the first `max_length` events of a sequence are seen. What is lost is told: `events_cut` is the share of the
    training sequences' events in the facts of an epoch, and the number of events in the components of a score.

    The score is the probability of the class anomalous; the rule calls a sequence anomalous above 0.5. There is no
    loss, since no events are predicted. Unlabelled training sequences are left out.
    """

    supervised: ClassVar[bool] = True

    def fit_epoch(self, train: Corpus) -> dict[str, Any]:
        """Train for one epoch on the labelled sequences."""
        return super().fit_epoch(train.take(train.labels != UNLABELLED))

    def train_epoch(self, train: Corpus) -> dict[str, Any]:
        """Minimise the cross-entropy of the labels, in random order."""
        balanced = balance(self.lay_out(train), train.labels.astype(np.int64), self.hyper.imbalance, self.seed)
        rows, row = distinct_rows(balanced.sequences)
        tokens = torch.from_numpy(rows).to(self.device)
        # Equal sequences with the same label have the same number.
        examples = torch.from_numpy(2 * row + balanced.labels).to(self.device)
        weights = torch.tensor(balanced.weights, device=self.device)

        def batches() -> Iterator[tuple[Tensor, Tensor, int]]:
            order = torch.randperm(len(examples)).to(self.device)
            for batch in cli.progress(order.split(self.hyper.batch_size), type(self).__name__):
                distinct, times = self.merge(examples[batch])
                label = distinct % 2
                nll = functional.cross_entropy(self.predict(tokens[distinct // 2]), label, reduction="none")
                weight = times * weights[label]
                yield (weight * nll).sum() / weight.sum(), (times * nll).sum() / len(batch), len(batch)

        cut = np.maximum(train.lengths - self.hyper.max_length, 0).sum()
        return self.facts(
            len(examples),
            distinct_examples=len(torch.unique(examples)),
            events_cut=float(cut / max(len(train.events), 1)),
            imbalance=balanced.facts,
            **self.descend(batches()),
        )

    def lay_out(self, corpus: Corpus) -> IntArray:
        """Write the first `max_length` events of each sequence into a row, shape (sequences, max_length)."""
        kept = np.minimum(corpus.lengths, self.hyper.max_length)
        row = np.repeat(np.arange(len(corpus)), kept)
        place = np.arange(len(row)) - np.repeat(np.cumsum(kept) - kept, kept)
        tokens = np.full((len(corpus), self.hyper.max_length), PAD, dtype=np.int64)
        tokens[row, place] = self.encode(corpus.events)[corpus.offsets[row] + place]
        return tokens

    def merge(self, examples: Tensor) -> tuple[Tensor, Tensor]:
        """Return the distinct examples of a batch, and how often each occurs.

        Equal sequences get equal logits, and their gradients add up: each is computed once.
        """
        distinct, times = torch.unique(examples, return_counts=True)
        return distinct, times

    def predict(self, tokens: Tensor) -> Tensor:
        """Return logits, shape (n, 2), for tokens of shape (n, length); rows of similar length go together."""
        lengths = (tokens != PAD).sum(1)
        order = lengths.argsort(descending=True, stable=True)
        parts = order.split(TOGETHER[self.device])
        logits = [self.network(tokens[rows, : max(1, int(lengths[rows[0]]))]) for rows in parts]
        return torch.cat(logits)[order.argsort()]

    @torch.no_grad()
    def score(self, corpus: Corpus) -> Scores:
        """Score every sequence by its probability of being anomalous."""
        tokens = self.lay_out(corpus)
        lengths = (tokens != PAD).sum(1)
        probability = np.zeros(len(corpus))
        # Sequences of one length together: without padding none depends on the others, but for rounding.
        for length in np.unique(lengths):
            rows = np.flatnonzero(lengths == length)
            for batch in np.split(rows, range(SCORING_BATCH, len(rows), SCORING_BATCH)):
                logits = self.network(torch.from_numpy(tokens[batch, : max(1, length)]).to(self.device))
                probability[batch] = logits.double().softmax(1)[:, 1].cpu().numpy()
        cut = np.maximum(corpus.lengths - self.hyper.max_length, 0).astype(np.float64)
        return self.scores(corpus, probability, probability > 0.5, components={"events_cut": cut})


def distinct_rows(table: IntArray) -> tuple[IntArray, IntArray]:
    """Return the distinct rows of a table, and for each row the place of its equal among them."""
    # Rows as single values of many bytes are sorted several times faster than column by column.
    whole = np.ascontiguousarray(table).view(np.dtype((np.void, table.itemsize * table.shape[1])))[:, 0]
    _, first, inverse = np.unique(whole, return_index=True, return_inverse=True)
    return table[first], inverse

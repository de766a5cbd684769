"""Length: a sequence is anomalous if it is shorter or longer than all training sequences."""

from typing import Any

import numpy as np

from logassay.corpus import Corpus
from logassay.models.base import Detector, Scores


class Length(Detector):
    """Score a sequence by how many events it lies outside the lengths of training; the rule is: any.

    The length is all that counts, so that an unknown event is an event like any other.
    """

    def fit_epoch(self, train: Corpus) -> dict[str, Any]:
        """Find the shortest and the longest training sequence."""
        self.shortest, self.longest = int(train.lengths.min()), int(train.lengths.max())
        return super().fit_epoch(train)

    def score(self, corpus: Corpus) -> Scores:
        """Score every sequence."""
        outside = np.maximum(np.maximum(self.shortest - corpus.lengths, corpus.lengths - self.longest), 0)
        return self.scores(corpus, outside, outside > 0)

    def state(self) -> dict[str, Any]:
        """Return the vocabulary and the range."""
        return super().state() | {"shortest": self.shortest, "longest": self.longest}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over the range."""
        super().restore(state)
        self.shortest, self.longest = state["shortest"], state["longest"]


DETECTOR = Length

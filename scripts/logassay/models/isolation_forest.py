"""Isolation forest (Liu, Ting and Zhou, ICDM 2008) on event counts, as log studies use it for a baseline."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import IsolationForest as Forest

from logassay.corpus import FIRST_EVENT, UNK, Corpus
from logassay.models.base import Detector, IntArray, Scores, Vocabulary, option, owners


@dataclass(frozen=True)
class Hyperparameters:
    """The paper draws 256 sequences for each tree; log studies take all, since rare normal ones would go unseen."""

    trees: int = option(100, "number of trees", least=1)
    samples: int = option(0, "sequences drawn for each tree, psi in the paper; 0 takes all", least=0)


class IsolationForest(Detector):
    """Isolate each sequence's vector of event counts by random cuts; the fewer cuts it takes, the more anomalous.

    The score is the paper's s = 2^(-E(h)/c), from 0 to 1; its rule calls a sequence anomalous above 0.5.

    A checkpoint holds no trees, which could only be stored as a pickle, but the distinct training vectors with their
    numbers and the seed. Restoring fits the forest again; the same scikit-learn version gives the same trees, since
    fitting always takes the vectors in the same order.
    """

    hyper_kind = Hyperparameters

    def fit_epoch(self, train: Corpus) -> dict[str, Any]:
        """Count the events of the training sequences and grow the trees."""
        self._vocabulary = Vocabulary.of(train)
        self.vectors, self.multiplicities = np.unique(self.count(train), axis=0, return_counts=True)
        self.grow()
        return self.facts(examples=len(train), distinct_examples=len(self.vectors))

    def count(self, corpus: Corpus) -> IntArray:
        """Count each known event and, in the first column, the unknown ones: shape (sequences, known events + 1)."""
        columns = self.vocabulary.size + FIRST_EVENT
        cells = owners(corpus) * columns + self.vocabulary.encode(corpus.events)
        counts = np.bincount(cells, minlength=len(corpus) * columns).reshape(len(corpus), columns)
        return counts[:, UNK:]

    def grow(self) -> None:
        """Fit the forest to the training vectors."""
        training = np.repeat(self.vectors, self.multiplicities, axis=0)
        samples = min(self.hyper.samples or len(training), len(training))
        self.forest = Forest(
            n_estimators=self.hyper.trees, max_samples=samples, random_state=self.seed % 2**32, n_jobs=1
        )
        self.forest.fit(training)

    def score(self, corpus: Corpus) -> Scores:
        """Score every sequence."""
        # scikit-learn refuses to score nothing.
        score = -self.forest.score_samples(self.count(corpus)) if len(corpus) else np.zeros(0)
        return self.scores(corpus, score, score > 0.5)

    def state(self) -> dict[str, Any]:
        """Return the vocabulary and the training vectors."""
        return super().state() | {"vectors": self.vectors, "multiplicities": self.multiplicities}

    def restore(self, state: dict[str, Any]) -> None:
        """Fit the forest again from the stored vectors."""
        super().restore(state)
        self.vectors, self.multiplicities = state["vectors"], state["multiplicities"]
        self.grow()


DETECTOR = IsolationForest

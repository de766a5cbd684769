"""Isolation forest (Liu, Ting and Zhou, ICDM 2008) on event counts, as log studies use it for a baseline."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from sklearn.ensemble import IsolationForest as Forest

from logassay.models.base import FloatArray, IntArray, option
from logassay.models.counts import Counts, NormalCounts


@dataclass(frozen=True)
class Hyperparameters:
    """The paper draws 256 sequences for each tree; log studies take all, since rare normal ones would go unseen."""

    trees: int = option(100, "number of trees", least=1)
    samples: int = option(0, "sequences drawn for each tree, psi in the paper; 0 takes all", least=0)


class IsolationForest(NormalCounts):
    """Isolate each sequence's vector of event counts by random cuts; the fewer cuts it takes, the more anomalous.

    The score is the paper's s = 2^(-E(h)/c), from 0 to 1; its rule calls a sequence anomalous above 0.5. No cut goes
    through the number of unknown events, which is 0 in all of training: they make a sequence look neither more nor
    less normal.

    A checkpoint holds no trees, which could only be stored as a pickle, but the distinct training vectors with their
    numbers and the seed. Restoring fits the forest again; the same scikit-learn version gives the same trees, since
    fitting always takes the vectors in the same order.
    """

    hyper_kind = Hyperparameters
    stored: ClassVar[tuple[str, ...]] = ("vectors", "multiplicities")

    @property
    def limit(self) -> float:
        """The paper's one half."""
        return 0.5

    def learn(self, vectors: Counts, multiplicities: IntArray) -> None:
        """Keep the vectors and grow the trees."""
        self.vectors, self.multiplicities = vectors, multiplicities
        self.grow()

    def grow(self) -> None:
        """Fit the forest to the training vectors."""
        training = self.vectors[np.repeat(np.arange(len(self.multiplicities)), self.multiplicities)]
        samples = min(self.hyper.samples or training.shape[0], training.shape[0])
        self.forest = Forest(
            n_estimators=self.hyper.trees, max_samples=samples, random_state=self.seed % 2**32, n_jobs=1
        )
        self.forest.fit(training)

    def measure(self, counts: Counts) -> FloatArray:
        """Return the paper's scores."""
        score: FloatArray = -self.forest.score_samples(counts)
        return score

    def restore(self, state: dict[str, Any]) -> None:
        """Fit the forest again from the stored vectors."""
        super().restore(state)
        self.grow()


DETECTOR = IsolationForest

"""Local outlier factor (Breunig, Kriegel, Ng and Sander, SIGMOD 2000) on event counts."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from sklearn.neighbors import LocalOutlierFactor as Factor

from logassay.models.base import FloatArray, IntArray, option
from logassay.models.counts import Counts, NormalCounts, most_frequent, squared_distances


@dataclass(frozen=True)
class Hyperparameters:
    """Logs have few distinct vectors, hence few neighbours; the cap bounds memory, which grows with its square."""

    neighbours: int = option(2, "vectors that define the density around one, MinPts in the paper", least=1)
    vectors: int = option(3000, "distinct training vectors kept, the most frequent ones", least=1)


class LocalOutlierFactor(NormalCounts):
    """Compare the density of training vectors around a sequence's event counts with the density around its neighbours.

    The score is the paper's LOF with Euclidean distance: about 1 within a cluster, larger outside. Only distinct
    vectors count, since equal ones have no finite density. The rule is scikit-learn's: anomalous above 1.5. Unknown
    events are a count that no training vector has.

    The cost is the number of distinct vectors scored times that of the training vectors kept, at most `vectors`; memory
    is a few times 8 bytes for each pair of the latter. A checkpoint holds the vectors; restoring fits again.
    """

    hyper_kind = Hyperparameters
    stored: ClassVar[tuple[str, ...]] = ("vectors",)

    @property
    def limit(self) -> float:
        """The threshold of scikit-learn."""
        return 1.5

    def learn(self, vectors: Counts, multiplicities: IntArray) -> None:
        """Keep the vectors and measure the density around each."""
        self.vectors, _ = most_frequent(vectors, multiplicities, self.hyper.vectors)
        # A lone vector has no neighbour but its own copy.
        if self.vectors.shape[0] == 1:
            self.vectors = self.vectors[[0, 0]]
        self.fit()

    def fit(self) -> None:
        """Measure the density around each training vector."""
        neighbours = min(self.hyper.neighbours, self.vectors.shape[0] - 1)
        # Distances are handed over, not vectors: scikit-learn then chooses among equally near neighbours row by row,
        # whatever is scored together and on however many threads.
        self.factor = Factor(n_neighbors=neighbours, metric="precomputed", novelty=True, n_jobs=1)
        self.factor.fit(self.distances(self.vectors))

    def distances(self, counts: Counts) -> FloatArray:
        """Return the Euclidean distances to the training vectors, shape (rows, training vectors)."""
        return np.sqrt(squared_distances(counts, self.vectors))

    def measure(self, counts: Counts) -> FloatArray:
        """Return the outlier factors."""
        factors: FloatArray = -self.factor.score_samples(self.distances(counts))
        return factors

    def restore(self, state: dict[str, Any]) -> None:
        """Measure the densities again from the stored vectors."""
        super().restore(state)
        self.fit()


DETECTOR = LocalOutlierFactor

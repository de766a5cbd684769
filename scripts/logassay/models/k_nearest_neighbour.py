"""Distance to the k-th nearest neighbour (Ramaswamy, Rastogi and Shim, SIGMOD 2000) of a sequence's event counts."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from logassay.models.base import FloatArray, IntArray, option
from logassay.models.counts import Counts, NormalCounts, most_frequent, squared_distances


@dataclass(frozen=True)
class Hyperparameters:
    """Rare normal sequences have no neighbours of their kind, hence k = 1; the cap bounds the cost."""

    neighbours: int = option(2, "the neighbour whose distance counts, k in the paper", least=1)
    outside: float = option(0.01, "largest share of training sequences the rule calls anomalous", least=0.0, most=0.5)
    vectors: int = option(5000, "distinct training vectors kept, the most frequent ones", least=1)


class KNearestNeighbour(NormalCounts):
    """Score a sequence by the Euclidean distance of its event counts to the k-th nearest distinct training vector.

    Where training has fewer vectors, k is their number. Unknown events are a count that no training vector has. The
    rule: anomalous if farther away than all but a share `outside` of the training sequences, which are at distance 0
    of themselves; for k = 1 thus if no training vector is equal.

    The cost is the number of distinct vectors scored times that of the training vectors kept, at most `vectors`.
    """

    hyper_kind = Hyperparameters
    stored: ClassVar[tuple[str, ...]] = ("vectors", "farthest")

    @property
    def limit(self) -> float:
        """The largest distance within training, but for the share outside."""
        return self.farthest

    def learn(self, vectors: Counts, multiplicities: IntArray) -> None:
        """Keep the vectors and find how far they are from their neighbours."""
        self.vectors, occurs = most_frequent(vectors, multiplicities, self.hyper.vectors)
        distance = self.measure_all(self.vectors)
        order = np.argsort(distance, kind="stable")
        # Sequences up to each place of the order; the first place beyond which few enough are left is the rule's.
        inside = np.cumsum(occurs[order])
        self.farthest = float(distance[order][np.searchsorted(inside, (1 - self.hyper.outside) * inside[-1])])

    def measure(self, counts: Counts) -> FloatArray:
        """Return the distances to the k-th neighbour."""
        k = min(self.hyper.neighbours, self.vectors.shape[0])
        return np.sqrt(np.partition(squared_distances(counts, self.vectors), k - 1, axis=1)[:, k - 1])


DETECTOR = KNearestNeighbour

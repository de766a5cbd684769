"""Event count vectors (ECVC; Landauer, Skopik and Wurzenberger 2023): how far is the nearest training sequence?"""

from dataclasses import dataclass
from typing import ClassVar

from sklearn.metrics.pairwise import manhattan_distances

from logassay.models.base import FloatArray, IntArray, option
from logassay.models.counts import Counts, NormalCounts, most_frequent


@dataclass(frozen=True)
class Hyperparameters:
    """The paper compares with all distinct vectors; the cap bounds the cost."""

    vectors: int = option(5000, "distinct training vectors kept, the most frequent ones", least=1)


class CountVector(NormalCounts):
    """Score a sequence by the distance of its event counts to the nearest training vector.

    The distance of vectors a and b is sum |a - b| / sum max(a, b): from 0, equal, to 1, no event in common. Unknown
    events are a count that no training vector has. The authors choose a threshold by means of labels; without them the
    rule is: anomalous if no training vector is equal.

    The cost is the number of distinct vectors scored times that of the training vectors kept, at most `vectors`.
    """

    hyper_kind = Hyperparameters
    stored: ClassVar[tuple[str, ...]] = ("vectors",)

    @property
    def limit(self) -> float:
        """Any distance."""
        return 0.0

    def learn(self, vectors: Counts, multiplicities: IntArray) -> None:
        """Keep the vectors."""
        self.vectors, _ = most_frequent(vectors, multiplicities, self.hyper.vectors)

    def measure(self, counts: Counts) -> FloatArray:
        """Return the distances to the nearest training vector."""
        difference = manhattan_distances(counts, self.vectors)
        # max(a, b) is half of a + b + |a - b|. It is 0 if neither has an event; then they are equal.
        largest = (counts.sum(axis=1)[:, None] + self.vectors.sum(axis=1) + difference) / 2
        nearest: FloatArray = (difference / largest.clip(min=1)).min(axis=1)
        return nearest


DETECTOR = CountVector

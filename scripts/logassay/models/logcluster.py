"""LogCluster (Lin, Zhang, Lou, Zhang and Chen, ICSE 2016): is a sequence like one that stands for a known cluster?"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from sklearn.cluster import AgglomerativeClustering

from logassay.models.base import FloatArray, IntArray, option
from logassay.models.counts import Counts, NormalCounts, most_frequent, scale


@dataclass(frozen=True)
class Hyperparameters:
    """The threshold is to be tuned, says the paper; the cap bounds memory, which grows with its square."""

    threshold: float = option(
        0.02, "largest distance within a cluster and to its representative, theta in the paper", least=0.0001, most=1.0
    )
    vectors: int = option(3000, "distinct training vectors kept, the most frequent ones", least=1)


class LogCluster(NormalCounts):
    """Cluster the training sequences by their event counts and score others by how little they resemble any cluster.

    An event's count is weighted by the logistic function of its idf, log(N / n) for an event that n of N training
    sequences have; that is N / (N + n), from 1/2 for events that all have to 1 for those that none has. The distance is
    1 - cosine. Agglomerative clustering merges clusters while all distances within remain below `threshold`
    (complete linkage). A cluster's representative is the sequence with the least mean distance to the others. The score
    is the distance to the nearest representative, and the rule: anomalous above `threshold`. The paper's second
    weight, for events that only production has, is what unknown events have here: the largest.

    Clustering costs about the square of the number of training vectors kept, at most `vectors`, in time and memory.
    Scoring costs the number of distinct vectors times that of the clusters.
    """

    hyper_kind = Hyperparameters
    stored: ClassVar[tuple[str, ...]] = ("weights", "representatives")

    @property
    def limit(self) -> float:
        """The threshold of clustering."""
        return float(self.hyper.threshold)

    def learn(self, vectors: Counts, multiplicities: IntArray) -> None:
        """Cluster the vectors and choose the representatives."""
        total = multiplicities.sum()
        self.weights = total / (total + multiplicities @ (vectors > 0))  # (columns,)
        kept, occurs = most_frequent(vectors, multiplicities, self.hyper.vectors)
        directions = self.direct(kept)
        distances = self.distances(directions, directions)
        members = self.cluster(distances)
        # The mean distance to the members of the cluster, equal sequences included.
        chosen = [each[np.argmin(distances[np.ix_(each, each)] @ occurs[each])] for each in members]
        self.representatives = directions[np.sort(chosen)]

    def cluster(self, distances: FloatArray) -> list[IntArray]:
        """Return the rows of each cluster, given the distances of all pairs."""
        # scikit-learn refuses to cluster a single vector.
        if len(distances) == 1:
            return [np.zeros(1, dtype=np.int64)]
        clustering = AgglomerativeClustering(
            n_clusters=None, metric="precomputed", linkage="complete", distance_threshold=self.hyper.threshold
        ).fit(distances)
        return [np.flatnonzero(clustering.labels_ == number) for number in range(clustering.n_clusters_)]

    def direct(self, counts: Counts) -> Counts:
        """Weight counts and scale each vector to length 1; empty ones remain 0."""
        weighted = scale(counts, self.weights)
        lengths = np.sqrt(weighted.power(2).sum(axis=1))
        weighted.data /= np.repeat(lengths, np.diff(weighted.indptr))
        return weighted

    def distances(self, rows: Counts, others: Counts) -> FloatArray:
        """Return 1 - cosine of directions, shape (rows, others); sequences without events are alike."""
        distances: FloatArray = (1 - (rows @ others.T).toarray()).clip(min=0)
        distances[np.ix_(np.diff(rows.indptr) == 0, np.diff(others.indptr) == 0)] = 0
        return distances

    def measure(self, counts: Counts) -> FloatArray:
        """Return the distances to the nearest representative."""
        nearest: FloatArray = self.distances(self.direct(counts), self.representatives).min(axis=1)
        return nearest


DETECTOR = LogCluster

"""Decision tree on event counts, supervised: which questions tell anomalies apart? (He et al., ISSRE 2016)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from sklearn.tree import DecisionTreeClassifier

from logassay.models.base import FloatArray, IntArray, option
from logassay.models.counts import Counts, LabelledCounts


@dataclass(frozen=True)
class Hyperparameters:
    """scikit-learn's defaults."""

    depth: int = option(0, "most questions in a row; 0 asks until no question separates the labels", least=0)


class DecisionTree(LabelledCounts):
    """Ask whether the count of some event is above a threshold, and so on; p(anomaly) is a leaf's share of anomalies.

    Questions are chosen by the Gini impurity; equal vectors of the same label are one, weighted by their number. No
    question is about unknown events. Each could be any event: where a sequence with unknown ones is asked for a count,
    it takes the way of a larger count as well if they could make up the difference, and the most anomalous leaf it
    reaches is its score.

    The cost is linear in the number of distinct vectors times that of the tree's nodes.
    """

    hyper_kind = Hyperparameters
    stored: ClassVar[tuple[str, ...]] = ("lower", "upper", "column", "threshold", "share")

    def learn(self, vectors: Counts, labels: IntArray, weights: FloatArray) -> None:
        """Grow the tree and take it down as arrays, one entry a node, parents before children, leaves with child -1."""
        grown = DecisionTreeClassifier(max_depth=self.hyper.depth or None, random_state=self.seed % 2**32)
        tree = grown.fit(vectors, labels, weights).tree_
        self.lower, self.upper = tree.children_left, tree.children_right
        self.column, self.threshold = tree.feature, tree.threshold
        self.share = tree.value[:, 0, 1]

    def measure(self, counts: Counts) -> FloatArray:
        """Return p(anomaly)."""
        asked, place = np.unique(self.column.clip(min=0), return_inverse=True)
        known, unknown = counts[:, asked].toarray(), counts[:, [0]].toarray()[:, 0]
        reached = np.zeros((len(self.column), counts.shape[0]), dtype=bool)
        reached[0] = True
        probability = np.zeros(counts.shape[0])
        for node, here in enumerate(reached):
            if self.lower[node] < 0:
                probability[here] = np.maximum(probability[here], self.share[node])
            else:
                count = known[:, place[node]]
                reached[self.lower[node]] = here & (count <= self.threshold[node])
                reached[self.upper[node]] = here & (count + unknown > self.threshold[node])
        return probability


DETECTOR = DecisionTree

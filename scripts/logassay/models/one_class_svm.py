"""One-class support vector machine (Schölkopf, Platt, Shawe-Taylor, Smola and Williamson 2001) on event counts."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from sklearn.svm import OneClassSVM as Machine

from logassay.models.base import FloatArray, IntArray, option
from logassay.models.counts import Counts, NormalCounts, most_frequent, squared_distances

TOLERANCE = 1e-6
"""Accuracy of the solution. Vectors on the surface come out this far inside or outside, and count as inside."""


@dataclass(frozen=True)
class Hyperparameters:
    """The cap bounds training, whose cost grows with about the square of the number of vectors."""

    nu: float = option(0.01, "largest share of training sequences outside, nu in the paper", least=0.0001, most=1.0)
    vectors: int = option(3000, "distinct training vectors kept, the most frequent ones", least=1)


class OneClassSvm(NormalCounts):
    """Enclose the training sequences' vectors of event counts by a smooth surface; how far outside is another?

    The kernel is k(a, b) = exp(-gamma |a - b|^2), where 1 / gamma is the number of columns times the variance of all
    counts, as scikit-learn scales it. The score is rho - sum_i alpha_i k(x_i, x) with sum_i alpha_i = 1, and the rule:
    anomalous above 0. Equal vectors are one, weighted by their number, which gives the same surface. Unknown events are
    a count that no training vector has.

    The cost is the number of distinct vectors scored times that of the support vectors, at most `vectors`.
    """

    hyper_kind = Hyperparameters
    stored: ClassVar[tuple[str, ...]] = ("support", "alpha", "rho", "gamma")

    @property
    def limit(self) -> float:
        """The surface."""
        return TOLERANCE

    def learn(self, vectors: Counts, multiplicities: IntArray) -> None:
        """Find the support vectors."""
        kept, occurs = most_frequent(vectors, multiplicities, self.hyper.vectors)
        cells = occurs.sum() * kept.shape[1]
        variance = (occurs @ kept.power(2)).sum() / cells - ((occurs @ kept).sum() / cells) ** 2
        self.gamma = float(1 / (kept.shape[1] * variance)) if variance > 0 else 1.0
        machine = Machine(nu=self.hyper.nu, gamma=self.gamma, tol=TOLERANCE / 10)
        # With these weights the alphas sum to 1 as in the paper, instead of to nu times the number of sequences.
        machine.fit(kept, sample_weight=occurs / (self.hyper.nu * occurs.sum()))
        self.support = kept[machine.support_]
        self.alpha = machine.dual_coef_.toarray()[0]
        self.rho = float(-machine.intercept_[0])

    def measure(self, counts: Counts) -> FloatArray:
        """Return how far outside vectors are."""
        kernel = np.exp(-self.gamma * squared_distances(counts, self.support))
        outside: FloatArray = self.rho - (kernel * self.alpha).sum(axis=1)
        return outside


DETECTOR = OneClassSvm

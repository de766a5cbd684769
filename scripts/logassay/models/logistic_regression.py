"""Logistic regression on event counts, supervised: which events speak for an anomaly? (He et al., ISSRE 2016)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import expit
from sklearn.linear_model import LogisticRegression as Regression

from logassay.models.base import FloatArray, IntArray, option
from logassay.models.counts import Counts, LabelledCounts, scale


@dataclass(frozen=True)
class Hyperparameters:
    """scikit-learn's penalty."""

    strength: float = option(1.0, "inverse strength of the penalty on coefficients, C in scikit-learn", least=1e-6)
    iterations: int = option(1000, "most iterations of the solver", least=1)


class LogisticRegression(LabelledCounts):
    """Learn a coefficient for the count of each event; p(anomaly) is the logistic function of their sum.

    Counts are divided by their standard deviation, so that the squared penalty treats all events alike; equal vectors
    of the same label are one, weighted by their number. Training says nothing about unknown events: each counts like
    the known event that speaks most for an anomaly, or not at all if none does.

    The cost is linear in the number of distinct vectors.
    """

    hyper_kind = Hyperparameters
    stored: ClassVar[tuple[str, ...]] = ("coefficients", "intercept")

    def learn(self, vectors: Counts, labels: IntArray, weights: FloatArray) -> None:
        """Find the coefficients."""
        total = weights.sum()
        variance = weights @ vectors.power(2) / total - (weights @ vectors / total) ** 2
        deviation = np.sqrt(np.where(variance > 0, variance, 1))
        regression = Regression(C=self.hyper.strength, max_iter=self.hyper.iterations)
        regression.fit(scale(vectors, 1 / deviation), labels, weights)
        self.coefficients = regression.coef_[0] / deviation
        self.coefficients[0] = self.coefficients[1:].max(initial=0)
        self.intercept = float(regression.intercept_[0])

    def measure(self, counts: Counts) -> FloatArray:
        """Return p(anomaly)."""
        probability: FloatArray = expit(counts @ self.coefficients + self.intercept)
        return probability


DETECTOR = LogisticRegression

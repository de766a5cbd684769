"""Principal component analysis of event counts (Xu, Huang, Fox, Patterson and Jordan, SOSP 2009)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.stats import chi2, norm

from logassay.models.base import FloatArray, IntArray, option
from logassay.models.counts import Counts, NormalCounts, scale

ROUNDING = 1e-12
"""Squared errors and variances up to this are rounding."""


@dataclass(frozen=True)
class Hyperparameters:
    """The paper's settings."""

    variance: float = option(0.95, "share of the variance that is normal variation", least=0.0, most=1.0)
    alpha: float = option(0.001, "false-alarm rate of the Q-statistic, alpha in the paper", least=1e-9, most=0.5)


def q_statistic(variances: FloatArray, alpha: float) -> float:
    """Return the squared error that a normal vector exceeds with probability alpha (Jackson and Mudholkar 1979).

    Parameters
    ----------
    variances : float64 array, shape (n,)
        Variances along the residual components; their sum is positive.
    alpha : float
        False-alarm rate.
    """
    first, second, third = (float(np.sum(variances**power)) for power in (1, 2, 3))
    # (error / first) ** power is almost normally distributed.
    power = 1 - 2 * first * third / (3 * second**2)
    if power > ROUNDING:
        centre = 1 + second * power * (power - 1) / first**2
        deviation = power * np.sqrt(2 * second) / first
        return float(first * (centre + norm.isf(alpha) * deviation) ** (1 / power))
    # One component stands out from many small ones, for which this is no approximation. A chi-square variable with the
    # mean, variance and skewness of the error is (Imhof, Biometrika 1961).
    freedom = second**3 / third**2
    return float(first + (chi2.isf(alpha, freedom) - freedom) * np.sqrt(second / freedom))


class Pca(NormalCounts):
    """Find the directions in which normal event counts vary, and score a sequence by its squared distance from them.

    Counts are weighted by tf-idf, count x log((N + 1) / (n + 1)) for an event that n of N training sequences have; the
    ones added give unknown events a finite weight, the largest. The principal components that hold a share `variance`
    of the variance are normal variation, the others the residual. The score is the squared prediction error: the
    squared length of the residual part of the deviation from the mean. The rule: anomalous above the Q-statistic.
    Unknown events lie wholly in the residual.

    The cost is linear in the number of distinct vectors and grows with the cube of the number of events.
    """

    hyper_kind = Hyperparameters
    stored: ClassVar[tuple[str, ...]] = ("weights", "residual", "centre", "q")

    @property
    def limit(self) -> float:
        """The Q-statistic."""
        return self.q

    def learn(self, vectors: Counts, multiplicities: IntArray) -> None:
        """Find the residual components and the Q-statistic."""
        total = multiplicities.sum()
        self.weights = np.log((total + 1) / (multiplicities @ (vectors > 0) + 1))  # (columns,)
        weighted = scale(vectors, self.weights)
        mean = multiplicities @ weighted / total
        repeated = weighted.multiply(multiplicities[:, None])
        covariance = (weighted.T @ repeated).toarray() / total - np.outer(mean, mean)  # (columns, columns)
        variances, components = np.linalg.eigh(covariance)
        variances, components = variances[::-1].clip(min=0), components[:, ::-1]
        explained = np.cumsum(variances)
        principal = 0
        if explained[-1] > ROUNDING:
            principal = int(np.searchsorted(explained, self.hyper.variance * explained[-1])) + 1
        self.residual = np.ascontiguousarray(components[:, principal:])  # (columns, residual components)
        self.centre = mean @ self.residual
        left = variances[principal:]
        self.q = q_statistic(left, self.hyper.alpha) if left.sum() > ROUNDING else ROUNDING

    def measure(self, counts: Counts) -> FloatArray:
        """Return the squared prediction errors."""
        deviation = scale(counts, self.weights) @ self.residual - self.centre  # (rows, residual components)
        errors: FloatArray = np.square(deviation).sum(axis=1)
        return errors


DETECTOR = Pca

"""How sure a figure is, and whether two figures differ: intervals, tests, spread, ranking, learning curves.

What the reports say ("best", "still rising", "at chance") rests on these. What is undefined is None. scipy.stats and
statsmodels take about a second to import, so that the functions that need them do it; the others need numpy only.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev

import numpy as np
import numpy.typing as npt

from logassay.metrics import Booleans, Counts, Floats, Sweep, average_precision, rates

Interval = tuple[float, float]
"""Lower and upper limit."""

CONFIDENCE = 0.95
RESAMPLES = 10_000
SCORE_RESAMPLES = 300
"""Bootstrap resamples for the standard error of the average precision; each goes through all scores."""
RATES = ("recall", "specificity", "precision", "accuracy", "false_positive_rate")
"""Shares of sequences, for which Wilson's interval holds."""
BOOTSTRAPPED = ("f1", "mcc", "balanced_accuracy", "youden")
"""Metrics of counts that are not shares of sequences."""
PRIOR = 0.5
"""Jeffreys' prior: half a sequence in each cell of a table, without which an empty cell would count as impossible."""
FEW = 25
"""Discordant pairs below which McNemar's test is exact."""
CURVE_EXPONENTS = np.geomspace(0.05, 2, 100)
"""Exponents tried for a learning curve: from hardly falling to a quarter of the error at twice the data."""


@dataclass(frozen=True)
class Unavailable:
    """Why something cannot be worked out, as a word that a catalogue of texts turns into a sentence."""

    reason: str


# Intervals


def normal_quantile(confidence: float) -> float:
    """Return how many standard errors a two-sided interval reaches to each side (1.96 at 0.95)."""
    return NormalDist().inv_cdf((1 + confidence) / 2)


def wilson(successes: float, trials: float, confidence: float = CONFIDENCE) -> Interval | None:
    """Return Wilson's score interval of a share, or None without trials.

    The formula is that of statsmodels' `proportion_confint(method="wilson")`, spelt out for the sake of its import.

    Parameters
    ----------
    successes, trials : float
        Counts; fractions are allowed, as for an effective number of trials.
    confidence : float
        Share of such intervals that contain the truth, between 0 and 1.
    """
    if not trials:
        return None
    share, square = successes / trials, normal_quantile(confidence) ** 2
    middle = share + square / (2 * trials)
    reach = math.sqrt(square * (share * (1 - share) + square / (4 * trials)) / trials)
    low, high = (middle - reach) / (1 + square / trials), (middle + reach) / (1 + square / trials)
    # Exact where rounding is not: nothing found leaves 0 possible, everything found leaves 1 possible.
    return (max(0.0, low) if successes else 0.0, min(1.0, high) if successes != trials else 1.0)


def rate_intervals(counts: Counts, confidence: float = CONFIDENCE) -> dict[str, Interval | None]:
    """Return Wilson's interval of each of the `RATES`."""
    tp, fp, tn, fn = counts.tp, counts.fp, counts.tn, counts.fn
    parts = {
        "recall": (tp, tp + fn),
        "specificity": (tn, tn + fp),
        "precision": (tp, tp + fp),
        "accuracy": (tp + tn, tp + fp + tn + fn),
        "false_positive_rate": (fp, tn + fp),
    }
    return {name: wilson(*parts[name], confidence) for name in RATES}


def _metric(name: str, recall: npt.ArrayLike, false_positive_rate: npt.ArrayLike, prevalence: float) -> Floats:
    """Return a metric of `metrics.rates`, or Youden's J, at a given share of anomalies."""
    recall, false_positive_rate = np.asarray(recall, dtype=np.float64), np.asarray(false_positive_rate)
    if name == "youden":
        return np.asarray(recall - false_positive_rate, dtype=np.float64)
    hits, alarms = prevalence * recall, (1 - prevalence) * false_positive_rate
    return rates(hits, alarms, 1 - prevalence - alarms, prevalence - hits)[name]


def _plausible_shares(counts: Sequence[int], resamples: int, generator: np.random.Generator) -> Floats:
    """Draw the shares of the cells of a table by the Bayesian bootstrap; shape (resamples, cells)."""
    return generator.dirichlet(np.asarray(counts) + PRIOR, size=resamples)


def bootstrap_intervals(
    counts: Counts, *, seed: int, resamples: int = RESAMPLES, confidence: float = CONFIDENCE
) -> dict[str, Interval | None]:
    """Return a bootstrap interval of each of the `BOOTSTRAPPED` metrics.

    The counts are all that these metrics see of the sequences, so the 2x2 table is resampled, within each label. It is
    the Bayesian bootstrap with Jeffreys' prior: the plain one takes an empty cell for an impossible one, and covers
    the truth in 70 % of the cases instead of 95 % where few anomalies are found.

    Returns
    -------
    dict of str to tuple or None
        None where a class is missing or the metric is undefined.

    References
    ----------
    Rubin, "The Bayesian bootstrap", Annals of Statistics 9 (1981); Brown, Cai, DasGupta, "Interval estimation for a
    binomial proportion", Statistical Science 16 (2001).
    """
    positives, negatives = counts.tp + counts.fn, counts.fp + counts.tn
    if not positives or not negatives:
        return dict.fromkeys(BOOTSTRAPPED)
    generator = np.random.default_rng(seed)
    recall = _plausible_shares((counts.tp, counts.fn), resamples, generator)[:, 0]
    alarms = _plausible_shares((counts.fp, counts.tn), resamples, generator)[:, 0]
    prevalence = positives / (positives + negatives)
    found: dict[str, Interval | None] = {}
    for name in BOOTSTRAPPED:
        low, high = _limits(_metric(name, recall, alarms, prevalence), confidence)
        value = float(_metric(name, counts.tp / positives, counts.fp / negatives, prevalence))
        # At the edge of what is possible the quantiles leave the value itself out. An undefined one has no place.
        found[name] = None if math.isnan(value) else (min(low, value), max(high, value))
    return found


def _limits(draws: Floats, confidence: float) -> Interval:
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _logit_interval(value: float, deviation: float, confidence: float) -> Interval:
    """Return the interval of a value between 0 and 1 from its standard error, on the logit scale."""
    middle = math.log(value / (1 - value))
    reach = normal_quantile(confidence) * deviation / (value * (1 - value))
    return 1 / (1 + math.exp(reach - middle)), 1 / (1 + math.exp(-reach - middle))


def roc_auc_interval(scores: Floats, anomalous: Booleans, confidence: float = CONFIDENCE) -> Interval | None:
    """Return the interval of the ROC-AUC by DeLong's variance on the logit scale, or None where a class is missing.

    Where that variance says nothing (classes perfectly apart, or a class of one), Wilson's interval is taken: the
    smaller class gives as many pairs of an anomalous and a normal sequence that have no sequence in common.

    References
    ----------
    DeLong et al., Biometrics 44 (1988); Sun and Xu, IEEE Signal Processing Letters 21 (2014).
    """
    positives, negatives = int(anomalous.sum()), int((~anomalous).sum())
    if not positives or not negatives:
        return None
    above, below = _placements(scores, anomalous)
    area, pairs = float(above.mean()), min(positives, negatives)
    if pairs == 1 or area in (0, 1):
        return wilson(area * pairs, pairs, confidence)
    return _logit_interval(area, math.sqrt(_delong_variance(above, below)), confidence)


def _placements(scores: Floats, anomalous: Booleans) -> tuple[Floats, Floats]:
    """Return, for each anomalous score, the share of normal ones below it, and the reverse; ties count half.

    The mean of the first is the ROC-AUC; their variances are DeLong's.
    """
    positive, negative = np.sort(scores[anomalous]), np.sort(scores[~anomalous])

    def rank(values: Floats, among: Floats) -> Floats:
        places = np.searchsorted(among, values, "left") + np.searchsorted(among, values, "right")
        return np.asarray(places / (2 * len(among)), dtype=np.float64)

    return rank(scores[anomalous], negative), 1 - rank(scores[~anomalous], positive)


def _delong_variance(above: Floats, below: Floats) -> float:
    return float(above.var(ddof=1) / len(above) + below.var(ddof=1) / len(below))


def average_precision_interval(
    curve: Sweep, *, seed: int, resamples: int = SCORE_RESAMPLES, confidence: float = CONFIDENCE
) -> Interval | None:
    """Return the interval of the average precision, or None where a class is missing.

    Its standard error comes from a bootstrap of the scores within each label; the interval is taken on the logit scale,
    because the percentiles are too narrow and off centre where anomalies are few. Where no resample differs (classes
    perfectly apart), it is Wilson's of the smaller class, as for the ROC-AUC.

    References
    ----------
    Boyd, Eng, Page, "Area under the precision-recall curve: point estimates and confidence intervals", ECML 2013.
    """
    value = average_precision(curve)
    if value is None:
        return None
    positives, negatives = curve.positives, curve.negatives
    # Only the levels that hold an anomaly matter; the normals between two of them move together.
    hits = np.diff(curve.tp)
    levels = np.flatnonzero(hits)
    alarms = np.diff(np.concatenate([[0], curve.fp[1:][levels], [negatives]]))
    hits = hits[levels]
    generator = np.random.default_rng(seed)
    values = np.empty(resamples)
    for index in range(resamples):
        found = generator.multinomial(positives, hits / positives)
        above = np.cumsum(generator.multinomial(negatives, alarms / negatives))[:-1]
        flagged = np.cumsum(found) + above
        values[index] = np.sum(found * np.cumsum(found) / np.maximum(flagged, 1)) / positives
    deviation = float(values.std(ddof=1))
    if value == 1 or not deviation:
        pairs = min(positives, negatives)
        return wilson(value * pairs, pairs, confidence)
    return _logit_interval(value, deviation, confidence)


# Another prevalence


@dataclass(frozen=True)
class Restated:
    """Precision and F1 as they would be at another share of anomalous sequences, with their intervals."""

    prevalence: float
    precision: float | None
    precision_interval: Interval | None
    f1: float | None
    f1_interval: Interval | None


def at_prevalence(counts: Counts, prevalence: float, confidence: float = CONFIDENCE) -> Restated:
    """Restate precision and F1 at a share of anomalous sequences other than that of the evaluated ones.

    Recall and false-positive rate do not depend on it. The intervals reach from the worst to the best corner of
    Wilson's limits for these two, so that they hold at least as often as `confidence` says.

    Parameters
    ----------
    counts : Counts
        What the evaluated sequences gave; all is None where a class is missing.
    prevalence : float
        Share of anomalous sequences, between 0 and 1.
    confidence : float
        Of each of the two intervals.
    """
    intervals = rate_intervals(counts, confidence)
    recall, alarms = intervals["recall"], intervals["false_positive_rate"]
    if recall is None or alarms is None:
        return Restated(prevalence, None, None, None, None)
    rate = (counts.tp / (counts.tp + counts.fn), counts.fp / (counts.fp + counts.tn))
    found: dict[str, float | None] = {}
    limits: dict[str, Interval | None] = {}
    for name in ("precision", "f1"):
        value, low, high = (
            float(_metric(name, r, f, prevalence)) for r, f in (rate, (recall[0], alarms[1]), (recall[1], alarms[0]))
        )
        found[name] = None if math.isnan(value) else value
        limits[name] = None if math.isnan(value) else (low, high)
    return Restated(prevalence, found["precision"], limits["precision"], found["f1"], limits["f1"])


# Differences


@dataclass(frozen=True)
class Difference:
    """First minus second, its interval, and how probable one as large is between equals (two-sided)."""

    difference: float
    interval: Interval
    p_value: float


@dataclass(frozen=True)
class Discordance:
    """Sequences that only one of two detectors judged rightly, and McNemar's p-value."""

    only_first: int
    only_second: int
    p_value: float


def mcnemar(first_right: Booleans, second_right: Booleans) -> Discordance:
    """Test whether two detectors judge equally many of the same sequences rightly.

    Over all sequences it compares accuracies, over the anomalous ones recalls, over the normal ones specificities.
    Exact below `FEW` discordant sequences, with the continuity correction from there on. Both are statsmodels'
    `mcnemar`, spelt out for the sake of its import.
    """
    first, second = int((first_right & ~second_right).sum()), int((second_right & ~first_right).sum())
    discordant = first + second
    if not discordant:
        return Discordance(0, 0, 1.0)
    if discordant < FEW:
        tail = sum(math.comb(discordant, rarer) for rarer in range(min(first, second) + 1)) / 2**discordant
        return Discordance(first, second, min(1.0, 2 * tail))
    statistic = (abs(first - second) - 1) ** 2 / discordant
    # The upper tail of the chi-squared distribution with one degree of freedom.
    return Discordance(first, second, math.erfc(math.sqrt(statistic / 2)))


def paired_difference(
    metric: str,
    first: Booleans,
    second: Booleans,
    anomalous: Booleans,
    *,
    seed: int,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
) -> Difference | None:
    """Compare two detectors by their decisions on the same sequences, by a paired bootstrap.

    Parameters
    ----------
    metric : str
        A metric of `metrics.rates`, or `youden`.
    first, second, anomalous : bool arrays, shape (sequences,)
        Whether each detector flagged the sequence, and whether it is anomalous.
    seed, resamples, confidence
        As for `bootstrap_intervals`; what is resampled is the joint table of the two decisions within each label.

    Returns
    -------
    Difference or None
        None where a class is missing or the metric is undefined for one of the two.
    """
    tables = []
    for part in (anomalous, ~anomalous):
        one, two = first[part], second[part]
        tables.append([int(cell.sum()) for cell in (one & two, one & ~two, ~one & two, ~one & ~two)])
    positives, negatives = map(sum, tables)
    if not positives or not negatives:
        return None
    generator = np.random.default_rng(seed)
    draws = [_plausible_shares(table, resamples, generator) for table in tables]
    points = [np.asarray(table) / sum(table) for table in tables]

    def difference(recalls: Floats, alarms: Floats) -> Floats:
        prevalence = positives / (positives + negatives)
        values = [
            _metric(metric, recalls[..., 0] + recalls[..., k], alarms[..., 0] + alarms[..., k], prevalence)
            for k in (1, 2)
        ]
        return values[0] - values[1]

    return _judge(float(difference(*points)), difference(*draws), confidence)


def unpaired_difference(
    metric: str,
    first: Counts,
    second: Counts,
    *,
    seed: int,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
) -> Difference | None:
    """Compare two detectors of which only the counts are known, as if they had judged different sequences.

    Arguments and result are those of `paired_difference`. On the same sequences this is the more cautious of the two as
    long as the detectors tend to be right about the same ones.
    """
    generator = np.random.default_rng(seed)
    values, draws = [], []
    for counts in (first, second):
        positives, negatives = counts.tp + counts.fn, counts.fp + counts.tn
        if not positives or not negatives:
            return None
        prevalence = positives / (positives + negatives)
        values.append(float(_metric(metric, counts.tp / positives, counts.fp / negatives, prevalence)))
        recall = _plausible_shares((counts.tp, counts.fn), resamples, generator)[:, 0]
        alarms = _plausible_shares((counts.fp, counts.tn), resamples, generator)[:, 0]
        draws.append(_metric(metric, recall, alarms, prevalence))
    return _judge(values[0] - values[1], draws[0] - draws[1], confidence)


def _judge(value: float, draws: Floats, confidence: float) -> Difference | None:
    if math.isnan(value):
        return None
    # The p-value at which the interval just touches 0; never 0, as no number of resamples proves that.
    tail = (min(int((draws <= 0).sum()), int((draws >= 0).sum())) + 1) / (len(draws) + 1)
    return Difference(value, _limits(draws, confidence), min(1.0, 2 * tail))


def roc_auc_difference(
    first: Floats, second: Floats, anomalous: Booleans, confidence: float = CONFIDENCE
) -> Difference | None:
    """Compare the ROC-AUC of two scores of the same sequences by DeLong's test; None without two of each class."""
    if min(int(anomalous.sum()), int((~anomalous).sum())) < 2:
        return None
    above, below = (
        one - two for one, two in zip(_placements(first, anomalous), _placements(second, anomalous), strict=True)
    )
    difference, deviation = float(above.mean()), math.sqrt(_delong_variance(above, below))
    reach = normal_quantile(confidence) * deviation
    # Without any variance, as between equal scores, the difference is 0 or certain.
    distance = abs(difference) / deviation if deviation else math.inf if difference else 0.0
    p_value = 2 * NormalDist().cdf(-distance)
    return Difference(difference, (max(-1.0, difference - reach), min(1.0, difference + reach)), p_value)


def two_proportions(first_successes: int, first_trials: int, second_successes: int, second_trials: int) -> float | None:
    """Return the two-sided p-value of two independent shares being equal, or None without trials.

    Fisher's exact test where a cell is expected to hold fewer than 5, otherwise the pooled z-test.
    """
    if not first_trials or not second_trials:
        return None
    successes = first_successes + second_successes
    failures = first_trials + second_trials - successes
    if min(first_trials, second_trials) * min(successes, failures) < 5 * (first_trials + second_trials):
        from scipy.stats import fisher_exact

        table = [
            [first_successes, first_trials - first_successes],
            [second_successes, second_trials - second_successes],
        ]
        return min(1.0, float(fisher_exact(table)[1]))
    from statsmodels.stats.proportion import proportions_ztest

    return float(proportions_ztest([first_successes, second_successes], [first_trials, second_trials])[1])


def holm(p_values: Sequence[float | None], comparisons: int | None = None) -> list[float | None]:
    """Correct p-values of several comparisons by Holm's method; None stays None.

    The result is that of statsmodels' `multipletests(method="holm")`, which takes an eighth of a second for each call.

    Parameters
    ----------
    p_values : sequence of float or None
        Of the comparisons made.
    comparisons : int, optional
        How many could have been made, where the ones made were picked by their result.
    """
    known = sorted(value for value in p_values if value is not None)
    total = max(comparisons or 0, len(known))
    corrected: dict[float, float] = {}
    largest = 0.0
    for place, value in enumerate(known):
        largest = max(largest, min(1.0, (total - place) * value))
        corrected.setdefault(value, largest)
    return [None if value is None else corrected[value] for value in p_values]


@dataclass(frozen=True)
class Versus:
    """The best row against another: best minus other, and Holm's corrected p-value; None where it has no answer."""

    row: int
    difference: Difference | None
    p_value: float | None


@dataclass(frozen=True)
class Best:
    """The row with the highest value, and how it compares with each of the others."""

    row: int
    others: tuple[Versus, ...]
    level: float

    @property
    def indistinguishable(self) -> list[int]:
        """Rows that are not shown to be worse than the best, those that could not be compared included."""
        return [other.row for other in self.others if other.p_value is None or other.p_value > self.level]


def versus_best(
    values: Sequence[float | None], compare: Callable[[int, int], Difference | None], level: float = 1 - CONFIDENCE
) -> Best | None:
    """Find the best of several rows and which others cannot be told from it.

    The best is picked by its result, so every pair counts as a comparison that could have been made.

    Parameters
    ----------
    values : sequence of float or None
        The metric of each row; rows without a value are left out. Of equal rows the first is the best.
    compare : callable
        Compares two rows by number: `paired_difference` or `roc_auc_difference` on the same sequences,
        `unpaired_difference` where only counts are known.
    level : float
        Largest corrected p-value that counts as a difference.

    Returns
    -------
    Best or None
        None where no row has a value.
    """
    rows = [row for row, value in enumerate(values) if value is not None]
    if not rows:
        return None
    best = max(rows, key=lambda row: values[row] or 0.0)
    others = [row for row in rows if row != best]
    found = [compare(best, row) for row in others]
    corrected = holm([one.p_value if one else None for one in found], len(rows) * (len(rows) - 1) // 2)
    return Best(best, tuple(map(Versus, others, found, corrected)), level)


# Several seeds


@dataclass(frozen=True)
class Spread:
    """Values of several seeds: how many, mean, sample standard deviation, smallest, largest, interval of the mean."""

    count: int
    mean: float
    deviation: float | None
    low: float
    high: float
    interval: Interval | None


def over_seeds(values: Sequence[float | None], confidence: float = CONFIDENCE) -> Spread | None:
    """Summarise a metric over several seeds, with Student's t interval of the mean; undefined values are left out.

    Returns
    -------
    Spread or None
        None without any value; deviation and interval are None with one.
    """
    known = [value for value in values if value is not None]
    if not known:
        return None
    mean, low, high = fmean(known), min(known), max(known)
    if len(known) == 1:
        return Spread(1, mean, None, low, high, None)
    from scipy.special import stdtrit

    deviation = stdev(known)
    reach = float(stdtrit(len(known) - 1, (1 + confidence) / 2)) * deviation / math.sqrt(len(known))
    return Spread(len(known), mean, deviation, low, high, (mean - reach, mean + reach))


# Ranking over datasets


@dataclass(frozen=True)
class Ranking:
    """Methods by their mean rank over several datasets.

    Attributes
    ----------
    datasets : int
        Number of datasets.
    mean_ranks : dict of str to float
        By method, best (1 = highest value) first; equal values share their mean rank.
    statistic, p_value : float
        Friedman's test of all methods being equal.
    critical_difference : float
        Nemenyi's: mean ranks closer than this are not told apart.
    cliques : tuple of tuples of str
        Largest groups of methods that are not told apart, without those of one.
    left_out : tuple of str
        Methods that lack a value on one of the datasets.
    """

    datasets: int
    mean_ranks: dict[str, float]
    statistic: float
    p_value: float
    critical_difference: float
    cliques: tuple[tuple[str, ...], ...]
    left_out: tuple[str, ...]


def rank_methods(
    values: Mapping[str, Mapping[str, float | None]], level: float = 1 - CONFIDENCE
) -> Ranking | Unavailable:
    """Rank methods over datasets by Friedman's test and Nemenyi's critical difference.

    Parameters
    ----------
    values : mapping of str to mapping of str to float or None
        Metric (higher is better) by dataset and method.
    level : float
        Significance level of the critical difference.

    Returns
    -------
    Ranking or Unavailable
        The reason is `few-datasets` (fewer than 2) or `few-methods` (fewer than 3 with a value on every dataset).

    References
    ----------
    Demšar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7 (2006).
    """
    names = list(dict.fromkeys(method for row in values.values() for method in row))
    methods = [name for name in names if all(row.get(name) is not None for row in values.values())]
    if len(values) < 2:
        return Unavailable("few-datasets")
    if len(methods) < 3:
        return Unavailable("few-methods")
    from scipy.stats import friedmanchisquare, rankdata, studentized_range

    table = np.array([[row[name] for name in methods] for row in values.values()], dtype=np.float64)
    means = rankdata(-table, axis=1).mean(axis=0)
    order = np.argsort(means, kind="stable")
    if np.all(table == table[:, :1]):
        statistic, p_value = 0.0, 1.0  # all methods equal on every dataset: Friedman's statistic is 0 / 0
    else:
        statistic, p_value = map(float, friedmanchisquare(*table.T))
    number, datasets = len(methods), len(values)
    quantile = float(studentized_range.ppf(1 - level, number, np.inf)) / math.sqrt(2)
    critical = quantile * math.sqrt(number * (number + 1) / (6 * datasets))
    ranks = {methods[index]: float(means[index]) for index in order}
    left_out = tuple(name for name in names if name not in methods)
    return Ranking(datasets, ranks, statistic, p_value, critical, _cliques(ranks, critical), left_out)


def _cliques(ranks: Mapping[str, float], critical: float) -> tuple[tuple[str, ...], ...]:
    names, means = list(ranks), list(ranks.values())
    cliques, reached = [], 0
    for first, mean in enumerate(means):
        last = sum(other - mean < critical for other in means)
        if last > max(reached, first + 1):
            cliques.append(tuple(names[first:last]))
        reached = max(reached, last)
    return tuple(cliques)


# Learning curves


@dataclass(frozen=True)
class LearningCurve:
    """A power law `scale * (size / smallest) ** -exponent + floor` for the error by training size.

    Attributes
    ----------
    scale, exponent, floor : float
        The fit; `smallest` is the smallest training size.
    smallest, largest : int
        Training sizes between which it was fitted.
    gain, gain_interval : float, tuple
        By how much the error is to fall when the largest size is doubled.
    """

    scale: float
    exponent: float
    floor: float
    smallest: int
    largest: int
    gain: float
    gain_interval: Interval

    @property
    def still_rising(self) -> bool:
        """Whether more data are shown to help, by however little: the interval of the gain is above 0."""
        return self.gain_interval[0] > 0

    def error(self, size: float) -> float:
        """Return the error expected at a training size."""
        return float(self.scale * (size / self.smallest) ** -self.exponent + self.floor)


def fit_learning_curve(
    sizes: Sequence[int],
    errors: Sequence[float | None],
    *,
    seed: int,
    resamples: int = 1000,
    confidence: float = CONFIDENCE,
) -> LearningCurve | Unavailable:
    """Fit a power law with a floor to errors by training size, with the uncertainty of what twice the data bring.

    For a given exponent the fit is linear, so the exponents of a grid are tried; unlike an iterative fit this always
    ends, and fits all resamples at once. The uncertainty is a parametric bootstrap: noise of the size of the residuals
    (itself uncertain, as the points are few) is added to the fitted curve, which is fitted again.

    Parameters
    ----------
    sizes, errors : sequences
        Training sizes and errors (1 - F1, or a loss), one entry per run; several seeds give several entries for a size.
        Runs without an error are left out.
    seed, resamples, confidence
        Of the bootstrap and its interval.

    Returns
    -------
    LearningCurve or Unavailable
        The reason is `few-sizes` (fewer than 3 different sizes), or `few-runs` (no more runs than the curve has
        parameters, which is 3: it would go through every point, and nothing would be known of the noise).
    """
    pairs = [(size, error) for size, error in zip(sizes, errors, strict=True) if error is not None]
    size, error = np.array([pair[0] for pair in pairs], dtype=np.int64), np.array([pair[1] for pair in pairs])
    if len(set(size.tolist())) < 3:
        return Unavailable("few-sizes")
    free = len(pairs) - 3
    if not free:
        return Unavailable("few-runs")
    smallest, largest = int(size.min()), int(size.max())
    relative, doubled = size / smallest, largest / smallest * np.array([1.0, 2.0])
    generator = np.random.default_rng(seed)

    scale, exponent, floor, left = _fit_power(relative, error[np.newaxis, :])
    fitted = scale[:, None] * relative ** -exponent[:, None] + floor[:, None]
    noise = np.sqrt(left / generator.chisquare(free, size=resamples))[:, None]
    again = _fit_power(relative, fitted + noise * generator.standard_normal((resamples, len(error))))
    return LearningCurve(
        scale=float(scale[0]),
        exponent=float(exponent[0]),
        floor=float(floor[0]),
        smallest=smallest,
        largest=largest,
        gain=float(_gain(scale, exponent, doubled)[0]),
        gain_interval=_limits(_gain(again[0], again[1], doubled), confidence),
    )


def _gain(scale: Floats, exponent: Floats, doubled: Floats) -> Floats:
    now, then = (size**-exponent for size in doubled)
    return np.asarray(scale * (now - then), dtype=np.float64)


def _fit_power(relative: Floats, errors: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Fit `scale * relative ** -exponent + floor` to each row by least squares; a floor below 0 is none.

    Returns
    -------
    scale, exponent, floor, residual : float64 arrays, shape (rows,)
        The last is the sum of squares left. The scale may be negative: errors may grow with the size.
    """
    powers = relative ** -CURVE_EXPONENTS[:, None]
    mean = errors.mean(axis=1)[:, None]
    centred = powers - powers.mean(axis=1, keepdims=True)
    scale = (errors - mean) @ centred.T / np.sum(centred**2, axis=1)
    floor = mean - scale * powers.mean(axis=1)
    through_zero = errors @ powers.T / np.sum(powers**2, axis=1)
    below = (floor < 0) & (scale > 0) & (mean > 0)
    scale, floor = np.where(below, through_zero, scale), np.where(below, 0.0, floor)
    left = np.sum((errors[:, None, :] - scale[..., None] * powers - floor[..., None]) ** 2, axis=2)
    best = np.argmin(left, axis=1)
    rows: npt.NDArray[np.intp] = np.arange(len(errors))
    return scale[rows, best], CURVE_EXPONENTS[best], floor[rows, best], left[rows, best]

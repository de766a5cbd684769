"""Intervals and tests against libraries, published examples and simulation; the source documents' figures."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import curve_fit
from sklearn.metrics import roc_auc_score
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from logassay.metrics import Counts, average_precision, count, rates, sweep
from logassay.statistics import (
    BOOTSTRAPPED,
    Difference,
    LearningCurve,
    Ranking,
    Unavailable,
    at_prevalence,
    average_precision_interval,
    bootstrap_intervals,
    fit_learning_curve,
    holm,
    mcnemar,
    over_seeds,
    paired_difference,
    rank_methods,
    rate_intervals,
    roc_auc_difference,
    roc_auc_interval,
    two_proportions,
    unpaired_difference,
    versus_best,
    wilson,
)

EPOCHS = [Counts(917, 0, 1000, 83), Counts(915, 2, 998, 85), Counts(921, 1, 999, 79)]
LOGANOMALY = Counts(226, 2617, 43784, 3373)


def covers(interval: tuple[float, float] | None, truth: float) -> bool:
    assert interval is not None
    return interval[0] <= truth <= interval[1]


def as_arrays(counts: Counts) -> tuple[np.ndarray, np.ndarray]:
    """Return decisions and truth that have these counts."""
    cells = [(True, True), (True, False), (False, False), (False, True)]
    flags = np.repeat(cells, [counts.tp, counts.fp, counts.tn, counts.fn], axis=0)
    return flags[:, 0], flags[:, 1]


def test_import_is_cheap() -> None:
    code = "import sys, logassay.statistics; print(any(n in sys.modules for n in ('scipy', 'statsmodels', 'sklearn')))"
    scripts = Path(__file__).resolve().parents[2] / "scripts"
    found = subprocess.run([sys.executable, "-c", code], cwd=scripts, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


# Intervals


def test_wilson_equals_statsmodels() -> None:
    for trials in (1, 7, 1000):
        for successes in {0, 1, trials // 3, trials}:
            for confidence in (0.8, 0.95):
                expected = proportion_confint(successes, trials, alpha=1 - confidence, method="wilson")
                np.testing.assert_allclose(wilson(successes, trials, confidence), expected, atol=1e-14)
    assert wilson(0, 0) is None
    assert wilson(0, 10)[0] == 0
    assert wilson(10, 10)[1] == 1


def test_wilson_coverage() -> None:
    # The mean over shares; at a single one it jumps about the level, as counts are whole.
    shares, trials = np.linspace(0.01, 0.99, 197), 1000
    limits = np.array([wilson(found, trials) for found in range(trials + 1)])
    chance = stats.binom.pmf(np.arange(trials + 1)[:, None], trials, shares)
    inside = (limits[:, :1] <= shares) & (shares <= limits[:, 1:])
    coverage = np.sum(chance * inside, axis=0)
    assert 0.94 < coverage.mean() < 0.96
    assert np.mean(np.abs(coverage - 0.95) < 0.01) > 0.9


def test_recall_intervals_of_the_first_document() -> None:
    limits = [rate_intervals(counts)["recall"] for counts in EPOCHS]
    np.testing.assert_allclose(limits[0], (0.898, 0.933), atol=5e-4)
    np.testing.assert_allclose(limits[1], (0.896, 0.931), atol=5e-4)
    np.testing.assert_allclose(limits[2], (0.903, 0.936), atol=5e-4)
    assert rate_intervals(EPOCHS[0])["specificity"][1] == 1
    assert rate_intervals(Counts(0, 0, 5, 3))["precision"] is None


@pytest.mark.parametrize("classes", [(1000, 1000), (72, 928), (20, 980)])
@pytest.mark.parametrize("truth", [(0.917, 0.001), (0.6, 0.02), (0.06, 0.056)])
def test_bootstrap_coverage(classes: tuple[int, int], truth: tuple[float, float]) -> None:
    (positives, negatives), (recall, alarms) = classes, truth
    generator = np.random.default_rng(0)
    expected = rates(positives * recall, negatives * alarms, negatives * (1 - alarms), positives * (1 - recall))
    inside = dict.fromkeys(("f1", "mcc"), 0)
    for seed in range(500):
        tp, fp = int(generator.binomial(positives, recall)), int(generator.binomial(negatives, alarms))
        found = bootstrap_intervals(Counts(tp, fp, negatives - fp, positives - tp), seed=seed, resamples=400)
        for name in inside:
            inside[name] += found[name] is None or covers(found[name], float(expected[name]))
    # 95 % within three standard errors of the simulation; the plain bootstrap has 70 % in the hardest case.
    assert all(0.92 <= hits / 500 <= 0.99 for hits in inside.values())


def test_bootstrap_coverage_is_right_on_average() -> None:
    generator = np.random.default_rng(1)
    inside = dict.fromkeys(BOOTSTRAPPED, 0)
    for seed in range(1500):
        recall, alarms = generator.uniform(0.1, 0.95), generator.uniform(0.005, 0.2)
        tp, fp = int(generator.binomial(100, recall)), int(generator.binomial(900, alarms))
        truth = rates(100 * recall, 900 * alarms, 900 * (1 - alarms), 100 * (1 - recall))
        truth["youden"] = recall - alarms
        for name, limits in bootstrap_intervals(Counts(tp, fp, 900 - fp, 100 - tp), seed=seed, resamples=400).items():
            inside[name] += covers(limits, float(truth[name]))
    assert all(0.93 <= hits / 1500 <= 0.97 for hits in inside.values())


def test_chance_of_the_second_document() -> None:
    found = bootstrap_intervals(LOGANOMALY, seed=0)
    assert covers(found["youden"], 0)
    # By the normal approximation: .0064 plus and minus 1.96 times .0042.
    np.testing.assert_allclose(found["youden"], (-0.0018, 0.0146), atol=8e-4)
    assert bootstrap_intervals(LOGANOMALY, seed=0) == found
    assert not covers(bootstrap_intervals(EPOCHS[0], seed=0)["youden"], 0)


def test_bootstrap_at_the_edges() -> None:
    perfect = bootstrap_intervals(Counts(30, 0, 70, 0), seed=0)
    assert all(limits[1] == 1 and limits[0] < 0.99 for limits in perfect.values())
    nothing_flagged = bootstrap_intervals(Counts(0, 0, 70, 30), seed=0)
    assert nothing_flagged["mcc"] is None
    assert covers(nothing_flagged["youden"], 0)
    assert set(bootstrap_intervals(Counts(0, 2, 8, 0), seed=0).values()) == {None}


def test_delong_variance_by_its_definition() -> None:
    generator = np.random.default_rng(0)
    truth = np.arange(60) < 25
    scores = np.round(generator.normal(0, 1, 60) + truth, 1)
    wins = np.sign(scores[truth][:, None] - scores[~truth][None, :]) / 2 + 0.5
    area = roc_auc_score(truth, scores)
    variance = wins.mean(axis=1).var(ddof=1) / 25 + wins.mean(axis=0).var(ddof=1) / 35
    low, high = roc_auc_interval(scores, truth)
    middle, reach = np.log(area / (1 - area)), 1.959964 * np.sqrt(variance) / (area * (1 - area))
    np.testing.assert_allclose(
        np.log([low / (1 - low), high / (1 - high)]), [middle - reach, middle + reach], atol=1e-6
    )


def test_intervals_of_scores_at_the_edges() -> None:
    truth = np.arange(100) < 20
    apart = roc_auc_interval(truth.astype(float), truth)
    assert apart == wilson(20, 20)
    assert average_precision_interval(sweep(truth.astype(float), truth), seed=0) == wilson(20, 20)
    np.testing.assert_allclose(roc_auc_interval(np.zeros(100), truth), (0.5, 0.5))
    assert roc_auc_interval(np.zeros(3), np.zeros(3, dtype=bool)) is None
    assert average_precision_interval(sweep(np.zeros(3), np.zeros(3, dtype=bool)), seed=0) is None


@pytest.mark.parametrize(("shift", "area", "precision"), [(0.0, 0.5, 0.1), (1.0, 0.7602, 0.2934), (2.5, 0.9615, 0.812)])
def test_coverage_of_intervals_of_scores(shift: float, area: float, precision: float) -> None:
    generator = np.random.default_rng(0)
    truth = np.arange(1000) < 100
    # The truths: two normal distributions `shift` apart, at 10 % anomalies.
    far = stats.norm.isf((np.arange(20000) + 0.5) / 20000)
    recall, alarms = stats.norm.sf(far - shift), stats.norm.sf(far)
    assert area == pytest.approx(stats.norm.cdf(shift / np.sqrt(2)), abs=2e-4)
    curve = 0.1 * recall / (0.1 * recall + 0.9 * alarms)
    assert precision == pytest.approx(np.trapezoid(curve, recall) + curve[0] * recall[0], abs=5e-3)
    inside = np.zeros(2)
    for seed in range(200):
        scores = generator.normal(0, 1, 1000) + shift * truth
        inside[0] += covers(roc_auc_interval(scores, truth), area)
        inside[1] += covers(average_precision_interval(sweep(scores, truth), seed=seed, resamples=100), precision)
    assert np.all((inside / 200 >= 0.9) & (inside / 200 <= 0.995))


# Another prevalence


def test_first_document_at_two_per_cent() -> None:
    found = [at_prevalence(counts, 0.02) for counts in EPOCHS]
    assert [round(each.precision, 2) for each in found] == [1.0, 0.9, 0.95]
    # At the upper limit of the false-positive rate: 83, 72 and 76 or 77 %, by the recall's limit or the recall.
    np.testing.assert_allclose([each.precision_interval[0] for each in found], [0.827, 0.715, 0.766], atol=2e-3)
    assert found[0].precision_interval[1] == 1
    by_hand = 0.02 * 0.915 / (0.02 * 0.915 + 0.98 * 0.002)
    assert found[1].f1 == pytest.approx(2 * by_hand * 0.915 / (by_hand + 0.915))
    assert covers(found[1].f1_interval, found[1].f1)


def test_prevalence_of_the_data_changes_nothing() -> None:
    found = at_prevalence(LOGANOMALY, 3599 / 50000)
    assert found.precision == pytest.approx(226 / 2843)
    assert found.f1 == pytest.approx(0.0702, abs=5e-5)
    assert at_prevalence(Counts(0, 0, 5, 5), 0.1).precision is None
    assert at_prevalence(Counts(0, 1, 5, 0), 0.1).f1 is None


# Differences


def test_mcnemar_by_hand() -> None:
    def discordant(first: int, second: int) -> tuple[np.ndarray, np.ndarray]:
        one = np.repeat([True, False, True], [first, second, 100])
        two = np.repeat([False, True, True], [first, second, 100])
        return one, two

    few = mcnemar(*discordant(1, 7))
    assert (few.only_first, few.only_second) == (1, 7)
    assert few.p_value == pytest.approx(2 * (1 + 8) / 2**8)
    many = mcnemar(*discordant(40, 20))
    assert many.p_value == pytest.approx(stats.chi2.sf(19**2 / 60, 1))
    assert mcnemar(*discordant(0, 0)).p_value == 1
    assert mcnemar(*discordant(3, 3)).p_value == 1


def test_mcnemar_under_the_null() -> None:
    generator = np.random.default_rng(0)
    for share in (0.01, 0.2):
        p_values = []
        for _ in range(700):
            kind = generator.choice(3, size=600, p=[1 - share, share / 2, share / 2])
            p_values.append(mcnemar(kind == 1, kind == 2).p_value)
        for level in (0.01, 0.05, 0.2):
            assert np.mean(np.array(p_values) <= level) <= level + 0.02


def test_paired_differences_under_the_null_and_with_a_planted_one() -> None:
    generator = np.random.default_rng(0)
    truth = np.arange(2000) < 600

    def flags(shared: np.ndarray, recall: float) -> np.ndarray:
        own = generator.random(2000)
        return np.where(truth, 0.5 * shared + 0.5 * own < recall, own < 0.02)

    null, planted, inside = [], [], 0
    for seed in range(1000):
        shared = generator.random(2000)
        equal = paired_difference("f1", flags(shared, 0.6), flags(shared, 0.6), truth, seed=seed, resamples=400)
        assert equal is not None
        null.append(equal.p_value)
        inside += covers(equal.interval, 0)
        if seed < 100:
            better = paired_difference("f1", flags(shared, 0.7), flags(shared, 0.6), truth, seed=seed, resamples=400)
            assert better is not None
            planted.append(better.p_value)
    assert stats.kstest(null, "uniform").pvalue > 0.01
    assert 0.93 <= inside / 1000 <= 0.97
    assert np.mean(np.array(planted) < 0.05) > 0.95


def test_equal_decisions_do_not_differ() -> None:
    flagged, truth = as_arrays(LOGANOMALY)
    found = paired_difference("youden", flagged, flagged, truth, seed=0)
    assert found is not None
    assert found.difference == 0
    assert covers(found.interval, 0)
    assert found.p_value > 0.5
    assert paired_difference("f1", flagged, flagged, truth & False, seed=0) is None
    assert paired_difference("precision", flagged & False, flagged, truth, seed=0) is None


def test_delong_test_under_the_null_and_with_a_planted_difference() -> None:
    generator = np.random.default_rng(0)
    truth = np.arange(400) < 120
    null, planted = [], []
    for _ in range(1500):
        signal = generator.normal(0, 1, 400) + truth
        first, second, third = signal + generator.normal(0, 0.5, (3, 400))
        null.append(roc_auc_difference(first, second, truth).p_value)
        planted.append(roc_auc_difference(first, third + generator.normal(0, 1.5, 400), truth).p_value)
    assert stats.kstest(null, "uniform").pvalue > 0.01
    assert np.mean(np.array(planted) < 0.05) > 0.8


def test_delong_test_at_the_edges() -> None:
    truth = np.arange(100) < 20
    scores = np.random.default_rng(0).normal(0, 1, 100)
    assert roc_auc_difference(scores, scores, truth) == Difference(0, (0, 0), 1)
    flag_all = roc_auc_difference(truth.astype(float), np.zeros(100), truth)
    assert (flag_all.difference, flag_all.p_value) == (0.5, 0)
    assert roc_auc_difference(scores, scores, np.arange(100) < 1) is None


def test_unpaired_differences() -> None:
    assert unpaired_difference("f1", EPOCHS[2], EPOCHS[0], seed=0).p_value > 0.5
    found = unpaired_difference("recall", Counts(900, 10, 990, 100), Counts(800, 10, 990, 200), seed=0)
    assert found.p_value < 0.01
    # By the normal approximation: .1 plus and minus 1.96 times the root of (.09 + .16) / 1000.
    np.testing.assert_allclose(found.interval, (0.069, 0.131), atol=3e-3)
    assert unpaired_difference("f1", Counts(0, 1, 1, 0), EPOCHS[0], seed=0) is None


def test_two_proportions() -> None:
    table = [[917, 83], [921, 79]]
    assert two_proportions(917, 1000, 921, 1000) == pytest.approx(
        stats.chi2_contingency(table, correction=False).pvalue
    )
    # No false alarm against two: 2 * C(1000, 2) / C(2000, 2), as both may lie on either side.
    assert two_proportions(0, 1000, 2, 1000) == pytest.approx(1000 * 999 / (1000 * 1999))
    assert two_proportions(0, 10, 0, 10) == 1
    assert two_proportions(0, 0, 2, 10) is None


def test_holm_by_hand() -> None:
    assert holm([0.01, None, 0.04, 0.03]) == pytest.approx([0.03, None, 0.06, 0.06])
    assert holm([0.01, 0.02], comparisons=3) == pytest.approx([0.03, 0.04])
    assert holm([None]) == [None]
    p_values = np.random.default_rng(0).uniform(0, 0.1, 12).round(2)
    np.testing.assert_allclose(holm(p_values.tolist()), multipletests(p_values, method="holm")[1])


def test_epochs_of_the_first_document_do_not_differ() -> None:
    values = [float(rates(**counts.as_dict())["f1"]) for counts in EPOCHS]
    found = versus_best(values, lambda a, b: unpaired_difference("f1", EPOCHS[a], EPOCHS[b], seed=0))
    assert found is not None
    assert found.row == 2
    assert found.indistinguishable == [0, 1]


def test_versus_best_tells_the_worse_and_leaves_out_the_undefined() -> None:
    rows = [Counts(700, 10, 990, 300), Counts(905, 10, 990, 95), Counts(0, 0, 1000, 1000), Counts(900, 10, 990, 100)]
    found = versus_best([0.82, 0.945, None, 0.942], lambda a, b: unpaired_difference("f1", rows[a], rows[b], seed=0))
    assert found is not None
    assert (found.row, [other.row for other in found.others]) == (1, [0, 3])
    assert found.indistinguishable == [3]
    unknown = versus_best([0.5, 0.4], lambda a, b: None)
    assert unknown is not None
    assert unknown.indistinguishable == [1]
    assert versus_best([None], lambda a, b: None) is None


def test_best_of_equals_is_rarely_declared() -> None:
    # Six equal rows: against the best without a correction, four in ten such tables would name a difference.
    generator = np.random.default_rng(0)
    false = 0
    for _ in range(500):
        values = generator.normal(0, 1, 6).tolist()

        def compare(a: int, b: int, values: list[float] = values) -> Difference:
            distance = values[a] - values[b]
            return Difference(distance, (0, 0), float(2 * stats.norm.sf(abs(distance) / np.sqrt(2))))

        found = versus_best(values, compare)
        assert found is not None
        false += len(found.indistinguishable) < 5
    assert 0.02 < false / 500 < 0.07


# Several seeds


def test_seeds_by_hand() -> None:
    found = over_seeds([0.5, None, 0.7, 0.6])
    assert found is not None
    assert (found.count, found.low, found.high) == (3, 0.5, 0.7)
    assert (found.mean, found.deviation) == (pytest.approx(0.6), pytest.approx(0.1))
    np.testing.assert_allclose(found.interval, stats.t.interval(0.95, 2, 0.6, 0.1 / np.sqrt(3)))
    alone = over_seeds([0.5])
    assert alone is not None
    assert (alone.deviation, alone.interval) == (None, None)
    assert over_seeds([None]) is None


# Ranking over datasets

DEMSAR = """0.763 0.768 0.771 0.798
0.599 0.591 0.590 0.569
0.954 0.971 0.968 0.967
0.628 0.661 0.654 0.657
0.882 0.888 0.886 0.898
0.936 0.931 0.916 0.931
0.661 0.668 0.609 0.685
0.583 0.583 0.563 0.625
0.775 0.838 0.866 0.875
1.000 1.000 1.000 1.000
0.940 0.962 0.965 0.962
0.619 0.666 0.614 0.669
0.972 0.981 0.97501 0.975
0.957 0.978 0.946 0.970"""


def test_ranking_of_a_published_example() -> None:
    # Demšar (2006), table 6, where the unrounded values break one tie: mean ranks 3.143, 2.000, 2.893, 1.964; critical
    # difference 2.569 * sqrt(20 / 84) = 1.25.
    methods = ("C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf")
    rows = [dict(zip(methods, map(float, line.split()), strict=True)) for line in DEMSAR.splitlines()]
    found = rank_methods({str(number): {**row, "other": None} for number, row in enumerate(rows)})
    assert isinstance(found, Ranking)
    assert {name: round(rank, 3) for name, rank in found.mean_ranks.items()} == {
        "C4.5+m+cf": 1.964,
        "C4.5+m": 2.0,
        "C4.5+cf": 2.893,
        "C4.5": 3.143,
    }
    assert next(iter(found.mean_ranks)) == "C4.5+m+cf"
    assert found.critical_difference == pytest.approx(1.25, abs=5e-3)
    # 9.28 there, without the correction for ties that scipy makes.
    uncorrected = 12 * 14 / 20 * (sum(rank**2 for rank in found.mean_ranks.values()) - 25)
    assert uncorrected == pytest.approx(9.28, abs=5e-3)
    assert found.statistic == pytest.approx(uncorrected / (1 - (60 + 3 * 6) / (14 * 60)))
    assert found.p_value < 0.05
    assert found.cliques == (("C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5"),)
    assert found.left_out == ("other",)


def test_ranking_that_tells_apart() -> None:
    values = {str(number): {"a": 0.9, "b": 0.8 + number / 1000, "c": 0.5, "d": 0.1} for number in range(10)}
    found = rank_methods(values)
    assert isinstance(found, Ranking)
    # Ranks 1, 2, 3, 4 on each; critical difference 2.569 * sqrt(20 / 60) = 1.48.
    assert found.cliques == (("a", "b"), ("b", "c"), ("c", "d"))
    equal = rank_methods({str(number): {"a": 0.5, "b": 0.5, "c": 0.5} for number in range(3)})
    assert isinstance(equal, Ranking)
    assert (equal.p_value, equal.cliques) == (1, (("a", "b", "c"),))


def test_ranking_needs_datasets_and_methods() -> None:
    assert rank_methods({"hdfs": {"a": 1, "b": 2, "c": 3}}) == Unavailable("few-datasets")
    row = {"a": 1.0, "b": 2.0, "c": None}
    assert rank_methods({"hdfs": {**row, "c": 3.0}, "bgl": row}) == Unavailable("few-methods")


# Learning curves


def test_learning_curve_of_a_power_law() -> None:
    sizes = np.array([1000, 2000, 4000, 8000, 16000])
    errors = 0.05 + 0.4 * (sizes / 1000) ** -0.5
    noisy = errors + np.array([1, -1, 1, 1, -1]) * 0.002
    found = fit_learning_curve(sizes.tolist(), noisy.tolist(), seed=0)
    assert isinstance(found, LearningCurve)
    limits = ([0, 0.05, 0], [1, 2, 1])
    expected = curve_fit(lambda n, a, b, c: a * n**-b + c, sizes / 1000, noisy, (0.4, 0.5, 0.05), bounds=limits)[0]
    np.testing.assert_allclose(found.error(4000), expected[0] * 4 ** -expected[1] + expected[2], atol=1e-3)
    np.testing.assert_allclose((found.scale, found.exponent, found.floor), expected, rtol=0.1)
    assert covers(found.gain_interval, 0.4 * (16**-0.5 - 32**-0.5))
    assert found.gain == pytest.approx(found.error(16000) - found.error(32000))
    assert found.still_rising
    assert (found.smallest, found.largest) == (1000, 16000)


def test_learning_curve_of_noise_is_rarely_rising() -> None:
    generator = np.random.default_rng(0)
    sizes = [1000, 2000, 4000, 8000, 16000]
    shape = np.array(sizes) / 1000.0
    gain, rising, inside, found_rising = 0.3 * (16**-0.4 - 32**-0.4), 0, 0, 0
    for seed in range(120):
        noise = generator.normal(0, 0.01, 5)
        flat = fit_learning_curve(sizes, (0.3 + noise).tolist(), seed=seed, resamples=200)
        falling = fit_learning_curve(sizes, (0.1 + 0.3 * shape**-0.4 + noise).tolist(), seed=seed, resamples=200)
        assert isinstance(flat, LearningCurve)
        assert isinstance(falling, LearningCurve)
        rising += flat.still_rising
        found_rising += falling.still_rising
        inside += covers(falling.gain_interval, gain)
    assert rising / 120 <= 0.07
    assert found_rising / 120 > 0.9
    assert inside / 120 > 0.9


def test_learning_curve_needs_sizes_and_runs() -> None:
    assert fit_learning_curve([1, 2, 2, 4], [0.5, 0.4, 0.4, None], seed=0) == Unavailable("few-sizes")
    assert fit_learning_curve([1, 2, 4], [0.5, 0.4, 0.3], seed=0) == Unavailable("few-runs")
    same = fit_learning_curve([1, 2, 4, 8], [0.5, 0.5, 0.5, 0.5], seed=0)
    assert isinstance(same, LearningCurve)
    assert (same.gain, same.still_rising) == (pytest.approx(0), False)


# All at once


def test_decisions_and_counts_agree() -> None:
    flagged, truth = as_arrays(EPOCHS[1])
    assert count(flagged, truth) == EPOCHS[1]
    curve = sweep(flagged.astype(float), truth)
    assert covers(average_precision_interval(curve, seed=0), average_precision(curve) or 0)
    assert covers(roc_auc_interval(flagged.astype(float), truth), roc_auc_score(truth, flagged))

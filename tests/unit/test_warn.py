"""Warnings: the source documents' numbers, limits by hand and against statsmodels, and results that lack almost all."""

from typing import Any

import numpy as np
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep

from logassay.metrics import Counts, rates
from logassay.statistics import roc_auc_difference
from logassay.warn import OF_DATA, like, of_evaluation, of_section, youden_interval

TARGETS = {"accuracy": 0.70, "precision": 0.5, "recall": 0.6, "f1": 0.55, "specificity": 0.70}
DEEPLOG = Counts(tp=3598, fp=46401, tn=0, fn=1)
LOGANOMALY = Counts(tp=226, fp=2617, tn=43784, fn=3373)
LOGBERT = [
    (Counts(tp=917, fp=0, tn=1000, fn=83), 0.9670),
    (Counts(tp=915, fp=2, tn=998, fn=85), 0.9659),
    (Counts(tp=921, fp=1, tn=999, fn=79), 0.9636),
]


def published(model: str, counts: Counts, **others: Any) -> dict[str, Any]:
    """Return an evaluation as a document has it: counts and what follows from them."""
    metrics = {name: float(value) for name, value in rates(**counts.as_dict()).items() if not np.isnan(value)}
    return {"run": {"model": model}, "model": model, "counts": counts.as_dict(), "metrics": metrics, **others}


def codes(warnings: list[dict[str, Any]]) -> list[str]:
    return [warning["code"] for warning in warnings]


def test_deeplog_of_the_second_document_flags_everything() -> None:
    (found,) = of_evaluation(published("deeplog", DEEPLOG))
    assert found["code"] == "DEGENERATE"
    assert (found["like"], found["tn"], found["fp"]) == ("flag-all", 0, 46401)
    # 2p / (1 + p) with p = 3599 / 50000.
    assert found["reference_f1"] == pytest.approx(2 * 3599 / 53599)
    assert found["f1"] == pytest.approx(0.1343, abs=5e-5)


def test_loganomaly_of_the_second_document_is_chance_and_below_never_flag() -> None:
    (chance,) = of_evaluation(published("loganomaly", LOGANOMALY))
    assert (chance["code"], chance["measure"]) == ("CHANCE", "youden")
    assert chance["value"] == pytest.approx(226 / 3599 - 2617 / 46401)
    assert chance["low"] < 0 < chance["high"]

    _, beaten = of_section([published("deeplog", DEEPLOG), published("loganomaly", LOGANOMALY)])
    accuracy = next(each for each in beaten if (each["code"], each["metric"]) == ("BEATEN-BY-BASELINE", "accuracy"))
    assert accuracy["baseline"] == "never-flag"
    assert accuracy["value"] == pytest.approx(0.8802, abs=5e-5)
    assert accuracy["baseline_value"] == pytest.approx(46401 / 50000)
    assert accuracy["p"] < 0.01
    f1 = next(each for each in beaten if (each["code"], each["metric"]) == ("BEATEN-BY-BASELINE", "f1"))
    assert f1["baseline"] == "flag-all"


def test_targets_of_the_second_document() -> None:
    found = of_evaluation(published("loganomaly", LOGANOMALY, threshold={"targets": TARGETS}))
    targets = [each for each in found if each["code"] == "VACUOUS-TARGET"]
    assert {(each["metric"], each["met_by"]) for each in targets} == {
        ("accuracy", "never-flag"),
        ("specificity", "never-flag"),
    }
    assert targets[0]["prevalence"] == pytest.approx(3599 / 50000)
    assert targets[0]["target"] == 0.70


def test_epochs_of_the_first_document_do_not_differ() -> None:
    rows = [
        published("logbert", counts, epoch=number, seed=1, sample_size=1000)
        for number, (counts, _) in enumerate(LOGBERT, start=1)
    ]
    assert [of_evaluation(row) for row in rows] == [[], [], []]
    found = of_section(rows)
    best = {each["metric"]: (number + 1, each["others"]) for number, row in enumerate(found) for each in row}
    assert best == {
        "recall": (3, ["logbert epoch 1", "logbert epoch 2"]),
        "f1": (3, ["logbert epoch 1", "logbert epoch 2"]),
    }
    assert all(each["code"] == "NO-DIFFERENCE" and each["p"] > 0.05 for row in found for each in row)


def test_rows_that_do_differ() -> None:
    good, bad = Counts(tp=950, fp=10, tn=990, fn=50), Counts(tp=800, fp=100, tn=900, fn=200)
    assert of_section([published("a", good), published("b", bad)]) == [[], []]
    # The same model on another seed is no other model, and a single row has nothing to be compared with.
    seeds = [published("a", good, seed=seed) for seed in (1, 2)]
    assert of_section(seeds) == [[], []]


def test_models_are_compared_by_f1_and_without_those_that_decide_nothing() -> None:
    rows = [
        published("a", Counts(tp=90, fp=10, tn=990, fn=10)),
        published("b", Counts(tp=91, fp=10, tn=990, fn=9)),
        published("flag-all", Counts(tp=100, fp=1000, tn=0, fn=0), baseline=True),
        published("stuck", Counts(tp=100, fp=999, tn=1, fn=0)),
    ]
    found = of_section(rows)
    notices = [[each for each in row if each["code"] == "NO-DIFFERENCE"] for row in found]
    assert [[(each["metric"], each["others"]) for each in row] for row in notices] == [[], [("f1", ["a"])], [], []]


def test_many_models_can_still_be_told_apart() -> None:
    good, bad = Counts(tp=950, fp=10, tn=990, fn=50), Counts(tp=800, fp=100, tn=900, fn=200)
    rows = [published("best", good), *(published(f"model {number}", bad) for number in range(20))]
    assert of_section(rows, metrics=["f1"]) == [[]] * 21


def test_models_are_compared_by_the_rows_asked_for() -> None:
    good, bad = Counts(tp=950, fp=10, tn=990, fn=50), Counts(tp=800, fp=100, tn=900, fn=200)
    rows = [published("a", good, epoch=1), published("a", bad, epoch=2), published("b", good, epoch=1)]
    # By default a's last epoch, which is worse than b.
    assert of_section(rows) == [[], [], []]
    found = of_section(rows, compared=[0, 2], metrics=["f1"])
    assert [[each["others"] for each in row] for row in found] == [[["b"]], [], []]


def test_a_baseline_that_ran_beats() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat([True, False], [100, 900])
    scores = [rng.normal(size=1000) + 0.5 * truth, rng.normal(size=1000) + 2 * truth]

    def compare(metric: str, first: int, second: int) -> Any:
        return roc_auc_difference(scores[first], scores[second], truth)

    counts = Counts(tp=50, fp=10, tn=890, fn=50)
    rows = [
        published("deep", counts, seed=1) | {"metrics": {"roc_auc": 0.64, "f1": 0.625, "accuracy": 0.94}},
        published("n-gram", counts, seed=1, baseline=True) | {"metrics": {"roc_auc": 0.92}},
    ]
    deep, baseline = of_section(rows, compare=compare)
    (beaten,) = [each for each in deep if each["code"] == "BEATEN-BY-BASELINE" and each["metric"] == "roc_auc"]
    assert (beaten["baseline"], beaten["value"], beaten["baseline_value"]) == ("n-gram", 0.64, 0.92)
    assert "BEATEN-BY-BASELINE" not in codes(baseline)
    # Another seed's baseline judged other sequences.
    rows[1]["seed"] = 2
    assert "n-gram" not in [each.get("baseline") for each in of_section(rows, compare=compare)[0]]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (DEEPLOG, "flag-all"),
        (LOGANOMALY, None),
        (Counts(tp=0, fp=0, tn=50, fn=5), "never-flag"),
        (Counts(tp=0, fp=3, tn=997, fn=50), "never-flag"),
        (Counts(tp=0, fp=40, tn=960, fn=50), None),  # flags 4 % of the normals: it does something, if not the right
        (Counts(tp=9, fp=0, tn=991, fn=291), None),  # 3 % found without a false alarm is more than nothing
        (Counts(tp=5, fp=0, tn=50, fn=0), None),
        (Counts(tp=0, fp=0, tn=50, fn=0), None),
    ],
)
def test_what_is_like_a_degenerate_detector(counts: Counts, expected: str | None) -> None:
    assert like(counts) == expected


def test_degenerate_detectors_are_not_warned_about() -> None:
    assert of_evaluation(published("flag-all", Counts(tp=10, fp=90, tn=0, fn=0))) == []


@pytest.mark.parametrize("counts", [LOGANOMALY, DEEPLOG, LOGBERT[0][0], Counts(tp=3, fp=1, tn=9, fn=4)])
def test_newcombe_interval_agrees_with_statsmodels(counts: Counts) -> None:
    expected = confint_proportions_2indep(
        counts.tp, counts.tp + counts.fn, counts.fp, counts.fp + counts.tn, method="newcomb", compare="diff"
    )
    assert youden_interval(counts) == pytest.approx(expected, abs=1e-6)


def test_interval_of_a_missing_class() -> None:
    assert youden_interval(Counts(tp=0, fp=1, tn=1, fn=0)) is None


def test_roc_auc_at_chance() -> None:
    counts = Counts(tp=80, fp=10, tn=90, fn=20)
    evaluation = published("m", counts, intervals={"roc_auc": [0.48, 0.6], "f1": None})
    evaluation["metrics"]["roc_auc"] = 0.54
    (found,) = of_evaluation(evaluation)
    assert found == {"code": "CHANCE", "measure": "roc_auc", "value": 0.54, "low": 0.48, "high": 0.6}
    # Below chance is not at chance.
    evaluation["intervals"]["roc_auc"] = [0.1, 0.2]
    assert of_evaluation(evaluation) == []


def test_warnings_of_the_data() -> None:
    evaluation = published(
        "m",
        Counts(tp=80, fp=10, tn=90, fn=20),
        ceiling={"recall_without_false_alarms": 0.9, "f1": 0.97},
        data={"evaluated": 200, "unlabelled": 50, "unknown_share": 0.02, "sequences_with_unknown": 7},
        overlap={"share_seen": 0.5},
    )
    found = of_evaluation(evaluation, templates_fit_on="all", truncated=10, open_training_share=0.25)
    assert {warning["code"] for warning in found} <= set(OF_DATA)
    assert found == [
        {"code": "CEILING", "recall": 0.9, "f1": 0.97},
        {"code": "UNSEEN", "share": 0.02, "sequences": 7},
        {"code": "COVERAGE", "truncated": 10, "unlabelled": 50, "open": None, "share": 60 / 250},
        {"code": "LEAKAGE", "what": "templates", "share": None},
        {"code": "LEAKAGE", "what": "sequences", "share": 0.5},
        {"code": "LEAKAGE", "what": "open-sessions", "share": 0.25},
    ]


@pytest.mark.parametrize(
    ("protocol", "what"),
    [("labelled", "sequences"), ("pseudo", "mutated-sequences"), ("prevalence", "mutated-sequences")],
)
def test_leakage_names_the_sequences_that_were_judged(protocol: str, what: str) -> None:
    evaluation = published("m", Counts(tp=80, fp=10, tn=90, fn=20), overlap={"share_seen": 0.5})
    evaluation["run"]["protocol"] = protocol
    assert of_evaluation(evaluation) == [{"code": "LEAKAGE", "what": what, "share": 0.5}]


def test_flag_all_is_not_compared_by_f1_where_sequences_are_judged_intact_and_mutated() -> None:
    rows = [published("m", Counts(tp=450, fp=50, tn=950, fn=550))]
    assert [(each["metric"], each["baseline"]) for each in of_section(rows)[0]] == [("f1", "flag-all")]
    assert of_section(rows, paired=True) == [[]]
    # A baseline that ran is.
    rows += [published("n-gram", Counts(tp=900, fp=50, tn=950, fn=100), baseline=True)]
    assert {each["baseline"] for each in of_section(rows, paired=True)[0]} == {"n-gram"}
    assert "f1" in {each["metric"] for each in of_section(rows, paired=True)[0]}


def test_sound_data_and_missing_facts_give_no_warning() -> None:
    counts = Counts(tp=80, fp=10, tn=90, fn=20)
    sound = {
        "ceiling": {"recall_without_false_alarms": 1.0, "f1": 1.0},
        "data": {"evaluated": 200, "unlabelled": 0, "unknown_share": 0.001, "sequences_with_unknown": 1},
        "overlap": {"share_seen": 0.0},
        "threshold": {"targets": {}},
    }
    assert of_evaluation(published("m", counts, **sound), templates_fit_on="train", open_training_share=0.0) == []
    unknown = dict.fromkeys(("ceiling", "data", "overlap", "threshold", "intervals", "metrics"))
    assert of_evaluation({"run": None, "counts": counts.as_dict(), **unknown}) == []
    assert of_evaluation({}) == []

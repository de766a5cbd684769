"""Verdicts: right where the source documents were wrong, tests on saved scores, and study files that run."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from logassay import evaluate, judge
from logassay.errors import UserError
from logassay.files import write_json, write_parquet
from logassay.metrics import Counts, count
from logassay.threshold import Choice
from tests.unit.evaluations import document_1, document_2, evaluation
from tests.unit.test_compare import evaluation as full
from tests.unit.test_evaluate import RUN, SCORING, TRAINING, many

ROOT = Path(__file__).resolve().parents[2]
TARGETS = {"accuracy": 0.7, "f1": 0.55, "recall": 0.5, "specificity": 0.7}


def settings(**changes: Any) -> judge.Settings:
    values: dict[str, Any] = {
        "study": "s",
        "targets": {},
        "prevalences": [0.02],
        "strategy": "quantile",
        "false_positive_rate": 0.01,
        "fit_on": "train",
        "models": {name: {"epochs": None} for name in ("logbert", "deeplog", "loganomaly")},
    }
    return judge.Settings(**values | changes)


def codes(row: dict[str, Any]) -> set[str]:
    return {warning["code"] for warning in row["warnings"]}


@pytest.mark.parametrize("one", [*document_1(), *document_2()])
def test_the_documents_are_sound_evaluations(one: dict[str, Any]) -> None:
    evaluate.validate(one, ROOT / "workflow/schemas/evaluation.schema.json")


def test_document_1() -> None:
    section = judge.judge(document_1(), settings())["sections"][0]
    model = section["models"][0]
    assert [round(100 * step["change"]) for step in model["loss_trend"]] == [0, -15, -27]
    # The epochs cannot be told apart: no p-value comes near 0.05, and the intervals of recall overlap.
    assert model["epochs_differ"]["distinguishable"] is False
    assert model["epochs_differ"]["p"] > 0.5
    assert model["epochs_differ"]["low"] == pytest.approx([0.898, 0.896, 0.903], abs=1e-3)
    assert model["epochs_differ"]["high"] == pytest.approx([0.933, 0.931, 0.936], abs=1e-3)
    assert model["uses"]["production"]["why"] == "indistinguishable"
    assert model["uses"]["proof_of_concept"] == {"epoch": 1, "why": "cheapest-of-equals"}
    assert model["uses"]["no_false_alarms"]["epoch"] == 1
    assert model["uses"]["no_false_alarms"]["upper_fpr"] == pytest.approx(0.00383, abs=1e-5)
    # At 2 % anomalies the precision is another one.
    restated = [row["at_prevalence"][0] for row in section["rows"]]
    assert [round(each["precision"], 2) for each in restated] == [1.00, 0.90, 0.95]
    assert [round(each["precision_low"], 2) for each in restated] == [0.83, 0.72, 0.77]
    # Had every event been changed independently, 8 % of the sessions of 125 events would have stayed as they were.
    assert section["unmutated_share"] == pytest.approx(0.98**125)
    assert section["unmutated_share"] == pytest.approx(0.08, abs=0.001)
    assert any("NO-DIFFERENCE" in codes(row) for row in section["rows"])


def test_mutations_of_our_own_leave_no_sequence_as_it_was() -> None:
    rows = document_1()
    for one in rows:
        one["strata"] = [{"by": "operator", "name": "swap", "sequences": 1000, "found": 900, "recall": 0.9}]
        one["strata"][0] |= {"low": 0.88, "high": 0.92}
    assert judge.judge(rows, settings())["sections"][0]["unmutated_share"] is None


@pytest.mark.parametrize(("protocol", "beaten"), [("labelled", True), ("pseudo", False), ("prevalence", True)])
def test_f1_of_flagging_all_beats_nothing_where_every_sequence_is_judged_intact_and_mutated(
    protocol: str, beaten: bool
) -> None:
    run = {"model": "deeplog", "epoch": 1, "seed": 1, "sample_size": 100, "protocol": protocol}
    run |= {"anomaly_ratio": None if protocol == "labelled" else 0.02, "prevalence": 0.5}
    one = evaluation(Counts(tp=450, fp=50, tn=950, fn=550), **run)
    section = judge.judge([one], settings(), lambda one: None)["sections"][0]
    found = [w for w in section["rows"][0]["warnings"] if w["code"] == "BEATEN-BY-BASELINE"]
    assert [(w["metric"], w["baseline"]) for w in found] == ([("f1", "flag-all")] if beaten else [])
    assert section["models"][0]["state"] == ("weak" if beaten else "usable")
    # What counts both classes alike is compared all the same: 40 % here, where looking at nothing gives 50 %.
    one = evaluation(Counts(tp=300, fp=500, tn=500, fn=700), **run)
    (row,) = judge.judge([one], settings(), lambda one: None)["sections"][0]["rows"]
    assert "accuracy" in {w["metric"] for w in row["warnings"] if w["code"] == "BEATEN-BY-BASELINE"}


def test_document_2() -> None:
    section = judge.judge(document_2(), settings(targets=TARGETS))["sections"][0]
    deeplog, loganomaly = section["rows"]
    assert [round(100 * deeplog["metrics"][name], 2) for name in ("accuracy", "f1", "recall")] == [7.2, 13.43, 99.97]
    assert [round(100 * loganomaly["metrics"][name], 2) for name in ("accuracy", "f1")] == [88.02, 7.02]
    assert {"DEGENERATE"} <= codes(deeplog)
    assert next(w for w in deeplog["warnings"] if w["code"] == "DEGENERATE")["like"] == "flag-all"
    assert {"CHANCE", "BEATEN-BY-BASELINE"} <= codes(loganomaly)
    beaten = [w for w in loganomaly["warnings"] if w["code"] == "BEATEN-BY-BASELINE"]
    assert ("accuracy", "never-flag") in {(w["metric"], w["baseline"]) for w in beaten}
    vacuous = {w["metric"] for w in section["warnings"] if w["code"] == "VACUOUS-TARGET"}
    assert vacuous == {"accuracy", "specificity"}
    models = {model["model"]: model for model in section["models"]}
    assert models["deeplog"]["state"] == models["loganomaly"]["state"] == "useless"
    kinds = [advice["kind"] for advice in models["deeplog"]["advice"]]
    assert kinds[:2] == ["check-vocabulary", "check-labels"]
    assert not {"more-epochs", "more-data"} & set(kinds)
    assert set(models["loganomaly"]["targets"]["missed"]) == {"f1", "recall"}


def scored(one: dict[str, Any]) -> pl.DataFrame:
    """Return scores of 40 test sequences, 10 anomalous; `good` ranks them all rightly, `bad` none."""
    anomalous = [False] * 30 + [True] * 10
    order = 1 if one["run"]["model"] == "good" else -1
    score = [float(order * (value + 100 * flag)) for value, flag in enumerate(anomalous)]
    frame = pl.DataFrame({"sequence": range(40), "label": anomalous, "score": score, "paper": [False] * 40})
    validation = frame.with_columns(pl.lit("validation").alias("part"))
    return pl.concat([validation, frame.with_columns(pl.lit("test").alias("part"))])


def on_scores(model: str, **run: Any) -> dict[str, Any]:
    one = full(model=model, **run)
    one["threshold"]["value"] = 90.0 if model == "good" else -10.0
    flagged = scored(one).filter((pl.col("part") == "test") & (pl.col("score") > one["threshold"]["value"]))
    tp = int(flagged["label"].sum())
    one["counts"] = {"tp": tp, "fp": flagged.height - tp, "tn": 30 - flagged.height + tp, "fn": 10 - tp}
    tn = one["counts"]["tn"]
    one["metrics"] |= {"f1": 2 * tp / (tp + flagged.height + 10), "roc_auc": 1.0 if model == "good" else 0.0}
    one["metrics"]["accuracy"] = (tp + tn) / 40
    return one


def test_models_are_compared_on_the_same_sequences() -> None:
    section = judge.judge([on_scores("bad"), on_scores("good")], settings(targets={"f1": 0.9}), scored)["sections"][0]
    assert [each["metric"] for each in section["comparisons"]] == ["f1", "roc_auc"]
    for each in section["comparisons"]:
        assert (each["a"], each["b"], each["distinguishable"]) == ("good", "bad", True)
        assert each["low"] > 0
    assert {each["metric"]: each["test"] for each in section["comparisons"]} == {"f1": "bootstrap", "roc_auc": "delong"}
    assert section["best"] == {"f1": ["good"], "roc_auc": ["good"]}
    models = {model["model"]: model for model in section["models"]}
    # On validation, which has the same scores, a threshold between 29 and 130 parts the labels.
    assert models["good"]["targets"]["reachable"] is True
    assert models["bad"]["targets"]["reachable"] is False
    assert models["bad"]["targets"]["unreachable"] == ["f1"]


def test_targets_are_met_by_the_chosen_threshold_not_by_some_threshold() -> None:
    one = on_scores("good")
    one["threshold"]["metrics"]["f1"] = 0.5
    wanted = judge.judge([one], settings(targets={"f1": 0.9}), scored)["sections"][0]["models"][0]["targets"]
    assert (wanted["met"], wanted["reachable"], wanted["missed"]) == (False, True, {"f1": pytest.approx(0.4)})


def test_a_difference_has_to_hold_for_every_seed() -> None:
    rows = []
    for model, found in (("deeplog", (95, 50, 50)), ("logbert", (75, 90, 90))):
        for seed, tp in enumerate(found, 1):
            one = full(model=model, seed=seed)
            one["counts"] = {"tp": tp, "fp": 10, "tn": 890, "fn": 100 - tp}
            one["metrics"]["f1"] = 2 * tp / (tp + 110)
            rows.append(one)
    section = judge.judge(rows, settings(), lambda one: None)["sections"][0]
    compared = next(each for each in section["comparisons"] if each["metric"] == "f1")
    # In the first seed deeplog is better by far, in the mean logbert.
    assert (compared["a"], compared["b"], compared["distinguishable"], compared["p"]) == (
        "logbert",
        "deeplog",
        False,
        1,
    )
    assert section["best"]["f1"] == ["logbert", "deeplog"]


def test_epochs_that_differ_in_recall_alone_do_differ() -> None:
    rows = [full(epoch=epoch) for epoch in (1, 2)]
    for one, tp in zip(rows, (46, 75), strict=True):
        one["counts"] = {"tp": tp, "fp": 30, "tn": 2270, "fn": 96 - tp}
    differ = judge.judge(rows, settings(), lambda one: None)["sections"][0]["models"][0]["epochs_differ"]
    assert (differ["distinguishable"], differ["metric"]) == (True, "recall")
    assert [each["metric"] for each in differ["metrics"]] == ["recall", "specificity", "roc_auc"]
    assert differ["metrics"][2]["p"] is None


def test_different_sequences_are_no_pairs() -> None:
    def other(one: dict[str, Any]) -> pl.DataFrame:
        frame = scored(one)
        return frame if one["run"]["model"] == "good" else frame.with_columns(pl.col("sequence") + 1)

    with pytest.raises(UserError, match="judged different sequences"):
        judge.judge([on_scores("good"), on_scores("bad")], settings(), other)


@pytest.mark.parametrize(
    ("protocol", "prevalence", "place"),
    [("pseudo", None, "pseudo/ratio=00200"), ("prevalence", 0.25, "prevalence/ratio=00200/share=02500")],
)
def test_the_judged_rows_are_found_again(tmp_path: Path, protocol: str, prevalence: float | None, place: str) -> None:
    intact, mutated = many()
    write_parquet(intact, tmp_path / "scores/epoch_3.parquet")
    write_parquet(mutated, tmp_path / "pseudo/ratio=00200/scores/epoch_3.parquet")
    calibration, evaluated = evaluate.pseudo_parts(intact, mutated, None, prevalence, 1)
    one = evaluate.evaluate(
        calibration,
        evaluated,
        protocol=protocol,
        run=RUN | {"anomaly_ratio": 0.02, "prevalence": prevalence},
        choice=Choice("quantile", 0.05),
        decision="threshold",
        training_facts=TRAINING,
        score_facts=SCORING,
        checkpoint=str(tmp_path / "checkpoints/epoch_3.npz"),
    )
    frame = judge.scores_beside(one)
    assert frame is not None
    test = frame.filter(pl.col("part") == "test")
    found = count((test["score"] > one["threshold"]["value"]).to_numpy(), test["label"].to_numpy())
    assert found.as_dict() == one["counts"]
    assert frame.filter(pl.col("part") == "validation")["label"].sum() == one["data"]["validation_anomalous"]
    assert judge.files(one)["results"] == str(tmp_path / f"evaluation={place}/epoch_3/evaluation_results_epoch_3.json")
    command = judge.reproduction(one)
    assert "--max-samples 200 --generate-fake-anomaly --anomaly-ratio 0.02" in command
    assert ("--protocol prevalence --prevalence 0.25" in command) == (protocol == "prevalence")
    # Both protocols in one study stay apart.
    other = one | {"run": one["run"] | {"prevalence": 0.125, "protocol": "prevalence"}}
    sections = judge.judge([one, other], settings(), lambda one: None)["sections"]
    assert len(sections) == 2
    assert {section["prevalence"] for section in sections} == {prevalence, 0.125}


def test_seeds_and_several_data_sets(tmp_path: Path) -> None:
    rows = []
    for dataset, order in (("one", (0.9, 0.8, 0.7)), ("two", (0.8, 0.7, 0.6)), ("three", (0.7, 0.5, 0.4))):
        for model, f1 in zip(("deeplog", "logbert", "loganomaly"), order, strict=True):
            for seed in (1, 2):
                one = full(dataset=dataset, model=model, seed=seed)
                one["metrics"]["f1"] = f1 + 0.02 * seed
                rows.append(one)
    verdicts = judge.judge(rows, settings(), lambda one: None)
    spread = next(m for m in verdicts["sections"][0]["models"] if m["model"] == "deeplog")["seeds"]["f1"]
    assert (spread["n"], spread["mean"]) == (2, pytest.approx(0.93))
    assert spread["sd"] == pytest.approx(0.02 / 2**0.5)
    assert verdicts["ranking"]["datasets"] == 3
    assert verdicts["ranking"]["mean_ranks"] == {"deeplog": 1, "logbert": 2, "loganomaly": 3}


def test_advice_becomes_study_files_that_differ_in_the_advice_alone(tmp_path: Path) -> None:
    config = {"study": {"name": "s", "epochs": 2, "models": ["deeplog"]}, "models": {"deeplog": {"hyper": {"a": 1}}}}
    changes: list[dict[str, Any]] = [
        {"study": {"epochs": 4}},
        {"study": {"epochs": 4}},
        {"models": {"deeplog": {"hyper": {"a": 2}}}},
        {},
    ]
    advice = [{"kind": "more-epochs", "changes": each, "study_file": None, "command": None} for each in changes]
    verdicts = {"sections": [{"models": [{"model": "deeplog", "advice": advice}]}]}
    judge.write_advice(verdicts, settings(config=config), tmp_path / "advice")
    assert [each["study_file"] for each in advice] == [
        "advice/01-deeplog-more-epochs.yaml",
        "advice/01-deeplog-more-epochs.yaml",
        "advice/02-deeplog-more-epochs.yaml",
        None,
    ]
    first = yaml.safe_load((tmp_path / advice[0]["study_file"]).read_text())
    assert first == config | {"study": {"name": "s-01-deeplog-more-epochs", "epochs": 4, "models": ["deeplog"]}}
    second = yaml.safe_load((tmp_path / advice[2]["study_file"]).read_text())
    assert second["models"] == {"deeplog": {"hyper": {"a": 2}}}
    assert advice[0]["command"].startswith("snakemake --cores all --configfile ")


def test_more_data_is_advised_only_as_far_as_there_is_more(tmp_path: Path) -> None:
    rows = []
    for size, tp in ((50, 20), (100, 60)):
        for seed in (1, 2, 3):
            one = full(model="deeplog", seed=seed, sample_size=size)
            one["metrics"]["f1"] = tp / 100 + 0.001 * seed
            # The split lies four folders above: .../size=N/model=M/checkpoints/epoch_E.npz
            one["provenance"]["checkpoint"] = str(tmp_path / f"size={size}/model=deeplog/checkpoints/epoch_3.npz")
            rows.append(one)
    write_json(tmp_path / "evaluations.json", {"evaluations": rows})
    parts = [{"part": "train", "sequences": 150}, {"part": "test", "sequences": 900}]
    write_json(tmp_path / "split.json", {"train_open_at_test_start": None, "parts": parts})
    told: list[judge.Settings] = []
    usual = judge.judge

    def noted(evaluations: Any, known: judge.Settings) -> Any:
        told.append(known)
        return usual(evaluations, known)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge, "judge", noted)
        output = tmp_path / "verdicts.json"
        judge.run([tmp_path / "evaluations.json"], [tmp_path / "split.json"], settings(), output, tmp_path / "advice")
    assert told[0].training_available == {str(tmp_path): 150}
    section = judge.Section(rows, told[0], lambda one: None)
    chosen = section.chosen["deeplog"]
    assert section._facts(chosen, None, {"warnings": []})["training_available"] == 150


def test_not_a_list_of_evaluations(tmp_path: Path) -> None:
    write_json(tmp_path / "evaluations.json", {})
    with pytest.raises(UserError, match="is not a list of evaluations"):
        judge.run([tmp_path / "evaluations.json"], [], settings(), tmp_path / "v.json", tmp_path / "advice")

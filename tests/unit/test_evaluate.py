"""Evaluations: counts by hand, both protocols, and what is refused."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logassay import evaluate
from logassay.errors import UserError
from logassay.files import write_json, write_parquet
from logassay.threshold import Choice

SCHEMA = Path(__file__).parents[2] / "workflow" / "schemas" / "evaluation.schema.json"
RUN = {
    "dataset": "sim",
    "grouping": "session",
    "split": "chronological",
    "seed": 1,
    "sample_size": 100,
    "model": "deeplog",
    "epoch": 3,
}
TRAINING = {"training_loss": 0.5, "wall_seconds": 2.0, "checkpoint_sha256": "ab" * 32}
SCORING = {"scoring_seconds": 1.0, "device": "cpu", "threads": 2}


def scores(part: str, values: list[float], labels: list[bool | None], start: int = 0, **columns: Any) -> pl.DataFrame:
    """Return a table of scores: sequences numbered from `start`, ten events each, one of them unknown."""
    count = len(values)
    frame = pl.DataFrame(
        {
            "part": [part] * count,
            "sequence": pl.Series(range(start, start + count), dtype=pl.Int32),
            "label": pl.Series(labels, dtype=pl.Boolean),
            "kind": pl.Series([None] * count, dtype=pl.String),
            "length": pl.Series([10] * count, dtype=pl.Int32),
            "unknown": pl.Series([1] * count, dtype=pl.Int32),
            "score": pl.Series(values, dtype=pl.Float64),
            "paper": [value > 5 for value in values],
            "loss": pl.Series([2 * value for value in values], dtype=pl.Float64),
        }
    )
    return frame.with_columns(pl.Series(name, value) for name, value in columns.items())


def labelled() -> pl.DataFrame:
    validation = scores("validation", [1, 2, 3, 4, 8, 9], [False, None, False, False, True, True])
    test = scores(
        "test",
        [0, 2, 7, 3.5, 6, 9, 1],
        [False, False, False, True, True, True, None],
        start=10,
        kind=[None, None, None, "late", "late", "early", None],
    )
    return pl.concat([validation, test])


def overlap_of(frame: pl.DataFrame, distinct: list[int], seen: list[bool]) -> pl.DataFrame:
    return frame.select("part", "sequence").with_columns(
        pl.Series("distinct", distinct, dtype=pl.Int32), pl.Series("seen_in_training", seen)
    )


#                            validation          test
DISTINCT = [0, 1, 2, 3, 4, 5, 0, 6, 6, 7, 8, 8, 9]
SEEN = [True, False, False, False, False, False, True, False, False, False, False, False, False]


def run_labelled(choice: Choice, **changes: Any) -> dict[str, Any]:
    frame = labelled()
    validation, test = evaluate.labelled_parts(frame, overlap_of(frame, DISTINCT, SEEN))
    arguments: dict[str, Any] = {
        "protocol": "labelled",
        "run": RUN,
        "choice": choice,
        "decision": "threshold",
        "training_facts": TRAINING,
        "score_facts": SCORING,
        "checkpoint": "checkpoints/epoch_3.pt",
    } | changes
    return evaluate.evaluate(validation, test, **arguments)


def test_labelled_by_hand() -> None:
    result = run_labelled(Choice("quantile", 0.25, {"recall": 1.0, "precision": 0.9}))
    # Of the validation normals 1, 2 (unlabelled), 3, 4 one may be flagged: the threshold is 3.
    assert result["threshold"]["value"] == 3
    assert result["threshold"]["counts"] == {"tp": 2, "fp": 1, "tn": 3, "fn": 0}
    assert result["threshold"]["targets_met"] is False
    assert result["threshold"]["shortfall"] == {"precision": pytest.approx(0.9 - 2 / 3), "recall": 0}
    assert result["counts"] == {"tp": 3, "fp": 1, "tn": 2, "fn": 0}
    # 9 and 6 and 3.5 against 0, 2, 7: 7 of 9 pairs are in order.
    assert result["metrics"]["roc_auc"] == pytest.approx(7 / 9)
    assert result["metrics"]["precision"] == 0.75
    assert result["data"] == {
        "evaluated": 6,
        "normal": 3,
        "anomalous": 3,
        "unlabelled": 1,
        "validation_normal": 4,
        "validation_anomalous": 2,
        "events": 60,
        "unknown_events": 6,
        "unknown_share": 0.1,
        "sequences_with_unknown": 6,
    }
    assert result["losses"] == {
        "training": 0.5,
        "validation_normal": 5,
        "validation_anomalous": 17,
        "normal": 6,
        "anomalous": pytest.approx(37 / 3),
    }
    strata = [(row["by"], row["name"], row["sequences"], row["found"], row["recall"]) for row in result["strata"]]
    assert strata == [
        ("novelty", "unknown event", 3, 3, 1),
        ("kind", "early", 1, 1, 1),
        ("kind", "late", 2, 2, 1),
    ]
    # Wilson: 3 of 3 found, z = 1.96.
    assert (result["strata"][0]["low"], result["strata"][0]["high"]) == pytest.approx((0.4385, 1), abs=1e-4)
    assert result["intervals"]["recall"] == pytest.approx((0.4385, 1), abs=1e-4)
    assert result["intervals"]["roc_auc"][1] <= 1
    # The thresholds are the scores from high to low; the chosen one is among them.
    curve = result["curve"]
    at = dict(zip(curve["thresholds"], zip(curve["tp"], curve["fp"], strict=True), strict=True))
    chosen = at[result["threshold"]["value"]]
    assert chosen == (result["counts"]["tp"], result["counts"]["fp"])
    assert curve["thresholds"] == sorted(curve["thresholds"])
    assert (curve["tp"][0], curve["fp"][0], curve["tp"][-1], curve["fp"][-1]) == (3, 3, 0, 0)


def test_overlap_and_unseen_by_hand() -> None:
    result = run_labelled(Choice("quantile", 0.25))
    assert result["overlap"] == {
        "share_seen": pytest.approx(1 / 6),
        "share_seen_normal": pytest.approx(1 / 3),
        "share_seen_anomalous": 0,
    }
    # Unseen: 6 (normal, twice, first score 2), 7 (anomalous, 3.5), 8 (anomalous, twice, first score 6).
    assert result["unseen"]["sequences"] == 3
    assert result["unseen"]["counts"] == {"tp": 2, "fp": 0, "tn": 1, "fn": 0}
    assert result["unseen"]["metrics"]["roc_auc"] == 1


def test_unseen_keeps_both_labels_of_one_sequence() -> None:
    frame = labelled()
    distinct = [*DISTINCT[:7], 6, 6, 6, 6, 6, 9]
    validation, test = evaluate.labelled_parts(frame, overlap_of(frame, distinct, SEEN))
    result = evaluate.evaluate(
        validation,
        test,
        protocol="labelled",
        run=RUN,
        choice=Choice("paper"),
        decision="threshold",
        training_facts=TRAINING,
        score_facts=SCORING,
        checkpoint="c",
    )
    # First normal row has score 2, first anomalous one 3.5; the paper's rule flags above 5.
    assert result["unseen"]["counts"] == {"tp": 0, "fp": 0, "tn": 1, "fn": 1}


def test_every_defined_strategy_is_listed() -> None:
    result = run_labelled(Choice("f1", 0.25, {"f1": 0.5}))
    assert [entry["strategy"] for entry in result["strategies"]] == ["paper", "quantile", "f1", "youden", "targets"]
    by_name = {entry["strategy"]: entry for entry in result["strategies"]}
    assert by_name["paper"]["value"] is None
    # Score above 5: 6 and 9 found, 7 a false alarm.
    assert by_name["paper"]["test"]["counts"] == {"tp": 2, "fp": 1, "tn": 2, "fn": 1}
    assert by_name["f1"]["value"] == result["threshold"]["value"] == 6  # midway between 4 and 8
    assert by_name["f1"]["test"]["counts"] == result["counts"]
    assert result["threshold"]["false_positive_rate"] is None


def test_rule_decides_whatever_the_strategy() -> None:
    result = run_labelled(Choice("f1"), decision="rule")
    assert result["threshold"]["strategy"] == "paper"
    assert result["threshold"]["value"] is None
    assert [entry["strategy"] for entry in result["strategies"]] == ["paper"]
    assert result["counts"] == {"tp": 2, "fp": 1, "tn": 2, "fn": 1}


def test_one_class_and_no_loss() -> None:
    frame = labelled().with_columns(pl.lit(None, dtype=pl.Float64).alias("loss"))
    validation, test = evaluate.labelled_parts(frame, None)
    result = evaluate.evaluate(
        validation,
        test.filter(~pl.col("label")),
        protocol="labelled",
        run=RUN,
        choice=Choice("quantile"),
        decision="threshold",
        training_facts=TRAINING | {"training_loss": None},
        score_facts=SCORING,
        checkpoint="c",
    )
    assert result["metrics"]["roc_auc"] is None
    assert result["metrics"]["recall"] is None
    assert result["roc"] == {"fpr": [], "tpr": []}
    assert set(result["losses"].values()) == {None}
    assert set(result["overlap"].values()) == {None}
    assert result["unseen"] is None
    evaluate.validate(result, SCHEMA)


def test_nothing_labelled_is_refused() -> None:
    frame = labelled().with_columns(pl.lit(None, dtype=pl.Boolean).alias("label"))
    validation, test = evaluate.labelled_parts(frame, None)
    with pytest.raises(UserError, match="None of the 7 test sequences has a label"):
        evaluate.evaluate(
            validation,
            test,
            protocol="labelled",
            run=RUN,
            choice=Choice("quantile"),
            decision="threshold",
            training_facts=TRAINING,
            score_facts=SCORING,
            checkpoint="c",
        )


def paired() -> tuple[pl.DataFrame, pl.DataFrame]:
    intact = scores("validation", [1, 2, 3, 4, 5, 99], [False, None, False, False, False, True])
    operators = ["swap", "replace", "swap", "delete", "insert"]
    mutated = scores("evaluation", [2, 6, 1, 6, 7], [True] * 5, operator=operators, kind=operators)
    parts = pl.Series("part", ["evaluation"] * 3 + ["calibration"] * 2)
    return intact, mutated.with_columns(parts, pl.Series("equals_normal", [True, False, False, False, False]))


def run_paired(intact: pl.DataFrame, mutated: pl.DataFrame, overlap: pl.DataFrame | None = None) -> dict[str, Any]:
    calibration, evaluation = evaluate.paired_parts(intact, mutated, overlap)
    return evaluate.evaluate(
        calibration,
        evaluation,
        protocol="pseudo",
        run=RUN | {"anomaly_ratio": 0.02},
        choice=Choice("quantile", 0.5),
        decision="threshold",
        training_facts=TRAINING,
        score_facts=SCORING,
        checkpoint="c",
    )


def test_pseudo_by_hand() -> None:
    intact, mutated = paired()
    result = run_paired(
        intact, mutated, overlap_of(intact, [0, 1, 2, 3, 4, 5], [True, True, False, False, False, True])
    )
    # Calibration parents 3 and 4 score 4 and 5: half may be flagged, so the threshold is 4.
    assert result["threshold"]["value"] == 4
    assert result["threshold"]["counts"] == {"tp": 2, "fp": 1, "tn": 1, "fn": 0}
    # Evaluated: intact 1, 2, 3; mutated 2, 6, 1. The anomalous sequence 5 takes no part.
    assert result["counts"] == {"tp": 1, "fp": 0, "tn": 3, "fn": 2}
    strata = [(row["by"], row["name"], row["sequences"], row["found"], row["recall"]) for row in result["strata"]]
    assert strata == [
        ("novelty", "unknown event", 3, 1, 1 / 3),
        ("operator", "replace", 1, 1, 1),
        ("operator", "swap", 2, 0, 0),
    ]
    assert result["unseen"] is None
    assert result["overlap"] == {
        "share_seen": pytest.approx(3 / 6),
        "share_seen_normal": pytest.approx(2 / 3),
        "share_seen_anomalous": pytest.approx(1 / 3),
    }
    assert result["data"]["unlabelled"] == 0
    assert result["losses"]["validation_normal"] == 9
    evaluate.validate(result, SCHEMA)


def test_pseudo_does_not_depend_on_the_order_of_the_scores() -> None:
    intact, mutated = paired()
    first, second = run_paired(intact, mutated), run_paired(intact.reverse(), mutated)
    for result in (first, second):
        del result["durations"]
    assert first == second


def many() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the scores of 300 parents, and of their mutations, 100 higher: the first 200 are to be evaluated."""
    intact = scores("validation", [float(row) for row in range(300)], [False] * 300)
    operators = [("swap", "shuffle", "repeat", "truncate")[row % 4] for row in range(300)]
    mutated = scores("", [100.0 + row for row in range(300)], [True] * 300, operator=operators, kind=operators)
    parts = pl.Series("part", ["evaluation"] * 200 + ["calibration"] * 100)
    return intact, mutated.with_columns(parts, pl.Series("equals_normal", [False] * 300))


def drawn(prevalence: float, seed: int = 1) -> tuple[pl.DataFrame, pl.DataFrame]:
    return evaluate.pseudo_parts(*many(), None, prevalence, seed)


@pytest.mark.parametrize(
    ("prevalence", "calibration", "evaluated"), [(0.02, 2, 4), (0.5, 50, 100), (0.0171, 2, 3), (0.001, 1, 1)]
)
def test_a_share_of_the_sequences_is_mutated_and_each_occurs_once(
    prevalence: float, calibration: int, evaluated: int
) -> None:
    parts = drawn(prevalence)
    assert [part["label"].sum() for part in parts] == [calibration, evaluated]
    assert sorted(parts[0]["sequence"]) == list(range(200, 300))
    assert sorted(parts[1]["sequence"]) == list(range(200))
    for part in parts:
        # A mutated row has the score of the mutation and its operator, an intact one those of the parent.
        expected = pl.col("sequence") + pl.when("label").then(100).otherwise(0)
        assert part.select((pl.col("score") == expected).all()).item()
        assert part.select((pl.col("operator").is_not_null() == pl.col("label")).all()).item()


@settings(deadline=None, max_examples=20)
@given(st.floats(0.001, 0.999), st.floats(0.001, 0.999), st.integers(0, 2**32))
def test_a_higher_prevalence_contains_a_lower_one(one: float, two: float, seed: int) -> None:
    for low, high in zip(drawn(min(one, two), seed), drawn(max(one, two), seed), strict=True):
        assert set(low.filter("label")["sequence"]) <= set(high.filter("label")["sequence"])


def test_the_draw_follows_the_seed() -> None:
    first, again, other = (drawn(0.1, seed) for seed in (1, 1, 2))
    for one, same, differs in zip(first, again, other, strict=True):
        assert one.equals(same)
        assert not one.equals(differs)
    # Not the same places in both parts.
    places = [part.filter("label")["sequence"] - part["sequence"].min() for part in drawn(0.2)]
    assert set(places[0]) != set(places[1].filter(places[1] < 100))


def test_no_prevalence_is_the_paired_protocol() -> None:
    expected = evaluate.paired_parts(*many(), None)
    found = evaluate.pseudo_parts(*many(), None, None, 1)
    assert all(one.equals(two) for one, two in zip(found, expected, strict=True))


def test_prevalence_by_hand() -> None:
    calibration, evaluation = drawn(0.5)
    result = evaluate.evaluate(
        calibration,
        evaluation,
        protocol="prevalence",
        run=RUN | {"anomaly_ratio": 0.02, "prevalence": 0.5},
        choice=Choice("paper"),
        decision="threshold",
        training_facts=TRAINING,
        score_facts=SCORING,
        checkpoint="c",
    )
    # The paper's rule flags above 5: every mutation, and all intact sequences but the first six.
    low = evaluation.filter((pl.col("sequence") < 6) & ~pl.col("label")).height
    assert result["counts"] == {"tp": 100, "fp": 100 - low, "tn": low, "fn": 0}
    strata = [row for row in result["strata"] if row["by"] == "operator"]
    assert [row["name"] for row in strata] == ["repeat", "shuffle", "swap", "truncate"]
    assert sum(row["sequences"] for row in strata) == 100
    for row in strata:
        # Wilson's lower limit for n of n is n / (n + z²).
        assert (row["recall"], row["high"]) == (1, pytest.approx(1))
        assert row["low"] == pytest.approx(row["sequences"] / (row["sequences"] + 1.959964**2), abs=1e-6)
    assert (result["unseen"], result["ceiling"]) == (None, None)
    assert evaluate.protocol_in_words(result["run"]) == "pseudo-anomalies, 2 % of events changed in 50 % of sequences"
    evaluate.validate(result, SCHEMA)


@pytest.mark.parametrize("prevalence", [0.0, 1.0, -0.1, float("nan")])
def test_a_prevalence_out_of_range_is_refused(prevalence: float) -> None:
    with pytest.raises(UserError, match=r"evaluation\.pseudo\.prevalence.* above 0 and below 1"):
        drawn(prevalence)


def test_pseudo_without_a_parent_is_refused() -> None:
    intact, mutated = paired()
    with pytest.raises(UserError, match="2 of 5 mutated sequences have no intact parent"):
        run_paired(intact.tail(4), mutated)


@pytest.mark.parametrize(
    ("column", "value"), [("score", float("nan")), ("score", float("inf")), ("loss", float("nan"))]
)
def test_scores_that_are_no_numbers_name_the_file(tmp_path: Path, column: str, value: float) -> None:
    bad = pl.when(pl.col("sequence") == 2).then(value).otherwise(pl.col(column)).alias(column)
    write_parquet(labelled().with_columns(bad), tmp_path / "epoch_3.parquet")
    with pytest.raises(UserError, match=r"epoch_3\.parquet has 1 of 13 scores .*sequence 2"):
        evaluate.read_scores(tmp_path / "epoch_3.parquet")


def test_missing_score_is_refused(tmp_path: Path) -> None:
    gone = pl.when(pl.col("sequence") == 2).then(None).otherwise(pl.col("score")).alias("score")
    write_parquet(labelled().with_columns(gone), tmp_path / "scores.parquet")
    with pytest.raises(UserError, match="1 of 13 scores"):
        evaluate.read_scores(tmp_path / "scores.parquet")


def test_overlap_of_another_split_is_refused() -> None:
    frame = labelled()
    with pytest.raises(UserError, match="1 of 13 scored sequences are not in the overlap table"):
        evaluate.labelled_parts(frame, overlap_of(frame, DISTINCT, SEEN).head(12))


def test_script_writes_three_files_that_fit_the_schema(tmp_path: Path) -> None:
    frame = labelled()
    write_parquet(frame, tmp_path / "scores.parquet")
    write_parquet(overlap_of(frame, DISTINCT, SEEN), tmp_path / "overlap.parquet")
    write_json(tmp_path / "training.json", TRAINING)
    write_json(tmp_path / "scores.json", SCORING)
    command = [sys.executable, str(SCHEMA.parents[2] / "scripts" / "evaluate_scores.py"), "--protocol", "labelled"]
    command += ["--scores", "scores.parquet", "--score-facts", "scores.json", "--training-facts", "training.json"]
    command += ["--overlap", "overlap.parquet", "--strategy", "quantile", "--false-positive-rate", "0.25"]
    command += ["--checkpoint", "c.pt", "--output-dir", "out", "--run"]
    subprocess.run([*command, json.dumps(RUN)], cwd=tmp_path, check=True, capture_output=True)
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["confusion_matrix_epoch_3.png", "evaluation_results_epoch_3.json", "score_dist_epoch_3.png"]
    written = json.loads((tmp_path / "out" / "evaluation_results_epoch_3.json").read_text(encoding="utf-8"))
    evaluate.validate(written, SCHEMA)
    assert sum(written["counts"].values()) == written["data"]["evaluated"] == 6
    assert written["run"] == RUN | {"protocol": "labelled", "anomaly_ratio": None, "prevalence": None}
    failed = subprocess.run([*command, json.dumps(RUN | {"seed": "one"})], cwd=tmp_path, capture_output=True, text=True)
    assert failed.returncode == 2
    assert "run.seed" in failed.stderr
    assert "Traceback" not in failed.stderr


@pytest.mark.parametrize(
    ("protocol", "run", "message"),
    [
        ("pseudo", {}, "pseudo protocol needs --mutated-scores"),
        ("prevalence", {"prevalence": 0.02}, "prevalence protocol needs --mutated-scores"),
        ("prevalence", {}, "a prevalence if, and only if"),
        ("pseudo", {"prevalence": 0.02}, "a prevalence if, and only if"),
    ],
)
def test_a_protocol_without_what_it_needs_is_refused(
    tmp_path: Path, protocol: str, run: dict[str, float], message: str
) -> None:
    frame = labelled()
    write_parquet(overlap_of(frame, DISTINCT, SEEN), tmp_path / "overlap.parquet")
    nowhere = tmp_path / "nothing"
    with pytest.raises(UserError, match=message):
        evaluate.evaluate_files(
            protocol=protocol,
            scores=nowhere,
            mutated_scores=None,
            score_facts=nowhere,
            training_facts=nowhere,
            overlap=tmp_path / "overlap.parquet",
            run=RUN | run,
            choice=Choice("quantile"),
            decision="threshold",
            checkpoint="c",
            directory=tmp_path,
            schema=SCHEMA,
        )


def test_closed_schema_refuses_an_unknown_key() -> None:
    result = run_labelled(Choice("quantile"))
    evaluate.validate(result, SCHEMA)
    with pytest.raises(ValueError, match="surprise"):
        evaluate.validate(result | {"surprise": 1}, SCHEMA)


def test_heavy_packages_stay_out() -> None:
    code = "import logassay.evaluate, sys; print(*{'torch', 'sklearn', 'pandas', 'scipy'} & set(sys.modules))"
    scripts = SCHEMA.parents[2] / "scripts"
    found = subprocess.run([sys.executable, "-c", code], cwd=scripts, check=True, capture_output=True, text=True)
    assert found.stdout.strip() == ""


def test_the_label_ceiling_by_hand() -> None:
    """Sequence 0 is always anomalous, 1 in two of three cases, 2 in one of four, 3 never."""
    rows = [(0, True), (0, True), (1, True), (1, True), (1, False)]
    rows += [(2, True), *[(2, False)] * 3, (3, False)]
    frame = pl.DataFrame(rows, schema={"distinct": pl.Int32, "label": pl.Boolean}, orient="row")
    # Five anomalies. Flagging 0: F1 = 4/(2+5); 0 and 1: 8/(5+5); 0, 1 and 2: 10/(9+5).
    assert evaluate._ceiling(frame) == {"recall_without_false_alarms": 2 / 5, "f1": 8 / 10}
    assert evaluate._ceiling(frame.filter(~pl.col("label"))) is None


def test_sequences_that_a_model_did_not_read_to_the_end_are_counted(tmp_path: Path) -> None:
    table = pl.concat([scores("validation", [1, 2], [False, True]), scores("test", [1, 2, 3], [False, True, True])])
    write_parquet(table.with_columns(events_cut=pl.Series([0.0, 4, 0, 3, 1])), tmp_path / "scores.parquet")
    validation, test = evaluate.labelled_parts(evaluate.read_scores(tmp_path / "scores.parquet"), None)
    result = evaluate.evaluate(
        validation,
        test,
        protocol="labelled",
        run={"model": "m", "epoch": 1},
        choice=Choice("paper"),
        decision="threshold",
        training_facts=TRAINING,
        score_facts=SCORING,
        checkpoint="c",
    )
    assert result["truncated"] == 2
    assert "COVERAGE" in {warning["code"] for warning in result["warnings"]}

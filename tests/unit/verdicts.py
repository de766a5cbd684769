"""The two source documents as verdicts: exactly their counts and losses, judged by hand."""

from typing import Any

from logassay.metrics import Counts, rates
from logassay.statistics import at_prevalence, bootstrap_intervals, rate_intervals

THRESHOLD = {"strategy": "quantile", "false_positive_rate": 0.01, "targets": {}}
TARGETS = {"accuracy": 0.7, "f1": 0.55, "recall": 0.6, "specificity": 0.7}


def row(model: str, epoch: int, counts: tuple[int, int, int, int], **changes: Any) -> dict[str, Any]:
    """Return a row with the metrics and intervals of its counts (TP, FP, TN, FN)."""
    table = Counts(*counts)
    intervals = {**rate_intervals(table), **bootstrap_intervals(table, seed=0)}
    places = [at_prevalence(table, prevalence) for prevalence in (0.001, 0.02)]
    result: dict[str, Any] = {
        "model": model,
        "baseline": False,
        "supervised": False,
        "sample_size": 1000,
        "seed": 1,
        "epoch": epoch,
        "checkpoint": f"checkpoints/epoch_{epoch}.pt",
        "reproduce": f"python scripts/evaluate.py \\\n    --checkpoint checkpoints/epoch_{epoch}.pt",
        "files": {"results": f"epoch_{epoch}/evaluation_results_epoch_{epoch}.json"},
        "counts": table.as_dict(),
        "metrics": {name: float(value) for name, value in rates(**table.as_dict()).items()}
        | {"roc_auc": None, "average_precision": None},
        "intervals": {name: limits and list(limits) for name, limits in intervals.items()},
        "losses": {"normal": None, "anomalous": None},
        "threshold": {"strategy": "quantile", "value": 0.5, "validation": {}},
        "at_prevalence": [
            {
                "prevalence": place.prevalence,
                "precision": place.precision,
                "precision_low": place.precision_interval and place.precision_interval[0],
                "precision_high": place.precision_interval and place.precision_interval[1],
                "f1": place.f1,
                "alarms_per_thousand": 1.5,
            }
            for place in places
        ],
        "strata": [],
        "unseen": None,
        "warnings": [],
        "curve": None,
        "durations": {"training_seconds": 60.0, "scoring_seconds": 1.0},
    }
    return result | changes


def model(name: str, epochs: int, best: int, **changes: Any) -> dict[str, Any]:
    """Return what is said of a model whose epoch `best` is recommended."""
    result: dict[str, Any] = {
        "model": name,
        "baseline": False,
        "supervised": False,
        "epochs": epochs,
        "loss_trend": [],
        "training_losses": None,
        "recommended": {
            "epoch": best,
            "checkpoint": f"checkpoints/epoch_{best}.pt",
            "by": "validation loss",
            "seed": 1,
            "sample_size": 1000,
        },
        "early_stop": None,
        "epochs_differ": None,
        "uses": {},
        "seeds": {},
        "targets": None,
        "diagnosis": [],
        "advice": [],
        "state": "usable",
    }
    return result | changes


def section(rows: list[dict[str, Any]], models: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    """Return a section with the data of its first row."""
    counts = rows[0]["counts"]
    normal, anomalous = counts["fp"] + counts["tn"], counts["tp"] + counts["fn"]
    result: dict[str, Any] = {
        "dataset": "hdfs",
        "grouping": "session",
        "split": "chronological",
        "protocol": "labelled",
        "anomaly_ratio": None,
        "data": {
            "normal": normal,
            "anomalous": anomalous,
            "unlabelled": 0,
            "prevalence": anomalous / (normal + anomalous),
            "unknown_share": 0.0,
            "share_seen": 0.25,
            "share_seen_normal": 0.3,
            "share_seen_anomalous": 0.0,
        },
        "ceiling": None,
        "unmutated_share": None,
        "warnings": [],
        "rows": rows,
        "models": models,
        "comparisons": [],
        "best": {},
        "learning_curves": [],
    }
    return result | changes


def verdicts(*sections: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return the verdicts on a study."""
    result: dict[str, Any] = {
        "schema_version": 1,
        "study": "documents",
        "evaluated_on": "2026-02-09",
        "threshold": THRESHOLD,
        "prevalences": [0.001, 0.02],
        "reproduce": "snakemake --cores all",
        "sections": list(sections),
        "ranking": None,
    }
    return result | changes


def first_document() -> dict[str, Any]:
    """LogBERT over three epochs on 1,000 intact and 1,000 mutated sessions."""
    figures = [
        (1, (917, 0, 1000, 83), 0.9670, 17.27, 19.52),
        (2, (915, 2, 998, 85), 0.9659, 14.66, 16.68),
        (3, (921, 1, 999, 79), 0.9636, 12.53, 14.38),
    ]
    rows = []
    for epoch, counts, area, normal, anomalous in figures:
        one = row("logbert", epoch, counts, losses={"normal": normal, "anomalous": anomalous})
        one["metrics"]["roc_auc"] = area
        one["curve"] = {"thresholds": [0.2, 0.5, 0.8], "tp": [950, counts[0], 700], "fp": [40, counts[1], 0]}
        rows.append(one)
    rows[2]["warnings"] = [
        {"code": "NO-DIFFERENCE", "metric": "accuracy", "others": ["logbert epoch 1", "logbert epoch 2"], "p": 0.62}
    ]
    logbert = model(
        "logbert",
        3,
        3,
        loss_trend=[{"epoch": epoch, "loss": loss, "change": loss / 17.27 - 1} for epoch, _, _, loss, _ in figures],
        epochs_differ={
            "distinguishable": False,
            "metric": "accuracy",
            "p": 1.0,
            "test": "two-proportion",
            "low": [one["intervals"]["recall"][0] for one in rows],
            "high": [one["intervals"]["recall"][1] for one in rows],
        },
        uses={
            "production": {"epoch": 3, "why": "indistinguishable"},
            "no_false_alarms": {"epoch": 1, "why": "none-on-test", "upper_fpr": 0.00383},
            "proof_of_concept": {"epoch": 1, "why": "cheapest-of-equals"},
        },
    )
    pseudo = {"protocol": "pseudo", "anomaly_ratio": 0.02, "unmutated_share": 0.98**125}
    return verdicts(section(rows, [logbert], **pseudo))


def second_document() -> dict[str, Any]:
    """DeepLog and LogAnomaly on 50,000 windows, and LogRobust's training losses."""
    deeplog = row("DeepLog", 10, (3598, 46401, 0, 1))
    loganomaly = row("LogAnomaly", 10, (226, 2617, 43784, 3373))
    vacuous = [
        {"code": "VACUOUS-TARGET", "metric": name, "target": 0.7, "met_by": "never-flag", "prevalence": 3599 / 50_000}
        for name in ("accuracy", "specificity")
    ]
    f1 = deeplog["metrics"]["f1"]
    counts = deeplog["counts"]
    deeplog["warnings"] = [
        {"code": "DEGENERATE", "like": "flag-all", **counts, "f1": f1, "reference_f1": 2 * 3599 / (50_000 + 3599)},
        *vacuous,
    ]
    loganomaly["warnings"] = [
        {"code": "CHANCE", "measure": "youden", "value": 0.0064, "low": -0.0015, "high": 0.0149},
        *vacuous,
        {
            "code": "BEATEN-BY-BASELINE",
            "metric": "accuracy",
            "value": loganomaly["metrics"]["accuracy"],
            "baseline": "never-flag",
            "baseline_value": 46401 / 50_000,
            "p": 1e-9,
        },
    ]
    wanted = {
        "wanted": TARGETS,
        "met": False,
        "missed": {"f1": 0.4},
        "unreachable": ["f1"],
        "exclusive_pairs": [["recall", "specificity"]],
        "vacuous": [{"metric": name, "met_by": "never-flag"} for name in ("accuracy", "specificity")],
        "forbidden_by": [{"metric": "f1", "by": "ceiling", "best": 0.5}],
        "nearest": {"threshold": 0.7, "metrics": {"f1": 0.15, "recall": 0.5}},
        "proposed": {"f1": 0.15, "recall": 0.5},
    }
    advice = {
        "kind": "check-vocabulary",
        "model": "DeepLog",
        "changes": {},
        "study_file": None,
        "command": "python scripts/encode_sequences.py --help",
        "cost_seconds": None,
        "cost_basis": None,
        "basis": "none",
    }
    models = [
        model(
            "DeepLog",
            1,
            10,
            state="useless",
            targets=wanted,
            training_losses=[0.9, 0.9],
            diagnosis=[
                {"cause": "under-trained", "level": "excluded", "evidence": {"last_change": -0.001}},
                {"cause": "flags-everything", "level": "found", "evidence": {"tn": 0, "fp": 46401}},
            ],
            advice=[advice],
        ),
        model(
            "LogAnomaly",
            1,
            10,
            state="useless",
            targets=wanted,
            diagnosis=[{"cause": "no-signal", "level": "suspected", "evidence": {"roc_auc": 0.5}}],
            advice=[
                advice
                | {
                    "kind": "more-epochs",
                    "model": "LogAnomaly",
                    "changes": {"study": {"epochs": 20}},
                    "study_file": "advice/01-loganomaly-more-epochs.yaml",
                    "cost_seconds": 12_000,
                    "cost_basis": {"epochs": 20, "seconds_per_epoch": 600},
                    "expected": {"metric": "f1", "from": 0.07, "to": 0.09, "low": 0.06, "high": 0.12},
                    "basis": "extrapolated",
                }
            ],
        ),
        model("LogRobust", 10, 10, training_losses=[0.5574, 0.2916], supervised=True),
    ]
    logrobust = row("LogRobust", 10, (3000, 500, 45901, 599), supervised=True)
    both = section(
        [deeplog, loganomaly, logrobust],
        models,
        best={"f1": ["LogRobust"]},
        comparisons=[
            {
                "a": "LogRobust",
                "b": "LogAnomaly",
                "metric": "f1",
                "difference": 0.77,
                "low": 0.75,
                "high": 0.79,
                "p": 0.0001,
                "p_adjusted": 0.0002,
                "test": "bootstrap",
                "distinguishable": True,
            }
        ],
        learning_curves=[
            {
                "model": "LogAnomaly",
                "metric": "f1",
                "sizes": [1000, 2000],
                "values": [0.06, 0.07],
                "gain_when_doubled": None,
                "low": None,
                "high": None,
                "rising": None,
                "reason": "few-sizes",
            }
        ],
    )
    return verdicts(both, threshold={"strategy": "targets", "false_positive_rate": None, "targets": TARGETS})

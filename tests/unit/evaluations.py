"""The two source documents as evaluations: their counts and losses, and nothing that they do not tell."""

from typing import Any

from logassay.evaluate import RUN_FACTORS, TRAINING_FACTS
from logassay.metrics import METRICS, Counts
from logassay.statistics import BOOTSTRAPPED, RATES, rate_intervals
from logassay.versions import versions
from logassay.warn import of_evaluation


def evaluation(
    counts: Counts,
    *,
    losses: dict[str, float] | None = None,
    roc_auc: float | None = None,
    events: int = 0,
    supervised: bool = False,
    **run: Any,
) -> dict[str, Any]:
    """Return an evaluation that holds counts, losses and a ROC-AUC, all else unknown."""
    from logassay.metrics import rates

    known = {name: float(value) for name, value in rates(**counts.as_dict()).items()}
    factors = {name: run.get(name) for name in RUN_FACTORS}
    factors |= {"protocol": run.get("protocol", "labelled"), "anomaly_ratio": run.get("anomaly_ratio")}
    factors["prevalence"] = run.get("prevalence")
    nothing = dict.fromkeys(METRICS)
    normal, anomalous = counts.fp + counts.tn, counts.tp + counts.fn
    limits = {name: interval and list(interval) for name, interval in rate_intervals(counts).items()}
    place = f"results/runs/dataset={factors['dataset']}/grouping=session/split=chronological/seed=1/size=1000"
    result: dict[str, Any] = {
        "schema_version": 3,
        "run": factors,
        "supervised": supervised,
        "counts": counts.as_dict(),
        "metrics": nothing | known | {"roc_auc": roc_auc},
        "losses": dict.fromkeys(("training", "validation_normal", "validation_anomalous", "normal", "anomalous"))
        | (losses or {}),
        "training": dict.fromkeys(("sequences", "anomalous", *TRAINING_FACTS)),
        "threshold": {
            "strategy": "quantile",
            "value": None,
            "chosen_on": "validation",
            "false_positive_rate": None,
            "targets": {},
            "targets_met": None,
            "shortfall": {},
            "counts": None,
            "metrics": nothing,
        },
        "strategies": [],
        "data": {
            "evaluated": normal + anomalous,
            "normal": normal,
            "anomalous": anomalous,
            "unlabelled": 0,
            "validation_normal": 0,
            "validation_anomalous": 0,
            "events": events,
            "unknown_events": 0,
            "unknown_share": None,
            "sequences_with_unknown": 0,
        },
        "overlap": dict.fromkeys(("share_seen", "share_seen_normal", "share_seen_anomalous")),
        "unseen": None,
        "ceiling": None,
        "intervals": dict.fromkeys((*RATES, *BOOTSTRAPPED, "roc_auc", "average_precision")) | limits,
        "strata": [],
        "truncated": 0,
        "roc": {"fpr": [], "tpr": []},
        "curve": None,
        "provenance": {
            "checkpoint": f"{place}/model={factors['model']}/checkpoints/epoch_{factors['epoch']}.pt",
            "checkpoint_sha256": None,
            "versions": versions(),
            "device": None,
            "threads": None,
        },
        "durations": dict.fromkeys(
            (
                "training_seconds",
                "examples_per_second",
                "training_peak_memory_mb",
                "scoring_seconds",
                "evaluation_seconds",
            )
        ),
        "checks": {"validation": {}, "test": {}},
        "made_from": {"scores": "0" * 64},
    }
    return result | {"warnings": of_evaluation(result)}


def document_1() -> list[dict[str, Any]]:
    """LogBERT's three epochs on 1,000 sessions of about 125 events, each intact and with 2 % of them changed."""
    told = [(917, 0, 0.9670, 17.27, 19.52), (915, 2, 0.9659, 14.66, 16.68), (921, 1, 0.9636, 12.53, 14.38)]
    return [
        evaluation(
            Counts(tp, fp, 1000 - fp, 1000 - tp),
            roc_auc=area,
            losses={"normal": normal, "anomalous": anomalous, "validation_normal": normal},
            events=2000 * 125,
            dataset="document-1",
            seed=1,
            sample_size=1000,
            model="logbert",
            epoch=epoch,
            protocol="pseudo",
            anomaly_ratio=0.02,
        )
        for epoch, (tp, fp, area, normal, anomalous) in enumerate(told, 1)
    ]


def document_2() -> list[dict[str, Any]]:
    """DeepLog and LogAnomaly after ten epochs on 50,000 windows, 3,599 of them anomalous; LogRobust's losses fell."""
    told = [("deeplog", Counts(3598, 46401, 0, 1)), ("loganomaly", Counts(226, 2617, 43784, 3373))]
    common = {"dataset": "document-2", "seed": 1, "sample_size": 200_000, "epoch": 10}
    return [evaluation(counts, model=model, **common) for model, counts in told]

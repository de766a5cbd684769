"""A report with every kind of block, the numbers of a published comparison, and names that mean harm."""

import numpy as np

from logassay.blocks import (
    Block,
    Bullets,
    Cell,
    Code,
    Column,
    Curve,
    Document,
    Explorer,
    Figure,
    Heading,
    Note,
    Paragraph,
    Span,
    Table,
)

HOSTILE = "</script><script>window.harmed = 1</script><img src=x onerror='window.harmed = 1'>&amp;\u2028\u202e\u0007"
NORMAL, ANOMALOUS = 46_401, 3_599

EXPLORER_WORDS = {
    "checkpoint": "Checkpoint",
    "threshold": "Threshold",
    "prevalence": "Assumed prevalence",
    "measured_prevalence": "Measured prevalence",
    "chosen": "chosen",
    "tp": "True positives (found)",
    "fp": "False positives (false alarms)",
    "tn": "True negatives (left in peace)",
    "fn": "False negatives (missed)",
    "precision": "Precision",
    "recall": "Recall",
    "specificity": "Specificity",
    "f1": "F1",
    "per_thousand": "Alarms per 1,000 sessions",
    "how": "Move the threshold to see what it would have given on the test sessions; move the prevalence to see what "
    "that would mean where anomalies are rarer or more common than they were here.",
    "none": "undefined",
}


def curve(model: str, epoch: int, separation: float, seed: int = 1, chosen: bool = True) -> Curve:
    """Two normal distributions `separation` apart, cut at 60 thresholds."""
    rng = np.random.default_rng(seed + epoch)
    normal = np.sort(np.exp(rng.normal(0, 1, NORMAL)))
    anomalous = np.sort(np.exp(rng.normal(separation, 1, ANOMALOUS)))
    thresholds = np.unique(np.quantile(np.concatenate([[0.0], normal, anomalous]), np.linspace(0, 1, 60)))
    return Curve(
        model=model,
        epoch=epoch,
        seed=seed,
        sample_size=200_000,
        normal=NORMAL,
        anomalous=ANOMALOUS,
        thresholds=[float(value) for value in thresholds],
        tp=[int(ANOMALOUS - np.searchsorted(anomalous, value, side="right")) for value in thresholds],
        fp=[int(NORMAL - np.searchsorted(normal, value, side="right")) for value in thresholds],
        chosen=float(thresholds[50]) if chosen else None,
    )


def rate(value: float, best: bool = False) -> Cell:
    return Cell(f"{100 * value:.2f}%", value, best)


def ratio(value: float | None, best: bool = False) -> Cell:
    return Cell("-" if value is None else f"{value:.4f}", value, best)


def count(value: int) -> Cell:
    return Cell(f"{value:,}", value)


def row(model: str, epoch: int, kind: str, tp: int, fp: int, auc: float | None, best: bool = False) -> list[Cell]:
    fn, tn = ANOMALOUS - tp, NORMAL - fp
    return [
        Cell(model),
        Cell(str(epoch), epoch),
        Cell(kind),
        rate((tp + tn) / (NORMAL + ANOMALOUS), best),
        rate(tp / (tp + fp), best),
        rate(tp / ANOMALOUS),
        rate(tn / NORMAL),
        ratio(2 * tp / (2 * tp + fp + fn), best),
        ratio(auc, best),
        count(tp),
        count(fp),
        count(fn),
        count(tn),
    ]


TABLE = Table(
    columns=[
        Column("Model", number=False),
        Column("Epoch"),
        Column("Kind", number=False),
        Column("Accuracy"),
        Column("Precision", about="Share of the alarms that are anomalous sessions."),
        Column("Recall", about="Share of the anomalous sessions that raise an alarm."),
        Column("Specificity", about="Share of the normal sessions that raise none."),
        Column("F1"),
        Column("ROC-AUC", about="Probability that an anomalous session scores above a normal one; 0.5 is chance."),
        Column("TP"),
        Column("FP"),
        Column("FN"),
        Column("TN"),
    ],
    rows=[
        row("DeepLog", 10, "network", 3_598, 46_401, 0.5012),
        row("LogAnomaly", 10, "network", 226, 2_617, 0.5031),
        row("LogRobust", 9, "network", 3_301, 610, 0.9831),
        row("LogRobust", 10, "network", 3_420, 402, 0.9912, best=True),
        row("count of events", 1, "baseline", 2_911, 1_204, None),
        row("never flags <b>" + HOSTILE, 1, "baseline", 1, 9, None),
    ],
    caption="Test results of 50,000 sessions of HDFS, 200,000 for training",
    filters=[0, 2],
)

LOSSES = [
    {"epoch": epoch, "model": model, "loss": start * shrink**epoch}
    for model, start, shrink in (("DeepLog", 20.4, 0.93), ("LogAnomaly", 18.1, 0.96), ("LogRobust", 0.72, 0.8))
    for epoch in range(1, 11)
]

CHART = {
    "data": {"values": LOSSES},
    "height": 240,
    "mark": {"type": "line", "point": True, "tooltip": True},
    "encoding": {
        "x": {"field": "epoch", "type": "quantitative", "title": "Epoch", "axis": {"tickMinStep": 1, "grid": False}},
        "y": {"field": "loss", "type": "quantitative", "title": "Loss of normal validation sessions"},
        "color": {"field": "model", "type": "nominal", "title": None},
    },
}

INTERVALS = {
    "data": {
        "values": [
            {"model": "DeepLog", "recall": 0.9997, "low": 0.9984, "high": 1.0},
            {"model": "LogAnomaly", "recall": 0.0628, "low": 0.0553, "high": 0.0712},
            {"model": "LogRobust", "recall": 0.9503, "low": 0.9427, "high": 0.9569},
            {"model": HOSTILE, "recall": 0.1, "low": 0.0, "high": 0.25},
        ]
    },
    "encoding": {"y": {"field": "model", "type": "nominal", "title": None, "axis": {"labelLimit": 110}}},
    "layer": [
        {
            "mark": {"type": "rule", "strokeWidth": 2, "tooltip": True},
            "encoding": {
                "x": {
                    "field": "low",
                    "type": "quantitative",
                    "title": "Recall, 95 % interval",
                    "axis": {"format": "%"},
                },
                "x2": {"field": "high"},
            },
        },
        {"mark": {"type": "point"}, "encoding": {"x": {"field": "recall", "type": "quantitative"}}},
    ],
}


def report(language: str = "en") -> Document:
    """All blocks, in the order of a comparison report."""
    blocks: list[Block] = [
        Heading(1, "Comparison of DeepLog, LogAnomaly and LogRobust", "comparison"),
        Paragraph(
            (
                Span("Of three models trained on 200,000 sessions for ten epochs, "),
                Span("one is usable", "strong"),
                Span(": LogRobust, at the threshold that validation chose. The numbers below were measured on "),
                Span("50,000 sessions", "strong"),
                Span(" of which 3,599 (7.20%) are anomalous; study "),
                Span("comparison_stage1", "code"),
                Span("."),
            )
        ),
        Heading(2, "What to know first", "warnings"),
        Note(
            "warning",
            "DEGENERATE",
            (
                Span("DeepLog", "strong"),
                Span(" flags every session but one (TN 0). Its F1 of 0.1343 is that of a rule that flags all: 0.1343."),
            ),
        ),
        Note(
            "warning",
            "CHANCE",
            (Span("LogAnomaly's ROC-AUC is 0.5031 (95 % interval 0.4933 to 0.5129), which is chance."),),
        ),
        Note("warning", "", (Span("A name from the log: "), Span(HOSTILE, "code"))),
        Note("info", "", (Span("Accuracy and specificity targets are met by a rule that never flags."),)),
        Heading(2, "Results", "results"),
        Heading(3, "All checkpoints", "checkpoints"),
        TABLE,
        Heading(3, "Losses", "losses"),
        Figure(
            "Validation loss by epoch",
            "Lines of three models over ten epochs: DeepLog falls from 18.97 to 9.87, LogAnomaly from 17.38 to 12.03, "
            "LogRobust from 0.58 to 0.08.",
            CHART,
        ),
        Figure("Recall with its interval", "DeepLog 0.9997, LogAnomaly 0.0628, LogRobust 0.9503.", INTERVALS),
        Heading(2, "Thresholds to try", "explorer"),
        Explorer(
            "Threshold and prevalence",
            [
                curve("LogRobust", 9, 2.2),
                curve("LogRobust", 10, 2.6),
                curve("LogRobust", 10, 2.5, seed=2),
                curve("DeepLog", 10, 0.02, chosen=False),
                curve(HOSTILE, 1, 0.5),
            ],
            EXPLORER_WORDS,
        ),
        Heading(2, "다음 단계와 명령", "advice"),
        Paragraph(
            (
                Span(
                    "DeepLog는 정상 세션 46,401개를 모두 이상으로 탐지했습니다. "
                    "에포크를 늘리기 전에 어휘 매핑과 레이블 정렬을 먼저 "
                ),
                Span("확인해야 합니다", "strong"),
                Span(". 임계값만 바꾸어서는 재현율과 정밀도가 함께 나아지지 않습니다."),
            )
        ),
        Bullets(
            [
                (Span("Check the mapping of templates: "), Span("UNK share 41.20%", "strong"), Span(".")),
                (Span("Check the labels against the sessions they were made for."),),
                (Span("Then, and only then, train for longer."),),
            ],
            ordered=True,
        ),
        Code(
            "snakemake --cores all --configfile config/studies/comparison_stage2.yaml\n"
            "python scripts/compare_models.py --optimize-threshold --sample-size 500000 --epochs 20 --batch-size 64 "
            "--eval-sample-size 50000"
        ),
    ]
    return Document("comparison", language, "Comparison of DeepLog, LogAnomaly and LogRobust", blocks)

"""The tables and figures that set all runs of a study side by side.

The Markdown says by itself how its numbers came about; no row is marked as the best one.
"""

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import polars as pl
from tabulate import tabulate

from logassay.display import UNDEFINED, decimal, escape_markdown, percent, printable, significant, whole
from logassay.evaluation_file import read_evaluation
from logassay.files import read_parquet, write_parquet, write_text
from logassay.metrics import COUNTS, DEGENERATE, METRICS, Counts, rates

Row = Mapping[str, Any]

DATA = ("evaluated", "normal", "anomalous", "unlabelled", "validation_normal", "validation_anomalous")
EVENTS = ("events", "unknown_events", "unknown_share", "sequences_with_unknown")
SAMPLE = ("sequences", "anomalous")
TRAINING = ("examples", "distinct_examples", "parameters", "vocabulary")
DURATIONS = (
    "training_seconds",
    "examples_per_second",
    "training_peak_memory_mb",
    "scoring_seconds",
    "evaluation_seconds",
)

FACTORS = (
    "dataset",
    "grouping",
    "split",
    "seed",
    "sample_size",
    "model",
    "epoch",
    "protocol",
    "anomaly_ratio",
    "prevalence",
)
"""What tells a row from all others."""

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    **dict.fromkeys(("dataset", "grouping", "split"), pl.String),
    "seed": pl.Int64,
    "sample_size": pl.Int64,
    "model": pl.String,
    "epoch": pl.Int32,
    "protocol": pl.String,
    "anomaly_ratio": pl.Float64,
    "prevalence": pl.Float64,
    **dict.fromkeys(COUNTS, pl.Int64),
    **dict.fromkeys(METRICS, pl.Float64),
    "training_loss": pl.Float64,
    "validation_normal_loss": pl.Float64,
    "validation_anomalous_loss": pl.Float64,
    "normal_loss": pl.Float64,
    "anomalous_loss": pl.Float64,
    **{f"training_{name}": pl.Int64 for name in SAMPLE},
    **dict.fromkeys(TRAINING, pl.Int64),
    "gradient_norm": pl.Float64,
    "learning_rate": pl.Float64,
    "strategy": pl.String,
    "threshold": pl.Float64,
    "false_positive_rate": pl.Float64,
    "targets": pl.String,
    "targets_met": pl.Boolean,
    **dict.fromkeys(DATA, pl.Int64),
    **dict.fromkeys(EVENTS, pl.Int64),
    "unknown_share": pl.Float64,
    **dict.fromkeys(("share_seen", "share_seen_normal", "share_seen_anomalous"), pl.Float64),
    "unseen_sequences": pl.Int64,
    **{f"unseen_{name}": pl.Int64 for name in COUNTS},
    **{f"unseen_{name}": pl.Float64 for name in METRICS},
    "validation_roc_auc": pl.Float64,
    "ceiling_recall": pl.Float64,
    "ceiling_f1": pl.Float64,
    **dict.fromkeys(DURATIONS, pl.Float64),
    "checkpoint": pl.String,
    "roc_fpr": pl.List(pl.Float64),
    "roc_tpr": pl.List(pl.Float64),
}
"""Columns of epochs.parquet, and without the durations comparison.parquet; `targets` is text such as "f1 0.55"."""

SECTION = ("dataset", "grouping", "split", "protocol", "anomaly_ratio", "prevalence")
"""Factors that a section of the table has in common."""


def summarise(paths: Sequence[Path]) -> pl.DataFrame:
    """Read evaluations into one flat row each, in the order given, with the columns of `SCHEMA`.

    Raises
    ------
    UserError
        If a file is not an evaluation.
    """
    return pl.DataFrame([flatten(read_evaluation(path)) for path in paths], schema=SCHEMA)


def flatten(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """Return an evaluation as one flat row with the columns of `SCHEMA`."""
    threshold, unseen, ceiling = evaluation["threshold"], evaluation["unseen"], evaluation["ceiling"]
    return {
        **evaluation["run"],
        **evaluation["counts"],
        **evaluation["metrics"],
        **{f"{name}_loss": value for name, value in evaluation["losses"].items()},
        **{f"training_{name}" if name in SAMPLE else name: value for name, value in evaluation["training"].items()},
        "strategy": threshold["strategy"],
        "threshold": threshold["value"],
        "false_positive_rate": threshold["false_positive_rate"],
        "targets": ", ".join(f"{name} {value:g}" for name, value in threshold["targets"].items()),
        "targets_met": threshold["targets_met"],
        **evaluation["data"],
        **evaluation["overlap"],
        "unseen_sequences": unseen and unseen["sequences"],
        **{f"unseen_{name}": unseen and unseen["counts"][name] for name in COUNTS},
        **{f"unseen_{name}": unseen and unseen["metrics"][name] for name in METRICS},
        "validation_roc_auc": threshold["metrics"]["roc_auc"],
        "ceiling_recall": ceiling and ceiling["recall_without_false_alarms"],
        "ceiling_f1": ceiling and ceiling["f1"],
        **evaluation["durations"],
        "checkpoint": evaluation["provenance"]["checkpoint"],
        "roc_fpr": evaluation["roc"]["fpr"],
        "roc_tpr": evaluation["roc"]["tpr"],
    }


def combine(paths: Sequence[Path]) -> pl.DataFrame:
    """Join the rows of all model runs, sorted by the factors; models with a training loss come before the others."""
    frame = pl.concat([read_parquet(path, list(SCHEMA)) for path in paths])
    trained = pl.col("training_loss").is_not_null().any().over("model")
    order = [*SECTION, "sample_size", ~trained, "model", "epoch", "seed", "checkpoint"]
    return frame.sort(order, maintain_order=True)


def write_csv(frame: pl.DataFrame, path: Path) -> None:
    """Write a table without ROC curves; text that a spreadsheet would run as a formula gets an apostrophe."""
    flat = frame.drop("roc_fpr", "roc_tpr", strict=False)
    texts = [name for name, kind in flat.schema.items() if kind == pl.String]
    guarded = [
        pl.when(pl.col(name).str.contains(r"^[=+\-@\t\r]")).then("'" + pl.col(name)).otherwise(pl.col(name)).alias(name)
        for name in texts
    ]
    write_text(path, flat.with_columns(guarded).write_csv())


COLUMNS: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("model", "Model", escape_markdown),
    ("epoch", "Epoch", whole),
    ("accuracy", "Accuracy", percent),
    ("precision", "Precision", percent),
    ("recall", "Recall", percent),
    ("specificity", "Specificity", percent),
    ("f1", "F1", decimal),
    ("roc_auc", "ROC-AUC", decimal),
    ("average_precision", "AP", decimal),
    ("normal_loss", "Normal loss", significant),
    ("anomalous_loss", "Anomaly loss", significant),
    ("fp", "FP", whole),
    ("fn", "FN", whole),
    ("threshold", "Threshold", significant),
)
"""Columns of the Markdown table: name, heading, how a value is shown."""
VARYING = (("sample_size", "Training sequences", whole), ("seed", "Seed", str))
"""Factors that are named in a note where all rows of a section share them."""
SPREAD = ("f1", "roc_auc", "average_precision")
"""Metrics whose standard deviation over the seeds is shown."""


def markdown(frame: pl.DataFrame, study: str, templates_fit_on: str, images: Mapping[str, str]) -> str:
    """Return the comparison as Markdown: a section for each combination of the factors `SECTION`.

    Parameters
    ----------
    frame : polars.DataFrame
        From `combine`.
    study : str
        Name of the study.
    templates_fit_on : str
        `train`, or `all` when the templates were also mined from the test lines.
    images : mapping of str to str
        Title and relative path of each figure.
    """
    blocks = [
        f"# Comparison: {escape_markdown(study)}",
        "Every row is one model at one epoch. FP are false alarms, FN misses; AP is the average precision. A dash "
        "means undefined (a division by zero) or that the model has no such number. flag-all flags every sequence and "
        "never-flag none: a detector is of use only as far as it does better than both.",
    ]
    for rows in sections(frame):
        blocks += [f"## {escape_markdown(section_title(rows[0]))}", _table(rows), _notes(rows, templates_fit_on)]
    if images:
        blocks += ["## Figures", *(f"![{escape_markdown(title)}](<{path}>)" for title, path in images.items())]
    return "\n\n".join(blocks) + "\n"


def sections(frame: pl.DataFrame) -> list[list[Row]]:
    """Return the rows of each section, in order."""
    return [[*part.iter_rows(named=True)] for part in frame.partition_by(SECTION, maintain_order=True)]


def section_title(row: Row) -> str:
    """Say the factors of a section in words."""
    factors = [
        row["dataset"],
        row["grouping"] and f"grouped by {row['grouping']}",
        row["split"] and f"{row['split']} split",
    ]
    protocol = "labelled" if row["protocol"] == "labelled" else "pseudo-anomalies"
    if row["anomaly_ratio"] is not None:
        share = "" if row["prevalence"] is None else f", prevalence {row['prevalence']:g}"
        protocol += f" (anomaly ratio {row['anomaly_ratio']:g}{share})"
    return ", ".join([*(factor for factor in factors if factor), protocol])


def _table(rows: Sequence[Row]) -> str:
    """Return a row for each model, epoch and sample size; where several seeds ran, with means over them."""
    size = VARYING[:1] if len({row["sample_size"] for row in rows}) > 1 else ()
    columns = [*COLUMNS[:2], *size, *COLUMNS[2:]]
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in [*rows, *_missing_degenerate(rows)]:
        groups.setdefault((row["model"], row["epoch"], row["sample_size"]), []).append(row)
    cells = [[_cell(group, name, show) for name, _, show in columns] for group in groups.values()]
    alignment = ["left" if name == "model" else "right" for name, _, _ in columns]
    headings = [heading for _, heading, _ in columns]
    return tabulate(cells, headings, tablefmt="pipe", disable_numparse=True, colalign=alignment)


def _cell(group: Sequence[Row], name: str, show: Callable[[Any], str]) -> str:
    """Show what the rows of a group, one for each seed, have in common, or else their mean."""
    values = [row[name] for row in group if row[name] is not None]
    if len(values) < len(group):
        # A mean over some of the seeds would look like one over all.
        return UNDEFINED
    if len(set(values)) == 1:
        return show(values[0]) + (" ± 0" if len(values) > 1 and name in SPREAD else "")
    average = fmean(values)
    if name in SPREAD:
        return f"{show(average)} ± {show(stdev(values))}"
    return f"{average:,.1f}" if show is whole else show(average)


def _missing_degenerate(rows: Sequence[Row]) -> list[Row]:
    """Work out the flag-all and never-flag rows that the study did not run: they follow from the data alone."""
    added: list[Row] = []
    run = {row["model"] for row in rows}
    data = dict.fromkeys((row["normal"], row["anomalous"]) for row in rows)
    for model in DEGENERATE:
        for normal, anomalous in data if model not in run else ():
            flags = model == "flag-all"
            counts = Counts(*((anomalous, normal, 0, 0) if flags else (0, 0, normal, anomalous))).as_dict()
            values = {name: None if math.isnan(value) else float(value) for name, value in rates(**counts).items()}
            area = {"roc_auc": 0.5, "average_precision": anomalous / (normal + anomalous)}
            both = area if normal and anomalous else {}
            added.append({**dict.fromkeys(SCHEMA), "model": model, **counts, **values, **both})
    return added


STRATEGIES = {
    "paper": "the model's own decision rule",
    "quantile": "the smallest threshold with a false-positive rate of at most {rate} on the normal {data}",
    "f1": "the threshold with the highest F1 on the {data}",
    "youden": "the threshold with the highest recall + specificity on the {data}",
    "targets": "the threshold that meets all targets on the {data}, or comes nearest to it",
}


def _notes(rows: Sequence[Row], templates_fit_on: str) -> str:
    pseudo = rows[0]["protocol"] != "labelled"
    data = "calibration sequences (intact and mutated, none of them evaluated)" if pseudo else "validation sequences"
    notes = [
        f"Evaluated: {_spread(rows, 'normal', whole)} normal and {_spread(rows, 'anomalous', whole)} anomalous "
        "sequences."
    ]
    if any(row["unlabelled"] for row in rows):
        notes[0] += f" Left out for want of a label: {_spread(rows, 'unlabelled', whole)}."
    same = [
        f"{heading.lower()} {show(rows[0][name])}"
        for name, heading, show in VARYING
        if rows[0][name] is not None and len({row[name] for row in rows}) == 1
    ]
    if same:
        notes.append(f"The same for all rows: {', '.join(same)}.")
    if pseudo and rows[0]["anomaly_ratio"] is not None:
        ratio, prevalence = rows[0]["anomaly_ratio"], rows[0]["prevalence"]
        mix = (
            "every evaluated sequence counts once intact, as normal, and once mutated, as anomalous. The precision "
            "holds for this one-to-one mix only."
        )
        if prevalence is not None:
            mix = (
                f"that is the prevalence, {prevalence:g}. Every evaluated sequence counts once: {100 * prevalence:g} % "
                "of them mutated, as anomalous, the others intact, as normal; the same holds for the calibration "
                "sequences."
            )
        notes.append(
            f"An anomaly ratio of {ratio:g} is the share of *events* changed in each mutated sequence "
            f"({100 * ratio:g} % of its events, at least one), not the share of anomalous sequences: {mix}"
        )
    choices: dict[str, list[str]] = {}
    for row in rows:
        rate = UNDEFINED if row["false_positive_rate"] is None else f"{100 * row['false_positive_rate']:g} %"
        choices.setdefault(STRATEGIES[row["strategy"]].format(rate=rate, data=data), []).append(row["model"])
    for words, models in choices.items():
        notes.append(f"Threshold of {', '.join(map(escape_markdown, dict.fromkeys(models)))}: {words}.")
    seeds = {row["seed"] for row in rows} - {None}
    if len(seeds) > 1:
        notes.append(
            f"Every row is the mean over {len(seeds)} seeds; ± is their standard deviation. The single seeds are in "
            "comparison.csv."
        )
    best = best_epochs(rows)
    if best:
        chosen = ", ".join(f"{escape_markdown(model)} {epoch}" for model, epoch in best.items())
        notes.append(
            f"Epoch to use by the {data} of the largest sample (highest mean ROC-AUC over the seeds, or lowest loss of "
            f"normal ones where there are no anomalies; the earlier of equals): {chosen}."
        )
    stops = early_stops(rows)
    if stops:
        lowest = []
        for model, (epoch, last, change) in stops.items():
            trend = "and still falling" if epoch == last else f"{100 * change:+.1f} % from there to epoch {last}"
            lowest.append(f"{escape_markdown(model)} {epoch} ({trend})")
        notes.append(
            "Early stopping, as a recommendation, since every epoch is kept: the loss of normal "
            f"{data.split(' (')[0]} was lowest at epoch {', '.join(lowest)}."
        )
    for targets in dict.fromkeys(row["targets"] for row in rows if row["targets"]):
        judged = [row for row in rows if row["targets"] == targets and row["targets_met"] is not None]
        met = sum(row["targets_met"] for row in judged)
        notes.append(f"Targets (at least {targets}): met on the {data} by {met} of the {len(judged)} rows run.")
    seen = f"{_spread(rows, 'share_seen_normal', percent)} of the normal ones"
    seen += f", {_spread(rows, 'share_seen_anomalous', percent)} of the {'mutated' if pseudo else 'anomalous'} ones"
    if pseudo:
        seen += " (those equal a normal session of training, so that finding them costs false alarms)"
    notes.append(f"Evaluated sequences whose events also occur, in this order, as a training sequence: {seen}.")
    if any((row["ceiling_f1"] or 1) < 1 for row in rows):
        notes.append(
            "Label ceiling: equal event sequences carry different labels, so that nothing that sees only them has more "
            f"than a recall of {_spread(rows, 'ceiling_recall', percent)} without false alarms, or more than an F1 of "
            f"{_spread(rows, 'ceiling_f1', decimal)}."
        )
    notes.append(f"Events that the models do not know: {_spread(rows, 'unknown_share', percent)}.")
    if templates_fit_on == "all":
        notes.append(
            "**Caution:** the templates were mined from all lines, **those of the test sequences included**, as the "
            "literature does; a message never seen in training can then look known, so these figures may flatter."
        )
    else:
        notes.append("Templates were mined from the training lines only.")
    return "\n".join(f"- {note}" for note in notes)


def best_epochs(rows: Sequence[Row]) -> dict[str, int]:
    """Name the epoch to use of each model that has several, by validation and never by test.

    Parameters
    ----------
    rows : sequence of dict
        Rows of a section.

    Returns
    -------
    dict of str to int
        Epoch by model: the one with the highest ROC-AUC on validation, or the lowest loss of validation normals where
        that is undefined; the mean over seeds counts, and of equal epochs the first.
    """
    merits: dict[str, dict[int, list[float]]] = {}
    for row in largest_sample(rows):
        merit = row["validation_roc_auc"]
        if merit is None and row["validation_normal_loss"] is not None:
            merit = -row["validation_normal_loss"]
        if merit is not None:
            merits.setdefault(row["model"], {}).setdefault(row["epoch"], []).append(merit)
    means = {model: {epoch: fmean(found) for epoch, found in epochs.items()} for model, epochs in merits.items()}
    return {model: max(sorted(epochs), key=epochs.__getitem__) for model, epochs in means.items() if len(epochs) > 1}


def early_stops(rows: Sequence[Row]) -> dict[str, tuple[int, int, float]]:
    """Say for each model with several epochs after which one its loss of validation normals no longer fell.

    Parameters
    ----------
    rows : sequence of dict
        Rows of a section; the largest sample counts, and the mean over its seeds.

    Returns
    -------
    dict of str to (int, int, float)
        By model the epoch with the lowest loss, the last epoch, and by which share of the lowest the last one is above.
    """
    losses: dict[str, dict[int, list[float]]] = {}
    for row in largest_sample(rows):
        if row["validation_normal_loss"] is not None:
            losses.setdefault(row["model"], {}).setdefault(row["epoch"], []).append(row["validation_normal_loss"])
    found = {}
    for model, epochs in losses.items():
        means = {epoch: fmean(epochs[epoch]) for epoch in sorted(epochs)}
        best, last = min(means, key=means.__getitem__), max(means)
        if len(means) > 1:
            found[model] = (best, last, means[last] / means[best] - 1 if means[best] else 0.0)
    return found


def _spread(rows: Iterable[Row], name: str, show: Callable[[Any], str]) -> str:
    """Show the value that all rows share, or the smallest and the largest."""
    values = [row[name] for row in rows if row[name] is not None]
    if not values:
        return "unknown"
    low, high = show(min(values)), show(max(values))
    return low if low == high else f"{low} to {high}"


def compare(
    paths: Sequence[Path],
    *,
    study: str,
    templates_fit_on: str,
    parquet: Path,
    csv: Path,
    costs: Path,
    markdown_path: Path,
    figures_directory: Path,
    learning_curve: Path | None,
) -> None:
    """Write the comparison of all model runs of a study as tables and figures.

    Parameters
    ----------
    paths : sequence of Path
        One epochs.parquet per model run.
    study, templates_fit_on : str
        As for `markdown`.
    parquet, csv, markdown_path : Path
        Tables to write; the same results give the same bytes.
    costs : Path
        Table of what each epoch took, as CSV, which no two runs have in common.
    figures_directory : Path
        Gets metrics_by_epoch.png and roc.png.
    learning_curve : Path or None
        Figure to write when several sample sizes ran.
    """
    frame = combine(paths)
    images = {"Metrics by epoch": figures_directory / "metrics_by_epoch.png", "ROC": figures_directory / "roc.png"}
    if learning_curve is not None:
        images["Learning curve"] = learning_curve
    write_figures(frame, study, images)
    write_csv(frame.select(*FACTORS, *DURATIONS), costs)
    frame = frame.drop(DURATIONS)
    write_parquet(frame, parquet)
    write_csv(frame, csv)
    links = {title: Path(os.path.relpath(path, markdown_path.parent)).as_posix() for title, path in images.items()}
    write_text(markdown_path, markdown(frame, study, templates_fit_on, links))


CURVES = (("f1", "F1"), ("roc_auc", "ROC-AUC"), ("precision", "precision"), ("recall", "recall"))


def write_figures(frame: pl.DataFrame, study: str, images: Mapping[str, Path]) -> None:
    """Draw the figures named in `images`.

    Where several samples ran, the first two show each model's largest; where several seeds ran, lines are means, with a
    band from the smallest to the largest value, and the ROC curves are those of the smallest seed.
    """
    from logassay import figures

    models = frame["model"].unique(maintain_order=True).to_list()
    by_epoch, roc, by_size = [], [], []
    for rows in sections(frame):
        title = section_title(rows[0])
        largest = largest_sample(rows)
        lines = {name: _lines(largest, "epoch", name) for name, _ in CURVES}
        by_epoch.append(figures.Section(title, [figures.Panel(words, lines[name]) for name, words in CURVES]))
        final = last_epochs(largest)
        first_seed = list({row["model"]: row for row in reversed(final)}.values())[::-1]
        roc.append(
            figures.Panel(title, [figures.Line(row["model"], row["roc_fpr"], row["roc_tpr"]) for row in first_seed])
        )
        trained = last_epochs(rows)
        by_size.append(
            figures.Section(
                title, [figures.Panel(words, _lines(trained, "sample_size", name)) for name, words in CURVES[:2]]
            )
        )
    sample = ", largest sample" if frame["sample_size"].n_unique() > 1 else ""
    several_seeds = frame["seed"].n_unique() > 1
    band = ", mean and range over the seeds" if several_seeds else ""
    one = ", smallest seed" if several_seeds else ""
    figures.metrics_by_epoch(by_epoch, models, f"{study}: metrics by epoch{sample}{band}", images["Metrics by epoch"])
    figures.roc_curves(roc, models, f"{study}: ROC at the last epoch{sample}{one}", images["ROC"])
    if "Learning curve" in images:
        figures.learning_curve(by_size, models, f"{study}: last epoch by training size{band}", images["Learning curve"])


def last_epochs(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of each model's last epoch, for every sample size and seed."""
    last: dict[tuple[Any, ...], int] = {}
    for row in rows:
        key = (row["model"], row["sample_size"], row["seed"])
        last[key] = max(last.get(key, 0), row["epoch"])
    return [row for row in rows if row["epoch"] == last[row["model"], row["sample_size"], row["seed"]]]


def largest_sample(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of the largest sample that each model ran on."""
    largest: dict[str, int] = {}
    for row in rows:
        largest[row["model"]] = max(largest.get(row["model"], 0), row["sample_size"] or 0)
    return [row for row in rows if (row["sample_size"] or 0) == largest[row["model"]]]


def _lines(rows: Sequence[Row], x: str, y: str) -> list[Any]:
    """Return a line per model of `y` over `x`: mean, smallest and largest over the seeds."""
    from logassay.figures import Line

    lines = []
    for model in dict.fromkeys(row["model"] for row in rows):
        points: dict[float, list[float]] = {}
        for row in rows:
            if row["model"] == model:
                points.setdefault(row[x], []).extend([] if row[y] is None else [row[y]])
        places = sorted(points)
        mean = [sum(points[place]) / len(points[place]) if points[place] else None for place in places]
        low = [min(points[place], default=None) for place in places]
        high = [max(points[place], default=None) for place in places]
        lines.append(Line(model, places, mean, low, high))
    return lines


def short_table(frame: pl.DataFrame, path_shown: str) -> str:
    """Return the table for the terminal: one row per section and model, at its last epoch.

    Where several sample sizes or seeds ran, the row is that of the largest and of the smallest.
    """
    chosen: list[Row] = []
    for rows in sections(frame):
        final = last_epochs(largest_sample(rows))
        lowest = {row["model"]: row["seed"] for row in sorted(final, key=lambda row: -(row["seed"] or 0))}
        chosen += [row for row in final if row["seed"] == lowest[row["model"]]]
    factors = [name for name in SECTION[:3] if len({row[name] for row in chosen}) > 1]
    # Where there is but one, the protocol says it already.
    factors += [name for name in SECTION[4:] if len({row[name] for row in chosen} - {None}) > 1]
    wanted = {name: (heading, show) for name, heading, show in COLUMNS}
    shown = [*factors, "protocol", "model", "epoch", "f1", "roc_auc", "precision", "recall", "fp", "fn"]
    cells = []
    for row in chosen:
        cells.append(
            [
                UNDEFINED
                if row[name] is None
                else wanted[name][1](row[name])
                if name in wanted and name != "model"
                else printable(str(row[name]))
                for name in shown
            ]
        )
    headings = [wanted[name][0] if name in wanted else name.replace("_", " ").capitalize() for name in shown]
    alignment = ["left" if name in (*SECTION, "model") else "right" for name in shown]
    table = tabulate(cells, headings, tablefmt="simple", disable_numparse=True, colalign=alignment)
    note = "Each model at its last epoch"
    if frame["sample_size"].n_unique() > 1:
        note += ", trained on its largest sample"
    if frame["seed"].n_unique() > 1:
        note += ", with the smallest seed"
    return f"{note}:\n\n{table}\n\nAll rows, with notes: {path_shown}"

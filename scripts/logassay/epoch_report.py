"""The report on the epochs of one model: which checkpoint to use, and whether it matters."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from logassay import charts
from logassay.blocks import Cell, Code, Document, Sentence
from logassay.catalogue import Texts
from logassay.display import decimal, percent, significant, whole
from logassay.prose import (
    Verdicts,
    Writer,
    causes,
    change,
    epoch_warnings,
    joined,
    limits_of,
    next_steps,
    number,
    row_of,
    run_of,
    section_title,
    sections_of,
    trust,
)

CHARTED = ("accuracy", "precision", "recall", "f1", "roc_auc")
COLUMNS = (
    *(("metrics", name, name, 1) for name in CHARTED),
    ("losses", "normal", "normal_loss", -1),
    # Neither a high nor a low one is better by itself.
    ("losses", "anomalous", "anomalous_loss", 0),
    ("counts", "fp", "fp", -1),
    ("counts", "fn", "fn", -1),
)
"""Place in a row (two keys), name of the column, and whether the highest (1) or the lowest (-1) value is the best."""


def epoch_report(verdicts: Verdicts, model: str, texts: Texts) -> Document:
    """Write the report on the epochs of one model."""
    writer = Writer(texts, decimal)
    sections = sections_of(verdicts, model)
    title = texts("epoch.title", model=model)
    writer.heading(1, "epoch.title", model=model)
    writer.heading(2, "glance")
    for section, found in sections:
        rows = [row for row in section["rows"] if row["model"] == model]
        if len(sections) > 1:
            writer.say("strong", text=section_title(writer, section))
        _glance(writer, section, found, rows)
    for section, found in sections:
        rows = [row for row in section["rows"] if row["model"] == model]
        if len(sections) > 1:
            writer.level = 3
            writer.heading(2, "section", title=section_title(writer, section))
        _section(writer, verdicts, section, found, rows)
    writer.closing(verdicts)
    return Document(f"epoch_report_{_file_name(model)}", texts.language, title, writer.blocks)


def _file_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", text)


def _glance(writer: Writer, section: Verdicts, found: Verdicts, rows: Sequence[Verdicts]) -> None:
    """Say which checkpoint to use, whether to trust it, and what to do next."""
    texts, recommended = writer.texts, found["recommended"]
    row = row_of(rows, recommended)
    which = "glance.avoid" if found["state"] == "useless" else "glance.use"
    use = [
        texts.sentence(which, epoch=str(recommended["epoch"]), checkpoint=recommended["checkpoint"]),
        texts.sentence(f"by.{recommended['by']}"),
    ]
    trusted = [texts.sentence("glance.trust"), *writer.state(found, row), *trust(writer, section, row)]
    differ = found.get("epochs_differ")
    if differ and not differ["distinguishable"]:
        trusted.append(texts.sentence("differ.so"))
    writer.bullets([joined(use), joined(trusted), next_steps(writer, [found])])


def _difference(writer: Writer, differ: Verdicts) -> Sentence:
    """Say whether the epochs can be told apart."""
    key = "differ.yes" if differ["distinguishable"] else "differ.no"
    each = differ.get("metrics") or []
    names = [writer.name_of(one["metric"]) for one in each]
    limits = list(zip(differ.get("low") or [], differ.get("high") or [], strict=True))
    intervals = ", ".join(writer.interval("recall", limit) for limit in limits)
    said = [
        writer.texts.sentence(
            key,
            metric=writer.name_of(differ["metric"]) if differ["distinguishable"] or not each else ", ".join(names),
            test=writer.texts(f"test.{differ['test']}"),
            p=writer.p(differ.get("p")),
        )
    ]
    if len(each) > 1:
        listed = ", ".join(f"{writer.name_of(one['metric'])} {writer.p(one.get('p'))}" for one in each)
        said.append(writer.texts.sentence("differ.metrics", values=listed))
    if intervals:
        said.append(writer.texts.sentence("differ.intervals", intervals=intervals))
    return joined(said)


def _section(writer: Writer, verdicts: Verdicts, section: Verdicts, found: Verdicts, rows: Sequence[Verdicts]) -> None:
    recommended = found["recommended"]
    run = run_of(rows, recommended)
    _overview(writer, verdicts, section, found, rows)
    _tables(writer, section, rows, run)
    writer.part("epoch.analysis")
    _loss_trend(writer, found, run)
    differ = found.get("epochs_differ")
    if differ:
        writer.part("differ.title", 1)
        writer.paragraph(
            [
                _difference(writer, differ),
                writer.texts.sentence("differ.then" if differ["distinguishable"] else "differ.so"),
            ]
        )
    writer.part("epoch.each", 1)
    for row in run:
        _one_epoch(writer, section, row)
    if any(row.get("at_prevalence") for row in run):
        writer.part("prevalence.title", 1)
        writer.say("prevalence.about")
        writer.prevalence_table(run, "epoch", lambda row: str(row["epoch"]), "prevalence.caption")
    _missed(writer, section, run)
    if row_of(rows, recommended).get("strata"):
        writer.part("strata.title", 1)
        writer.say("strata.epoch", epoch=str(recommended["epoch"]))
        writer.strata_table([row_of(rows, recommended)], several=False)
    writer.explorer(section, sorted(run, key=lambda row: row["epoch"] != recommended["epoch"]))
    _recommendation(writer, verdicts, section, found, rows)
    _files(writer, run)


def _overview(writer: Writer, verdicts: Verdicts, section: Verdicts, found: Verdicts, rows: Sequence[Verdicts]) -> None:
    epochs = sorted({row["epoch"] for row in rows})
    writer.part("overview")
    writer.say(
        "epoch.overview.supervised" if found["supervised"] else "epoch.overview",
        model=found["model"],
        n=str(len(epochs)),
        epochs=", ".join(map(str, epochs)),
        title=section_title(writer, section),
    )
    writer.part("method", 1)
    writer.bullets([*writer.notes(verdicts, section), writer.texts.sentence("method.metrics")])


def _tables(writer: Writer, section: Verdicts, rows: Sequence[Verdicts], run: Sequence[Verdicts]) -> None:
    varying = [name for name in ("sample_size", "seed") if len({row.get(name) for row in rows}) > 1]
    names = [name for _, _, name, _ in COLUMNS]
    marked = _best_cells(rows)
    cells = []
    for index, row in enumerate(rows):
        line = [number(row.get(name), whole if name == "sample_size" else str) for name in varying]
        line.append(number(row["epoch"], str))
        for group, key, name, _ in COLUMNS:
            show = whole if group == "counts" else writer.shown(name)
            line.append(number(row[group].get(key), show, best=(index, name) in marked))
        cells.append(line)
    writer.part("epoch.table")
    columns = [writer.column(name) for name in [*varying, "epoch", *names]]
    writer.table(columns, cells, "epoch.table.caption", range(len(varying)))
    writer.warnings(
        [
            *(("", warning) for warning in section["warnings"]),
            *((f"Epoch {row['epoch']}", warning) for row in rows for warning in epoch_warnings(row)),
        ],
        len({row["epoch"] for row in rows}),
    )
    limits = [
        [
            number(row["epoch"], str),
            *(
                Cell(writer.interval(name, pair), None if pair is None else pair[0])
                for name in CHARTED
                for pair in [limits_of(row, name)]
            ),
        ]
        for row in run
        if row.get("intervals")
    ]
    writer.table([writer.column(name) for name in ("epoch", *CHARTED)], limits, "epoch.intervals.caption")
    values = [
        {
            "x": row["epoch"],
            "y": row["metrics"][name],
            "series": writer.name_of(name),
            **dict(zip(("low", "high"), limits_of(row, name) or (None, None), strict=True)),
        }
        for name in CHARTED
        for row in run
        if row["metrics"].get(name) is not None
    ]
    titles = charts.Titles(x="Epoch", y=writer.texts("chart.value"), series=writer.texts("chart.metric"))
    if values:
        writer.figure("chart.epochs", charts.lines(values, titles))
    writer.alarm_chart(run, lambda row: f"Epoch {row['epoch']}")


def _best_cells(rows: Sequence[Verdicts]) -> set[tuple[int, str]]:
    """Return the best cells of each column, by row and name, among the epochs of one training run.

    A column whose values are all equal has no best one.
    """
    runs: dict[Any, list[int]] = {}
    for index, row in enumerate(rows):
        runs.setdefault((row.get("sample_size"), row.get("seed")), []).append(index)
    marked = set()
    for indices in runs.values():
        for group, key, name, sign in COLUMNS:
            values = {
                index: sign * rows[index][group][key] for index in indices if rows[index][group].get(key) is not None
            }
            if sign and len(set(values.values())) > 1:
                marked |= {(index, name) for index, value in values.items() if value == max(values.values())}
    return marked


def _loss_trend(writer: Writer, found: Verdicts, run: Sequence[Verdicts]) -> None:
    trend = found["loss_trend"]
    if not trend:
        return
    writer.part("trend.title", 1)
    width = max(len(significant(point["loss"])) for point in trend)
    lines = [
        f"Epoch {point['epoch']}: {significant(point['loss']):<{width}}"
        + (f"  ({change(point['change'])})" if index else "")
        for index, point in enumerate(trend)
    ]
    writer.blocks.append(Code("\n".join(line.rstrip() for line in lines), "text"))
    losses = [point["loss"] for point in trend]
    if len(losses) > 1:
        falls = all(after < before for before, after in pairwise(losses))
        said = [writer.texts.sentence("trend.falls" if falls else "trend.not_only_falls")]
        first, last = (row["metrics"].get("roc_auc") for row in (run[0], run[-1]))
        if falls and first is not None and last is not None and last <= first:
            said.append(writer.texts.sentence("trend.roc_auc", first=decimal(first), last=decimal(last)))
        writer.paragraph(said)
    stop = found.get("early_stop")
    if stop:
        key = "trend.stop_last" if stop["epoch"] == stop["last"] else "trend.stop"
        writer.say(key, epoch=str(stop["epoch"]), last=str(stop["last"]), change=change(stop["change"]))


def _upper_rate(row: Verdicts) -> float | None:
    """Return the upper limit of a row's false-positive rate."""
    intervals = row.get("intervals") or {}
    if intervals.get("false_positive_rate"):
        return float(intervals["false_positive_rate"][1])
    return 1 - intervals["specificity"][0] if intervals.get("specificity") else None


def _one_epoch(writer: Writer, section: Verdicts, row: Verdicts) -> None:
    counts = row["counts"]
    values = {name: writer.measured(row, name) for name in ("precision", "recall")}
    values |= {name: whole(counts[name]) for name in ("fp", "fn")}
    values |= {"normal": whole(counts["fp"] + counts["tn"]), "anomalous": whole(counts["tp"] + counts["fn"])}
    said = [writer.texts.sentence("epoch.one", epoch=str(row["epoch"]), **values)]
    upper = _upper_rate(row)
    if not counts["fp"] and counts["tn"] and upper is not None:
        said.append(writer.texts.sentence("epoch.no_alarm", upper=percent(upper)))
    if row["losses"].get("normal") is not None and row["losses"].get("anomalous") is not None:
        losses = {name: significant(row["losses"][name]) for name in ("normal", "anomalous")}
        said.append(writer.texts.sentence("epoch.losses", **losses))
    codes = dict.fromkeys(warning["code"] for warning in row["warnings"])
    if codes:
        said.append(writer.texts.sentence("glance.warnings", codes=", ".join(codes)))
    writer.paragraph(said)


def _missed(writer: Writer, section: Verdicts, run: Sequence[Verdicts]) -> None:
    """Say how many misses the share of unmutated sessions would explain."""
    share = section.get("unmutated_share")
    if share is None:
        return
    misses, anomalous = [row["counts"]["fn"] for row in run], section["data"]["anomalous"]
    expected = share * anomalous
    writer.part("unmutated.title", 1)
    said = [
        writer.texts.sentence(
            "unmutated.about",
            ratio=f"{100 * section['anomaly_ratio']:g}%",
            share=f"{100 * share:.1f}%",
            expected=whole(round(expected)),
            anomalous=whole(anomalous),
        ),
        writer.texts.sentence("unmutated.misses", misses=", ".join(map(whole, misses))),
    ]
    # As many misses as expected within two standard errors of that count, which is binomial.
    if max(misses) <= expected + 2 * (expected * (1 - share)) ** 0.5:
        said.append(writer.texts.sentence("unmutated.enough"))
    writer.paragraph(said)


def _grounds(writer: Writer, verdicts: Verdicts, choice: Verdicts, run: Sequence[Verdicts]) -> str:
    """Say why an epoch was chosen for a use, or none."""
    key, rate = f"why.{choice['why']}", verdicts["threshold"].get("false_positive_rate")
    if choice["why"].startswith("some-on") and verdicts["threshold"]["strategy"] == "quantile" and rate:
        key = "why.allowed"
    said = [writer.texts(key, rate="" if rate is None else f"{100 * rate:g}%")]
    upper = choice.get("upper_fpr")
    if upper is not None:
        # Where no epoch serves, the rate is that of the one with the fewest false alarms.
        rates = {row["epoch"]: _upper_rate(row) for row in run}
        alike = (epoch for epoch, limit in rates.items() if limit is not None and abs(limit - upper) < 1e-9)
        epoch = choice.get("epoch") or next(alike, None)
        named = {"epoch": str(epoch), "upper": percent(upper)}
        said.append(writer.texts("why.upper" if epoch is None else "why.upper.epoch", **named))
    return " ".join(said)


def _recommendation(
    writer: Writer, verdicts: Verdicts, section: Verdicts, found: Verdicts, rows: Sequence[Verdicts]
) -> None:
    texts, recommended = writer.texts, found["recommended"]
    writer.part("recommendation")
    cells = []
    for use, choice in (found.get("uses") or {}).items():
        why = _grounds(writer, verdicts, choice, run_of(rows, recommended))
        epoch = choice.get("epoch")
        cells.append(
            [Cell(texts(f"use.{use}")), Cell(texts("use.none") if epoch is None else f"Epoch {epoch}"), Cell(why)]
        )
    columns = [writer.column(name, number=False) for name in ("use", "recommended", "why")]
    writer.table(columns, cells, "uses.caption")
    writer.part("conclusion", 1)
    key = "conclusion.avoid" if found["state"] == "useless" else "conclusion.use"
    writer.say(key, checkpoint=recommended["checkpoint"])
    row = row_of(rows, recommended)
    grounds = [texts.sentence(f"by.{recommended['by']}")]
    differ = found.get("epochs_differ")
    if differ and not differ["distinguishable"]:
        grounds.append(texts.sentence("differ.so"))
    counts = row["counts"]
    values = {name: whole(counts[name]) for name in ("fp", "fn")}
    values |= {"normal": whole(counts["fp"] + counts["tn"]), "anomalous": whole(counts["tp"] + counts["fn"])}
    grounds.append(texts.sentence("conclusion.counts", **values))
    grounds.append(texts.sentence("conclusion.test"))
    if section["protocol"] != "labelled":
        grounds.append(texts.sentence("glance.pseudo"))
    writer.say("conclusion.grounds")
    writer.bullets(grounds, ordered=True)
    if found["diagnosis"]:
        writer.part("diagnosis.title", 1)
        writer.bullets(causes(writer, found))
    writer.part("next.title")
    if found["advice"]:
        writer.steps(found["advice"], 1)
    else:
        writer.say("next.none")


def _files(writer: Writer, run: Sequence[Verdicts]) -> None:
    paths = [path for row in run for path in (row.get("files") or {}).values() if path]
    if paths:
        writer.part("files")
        writer.say("files.about")
        writer.blocks.append(Code("\n".join(paths), "text"))
    commands = [f"# Epoch {row['epoch']}\n{row['reproduce']}" for row in run if row.get("reproduce")]
    if commands:
        writer.part("reproduce")
        writer.say("reproduce.about")
        writer.blocks.append(Code("\n\n".join(commands)))

"""The report that sets all models of a study side by side: what works, what does not and why, and what to do next."""

from collections.abc import Mapping, Sequence

import yaml

from logassay import charts
from logassay.blocks import Cell, Code, Column, Document, Sentence
from logassay.catalogue import Texts
from logassay.display import UNDEFINED, percent, significant, whole
from logassay.prose import (
    Verdicts,
    Writer,
    causes,
    change,
    degenerate,
    joined,
    limits_of,
    model_warnings,
    next_steps,
    number,
    row_of,
    run_of,
    section_title,
    trust,
)

HEADLINE = ("f1", "average_precision", "roc_auc", "balanced_accuracy")
"""By which metric the comparison names a best model: the first of these that was compared."""
COMPARED = ("accuracy", "precision", "recall", "specificity", "f1", "roc_auc", "average_precision")
INTERVALS = ("precision", "recall", "specificity", "f1", "roc_auc")


def comparison_report(verdicts: Verdicts, texts: Texts, images: Mapping[str, str]) -> Document:
    """Write the report that sets all models side by side."""
    writer = Writer(texts, percent)
    title = texts("comparison.title", study=verdicts["study"])
    writer.heading(1, "comparison.title", study=verdicts["study"])
    writer.heading(2, "glance")
    sections = verdicts["sections"]
    for section in sections:
        if len(sections) > 1:
            writer.say("strong", text=section_title(writer, section))
        _glance(writer, section)
    for section in sections:
        if len(sections) > 1:
            writer.level = 3
            writer.heading(2, "section", title=section_title(writer, section))
        _section(writer, verdicts, section, images if section is sections[0] else {})
    _ranking(writer, verdicts.get("ranking"))
    writer.closing(verdicts)
    return Document("comparison_report", texts.language, title, writer.blocks)


def _recommended_rows(section: Verdicts) -> dict[str, Verdicts]:
    """Return the row of each model's recommended checkpoint."""
    rows: dict[str, list[Verdicts]] = {}
    for row in section["rows"]:
        rows.setdefault(row["model"], []).append(row)
    return {
        model["model"]: row_of(rows[model["model"]], model["recommended"])
        for model in section["models"]
        if model["model"] in rows
    }


def _glance(writer: Writer, section: Verdicts) -> None:
    texts, models = writer.texts, {model["model"]: model for model in section["models"]}
    rows = _recommended_rows(section)
    trained = [model for model in section["models"] if not model["baseline"]]
    metric, best = _leaders(section)
    if not best:
        use = [texts.sentence("glance.nothing")]
    elif not metric and len(best) > 1:
        use = [texts.sentence("glance.uncompared", models=", ".join(best))]
    else:
        first = models[best[0]]["recommended"]
        shown = writer.name_of(metric) if metric else ""
        values = {"model": best[0], "epoch": str(first["epoch"]), "checkpoint": first["checkpoint"], "metric": shown}
        leads = metric is not None and _leads(section, metric, rows)
        use = [texts.sentence("glance.best" if leads else "glance.one_of_the_best", **values)]
        if len(best) > 1:
            use.append(texts.sentence("glance.equals", models=", ".join(best[1:]), metric=shown))
        if metric:
            use += _against_trivial(writer, section, metric, rows, best[0])
            use += _against_simple(writer, section, metric, best)
    trusted = [texts.sentence("glance.trust")]
    for state in ("usable", "weak", "useless"):
        named = [model["model"] for model in trained if model["state"] == state]
        if named:
            trusted.append(texts.sentence(f"glance.{state}", models=", ".join(named)))
    if best and (metric or len(best) == 1):
        trusted += trust(writer, section, rows[best[0]], best[0])
    elif section["protocol"] != "labelled":
        trusted.append(texts.sentence("glance.pseudo"))
    ailing = sorted(trained, key=lambda model: model["state"] != "useless")
    writer.bullets([joined(use), joined(trusted), next_steps(writer, ailing)])


def _leaders(section: Verdicts) -> tuple[str | None, list[str]]:
    """Return the metric that names the best models, and those of them that are of use, the best first."""
    found = section.get("best") or {}
    metric = next((name for name in HEADLINE if found.get(name)), None)
    states = {model["model"]: model["state"] for model in section["models"]}
    leaders = found[metric] if metric else [model["model"] for model in section["models"] if not model["baseline"]]
    return metric, [name for name in leaders if states[name] != "useless"]


def _leads(section: Verdicts, metric: str, rows: Mapping[str, Verdicts]) -> bool:
    """Tell whether a model is surely better by a metric than all others of its section, baselines included.

    Models that look at nothing take part in no test; the interval of the leader has to lie above what they reach.
    """
    best = (section.get("best") or {}).get(metric) or []
    if len(best) != 1 or len(section["models"]) < 2:
        return False
    row = rows[best[0]]
    if any(warning["code"] == "BEATEN-BY-BASELINE" and warning["metric"] == metric for warning in row["warnings"]):
        return False
    floor = (limits_of(row, metric) or [None])[0]
    floor = row["metrics"].get(metric) if floor is None else floor
    reached = [value for _, value in _untested(section, metric, rows, best[0])]
    return floor is not None and all(value < floor for value in reached)


def _untested(section: Verdicts, metric: str, rows: Mapping[str, Verdicts], name: str) -> list[tuple[str, float]]:
    """Return the models that no test by a metric compares with a model, with their values."""
    pairs = [{pair["a"], pair["b"]} for pair in section.get("comparisons") or [] if pair["metric"] == metric]
    values = [(other, row["metrics"].get(metric)) for other, row in rows.items() if other != name]
    return [(other, value) for other, value in values if value is not None and {name, other} not in pairs]


def _against_trivial(
    writer: Writer, section: Verdicts, metric: str, rows: Mapping[str, Verdicts], name: str
) -> list[Sentence]:
    """Name the models that look at nothing and still reach what the best model reaches."""
    if section["protocol"] == "pseudo" and metric == "f1":
        # In the mix of one to one, F1 rewards flagging everything; see warn.AGAINST_BASELINES.
        metric = "balanced_accuracy"
    value = rows[name]["metrics"].get(metric)
    equal = [
        f"{other} ({writer.metric(metric, reached)})"
        for other, reached in _untested(section, metric, rows, name)
        if value is not None and degenerate(rows[other]) and reached >= value
    ]
    values = {"models": ", ".join(equal), "metric": writer.name_of(metric)}
    return [writer.texts.sentence("glance.trivial", **values)] if equal else []


def _against_simple(writer: Writer, section: Verdicts, metric: str, best: Sequence[str]) -> list[Sentence]:
    """Say of the simple baselines among the best models what that means."""
    texts, shown = writer.texts, writer.name_of(metric)
    baselines = {model["model"] for model in section["models"] if model["baseline"]}
    simple = [name for name in best if name in baselines]
    if not simple:
        return []
    alone = len(best) == len(simple) == 1
    said = [] if alone else [texts.sentence("glance.simple", models=", ".join(simple))]
    first = next(iter(section["best"].get("roc_auc") or []), None)
    surpassed = {
        name
        for pair in section.get("comparisons") or []
        if pair["metric"] == "roc_auc" and pair["distinguishable"] and first in (pair["a"], pair["b"])
        for name in (pair["a"], pair["b"])
    }
    if first is not None and first not in baselines and surpassed >= {*simple}:
        said.append(texts.sentence("glance.ranking", model=first, simple=", ".join(simple)))
    else:
        said.append(texts.sentence("glance.baseline", metric=shown))
    return said


def _section(writer: Writer, verdicts: Verdicts, section: Verdicts, images: Mapping[str, str]) -> None:
    rows = _recommended_rows(section)
    trained = [model for model in section["models"] if not model["baseline"]]
    _state_of_training(writer, section)
    _targets_reached(writer, verdicts, section, rows)
    _table(writer, section, rows, images)
    writer.part("diagnosis.title")
    for model in trained:
        if model["model"] in rows:
            _diagnosis(writer, model, rows[model["model"]])
    writer.part("next.title")
    advices = [advice for model in trained for advice in model["advice"]]
    if advices:
        writer.say("next.about")
        writer.steps(advices, 1)
    else:
        writer.say("next.none")
    _realistic_targets(writer, section)
    _learning_curves(writer, section, images)
    shown = [row for row in rows.values() if not row["baseline"]]
    if any(row.get("strata") for row in shown):
        writer.part("strata.title")
        writer.strata_table(shown, several=True)
    if any(row.get("at_prevalence") for row in rows.values()):
        writer.part("prevalence.title")
        writer.say("prevalence.about")
        writer.prevalence_table([*rows.values()], "model", lambda row: str(row["model"]), "prevalence.caption")
    writer.explorer(section, _explored(section, rows, _leaders(section)[1]))
    _pairs(writer, section)
    writer.part("notes")
    writer.bullets(writer.notes(verdicts, section))


def _explored(section: Verdicts, rows: Mapping[str, Verdicts], best: Sequence[str]) -> list[Verdicts]:
    """Return the recommended rows, the best model's before the others, then the other epochs of their training runs."""
    others = []
    for model in section["models"]:
        found = [row for row in section["rows"] if row["model"] == model["model"]]
        others += (
            [row for row in run_of(found, model["recommended"]) if row is not rows.get(row["model"])] if found else []
        )
    first = sorted(rows.values(), key=lambda row: row["model"] != (best[0] if best else None))
    return [*first, *others]


def _state_of_training(writer: Writer, section: Verdicts) -> None:
    """Say how the losses went."""
    writer.part("training.title")
    items, values = [], []
    for model in section["models"]:
        losses = model.get("training_losses")
        if losses and None not in losses:
            first, last = losses
            fall = change(last / first - 1) if first else UNDEFINED
            numbers = {
                "model": model["model"],
                "first": significant(first),
                "last": significant(last),
                "change": fall,
            }
            items.append(writer.texts.sentence("training.falls" if last < first else "training.stays", **numbers))
        stop = model.get("early_stop")
        if stop and stop["epoch"] != stop["last"] and items:
            words = {"epoch": str(stop["epoch"]), "last": str(stop["last"]), "change": change(stop["change"])}
            items[-1] = joined([items[-1], writer.texts.sentence("trend.stop", **words)])
        values += [
            {"x": point["epoch"], "y": point["loss"], "series": model["model"]}
            for point in (model["loss_trend"] if len(model["loss_trend"]) > 1 else [])
        ]
    writer.bullets(items)
    writer.say("training.meaning" if items else "training.none")
    if values:
        titles = charts.Titles(x="Epoch", y=writer.texts("chart.loss"), series=writer.texts("chart.series"))
        writer.figure("chart.losses", charts.lines(values, titles, spread=False))


def _targets_reached(writer: Writer, verdicts: Verdicts, section: Verdicts, rows: Mapping[str, Verdicts]) -> None:
    """Say which models reach their targets, and what the others lack."""
    targets = verdicts["threshold"].get("targets") or {}
    if not targets:
        return
    writer.part("targets.title")
    columns = [writer.column("model", number=False), writer.column("met", number=False)]
    columns += [
        Column(writer.texts("column.target", metric=writer.name_of(name), target=writer.metric(name, value)))
        for name, value in targets.items()
    ]
    cells, items = [], []
    for model in section["models"]:
        found, row = model.get("targets"), rows.get(model["model"])
        if not row:
            continue
        met = found and found.get("met")
        line = [Cell(model["model"]), Cell(writer.yes(met))]
        cells.append([*line, *(number(row["metrics"].get(name), writer.shown(name)) for name in targets)])
        if found and met is False and not model["baseline"]:
            items.append(_shortfall(writer, model["model"], found))
    writer.table(columns, cells, "targets.caption")
    vacuous = dict.fromkeys(
        (entry["metric"], entry["met_by"])
        for model in section["models"]
        for entry in (model.get("targets") or {}).get("vacuous") or []
    )
    for metric, met_by in vacuous:
        values = {"metric": writer.name_of(metric), "target": writer.metric(metric, targets.get(metric))}
        items.append(writer.texts.sentence("targets.vacuous", met_by=met_by, **values))
    writer.bullets(items)


def _shortfall(writer: Writer, model: str, found: Verdicts) -> Sentence:
    texts, said = writer.texts, []
    missed = found.get("missed") or {}
    if missed:
        listed = ", ".join(
            f"{writer.name_of(name)} {texts('points', n=f'{100 * value:.2f}')}" for name, value in missed.items()
        )
        said.append(texts.sentence("targets.missed", model=model, missed=listed))
    if found.get("reachable"):
        said.append(texts.sentence("targets.reachable"))
    nearest = found.get("nearest")
    if nearest:
        known = {name: value for name, value in nearest["metrics"].items() if name in found["wanted"]}
        threshold = significant(nearest.get("threshold"))
        said.append(texts.sentence("targets.nearest", threshold=threshold, values=writer.values_of(known)))
    if found.get("unreachable"):
        names = ", ".join(map(writer.name_of, found["unreachable"]))
        said.append(texts.sentence("targets.unreachable", metrics=names))
    for first, second in found.get("exclusive_pairs") or []:
        said.append(texts.sentence("targets.exclusive", first=writer.name_of(first), second=writer.name_of(second)))
    for entry in found.get("forbidden_by") or []:
        names = ", ".join(map(writer.name_of, entry["metric"].split(" & ")))
        said.append(texts.sentence(f"targets.forbidden.{entry['by']}", metric=names))
    return joined(said) if missed else joined([texts.sentence("targets.of", model=model), *said])


def _table(writer: Writer, section: Verdicts, rows: Mapping[str, Verdicts], images: Mapping[str, str]) -> None:
    models = [model for model in section["models"] if model["model"] in rows]
    several = len({model["recommended"].get("sample_size") for model in models}) > 1
    # What every model is warned of is said of all of them at once.
    sets = [{warning["code"] for warning in row["warnings"]} for row in rows.values()]
    shared = set.intersection(*sets) if len(sets) > 1 else set()
    cells, limits, codes = [], [], []
    for model in models:
        row, name = rows[model["model"]], model["model"]
        line = [Cell(name), number(row["epoch"], str)]
        line += [number(row.get("sample_size"), whole)] if several else []
        line += [number(row["counts"][count], whole) for count in ("tp", "fp", "fn", "tn")]
        for metric in COMPARED:
            value = row["metrics"].get(metric)
            spread = (model.get("seeds") or {}).get(metric)
            text = writer.metric(metric, value)
            if spread and spread["n"] > 1 and spread.get("sd") is not None:
                value = spread["mean"]
                text = f"{writer.metric(metric, value)} ± {writer.metric(metric, spread['sd'])}"
            best = (section.get("best") or {}).get(metric) == [name]
            line.append(Cell(text, value, best and _leads(section, metric, rows)))
        cells.append(line)
        found = dict.fromkeys(warning["code"] for warning in model_warnings(row) if warning["code"] not in shared)
        if found:
            codes.append([Cell(name), Cell(", ".join(found))])
        if row.get("intervals"):
            pairs = {metric: limits_of(row, metric) for metric in INTERVALS}
            limits.append(
                [
                    Cell(name),
                    *(
                        Cell(writer.interval(key, pair), None if pair is None else pair[0])
                        for key, pair in pairs.items()
                    ),
                ]
            )
    writer.part("comparison.table")
    writer.say("comparison.about")
    columns = [writer.column("model", number=False), writer.column("epoch")]
    columns += [writer.column("sample_size")] if several else []
    columns += [writer.column(name) for name in ("tp", "fp", "fn", "tn", *COMPARED)]
    seeds = any(spread["n"] > 1 for model in models for spread in (model.get("seeds") or {}).values())
    writer.table(columns, cells, "comparison.caption.seeds" if seeds else "comparison.caption", (0,))
    writer.warnings(
        [
            *(("", warning) for warning in section["warnings"]),
            *((name, warning) for name, row in rows.items() for warning in model_warnings(row)),
        ],
        len(rows),
    )
    columns = [writer.column(name, number=False) for name in ("model", "warnings")]
    writer.table(columns, codes, "comparison.warnings.caption")
    columns = [writer.column("model", number=False), *(writer.column(name) for name in INTERVALS)]
    writer.table(columns, limits, "comparison.intervals.caption")
    _charts_by_epoch(writer, section, images.get("metrics_by_epoch"))
    writer.alarm_chart([*rows.values()], lambda row: str(row["model"]), images.get("roc"))
    unseen = [
        [Cell(name), number(row["unseen"]["sequences"], whole)]
        + [number(row["unseen"]["metrics"].get(metric), writer.shown(metric)) for metric in INTERVALS]
        for name, row in rows.items()
        if row.get("unseen")
    ]
    if unseen:
        columns = [writer.column("model", number=False), *(writer.column(name) for name in ("sequences", *INTERVALS))]
        writer.part("unseen.title", 1)
        writer.say("unseen.about")
        writer.table(columns, unseen, "unseen.caption")


def _charts_by_epoch(writer: Writer, section: Verdicts, image: str | None) -> None:
    """Add F1 and ROC-AUC of the models with several epochs."""
    for metric in ("f1", "roc_auc"):
        values = []
        for model in section["models"]:
            found = [row for row in section["rows"] if row["model"] == model["model"]]
            run = run_of(found, model["recommended"]) if found else []
            for row in run if len(run) > 1 else []:
                low, high = limits_of(row, metric) or (None, None)
                value = row["metrics"].get(metric)
                if value is not None:
                    values.append({"x": row["epoch"], "y": value, "series": row["model"], "low": low, "high": high})
        if values:
            titles = charts.Titles(x="Epoch", y=writer.name_of(metric), series=writer.texts("chart.series"))
            writer.figure(f"chart.by_epoch.{metric}", charts.lines(values, titles), image)
            image = None  # the picture holds both


def _diagnosis(writer: Writer, model: Verdicts, row: Verdicts) -> None:
    counts = row["counts"]
    writer.part("diagnosis.model", 1, model=model["model"])
    values = {name: whole(counts[name]) for name in ("fp", "fn")}
    values |= {"normal": whole(counts["fp"] + counts["tn"]), "anomalous": whole(counts["tp"] + counts["fn"])}
    values |= {name: percent(row["metrics"].get(name)) for name in ("precision", "recall", "specificity")}
    said = [writer.texts.sentence("diagnosis.counts", **values), *writer.state(model, row)]
    # The warnings that say most about what is wrong; all of them stand below the table.
    said += [writer.warning(warning) for warning in row["warnings"] if warning["code"] in ("DEGENERATE", "CHANCE")]
    writer.paragraph(said)
    said = causes(writer, model)
    if said:
        writer.bullets(said)
    else:
        writer.say("diagnosis.none")


def _realistic_targets(writer: Writer, section: Verdicts) -> None:
    """Propose targets that some threshold reached on validation."""
    proposals = {
        model["model"]: (model.get("targets") or {}).get("proposed")
        for model in section["models"]
        if not model["baseline"]
    }
    found = {name: proposed for name, proposed in proposals.items() if proposed}
    if not found:
        return
    writer.part("proposed.title")
    writer.say("proposed.about")
    writer.bullets(
        [
            writer.texts.sentence("proposed.model", model=name, values=writer.values_of(proposed))
            for name, proposed in found.items()
        ]
    )
    name, proposed = next(iter(found.items()))
    rounded = {metric: round(value, 4) for metric, value in proposed.items()}
    changes = {"evaluation": {"threshold": {"strategy": "targets", "targets": rounded}}}
    writer.say("proposed.changes", model=name)
    writer.blocks.append(Code(yaml.safe_dump(changes, sort_keys=False).rstrip("\n"), "yaml"))


def _learning_curves(writer: Writer, section: Verdicts, images: Mapping[str, str]) -> None:
    curves = section.get("learning_curves") or []
    if not curves:
        return
    writer.part("curves.title")
    items = []
    for found in curves:
        metric = found["metric"]
        pairs = zip(found["sizes"], found["values"], strict=True)
        listed = ", ".join(f"{whole(size)}: {writer.metric(metric, value)}" for size, value in pairs)
        said = [
            writer.texts.sentence("curves.values", model=found["model"], metric=writer.name_of(metric), values=listed)
        ]
        if found.get("rising") is None:
            said.append(writer.texts.sentence(f"curves.unknown.{found.get('reason') or 'other'}"))
        else:
            limits = writer.interval(metric, (found.get("low"), found.get("high")))
            gain = writer.metric(metric, found.get("gain_when_doubled"))
            key = "curves.rising" if found["rising"] else "curves.flat"
            said.append(writer.texts.sentence(key, gain=gain, limits=limits))
        items.append(joined(said))
    writer.bullets(items)
    for metric in dict.fromkeys(found["metric"] for found in curves):
        values = [
            {"x": size, "y": value, "series": found["model"]}
            for found in curves
            if found["metric"] == metric and len(set(found["sizes"])) > 1
            for size, value in zip(found["sizes"], found["values"], strict=True)
            if value is not None
        ]
        if values:
            titles = charts.Titles(writer.texts("chart.size"), writer.name_of(metric), writer.texts("chart.series"))
            chart = charts.lines(values, titles, whole=False, spread=False)
            writer.figure("chart.sizes", chart, images.get("learning_curve"))


def _pairs(writer: Writer, section: Verdicts) -> None:
    """Show the tests between models."""
    cells = []
    for pair in section.get("comparisons") or []:
        limits = (pair.get("low"), pair.get("high"))
        interval = (
            UNDEFINED if None in limits else writer.texts("interval", low=f"{limits[0]:+.4f}", high=f"{limits[1]:+.4f}")
        )
        cells.append(
            [
                Cell(pair["a"]),
                Cell(pair["b"]),
                Cell(writer.name_of(pair["metric"])),
                number(pair["difference"], lambda value: UNDEFINED if value is None else f"{value:+.4f}"),
                Cell(interval, limits[0]),
                number(pair.get("p"), _p),
                number(pair.get("p_adjusted"), _p),
                Cell(writer.texts(f"test.{pair['test']}")),
                Cell(writer.texts("pairs.differ" if pair["distinguishable"] else "pairs.alike")),
            ]
        )
    if not cells:
        return
    writer.part("pairs.title")
    writer.say("pairs.about")
    words = ("a", "b", "metric")
    numbers = ("difference", "difference_interval", "p", "p_adjusted")
    columns = [writer.column(name, number=False) for name in words] + [writer.column(name) for name in numbers]
    columns += [writer.column(name, number=False) for name in ("test", "verdict")]
    writer.table(columns, cells, "pairs.caption", (0, 1, 2))


def _p(value: float | None) -> str:
    if value is None:
        return UNDEFINED
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _ranking(writer: Writer, ranking: Verdicts | None) -> None:
    if not ranking:
        return
    writer.heading(2, "ranking.title")
    writer.say("ranking.about", datasets=str(ranking["datasets"]), p=writer.p_in_brackets(ranking.get("friedman_p")))
    cells = [[Cell(name), number(rank, lambda value: f"{value:.2f}")] for name, rank in ranking["mean_ranks"].items()]
    writer.table([writer.column("model", number=False), writer.column("mean_rank")], cells, "ranking.caption")
    if ranking.get("critical_difference") is not None:
        writer.say("ranking.critical", difference=f"{ranking['critical_difference']:.2f}")
    writer.bullets(
        [writer.texts.sentence("ranking.clique", models=", ".join(clique)) for clique in ranking.get("cliques") or []]
    )

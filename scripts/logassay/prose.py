"""Sentences, numbers and parts that both reports are made of; what to say is decided in them, how it is said here."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import yaml

from logassay import charts
from logassay.blocks import (
    Block,
    Bullets,
    Cell,
    Code,
    Column,
    Curve,
    Explorer,
    Figure,
    Heading,
    Note,
    Paragraph,
    Sentence,
    Span,
    Table,
)
from logassay.catalogue import Texts
from logassay.display import UNDEFINED, decimal, percent, significant, whole
from logassay.errors import UserError

Verdicts = Mapping[str, Any]
Show = Callable[[Any], str]

DECIMAL = ("roc_auc", "average_precision", "mcc", "youden")
"""Metrics that are no share of sequences, shown as 0.9567; F1 is shown as the source document of a report does."""
TRIVIAL = ("flag-all", "never-flag")
"""Models that look at nothing."""
SERIOUS = ("DEGENERATE", "CHANCE", "BEATEN-BY-BASELINE", "LEAKAGE")
LEVELS = ("found", "suspected", "excluded")
WORDS = (
    *("checkpoint", "threshold", "prevalence", "measured_prevalence", "chosen", "tp", "fp", "tn", "fn"),
    *("precision", "recall", "specificity", "f1", "per_thousand", "how", "none"),
)
"""What an explorer has to have words for."""
MANY = 8
"""Warnings beyond this number become a list."""


class Writer:
    """Collects the blocks of a report in one language, and shows numbers in its style.

    Attributes
    ----------
    level : int
        Level of the headings of a section's parts: 2, or 3 where the report has several sections.
    """

    def __init__(self, texts: Texts, f1: Show) -> None:
        self.texts = texts
        self.f1 = f1
        self.level = 2
        self.blocks: list[Block] = []

    def heading(self, level: int, key: str, **values: str) -> None:
        """Add a title."""
        number = sum(isinstance(block, Heading) for block in self.blocks)
        self.blocks.append(Heading(level, self.texts(key, **values), f"part-{number}"))

    def part(self, key: str, below: int = 0, **values: str) -> None:
        """Add the title of a part of a section."""
        self.heading(self.level + below, key, **values)

    def say(self, *keys: str, **values: str) -> None:
        """Add a paragraph of sentences that share their values."""
        self.paragraph([self.texts.sentence(key, **values) for key in keys])

    def paragraph(self, sentences: Sequence[Sentence]) -> None:
        """Add a paragraph."""
        if sentences:
            self.blocks.append(Paragraph(joined(sentences)))

    def bullets(self, items: Sequence[Sentence], *, ordered: bool = False) -> None:
        """Add a list, unless it is empty."""
        if items:
            self.blocks.append(Bullets(items, ordered))

    def table(
        self, columns: Sequence[Column], rows: Sequence[Sequence[Cell]], key: str, filters: Sequence[int] = ()
    ) -> None:
        """Add a table, unless it is empty."""
        if rows:
            self.blocks.append(Table(columns, rows, self.texts(key), filters))

    def column(self, name: str, *, number: bool = True) -> Column:
        """Return the column that the catalogue calls `column.NAME`."""
        return Column(self.texts(f"column.{name}"), number)

    # Numbers

    def metric(self, name: str, value: float | None) -> str:
        """Show a metric."""
        return self.shown(name)(value)

    def shown(self, name: str) -> Show:
        """Return how a metric is shown."""
        if name == "f1":
            return self.f1
        if "loss" in name:
            return significant
        return decimal if name in DECIMAL else percent

    def interval(self, name: str, limits: Sequence[float | None] | None) -> str:
        """Show an interval of a metric."""
        if limits is None or None in limits:
            return UNDEFINED
        low, high = (self.metric(name, limit) for limit in limits)
        return self.texts("interval", low=low, high=high)

    def measured(self, row: Verdicts, name: str) -> str:
        """Show a metric of a row with its interval."""
        value, limits = row["metrics"].get(name), limits_of(row, name)
        shown = self.metric(name, value)
        return shown if limits is None else self.texts("with_interval", value=shown, limits=self.interval(name, limits))

    def name_of(self, metric: str) -> str:
        """Name a metric."""
        return self.texts(f"metric.{metric}")

    def values_of(self, metrics: Mapping[str, float | None]) -> str:
        """List metrics with their values."""
        return ", ".join(f"{self.name_of(name)} {self.metric(name, value)}" for name, value in metrics.items())

    def p(self, value: float | None) -> str:
        """Show a p-value."""
        if value is None:
            return UNDEFINED
        return self.texts("p.small") if value < 0.001 else self.texts("p.value", p=f"{value:.3f}")

    def p_in_brackets(self, value: float | None, *, least: bool = False) -> str:
        """Show a p-value that follows a statement, or the least of several; nothing if there is none."""
        if value is None:
            return ""
        return self.texts("p.bracket", p=self.texts("p.least", p=f"{value:.3f}") if least else self.p(value))

    def duration(self, seconds: float) -> str:
        """Show a duration in words."""
        if seconds < 120:
            return self.texts("duration.seconds", n=f"{seconds:.0f}")
        minutes = round(seconds / 60)
        if minutes < 120:
            return self.texts("duration.minutes", n=f"{minutes}")
        return self.texts("duration.hours", hours=whole(minutes // 60), minutes=f"{minutes % 60}")

    def yes(self, value: bool | None) -> str:
        """Show a truth value."""
        return UNDEFINED if value is None else self.texts("word.yes" if value else "word.no")

    # Sentences

    def state(self, found: Verdicts, row: Verdicts) -> list[Sentence]:
        """Say whether a model is of use and, where only with reservations, which ones."""
        state, targets = found["state"], found.get("targets") or {}
        said = [self.texts.sentence(f"state.{state}")]
        if state == "usable" and targets.get("met"):
            said.append(self.texts.sentence("state.targets"))
        if state != "useless":
            beaten: dict[str, list[str]] = {}
            for warning in row["warnings"]:
                if warning["code"] == "BEATEN-BY-BASELINE":
                    beaten.setdefault(warning["baseline"], []).append(self.name_of(warning["metric"]))
            for baseline, metrics in beaten.items():
                said.append(self.texts.sentence("state.beaten", baseline=baseline, metrics=", ".join(metrics)))
            if state == "weak" and targets.get("met") is False:
                said.append(self.texts.sentence("state.missed"))
        return said

    def warning(self, warning: Verdicts) -> Sentence:
        """Say a warning in a sentence."""
        code = warning["code"]
        values = {name: self._warning_value(warning, name) for name in warning if name != "code"}
        values["p"] = self.p_in_brackets(warning.get("p"), least=code == "NO-DIFFERENCE")
        if code in ("CHANCE", "DEGENERATE", "LEAKAGE"):
            code = f"{code}.{warning[{'CHANCE': 'measure', 'DEGENERATE': 'like', 'LEAKAGE': 'what'}[code]]}"
        return self.texts.sentence(f"warning.{code}", **values)

    def _warning_value(self, warning: Verdicts, name: str) -> str:
        value = warning[name]
        if name == "metric":
            return ", ".join(map(self.name_of, [value] if isinstance(value, str) else value))
        if isinstance(value, list):
            return ", ".join(map(str, value))
        if isinstance(value, str):
            return value
        if name in ("tp", "fp", "tn", "fn", "sequences", "truncated", "unlabelled", "open"):
            return whole(value)
        if name in ("value", "low", "high", "baseline_value", "target"):
            return self.metric(warning.get("metric") or warning["measure"], value)
        return self.metric(name.removeprefix("reference_"), value)

    def warnings(self, found: Iterable[tuple[str, Verdicts]], everyone: int) -> None:
        """Add warnings; those that say the same of several subjects are said once.

        Parameters
        ----------
        found : iterable of (str, mapping)
            Subject, empty for the section, and warning.
        everyone : int
            Number of subjects; what holds for all of them is said without naming them.
        """
        subjects: dict[tuple[str, Sentence], list[str]] = {}
        for subject, warning in merged(found):
            subjects.setdefault((warning["code"], self.warning(warning)), []).append(subject)
        many = len(subjects) > MANY
        items = []
        for (code, sentence), names in subjects.items():
            named = dict.fromkeys(name for name in names if name)
            some = 0 < len(named) < everyone
            who = self.texts.sentence("warning.of", who=", ".join(named))
            spans = joined([who, sentence]) if some else sentence
            if many:
                items.append((Span(f"{code}:", "strong"), Span(" "), *spans))
            else:
                self.blocks.append(Note("warning" if code in SERIOUS else "info", code, spans))
        self.bullets(items)

    def cause(self, cause: Verdicts) -> Sentence:
        """Say what was found about a possible cause, with the evidence."""
        sentences = [
            self.texts.sentence(f"level.{cause['level']}"),
            self.texts.sentence(f"cause.{cause['cause']}"),
        ]
        known = cause.get("evidence") or {}
        evidence = [self._evidence(name, value, known.get("metric")) for name, value in known.items()]
        if evidence:
            sentences.append(self.texts.sentence("evidence", values="; ".join(evidence)))
        return joined(sentences)

    def _evidence(self, name: str, value: Any, metric: str | None) -> str:
        # Which evidence there is depends on the cause; a name without a text of its own is readable as it is.
        keys = (f"evidence.{name}", f"metric.{name}", f"column.{name}")
        label = next((self.texts(key) for key in keys if key in self.texts), name.replace("_", " "))
        return f"{label}: {self._evidence_value(name, value, metric)}"

    def _evidence_value(self, name: str, value: Any, metric: str | None) -> str:
        if value is None or isinstance(value, bool):
            return self.yes(value)
        if isinstance(value, str):
            keys = (f"metric.{value}", f"reason.{value}", f"word.{value}")
            return next((self.texts(key) for key in keys if key in self.texts), value)
        if isinstance(value, int):
            return whole(value)
        if not isinstance(value, float):
            return str(value)
        if metric and name in ("from", "to", "to_low", "to_high", "gain", "low", "high"):
            return self.metric(metric, value)
        if "f1" in name or name.startswith("restated"):
            return self.f1(value)
        if "roc_auc" in name:
            return decimal(value)
        shares = ("share", "with_unknown", "flagged_normal", "recall", "specificity")
        return percent(value) if name.startswith(shares) or name.endswith("change") else significant(value)

    def advice(self, advice: Verdicts) -> Sentence:
        """Say in a sentence what to do."""
        if advice.get("baseline"):
            names = {name: advice[name] for name in ("model", "baseline")}
            metric = self.name_of(advice["expected"]["metric"])
            return self.texts.sentence("advice.use-baseline.named", **names, metric=metric)
        return self.texts.sentence(f"advice.{advice['kind']}", model=advice["model"])

    def steps(self, advices: Sequence[Verdicts], below: int) -> None:
        """Add each advice with its command, its cost and what may be expected of it."""
        for number, advice in enumerate(advices, start=1):
            title = self.texts(f"advice.{advice['kind']}.title")
            self.part("next.step", below, number=str(number), model=advice["model"], title=title)
            self.paragraph([self.advice(advice)])
            if advice.get("command"):
                self.blocks.append(Code(advice["command"]))
            if advice.get("changes"):
                changes = yaml.safe_dump(
                    advice["changes"], allow_unicode=True, sort_keys=False, default_flow_style=False
                )
                file = advice.get("study_file")
                self.say("next.changes_in" if file else "next.changes", file=file or "")
                self.blocks.append(Code(changes.rstrip("\n"), "yaml"))
            if advice.get("in_place") and advice.get("command"):
                self.say("next.in_place")
            # What stays as it is has neither an effect nor a cost.
            self.bullets([] if advice["kind"] == "use" else [self._expected(advice), *self._cost(advice)])

    def _cost(self, advice: Verdicts) -> list[Sentence]:
        if advice.get("cost_seconds") is None:
            return [self.texts.sentence("next.cost_unknown")] if advice.get("command") else []
        if not advice["cost_seconds"]:
            return [self.texts.sentence("next.cost_none")]
        if advice.get("evaluations"):
            cost = {"duration": self.duration(advice["cost_seconds"]), "n": whole(advice["evaluations"])}
            return [self.texts.sentence("next.cost_evaluations", **cost)]
        sentences = [self.texts.sentence("next.cost", duration=self.duration(advice["cost_seconds"]))]
        basis = advice.get("cost_basis")
        if basis:
            each = f"{basis['seconds_per_epoch']:,.3g}"
            sentences.append(self.texts.sentence("next.cost_basis", epochs=whole(basis["epochs"]), seconds=each))
        return [joined(sentences)]

    def _expected(self, advice: Verdicts) -> Sentence:
        expected, basis = advice.get("expected"), advice.get("basis") or "none"
        if not expected or basis == "none":
            return self.texts.sentence("next.no_evidence")
        name = expected["metric"]
        limits = (expected.get("low"), expected.get("high"))
        values = {
            "metric": self.name_of(name),
            "now": self.metric(name, expected["from"]),
            "then": self.metric(name, expected["to"]),
            "limits": "" if None in limits else self.texts("next.limits", limits=self.interval(name, limits)),
        }
        return joined([self.texts.sentence(f"next.{basis}", **values), *self._holds(expected)])

    def _holds(self, expected: Verdicts) -> list[Sentence]:
        """Say for which data an effect holds, and what it costs in false alarms."""
        said = []
        if expected.get("prevalence") is not None:
            said.append(self.texts.sentence("next.prevalence", prevalence=f"{100 * expected['prevalence']:g}%"))
        now, then = expected.get("false_positive_rates") or (None, None)
        if now is not None and then is not None:
            said.append(self.texts.sentence("next.alarms", now=percent(now), then=percent(then)))
        if expected.get("optimistic"):
            said.append(self.texts.sentence("next.optimistic"))
        return said

    # Parts that both reports have

    def about_data(self, section: Verdicts) -> list[Sentence]:
        """Say what was judged, and how."""
        data, pseudo = section["data"], section["protocol"] != "labelled"
        counts = {name: whole(data[name]) for name in ("normal", "anomalous")}
        ratio = section.get("anomaly_ratio")
        share = "" if ratio is None else f"{100 * ratio:g}%"
        said = [
            self.texts.sentence(f"data.{section['protocol']}", **counts, prevalence=percent(data.get("prevalence")))
        ]
        if pseudo and ratio is not None:
            said.append(self.texts.sentence("data.ratio", ratio=share))
        if data.get("unlabelled"):
            said.append(self.texts.sentence("data.unlabelled", n=whole(data["unlabelled"])))
        return said

    def about_threshold(self, verdicts: Verdicts, section: Verdicts) -> Sentence:
        """Say how the threshold was chosen."""
        threshold = verdicts["threshold"]
        rate = threshold.get("false_positive_rate")
        part = self.texts("threshold.validation" if section["protocol"] == "labelled" else "threshold.calibration")
        return self.texts.sentence(
            f"threshold.{threshold['strategy']}", rate="" if rate is None else f"{100 * rate:g}%", part=part
        )

    def notes(self, verdicts: Verdicts, section: Verdicts) -> list[Sentence]:
        """Say what the figures rest on."""
        data, said = section["data"], [*self.about_data(section), self.about_threshold(verdicts, section)]
        if data.get("share_seen") is not None:
            values = {
                name: percent(data.get(name)) for name in ("share_seen", "share_seen_normal", "share_seen_anomalous")
            }
            said.append(self.texts.sentence("data.seen", **values))
        if data.get("unknown_share") is not None:
            said.append(self.texts.sentence("data.unknown", share=percent(data["unknown_share"])))
        ceiling = section.get("ceiling")
        if ceiling:
            recall, f1 = ceiling["recall_without_false_alarms"], ceiling["f1"]
            said.append(self.texts.sentence("data.ceiling", recall=percent(recall), f1=self.f1(f1)))
        return [*said, self.texts.sentence("data.intervals")]

    def prevalence_table(
        self, rows: Sequence[Verdicts], first: str, label: Callable[[Verdicts], str], key: str
    ) -> None:
        """Add the precision at each prevalence; the first column is called `first`."""
        names = ("prevalence", "precision", "precision_interval", "f1", "alarms_per_thousand")
        cells = []
        for row in rows:
            for place in row.get("at_prevalence") or []:
                limits = (place.get("precision_low"), place.get("precision_high"))
                alarms = place.get("alarms_per_thousand")
                cells.append(
                    [
                        Cell(label(row)),
                        Cell(f"{100 * place['prevalence']:g}%", place["prevalence"]),
                        number(place["precision"], percent),
                        Cell(self.interval("precision", limits), limits[0]),
                        number(place.get("f1"), self.f1),
                        number(alarms, lambda value: UNDEFINED if value is None else f"{value:.1f}"),
                    ]
                )
        self.table([self.column(first, number=False), *(self.column(name) for name in names)], cells, key, (0, 1))

    def strata_table(self, rows: Sequence[Verdicts], *, several: bool) -> None:
        """Add the recall for each kind of anomaly; with a column for the model where there are several."""
        columns = [self.column("model", number=False)] if several else []
        columns += [self.column("stratum", number=False)]
        columns += [self.column(name) for name in ("sequences", "found", "recall", "recall_interval")]
        cells = []
        for row in rows:
            for stratum in row.get("strata") or []:
                limits = (stratum.get("low"), stratum.get("high"))
                cells.append(
                    [
                        *([Cell(row["model"])] if several else []),
                        Cell(self._stratum(stratum["stratum"])),
                        number(stratum["sequences"], whole),
                        number(stratum["found"], whole),
                        number(stratum["recall"], percent),
                        Cell(self.interval("recall", limits), limits[0]),
                    ]
                )
        self.table(columns, cells, "strata.caption", (0, 1) if several else ())

    def _stratum(self, name: str) -> str:
        kind, _, value = name.partition(":")
        if not value:
            return self.texts(f"stratum.{name}") if f"stratum.{name}" in self.texts else name
        if kind == "operator" and f"operator.{value}" in self.texts:
            value = self.texts(f"operator.{value}")
        return self.texts(f"stratum.{kind}", name=value)

    def explorer(self, section: Verdicts, rows: Sequence[Verdicts]) -> None:
        """Add the threshold explorer of a section's rows that have a curve."""
        curves = [curve(row) for row in rows if row.get("curve")]
        if not curves:
            return
        words = {name: self.texts(f"explorer.{name}") for name in WORDS}
        if section["protocol"] != "labelled":
            words["how"] = self.texts("explorer.how_mutated")
        self.part("explorer.title")
        self.blocks.append(Explorer(self.texts("explorer.question"), curves, words))

    def alarm_chart(self, rows: Sequence[Verdicts], label: Callable[[Verdicts], str], image: str | None = None) -> None:
        """Add the chart of recall over false-positive rate."""
        values = [
            {"x": x, "y": y, "series": label(row), "chosen": index == chosen}
            for row in rows
            if row.get("curve")
            and row["counts"]["tp"] + row["counts"]["fn"]
            and row["counts"]["fp"] + row["counts"]["tn"]
            for found, chosen in [_operating(row)]
            for index, (x, y) in enumerate(found)
        ]
        if values:
            titles = charts.Titles(*(self.texts(f"chart.{name}") for name in ("x", "y", "series")))
            chart = charts.alarms(values, titles, self.texts("chart.chosen"))
            self.figure("chart.alarms", chart, image)

    def figure(self, key: str, chart: dict[str, Any], image: str | None = None) -> None:
        """Add a chart."""
        self.blocks.append(Figure(self.texts(key), self.texts(f"{key}.alternative"), chart, image))

    def closing(self, verdicts: Verdicts) -> None:
        """Add when it was evaluated and how to run the study again."""
        self.heading(2, "reproduce.study")
        self.blocks.append(Code(verdicts["reproduce"]))
        if verdicts.get("evaluated_on"):
            self.say("date", date=verdicts["evaluated_on"])


def epoch_warnings(row: Verdicts) -> list[Verdicts]:
    """Return a row's warnings, with the other epochs of its model by their numbers alone."""
    own = f"{row['model']} epoch "

    def short(name: str) -> str:
        return f"Epoch {name.removeprefix(own)}" if name.startswith(own) else name

    return [
        {**warning, "others": [short(name) for name in warning["others"]]} if "others" in warning else warning
        for warning in row["warnings"]
    ]


def model_warnings(row: Verdicts) -> list[Verdicts]:
    """Return a row's warnings but for what is no news where models are compared.

    That its epochs are alike is for the report on its epochs; and to be no different in what a metric other than the
    headline ones says, or from a model that looks at nothing, tells nothing of a model.
    """
    own = f"{row['model']} epoch "
    return [
        warning
        for warning in row["warnings"]
        if warning["code"] != "NO-DIFFERENCE"
        or (
            warning["metric"] in ("f1", "roc_auc")
            and not degenerate(row)
            and not any(name.startswith(own) for name in warning["others"])
        )
    ]


def merged(found: Iterable[tuple[str, Verdicts]]) -> list[tuple[str, Verdicts]]:
    """Put the metrics together by which a subject does not differ from the same others; the least p-value counts."""
    result: dict[Any, tuple[str, dict[str, Any]]] = {}
    for number, (subject, warning) in enumerate(found):
        alike = warning["code"] == "NO-DIFFERENCE"
        key = (subject, *warning["others"]) if alike else number
        one = result.setdefault(key, (subject, {**warning} | ({"metric": [], "p": None} if alike else {})))[1]
        if alike:
            one["metric"] = [*dict.fromkeys([*one["metric"], warning["metric"]])]
            one["p"] = min((p for p in (one["p"], warning.get("p")) if p is not None), default=None)
    return [*result.values()]


def joined(sentences: Iterable[Sentence]) -> Sentence:
    """Put sentences in a row, with spaces between them."""
    spans: list[Span] = []
    for sentence in sentences:
        spans += [Span(" ")] if spans and sentence else []
        spans += sentence
    return tuple(spans)


def degenerate(row: Verdicts) -> bool:
    """Tell whether a row's decisions are those of a model that looks at nothing."""
    return row["model"] in TRIVIAL or any(warning["code"] == "DEGENERATE" for warning in row["warnings"])


def limits_of(row: Verdicts, metric: str) -> Sequence[float | None] | None:
    """Return the interval of a row's metric; the F1 of a model that looks at nothing has none that means anything."""
    if metric == "f1" and degenerate(row):
        return None
    limits: Sequence[float | None] | None = (row.get("intervals") or {}).get(metric)
    return limits


def number(value: float | None, show: Show, *, best: bool = False) -> Cell:
    """Return a cell for a number."""
    return Cell(show(value), value, best)


def curve(row: Verdicts) -> Curve:
    """Return the curve of a row that has one."""
    counts, found = row["counts"], row["curve"]
    return Curve(
        model=row["model"],
        epoch=row["epoch"],
        seed=row.get("seed"),
        sample_size=row.get("sample_size"),
        normal=counts["fp"] + counts["tn"],
        anomalous=counts["tp"] + counts["fn"],
        thresholds=found["thresholds"],
        tp=found["tp"],
        fp=found["fp"],
        chosen=(row.get("threshold") or {}).get("value"),
    )


def _operating(row: Verdicts) -> tuple[list[tuple[float, float]], int]:
    """Return the points (false-positive rate, recall) of a curve, rising, and the number of the chosen one."""
    found = curve(row)
    points = [(fp / found.normal, tp / found.anomalous) for tp, fp in zip(found.tp, found.fp, strict=True)]
    counts = row["counts"]
    here = (counts["fp"] / found.normal, counts["tp"] / found.anomalous)
    points = sorted({*points, here})
    return points, points.index(here)


def sections_of(verdicts: Verdicts, model: str) -> list[tuple[Verdicts, Verdicts]]:
    """Return the sections that have a model, each with what is said of it there."""
    return [
        (section, found) for section in verdicts["sections"] for found in section["models"] if found["model"] == model
    ]


def section_title(writer: Writer, section: Verdicts) -> str:
    share = "" if section.get("prevalence") is None else f"{100 * section['prevalence']:g}%"
    protocol = writer.texts(f"protocol.{section['protocol']}", prevalence=share)
    if section.get("anomaly_ratio") is not None:
        protocol = writer.texts("protocol.ratio", protocol=protocol, ratio=f"{100 * section['anomaly_ratio']:g}%")
    factors = [section["dataset"], *(_factor(writer, section, name) for name in ("grouping", "split")), protocol]
    return ", ".join(str(factor) for factor in factors if factor)


def _factor(writer: Writer, section: Verdicts, name: str) -> str | None:
    """Return a grouping or split in words; those of a study's own go by their names."""
    value: str | None = section.get(name)
    return writer.texts(f"{name}.{value}") if f"{name}.{value}" in writer.texts else value


def run_of(rows: Sequence[Verdicts], recommended: Verdicts) -> list[Verdicts]:
    """Return the rows, by epoch, of the training run that the recommended checkpoint belongs to."""
    run = [row for row in rows if all(row.get(name) == recommended.get(name) for name in ("seed", "sample_size"))]
    return sorted(run or rows, key=lambda row: row["epoch"])


def row_of(rows: Sequence[Verdicts], recommended: Verdicts) -> Verdicts:
    """Return the row of the recommended checkpoint."""
    for row in run_of(rows, recommended):
        if row["epoch"] == recommended["epoch"]:
            return row
    raise UserError(
        f"The verdicts recommend epoch {recommended['epoch']} of {rows[0]['model']} without a row for it; rebuild them."
    )


def trust(writer: Writer, section: Verdicts, row: Verdicts, model: str = "") -> list[Sentence]:
    """Say how far a row's figures can be trusted; `model` is named where the reader cannot know it."""
    texts = writer.texts
    known = [name for name in ("f1", "roc_auc") if row["metrics"].get(name) is not None]
    listed = ", ".join(f"{writer.name_of(name)} {writer.measured(row, name)}" for name in known)
    said = []
    if listed:
        values = {"model": model, "values": listed}
        said.append(texts.sentence("glance.numbers.model" if model else "glance.numbers", **values))
    places = [place for place in row.get("at_prevalence") or [] if place.get("precision") is not None]
    if places:
        place = places[-1]
        limits = (place.get("precision_low"), place.get("precision_high"))
        precision = percent(place["precision"])
        if None not in limits:
            precision = texts("with_interval", value=precision, limits=writer.interval("precision", limits))
        said.append(
            texts.sentence("glance.prevalence", prevalence=f"{100 * place['prevalence']:g}%", precision=precision)
        )
    warnings = model_warnings(row) if model else row["warnings"]
    codes = dict.fromkeys(warning["code"] for warning in [*warnings, *section["warnings"]])
    if codes:
        said.append(texts.sentence("glance.warnings", codes=", ".join(codes)))
    if section["protocol"] != "labelled":
        said.append(texts.sentence("glance.pseudo"))
    return said


def next_steps(writer: Writer, models: Sequence[Verdicts]) -> Sentence:
    """Say the first advice for each of the first models that have one."""
    advices = [model["advice"][0] for model in models if model["advice"]][:3]
    said = [writer.advice(advice) for advice in advices] or [writer.texts.sentence("next.none")]
    return joined([writer.texts.sentence("glance.next"), *said])


def causes(writer: Writer, found: Verdicts) -> list[Sentence]:
    """Say the diagnosis, what was found first."""
    ordered = sorted(found["diagnosis"], key=lambda cause: LEVELS.index(cause["level"]))
    return [writer.cause(cause) for cause in ordered]


def change(share: float) -> str:
    """Show a relative change as the source document does: -0.1511 -> -15%."""
    return f"{round(100 * share):+d}%" if round(100 * share) else "0%"

"""From a look at a log to a study of it, with a reason for each choice.

The wording and the order of the choices are here; the measuring is in describe, the writing in study_file.
"""

import copy
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from logassay import describe, notation
from logassay.compose_format import compose
from logassay.describe import Keys, Plan, Sample, how_sure, percent, round_down
from logassay.errors import UserError, harmless
from logassay.files import read_parquet
from logassay.labels import Intervals, Labels
from logassay.line_format import LineFormat
from logassay.parse import ParseReport
from logassay.study_file import flow
from logassay.time_format import is_utc

BASELINES = ["flag-all", "never-flag", "new-event", "count-vector", "isolation-forest"]
MOST_FIELDS = 20
"""Fields of JSON objects that are looked at."""
JOURNAL_KEYS = ("_PID", "_SYSTEMD_UNIT", "SYSLOG_IDENTIFIER", "_UID", "_HOSTNAME")
LABELLED_SHARE = 0.5
"""Least share of the sessions that a label file beside the log must know, to be taken for this log's."""
SHOWN = 80
"""Characters of a line or message that are shown."""


@dataclass
class Proposal:
    """A study of a log, with the reasons for it.

    Attributes
    ----------
    study : dict
        The study file's content.
    head : list of str
        What was looked at: comments at the top.
    before, after : dict of str to list of str
        Comments before, and lines commented out after, the key of a dotted path.
    summary : list of tuple of str
        What is told on the terminal: topic and text.
    """

    study: dict[str, Any] = field(default_factory=dict)
    head: list[str] = field(default_factory=list)
    before: dict[str, list[str]] = field(default_factory=dict)
    after: dict[str, list[str]] = field(default_factory=dict)
    summary: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class _Format:
    """The format that was chosen: `name` is None where the study must bring it."""

    name: str | None
    entry: dict[str, Any]
    why: str
    sure: str
    others: list[str]
    base: str | None = None


@dataclass(frozen=True)
class _Labelling:
    """Where labels come from: `entry` is that of a dataset, None where lines carry their own or there are none."""

    entry: dict[str, str] | None
    labels: Labels | Intervals | None
    key: Keys | None
    any: bool
    why: str


def study_name(path: Path, taken: Mapping[str, Any]) -> str:
    """Make a name of a file's name, of letters that names may have, and that nothing else has."""
    stem = re.sub("[^a-z0-9]+", "-", path.name.lower().split(".")[0]).strip("-") or "log"
    used = {"default", *(name for section in ("datasets", "formats", "groupings", "splits") for name in taken[section])}
    return f"my-{stem}" if stem in used else stem


def propose(
    sample: Sample, config: Mapping[str, Any], name: str, source: str, labels: Path | None, command: str
) -> Proposal:
    """Propose a study.

    Parameters
    ----------
    sample : Sample
        The first lines of the log.
    config : mapping
        The project's configuration, for its formats, groupings and splits.
    name : str
        Name of the study and its dataset.
    source : str
        The log, as the user named it.
    labels : Path or None
        A label file, if the user named one.
    command : str
        What runs the study.

    Raises
    ------
    UserError
        If the log is too short, or the label file does not belong to it.
    """
    base = chosen = _with_masks(_choose_format(sample, config["formats"]))
    with TemporaryDirectory() as name_of_folder:
        folder = Path(name_of_folder)
        fmt = LineFormat.from_dict(name, chosen.entry)
        report = describe.parse_sample(sample.data, fmt, folder)
        fields = _wide(sample, name, chosen.entry)
        ranked, labelling = _keys_and_labels(sample, fields, fmt, _is_utc(chosen.entry), labels)
        key = labelling.key or next((keys for keys in ranked if not keys.against), None)
        if key is not None and not key.own:
            chosen = _with_key(base, key)
            fmt = LineFormat.from_dict(name, chosen.entry)
            report = describe.parse_sample(sample.data, fmt, folder)
        options = _options(sample, report, key)
        plan = describe.choose_plan(folder / "lines.parquet", options, labelling.labels, labelling.any)
        if plan is None:
            raise UserError(
                f"{source} is too short to be split into training, validation and test: {report.parsed} of its "
                f"{sample.total} lines begin a message, and at least {describe.LINES_NEEDED} must."
            )
        messages = read_parquet(folder / "messages.parquet", ["message", "lines"]).sort("lines", descending=True)
    if plan.grouping["by"] != "session" and labelling.key is None:
        chosen, key = base, None
    return _Draft(sample, config, name, source, command, chosen, fmt, report, plan, ranked, key, labelling).write(
        messages["message"].head(3).to_list()
    )


def _choose_format(sample: Sample, formats: Mapping[str, Any]) -> _Format:
    """Choose the best of the known formats, or put one together, or take each line as a message."""
    fits = describe.fits(sample, formats)
    best = fits[0] if fits else None
    if best is None or best.share < 0.9:
        text = describe.lines_of(sample.first(describe.TRIAL_LINES))
        composed = compose(text.filter(describe.begins(text)).to_list())
        entry = copy.deepcopy(composed.entry)
        share = 0.0
        if composed.parts:
            fit = describe.fits(sample, {"composed": entry})
            share = fit[0].share if fit else 0.0
        if share >= describe.FITS and (best is None or share > best.share + 0.1):
            why = f"put together from what the lines begin with: {', '.join(composed.parts)}; {percent(share)} have it"
            return _Format(None, entry, why, "a guess" if share < 0.95 else "likely", [])
        if best is None or best.share < describe.FITS:
            entry = dict(formats.get("plain", {"plain": True}))
            known = "plain" if "plain" in formats else None
            return _Format(
                known,
                entry,
                "no known format fits, and the lines have no time in common: each line is a message without a time",
                "a guess",
                [],
            )
    others = [fit.name for fit in fits[1:] if fit.share >= best.share - describe.SAME]
    why = f"{percent(best.share)} of the first lines that begin a message can be read with it, times included"
    return _Format(best.name, copy.deepcopy(dict(best.entry)), why, how_sure(best.share), others)


def json_fields(lines: list[str]) -> list[str]:
    """Return the fields of JSON objects that can name sessions: short texts or numbers, under a plain name."""
    found: dict[str, None] = {}
    for line in lines:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            plain = (name for name, each in value.items() if isinstance(each, str | int) and len(str(each)) <= 64)
            found |= dict.fromkeys(name for name in plain if re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name))
    return [name for name in found if name.lower() not in describe.NO_KEYS][:MOST_FIELDS]


def _wide(sample: Sample, name: str, entry: Mapping[str, Any]) -> pl.DataFrame:
    """Return all fields that the header has, also those that the format does not use so far."""
    groups: list[str] = []
    wide: dict[str, Any] = copy.deepcopy(dict(entry))
    if wide.get("loghub"):
        groups = [group for group in notation.names(name, wide["loghub"]) if group not in describe.NO_KEYS]
    elif wide.get("json"):
        known = {"message", "msg", *wide["json"], *wide["json"].values()}
        for field_name in json_fields(describe.lines_of(sample.first(describe.TRIAL_LINES)).to_list()):
            if field_name not in known:
                wide["json"] = {**wide["json"], field_name: field_name}
    elif wide.get("journald"):
        wide["journald"] = {**{field.strip("_").lower(): field for field in JOURNAL_KEYS}, **wide["journald"]}
    fields = describe.header_fields(sample.data, LineFormat.from_dict(name, wide))
    for group in groups:
        if group not in fields.columns:
            one = LineFormat.from_dict(name, wide | {"session_key": {"group": group}})
            fields = fields.with_columns(describe.header_fields(sample.data, one)[group])
    return fields


def _is_utc(entry: Mapping[str, Any]) -> bool:
    return bool(entry.get("timestamp")) and is_utc({"zone": None, **entry["timestamp"]})


def _keys_and_labels(
    sample: Sample, fields: pl.DataFrame, fmt: LineFormat, utc: bool, given: Path | None
) -> tuple[list[Keys], _Labelling]:
    """Rank the candidates for the session key, and find the labels."""
    path, table = describe.find_labels(sample, given)
    forms = [table[name].drop_nulls().head(5000).to_list() for name in table.columns]
    ranked = describe.candidates(fields, fmt, forms)
    without = _Labelling(None, None, None, False, "none are known")
    if fmt.alert_group is not None:
        why = f"lines whose header field {fmt.alert_group} is not {fmt.alert_normal!r} are anomalous"
        without = _Labelling(None, None, None, True, why)
    if path is None:
        return ranked, without
    if entry := describe.interval_entry(path, table):
        if not fmt.timed:
            raise UserError(f"{path} labels intervals of time, but no time was found in the lines; leave it out.")
        spans = Intervals(path, entry["start"], entry["end"], entry.get("kind"), utc=utc)
        return ranked, _Labelling(entry, spans, None, True, f"lines in the intervals of {path} are anomalous")
    for keys in ranked:
        names = pl.Series(describe.keys_of(fields, keys.entry))
        entry = describe.label_entry(path, table, names)
        if entry is None:
            continue
        share = float(names.is_in(table[entry["key"]].str.strip_chars().implode()).sum()) / len(names)
        if given is None and share < LABELLED_SHARE:
            continue
        labels = Labels(path, entry["key"], entry["label"], entry["normal"], entry["anomalous"])
        why = f"{path} labels {percent(share)} of the sessions by {keys.said}"
        return ranked, _Labelling(entry, labels, keys, True, why)
    if given is not None:
        raise UserError(
            f"No column of {given} holds session keys of this log beside a column of two labels; give a CSV with a "
            "header line, one session key and its label a line, or leave LABELS out."
        )
    return ranked, replace(without, why=f"{without.why} ({path} beside the log does not name its sessions)")


def _with_masks(chosen: _Format) -> _Format:
    """Give a format without masks those that nearly every log needs."""
    if chosen.entry.get("masks"):
        return chosen
    masks = [{"pattern": pattern, "replacement": "<*>"} for _, pattern in describe.MASKS]
    return replace(chosen, name=None, base=chosen.name, entry=chosen.entry | {"masks": masks})


def _with_key(chosen: _Format, key: Keys) -> _Format:
    """Give a format another session key."""
    entry = copy.deepcopy(chosen.entry) | {"session_key": key.entry}
    group = key.entry.get("group")
    if group is not None and entry.get("json") and group not in entry["json"]:
        entry["json"][group] = group
    if group is not None and entry.get("journald") and group not in entry["journald"]:
        entry["journald"][group] = next(each for each in JOURNAL_KEYS if each.strip("_").lower() == group)
    return replace(chosen, name=None, base=chosen.name or chosen.base, entry=entry)


def _options(sample: Sample, report: ParseReport, key: Keys | None) -> list[tuple[dict[str, Any], float]]:
    """List the groupings to try, and how many times as many sequences the whole log should have; the best first."""
    options: list[tuple[dict[str, Any], float]] = []
    # What is not counted, or goes on otherwise than it began, is rather thought smaller.
    factor = 1.0 if sample.whole else max(1.0, 0.8 * sample.total / sample.lines)
    if key is not None and not key.against:
        options.append(({"by": "session"}, max(1.0, 0.5 * factor) if key.fresh > 0.5 else 1.0))
    for length, stride, needed in describe.WINDOWS:
        if report.parsed * factor / stride >= needed:
            window = {"by": "window", "length": length} | ({"stride": stride} if stride != length else {})
            options.append((window, factor))
    return options


def _key_text(key: Keys) -> str:
    return key.entry["pattern"] if "pattern" in key.entry else f"group {key.entry['group']}"


def _named(section: Mapping[str, Any], wanted: Mapping[str, Any], name: str) -> tuple[str, bool]:
    """Return the name of an entry that says the same, and whether the configuration has it already."""
    for known, entry in section.items():
        if {key: value for key, value in entry.items() if value is not None} == dict(wanted):
            return known, True
    return name, False


def _grouping_name(grouping: Mapping[str, Any]) -> str:
    if grouping["by"] == "session":
        return "session"
    length = int(grouping["length"])
    if grouping["by"] == "window":
        return f"lines-{length}" + (f"-every-{grouping['stride']}" if "stride" in grouping else "")
    unit, seconds = next(pair for pair in (("hours", 3600), ("minutes", 60), ("seconds", 1)) if not length % pair[1])
    return f"{unit}-{length // seconds}"


@dataclass(frozen=True)
class _Draft:
    """All that has been found out; `write` puts it into words."""

    sample: Sample
    config: Mapping[str, Any]
    name: str
    source: str
    command: str
    format: _Format
    fmt: LineFormat
    report: ParseReport
    plan: Plan
    ranked: list[Keys]
    key: Keys | None
    labelling: _Labelling

    def write(self, examples: list[str]) -> Proposal:
        """Return the study with its comments; `examples` are frequent messages."""
        result = Proposal()
        result.study["study"] = {"name": self.name, "datasets": [self.name]}
        self._head(result)
        self._grouping(result)
        self._division(result)
        self._sizes(result)
        self._format(result, examples)
        self._dataset(result)
        order = ("study", "evaluation", "groupings", "splits", "formats", "datasets")
        result.study = {section: result.study[section] for section in order if result.study.get(section)}
        return result

    def _head(self, result: Proposal) -> None:
        sample, report = self.sample, self.report
        about = "" if sample.counted else "about "
        looked = (
            f"all {sample.lines:,} lines"
            if sample.whole
            else f"the first {sample.lines:,} of {about}{sample.total:,} lines"
        )
        files = f" in {len(sample.files)} files" if len(sample.files) > 1 else ""
        counts = (
            f"{report.parsed:,} begin a message, {report.joined:,} go on with the message before them, "
            f"{report.rejected:,} cannot be used"
        )
        reasons = ", ".join(f"{number:,} {reason}" for reason, number in report.reasons.items() if number)
        lines = f"Looked at {looked}{files}: {counts}{f' ({reasons})' if reasons else ''}."
        result.head += [
            f"A study of {self.source}, proposed by `make init`. Run it with",
            f"     {self.command}",
            lines,
            "Each choice below says what it rests on and how sure it is: sure, likely, or a guess. Change what you "
            "know better; config/README.md describes every key.",
        ]
        result.summary.append(("lines", lines.removeprefix("Looked at ").removesuffix(".")))

    def _grouping(self, result: Proposal) -> None:
        plan, key = self.plan, self.key
        name, known = _named(self.config["groupings"], plan.grouping, _grouping_name(plan.grouping))
        if not known:
            result.study.setdefault("groupings", {})[name] = plan.grouping
        more = "" if self.sample.whole else " in the lines looked at"
        if plan.grouping["by"] == "session" and key is not None:
            word = "sure" if key.covered >= 0.99 and key.own else "likely" if key.covered >= 0.9 else "a guess"
            said = (
                f"{key.said} ({_key_text(key)}): {key.keys:,} sessions{more}, {key.lines:g} lines each in the median; "
                f"{percent(key.covered)} of the messages belong to one"
            )
            result.before["study.groupings"] = [f"Sessions by {said} ({word})."]
        else:
            word = "likely" if plan.sequences * plan.factor >= describe.SMALL else "a guess"
            said = f"windows of {plan.grouping['length']} lines"
            if "stride" in plan.grouping:
                said += f", one every {plan.grouping['stride']} (they overlap, because the log is short)"
            said += f": {plan.sequences:,}{more}"
            candidates = [each for each in self.ranked[:3] if each.against]
            why = "; ".join(f"by {each.said} {each.against}" for each in candidates)
            result.before["study.groupings"] = [
                f"{said[0].upper()}{said[1:]} ({word}).",
                f"Sessions were not taken: {why}." if why else "Nothing was found that ties lines to sessions.",
            ]
        result.summary.append(("sequences", f"{said} ({word})"))
        result.study["study"]["groupings"] = [name]
        others = []
        if plan.grouping["by"] == "session":
            others.append("lines-100" if self.report.parsed >= 10_000 else "lines-10")
        if seconds := self._span():
            window = {"by": "time", "length": seconds}
            other, there = _named(self.config["groupings"], window, _grouping_name(window))
            if not there:
                result.study.setdefault("groupings", {})[other] = window
            others.append(other)
        result.after["study.groupings"] = [f"groupings: [{other}]" for other in others]
        if not known:
            result.before[f"groupings.{name}"] = ["Named here, because config/config.yaml has no such windows."]

    def _span(self) -> int | None:
        """Return seconds in which about as many lines come as a window has."""
        if self.report.first_time is None or self.report.last_time is None or not self.fmt.timed:
            return None
        first, last = (datetime.fromisoformat(time) for time in (self.report.first_time, self.report.last_time))
        seconds = (last - first).total_seconds()
        lines = 20 if self.plan.grouping["by"] == "session" else self.plan.grouping["length"]
        wanted = seconds / self.report.parsed * lines
        fitting = [span for span in describe.SPANS if span >= wanted and seconds / span >= describe.SESSIONS_NEEDED]
        return fitting[0] if fitting else None

    def _division(self, result: Proposal) -> None:
        plan = self.plan
        name, known = _named(self.config["splits"], plan.division, "first-look")
        result.study["study"]["splits"] = [name]
        if not known:
            result.study["splits"] = {name: plan.division}
            why = (
                "With few sequences, validation gets more of them than usual."
                if self.labelling.any
                else "With few sequences and no labels, most of what is not trained on is for validation: mutated "
                "sequences are taken from it. The test part is scored, but there is nothing to judge it by."
            )
            result.before[f"splits.{name}"] = [why]
        parts = ", ".join(f"{plan.number(part):,} for {part}" for part in ("train", "validation", "test"))
        text = (
            "In the order of the log"
            if plan.division["order"] == "chronological"
            else (
                "At random, because in the order of the log one part would lack anomalous or normal sequences; a "
                "model then learns from the future, which flatters it"
            )
        )
        least = "" if self.sample.whole else " at least"
        result.before["study.splits"] = [f"{text}:{least} {parts}."]

    def _sizes(self, result: Proposal) -> None:
        plan, study = self.plan, result.study["study"]
        train = plan.number("train")
        size = min(describe.MOST_SAMPLES, round_down(train))
        few = size * plan.length < describe.FEW_EVENTS
        study["sample_sizes"] = [size]
        of = f"{'about ' if not self.sample.whole else ''}{train:,}"
        result.before["study.sample_sizes"] = [f"Of {of} training sequences; more take longer and learn more."]
        test = plan.number("test")
        if test > 1.5 * describe.MOST_EVALUATED:
            study["eval_sample_size"] = describe.MOST_EVALUATED
            result.before["study.eval_sample_size"] = ["Of the test part; null judges all of it."]
        study["models"] = ["deeplog-batch64" if few else "deeplog", *BASELINES]
        result.before["study.models"] = [
            "For a first look: one network that trains in seconds, and what it has to beat."
        ]
        if few:
            result.before["study.models"].append("Its batches are small, because there is little to train on.")
        more = [*study["models"], "loganomaly", "logbert-small"]
        result.after["study.models"] = [f"models: [{', '.join(more)}]"]
        study["epochs"] = 5 if few else 3
        protocols = (["labelled"] if self.labelling.any and plan.labelled else []) + (["pseudo"] if plan.pseudo else [])
        study["protocols"] = protocols
        spared = plan.number("validation", "not anomalous")
        evaluation: dict[str, Any] = {}
        if "pseudo" in protocols:
            judged = min(describe.MOST_PSEUDO, max(spared // 2, describe.PSEUDO_NEEDED), spared - describe.CALIBRATION)
            judged = round_down(judged)
            evaluation["pseudo"] = {"sessions": judged}
            result.before["evaluation.pseudo.sessions"] = [
                f"Of {spared:,} validation sequences{'' if self.sample.whole else ' or more'}; the others serve to "
                "choose the threshold."
            ]
            spared -= judged
        rate = 0.01 if spared >= 100 else 0.05
        evaluation = {"threshold": {"strategy": "quantile", "false_positive_rate": rate}} | evaluation
        result.before["evaluation.threshold"] = [
            "Needs no labels: the threshold that so many normal validation sequences exceed."
            + (" With so few of them, 1 % cannot be told." if rate > 0.01 else "")
        ]
        result.study["evaluation"] = evaluation
        self._protocols(result, protocols)

    def _protocols(self, result: Proposal, protocols: list[str]) -> None:
        plan, labelling = self.plan, self.labelling
        if "labelled" in protocols:
            anomalous = sum(plan.parts[part]["anomalous"] for part in plan.parts)
            more = "" if self.sample.whole else " looked at"
            said = f"{labelling.why}; {anomalous:,} of {plan.sequences:,} sequences{more} are anomalous (sure)"
        elif labelling.any:
            seen = sum(plan.parts[part]["anomalous"] for part in plan.parts)
            lacking = "too few" if seen else "none"
            said = (
                f"{labelling.why}, but {lacking} of the sequences looked at are, or too few are not, to judge by them; "
                "so validation sequences are judged once intact and once mutated"
            )
            result.after["study.protocols"] = ["protocols: [labelled, pseudo]"]
        else:
            said = f"{labelling.why}; so validation sequences are judged once intact and once mutated"
        result.before["study.protocols"] = [f"Labels: {said}."]
        if labelling.any and "pseudo" not in protocols:
            result.before["study.protocols"].append("`pseudo` would need more normal sequences for validation.")
        result.summary.append(("labels", said))

    def _format(self, result: Proposal, examples: list[str]) -> None:
        chosen, report = self.format, self.report
        name = chosen.name or self.name
        notes = [f"Format {chosen.name or chosen.base or 'of its own'}: {chosen.why} ({chosen.sure})."]
        if chosen.others:
            notes.append(f"As many lines can be read with: {', '.join(chosen.others)}.")
        span = f" From {report.first_time} to {report.last_time}." if report.first_time else ""
        notes.append(f"{self.fmt.time_note}{span}")
        distinct = f"{report.messages:,} distinct messages are left of {report.parsed:,}"
        word = (
            "sure"
            if report.messages <= 0.1 * report.parsed
            else "likely"
            if report.messages <= 0.3 * report.parsed
            else "a guess"
        )
        shown = "; ".join(f"'{harmless(example, SHOWN)}'" for example in examples)
        whose = "its" if chosen.name or not chosen.base else "these"
        masks = f"With {whose} masks {distinct} ({word}), for example {shown}."
        if chosen.name is not None:
            result.before[f"datasets.{self.name}.format"] = [*notes, masks]
        else:
            entry = dict(chosen.entry)
            entry["description"] = (
                f"As {chosen.base}, changed for this log." if chosen.base else "Proposed by make init."
            )
            order = (
                "description",
                "header",
                "loghub",
                "json",
                "journald",
                "plain",
                "timestamp",
                "session_key",
                "alert",
                "masks",
            )
            result.study["formats"] = {name: {key: entry[key] for key in order if entry.get(key) is not None}}
            result.before[f"formats.{name}"] = notes
            result.before[f"formats.{name}.masks"] = [masks]
            if entry["masks"] and [mask["pattern"] for mask in entry["masks"]] == [
                pattern for _, pattern in describe.MASKS
            ]:
                for row, (what, _) in enumerate(describe.MASKS):
                    result.before[f"formats.{name}.masks.{row}"] = [what[0].upper() + what[1:]]
            if entry.get("session_key") is not None and self.key is not None:
                result.before[f"formats.{name}.session_key"] = [f"{self.key.said[0].upper()}{self.key.said[1:]}."]
        place = f"formats.{name}" if chosen.name is None else f"datasets.{self.name}"
        zoned = (
            self.fmt.time_format is not None and self.fmt.zone is None and "written in the log" in self.fmt.time_note
        )
        if zoned and chosen.name is None:
            result.after[f"{place}.timestamp"] = [
                "zone: Europe/Berlin  # of the times, if you know it: they become UTC"
            ]
        fields = {*chosen.entry.get("json", {}), *chosen.entry.get("journald", {})}
        keys = [
            each
            for each in self.ranked
            if (self.key is None or each.entry != self.key.entry)
            and (not fields or each.entry.get("group", "content") in fields)
        ][:3]
        result.after.setdefault(place, []).extend(
            f"session_key: {flow(each.entry)}  # {each.said}: {each.keys:,}, {percent(each.covered)} of the messages"
            + (f"; {each.against}" if each.against else "")
            for each in keys
            if chosen.name is None
        )
        result.summary.append(
            (
                "format",
                f"{name if chosen.name else chosen.base or 'a pattern of its own'} ({chosen.sure}): {chosen.why}",
            )
        )
        result.summary.append(("masks", f"{distinct} ({word})"))

    def _dataset(self, result: Proposal) -> None:
        dataset: dict[str, Any] = {"format": self.format.name or self.name, "source": {"file": self.source}}
        if self.labelling.entry is not None:
            dataset["labels"] = self.labelling.entry
        result.study["datasets"] = {self.name: dataset}
        if not self.labelling.any:
            result.after[f"datasets.{self.name}"] = [
                "labels: {file: labels.csv, key: BlockId, label: Label, normal: Normal, anomalous: Anomaly}"
            ]

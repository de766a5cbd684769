"""A line format for a log that fits none of the known ones, put together from what stands at the start of its lines.

Change here which forms of time, level and component are recognised; which format is chosen in the end is in describe.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

START = 400
"""Characters at the start of a line that are looked at."""
FEW = 1000
"""Lines that are looked at one by one."""
TIMED = 0.5
"""Least share of the lines with a time at the same place ..."""
AGREED = 0.95
"""... and of those, least share with the same part after it."""
PREFIX_WORDS = 5
"""Most words that may stand before the time."""

MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
LEVELS = (
    "TRACE|DEBUG|INFORMATION|INFO|NOTICE|WARNING|WARN|ERROR|ERR|SEVERE|CRITICAL|CRIT|ALERT|EMERG|FATAL|PANIC|"
    "FINEST|FINER|FINE|CONFIG|VERBOSE"
)
LEVEL = r"[\[(<|]?(?:level=)?(?P<level>[A-Za-z]+)[\])>|]?:?(?:\s|$)"
"""How a level is matched, whatever its name."""
DATES = (
    ("[0-9]{4}-[0-9]{2}-[0-9]{2}", "%Y-%m-%d"),
    ("[0-9]{4}/[0-9]{2}/[0-9]{2}", "%Y/%m/%d"),
    (r"[0-9]{4}\.[0-9]{2}\.[0-9]{2}", "%Y.%m.%d"),
    (f"[0-9]{{1,2}}/{MONTH}/[0-9]{{4}}", "%d/%b/%Y"),
    (f"[0-9]{{1,2}}-{MONTH}-[0-9]{{4}}", "%d-%b-%Y"),
    (f"[0-9]{{1,2}} {MONTH} [0-9]{{4}}", "%d %b %Y"),
    (f"{MONTH} [0-9]{{1,2}}, [0-9]{{4}}", "%b %d, %Y"),
    (r"[0-9]{2}\.[0-9]{2}\.[0-9]{4}", "%d.%m.%Y"),
    ("[0-9]{2}/[0-9]{2}/[0-9]{4}", "%m/%d/%Y"),
    ("[0-9]{2}/[0-9]{2}/[0-9]{2}", "%y/%m/%d"),
    ("[0-9]{8}", "%Y%m%d"),
    ("[0-9]{6}", "%y%m%d"),
    (f"{MONTH} [ 0-9][0-9]?", "%b %d"),
    ("[0-9]{2}-[0-9]{2}", "%m-%d"),
)
BETWEEN = ("T", " ", "-", ":", "_", ", ", ",")
CLOCKS = (
    ("[0-9]{2}:[0-9]{2}:[0-9]{2}", "%H:%M:%S"),
    (r"[0-9]{2}\.[0-9]{2}\.[0-9]{2}", "%H.%M.%S"),
    ("[0-9]{6}", "%H%M%S"),
)
ZONES = (
    ("Z", "%#z"),
    (" UTC", "UTC"),
    (" GMT", "UTC"),
    ("[+-][0-9]{2}:?[0-9]{2}", "%z"),
    (" [+-][0-9]{2}:?[0-9]{2}", " %z"),
)
OPENINGS = ("", r"\[", r"\(", "<", '(?:time|timestamp|ts|t|date)="?')
"""What may stand between a blank and the time, as patterns."""

_DATE = "|".join(f"(?P<date{row}>{pattern})" for row, (pattern, _) in enumerate(DATES))
_CLOCK = "|".join(f"(?P<clock{row}>{pattern})" for row, (pattern, _) in enumerate(CLOCKS))
_ZONE = "|".join(f"(?P<zone{row}>{pattern})" for row, (pattern, _) in enumerate(ZONES))
_TIME = re.compile(
    f"(?:{_DATE})(?P<between>{'|'.join(BETWEEN)})(?:{_CLOCK})(?![0-9])"
    rf"(?P<fraction>[.,:][0-9]{{1,9}}(?![0-9]))?(?P<zone>{_ZONE})?(?![0-9A-Za-z:])",
    re.ASCII,
)
_CTIME = re.compile(
    rf"{DAY} (?P<date>{MONTH} [ 0-9][0-9]? [0-9:]{{8}}(?:\.[0-9]{{1,9}})? [0-9]{{4}})(?![0-9])", re.ASCII
)
_EPOCH = re.compile(r"(?:1[0-9]{9})(?:(?P<fraction>\.[0-9]{1,9})|(?P<milli>[0-9]{3}))?(?![0-9A-Za-z.:])", re.ASCII)
_WEEKDAY = re.compile(f"{DAY},? ")


@dataclass(frozen=True)
class Form:
    """How a time is written.

    Attributes
    ----------
    pattern : str
        Header pattern with the group `time`.
    format : str
        As in the `timestamp` of a format.
    zone, year : bool
        Whether the time states its zone, and its year.
    """

    pattern: str
    format: str
    zone: bool
    year: bool


@dataclass(frozen=True)
class Composed:
    """A format that was put together.

    Attributes
    ----------
    entry : dict
        As under `formats` in the configuration, without masks.
    parts : tuple of str
        What it consists of, in words.
    form : Form or None
        How the time is written; None where none was found.
    """

    entry: dict[str, Any]
    parts: tuple[str, ...]
    form: Form | None


def read_time(text: str) -> tuple[Form, int] | None:
    """Recognise the time at the start of `text`; return how it is written and where it ends."""
    weekday = _WEEKDAY.match(text)
    if weekday is not None and (found := _CTIME.match(text)):
        fraction = "." in found["date"]
        day = r"[A-Za-z]{3} (?P<time>[A-Za-z]{3} [ 0-9][0-9]? [0-9:]{8}"
        pattern = day + (r"\.[0-9]+" if fraction else "") + " [0-9]{4})"
        return Form(pattern, f"%b %d %H:%M:%S{'%.f' if fraction else ''} %Y", False, True), found.end()
    found = _TIME.match(text, weekday.end() if weekday else 0)
    if found is not None:
        return _dated(found, "[A-Za-z]{3},? " if weekday else ""), found.end()
    found = _EPOCH.match(text)
    if found is not None:
        if found["milli"]:
            return Form("(?P<time>[0-9]{13})", "epoch_ms", True, True), found.end()
        pattern = "(?P<time>[0-9]{10}" + (r"\.[0-9]+)" if found["fraction"] else ")")
        return Form(pattern, "epoch_s", True, True), found.end()
    return None


def _dated(found: re.Match[str], before: str) -> Form:
    """Describe a date and a time of day."""
    date, read_date = next(pair for row, pair in enumerate(DATES) if found[f"date{row}"])
    clock, read_clock = next(pair for row, pair in enumerate(CLOCKS) if found[f"clock{row}"])
    between = found["between"]
    inside, form, after = f"{date}{between}{clock}", f"{read_date}{between}{read_clock}", ""
    if fraction := found["fraction"]:
        mark, digits = fraction[0], len(fraction) - 1
        if mark != ":":
            # So many digits as usual; others are read more slowly.
            usual = min((3, 6, 9), key=lambda number: (abs(number - digits), number))
            inside, form = f"{inside}[{mark}][0-9]+", f"{form}{mark}%{usual}f"
        elif digits in (3, 6, 9):
            inside, form = f"{inside}:[0-9]{{{digits}}}", f"{form}:%{digits}f"
        else:
            after = ":[0-9]+"  # such fractions cannot be read: they are passed over
    if found["zone"]:
        pattern, read_zone = next(pair for row, pair in enumerate(ZONES) if found[f"zone{row}"])
        if after or read_zone == "UTC":
            after += pattern  # times that say they are UTC are kept as written
        else:
            inside, form = inside + pattern, form + read_zone
    pattern = f"{before}(?P<time>{inside}){after}"
    return Form(pattern, form, found["zone"] is not None, "y" in read_date.lower())


def _places(line: str) -> Iterable[tuple[tuple[int, int, Form], int]]:
    """Yield every time among the first words of a line: words before it, opening and form; and where it ends."""
    position = 0
    for words in range(PREFIX_WORDS + 1):
        for row, opening in enumerate(OPENINGS):
            opened = re.compile(opening).match(line, position)
            if opened is not None and (found := read_time(line[opened.end() : START])):
                yield (words, row, found[0]), opened.end() + found[1]
                break
        following = re.compile(r"\S+\s").match(line, position)
        if following is None:
            return
        position = following.end()


CLOSINGS = re.compile(r'[\])>"]')
# What may follow, in the order in which it is tried: name, pattern. A named group becomes a field.
PARTS = (
    ("level", LEVEL),
    ("separator", r"[-|:](?:\s|$)"),
    ("thread in brackets", r"\[\s*(?P<thread>[^\]\[]*)\](?:\s|:\s|$)"),
    ("thread in parentheses", r"\((?P<thread>[^()]*)\)(?:\s|:\s|$)"),
    ("process", r"(?P<pid>[0-9]+)(?:\s|$)"),
    ("component with process", r"(?P<component>[A-Za-z_][\w./$@()#-]*)\[(?P<pid>[0-9]+)\]:(?:\s|$)"),
    ("component", r"(?P<component>[A-Za-z_][\w./$@()#*-]*):(?:\s|$)"),
    ("component", r"(?P<component>[A-Za-z_][\w$]*(?:[./][\w$]+)+)(?:\s|$)"),
    (
        "host before component with process",
        r"(?P<host>[\w.-]+)\s+(?P<component>[A-Za-z_][\w./$@()#-]*)(?:\[(?P<pid>[0-9]+)\])?:(?:\s|$)",
    ),
    ("name before a separator", r"(?P<component>[A-Za-z_][\w./$@-]*)\s+[-|](?:\s|$)"),
)
MOST_PARTS = 6


def compose(lines: Sequence[str]) -> Composed:
    """Put a format together from lines of a log that begin a message.

    Parameters
    ----------
    lines : sequence of str
        Lines that begin a message, as far as one can tell; the first `FEW` are looked at.

    Returns
    -------
    Composed
        With a header and a timestamp; or for JSON lines with their fields; or, where the lines have nothing in
        common, `plain`.
    """
    some = [line[:START] for line in lines[:FEW]]
    objects = _json_objects(lines[:FEW])
    if len(objects) >= AGREED * max(1, len(some)):
        return _compose_json(objects)
    seen: Counter[tuple[int, int, Form]] = Counter()
    ends: list[dict[tuple[int, int, Form], int]] = []
    for line in some:
        places = dict(_places(line))
        ends.append(places)
        seen.update(places.keys())
    # The most frequent one; among equals one that states year and zone, then the first in the line.
    ranked = sorted(seen, key=lambda place: (-seen[place], not place[2].year, not place[2].zone, place[:2]))
    if not ranked or seen[ranked[0]] < TIMED * len(some):
        return Composed({"plain": True}, (), None)
    place = ranked[0]
    words, opening, form = place
    timed = [(line, found[place]) for line, found in zip(some, ends, strict=True) if place in found]
    parts = []
    alert = words > 0 and _alert_column([line for line, _ in timed])
    before = r"(?P<alert>\S+)\s" + r"\S+\s" * (words - 1) if alert else r"\S+\s" * words
    if words:
        parts.append("alert column" if alert else f"{words} word{'s' if words > 1 else ''} before the time")
    pattern = f"^{before}{OPENINGS[opening]}{form.pattern}"
    parts.append("time" if not opening else "time in brackets" if opening < 4 else "named time")
    rests = [line[end:] for line, end in timed]
    if opening:
        pattern += CLOSINGS.pattern + "?"
        rests = [rest[1:] if CLOSINGS.match(rest) else rest for rest in rests]
    pattern, rests, named = _compose_rest(pattern, rests)
    parts += named
    entry: dict[str, Any] = {
        "header": pattern + r"\s*(?P<content>.*)$",
        "timestamp": _timestamp(form),
    }
    if alert:
        entry["alert"] = {"group": "alert", "normal": "-"}
    return Composed(entry, tuple(parts), form)


def _compose_rest(pattern: str, rests: list[str]) -> tuple[str, list[str], list[str]]:
    """Take parts after the time into the pattern as long as nearly all lines have the same one."""
    names: set[str] = set()
    parts: list[str] = []
    needed = AGREED * len(rests)
    for _ in range(MOST_PARTS):
        for part, after in PARTS:
            groups = set(re.findall(r"\(\?P<(\w+)>", after))
            if groups & names:
                # Two threads are one thread and something in brackets.
                after = re.sub(r"\(\?P<\w+>", "(?:", after)
                groups = set()
                if part.startswith(("component", "host", "name", "level")):
                    continue
            compiled = re.compile(r"\s*" + after.replace("[A-Za-z]+)", f"(?i:{LEVELS}))"))
            matches = [compiled.match(rest) for rest in rests]
            if sum(match is not None for match in matches) < needed:
                continue
            pattern += r"\s*" + after
            names |= groups
            parts.append(part)
            # What lacks the part will not match the header; it is as if the line were not there.
            rests = [rest[match.end() :] for rest, match in zip(rests, matches, strict=True) if match]
            break
        else:
            break
        if parts[-1].startswith(("component", "host")):
            break  # what follows it is the message
    return pattern, rests, parts


def _timestamp(form: Form) -> dict[str, str]:
    return {"text": "{time}", "format": form.format} | ({} if form.year else {"year": "infer"})


def _alert_column(lines: Sequence[str]) -> bool:
    """Tell whether the first word is `-` on most lines, and a name in capitals on some others."""
    first = Counter(line.split(None, 1)[0] for line in lines)
    others = [word for word in first if word != "-"]
    return first["-"] >= 0.5 * len(lines) and all(re.fullmatch("[A-Z][A-Z0-9_]*", word) for word in others)


# JSON lines: the names that loggers give to the message, and to the time; the first that most objects have is taken.
MESSAGE_FIELDS = ("message", "msg", "MESSAGE", "event", "log", "text", "body", "content", "short_message", "@message")
TIME_FIELDS = (
    "@timestamp",
    "timestamp",
    "time",
    "ts",
    "datetime",
    "date",
    "asctime",
    "eventTime",
    "t",
    "@t",
    "created",
)


def _json_objects(lines: Sequence[str]) -> list[dict[str, Any]]:
    """Return the lines that are JSON objects."""
    objects = []
    for line in lines:
        if line.lstrip().startswith("{"):
            try:
                value = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(value, dict):
                objects.append(value)
    return objects


def _compose_json(objects: Sequence[dict[str, Any]]) -> Composed:
    """Name the fields of JSON lines; the message is the longest text where no field has a usual name."""
    texts: Counter[str] = Counter()
    present: Counter[str] = Counter()
    for each in objects:
        present.update(each.keys())
        texts.update({name: len(value) for name, value in each.items() if isinstance(value, str)})
    often = {name for name in present if present[name] >= 0.5 * len(objects)}
    content = next((name for name in MESSAGE_FIELDS if name in often), None)
    if content is None:
        content = max(sorted(texts), key=lambda name: texts[name], default=None)
    if content is None:
        return Composed({"plain": True}, (), None)
    fields = {"content": content}
    form = None
    for name in TIME_FIELDS:
        if name not in often:
            continue
        forms = Counter(found[0] for each in objects if (found := read_time(str(each.get(name, "")))))
        if forms:
            form, count = forms.most_common(1)[0]
            # The field is read as a whole: nothing can be passed over.
            if count >= TIMED * len(objects) and re.fullmatch(r"\(\?P<time>.*\)", form.pattern):
                fields["time"] = name
                break
            form = None
    entry: dict[str, Any] = {"json": fields}
    if form is not None:
        entry["timestamp"] = _timestamp(form)
    return Composed(entry, ("JSON objects", f"message in the field {content}"), form)

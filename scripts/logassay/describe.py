"""A first look at a log: which format, masks, session key, windows, labels and sizes a study of it should have.

Every proposal is tried on the first lines with the stages that will do the work, so that the study runs as written.
What is chosen, and how sure that is, is decided here; the file with its comments is written in study_file.
"""

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl

from logassay import parse, sequence, split
from logassay.acquire import open_log
from logassay.errors import UserError
from logassay.files import read_json
from logassay.labels import Intervals, Labels
from logassay.line_format import LineFormat

SAMPLE_LINES = 100_000
SAMPLE_BYTES = 16 << 20
"""How much of a log is looked at, whichever ends first."""
BLOCK_BYTES = 1 << 20
COUNT_BYTES = 1 << 30
"""How much of a log is read to count its lines; beyond that their number is estimated."""
TRIAL_LINES = 1000
"""Lines on which every format is tried."""
CONTROL_SHARE = 0.05
"""A log with a larger share of control characters is no text."""

FITS = 0.6
"""Least share of the lines that begin a message which a format must be able to read, to be proposed."""
SAME = 0.01
"""Shares that differ by less are equal."""
GENERIC = frozenset(
    [
        "syslog-rfc3164",
        "syslog-iso",
        "syslog-rfc5424",
        "json-lines",
        "docker",
        "kubernetes",
        "journald",
        "journald-json",
        "log4j",
        "python-logging",
        "access-log",
        "nginx-error",
        "plain",
    ]
)
"""Formats that many programs write; among equals they win, unless the file's name or its keys speak for another."""

WINDOWS = ((100, 100, 400), (50, 50, 400), (20, 20, 400), (10, 10, 150), (10, 5, 120), (10, 2, 90))
"""Length and stride of windows in lines, and the number of windows from which on they are proposed."""
SPANS = (1, 5, 10, 30, 60, 300, 600, 1800, 3600, 21_600, 86_400)
"""Windows of time that are proposed, in seconds."""
LINES_NEEDED = 200
"""Parsed lines with which the smallest windows can be split."""

SESSIONS_NEEDED = 120
COVERED, COVERED_OWN = 0.8, 0.5
"""Least share of the messages that belong to a session, or with the key that the format itself names."""
MOST_SAMPLES = 4000
MOST_EVALUATED = 20_000
MOST_PSEUDO = 1000
MEMORY_MB = 1000
TRAINING_NEEDED = 30
CALIBRATION = 20
"""As `logassay.mutate` demands."""
PSEUDO_NEEDED = 10
SMALL = 1000
"""With fewer sequences the parts are cut so that validation gets more of them."""
FEW_EVENTS = 100_000
"""With fewer events to train on, batches are made smaller, so that there are enough steps."""

CONTINUATION = (
    r"^$|^\s|^Caused by:|^Traceback|^(?:[A-Za-z_$][\w$]*\.)*[A-Za-z_$][\w$]*(?:Exception|Error)\b|^at |^[})\]]|^\.\.\."
)
"""What lines look like that go on with the message before them."""

UUID = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
MASKS = (
    ("UUIDs", UUID),
    ("hardware addresses", r"\b(?:[0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}\b"),
    ("addresses in the web", r"\b[a-z]+://[^\s\"'<>]+"),
    ("IP addresses, with their port", r"\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?::[0-9]+)?\b"),
    ("paths", r"\B/[\w.@%+:~-]+(?:/[\w.@%+:~-]*)*"),
    ("hexadecimal numbers", r"\b0x[0-9a-fA-F]+\b|\b(?:[0-9]+[a-fA-F]|[a-fA-F]+[0-9])[0-9a-fA-F]{4,}\b"),
    ("numbers", "[0-9]+(?:[.,:][0-9]+)*"),
)
"""Masks for formats that have none: what they replace, and the pattern."""

KEY_WORDS = [
    "session",
    "sess",
    "sid",
    "request",
    "req",
    "trace",
    "span",
    "transaction",
    "txn",
    "order",
    "job",
    "task",
    "attempt",
    "container",
    "application",
    "connection",
    "conn",
    "client",
    "thread",
    "user",
    "uid",
    "instance",
    "call",
    "ticket",
    "device",
    "account",
    "block",
]
CONTENT_KEYS = {
    "names such as blk_123": "blk_-?[0-9]+",
    "request ids": f"req-{UUID}",
    "UUIDs": UUID,
    "long hexadecimal ids": r"\b[0-9a-f]{16,64}\b",
    "IP addresses": r"\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}\b",
} | {
    f"the word {word} with its number": rf"(?i)\b{word}(?:[_-]?id)?[=:#_ -]{{1,2}}[\w.-]*[0-9][\w-]*"
    for word in KEY_WORDS
}
NO_KEYS = frozenset(
    [
        "content",
        "time",
        "date",
        "day",
        "month",
        "year",
        "weekday",
        "timestamp",
        "milli",
        "fraction",
        "level",
        "severity",
        "priority",
        "alert",
        "label",
        "version",
        "zone",
        "dayofweek",
        "epoch",
        "status",
        "size",
        "code",
    ]
)
"""Header fields that name no session."""

LABEL_FILES = ("anomaly_label.csv", "labels.csv", "{stem}_labels.csv", "{stem}_label.csv", "incidents.csv")
NORMAL_WORDS = ("normal", "0", "-", "false", "no", "ok", "benign", "success", "pass")
START_WORDS, END_WORDS = ("start", "begin", "from", "start_time"), ("end", "stop", "to", "until", "end_time")


@dataclass(frozen=True)
class Sample:
    """The first lines of a log.

    Attributes
    ----------
    files : tuple of Path
        The files of the log, in order.
    data : bytes
        The lines, each with its newline, except perhaps the last of the log.
    lines : int
        Their number.
    whole : bool
        Whether that is all of the log.
    total : int
        Lines of the whole log: counted, or estimated where `counted` is false.
    counted : bool
        Whether `total` is exact.
    """

    files: tuple[Path, ...]
    data: bytes
    lines: int
    whole: bool
    total: int
    counted: bool

    def first(self, lines: int) -> bytes:
        """Return the first lines."""
        return b"".join(line + b"\n" for line in self.data.split(b"\n", lines)[: min(lines, self.lines)])


@dataclass(frozen=True)
class Fit:
    """How well a format fits the sample.

    Attributes
    ----------
    name : str
        Name under `formats`.
    entry : mapping
        The format.
    share : float
        Of the lines that seem to begin a message, the share whose header and time can be read.
    header : float
        Share of the text that the headers take.
    hinted : bool
        Whether the file's name, or session keys in the lines, speak for this very format.
    """

    name: str
    entry: Mapping[str, Any]
    share: float
    header: float
    hinted: bool


@dataclass(frozen=True)
class Keys:
    """A candidate for the session key.

    Attributes
    ----------
    entry : dict
        As `session_key` of a format.
    said : str
        What it is, in words.
    own : bool
        Whether the format itself names it.
    keys : int
        Distinct keys in the sample.
    covered : float
        Share of the lines that have one.
    lines : float
        Lines per key, in the median.
    largest : float
        Share of the keyed lines that belong to the most frequent key.
    spread : float
        From its first to its last line, what share of the sample a key with several lines spans, in the median.
    fresh : float
        Keys that first appear in the second half of the sample, for each that appears in the first.
    against : str
        Why these are no sessions to work with; empty if they are.
    """

    entry: dict[str, str]
    said: str
    own: bool
    keys: int
    covered: float
    lines: float
    largest: float
    spread: float
    fresh: float
    against: str


def how_sure(share: float) -> str:
    """Put a share of agreeing lines into a word."""
    return "sure" if share >= 0.99 else "likely" if share >= 0.9 else "a guess"


def percent(share: float) -> str:
    """Write a share; one that is not all is never rounded up to 100 %."""
    return "100 %" if share >= 1 else f"{min(99.9, 100 * share):.3g} %"


# The sample


def take(files: Sequence[Path], shown: str) -> Sample:
    """Read the first lines of a log, and count all of them as far as that takes seconds only.

    Parameters
    ----------
    files : sequence of Path
        The files of the log, in order.
    shown : str
        How the user named them.

    Raises
    ------
    UserError
        If the log is missing, empty, damaged, or no text.
    """
    with open_log(files) as stream:
        data = stream.read(SAMPLE_BYTES)
        _check_text(data, shown)
        size, newlines, last = len(data), data.count(b"\n"), data[-1:]
        while size < COUNT_BYTES and (block := stream.read(BLOCK_BYTES)):
            size, newlines, last = size + len(block), newlines + block.count(b"\n"), block[-1:]
        counted = not stream.read(1)
    total = newlines + (counted and last != b"\n")
    whole = counted and size == len(data)
    if not whole:
        data = data[: data.rfind(b"\n") + 1]
    lines = data.count(b"\n") + (not data.endswith(b"\n"))
    if not data:
        raise UserError(
            f"{shown} has no newline in its first {SAMPLE_BYTES >> 20} MiB; it is no line-based log, give one with a "
            "newline after each line."
        )
    if not counted:
        # A compressed file holds more than its size says; the estimate is then the number of lines seen.
        total = max(total, round(total * sum(path.stat().st_size for path in files) / size))
    if lines > SAMPLE_LINES:
        end = -1
        for _ in range(SAMPLE_LINES):
            end = data.index(b"\n", end + 1)
        data, lines, whole = data[: end + 1], SAMPLE_LINES, False
    return Sample(tuple(files), data, lines, whole, total, counted)


def _check_text(data: bytes, shown: str) -> None:
    start = data[: 1 << 16]
    text = start.translate(None, bytes(range(9)) + b"\x0b\x0e\x0f" + bytes(range(16, 27)) + b"\x1c\x1d\x1e\x1f\x7f")
    if len(start) - len(text) > CONTROL_SHARE * len(start):
        raise UserError(f"{shown} is no text but binary data; give a log of text lines, plain or compressed.")
    if not start.strip():
        raise UserError(f"{shown} holds nothing but blanks and newlines; give a log with messages.")


# The format


def begins(text: pl.Series) -> pl.Series:
    """Tell which lines begin a message, as far as that shows without knowing the format."""
    return ~text.str.contains(CONTINUATION)


def fits(sample: Sample, formats: Mapping[str, Mapping[str, Any]]) -> list[Fit]:
    """Try all formats on the first lines; the best comes first, and those that read next to nothing are left out.

    Shares count first. Among equals, a format that the file's name or the session keys speak for wins, then the
    one whose headers take more of the lines, then a generic one, then the order of the formats.
    """
    data = sample.first(TRIAL_LINES)
    number = max(1, int(begins(lines_of(data)).sum()))
    stems = {path.name.lower().split(".")[0].removesuffix("_2k") for path in sample.files}
    found = []
    for name, entry in formats.items():
        if name == "plain":
            continue
        fmt = LineFormat.from_dict(name, {key: value for key, value in entry.items() if key != "masks"})
        fields = header_fields(data, fmt)
        # A line is read if its time is, where the format has times.
        read = fields.filter(fmt.time(fields).is_not_null()) if fmt.timed else fields
        if not read.height:
            continue
        keyed = fmt.keys(read).list.len() > 0
        # A format with a year of its own is for the very log that is of that year.
        hinted = name in stems and not fmt.year_known
        if name not in GENERIC:
            hinted |= _names_program(entry) or (fmt.key_pattern is not None and keyed.sum() > 0.05 * read.height)
        # Entries of a journal span many lines, none of which goes on with another entry.
        share = read.height / fields.height if fmt.journald else min(1.0, read.height / number)
        kept = int(read["content"].str.len_chars().sum()) / max(1, len(data))
        found.append(Fit(name, entry, share, 1 - kept, hinted))
    order = list(formats)
    best = max((fit.share for fit in found), default=0)
    return sorted(
        found,
        key=lambda fit: (
            -(1 if fit.share >= best - SAME else 0),
            -fit.share if fit.share < best - SAME else 0,
            not fit.hinted,
            -round(fit.header, 1),
            fit.name not in GENERIC,
            -round(fit.header, 2),
            order.index(fit.name),
        ),
    )


def _names_program(entry: Mapping[str, Any]) -> bool:
    """Tell whether a header demands a certain word, such as `sshd`."""
    header = str(entry.get("loghub") or entry.get("header") or "")
    bare = re.sub(r"\\.|<[^<>]*>|\(\?P?|\[[^\]]*\]", " ", header)
    return re.search("[A-Za-z]{3,}", bare) is not None


def lines_of(data: bytes) -> pl.Series:
    """Return lines as text, without their newlines."""
    rows = data.decode(errors="replace").split("\n")
    rows = rows[:-1] if rows[-1] == "" else rows
    return pl.Series("text", [row.removesuffix("\r") for row in rows], dtype=pl.String)


def header_fields(data: bytes, fmt: LineFormat) -> pl.DataFrame:
    """Return the header fields of the lines that begin a message."""
    text = lines_of(fmt.stream(io.BytesIO(data)).read())
    return fmt.fields(text).filter(pl.col("content").is_not_null())


def parse_sample(data: bytes, fmt: LineFormat, folder: Path) -> parse.ParseReport:
    """Parse some lines into `lines.parquet` in a folder."""
    raw = folder / "raw.log"
    raw.write_bytes(data)
    names = ("lines.parquet", "messages.parquet", "rejects.parquet")
    return parse.parse(raw, fmt, *(folder / name for name in names))


# The session key


def candidates(fields: pl.DataFrame, fmt: LineFormat, labelled: Iterable[Sequence[str]]) -> list[Keys]:
    """Rank what may tie lines to sessions; those that look sensible come first.

    Parameters
    ----------
    fields : polars.DataFrame
        Header fields of the parsed lines, `content` among them.
    fmt : LineFormat
        The format, with its own key if it has one.
    labelled : iterable of sequences of str
        Columns of a label file; names with a number in them give a candidate, too.
    """
    tried: dict[str, tuple[dict[str, str], str, bool]] = {}

    def add(entry: dict[str, str], said: str, own: bool = False) -> None:
        tried.setdefault(str(entry), (entry, said, own))

    if fmt.key_pattern is not None:
        add({"pattern": fmt.key_pattern}, "the format's own key", own=True)
    if fmt.key_group is not None:
        add({"group": fmt.key_group}, "the format's own key", own=True)
    for column in labelled:
        if pattern := _form_of(column):
            add({"pattern": pattern}, "names as in the label file")
    for said, pattern in CONTENT_KEYS.items():
        add({"pattern": pattern}, said)
    for group in fields.columns:
        if group not in NO_KEYS:
            add({"group": group}, f"the header field {group}")
    found = []
    for entry, said, own in tried.values():
        described = _describe_keys(_keys(fields, entry), entry, said, own)
        if described is not None:
            found.append(described)
    return sorted(
        found, key=lambda keys: (keys.against != "", not keys.own, -keys.covered * (1 - keys.spread), keys.said)
    )


def _keys(fields: pl.DataFrame, entry: Mapping[str, str]) -> pl.Series:
    """Return the keys of each line, as the format would."""
    header = "^" + "".join(f"(?P<{name}>)" for name in fields.columns if name != "content") + "(?P<content>.*)$"
    return LineFormat.from_dict("candidate", {"header": header, "session_key": dict(entry)}).keys(fields)


def keys_of(fields: pl.DataFrame, entry: Mapping[str, str]) -> list[str]:
    """Return the distinct keys of some lines."""
    return _keys(fields, entry).explode().drop_nulls().unique(maintain_order=True).to_list()


def _form_of(names: Iterable[str]) -> str | None:
    """Return a pattern for names such as `order-17`, made of their commonest forms; None where they have no number."""
    forms: dict[str, int] = {}
    for name in names:
        form = re.sub("[0-9]+", "0", name)
        if form != "0" and "0" in form:
            forms[form] = forms.get(form, 0) + 1
    total = sum(forms.values())
    chosen = sorted(forms, key=lambda form: (-forms[form], form))[:3]
    if not total or sum(forms[form] for form in chosen) < 0.9 * total:
        return None
    return "|".join(re.sub("0", "[0-9]+", re.escape(form)) for form in sorted(chosen, key=len, reverse=True))


def _describe_keys(keys: pl.Series, entry: dict[str, str], said: str, own: bool) -> Keys | None:
    """Measure a candidate; None where hardly a line has such a key."""
    frame = (
        pl.DataFrame({"key": keys})
        .with_row_index("row")
        .explode("key")
        .filter(pl.col("key").is_not_null() & ~pl.col("key").is_in(["", "-"]))
    )
    total = len(keys)
    if frame.height < 0.05 * total:
        return None
    per_key = frame.group_by("key").agg(pl.len(), first=pl.col("row").min(), last=pl.col("row").max()).sort("first")
    several = per_key.filter(pl.col("len") > 1)
    spans = np.asarray((several["last"] - several["first"]) / max(1, total))
    spread = float(np.median(spans)) if len(spans) else 1.0
    early = per_key.filter(pl.col("first") < total / 2).height
    covered = frame["row"].n_unique() / total
    counts = per_key["len"].to_numpy()
    median, largest = float(np.median(counts)), int(counts.max()) / frame.height
    against = ""
    if median < 2:
        against = "most have a single line"
    elif per_key.height < SESSIONS_NEEDED:
        against = f"there are only {per_key.height:,}"
    elif covered < (COVERED_OWN if own else COVERED):
        against = f"only {percent(covered)} of the lines have one"
    elif largest > 0.2:
        against = f"one of them has {percent(largest)} of the lines"
    elif spread > 0.5:
        against = "their lines are spread over the whole log"
    fresh = (per_key.height - early) / max(1, early)
    return Keys(entry, said, own, per_key.height, covered, median, largest, spread, fresh, against)


# Labels


def find_labels(sample: Sample, given: Path | None) -> tuple[Path | None, pl.DataFrame]:
    """Return the label file that was given, or one that lies beside the log, with its content as text."""
    if given is not None:
        try:
            return given, pl.read_csv(given, infer_schema=False)
        except FileNotFoundError:
            raise UserError(f"There is no label file '{given}'; correct LABELS.") from None
        except (pl.exceptions.PolarsError, OSError) as error:
            raise UserError(f"{given} is not a readable CSV file ({str(error).splitlines()[0]}); correct it.") from None
    log = sample.files[0]
    for name in LABEL_FILES:
        path = log.parent / name.format(stem=log.name.split(".")[0])
        if path.is_file() and path not in sample.files:
            try:
                return path, pl.read_csv(path, infer_schema=False)
            except (pl.exceptions.PolarsError, OSError):
                continue  # nobody has said that it holds labels
    return None, pl.DataFrame()


def interval_entry(path: Path, table: pl.DataFrame) -> dict[str, str] | None:
    """Say what the columns of a list of incidents are; None where there are none for their start and end."""
    named = {name.lower(): name for name in table.columns}
    start, end = (next((named[word] for word in words if word in named), None) for words in (START_WORDS, END_WORDS))
    if not start or not end:
        return None
    kind = named.get("kind") or named.get("type")
    return {"intervals": str(path), "start": start, "end": end} | ({"kind": kind} if kind else {})


def label_entry(path: Path, table: pl.DataFrame, keys: Iterable[str]) -> dict[str, str] | None:
    """Say what the columns of a label file are; None where none of them holds the keys or the labels.

    Parameters
    ----------
    path : Path
        The file, as the study is to name it.
    table : polars.DataFrame
        Its content.
    keys : iterable of str
        Session keys of the log, of any candidate.
    """
    known = pl.Series("key", list(keys), dtype=pl.String)
    shares = {name: table[name].str.strip_chars().is_in(known.implode()).sum() for name in table.columns}
    key = max(table.columns, key=lambda name: shares[name])
    if not shares[key]:
        return None
    for name in table.columns:
        values = table[name].str.strip_chars().drop_nulls().value_counts(sort=True)[name].to_list()
        if name == key or len(values) != 2:
            continue
        normal = next((value for value in values if value.lower() in NORMAL_WORDS), values[0])
        anomalous = values[1] if normal == values[0] else values[0]
        return {"file": str(path), "key": key, "label": name, "normal": normal, "anomalous": anomalous}
    return None


# Sequences and sizes


@dataclass(frozen=True)
class Plan:
    """A way to make sequences and to divide them, tried on the sample.

    Attributes
    ----------
    grouping : dict
        As under `groupings`.
    division : dict
        As under `splits`.
    sequences : int
        Sequences of the sample.
    parts : dict of str to dict
        Numbers of `sequences`, `normal`, `anomalous` and `unlabelled` in each part.
    factor : float
        How many times as many there should at least be in the whole log.
    length : float
        Lines of a sequence, in the median.
    """

    grouping: dict[str, Any]
    division: dict[str, Any]
    sequences: int
    parts: dict[str, dict[str, int]]
    factor: float
    length: float

    def number(self, part: str, what: str = "sequences") -> int:
        """Return how many sequences of a part the whole log should at least have."""
        counts = self.parts[part]
        found = counts["normal"] + counts["unlabelled"] if what == "not anomalous" else counts[what]
        return int(found * self.factor)

    @property
    def labelled(self) -> bool:
        """Whether the test part can be judged by its labels."""
        both = self.number("test", "normal") and self.number("test", "anomalous")
        return bool(both) and self.number("validation", "normal") >= CALIBRATION

    @property
    def pseudo(self) -> bool:
        """Whether enough validation sequences are left to be mutated."""
        return self.number("validation", "not anomalous") >= CALIBRATION + PSEUDO_NEEDED

    @property
    def trains(self) -> bool:
        """Whether there is something to train on."""
        return self.number("train", "not anomalous") >= TRAINING_NEEDED


def _division(sequences: float, labelled: bool, order: str) -> dict[str, Any]:
    # Without labels nothing is judged on the test part; it must only be there.
    few = (0.4, 0.3, 0.3) if labelled else (0.5, 0.4, 0.1)
    shares = (0.5, 0.2, 0.3) if sequences >= SMALL else few
    return {"order": order} | dict(zip(("train", "validation", "test"), shares, strict=True))


def _plan(
    lines: Path, grouping: dict[str, Any], labels: Labels | Intervals | None, labelled: bool, order: str, factor: float
) -> Plan:
    """Make sequences of the sample's lines and divide them, as the workflow does."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        sequences, report, divided = folder / "sequences.parquet", folder / "sequences.json", folder / "split.json"
        made = sequence.Grouping(**{"stride": grouping.get("length", 0)} | grouping)
        sequence.run(lines, made, labels, MEMORY_MB, sequences, report)
        facts = read_json(report)
        division = _division(facts["sequences"] * factor, labelled, order)
        split.run(sequences, report, split.Split(**division), 1, folder / "split.parquet", divided)
        parts = {part["part"]: part for part in read_json(divided)["parts"]}
        return Plan(grouping, division, facts["sequences"], parts, factor, facts["length_quantiles"]["50"])


def choose_plan(
    lines: Path, options: Sequence[tuple[dict[str, Any], float]], labels: Labels | Intervals | None, labelled: bool
) -> Plan | None:
    """Return the first option that gives enough sequences of each sort; None where none does.

    Parameters
    ----------
    lines : Path
        `lines.parquet` of the sample.
    options : sequence of tuple
        Groupings, and how many times as many sequences the whole log should have; the preferred come first.
    labels : Labels, Intervals or None
        Labels by session or by time.
    labelled : bool
        Whether lines or sessions have labels: both sorts are then wanted in the test part, if need be by drawing the
        parts at random.
    """
    best = None
    for grouping, factor in options:
        for order in ("chronological", "shuffled") if labelled else ("chronological",):
            try:
                plan = _plan(lines, grouping, labels, labelled, order, factor)
            except UserError:
                continue
            if plan.trains and plan.labelled:
                return plan
            if plan.trains and plan.pseudo and best is None:
                best = plan
    # Labels that cannot be judged by are as good as none.
    return choose_plan(lines, options, labels, labelled=False) if labelled and best is not None else best


def round_down(number: float) -> int:
    """Round to two digits, downwards: 4,967 becomes 4,900."""
    whole = int(number)
    unit = int(10 ** max(0, len(str(whole)) - 2))
    return whole // unit * unit

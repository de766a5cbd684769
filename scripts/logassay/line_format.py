"""What a line looks like: header, time, session keys, label and masks, from an entry of config/formats.yaml.

The entry is checked here, once; parse applies it to blocks of lines.
"""

import re
import string
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO

import polars as pl

from logassay import journal, notation
from logassay.clock import is_zone, to_utc
from logassay.errors import UserError
from logassay.time_format import EPOCHS, counts_from_1970, has_year, has_zone

KINDS = ("header", "loghub", "json", "journald", "plain")
REST = "(?P<content>.*)$"
"""The commonest end of a header pattern: the content is all that is left."""
BEFORE = "__before_content"
LEAP_YEAR = 2000
"""Times without a year are read as of this one, in which every day of the calendar exists."""
INFER = "infer"
EARLIEST, LATEST = datetime(2, 1, 1), datetime(9998, 12, 31)
"""Times that are also times in any other zone."""


@dataclass(frozen=True)
class LineFormat:
    """How the lines of a log are read; see config/formats.yaml for the meaning of each part.

    Attributes
    ----------
    name, kind : str
        Name under `formats:`, and which of `KINDS` describes its lines, for messages.
    header : str or None
        Rust regular expression with the group `content`. None: lines are JSON objects.
    paths : tuple of (str, str)
        Name and JSONPath of each field of such an object.
    journald : bool
        Whether the log is a journal export, which `stream` turns into such lines.
    time_text, time_format : str or None
        Text made of named groups, and the chrono format that reads it (or a key of `EPOCHS`). None: there are no times.
    zone : str or None
        Zone of times that are written without one, which become UTC. None: they stay as written.
    year : int or None
        Year of the first line, where times have none. None: they have.
    year_known : bool
        Whether that year was given; if not, years count from `LEAP_YEAR`.
    key_pattern, key_group : str or None
        Where session keys are found: in the content, or in a header group. Both None: there are none.
    key_parts : int
        Number of groups in `key_pattern`; if there are any, the first is the key.
    alert_group, alert_normal : str or None
        Header group with the line's label, and its value on normal lines. None: lines are not labelled.
    masks : tuple of (str, str)
        Pattern and replacement, applied to the content one after the other.
    """

    name: str
    header: str | None
    time_text: str | None = None
    time_format: str | None = None
    paths: tuple[tuple[str, str], ...] = ()
    journald: bool = False
    zone: str | None = None
    year: int | None = None
    year_known: bool = False
    key_pattern: str | None = None
    key_group: str | None = None
    key_parts: int = 0
    alert_group: str | None = None
    alert_normal: str | None = None
    masks: tuple[tuple[str, str], ...] = ()
    kind: str = "header"

    @classmethod
    def from_dict(cls, name: str, values: Mapping[str, Any]) -> "LineFormat":
        """Build a format from an entry of config/formats.yaml.

        Raises
        ------
        UserError
            If a part is missing, unknown, or no valid pattern, or names a group that the header lacks.
        """
        key = f"formats.{name}"
        known = {"description", *KINDS, "timestamp", "session_key", "alert", "masks"}
        _check_keys(key, values, known=known)
        kind = _kind(key, values)
        timestamp = values.get("timestamp")
        session_key = values.get("session_key") or {}
        _check_keys(f"{key}.session_key", session_key, known={"pattern", "group"})
        alert = values.get("alert") or {}
        if alert:
            _check_keys(f"{key}.alert", alert, required={"group", "normal"})
        if timestamp is not None:
            _check_keys(
                f"{key}.timestamp", timestamp, required={"text", "format"}, known={"text", "format", "zone", "year"}
            )
        wanted = [] if timestamp is None else _groups(f"{key}.timestamp.text", timestamp["text"])
        wanted += [group for group in (session_key.get("group"), alert.get("group")) if group is not None]

        header, paths, groups = _lines(f"{key}.{kind}", kind, values[kind], wanted)
        if "content" not in groups:
            how = {"header": "(?P<content>...)", "loghub": "<Content>"}.get(kind, "content")
            raise UserError(f"{key}.{kind} has no group 'content'; write {how} for the message.")
        hint = {"header": "write (?P<{}>...) into it", "loghub": "write <{}> into it"}.get(kind, "add {} to it")
        if timestamp is not None:
            for group in _groups(f"{key}.timestamp.text", timestamp["text"]):
                _check_group(f"{key}.timestamp.text", group, groups, f"{key}.{kind}", hint)
        _check_group(f"{key}.session_key.group", session_key.get("group"), groups, f"{key}.{kind}", hint)
        time_text, time_format, zone, year = _timestamp(f"{key}.timestamp", timestamp)

        if len([part for part in session_key.values() if part is not None]) > 1:
            raise UserError(f"{key}.session_key has both 'pattern' and 'group'; keep one of them.")
        key_pattern = session_key.get("pattern")
        if key_pattern is not None:
            _pattern(f"{key}.session_key.pattern", key_pattern)
            if pl.Series([""]).str.contains(key_pattern).item():
                raise UserError(f"{key}.session_key.pattern matches the empty text; let it demand a character.")

        if alert:
            _check_group(f"{key}.alert.group", alert["group"], groups, f"{key}.{kind}", hint)
            _check_text(f"{key}.alert.normal", alert["normal"])

        masks = []
        for number, mask in enumerate(values.get("masks") or []):
            part = f"{key}.masks[{number}]"
            _check_keys(part, mask, required={"pattern"}, known={"pattern", "replacement"})
            replacement = mask.get("replacement", "<*>")
            _check_text(f"{part}.replacement", replacement)
            masks.append((_pattern(f"{part}.pattern", mask["pattern"]), replacement))
        return cls(
            name=name,
            header=header,
            paths=paths,
            journald=kind == "journald",
            time_text=time_text,
            time_format=time_format,
            zone=zone,
            year=LEAP_YEAR if year == INFER else year,
            year_known=year not in (None, INFER),
            key_pattern=key_pattern,
            key_group=session_key.get("group"),
            key_parts=0 if key_pattern is None else len(_match_nothing(key_pattern).struct.fields),
            alert_group=alert.get("group"),
            alert_normal=alert.get("normal"),
            masks=tuple(masks),
            kind=kind,
        )

    @property
    def timed(self) -> bool:
        """Whether lines have a time; those of a format without one are kept with the time null."""
        return self.time_text is not None

    @property
    def rolls_over(self) -> bool:
        """Whether times lack a year, so that `dated` has to give them one."""
        return self.year is not None

    @property
    def whole(self) -> bool:
        """Whether a log must be read from its start, because a part of it cannot be read alone."""
        return self.journald

    @property
    def time_note(self) -> str:
        """One or two sentences on zone and year of the times, for reports."""
        if self.time_format is None:
            return "Lines have no time."
        if counts_from_1970(self.time_format):
            note = "Times are UTC; the log counts them from 1970."
        elif has_zone(self.time_format):
            note = "Times are UTC; the log gives each with its zone."
        elif self.zone is None:
            note = "Times are as written in the log; their zone is not known."
        else:
            note = f"Times are UTC; the log's own are of the zone {self.zone}."
        if self.year is not None:
            note += (
                f" The log has no years: its first line is taken to be of {self.year}"
                + ("" if self.year_known else " (which stands for a year that is not known)")
                + ", and each step from December back to January begins another."
            )
        return note

    def stream(self, raw: BinaryIO) -> BinaryIO:
        """Return a log as lines that `fields` reads: `raw` itself, except for a journal export.

        The result has as many lines as `raw`, and a message stands on the line on which it begins there.
        """
        return journal.as_json_lines(raw, dict(self.paths)) if self.journald else raw

    def fields(self, text: pl.Series) -> pl.DataFrame:
        """Return the header's groups as columns, `content` among them; all null where a line is no header line."""
        if self.header is None:
            return self._json_fields(text)
        if self.header == REST:
            return pl.DataFrame({"content": text})
        before = self.header.removesuffix(REST)
        if before == self.header or not before.startswith("^") or re.search(r"[|]|\\$|\(\?(?!P<|:)", before):
            return text.str.extract_groups(self.header).struct.unnest()
        # If the content is simply all that is left, the engine need not walk through it: where it begins is enough.
        # (Without alternatives and flags in `before`, nothing can make the rest fail to match.)
        groups = text.str.extract_groups(f"(?P<{BEFORE}>{before})").struct.unnest()
        start = pl.col(BEFORE).str.len_chars()
        return groups.with_columns(text.alias("content")).select(
            pl.exclude(BEFORE, "content"), pl.col("content").str.slice(start)
        )

    def _json_fields(self, text: pl.Series) -> pl.DataFrame:
        # Field by field, because json_decode, twice as fast, fails for the whole block if one line is not JSON.
        paths = [(name, journal.path(name) if self.journald else path) for name, path in self.paths]
        fields = pl.DataFrame([text.str.json_path_match(path).alias(name) for name, path in paths])
        return fields.with_columns(pl.col("content").str.strip_chars_end("\r\n"))

    def time(self, fields: pl.DataFrame) -> pl.Series:
        """Return the time of each line; null where it cannot be read.

        Where the log has no years, these are times of the year `LEAP_YEAR`, for `dated`.
        """
        if self.time_text is None or self.time_format is None:
            return pl.Series("time", [None], dtype=pl.Datetime("us")).new_from_index(0, fields.height)
        parts: list[pl.Expr] = [pl.lit(f"{LEAP_YEAR} ")] if self.rolls_over else []
        for literal, group, width in _template("time", self.time_text):
            parts.append(pl.lit(literal))
            if group is not None:
                part = pl.col(group).fill_null("")
                parts.append(part.str.pad_start(width, "0") if width else part)
        text = pl.concat_str(parts)
        if self.time_format in EPOCHS:
            time = fields.select(time=_since_1970(text, EPOCHS[self.time_format])).to_series()
        else:
            time = self._read(fields.select(time=text).to_series())
        # Years beyond Python's, which a wild number of seconds may give, count as unreadable.
        time = time.to_frame().select(pl.when(pl.col("time").is_between(EARLIEST, LATEST)).then("time")).to_series()
        return time if self.zone is None or self.rolls_over else to_utc(time, self.zone)

    def _read(self, text: pl.Series) -> pl.Series:
        time_format = f"%Y {self.time_format}" if self.rolls_over else str(self.time_format)
        time = _to_datetime(text, time_format)
        if time.null_count() and (loose := _LOOSE.search(time_format)):
            # A fraction with fewer or more digits than usual, or none: rare, so that the fast way is tried first.
            missing = time.is_null().arg_true()
            rest = text.gather(missing).str.strip_chars_end(".,")
            if loose[1] != ".":
                rest, time_format = rest.str.replace_all(",", ".", literal=True), time_format.replace(",", ".")
            time = time.scatter(missing, _to_datetime(rest, _LOOSE.sub("%.f", time_format)))
        return time

    def dated(self, time: pl.Series, later: int | pl.Series = 0) -> pl.Series:
        """Put times without a year into theirs; others are returned as they are.

        Parameters
        ----------
        time : polars.Series
            What `time` returned.
        later : int or polars.Series of int
            Years since that of the first line, in all or for each.

        Returns
        -------
        polars.Series
            A 29th of February in a year that has none becomes the 28th. No year is beyond 9998.
        """
        if self.year is None:
            return time
        years = (pl.lit(self.year) + pl.lit(later)).clip(1, LATEST.year) - LEAP_YEAR
        offset = pl.concat_str(years.cast(pl.String), pl.lit("y"))
        dated = time.alias("time").to_frame().select(pl.col("time").dt.offset_by(offset)).to_series()
        return dated if self.zone is None else to_utc(dated, self.zone)

    def keys(self, fields: pl.DataFrame) -> pl.Series:
        """Return the distinct session keys of each line, in order."""
        if self.key_pattern is not None:
            keys = fields["content"].str.extract_all(self.key_pattern)
            if self.key_parts:
                keys = keys.list.eval(pl.element().str.extract(self.key_pattern, 1).drop_nulls())
            return keys.list.unique(maintain_order=True) if (keys.list.len() > 1).any() else keys
        if self.key_group is None:
            return pl.select(pl.repeat([], fields.height, dtype=pl.List(pl.String))).to_series()
        group = pl.col(self.key_group)
        return fields.select(pl.when(group != "").then(pl.concat_list(group)).otherwise([])).to_series()

    def alert(self, fields: pl.DataFrame) -> pl.Series:
        """Return each line's own label; null where the format has none."""
        if self.alert_group is None:
            return pl.Series([None], dtype=pl.Boolean).new_from_index(0, fields.height)
        return (fields[self.alert_group] != self.alert_normal).fill_null(False)

    def message(self, fields: pl.DataFrame) -> pl.Series:
        """Return the masked message of each line."""
        message = pl.col("content")
        for pattern, replacement in self.masks:
            message = message.str.replace_all(pattern, replacement)
        return fields.select(message).to_series()


_LOOSE = re.compile(r"([.,])%[369]f|%\.f")
"""A fraction, and what divides it from the seconds."""


def _kind(key: str, values: Mapping[str, Any]) -> str:
    """Return which of the ways to describe a line an entry takes."""
    given = [kind for kind in KINDS if values.get(kind) not in (None, False)]
    if len(given) != 1:
        wrong = "none" if not given else " and ".join(map(repr, given))
        raise UserError(f"{key} has {wrong} of the ways to describe a line; give one of {', '.join(KINDS)}.")
    return given[0]


def _lines(
    key: str, kind: str, value: Any, wanted: list[str]
) -> tuple[str | None, tuple[tuple[str, str], ...], list[str]]:
    """Return pattern, JSON paths and group names of one kind of lines; `wanted` are the groups that are used."""
    if kind == "plain":
        if value is not True:
            raise UserError(f"{key} is {value!r}; write true, or describe the lines in another way.")
        return REST, (), ["content"]
    if kind in ("json", "journald"):
        if not isinstance(value, Mapping) or not value:
            raise UserError(f"{key} is {value!r}; it must name fields, for example {{content: message, time: ts}}.")
        paths = []
        for name, field in value.items():
            if not isinstance(field, str) or not field:
                raise UserError(f"{key}.{name} is {field!r}; it must be the name of a field.")
            paths.append((name, _json_path(f"{key}.{name}", field) if kind == "json" else field))
        return None, tuple(paths), list(value)
    if kind == "loghub":
        if not isinstance(value, str):
            raise UserError(f"{key} is {value!r}; put it in quotes.")
        groups = notation.names(key, value)
        return _pattern(key, notation.compile_pattern(key, value, {*wanted, "content"})), (), groups
    header = _pattern(key, value)
    return header, (), _match_nothing(header).struct.fields


def _json_path(key: str, field: str) -> str:
    """Return the JSONPath of a field: `a.b` is b in a; what begins with $ is a JSONPath already."""
    if not field.startswith("$"):
        field = "$" + "".join(journal.step(step) for step in field.split("."))
    try:
        pl.Series(["{}"]).str.json_path_match(field)
    except pl.exceptions.PolarsError:
        raise UserError(f"{key} is {field!r}, which is no JSONPath; write for example a.b or $['a.b'].") from None
    return field


def _timestamp(key: str, values: Mapping[str, Any] | None) -> tuple[str | None, str | None, str | None, Any]:
    """Check the timestamp; return text, format, zone, and year (a number, "infer" or None)."""
    if values is None:
        return None, None, None, None
    time_format, zone, year = values["format"], values.get("zone"), values.get("year")
    _check_text(f"{key}.format", time_format)
    if year is not None:
        if year != INFER and (not isinstance(year, int) or isinstance(year, bool) or not 1 <= year <= 9000):
            raise UserError(f"{key}.year is {year!r}; it must be the year of the first line, or infer.")
        if has_year(time_format):
            raise UserError(
                f"{key}.year is {year}, but the format {time_format!r} reads a year; remove one of the two."
            )
    if time_format.startswith("epoch"):
        if time_format not in EPOCHS:
            raise UserError(f"{key}.format is {time_format!r}; known are {', '.join(EPOCHS)}, and chrono formats.")
    else:
        _check_time_format(f"{key}.format", time_format if year is None else f"%Y {time_format}", time_format)
    if zone is not None:
        _check_text(f"{key}.zone", zone)
        if has_zone(time_format):
            raise UserError(
                f"{key}.zone is {zone!r}, but the format {time_format!r} reads a zone; remove one of the two."
            )
        if not is_zone(zone):
            raise UserError(f"{key}.zone is {zone!r}; give a name such as Asia/Seoul, or an offset such as '+09:00'.")
    return values["text"], time_format, zone, year


def _to_datetime(text: pl.Series, time_format: str) -> pl.Series:
    time = pl.col("time").str.to_datetime(time_format, time_unit="us", strict=False)
    return text.to_frame().select(time.dt.replace_time_zone(None)).to_series()


def _since_1970(text: pl.Expr, microseconds: int) -> pl.Expr:
    """Read decimal numbers of a unit of so many microseconds as times."""
    places = len(str(microseconds)) - 1
    whole = text.str.extract(r"^(-?[0-9]{1,18})(?:\.[0-9]*)?$").cast(pl.Int64)
    rest = text.str.extract(r"\.([0-9]+)$").fill_null("").str.slice(0, places).str.pad_end(places, "0")
    rest = rest.cast(pl.Int64, strict=False).fill_null(0)
    sign = pl.when(text.str.starts_with("-")).then(-1).otherwise(1)
    # Beyond the years that exist: unreadable, and never an overflow.
    limit = 4 * 10**17 // microseconds
    return pl.when(whole.abs() <= limit).then(whole * microseconds + sign * rest).cast(pl.Datetime("us"))


def _check_keys(key: str, values: Any, *, required: Iterable[str] = (), known: Iterable[str] | None = None) -> None:
    if not isinstance(values, Mapping):
        raise UserError(f"{key} is {values!r}; it must be a group of settings.")
    for name in sorted(required):
        if values.get(name) is None:
            raise UserError(f"{key}.{name} is missing; add it (config/formats.yaml shows how).")
    for name in values:
        allowed = sorted(required if known is None else known)
        if name not in allowed:
            raise UserError(f"{key}.{name} is not known; the settings there are {', '.join(allowed)}.")


def _check_text(key: str, text: Any) -> None:
    if not isinstance(text, str):
        raise UserError(f"{key} is {text!r}; put it in quotes.")


def _check_group(key: str, group: str | None, groups: Iterable[str], place: str, hint: str) -> None:
    if group is not None and group not in groups:
        raise UserError(f"{key} names the group '{group}', which {place} lacks; {hint.format(group)}.")


def _match_nothing(pattern: str) -> pl.Series:
    return pl.Series([""]).str.extract_groups(pattern)


def _pattern(key: str, pattern: Any) -> str:
    """Return `pattern` if it is a valid Rust regular expression."""
    if not isinstance(pattern, str) or not pattern:
        raise UserError(f"{key} is {pattern!r}; it must be a regular expression in quotes.")
    try:
        _match_nothing(pattern)
    except pl.exceptions.PolarsError as error:
        reason = next((line for line in str(error).splitlines() if line.startswith("error:")), str(error))
        raise UserError(f"{key} is not a valid pattern ({' '.join(reason.split())}); correct it.") from None
    return pattern


def _template(key: str, text: Any) -> list[tuple[str, str | None, int]]:
    """Split a text such as `{date} {ms:03}` into literal text, the group after it, and its width or 0."""
    parts = []
    try:
        for literal, group, width, _ in string.Formatter().parse(text):
            if width and not re.fullmatch("0[1-9]", width):
                raise UserError(
                    f"{key} has {{{group}:{width}}}; only a width with zeros is known, as in {{{group}:03}}."
                )
            parts.append((literal, group, int(width or 0)))
    except (ValueError, TypeError):
        parts = []
    if not any(group for _, group, _ in parts):
        raise UserError(f"{key} is {text!r}; it must name header groups, for example '{{date}} {{time}}'.")
    return parts


def _groups(key: str, text: Any) -> list[str]:
    return [group for _, group, _ in _template(key, text) if group is not None]


def _check_time_format(key: str, time_format: str, shown: str) -> None:
    """Check a chrono format by writing and reading a known time with it."""
    example = datetime(2004, 5, 6, 7, 8, 9, tzinfo=UTC)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            # %#z, which reads a zone in any form, writes none.
            written = pl.Series([example], dtype=pl.Datetime("us", "UTC")).dt.strftime(time_format.replace("%#z", "%z"))
            read = written.str.to_datetime(time_format, strict=False).dt.date().item()
    except (pl.exceptions.PolarsError, TypeError, Warning) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{key} is {shown!r}, which is no usable chrono format ({reason}).") from None
    if read != example.date():
        raise UserError(
            f"{key} is {shown!r}, from which no full date can be read; it needs year, month and day "
            "(for a log without years, set timestamp.year)."
        )

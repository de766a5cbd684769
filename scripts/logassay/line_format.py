"""What a line looks like: header pattern, time, session keys, label and masks, from an entry of config/formats.yaml.

The patterns are checked here, once; parse applies them to blocks of lines.
"""

import re
import string
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl

from logassay.errors import UserError

REST = "(?P<content>.*)$"
"""The commonest end of a header pattern: the content is all that is left."""
BEFORE = "__before_content"


@dataclass(frozen=True)
class LineFormat:
    """How the lines of a log are read; see config/formats.yaml for the meaning of each part.

    Attributes
    ----------
    name : str
        Name under `formats:`, for messages.
    header : str
        Rust regular expression with the group `content`.
    time_text, time_format : str
        Text made of named groups, and the chrono format that reads it.
    key_pattern, key_group : str or None
        Where session keys are found: in the content, or in a header group. Both None: there are none.
    alert_group, alert_normal : str or None
        Header group with the line's label, and its value on normal lines. None: lines are not labelled.
    masks : tuple of (str, str)
        Pattern and replacement, applied to the content one after the other.
    """

    name: str
    header: str
    time_text: str
    time_format: str
    key_pattern: str | None = None
    key_group: str | None = None
    alert_group: str | None = None
    alert_normal: str | None = None
    masks: tuple[tuple[str, str], ...] = ()

    @classmethod
    def from_dict(cls, name: str, values: Mapping[str, Any]) -> "LineFormat":
        """Build a format from an entry of config/formats.yaml.

        Raises
        ------
        UserError
            If a part is missing, unknown, or no valid pattern, or names a group that the header lacks.
        """
        key = f"formats.{name}"
        known = {"description", "header", "timestamp", "session_key", "alert", "masks"}
        _check_keys(key, values, required={"header", "timestamp"}, known=known)
        header = _pattern(f"{key}.header", values["header"])
        groups = _match_nothing(header).struct.fields
        if "content" not in groups:
            raise UserError(f"{key}.header has no group 'content'; write (?P<content>...) around the message.")

        timestamp = values["timestamp"]
        _check_keys(f"{key}.timestamp", timestamp, required={"text", "format"})
        for _, group in _template(f"{key}.timestamp.text", timestamp["text"]):
            _check_group(f"{key}.timestamp.text", group, groups)
        _check_time_format(f"{key}.timestamp.format", timestamp["format"])

        session_key = values.get("session_key") or {}
        _check_keys(f"{key}.session_key", session_key, known={"pattern", "group"})
        if len(session_key) > 1:
            raise UserError(f"{key}.session_key has both 'pattern' and 'group'; keep one of them.")
        key_pattern = session_key.get("pattern")
        if key_pattern is not None:
            _pattern(f"{key}.session_key.pattern", key_pattern)
            if pl.Series([""]).str.contains(key_pattern).item():
                raise UserError(f"{key}.session_key.pattern matches the empty text; let it demand a character.")
        _check_group(f"{key}.session_key.group", session_key.get("group"), groups)

        alert = values.get("alert") or {}
        if alert:
            _check_keys(f"{key}.alert", alert, required={"group", "normal"})
            _check_group(f"{key}.alert.group", alert["group"], groups)
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
            time_text=timestamp["text"],
            time_format=timestamp["format"],
            key_pattern=key_pattern,
            key_group=session_key.get("group"),
            alert_group=alert.get("group"),
            alert_normal=alert.get("normal"),
            masks=tuple(masks),
        )

    def fields(self, text: pl.Series) -> pl.DataFrame:
        """Return the header's groups as columns, `content` among them; all null where the pattern does not match."""
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

    def time(self, fields: pl.DataFrame) -> pl.Series:
        """Return the time of each line; null where it cannot be read."""
        parts: list[pl.Expr] = []
        for literal, group in _template("time", self.time_text):
            parts.append(pl.lit(literal))
            if group is not None:
                parts.append(pl.col(group))
        time = pl.concat_str(parts).str.to_datetime(self.time_format, time_unit="us", strict=False)
        read = fields.select(time.dt.replace_time_zone(None).alias("time"))
        # Years beyond Python's, which a wild number of seconds may give, count as unreadable.
        return read.select(pl.when(pl.col("time").is_between(datetime.min, datetime.max)).then("time")).to_series()

    def keys(self, fields: pl.DataFrame) -> pl.Series:
        """Return the distinct session keys of each line, in order."""
        if self.key_pattern is not None:
            keys = fields["content"].str.extract_all(self.key_pattern)
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
        message = fields["content"]
        for pattern, replacement in self.masks:
            message = message.str.replace_all(pattern, replacement)
        return message


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


def _check_group(key: str, group: str | None, groups: Iterable[str]) -> None:
    if group is not None and group not in groups:
        raise UserError(f"{key} names the group '{group}', which the header pattern lacks; add (?P<{group}>...) to it.")


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


def _template(key: str, text: Any) -> list[tuple[str, str | None]]:
    """Split a text such as `{date} {time}` into pairs of literal text and the group after it."""
    try:
        parts = [(literal, group) for literal, group, _, _ in string.Formatter().parse(text)]
    except (ValueError, TypeError):
        parts = []
    if not any(group for _, group in parts):
        raise UserError(f"{key} is {text!r}; it must name header groups, for example '{{date}} {{time}}'.")
    return parts


def _check_time_format(key: str, time_format: Any) -> None:
    """Check a chrono format by writing and reading a known time with it."""
    example = datetime(2004, 5, 6, 7, 8, 9, tzinfo=UTC)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            written = pl.Series([example], dtype=pl.Datetime("us", "UTC")).dt.strftime(time_format)
            read = written.str.to_datetime(time_format, strict=False).dt.date().item()
    except (pl.exceptions.PolarsError, TypeError, Warning) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{key} is {time_format!r}, which is no usable chrono format ({reason}).") from None
    if read != example.date():
        raise UserError(
            f"{key} is {time_format!r}, from which no full date can be read; it needs year, month and day "
            "(a year that the log lacks can be written into timestamp.text)."
        )

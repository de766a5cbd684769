"""Raw log -> table of lines, dictionary of distinct masked messages, and what could not be used.

One pass over blocks of whole lines. What a line looks like comes from a `LineFormat`; the result does not
depend on how the log is cut into blocks, nor on the number of threads.
"""

import re
import string
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from logassay.acquire import open_log
from logassay.cli import progress
from logassay.errors import UserError
from logassay.files import atomic_path, write_parquet

LINES = pl.Schema(
    [
        ("line", pl.Int64()),
        ("time", pl.Datetime("us")),
        ("keys", pl.List(pl.String())),
        ("alert", pl.Boolean()),
        ("message_id", pl.Int32()),
        ("joined", pl.Int32()),
    ]
)
MESSAGES = pl.Schema(
    [("message_id", pl.Int32()), ("message", pl.String()), ("lines", pl.Int64()), ("first_line", pl.Int64())]
)
REJECTS = pl.Schema([("line", pl.Int64()), ("reason", pl.String()), ("text", pl.String())])

NO_HEADER = "no-header-before"
BAD_TIMESTAMP = "bad-timestamp"
FOLLOWS_REJECTED = "follows-rejected"

REST = "(?P<content>.*)$"
"""The commonest end of a header pattern: the content is all that is left."""
BEFORE = "__before_content"

CHUNK_BYTES = 4 << 20
"""Size of a block; larger ones need more memory and are not faster."""
MAX_LINE_BYTES = 256 << 20
"""A longer line means that the file is no line-based log."""
ROW_GROUP = 1 << 18
"""Rows of a Parquet row group: fixed, so that the files do not depend on the block size."""
REJECT_CHARACTERS = 500

TRIAL_LINES = 10_000
"""The header pattern must match at least one of the first so many lines ..."""
MIN_HEADER_SHARE = 0.01
"""... and at least this share of a log that is longer. Stack traces stay far above it."""

S = TypeVar("S")
T = TypeVar("T")


def _shown(text: str, characters: int = 80) -> str:
    """Return the start of `text` with everything escaped that a terminal could act upon."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:characters])


@dataclass(frozen=True)
class LineFormat:
    """How the lines of a log are read; see config/datasets.yaml for the meaning of each part.

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
        """Build a format from an entry of config/datasets.yaml.

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
            raise UserError(f"{key}.{name} is missing; add it (config/datasets.yaml shows how).")
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


@dataclass(frozen=True)
class ParseReport:
    """What became of the lines; always `parsed + joined + rejected == lines`.

    Attributes
    ----------
    lines : int
        Lines of the raw log (a last line without a newline counts).
    parsed, joined, rejected : int
        Header lines that were used; lines that joined their predecessor; lines that could not be used.
    reasons : dict
        Rejected lines by reason.
    messages : int
        Distinct masked messages.
    lines_without_key, lines_with_several_keys : int
        Parsed lines that belong to no session, or to more than one.
    first_time, last_time : str or None
        Earliest and latest time, ISO 8601, as written in the log.
    clock_steps_back : int
        Parsed lines that are earlier than the parsed line before them.
    lines_with_invalid_utf8 : int
        Lines in which invalid bytes were replaced by U+FFFD.
    bytes : int
        Size of the log after decompression.
    """

    lines: int
    parsed: int
    joined: int
    rejected: int
    reasons: dict[str, int]
    messages: int
    lines_without_key: int
    lines_with_several_keys: int
    first_time: str | None
    last_time: str | None
    clock_steps_back: int
    lines_with_invalid_utf8: int
    bytes: int


@dataclass(frozen=True)
class _Block:
    """What can be told about a block of lines without knowing what came before it.

    Line numbers are 0-based within the block; `codes` point into `messages`, both by first appearance.
    """

    bytes: int
    lines: int
    invalid: int
    headers: int
    first: str
    lead: list[str]  # start of each line before the first header line
    rejects: pl.DataFrame  # line, reason, text: header lines with a bad timestamp and their followers
    ends_rejected: bool  # whether the last header line was rejected
    parsed: pl.DataFrame  # line, time, keys, alert, joined
    messages: list[str]
    codes: npt.NDArray[np.int32]


def _split(data: bytes) -> pl.Series:
    """Split valid UTF-8 at LF or CRLF into a column that points into `data` instead of copying it."""
    if not data.endswith(b"\n"):
        data += b"\n"
    characters = np.frombuffer(data, dtype=np.uint8)
    ends = np.flatnonzero(characters == ord("\n"))
    starts = np.empty_like(ends)
    starts[0] = 0
    starts[1:] = ends[:-1] + 1
    lengths = ends - starts
    lengths -= (lengths > 0) & (characters[ends - 1] == ord("\r"))
    # Arrow's string view: 4 bytes length, then up to 12 bytes of text; or, if it is longer, its first 4 bytes, the
    # number of the buffer (0), and the place in the buffer.
    views = np.zeros((len(ends), 16), dtype=np.uint8)
    numbers = views.view(np.int32)
    numbers[:, 0] = lengths
    numbers[:, 3] = starts
    last = len(data) - 1
    views[:, 4:8] = characters[np.minimum(starts[:, None] + np.arange(4), last)]
    short = np.flatnonzero(lengths <= 12)
    places = np.arange(12)
    inline = characters[np.minimum(starts[short, None] + places, last)]
    views[short, 4:] = np.where(places < lengths[short, None], inline, 0)
    buffers = [None, pa.py_buffer(views), pa.py_buffer(data)]
    return pl.Series("text", pa.Array.from_buffers(pa.string_view(), len(ends), buffers))


def _valid(data: bytes) -> tuple[bytes, int]:
    """Replace what is not UTF-8; return the bytes and in how many lines something was replaced."""
    try:
        if not data.isascii():
            data.decode()
        return data, 0
    except UnicodeDecodeError:
        valid = data.decode(errors="replace").encode()
        # Line by line, for no replacement reaches over a newline.
        return valid, sum(old != new for old, new in zip(data.split(b"\n"), valid.split(b"\n"), strict=True))


def _starts(text: pl.Series) -> list[str]:
    """Return the start of each line, as copies: a slice would keep the whole block in memory."""
    return text.str.head(REJECT_CHARACTERS).to_list()


def _read_block(data: bytes, fmt: LineFormat) -> _Block:
    """Do all the work on a block of whole lines that does not depend on its neighbours."""
    valid, invalid = _valid(data)
    text = _split(valid)
    fields = fmt.fields(text)
    # On a match some group is there; those in optional parts of the pattern may be missing.
    header = fields.select(pl.any_horizontal(pl.all().is_not_null())).to_series()
    positions = header.arg_true().to_numpy().astype(np.int64)
    followers = np.diff(positions, append=len(text)) - 1
    lead = text.head(int(positions[0]) if len(positions) else len(text))

    if len(positions) < len(text):
        fields = fields.filter(header)
    fields = fields.with_columns(pl.col("content").fill_null(""))
    time = fmt.time(fields)
    bad = time.is_null().to_numpy()
    rejects = pl.DataFrame(schema=REJECTS)
    if bad.any():
        sizes = np.where(bad, followers + 1, 0)
        # Each rejected header line is followed by its own followers: count up from its position.
        starts = np.cumsum(sizes) - sizes
        lines = np.repeat(positions - starts, sizes) + np.arange(sizes.sum())
        rejects = pl.DataFrame(
            {
                "line": lines,
                "reason": np.where(np.isin(lines, positions), BAD_TIMESTAMP, FOLLOWS_REJECTED),
                "text": _starts(text.gather(lines)),
            },
            schema=REJECTS,
        )
        fields, time = fields.filter(~bad), time.filter(~bad)

    message = fmt.message(fields).to_arrow(compat_level=pl.CompatLevel.oldest()).dictionary_encode()
    return _Block(
        bytes=len(data),
        lines=len(text),
        invalid=invalid,
        headers=len(positions),
        first=text.item(0)[:REJECT_CHARACTERS],
        lead=_starts(lead),
        rejects=rejects,
        ends_rejected=bool(len(bad) and bad[-1]),
        parsed=pl.DataFrame(
            {
                "line": positions[~bad],
                "time": time,
                "keys": fmt.keys(fields),
                "alert": fmt.alert(fields),
                "joined": followers[~bad],
            },
            schema_overrides=LINES,
        ),
        messages=message.dictionary.to_pylist(),
        codes=message.indices.to_numpy(),
    )


class _RowGroups:
    """A Parquet file written piece by piece, in row groups that do not depend on the pieces."""

    def __init__(self, path: Path, schema: pl.Schema, repetitive: list[str]) -> None:
        self._pieces: list[pl.DataFrame] = []
        self._rows = 0
        self._writer = pq.ParquetWriter(
            path, _arrow(pl.DataFrame(schema=schema)).schema, compression="zstd", use_dictionary=repetitive
        )

    def append(self, piece: pl.DataFrame) -> None:
        self._pieces.append(piece)
        self._rows += piece.height
        while self._rows >= ROW_GROUP:
            self._flush(ROW_GROUP)

    def close(self) -> None:
        """Write what is left. Not called after an error: the file is thrown away then."""
        if self._rows:
            self._flush(self._rows)
        self._writer.close()

    def _flush(self, rows: int) -> None:
        whole = pl.concat(self._pieces)
        # Contiguous columns, because Arrow's page borders follow the pieces of a column.
        self._writer.write_table(_arrow(whole.head(rows).rechunk()), row_group_size=rows)
        self._pieces = [whole.slice(rows)]
        self._rows -= rows


def _arrow(frame: pl.DataFrame) -> pa.Table:
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest())


class _Messages:
    """The dictionary of distinct masked messages: the only thing that grows with the log."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}
        self._lines: list[int] = []
        self._first: list[int] = []

    def __len__(self) -> int:
        return len(self._ids)

    def number(
        self, messages: list[str], codes: npt.NDArray[np.int32], lines: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int32]:
        """Return the message id of each line; `codes` point into `messages`, ordered by first appearance."""
        first = np.empty(len(messages), dtype=np.int64)
        first[codes[::-1]] = lines[::-1]  # the last assignment to a place is its first appearance
        counts = np.bincount(codes, minlength=len(messages))
        ids = np.empty(len(messages), dtype=np.int32)
        for place, (message, count, line) in enumerate(zip(messages, counts.tolist(), first.tolist(), strict=True)):
            number = self._ids.setdefault(message, len(self._ids))
            if number == len(self._lines):
                self._lines.append(0)
                self._first.append(line)
            self._lines[number] += count
            ids[place] = number
        return ids[codes]

    def frame(self) -> pl.DataFrame:
        """Return the columns of messages.parquet."""
        return pl.DataFrame(
            {
                "message_id": range(len(self)),
                "message": list(self._ids),
                "lines": self._lines,
                "first_line": self._first,
            },
            schema=MESSAGES,
        )


class _Log:
    """Joins blocks, in their order, to the whole log: line numbers, message ids, and what crosses block borders."""

    def __init__(self, lines: _RowGroups, rejects: _RowGroups) -> None:
        self.messages = _Messages()
        self.first_line = ""
        self.first_rejected = ""
        self.count: Counter[str] = Counter()
        self.reasons = dict.fromkeys((NO_HEADER, BAD_TIMESTAMP, FOLLOWS_REJECTED), 0)
        self.earliest: datetime | None = None
        self.latest: datetime | None = None
        self.first_header: int | None = None
        self._lines = lines
        self._rejects = rejects
        # The last parsed line waits here, because the next block may still join lines to it.
        self._waiting: pl.DataFrame | None = None
        self._reason: str | None = NO_HEADER  # why a line that follows now is rejected; None: it is joined
        self._last_time: datetime | None = None

    def add(self, block: _Block) -> None:
        """Take the next block in."""
        base = self.count["lines"] + 1
        if base == 1:
            self.first_line = block.first
        self._add_lead(block.lead, base)
        self._reject(block.rejects.with_columns(pl.col("line") + base))
        if not self.first_rejected and block.rejects.height:
            self.first_rejected = block.rejects["text"].item(0)
        if block.headers:
            self.first_header = self.first_header or base + len(block.lead)
            self._reason = FOLLOWS_REJECTED if block.ends_rejected else None
        if block.parsed.height:
            self._add_parsed(block, base)
        self.count.update(bytes=block.bytes, lines=block.lines, headers=block.headers, invalid=block.invalid)

    def finish(self) -> None:
        """Hand on the line that is still waiting."""
        if self._waiting is not None:
            self._lines.append(self._waiting)

    def _add_lead(self, lead: list[str], base: int) -> None:
        """Lines before the block's first header line belong to what the blocks before it ended with."""
        if self._reason is not None:
            lines = range(base, base + len(lead))
            self._reject(pl.DataFrame({"line": lines, "reason": [self._reason] * len(lead), "text": lead}, REJECTS))
        elif len(lead) and self._waiting is not None:
            self._waiting = self._waiting.with_columns(pl.col("joined") + len(lead))
            self.count["joined"] += len(lead)

    def _add_parsed(self, block: _Block, base: int) -> None:
        lines = block.parsed["line"] + base
        ids = self.messages.number(block.messages, block.codes, lines.to_numpy())
        parsed = block.parsed.with_columns(lines, pl.Series("message_id", ids)).select(LINES.names())
        if self._waiting is not None:
            self._lines.append(self._waiting)
        self._lines.append(parsed.head(-1))
        self._waiting = parsed.tail(1)

        keys = parsed["keys"].list.len()
        times = parsed["time"]
        before = pl.Series("time", [self._last_time], dtype=LINES["time"]).append(times.head(-1))
        self._last_time = times.item(-1)
        earliest, latest = cast(datetime, times.min()), cast(datetime, times.max())
        self.earliest = earliest if self.earliest is None else min(self.earliest, earliest)
        self.latest = latest if self.latest is None else max(self.latest, latest)
        self.count.update(
            parsed=parsed.height,
            joined=int(parsed["joined"].sum()),
            keyless=int((keys == 0).sum()),
            several=int((keys > 1).sum()),
            steps_back=int((times < before).sum()),
        )

    def _reject(self, rejects: pl.DataFrame) -> None:
        for reason, number in rejects["reason"].value_counts().iter_rows():
            self.reasons[reason] += number
        self.count["rejected"] += rejects.height
        self._rejects.append(rejects.cast(REJECTS))


def _blocks(stream: BinaryIO, chunk_bytes: int, path: Path) -> Iterator[bytes]:
    """Cut a log into blocks of whole lines, about `chunk_bytes` long."""
    while block := stream.read(chunk_bytes):
        if not block.endswith(b"\n"):
            block += stream.readline(MAX_LINE_BYTES)
        if not block.endswith(b"\n") and stream.read(1):
            raise UserError(
                f"{path} has a line of more than {MAX_LINE_BYTES >> 20} MiB; it is no line-based log, "
                "give a log with a newline after each line."
            )
        yield block


def _in_order(function: Callable[[S], T], items: Iterable[S], workers: int) -> Iterator[T]:
    """Apply `function` in `workers` threads; results come in the order of `items`, few of which are held."""
    with ThreadPoolExecutor(workers) as pool:
        running: deque[Future[T]] = deque()
        for item in items:
            running.append(pool.submit(function, item))
            if len(running) > workers:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()


def _check_format(log: _Log, path: Path, fmt: LineFormat, *, at_end: bool) -> None:
    """Tell a log in another format as early as possible, but not one with many stack traces."""
    lines, headers = log.count["lines"], log.count["headers"]
    seen = lines if log.first_header is None else log.first_header - 1  # lines before the first header line
    none = seen >= TRIAL_LINES or (at_end and headers == 0)
    few = at_end and lines > TRIAL_LINES and headers < MIN_HEADER_SHARE * lines
    if none or few:
        matched = f"matches none of the first {seen} lines" if none else f"matches only {headers} of {lines} lines"
        raise UserError(
            f"{path} is not in the format '{fmt.name}': line 1 is '{_shown(log.first_line)}', and the header pattern "
            f"{matched}; choose another format, or correct formats.{fmt.name}.header."
        )
    if at_end and log.count["parsed"] == 0:
        raise UserError(
            f"{path} has no line whose time formats.{fmt.name}.timestamp can read (format '{fmt.time_format}'): "
            f"the first is '{_shown(log.first_rejected)}'; correct the timestamp format."
        )


def parse(
    log: Path, fmt: LineFormat, lines: Path, messages: Path, rejects: Path, *, chunk_bytes: int = CHUNK_BYTES
) -> ParseReport:
    """Parse a raw log into three Parquet files.

    A line that the header pattern matches is a message of its own, even if its content is empty (the empty
    message is a message like others). Every other line joins the header line before it: it is counted there, and
    its text is not used. Rejected are lines before the first header line, header lines whose time cannot be read,
    and the lines that would have joined those.

    Masking looks at one line at a time, so the results (bytes included) depend neither on `chunk_bytes` nor on
    the number of threads, which is that of polars. Memory grows with the distinct masked messages only.

    Parameters
    ----------
    log : Path
        Raw log, plain, `.gz` or `.zst`; LF or CRLF; UTF-8, in which invalid bytes become U+FFFD.
    fmt : LineFormat
        How to read its lines.
    lines, messages, rejects : Path
        Files to write: parsed lines (`LINES`), distinct masked messages numbered by first appearance
        (`MESSAGES`), lines that could not be used (`REJECTS`, text cut to 500 characters).
    chunk_bytes : int
        Size of the blocks that are worked on at a time.

    Returns
    -------
    ParseReport
        Counts, for parse_report.json.

    Raises
    ------
    UserError
        If the log is missing, empty, damaged, in another format, or no line of it can be used.
    """
    with ExitStack() as stack:
        stream = stack.enter_context(open_log(log))
        line_rows = _RowGroups(stack.enter_context(atomic_path(lines)), LINES, ["keys.list.element", "message_id"])
        reject_rows = _RowGroups(stack.enter_context(atomic_path(rejects)), REJECTS, ["reason"])
        whole = _Log(line_rows, reject_rows)
        read = partial(_read_block, fmt=fmt)
        results = _in_order(read, _blocks(stream, chunk_bytes, log), workers=pl.thread_pool_size())
        for block in progress(results, "parse (blocks)"):
            whole.add(block)
            _check_format(whole, log, fmt, at_end=False)
        _check_format(whole, log, fmt, at_end=True)
        whole.finish()
        count = whole.count
        if count["parsed"] + count["joined"] + count["rejected"] != count["lines"]:
            raise RuntimeError(f"lines are lost or counted twice: {dict(count)}")
        line_rows.close()
        reject_rows.close()
        write_parquet(whole.messages.frame(), messages)
    return ParseReport(
        lines=count["lines"],
        parsed=count["parsed"],
        joined=count["joined"],
        rejected=count["rejected"],
        reasons=whole.reasons,
        messages=len(whole.messages),
        lines_without_key=count["keyless"],
        lines_with_several_keys=count["several"],
        first_time=None if whole.earliest is None else whole.earliest.isoformat(),
        last_time=None if whole.latest is None else whole.latest.isoformat(),
        clock_steps_back=count["steps_back"],
        lines_with_invalid_utf8=count["invalid"],
        bytes=count["bytes"],
    )

"""What can be told about a block of lines without knowing what came before it: headers, times, keys, messages.

There are two ways, which give the same: the long one applies the patterns of the format to every line; the short one
to one of all lines that differ in digits only, for formats whose patterns are blind to digits (see `masks`).
"""

import string
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from logassay.line_format import REST, LineFormat
from logassay.masks import in_pieces, is_blind
from logassay.squeeze import MAX_COMPARED, Places, Squeezed, Text, to_arrow, to_numpy

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
REJECTS = pl.Schema([("line", pl.Int64()), ("reason", pl.String()), ("text", pl.String())])

NO_HEADER = "no-header-before"
BAD_TIMESTAMP = "bad-timestamp"
FOLLOWS_REJECTED = "follows-rejected"

REJECT_CHARACTERS = 500
FEW_DISTINCT = 0.4
"""The short way is shorter if at most this share of a block's squeezed lines is distinct."""

LARGE_BYTES = 31 << 20

Codes = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Block:
    """A block of lines as it is read without its neighbours.

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
    codes: Codes


@dataclass(frozen=True)
class HeaderLines:
    """The header lines of a block.

    Attributes
    ----------
    lines : int
        All lines of the block.
    positions : int64 array, shape (header lines,)
        Position of each header line among them.
    fields : polars.DataFrame
        The groups of the header pattern, one row per header line.
    time : polars.Series
        Time of each header line.
    usable : bool array, shape (header lines,)
        False where the time cannot be read, and the line is rejected.
    """

    lines: int
    positions: Places
    fields: pl.DataFrame
    time: pl.Series
    usable: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class _Found:
    """Header lines with what is made of them, one row for each; `codes` point into `messages`, in any order."""

    positions: Places
    time: pl.Series
    keys: pl.Series
    alert: pl.Series
    messages: list[str]
    codes: Codes


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


def _usable(time: pl.Series, fmt: LineFormat) -> npt.NDArray[np.bool_]:
    """Return where times could be read; everywhere, if the format has none."""
    return time.is_not_null().to_numpy() if fmt.timed else np.ones(len(time), dtype=np.bool_)


def _header_fields(text: pl.Series, fmt: LineFormat) -> tuple[Places, pl.DataFrame]:
    fields = fmt.fields(text)
    # On a match some group is there; those in optional parts of the pattern may be missing.
    header = fields.select(pl.any_horizontal(pl.all().is_not_null())).to_series()
    positions = header.arg_true().to_numpy().astype(np.int64)
    if len(positions) < len(text):
        fields = fields.filter(header)
    return positions, fields.with_columns(pl.col("content").fill_null(""))


def header_lines(data: bytes, fmt: LineFormat) -> HeaderLines:
    """Find the header lines of a block of whole lines."""
    text = Text.of(_valid(data)[0])
    positions, fields = _header_fields(text.lines(), fmt)
    time = fmt.time(fields)
    return HeaderLines(len(text), positions, fields, time, _usable(time, fmt))


def _distinct(messages: pl.Series) -> tuple[list[str], Codes]:
    """Return the distinct messages, and which of them each is."""
    found = messages.to_arrow(compat_level=pl.CompatLevel.oldest()).dictionary_encode()
    return found.dictionary.to_pylist(), to_numpy(found.indices)


def _by_appearance(messages: list[str], codes: Codes) -> tuple[list[str], Codes]:
    """Put messages into the order of their first appearance, without those that do not appear."""
    first = np.full(len(messages), len(codes))
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)  # the last assignment to a place is its first appearance
    order = np.argsort(first, kind="stable")[: int((first < len(codes)).sum())]
    rank = np.empty(len(messages), dtype=np.int32)
    rank[order] = np.arange(len(order))
    return [messages[place] for place in order], rank[codes]


def _read_all(text: Text, fmt: LineFormat) -> _Found:
    """Go the long way: apply the patterns to every line."""
    positions, fields = _header_fields(text.lines(), fmt)
    messages, codes = _distinct(fmt.message(fields))
    return _Found(positions, fmt.time(fields), fmt.keys(fields), fmt.alert(fields), messages, codes)


def _parts(text: pl.Series, pattern: str, order: list[str]) -> pl.DataFrame:
    """Return the groups of a header pattern in pieces, all null where a line does not match."""
    before = pattern.removesuffix(REST)
    if before == pattern or len(order) == 1:
        return text.to_frame("text").select(pl.col("text").str.extract_groups(pattern).struct.unnest())
    # The content is all that is left, and cannot fail to match: the engine need not walk through it.
    groups = text.to_frame("text").select(pl.col("text").str.extract_groups(before).struct.unnest(), "text")
    start = pl.sum_horizontal(pl.col(order[:-1]).str.len_chars(), ignore_nulls=False)
    return groups.select(*order[:-1], content=pl.col("text").str.slice(start))


class Reader:
    """Reads blocks of lines in one format; may be used by several threads."""

    def __init__(self, fmt: LineFormat) -> None:
        self._fmt = fmt
        # From the release of an array as large as this the C library (glibc) learns to keep memory for the next block,
        # instead of giving it back to the system and asking for it anew, which costs more than some of the work.
        np.empty(LARGE_BYTES, dtype=np.uint8)
        self._time_groups = [group for _, group, _, _ in string.Formatter().parse(fmt.time_text or "") if group]
        wanted = {"content", *self._time_groups}
        wanted |= {group for group in (fmt.key_group, fmt.alert_group) if group is not None}
        plain = fmt.alert_normal is None or not any(character.isdigit() for character in fmt.alert_normal)
        self._pieces = in_pieces(fmt.header, wanted) if fmt.header is not None and plain else None
        self._blind_masks = all(is_blind(pattern) for pattern, _ in fmt.masks)
        self._blind_key = fmt.key_pattern is not None and fmt.key_parts == 0 and is_blind(fmt.key_pattern)

    def read(self, data: bytes) -> Block:
        """Read a block of whole lines."""
        fmt = self._fmt
        valid, invalid = _valid(data)
        text = Text.of(valid)
        found = self._read_distinct(text) or _read_all(text, fmt)
        positions, time = found.positions, found.time
        followers = np.diff(positions, append=len(text)) - 1
        lead = np.arange(positions[0] if len(positions) else len(text))
        usable = _usable(time, fmt)
        parsed = pl.DataFrame(
            {"line": positions, "time": time, "keys": found.keys, "alert": found.alert, "joined": followers},
            schema_overrides=LINES,
        )
        rejects = pl.DataFrame(schema=REJECTS)
        codes = found.codes
        if not usable.all():
            sizes = np.where(usable, 0, followers + 1)
            # Each rejected header line is followed by its own followers: count up from its position.
            starts = np.cumsum(sizes) - sizes
            lines = np.repeat(positions - starts, sizes) + np.arange(sizes.sum())
            rejects = pl.DataFrame(
                {
                    "line": lines,
                    "reason": np.where(np.isin(lines, positions), BAD_TIMESTAMP, FOLLOWS_REJECTED),
                    "text": _starts(text.lines(lines)),
                },
                schema=REJECTS,
            )
            parsed, codes = parsed.filter(usable), codes[usable]
        messages, codes = _by_appearance(found.messages, codes)
        return Block(
            bytes=len(data),
            lines=len(text),
            invalid=invalid,
            headers=len(positions),
            first=text.lines(slice(0, 1)).item(0)[:REJECT_CHARACTERS],
            lead=_starts(text.lines(lead)) if len(lead) else [],
            rejects=rejects,
            ends_rejected=bool(len(usable) and not usable[-1]),
            parsed=parsed,
            messages=messages,
            codes=codes,
        )

    def _read_distinct(self, text: Text) -> _Found | None:
        """Go the short way, if there is one: apply the patterns to the distinct squeezed lines."""
        if self._pieces is None:
            return None
        squeezed = Squeezed.of(text)
        if len(squeezed.distinct) > FEW_DISTINCT * len(text):
            return None
        pattern, order = self._pieces
        parts = _parts(squeezed.distinct, pattern, order)
        # Which of these each header line is like, and where it begins in the squeezed block.
        number, bases = squeezed.codes.astype(np.int64), squeezed.starts
        positions = np.arange(len(text))
        if parts[order[0]].null_count():
            header = parts[order[0]].is_not_null().to_numpy()
            positions = np.flatnonzero(header[number])
            number, bases = (np.cumsum(header) - 1)[number[positions]], bases[positions]
            parts = parts.filter(header)
        lengths = parts.select(pl.col(order).str.len_bytes().cast(pl.Int64)).to_numpy()
        ends = np.cumsum(lengths, axis=1)
        bounds = {name: (ends[:, place] - lengths[:, place], ends[:, place]) for place, name in enumerate(order)}

        def spans(name: str) -> tuple[Places, Places]:
            """Where a group lies in the block, for each header line."""
            begin, end = bounds[name]
            return squeezed.in_block(bases + begin[number]), squeezed.in_block(bases + end[number])

        fmt = self._fmt
        lines = _Alike(text, squeezed, number, bases)
        content = parts["content"]
        if self._blind_key:
            keys = lines.keys(content, bounds["content"][0], str(fmt.key_pattern))
        elif fmt.key_pattern is not None:
            keys = fmt.keys(pl.DataFrame({"content": text.pieces(*spans("content"))}))
        elif fmt.key_group is not None:
            keys = fmt.keys(pl.DataFrame({fmt.key_group: pl.Series(text.copied(*spans(fmt.key_group)))}))
        else:
            keys = fmt.keys(pl.DataFrame({"content": pl.repeat("", len(number), eager=True)}))
        if self._blind_masks:
            masked = fmt.message(parts)
            messages, codes = _distinct(masked)
            codes = codes[number]
            # A digit that is left may have been another one.
            unsure = masked.str.contains("[0-9]").to_numpy()[number]
        else:
            messages, codes, unsure = [], np.zeros(len(number), np.int32), np.ones(len(number), np.bool_)
        if unsure.any():
            starts, stops = spans("content")
            exact = fmt.message(pl.DataFrame({"content": text.pieces(starts[unsure], stops[unsure])}))
            more, places = _distinct(exact)
            codes[unsure] = places + len(messages)
            messages = messages + more
        return _Found(
            positions=positions,
            time=self._times(text, {group: spans(group) for group in self._time_groups}, len(number)),
            keys=keys,
            alert=fmt.alert(parts).gather(number),
            messages=messages,
            codes=codes,
        )

    def _times(self, text: Text, spans: dict[str, tuple[Places, Places]], count: int) -> pl.Series:
        """Read the times of header lines; neighbours with the same time share the work."""
        if not spans:
            return self._fmt.time(pl.DataFrame({"content": pl.repeat("", count, eager=True)}))
        changed = np.zeros(count, dtype=np.bool_)
        for starts, ends in spans.values():
            changed |= text.changes(starts, ends)
        if changed.sum() > count / 2:
            return self._fmt.time(pl.DataFrame({name: text.pieces(*span) for name, span in spans.items()}))
        chosen = np.flatnonzero(changed)
        fields = {name: text.pieces(starts[chosen], ends[chosen]) for name, (starts, ends) in spans.items()}
        return self._fmt.time(pl.DataFrame(fields)).gather(np.cumsum(changed) - 1)


@dataclass(frozen=True)
class _Alike:
    """Header lines of a block: which of the distinct ones each is like, and where it begins in the squeezed block."""

    text: Text
    squeezed: Squeezed
    number: Places
    bases: Places

    def keys(self, content: pl.Series, begin: Places, pattern: str) -> pl.Series:
        """Return the distinct matches of a pattern in each line.

        `content` is that of the distinct lines, which begins at `begin`.
        """
        column = pl.col("content")
        parts = content.to_frame("content").select(
            found=column.str.extract_all(pattern),
            # What lies between the matches says where they are; no line has a newline.
            between=column.str.replace_all(pattern, "\n").str.split("\n"),
        )
        sizes, gaps = (
            parts.select(pl.col(name).explode(empty_as_null=False).str.len_bytes().cast(pl.Int64))
            .to_series()
            .to_numpy()
            for name in ("found", "between")
        )
        counts = parts.select(pl.col("found").list.len().cast(pl.Int64)).to_series().to_numpy()
        firsts = np.cumsum(counts) - counts
        gaps = np.delete(gaps, np.cumsum(counts + 1) - 1)  # without what follows the last match
        reached = np.concatenate([[0], np.cumsum(gaps + sizes)])
        stops = reached[1:] - np.repeat(reached[firsts] - begin, counts)

        of_line = counts[self.number]
        offsets = np.concatenate([[0], np.cumsum(of_line)])
        chosen = np.repeat(firsts[self.number] - offsets[:-1], of_line) + np.arange(offsets[-1])
        bases = np.repeat(self.bases, of_line)
        starts = self.squeezed.in_block(bases + (stops - sizes)[chosen])
        ends = self.squeezed.in_block(bases + stops[chosen])
        keys = self.text.copied(starts, ends)
        if (of_line > 1).any():
            rows = np.repeat(np.arange(len(of_line)), of_line)
            kept = np.ones(len(rows), dtype=np.bool_)
            of_several = of_line[rows] > 1
            pieces = np.flatnonzero(of_several)
            # A piece goes if it is equal to the one before, in the same line.
            follows = rows[pieces] == rows[pieces - 1]
            kept[pieces] = self.text.changes(starts[pieces], ends[pieces]) | ~follows
            # An equal one may be farther away; and long ones have not been compared.
            several = of_line[rows] > (2 if (ends - starts).max() <= MAX_COMPARED else 1)
            if several.any():
                pairs = pl.DataFrame({"row": rows[several], "key": pl.Series(keys.filter(to_arrow(several)))})
                kept[several] = pairs.select(pl.struct(pl.all()).is_first_distinct()).to_series().to_numpy()
            keys = keys.filter(to_arrow(kept))
            offsets = np.concatenate([[0], np.cumsum(np.bincount(rows[kept], minlength=len(of_line)))])
        return pl.Series(pa.LargeListArray.from_arrays(to_arrow(offsets), keys))

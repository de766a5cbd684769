"""systemd's journal export (`journalctl -o export`) as lines of JSON, one for each entry.

An entry takes many lines, and which of its fields comes first is not fixed; so it is read as a whole before lines are.
"""

import io
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, cast

LONGEST = 1 << 26
"""A field that says it is longer (64 MiB) is taken for damage, and read as lines."""

MOST_LINES = 1 << 20
"""More lines without a blank one are no entry either."""
FIELD = re.compile(rb"[A-Z_][A-Z0-9_]*\n")
"""The name of a field whose length follows."""


def step(name: str) -> str:
    """Return one step of a JSONPath."""
    return "['" + name.replace("\\", "\\\\").replace("'", "\\'") + "']"


def path(name: str) -> str:
    """Return the JSONPath of a field of the lines that `as_json_lines` makes."""
    return "$" + step(name)


def as_json_lines(raw: BinaryIO, fields: Mapping[str, str]) -> BinaryIO:
    """Turn a journal export into lines of JSON.

    Parameters
    ----------
    raw : BinaryIO
        The export: lines `FIELD=value`; or `FIELD`, a length of 8 bytes and so many bytes of any kind; a blank line
        ends an entry.
    fields : mapping
        Name in the JSON object of each journal field to keep.

    Returns
    -------
    BinaryIO
        One line for each of `raw`: at the first line of an entry its object, the others of it empty. What has none
        of the fields is no entry: its lines are empty.
    """
    names = {field.encode(): name for name, field in fields.items()}
    return cast(BinaryIO, io.BufferedReader(_Lines(raw, _lines(raw, names))))


class _Lines(io.RawIOBase):
    """A stream of bytes that an iterator makes piece by piece of another stream."""

    def __init__(self, raw: BinaryIO, pieces: Iterator[bytes]) -> None:
        self._raw = raw
        self._pieces = pieces
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._raw.close()
        super().close()

    def readinto(self, buffer: Any) -> int:
        while not self._left and (piece := next(self._pieces, b"")):
            self._left = memoryview(piece)
        size = min(len(buffer), len(self._left))
        buffer[:size] = self._left[:size]
        self._left = self._left[size:]
        return size


def _lines(raw: BinaryIO, names: Mapping[bytes, str]) -> Iterator[bytes]:
    found: dict[str, str] = {}
    breaks, last = 0, b"\n"
    while line := raw.readline(LONGEST):
        breaks += line.endswith(b"\n")
        field, equals, value = line.rstrip(b"\n").partition(b"=")
        if FIELD.fullmatch(line):
            data, whole = _binary(raw)
            breaks += data.count(b"\n")
            line = data or line
            value, equals = data[8:-1], b"=" if whole else b""
        if equals and field in names:
            found.setdefault(names[field], value.decode(errors="replace"))
        elif line in (b"\n", b"\r\n") or breaks >= MOST_LINES:
            yield _entry(found, breaks)
            found, breaks = {}, 0
        last = line
    if breaks or not last.endswith(b"\n"):
        yield _entry(found, breaks + (not last.endswith(b"\n")))


def _binary(raw: BinaryIO) -> tuple[bytes, bool]:
    """Read the length of a field, its bytes and the newline behind it, as they stand; say whether they are that."""
    size = raw.read(8)
    length = int.from_bytes(size, "little")
    if len(size) == 8 and length <= LONGEST:
        data = raw.read(length + 1)
        return size + data, len(data) == length + 1
    return size if size.endswith(b"\n") else size + raw.readline(LONGEST), False


def _entry(found: dict[str, str], lines: int) -> bytes:
    return (json.dumps(found).encode() if found else b"") + b"\n" * lines

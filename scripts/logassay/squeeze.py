"""The bytes of a block: cut into lines, and squeezed so that lines which differ in digits only become one.

Columns of text point into the block instead of copying it.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

Places = npt.NDArray[np.int64]

ZERO = np.uint8(ord("0"))
PADDING = bytes(16)
"""Behind a block, so that words of up to 16 bytes may be read from any place in it."""
LOW_BYTES = np.array([(1 << 8 * count) - 1 for count in range(9)], dtype=np.uint64)
"""Masks for the first so many bytes of a word."""
MAX_COMPARED = 32
"""Longer pieces are not compared."""


# Arrow's own ways from and to NumPy import pandas, if it is installed.


def to_numpy(array: pa.Array) -> npt.NDArray[Any]:
    """Return an Arrow array of numbers as NumPy's."""
    return pl.Series(array).to_numpy()


def to_arrow(values: npt.NDArray[Any]) -> pa.Array:
    """Return numbers or truth values as an Arrow array."""
    stored = np.packbits(values, bitorder="little") if values.dtype == np.bool_ else np.ascontiguousarray(values)
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, pa.py_buffer(stored)])


@dataclass(frozen=True)
class Text:
    """A block of whole lines in valid UTF-8.

    Attributes
    ----------
    data : bytes
        The lines, a newline after each, and the padding.
    size : int
        Bytes without the padding.
    starts, ends : int64 array, shape (lines,)
        Where each line begins, and where it ends: before LF or CRLF.
    """

    data: bytes
    size: int
    starts: Places
    ends: Places

    @classmethod
    def of(cls, data: bytes) -> "Text":
        """Cut a block at LF or CRLF; a newline missing at its end is supplied."""
        end = b"" if data.endswith(b"\n") else b"\n"
        size = len(data) + len(end)
        data = b"".join((data, end, PADDING))
        characters = np.frombuffer(data, np.uint8, size)
        ends = np.flatnonzero(characters == ord("\n"))
        starts = np.empty_like(ends)
        starts[0] = 0
        starts[1:] = ends[:-1] + 1
        ends -= (ends > starts) & (characters[ends - 1] == ord("\r"))
        return cls(data, size, starts, ends)

    def __len__(self) -> int:
        return len(self.starts)

    def lines(self, numbers: Places | slice = slice(None)) -> pl.Series:
        """Return lines as a column."""
        return self.pieces(self.starts[numbers], self.ends[numbers])

    def words(self, size: int) -> npt.NDArray[np.unsignedinteger]:
        """Return the word of `size` bytes that begins at each byte."""
        kind = np.dtype(f"<u{size}")
        return np.ndarray((self.size + len(PADDING) - size + 1,), kind, self.data, strides=(1,))

    def views(self, starts: Places, ends: Places) -> pa.Array:
        """Return pieces of the block as Arrow's string views, which point into it."""
        lengths = ends - starts
        # 4 bytes length, then up to 12 bytes of text; or, if it is longer, its first 4 bytes, the number of the
        # buffer (0), and the place in the buffer.
        views = np.empty((len(starts), 4), dtype=np.uint32)
        words = self.words(4)
        views[:, 0] = lengths
        views[:, 1] = words[starts]
        views[:, 2] = 0
        views[:, 3] = starts
        short = np.flatnonzero(lengths <= 12)
        for column in (0, 1, 2):
            left = np.clip(lengths[short] - 4 * column, 0, 4)
            views[short, column + 1] = words[starts[short] + 4 * column] & LOW_BYTES[left].astype(np.uint32)
        buffers = [None, pa.py_buffer(views), pa.py_buffer(self.data)]
        return pa.Array.from_buffers(pa.string_view(), len(starts), buffers)

    def pieces(self, starts: Places, ends: Places) -> pl.Series:
        """Return pieces of the block as a column."""
        return pl.Series("text", self.views(starts, ends))

    def copied(self, starts: Places, ends: Places) -> pa.Array:
        """Return pieces of the block as copies, for what outlives it: views would keep all of it in memory."""
        return self.views(starts, ends).cast(pa.large_string())

    def changes(self, starts: Places, ends: Places) -> npt.NDArray[np.bool_]:
        """Return which pieces differ from the one before; long ones always do."""
        lengths = ends - starts
        changed = np.ones(len(starts), dtype=np.bool_)
        shortest, longest = int(lengths.min(initial=MAX_COMPARED)), int(lengths.max(initial=0))
        if longest > MAX_COMPARED:
            return changed
        changed[1:] = lengths[1:] != lengths[:-1]
        words = self.words(8)
        for place in range(0, longest, 8):
            word = words[starts + place if place <= shortest else np.minimum(starts + place, self.size)]
            if place + 8 > shortest:
                word &= LOW_BYTES[np.clip(lengths - place, 0, 8)]
            changed[1:] |= word[1:] != word[:-1]
        return changed


USUAL_PLACES = 5 << 20
"""A little more than a block has, unless it ends in a very long line."""


@cache
def _usual_places() -> pl.Series:
    return pl.Series(to_arrow(np.arange(USUAL_PLACES, dtype=np.int32)))


def _places(size: int) -> pl.Series:
    """Return the numbers from 0 to `size` - 1."""
    if size <= USUAL_PLACES:
        return _usual_places().head(size)
    return pl.Series(to_arrow(np.arange(size, dtype=np.int32)))


@dataclass(frozen=True)
class Squeezed:
    """The lines of a block with each run of digits written as a single 0.

    Attributes
    ----------
    distinct : polars.Series of str
        The distinct squeezed lines, by first appearance, without their LF or CRLF.
    codes : int32 array, shape (lines,)
        Which of these each line is.
    starts : int64 array, shape (lines,)
        Where each line begins in the squeezed block.
    origins : int32 array, shape (bytes of the squeezed block,)
        Place in the block of each byte that is left; of a run of digits this is the first.
    """

    distinct: pl.Series
    codes: npt.NDArray[np.int32]
    starts: Places
    origins: npt.NDArray[np.int32]

    def in_block(self, places: Places) -> Places:
        """Return where places of the squeezed block are in the block."""
        return self.origins[places].astype(np.int64)

    @classmethod
    def of(cls, text: Text) -> "Squeezed":
        """Squeeze a block."""
        characters = np.frombuffer(text.data, np.uint8, text.size)
        digit = (characters - ZERO) < 10
        inside = np.zeros(text.size, dtype=np.bool_)
        np.logical_and(digit[1:], digit[:-1], out=inside[1:])
        kept = pl.Series(to_arrow(np.logical_not(inside, out=inside)))
        # This filter is several times faster than NumPy's.
        origins = _places(text.size).filter(kept).to_numpy()
        squeezed = pl.Series(to_arrow(characters)).filter(kept).to_numpy()
        digits = squeezed - ZERO
        digits *= digits < 10
        squeezed = squeezed - digits
        offsets = np.empty(len(text) + 1, dtype=np.int64)
        offsets[0] = 0
        offsets[1:] = np.flatnonzero(squeezed == ord("\n")) + 1
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(squeezed)]
        lines = pa.Array.from_buffers(pa.large_binary(), len(text), buffers).dictionary_encode()
        distinct = pl.DataFrame({"text": pl.Series(lines.dictionary.cast(pa.large_string()))})
        distinct = distinct.select(pl.col("text").str.strip_suffix("\n").str.strip_suffix("\r"))
        return cls(distinct.to_series(), to_numpy(lines.indices), offsets[:-1], origins)

"""Reading and writing artifacts: atomic, deterministic, and sealed, so that damage is told before anything is used.

A sealed file holds, as 64 hexadecimal digits after a mark near its end, the SHA-256 of all its other bytes.
"""

import hashlib
import json
import math
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from logassay.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl
    import pyarrow as pa
    import pyarrow.parquet as pq

KEY = "logassay.sha256"
"""Key of the seal in the footer of a Parquet file, and (a plain "sha256") the last one of a JSON file."""
PARQUET = KEY.encode() + b"\x18\x40"
"""The mark in a Parquet file: the key and, as the footer's encoding has it, "a text of 64 bytes follows"."""
JSON = b'"sha256": "'
TRAILER = b"logassay sha256 "
"""The mark at the end of files in other formats that we choose; their readers take no notice of it."""
MARKS = {".parquet": PARQUET, ".json": JSON} | dict.fromkeys((".arrow", ".js", ".npz", ".pt"), TRAILER)
"""What is sealed, by suffix."""
BLANK = "0" * 64
"""Keeps the place of the digest."""
TAIL = 1 << 16
"""So far from the end a mark may be."""
FRESH = 10**8
"""Nanoseconds after a file's last change in which another one might leave its time of change as it is."""

_State = tuple[int, ...]
_whole: dict[str, _State] = {}
"""Sealed files that this process has found whole, and their state then."""
_digests: dict[str, tuple[_State, str]] = {}
"""The SHA-256 of files that this process has read or sealed, and their state then."""


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, moved onto it when the block ends without an error.

    The final name therefore never holds half a file, whenever the process is killed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Process numbers alone are not unique where several machines write to one disk.
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        yield temporary
        os.replace(temporary, path)
    except Exception as error:
        error.add_note(str(path))  # what a full disk says does not name it
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def sealed_path(path: Path, mark: bytes) -> Iterator[Path]:
    """Like `atomic_path`; what the block writes has `mark` and `BLANK` near its end, where the digest then goes."""
    with atomic_path(path) as temporary:
        yield temporary
        with temporary.open("r+b", buffering=0) as stream:
            place = _place(stream, mark)
            if place is None:
                raise RuntimeError(f"{path} was written without a place for its checksum")
            digest, _ = _hash(stream, place)
            stream.seek(place)
            stream.write(digest)


def _place(stream: FileIO, mark: bytes) -> int | None:
    """Return where the digest of a file stands."""
    size = stream.seek(0, os.SEEK_END)
    begin = stream.seek(max(0, size - TAIL))
    found = stream.read().rfind(mark)
    place = begin + found + len(mark)
    return None if found < 0 or place + len(BLANK) > size else place


def _hash(stream: FileIO, place: int) -> tuple[bytes, str]:
    """Return the digest that belongs into a file, and the SHA-256 of all its bytes as it is."""
    stream.seek(0)
    others, left, piece = hashlib.sha256(), place, memoryview(bytearray(1 << 20))
    while left and (count := stream.readinto(piece[:left])):
        others.update(piece[:count])
        left -= count
    rest = stream.read()
    whole = others.copy()
    whole.update(rest)
    others.update(rest[len(BLANK) :])
    return others.hexdigest().encode(), whole.hexdigest()


def check(path: Path, mark: bytes | None = None) -> None:
    """Compare a sealed file with the checksum in it; `mark` is that of its suffix, if not given.

    A file that is as this process has found it before is not read again.

    Raises
    ------
    UserError
        If the file is missing, damaged, or has no seal.
    """
    try:
        with path.open("rb", buffering=0) as stream:
            state = _state(stream)
            if _whole.get(str(path)) == state:
                return
            place = _place(stream, mark or MARKS[path.suffix])
            if place is None:
                reason = "it has no checksum: it was cut off, or an older version of LogAssay wrote it"
                raise damaged(path, reason)
            right, digest = _hash(stream, place)
            stream.seek(place)
            found = stream.read(len(BLANK))
    except OSError as error:
        raise unreadable(path, error) from None
    if right != found:
        raise damaged(path, "its content does not match its checksum")
    if _settled(state):
        _whole[str(path)] = state
        _digests[str(path)] = (state, digest)


def _state(stream: FileIO) -> _State:
    status = os.fstat(stream.fileno())
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _settled(state: _State) -> bool:
    """Whether a change of the file from now on would change its state."""
    return time.time_ns() - state[-1] > FRESH


def damaged(path: Path, reason: str) -> UserError:
    """Return the error for a file that is not as it was written."""
    return UserError(f"{path} is damaged ({reason}); delete it and run Snakemake again.")


def unreadable(path: Path, error: OSError) -> UserError:
    """Return the error for a file that the system does not read."""
    if isinstance(error, FileNotFoundError):
        return UserError(f"{path} does not exist; check the path or rebuild it with Snakemake.")
    return UserError(f"{path} cannot be read ({error.strerror or error}); check the path and its permissions.")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as hexadecimal text; one that is known is not worked out again.

    Raises
    ------
    UserError
        If the file is missing or cannot be read.
    """
    try:
        with path.open("rb", buffering=0) as stream:
            state = _state(stream)
            known, digest = _digests.get(str(path), (None, ""))
            if known != state:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
                if _settled(state):
                    _digests[str(path)] = (state, digest)
            return digest
    except OSError as error:
        raise unreadable(path, error) from None


def result_digest(path: Path) -> str:
    """Return the SHA-256 of a result, which is checked if it is of a kind that is sealed."""
    if path.suffix in MARKS:
        check(path)
    return sha256_of(path)


def digests_of(**results: Path | None) -> dict[str, str]:
    """Return the SHA-256 of each result by its role: what something was made from, or what was made."""
    return {role: result_digest(path) for role, path in results.items() if path is not None}


def check_made(path: Path, role: str, record: Path) -> None:
    """Compare a file that cannot hold a seal, such as a log, with the record of what made it.

    Raises
    ------
    UserError
        If the file or the record is missing or damaged.
    """
    if sha256_of(path) != read_json(record)["made"].get(role):
        raise damaged(path, f"its content does not match the checksum in {record.name}")


@contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """Make a folder for temporary files and remove it; its name begins like `path`, and no other process has it."""
    folder = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 `text` to `path` atomically."""
    write_bytes(path, text.encode("utf-8"))


def write_sealed_text(path: Path, text: str, comment: str) -> None:
    """Write UTF-8 `text`, whose line comments begin with `comment`; the last line is one, with the seal."""
    with sealed_path(path, TRAILER) as temporary:
        temporary.write_text(f"{text}\n{comment} {TRAILER.decode()}{BLANK}", encoding="utf-8")


def read_sealed_text(path: Path) -> str:
    """Read a text that `write_sealed_text` wrote, with the comment.

    Raises
    ------
    UserError
        If the file is missing or damaged.
    """
    check(path, TRAILER)
    return path.read_text(encoding="utf-8")


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write `value` as indented JSON, sealed; NaN and infinities are refused, undefined numbers are null."""
    if "sha256" in value:
        raise ValueError(f"{path}: the key sha256 is for the seal")
    text = json.dumps({**value, "sha256": BLANK}, indent=2, ensure_ascii=False, allow_nan=False)
    with sealed_path(path, JSON) as temporary:
        temporary.write_text(f"{text}\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file that `write_json` wrote; its seal is left out.

    Raises
    ------
    UserError
        If the file is missing or damaged.
    """
    check(path, JSON)
    try:
        value: dict[str, Any] = parse_json(path.read_bytes())
        del value["sha256"]
    except (ValueError, TypeError, KeyError) as error:
        raise damaged(path, f"it is not valid JSON: {error}") from None
    return value


def parse_json(data: bytes) -> Any:
    """Read JSON as we write it; ValueError where two readers might see different things in it, or none could use it.

    Refused are a key that stands twice, what is no number or too large for one, halves of surrogate pairs, and nesting
    that no stack holds.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) < len(pairs):
            raise ValueError("a key stands twice in one object")
        return value

    def number(text: str) -> float:
        value = float(text)
        if not math.isfinite(value):
            raise ValueError(f"{text[:20]} is no number")
        return value

    def whole(text: str) -> int:
        if len(text) > 20 or abs(int(text)) >= 1 << 63:
            raise ValueError(f"{text[:20]}... is too large a number")
        return int(text)

    try:
        value = json.loads(data, object_pairs_hook=once, parse_float=number, parse_int=whole, parse_constant=number)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if b"\\ud" in data.lower():
        json.dumps(value, ensure_ascii=False).encode()
    return value


def write_parquet(frame: "pl.DataFrame", path: Path) -> None:
    """Write a polars frame as Parquet, sealed, with settings that give the same bytes for the same frame."""
    with sealed_path(path, PARQUET) as temporary:
        frame.write_parquet(temporary, compression="zstd", compression_level=3, statistics=True, metadata={KEY: BLANK})


def arrow_table(frame: "pl.DataFrame") -> "pa.Table":
    """Return a frame as a table of Arrow's older types, which every reader of Parquet and IPC files knows."""
    import polars as pl

    return frame.to_arrow(compat_level=pl.CompatLevel.oldest())


class ParquetPieces:
    """A Parquet file written piece by piece; its bytes depend on the rows alone, not on how they come in pieces.

    Parameters
    ----------
    path : Path
        File to write; see `parquet_pieces`.
    schema : polars.Schema
        Columns of all pieces.
    full : int
        Size of a row group. The row that fills it still belongs to it.
    lists : str, optional
        Column of lists: a row then counts as so many as its list is long, and `ROW` more. Without it rows are counted.
    **options
        Those of pyarrow's writer.
    """

    ROW = 16

    def __init__(self, path: Path, schema: "pl.Schema", full: int, lists: str | None, **options: Any) -> None:
        import polars as pl
        import pyarrow.parquet as pq

        empty = arrow_table(pl.DataFrame(schema=schema))
        self._writer = pq.ParquetWriter(path, empty.schema, compression="zstd", **options)
        self._full = full
        self._lists = lists
        self._held: list[pl.DataFrame] = []
        self._size = 0

    def append(self, piece: "pl.DataFrame") -> None:
        """Add rows; full row groups are written."""
        sizes = self._sizes(piece)
        begin = done = 0
        while len(sizes) and self._size + int(sizes[-1]) - done >= self._full:
            end = int(sizes.searchsorted(self._full - self._size + done)) + 1
            self._held.append(piece.slice(begin, end - begin))
            self._flush()
            begin, done = end, int(sizes[end - 1])
        if begin < piece.height:
            self._held.append(piece.slice(begin))
            self._size += int(sizes[-1]) - done

    def close(self) -> None:
        """Write what is left. Not called after an error: the file is thrown away then."""
        if self._held:
            self._flush()
        self._writer.add_key_value_metadata({KEY: BLANK})
        self._writer.close()

    def _sizes(self, piece: "pl.DataFrame") -> "npt.NDArray[np.int64]":
        """Return the size of the piece up to and with each of its rows."""
        import numpy as np

        if self._lists is None:
            return np.arange(1, piece.height + 1)
        lengths = piece[self._lists].list.len().to_numpy().astype(np.int64)
        sizes: npt.NDArray[np.int64] = np.cumsum(lengths + self.ROW)
        return sizes

    def _flush(self) -> None:
        import polars as pl

        # Contiguous columns, because Arrow's page borders follow the pieces of a column.
        group = arrow_table(pl.concat(self._held).rechunk())
        self._writer.write_table(group, row_group_size=max(1, group.num_rows))
        self._held, self._size = [], 0


@contextmanager
def parquet_pieces(
    path: Path, schema: "pl.Schema", full: int = 1 << 22, lists: str | None = None, **options: Any
) -> Iterator[ParquetPieces]:
    """Yield a writer of a sealed Parquet file, which appears when the block ends without an error."""
    with sealed_path(path, PARQUET) as temporary:
        pieces = ParquetPieces(temporary, schema, full, lists, **options)
        yield pieces
        pieces.close()


def read_parquet(path: Path, columns: Sequence[str] | None = None, rows: int | None = None) -> "pl.DataFrame":
    """Read a sealed Parquet file, or the given columns of it, or its first so many rows.

    Raises
    ------
    UserError
        If the file is missing, damaged, or lacks one of the columns.
    """
    import polars as pl

    check(path, PARQUET)
    try:
        return pl.read_parquet(path, columns=None if columns is None else list(columns), n_rows=rows, glob=False)
    except pl.exceptions.ColumnNotFoundError as error:
        missing = str(error).splitlines()[0]
        raise UserError(f"{path} lacks a needed column ({missing}); delete it and run Snakemake again.") from None
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _no_parquet(path, error) from None


def scan_parquet(path: Path) -> "pl.LazyFrame":
    """Scan a sealed Parquet file lazily; it is checked at once.

    Raises
    ------
    UserError
        If the file is missing or damaged.
    """
    import polars as pl

    check(path, PARQUET)
    return pl.scan_parquet(path, glob=False)


def open_parquet(path: Path, **options: Any) -> "pq.ParquetFile":
    """Open a sealed Parquet file to read it in pieces; `options` are pyarrow's.

    Raises
    ------
    UserError
        If the file is missing or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    check(path, PARQUET)
    try:
        return pq.ParquetFile(path, **options)
    except (pa.ArrowException, OSError) as error:
        raise _no_parquet(path, error) from None


def columns_of(path: Path) -> list[str]:
    """Return the names of the columns of a sealed Parquet file."""
    with open_parquet(path) as file:
        return list(file.schema_arrow.names)


def _no_parquet(path: Path, error: Exception) -> UserError:
    return damaged(path, f"it is not a readable Parquet file: {str(error).splitlines()[0]}")

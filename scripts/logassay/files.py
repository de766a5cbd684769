"""Reading and writing artifacts: atomic, deterministic, and with clear words when a file is damaged."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from logassay.errors import UserError

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa
    import pyarrow.parquet as pq


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, moved onto it when the block ends without an error.

    The final name therefore never holds half a file, whenever the process is killed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """Make a folder for temporary files and remove it; what a killed process left there goes first."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 `text` to `path` atomically."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON; NaN and infinities are refused, undefined numbers are null."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    UserError
        If the file is missing or is not JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; check the path or rebuild it with Snakemake.") from None
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON ({error}); delete it and run Snakemake again.") from None


def write_parquet(frame: "pl.DataFrame", path: Path) -> None:
    """Write a polars frame as Parquet, with settings that give the same bytes for the same frame."""
    with atomic_path(path) as temporary:
        frame.write_parquet(temporary, compression="zstd", compression_level=3, statistics=True)


def arrow_table(frame: "pl.DataFrame") -> "pa.Table":
    """Return a frame as a table of Arrow's older types, which every reader of Parquet and IPC files knows."""
    import polars as pl

    return frame.to_arrow(compat_level=pl.CompatLevel.oldest())


class ParquetPieces:
    """A Parquet file written piece by piece; its bytes depend on the rows alone, not on how they come in pieces.

    A row group is full when its lists hold so many elements; the row that fills it still belongs to it.

    Parameters
    ----------
    path : Path
        File to write.
    schema : polars.Schema
        Columns of all pieces.
    lists : str
        Column of lists by whose lengths row groups are measured.
    """

    FULL = 1 << 22
    ROW = 16
    """A row counts as so many elements beside its own."""

    def __init__(self, path: Path, schema: "pl.Schema", lists: str) -> None:
        import polars as pl
        import pyarrow.parquet as pq

        empty = arrow_table(pl.DataFrame(schema=schema))
        self._writer = pq.ParquetWriter(path, empty.schema, compression="zstd", compression_level=3)
        self._lists = lists
        self._held: list[pl.DataFrame] = []
        self._size = 0

    def append(self, piece: "pl.DataFrame") -> None:
        """Add rows; full row groups are written."""
        sizes = (piece[self._lists].list.len().cast(int) + self.ROW).cum_sum().to_numpy()
        begin = done = 0
        while len(sizes) and self._size + int(sizes[-1]) - done >= self.FULL:
            end = int(sizes.searchsorted(self.FULL - self._size + done)) + 1
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
        self._writer.close()

    def _flush(self) -> None:
        import polars as pl

        # Contiguous columns, because Arrow's page borders follow the pieces of a column.
        group = arrow_table(pl.concat(self._held).rechunk())
        self._writer.write_table(group, row_group_size=max(1, group.num_rows))
        self._held, self._size = [], 0


def read_parquet(path: Path, columns: Sequence[str] | None = None, rows: int | None = None) -> "pl.DataFrame":
    """Read a Parquet file, or the given columns of it, or its first so many rows.

    Raises
    ------
    UserError
        If the file is missing, damaged, or lacks one of the columns.
    """
    import polars as pl

    try:
        return pl.read_parquet(path, columns=None if columns is None else list(columns), n_rows=rows)
    except pl.exceptions.ColumnNotFoundError as error:
        missing = str(error).splitlines()[0]
        raise UserError(f"{path} lacks a needed column ({missing}); delete it and run Snakemake again.") from None
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(path, error) from None


def open_parquet(path: Path, **options: Any) -> "pq.ParquetFile":
    """Open a Parquet file to read it in pieces; `options` are pyarrow's.

    Raises
    ------
    UserError
        If the file is missing or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path, **options)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> UserError:
    if isinstance(error, FileNotFoundError):
        return UserError(f"{path} does not exist; check the path or rebuild it with Snakemake.")
    reason = str(error).splitlines()[0]
    return UserError(f"{path} is not a readable Parquet file ({reason}); delete it and run Snakemake again.")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as hexadecimal text."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

"""Reading and writing artifacts: atomic, deterministic, and with clear words when a file is damaged."""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from logassay.errors import UserError

if TYPE_CHECKING:
    import polars as pl


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


def read_parquet(path: Path, columns: Sequence[str] | None = None) -> "pl.DataFrame":
    """Read a Parquet file, or the given columns of it.

    Raises
    ------
    UserError
        If the file is missing, damaged, or lacks one of the columns.
    """
    import polars as pl

    try:
        return pl.read_parquet(path, columns=None if columns is None else list(columns))
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; check the path or rebuild it with Snakemake.") from None
    except pl.exceptions.ColumnNotFoundError as error:
        missing = str(error).splitlines()[0]
        raise UserError(f"{path} lacks a needed column ({missing}); delete it and run Snakemake again.") from None
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"{path} is not a readable Parquet file ({reason}); delete it and run Snakemake again."
        ) from None


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as hexadecimal text."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

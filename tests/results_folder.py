"""What two results folders have to have in common: every file but logs, benchmarks, caches and the manifest of times.

Measured times and memory stand in some results, under names of their own; here alone they are left out.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from logassay.manifest import MANIFEST, RECORD

LEFT_OUT = ("logs", "benchmarks", "cache")
TIMES = (MANIFEST, RECORD)

MEASURED = frozenset(
    {
        "cost_seconds",
        "evaluation_seconds",
        "examples_per_second",
        "peak_memory_mb",
        "evaluated_on",
        "scoring_seconds",
        "seconds",
        "seconds_per_epoch",
        "seconds_per_evaluation",
        "sequences_per_second",
        "training_peak_memory_mb",
        "training_seconds",
        "wall_seconds",
    }
)
"""Keys of JSON files and columns of tables that hold when a run was, and what it took."""

SPOKEN = ("Expected cost", "Evaluated on", "예상 소요 시간", "평가일")
LINES = re.compile(f"^.*({'|'.join(SPOKEN)}).*$".encode(), re.MULTILINE)
"""The lines of reports that say so."""


def digests(results: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below a folder `results` by its path there.

    Files that hold measured times or memory (see `MEASURED`) are digested without these, and without their seal.
    """
    found = sorted(path for path in results.rglob("*") if path.is_file() and path.name not in TIMES)
    named = {path.relative_to(results): path for path in found}
    return {name.as_posix(): digest(path) for name, path in named.items() if name.parts[0] not in LEFT_OUT}


def digest(path: Path) -> str:
    """Return the SHA-256 of one such file."""
    return hashlib.sha256(_comparable(path)).hexdigest()


def _comparable(path: Path) -> bytes:
    """Return a file's bytes, or in their place those of its content without what was measured."""
    data = path.read_bytes()
    if path.suffix == ".json":
        value = json.loads(data)
        rest = _without(value)
        if rest != value:
            if isinstance(rest, dict):
                rest.pop("sha256", None)
            return json.dumps(rest).encode()
    elif path.suffix == ".parquet":
        measured = MEASURED.intersection(pq.read_schema(path).names)
        if measured:
            return _text(pl.read_parquet(path).drop(measured))
    elif path.suffix == ".csv":
        measured = MEASURED.intersection(data.split(b"\n", 1)[0].decode().split(","))
        if measured:
            return _text(pl.read_csv(path, infer_schema=False).drop(measured))
    elif path.suffix in (".md", ".html"):
        return LINES.sub(b"", data)
    return data


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without(inner) for key, inner in value.items() if key not in MEASURED}
    return [_without(inner) for inner in value] if isinstance(value, list) else value


def _text(table: pl.DataFrame) -> bytes:
    """Return a table as text, types first."""
    return f"{table.schema!r}\n{table.write_json()}".encode()

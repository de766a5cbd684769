"""Blocks of lines on disk: what the job of one chunk of a log hands to the job that joins all chunks."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from logassay.errors import UserError
from logassay.files import BLANK, TRAILER, arrow_table, check, damaged, sealed_path
from logassay.lines import LINES, REJECTS, Block
from logassay.squeeze import to_arrow, to_numpy

PARSED = pl.Schema({name: LINES[name] for name in ("line", "time", "keys", "alert", "joined")})
NUMBERS = ("bytes", "lines", "invalid", "headers")


def _rows(schema: pl.Schema) -> pa.DataType:
    return pa.large_list(pa.struct(arrow_table(pl.DataFrame(schema=schema)).schema))


SCHEMA = pa.schema(
    [
        *((name, pa.int64()) for name in NUMBERS),
        ("first", pa.large_string()),
        ("lead", pa.large_list(pa.large_string())),
        ("ends_rejected", pa.bool_()),
        ("rejects", _rows(REJECTS)),
        ("parsed", _rows(PARSED)),
        ("messages", pa.large_list(pa.large_string())),
        ("codes", pa.large_list(pa.int32())),
    ]
)
"""A block is one row."""
ORIGIN = b"logassay_origin"
"""Where in the file it stands what it was made of."""


def _one_row(values: pa.Array) -> pa.Array:
    return pa.LargeListArray.from_arrays(pa.array([0, len(values)], pa.int64()), values)


def _row(block: Block) -> pa.RecordBatch:
    frames = {"rejects": block.rejects, "parsed": block.parsed.select(PARSED.names())}
    lists = {
        name: _one_row(arrow_table(frame.rechunk()).to_struct_array().combine_chunks())
        for name, frame in frames.items()
    }
    lists["codes"] = _one_row(to_arrow(block.codes))
    columns = [
        lists[field.name] if field.name in lists else pa.array([getattr(block, field.name)], field.type)
        for field in SCHEMA
    ]
    return pa.record_batch(columns, schema=SCHEMA)


def _block(row: pa.RecordBatch) -> Block:
    values: dict[str, Any] = {
        name: row[name][0].as_py() for name in (*NUMBERS, "first", "lead", "ends_rejected", "messages")
    }
    for name, schema in (("rejects", REJECTS), ("parsed", PARSED)):
        values[name] = pl.DataFrame(pa.Table.from_struct_array(row[name][0].values), schema=schema)
    return Block(**values, codes=to_numpy(row["codes"][0].values))


def write_blocks(blocks: Iterable[Block], path: Path, origin: Any) -> int:
    """Write blocks, in their order, and what they are made of, for `origin_of`; return how many lines they have."""
    lines = 0
    schema = SCHEMA.with_metadata({ORIGIN: json.dumps(origin).encode()})
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with sealed_path(path, TRAILER) as temporary, temporary.open("wb") as stream:
        with pa.ipc.new_stream(stream, schema, options=options) as writer:
            for block in blocks:
                writer.write_batch(_row(block))
                lines += block.lines
        stream.write(TRAILER + BLANK.encode())
    return lines


def read_blocks(paths: Iterable[Path]) -> Iterator[Block]:
    """Read the blocks of chunks that follow each other."""
    for path in paths:
        check(path, TRAILER)
        try:
            with pa.ipc.open_stream(path) as reader:
                for row in reader:
                    yield _block(row)
        except (OSError, pa.ArrowInvalid) as error:
            raise _damaged(path, str(error)) from None


def origin_of(path: Path) -> Any:
    """Return what a chunk is made of, as `write_blocks` was told."""
    check(path, TRAILER)
    try:
        with pa.ipc.open_stream(path) as reader:
            return json.loads((reader.schema.metadata or {})[ORIGIN])
    except (OSError, pa.ArrowInvalid, ValueError) as error:
        raise _damaged(path, str(error)) from None
    except KeyError:
        raise _damaged(path, "it does not say of which log") from None


def _damaged(path: Path, reason: str) -> UserError:
    reason = (reason.splitlines() or [""])[0]
    return damaged(path, f"it is no whole chunk of a parsed log: {reason}")

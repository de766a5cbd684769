"""Message ids become event ids, part by part, in sampling order."""

import json
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from logassay import encode
from logassay.corpus import from_lists
from logassay.encode import run
from logassay.files import parquet_pieces
from logassay.overlap import seen_in_training

SEQUENCES = pl.DataFrame(
    {
        "sequence": pl.Series([0, 1, 2], dtype=pl.Int32),
        "id": ["a", "b", "c"],
        "label": [False, True, None],
        "kind": [None, "x", None],
        "start": [datetime(2026, 1, 1)] * 3,
        "message_ids": [[0, 1], [2], [1, 1, 0]],
        "gaps": [[0.0, 1.0], [0.0], [0.0, 2.0, 3.0]],
    },
    schema_overrides={"message_ids": pl.List(pl.Int32), "gaps": pl.List(pl.Float32)},
)
SPLIT = pl.DataFrame({"sequence": [0, 1, 2], "part": ["train", "test", "train"], "rank": [1, 0, 0]}).cast(
    {"sequence": pl.Int32}
)
MESSAGE_EVENTS = pl.DataFrame({"message_id": [2, 0, 1], "event": [8, 5, 7]}).cast(pl.Int32)
TEMPLATES = pl.DataFrame({"event": [5, 7, 8], "in_training": [True, True, False]})


def encoded(folder: Path, sequences: pl.DataFrame, split: pl.DataFrame, memory_mb: int = 2000) -> dict[str, Path]:
    """Encode and return the files of the parts."""
    frames = {"sequences": sequences, "split": split, "message_events": MESSAGE_EVENTS, "templates": TEMPLATES}
    for name, frame in frames.items():
        with parquet_pieces(folder / f"{name}.parquet", frame.schema, 700) as file:
            file.append(frame)
    outputs = {part: folder / f"{part}.parquet" for part in ("train", "validation", "test")}
    sequences_path, split_path, events_path, templates_path = (folder / f"{name}.parquet" for name in frames)
    report = folder / "encode.json"
    run(sequences_path, split_path, events_path, templates_path, memory_mb, outputs, report)
    return outputs


def test_encode_looks_up_events_and_follows_the_rank(tmp_path: Path) -> None:
    outputs = encoded(tmp_path, SEQUENCES, SPLIT)
    train = pl.read_parquet(outputs["train"])
    assert train["id"].to_list() == ["c", "a"]
    assert train["events"].to_list() == [[7, 7, 5], [5, 7]]
    assert train["gaps"].to_list() == [[0, 2, 3], [0, 1]]
    assert pl.read_parquet(outputs["test"])["events"].to_list() == [[8]]
    assert pl.read_parquet(outputs["validation"]).height == 0


def test_report_counts_events_of_templates_that_are_not_in_training(tmp_path: Path) -> None:
    encoded(tmp_path, SEQUENCES, SPLIT)
    parts = json.loads((tmp_path / "encode.json").read_text())["parts"]
    assert [tuple(part.values()) for part in parts] == [
        ("train", 2, 5, 0),
        ("validation", 0, 0, 0),
        ("test", 1, 1, 1),
    ]


def test_files_do_not_depend_on_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    count = 2000
    ids = [rng.integers(0, 3, length).tolist() for length in rng.integers(1, 30, count)]
    sequences = pl.DataFrame(
        {
            "sequence": pl.Series(range(count), dtype=pl.Int32),
            "id": [f"s{number}" for number in range(count)],
            "label": [number % 7 == 0 for number in range(count)],
            "kind": pl.Series([None] * count, dtype=pl.String),
            "start": [datetime(2026, 1, 1)] * count,
            "message_ids": pl.Series(ids, dtype=pl.List(pl.Int32)),
            "gaps": pl.Series(
                [[float(number)] * len(each) for number, each in enumerate(ids)], dtype=pl.List(pl.Float32)
            ),
        }
    )
    part = np.where(np.arange(count) < 1200, "train", np.where(np.arange(count) < 1210, "gap", "test"))
    rank = np.concatenate([rng.permutation(1200), np.arange(10), rng.permutation(790)])
    split = pl.DataFrame({"sequence": sequences["sequence"], "part": part, "rank": pl.Series(rank, dtype=pl.Int32)})
    files = []
    for memory in (10**9, 100_000):
        monkeypatch.setattr(encode, "LEAST_MEMORY", memory)
        outputs = encoded(tmp_path, sequences, split, memory_mb=0)
        files.append([path.read_bytes() for path in outputs.values()])
    assert files[0] == files[1]
    train = pl.read_parquet(outputs["train"])
    assert train["sequence"].to_list() == np.argsort(rank[:1200]).tolist()
    assert sorted(tmp_path.glob(".*")) == []


def test_overlap_numbers_equal_sequences_across_parts() -> None:
    train = from_lists([[2, 3], [4]])
    distinct, seen = seen_in_training(
        train, {"validation": from_lists([[2, 3], [5]]), "test": from_lists([[5], [2, 3], [4, 4]])}
    )
    assert distinct == {"validation": [0, 1], "test": [1, 0, 2]}
    assert seen == {"validation": [True, False], "test": [False, True, False]}

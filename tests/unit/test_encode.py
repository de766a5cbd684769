"""Message ids become event ids, part by part, in sampling order."""

import json
from datetime import datetime
from pathlib import Path

import polars as pl

from logassay.corpus import from_lists
from logassay.encode import encode, run
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


def test_encode_looks_up_events_and_follows_the_rank() -> None:
    train = encode(SEQUENCES, SPLIT, MESSAGE_EVENTS, "train")
    assert train["id"].to_list() == ["c", "a"]
    assert train["events"].to_list() == [[7, 7, 5], [5, 7]]
    assert train["gaps"].to_list() == [[0, 2, 3], [0, 1]]
    assert encode(SEQUENCES, SPLIT, MESSAGE_EVENTS, "test")["events"].to_list() == [[8]]


def test_report_counts_events_of_templates_that_are_not_in_training(tmp_path: Path) -> None:
    templates = pl.DataFrame({"event": [5, 7, 8], "in_training": [True, True, False]})
    frames = {"sequences": SEQUENCES, "split": SPLIT, "message_events": MESSAGE_EVENTS, "templates": templates}
    for name, frame in frames.items():
        frame.write_parquet(tmp_path / f"{name}.parquet")
    outputs = {part: tmp_path / f"{part}.parquet" for part in ("train", "validation", "test")}
    run(*(tmp_path / f"{name}.parquet" for name in frames), outputs, tmp_path / "encode.json")
    parts = json.loads((tmp_path / "encode.json").read_text())["parts"]
    assert [tuple(part.values()) for part in parts] == [
        ("train", 2, 5, 0),
        ("validation", 0, 0, 0),
        ("test", 1, 1, 1),
    ]
    assert pl.read_parquet(outputs["test"])["events"].to_list() == [[8]]


def test_overlap_numbers_equal_sequences_across_parts() -> None:
    train = from_lists([[2, 3], [4]])
    distinct, seen = seen_in_training(
        train, {"validation": from_lists([[2, 3], [5]]), "test": from_lists([[5], [2, 3], [4, 4]])}
    )
    assert distinct == {"validation": [0, 1], "test": [1, 0, 2]}
    assert seen == {"validation": [True, False], "test": [False, True, False]}

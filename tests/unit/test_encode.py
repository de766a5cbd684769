"""Message ids become event ids, part by part, in sampling order."""

from datetime import datetime

import polars as pl

from logassay.corpus import from_lists
from logassay.encode import encode
from logassay.overlap import seen_in_training


def test_encode_looks_up_events_and_follows_the_rank() -> None:
    sequences = pl.DataFrame(
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
    split = pl.DataFrame({"sequence": [0, 1, 2], "part": ["train", "test", "train"], "rank": [1, 0, 0]}).cast(
        {"sequence": pl.Int32}
    )
    message_events = pl.DataFrame({"message_id": [2, 0, 1], "event": [1, 5, 7]}).cast(pl.Int32)
    train = encode(sequences, split, message_events, "train")
    assert train["id"].to_list() == ["c", "a"]
    assert train["events"].to_list() == [[7, 7, 5], [5, 7]]
    assert train["gaps"].to_list() == [[0, 2, 3], [0, 1]]
    assert encode(sequences, split, message_events, "test")["events"].to_list() == [[1]]


def test_overlap_numbers_equal_sequences_across_parts() -> None:
    train = from_lists([[2, 3], [4]])
    distinct, seen = seen_in_training(
        train, {"validation": from_lists([[2, 3], [5]]), "test": from_lists([[5], [2, 3], [4, 4]])}
    )
    assert distinct == {"validation": [0, 1], "test": [1, 0, 2]}
    assert seen == {"validation": [True, False], "test": [False, True, False]}

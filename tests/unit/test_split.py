"""Dividing sequences: chronological order, gaps, nested samples."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from logassay.errors import UserError
from logassay.split import Split, divide


def sequences(count: int, seconds: int = 0) -> pl.DataFrame:
    """`count` sequences, one starting each minute, each lasting `seconds`; every tenth is anomalous."""
    start = [datetime(2026, 1, 1) + timedelta(minutes=minute) for minute in range(count)]
    return pl.DataFrame(
        {
            "sequence": pl.Series(range(count), dtype=pl.Int32),
            "label": [number % 10 == 0 for number in range(count)],
            "start": start,
            "end": [time + timedelta(seconds=seconds) for time in start],
        }
    )


def members(assignment: pl.DataFrame, part: str) -> list[int]:
    return assignment.filter(pl.col("part") == part).sort("rank")["sequence"].to_list()


def test_chronological_parts_follow_each_other_with_a_gap() -> None:
    assignment, report = divide(sequences(100), Split("chronological", 0.5, 0.2, 0.3), independent_after=3, seed=1)
    assert sorted(members(assignment, "train")) == list(range(50))
    assert sorted(members(assignment, "validation")) == list(range(53, 70))
    assert sorted(members(assignment, "test")) == list(range(73, 100))
    assert sorted(members(assignment, "gap")) == [50, 51, 52, 70, 71, 72]
    assert [part["sequences"] for part in report["parts"]] == [50, 17, 27, 6]
    assert report["parts"][0]["anomalous"] == 5


def test_neither_the_order_of_rows_nor_a_clock_that_steps_back_matters() -> None:
    frame = sequences(100)
    split = Split("chronological", 0.5, 0.2, 0.3)
    shuffled = frame.sample(fraction=1, shuffle=True, seed=7)
    assert divide(shuffled, split, 1, 1)[0].equals(divide(frame, split, 1, 1)[0])
    stepped = frame.with_columns(
        pl.when(pl.col("sequence") > 40).then(pl.col("start").dt.offset_by("-30m")).otherwise("start")
    )
    assert divide(stepped, split, 1, 1)[0].equals(divide(frame, split, 1, 1)[0])


def test_seed_changes_the_sampling_order_but_not_the_chronological_parts() -> None:
    split = Split("chronological", 0.5, 0.2, 0.3)
    one, two = (divide(sequences(100), split, 1, seed)[0] for seed in (1, 2))
    assert members(one, "train") != members(two, "train")
    for part in ("train", "validation", "test"):
        assert set(members(one, part)) == set(members(two, part))


def test_ranks_are_a_permutation_so_that_samples_are_nested() -> None:
    assignment, _ = divide(sequences(100), Split("shuffled", 0.5, 0.2, 0.3), 1, 3)
    for part, size in (("train", 50), ("validation", 20), ("test", 30)):
        ranks = assignment.filter(pl.col("part") == part)["rank"].sort().to_list()
        assert ranks == list(range(size))


def test_shuffled_mixes_times_and_leaves_no_gap() -> None:
    assignment, report = divide(sequences(1000), Split("shuffled", 0.5, 0.2, 0.3), independent_after=5, seed=1)
    assert not members(assignment, "gap")
    # The mean of 500 of the numbers 0..999 drawn at random has a standard deviation of 9.1.
    assert abs(np.mean(members(assignment, "train")) - 499.5) < 46
    assert report["gap"] == 0


def test_sequences_still_open_when_the_test_begins_are_counted() -> None:
    # Training ends with minute 49 and, with a gap of one, the test begins at 71: 25 minutes from 46 on reach it.
    _, report = divide(sequences(100, seconds=25 * 60), Split("chronological", 0.5, 0.2, 0.3), 1, 1)
    assert report["train_open_at_test_start"] == 4


def test_an_empty_part_and_too_large_shares_are_told() -> None:
    with pytest.raises(UserError, match="validation part of the split is empty"):
        divide(sequences(10), Split("chronological", 0.5, 0.2, 0.3), independent_after=5, seed=1)
    with pytest.raises(UserError, match="may not exceed 1"):
        divide(sequences(10), Split("chronological", 0.5, 0.4, 0.3), 1, 1)

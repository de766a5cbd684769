"""Pseudo-anomalies: what a mutation does, and what the manifest says of it."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logassay.corpus import ANOMALOUS, UNK, Corpus, from_lists, read_corpus
from logassay.errors import UserError
from logassay.files import write_parquet
from logassay.mutate import (
    CALIBRATION_MINIMUM,
    OPERATORS,
    SHORTEST_SHUFFLE,
    Change,
    apply_change,
    assign_operators,
    change_count,
    mutate_corpus,
    propose,
)

sequences = st.lists(st.integers(1, 4), min_size=1, max_size=30)


def corpus_of(lists: list[list[int]], labels: list[int] | None = None) -> Corpus:
    """Return a corpus whose gaps are 0, 1, 2, … within each sequence."""
    plain = from_lists(lists, labels)
    gaps = np.concatenate([np.arange(len(one), dtype=np.float32) for one in lists])
    return Corpus(plain.events, plain.offsets, plain.labels, gaps)


def named(count: int) -> pl.DataFrame:
    numbers = pl.Series("sequence", range(100, 100 + count), dtype=pl.Int32)
    return pl.DataFrame([numbers, numbers.cast(pl.String).alias("id")])


def mutate(
    lists: list[list[int]], labels: list[int] | None = None, **changes: object
) -> tuple[pl.DataFrame, pl.DataFrame]:
    arguments: dict = {
        "train": from_lists([[2, 3, 4]]),
        "sessions": 10,
        "rate": 0.02,
        "operators": OPERATORS,
        "seed": 1,
    } | changes
    return mutate_corpus(corpus_of(lists, labels), named(len(lists)), **arguments)


def replay(parent: list[int], row: dict) -> list[int]:
    """Redo a change from its manifest row, without the code under test."""
    result = list(parent)
    if row["operator"] == "insert":
        for position, event in reversed(list(zip(row["positions"], row["replacement"], strict=True))):
            result.insert(position, event)
    elif row["operator"] == "repeat":
        end = row["positions"][-1] + 1
        result[end:end] = row["replacement"]
    elif row["operator"] in ("delete", "truncate"):
        for position in reversed(row["positions"]):
            del result[position]
    else:
        for position, event in zip(row["positions"], row["replacement"], strict=True):
            result[position] = event
    return result


@settings(deadline=None, max_examples=60)
@given(
    st.lists(sequences, min_size=5, max_size=12),
    st.floats(0.001, 1),
    st.lists(st.sampled_from(OPERATORS), min_size=1, unique=True),
    st.integers(0, 2**32),
)
def test_always_differs_and_manifest_reproduces(
    lists: list[list[int]], rate: float, operators: list[str], seed: int
) -> None:
    parents = lists + [[2, 3, 4]] * CALIBRATION_MINIMUM
    mutated, manifest = mutate(parents, sessions=5, rate=rate, operators=operators, seed=seed)
    assert mutated.height == manifest.height == len(parents)
    assert manifest["distinct_from_parent"].all()
    rows = zip(parents, mutated.iter_rows(named=True), manifest.iter_rows(named=True), strict=True)
    for parent, result, row in rows:
        assert result["events"] != parent
        assert result["events"]
        assert result["events"] == replay(parent, row)
        assert len(result["gaps"]) == len(result["events"])
        assert result["gaps"][0] == 0
        assert row["positions"] == sorted(row["positions"])
        if row["operator"] != "insert":
            assert row["original"] == [parent[position] for position in row["positions"]]
        changes = len(row["positions"]) // (2 if row["operator"] == "swap" else 1)
        most = max(change_count(rate, len(parent)), SHORTEST_SHUFFLE if row["operator"] == "shuffle" else 1)
        assert 1 <= changes <= most
        new = set(result["events"]) - set(parent)
        if row["operator"] == "replace_unseen":
            assert new <= {UNK}
            assert result["events"].count(UNK) == parent.count(UNK) + changes
        elif row["operator"] in ("replace", "insert"):
            assert new <= {2, 3, 4}
        else:
            assert not new
        if row["operator"] in ("swap", "shuffle"):
            assert sorted(result["events"]) == sorted(parent)


@settings(deadline=None, max_examples=15)
@given(st.integers(1, 15), st.integers(0, 1000))
def test_parents_are_disjoint_and_normal(sessions: int, seed: int) -> None:
    labels = [ANOMALOUS if row % 4 == 0 else -1 if row % 4 == 1 else 0 for row in range(60)]
    mutated, manifest = mutate([[2, 3, 4, 2]] * 60, labels, sessions=sessions, seed=seed)
    parents = {part: mutated.filter(pl.col("part") == part)["sequence"].to_list() for part in mutated["part"].unique()}
    usable = [100 + row for row in range(60) if row % 4]
    assert parents["evaluation"] == usable[:sessions]
    assert parents["calibration"] == usable[sessions:]
    assert manifest.select("part", "sequence", "operator").equals(mutated.select("part", "sequence", "operator"))


def test_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        for table, frame in zip(("mutated", "manifest"), mutate([[2, 3, 4, 2, 3]] * 40, rate=0.5), strict=True):
            write_parquet(frame, tmp_path / name / table)
    for table in ("mutated", "manifest"):
        assert (tmp_path / "one" / table).read_bytes() == (tmp_path / "two" / table).read_bytes()


def test_deterministic_and_independent_of_the_number_of_sessions() -> None:
    lists = [[2, 3, 4, 2, 2, 3][: 1 + row % 6] for row in range(80)]
    first, _ = mutate(lists, sessions=20)
    again, _ = mutate(lists, sessions=20)
    more, _ = mutate(lists, sessions=40)
    other, _ = mutate(lists, sessions=20, seed=2)
    assert first.equals(again)
    assert first.drop("part").equals(more.drop("part"))
    assert not first.equals(other)


def test_a_prefix_of_the_data_mutates_alike() -> None:
    lists = [[2, 3, 4, 2, 2, 3]] * 90
    whole, _ = mutate(lists)
    part, _ = mutate(lists[:50])
    assert whole.head(50).equals(part)


def test_only_events_of_normal_training_sequences_are_put_in() -> None:
    train = from_lists([[2], [3, 4], [4, 1]], [0, 1, 0])
    _, manifest = mutate([[2, 3, 2]] * 90, operators=["insert", "replace"], train=train)
    assert set(manifest["replacement"].explode()) == {2, 4}


def test_mutations_that_equal_a_normal_training_sequence_are_marked() -> None:
    train = from_lists([[3, 2], [2, 2], [2, 4]], [0, 1, 0])
    mutated, _ = mutate([[2, 3]] * 90, operators=["swap", "replace"], train=train)
    marked = {tuple(events): equal for events, equal in mutated.select("events", "equals_normal").iter_rows()}
    # [2, 2] is an anomaly of training; [3, 2] comes from swapping, all others from replacing.
    assert marked == {(3, 2): True, (2, 4): True, (2, 2): False, (3, 3): False, (4, 3): False}


def test_operators_are_assigned_evenly() -> None:
    assigned = assign_operators(1000, OPERATORS, seed=7)
    assert [assigned.count(operator) for operator in OPERATORS] == [125] * 8
    assert assign_operators(10, OPERATORS, seed=7) == assigned[:10]


def test_operator_that_cannot_change_is_replaced_and_recorded() -> None:
    mutated, manifest = mutate([[2, 2, 2]] * 40, operators=["swap"])
    assert set(manifest["operator"]) == {"replace"}
    assert set(mutated["kind"]) == {"replace"}
    _, single = mutate([[2]] * 40, operators=["delete", "swap"])
    assert set(single["operator"]) == {"replace"}
    # One known event that fills the sequence: nothing can replace it, so one is inserted.
    _, lonely = mutate([[2]] * 40, operators=["replace"], train=from_lists([[2]]))
    assert set(lonely["operator"]) == {"insert"}
    # One event has no other order and no end to lose; the unknown event is not replaced by itself.
    _, short = mutate([[1]] * 40, operators=["shuffle", "truncate", "replace_unseen"])
    assert set(short["operator"]) == {"replace"}
    _, constant = mutate([[2, 2, 2, 2]] * 40, operators=["shuffle"])
    assert set(constant["operator"]) == {"replace"}


@pytest.mark.parametrize(
    ("rate", "length", "changes"), [(0.02, 5, 1), (0.02, 125, 2), (0.02, 174, 3), (0.5, 3, 2), (1.0, 7, 7)]
)
def test_number_of_changes(rate: float, length: int, changes: int) -> None:
    assert change_count(rate, length) == changes


def test_full_rate_changes_every_event_but_deletes_one_fewer() -> None:
    events, known = np.array([2, 3, 4, 2], dtype=np.int32), np.array([2, 3, 4], dtype=np.int32)

    def places(operator: str) -> list[int]:
        change = propose(operator, events, known, 4, np.random.default_rng(0))
        assert change is not None
        return [int(position) for position in change.positions]

    assert places("replace") == [0, 1, 2, 3]
    assert len(places("delete")) == 3
    assert places("swap") in ([0, 1, 2, 3], [1, 2])
    assert len(places("insert")) == 4
    assert places("replace_unseen") == places("shuffle") == places("repeat") == [0, 1, 2, 3]
    assert places("truncate") == [1, 2, 3]


def test_a_shuffled_span_is_where_events_differ_and_at_least_three_long() -> None:
    events, known = np.array([2, 2, 2, 2, 2, 3], dtype=np.int32), np.array([2, 3], dtype=np.int32)
    orders = set()
    for seed in range(20):
        change = propose("shuffle", events, known, 1, np.random.default_rng(seed))
        assert change is not None
        assert change.positions.tolist() == [3, 4, 5]
        assert change.original.tolist() == [2, 2, 3]
        orders.add(tuple(change.replacement.tolist()))
    assert orders == {(2, 3, 2), (3, 2, 2)}


def changed(operator: str, positions: list[int], original: list[int], replacement: list[int]) -> tuple[list, list]:
    events, gaps = np.array([5, 6, 7, 8], dtype=np.int32), np.array([0, 1, 2, 4], dtype=np.float32)
    change = Change(operator, np.array(positions), np.array(original, dtype=np.int32), np.array(replacement, np.int32))
    new_events, new_gaps = apply_change(events, gaps, change)
    assert new_gaps.dtype == np.float32
    return new_events.tolist(), new_gaps.tolist()


def test_gaps_stay_aligned() -> None:
    assert changed("insert", [1, 4], [], [9, 9]) == ([5, 9, 6, 7, 8, 9], [0, 0, 1, 2, 4, 0])
    assert changed("insert", [0], [], [9]) == ([9, 5, 6, 7, 8], [0, 0, 1, 2, 4])
    assert changed("delete", [1, 2], [6, 7], []) == ([5, 8], [0, 7])
    assert changed("delete", [0], [5], []) == ([6, 7, 8], [0, 2, 4])
    assert changed("delete", [3], [8], []) == ([5, 6, 7], [0, 1, 2])
    assert changed("replace", [2], [7], [9]) == ([5, 6, 9, 8], [0, 1, 2, 4])
    assert changed("swap", [0, 1], [5, 6], [6, 5]) == ([6, 5, 7, 8], [0, 1, 2, 4])
    assert changed("replace_unseen", [2], [7], [UNK]) == ([5, 6, UNK, 8], [0, 1, 2, 4])
    assert changed("shuffle", [1, 2, 3], [6, 7, 8], [8, 6, 7]) == ([5, 8, 6, 7], [0, 1, 2, 4])
    assert changed("repeat", [1, 2], [6, 7], [6, 7]) == ([5, 6, 7, 6, 7, 8], [0, 1, 2, 0, 0, 4])
    assert changed("repeat", [3], [8], [8]) == ([5, 6, 7, 8, 8], [0, 1, 2, 4, 0])
    assert changed("truncate", [2, 3], [7, 8], []) == ([5, 6], [0, 1])


def test_too_few_sequences_names_both_numbers() -> None:
    with pytest.raises(UserError, match=r"has 40 sequences .* but 51 are needed \(31 to evaluate .* at most 20"):
        mutate([[2, 3]] * 40, sessions=31)
    with pytest.raises(UserError, match="use more data"):
        mutate([[2, 3]] * 5, sessions=1)
    assert mutate([[2, 3]] * 40, sessions=20)[0].height == 40


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"rate": 0.0}, r"anomaly ratio .* is 0\.0,"),
        ({"rate": 1.5}, r"anomaly ratio .* is 1\.5,"),
        ({"rate": float("nan")}, r"anomaly ratio .* is nan,"),
        ({"operators": ["scramble"]}, "'scramble' is not known"),
        ({"operators": []}, "No mutation operator"),
        ({"train": from_lists([[2]], [1])}, "No normal training sequence"),
        ({"sessions": 0}, "at least 1 session"),
        ({"seed": -1}, "seed of 0 or more"),
    ],
)
def test_wrong_arguments(wrong: dict, words: str) -> None:
    with pytest.raises(UserError, match=words):
        mutate([[2, 3]] * 40, **wrong)


def test_output_is_read_as_a_corpus(tmp_path: Path) -> None:
    mutated, _ = mutate([[2, 3, 4]] * 40)
    write_parquet(mutated, tmp_path / "mutated.parquet")
    corpus = read_corpus(tmp_path / "mutated.parquet")
    assert len(corpus) == 40
    assert set(corpus.labels.tolist()) == {ANOMALOUS}
    assert corpus[3].tolist() == mutated["events"][3].to_list()

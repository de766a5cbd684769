"""Event sequences as flat arrays."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from logassay.corpus import Corpus, from_lists, read_corpus
from logassay.errors import UserError
from logassay.files import write_parquet


def part(path: Path) -> Path:
    write_parquet(
        pl.DataFrame(
            {
                "label": [True, None, False],
                "events": [[2, 3], [4], [2, 3, 5]],
                "gaps": [[0.0, 1.5], [0.0], [0.0, 0.0, 2.0]],
            },
            schema={"label": pl.Boolean, "events": pl.List(pl.Int32), "gaps": pl.List(pl.Float32)},
        ),
        path,
    )
    return path


def test_read_corpus_lays_sequences_end_to_end(tmp_path: Path) -> None:
    corpus = read_corpus(part(tmp_path / "part.parquet"))
    assert corpus.events.tolist() == [2, 3, 4, 2, 3, 5]
    assert corpus.offsets.tolist() == [0, 2, 3, 6]
    assert corpus.labels.tolist() == [1, -1, 0]
    assert corpus.gaps.tolist() == [0, 1.5, 0, 0, 0, 2]
    assert corpus[2].tolist() == [2, 3, 5]


def test_a_smaller_sample_is_a_prefix_of_a_larger_one(tmp_path: Path) -> None:
    path = part(tmp_path / "part.parquet")
    small, large = read_corpus(path, 2), read_corpus(path, 3)
    assert [small[row].tolist() for row in range(2)] == [large[row].tolist() for row in range(2)]


def test_more_than_there_is_names_both_numbers(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds 3 sequences but 4 were asked for"):
        read_corpus(part(tmp_path / "part.parquet"), 4)


def test_take_and_not_anomalous() -> None:
    corpus = from_lists([[2, 3], [4], [], [5, 6, 7]], [0, 1, 0, -1])
    taken = corpus.take([3, 0, 3])
    assert [taken[row].tolist() for row in range(3)] == [[5, 6, 7], [2, 3], [5, 6, 7]]
    assert taken.labels.tolist() == [-1, 0, -1]
    assert [corpus.not_anomalous()[row].tolist() for row in range(3)] == [[2, 3], [], [5, 6, 7]]


def test_distinct_numbers_equal_sequences_alike() -> None:
    first, inverse = from_lists([[2, 3], [4], [2, 3], [2], [4]]).distinct()
    assert first.tolist() == [0, 1, 3]
    assert inverse.tolist() == [0, 1, 0, 2, 1]


def test_an_empty_corpus_is_possible() -> None:
    corpus = from_lists([])
    assert len(corpus) == 0
    assert isinstance(corpus.take(np.array([], dtype=int)), Corpus)

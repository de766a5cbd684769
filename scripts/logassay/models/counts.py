"""What the models share that see of a sequence only how often each event occurs.

Counts are sparse: a log may have thousands of events, a sequence a few. Equal vectors are learned and judged once.
"""

from abc import abstractmethod
from itertools import pairwise
from typing import Any, ClassVar, TypeAlias

import numpy as np
from scipy import sparse

from logassay.corpus import ANOMALOUS, FIRST_EVENT, NORMAL, UNK, UNLABELLED, Corpus
from logassay.errors import UserError
from logassay.models.base import Detector, FloatArray, IntArray, Scores, Vocabulary

Counts: TypeAlias = sparse.csr_array
"""Counts of events as float64, one sequence a row; column 0 counts the unknown events, each other one an event."""

BLOCK = 1024
"""Distinct vectors judged at a time. Memory grows with it; results do not depend on it."""


def count_events(corpus: Corpus, vocabulary: Vocabulary) -> Counts:
    """Count each event of each sequence, shape (sequences, known events + 1), unknown events in column 0."""
    # scikit-learn takes no other indices than int32.
    columns = (vocabulary.encode(corpus.events) - UNK).astype(np.int32)
    shape = (len(corpus), vocabulary.size + FIRST_EVENT - UNK)
    counts = sparse.csr_array((np.ones(len(columns)), columns, corpus.offsets.astype(np.int32)), shape=shape)
    counts.sum_duplicates()
    return counts


def distinct_rows(counts: Counts) -> tuple[IntArray, IntArray]:
    """Find equal vectors.

    Returns
    -------
    first : int64 array, shape (distinct vectors,)
        Row of the first occurrence of each distinct vector, the vectors in ascending order.
    inverse : int64 array, shape (rows,)
        Position in `first` of the vector that each row equals.
    """
    # As bytes, rows compare like dense vectors: the first column that differs decides, and a count that is not stored
    # is smaller than any that is.
    pairs = np.stack([counts.shape[1] - counts.indices, counts.data], axis=1).astype(">u4")
    keys = np.empty(counts.shape[0], dtype=object)
    keys[:] = [pairs[begin:end].tobytes() for begin, end in pairwise(counts.indptr)]
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return first, inverse


def most_frequent(vectors: Counts, multiplicities: IntArray, most: int) -> tuple[Counts, IntArray]:
    """Return the `most` vectors that occur most often (of equally frequent ones the first), and how often, in order."""
    kept = np.sort(np.argsort(-multiplicities, kind="stable")[:most])
    return vectors[kept], multiplicities[kept]


def scale(counts: Counts, factors: FloatArray) -> Counts:
    """Multiply each column by its factor."""
    return sparse.csr_array((counts.data * factors[counts.indices], counts.indices, counts.indptr), shape=counts.shape)


def squared_distances(rows: Counts, vectors: Counts) -> FloatArray:
    """Return the squared Euclidean distances, shape (rows, vectors); exact, since counts are whole numbers."""
    lengths = rows.power(2).sum(axis=1)[:, None] + vectors.power(2).sum(axis=1)
    distances: FloatArray = lengths - 2 * (rows @ vectors.T).toarray()
    return distances


class CountDetector(Detector):
    """A model that sees only the counts of events.

    Attributes
    ----------
    stored : tuple of str
        Names of the attributes that training sets and a checkpoint holds: plain values, arrays or counts.
    """

    stored: ClassVar[tuple[str, ...]] = ()

    @property
    @abstractmethod
    def limit(self) -> float:
        """The model's own rule: a sequence with a larger score is anomalous."""

    @abstractmethod
    def measure(self, counts: Counts) -> FloatArray:
        """Score vectors of counts, shape (rows,); to the last bit, a row's score must not depend on the others."""

    def measure_all(self, counts: Counts) -> FloatArray:
        """Score any number of vectors, in blocks."""
        blocks = (counts[begin : begin + BLOCK] for begin in range(0, counts.shape[0], BLOCK))
        return np.concatenate([np.zeros(0), *map(self.measure, blocks)])

    def count(self, corpus: Corpus) -> Counts:
        """Count the events of each sequence."""
        return count_events(corpus, self.vocabulary)

    def count_known(self, corpus: Corpus) -> Counts:
        """Count the known events only, so that training does not teach that unknown ones are normal."""
        counts = self.count(corpus)
        counts.data[counts.indices == 0] = 0
        counts.eliminate_zeros()
        return counts

    def score(self, corpus: Corpus) -> Scores:
        """Score every sequence, equal vectors once."""
        counts = self.count(corpus)
        first, inverse = distinct_rows(counts)
        score = self.measure_all(counts[first])[inverse]
        return self.scores(corpus, score, score > self.limit)

    def state(self) -> dict[str, Any]:
        """Return the vocabulary and what was learned."""
        return super().state() | {name: _pack(getattr(self, name)) for name in self.stored}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what was learned."""
        super().restore(state)
        for name in self.stored:
            setattr(self, name, _unpack(state[name]))


def _pack(value: Any) -> Any:
    """Return counts as plain values and arrays, all else as it is."""
    if not sparse.issparse(value):
        return value
    return {"width": value.shape[1], "data": value.data, "columns": value.indices, "rows": value.indptr}


def _unpack(value: Any) -> Any:
    """Undo `_pack`."""
    if not isinstance(value, dict):
        return value
    shape = (len(value["rows"]) - 1, value["width"])
    return sparse.csr_array((value["data"], value["columns"], value["rows"]), shape=shape)


class NormalCounts(CountDetector):
    """A model that learns the counts of normal sequences."""

    def fit_epoch(self, train: Corpus) -> dict[str, Any]:
        """Learn from the distinct vectors of the training sequences."""
        self._vocabulary = Vocabulary.of(train)
        counts = self.count_known(train)
        first, inverse = distinct_rows(counts)
        self.learn(counts[first], np.bincount(inverse))
        return self.facts(examples=len(train), distinct_examples=len(first))

    @abstractmethod
    def learn(self, vectors: Counts, multiplicities: IntArray) -> None:
        """Learn from distinct vectors in ascending order, and how often each occurs."""


class LabelledCounts(CountDetector):
    """A model that learns how the counts of normal and of anomalous sequences differ; its score is p(anomaly).

    Sequences without a label are left out.
    """

    supervised: ClassVar[bool] = True

    @property
    def limit(self) -> float:
        """Probability of one half."""
        return 0.5

    def fit_epoch(self, train: Corpus) -> dict[str, Any]:
        """Learn from the distinct vectors of each label.

        Raises
        ------
        UserError
            If one of the labels is missing.
        """
        for label, name in ((NORMAL, "normal"), (ANOMALOUS, "anomalous")):
            if not np.any(train.labels == label):
                raise UserError(
                    f"No sequence of the training sample is labelled {name}, but this model learns from both kinds; "
                    "use a dataset with labels, a larger sample size, or a model that needs no labels."
                )
        train = train.take(train.labels != UNLABELLED)
        self._vocabulary = Vocabulary.of(train)
        counts = self.count_known(train)
        first, inverse = distinct_rows(counts)
        # How often each vector is normal (row 0) and anomalous (row 1).
        occurs = np.zeros((2, len(first)))
        np.add.at(occurs, (train.labels, inverse), 1)
        labels, vector = np.nonzero(occurs)
        self.learn(counts[first[vector]], labels, occurs[labels, vector])
        return self.facts(examples=len(train), distinct_examples=len(vector))

    @abstractmethod
    def learn(self, vectors: Counts, labels: IntArray, weights: FloatArray) -> None:
        """Learn from vectors, distinct within each label (0 normal, 1 anomalous), and how often each occurs."""

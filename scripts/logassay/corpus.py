"""Event sequences as flat arrays: the form in which models and baselines see the data."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from logassay.errors import UserError
from logassay.files import read_parquet

PAD = 0
"""Event id of padding."""
UNK = 1
"""Event id of every message whose template the training split does not have."""
FIRST_EVENT = 2
"""Smallest event id of a template."""

NORMAL, ANOMALOUS, UNLABELLED = 0, 1, -1


@dataclass(frozen=True)
class Values:
    """The numbers in the messages of events, laid end to end.

    An event whose numbers nobody knows, such as one that a mutation has put in, has a single NaN.

    Attributes
    ----------
    numbers : float32 array, shape (total numbers,)
        The numbers of all events, each event's in the order of its message.
    offsets : int64 array, shape (events + 1,)
        Event `i` has `numbers[offsets[i]:offsets[i + 1]]`.
    """

    numbers: npt.NDArray[np.float32]
    offsets: npt.NDArray[np.int64]

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """How many numbers each event has."""
        return np.diff(self.offsets)

    def take(self, places: npt.ArrayLike) -> "Values":
        """Return the numbers of the events at `places`, in that order; -1 is an event whose numbers nobody knows."""
        places = np.asarray(places, dtype=np.int64)
        # One more event, the last, which is what -1 means to an index as well.
        starts, counts = np.append(self.offsets[:-1], len(self.numbers)), np.append(self.counts, 1)
        numbers = np.append(self.numbers, np.float32(np.nan))
        offsets = np.concatenate([[0], np.cumsum(counts[places])]).astype(np.int64)
        wanted = np.repeat(starts[places] - offsets[:-1], counts[places]) + np.arange(offsets[-1])
        return Values(numbers[wanted], offsets)


@dataclass(frozen=True)
class Corpus:
    """Sequences of event ids, laid end to end.

    Attributes
    ----------
    events : int32 array, shape (total events,)
        Event ids of all sequences, one after the other.
    offsets : int64 array, shape (sequences + 1,)
        Sequence `i` is `events[offsets[i]:offsets[i + 1]]`.
    labels : int8 array, shape (sequences,)
        0 normal, 1 anomalous, -1 unlabelled.
    gaps : float32 array, shape (total events,)
        Seconds since the sequence's previous event; 0 for its first.
    values : Values or None
        The numbers in the messages; None unless a model reads them.
    """

    events: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int8]
    gaps: npt.NDArray[np.float32]
    values: Values | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> npt.NDArray[np.int32]:
        return self.events[self.offsets[index] : self.offsets[index + 1]]

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Number of events of each sequence."""
        return np.diff(self.offsets)

    def take(self, rows: npt.ArrayLike) -> "Corpus":
        """Return the sequences at `rows` (integer positions or a boolean mask), in that order."""
        rows = np.asarray(rows)
        if rows.dtype == bool:
            rows = np.flatnonzero(rows)
        lengths = self.lengths[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        # Position of every wanted event: its sequence's old start, plus its place inside the sequence.
        places = np.repeat(self.offsets[rows] - offsets[:-1], lengths) + np.arange(offsets[-1])
        values = None if self.values is None else self.values.take(places)
        return Corpus(self.events[places], offsets, self.labels[rows], self.gaps[places], values)

    def not_anomalous(self) -> "Corpus":
        """Return the sequences an unsupervised model may train on: all that are not labelled anomalous."""
        return self.take(self.labels != ANOMALOUS)

    def distinct(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Find equal event sequences; where there are numbers, they and the elapsed times must be equal too.

        Returns
        -------
        first : int64 array, shape (distinct sequences,)
            Row of the first occurrence of each distinct sequence, ascending.
        inverse : int64 array, shape (sequences,)
            Position in `first` of the sequence that each row equals.
        """
        seen: dict[bytes, int] = {}
        inverse = np.empty(len(self), dtype=np.int64)
        first: list[int] = []
        for row in range(len(self)):
            key = self[row].tobytes() + self._measured(row)
            place = seen.setdefault(key, len(first))
            if place == len(first):
                first.append(row)
            inverse[row] = place
        return np.asarray(first, dtype=np.int64), inverse

    def _measured(self, row: int) -> bytes:
        """Return what was measured in a sequence: elapsed times, and how many numbers events have and which."""
        if self.values is None:
            return b""
        begin, end = self.offsets[row : row + 2]
        bounds = self.values.offsets[begin : end + 1]
        numbers = self.values.numbers[bounds[0] : bounds[-1]]
        return self.gaps[begin:end].tobytes() + np.diff(bounds).tobytes() + numbers.tobytes()


def portions(offsets: npt.NDArray[np.int64], events: int) -> Iterator[tuple[int, int]]:
    """Divide sequences into runs of about so many events; give the first of each and the one after its last."""
    begin, count = 0, len(offsets) - 1
    if not count:
        yield 0, 0
    while begin < count:
        end = max(begin + 1, int(np.searchsorted(offsets, offsets[begin] + events, side="right")) - 1)
        yield begin, end
        begin = end


def from_lists(sequences: "list[list[int]] | list[npt.NDArray[np.int32]]", labels: "list[int] | None" = None) -> Corpus:
    """Build a corpus from Python lists of event ids (gaps are 0; labels default to normal)."""
    lengths = [len(sequence) for sequence in sequences]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    flat = [np.asarray(sequence, dtype=np.int32) for sequence in sequences]
    events = np.concatenate(flat) if flat else np.empty(0, dtype=np.int32)
    given = np.zeros(len(sequences), dtype=np.int8) if labels is None else np.asarray(labels, dtype=np.int8)
    return Corpus(events.astype(np.int32), offsets, given, np.zeros(len(events), dtype=np.float32))


def read_corpus(path: Path, rows: int | None = None, values: Path | None = None) -> Corpus:
    """Read `train.parquet`, `validation.parquet` or `test.parquet`, or the first `rows` sequences of it.

    The parts are stored in sampling order, so that the first n rows are the nested sample of size n. `values` is the
    file of the same part that ends in `_values.parquet`, for models that read the numbers of messages.

    Raises
    ------
    UserError
        If a file is damaged, holds fewer than `rows` sequences, or the values are those of other sequences.
    """
    import polars as pl

    frame = read_parquet(path, ["label", "events", "gaps"], rows)
    if rows is not None and rows > frame.height:
        raise UserError(
            f"{path} holds {frame.height} sequences but {rows} were asked for; "
            f"lower the sample size to {frame.height} or use more data."
        )
    lengths = frame["events"].list.len().to_numpy()
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64)
    labels = frame["label"].cast(pl.Int8).fill_null(UNLABELLED).to_numpy()
    events = frame["events"].explode(empty_as_null=False).cast(pl.Int32).to_numpy()
    gaps = frame["gaps"].explode(empty_as_null=False).cast(pl.Float32).to_numpy()
    corpus = Corpus(events, offsets, labels.astype(np.int8), gaps)
    if values is None:
        return corpus
    _, lengths, known = read_values(values)
    if len(lengths) < len(corpus) or (lengths[: len(corpus)] != corpus.lengths).any():
        raise UserError(f"{values} holds the values of other sequences than {path}; give that of the same split.")
    return replace(corpus, values=known.take(np.arange(len(events))))


def read_values(path: Path) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], Values]:
    """Read `train_values.parquet`, `validation_values.parquet` or `test_values.parquet`.

    Returns
    -------
    sequences : int32 array, shape (sequences,)
        Number of each sequence, in the order of the part.
    lengths : int64 array, shape (sequences,)
        Number of events of each sequence.
    values : Values
        The numbers of all their events.

    Raises
    ------
    UserError
        If the file is damaged.
    """
    frame = read_parquet(path, ["sequence", "counts", "values"])
    counts = frame["counts"].explode(empty_as_null=False).to_numpy()
    offsets = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)
    values = Values(frame["values"].explode(empty_as_null=False).to_numpy(), offsets)
    return frame["sequence"].to_numpy(), frame["counts"].list.len().to_numpy().astype(np.int64), values

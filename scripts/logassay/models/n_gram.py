"""n-grams (Hofmeyr, Forrest and Somayaji 1998, there on system calls): which runs of events did training not have?"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from logassay.corpus import FIRST_EVENT, PAD, UNK, Corpus
from logassay.models.base import Detector, IntArray, Scores, Vocabulary, mean, option

UNSEEN = -1
"""Number of every run that training did not have."""


@dataclass(frozen=True)
class Hyperparameters:
    """Pairs of neighbours are the least that sees order."""

    n: int = option(3, "events in a run", least=1)
    session_end: bool = option(True, "whether begin and end of a sequence are events")


class NGram(Detector):
    """Score a sequence by the share of its runs of n events that no training sequence has; the rule is: any.

    With `session_end`, n - 1 marks before a sequence and one after it are events too. Otherwise a sequence of fewer
    than n events is one run, padded on the left. A run with an unknown event is unseen.

    The cost is linear in the number of events, but for sorting.
    """

    hyper_kind = Hyperparameters

    def fit_epoch(self, train: Corpus) -> dict[str, Any]:
        """Collect the runs of the training sequences."""
        self._vocabulary = Vocabulary.of(train)
        self.known: list[IntArray] = []
        runs, _ = self.cut(train)
        numbers = self.number_first(runs[0])
        for events in runs[1:]:
            longer = self.lengthen(numbers, events)
            self.known.append(np.unique(longer[longer != UNSEEN]))
            numbers = find(longer, self.known[-1])
        return self.facts(examples=len(numbers), distinct_examples=len(np.unique(numbers[numbers != UNSEEN])))

    def cut(self, corpus: Corpus) -> tuple[IntArray, IntArray]:
        """Cut sequences into runs.

        Returns
        -------
        runs : int64 array, shape (n, runs)
            The first event of each run, its second, and so on.
        owner : int64 array, shape (runs,)
            Position of each run's sequence.
        """
        n, marked = self.hyper.n, self.hyper.session_end
        before = np.full(len(corpus), n - 1) if marked else np.maximum(n - corpus.lengths, 0)
        lengths = before + corpus.lengths + marked
        ends = np.cumsum(lengths)
        stream = np.full(lengths.sum(), PAD, dtype=np.int64)
        shift = ends - lengths + before - corpus.offsets[:-1]
        stream[np.arange(len(corpus.events)) + np.repeat(shift, corpus.lengths)] = self.vocabulary.encode(corpus.events)
        if marked:
            stream[ends - 1] = FIRST_EVENT + self.vocabulary.size
        # All positions but the last n - 1 of each sequence start a run.
        owner = np.repeat(np.arange(len(corpus)), lengths)
        starts = np.flatnonzero(np.arange(len(stream)) + n <= ends[owner])
        return stream[starts + np.arange(n)[:, None]], owner[starts]

    def number_first(self, events: IntArray) -> IntArray:
        """Number runs of one event."""
        return np.where(events == UNK, UNSEEN, events)

    def lengthen(self, numbers: IntArray, events: IntArray) -> IntArray:
        """Name runs by the number of the run without its last event, and that event."""
        base = FIRST_EVENT + self.vocabulary.size + 1
        return np.where((numbers == UNSEEN) | (events == UNK), UNSEEN, numbers * base + events)

    def score(self, corpus: Corpus) -> Scores:
        """Score every sequence."""
        runs, owner = self.cut(corpus)
        numbers = self.number_first(runs[0])
        # A run is known if the run without its last event is, and has been followed by that event.
        for events, known in zip(runs[1:], self.known, strict=True):
            numbers = find(self.lengthen(numbers, events), known)
        share = mean(numbers == UNSEEN, owner, len(corpus))
        return self.scores(corpus, share, share > 0)

    def state(self) -> dict[str, Any]:
        """Return the vocabulary and the known runs of 2 to n events."""
        return super().state() | {"known": {str(place): runs for place, runs in enumerate(self.known)}}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over the known runs."""
        super().restore(state)
        self.known = [state["known"][str(place)] for place in range(len(state["known"]))]


def find(names: IntArray, known: IntArray) -> IntArray:
    """Return the place of each name among the known ones, which ascend; UNSEEN where it is not one of them."""
    places = np.searchsorted(known, names)
    found = np.append(known, UNSEEN)[places] == names
    return np.where(found & (names != UNSEEN), places, UNSEEN)


DETECTOR = NGram

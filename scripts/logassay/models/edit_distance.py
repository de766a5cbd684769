"""Edit distance: how many events must change to make a sequence equal to one of training?"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from logassay.corpus import PAD, UNK, Corpus
from logassay.models.base import Detector, IntArray, Scores, Vocabulary, option


@dataclass(frozen=True)
class Hyperparameters:
    """The cap bounds the cost."""

    sequences: int = option(2000, "distinct training sequences kept, the most frequent ones", least=1)


class EditDistance(Detector):
    """Score a sequence by the normalised edit distance to the nearest distinct training sequence; the rule is: any.

    The distance is that of Levenshtein, the fewest events to insert, delete or replace, divided by the length of the
    longer sequence: from 0, equal, to 1, nothing in common. An unknown event equals none of training.

    The cost is the number of distinct sequences scored times that of the training sequences kept, at most `sequences`
    (of equally frequent ones those that come first), times their lengths.
    """

    hyper_kind = Hyperparameters

    def fit_epoch(self, train: Corpus) -> dict[str, Any]:
        """Keep the most frequent sequences."""
        self._vocabulary = Vocabulary.of(train)
        first, inverse = train.distinct()
        order = np.argsort(-np.bincount(inverse), kind="stable")[: self.hyper.sequences]
        kept = train.take(first[order])
        events = self.vocabulary.encode(kept.events)
        # PAD, which occurs nowhere else: an unknown event does not even equal one of training.
        self.keep(np.where(events == UNK, PAD, events), kept.offsets)
        return self.facts(examples=len(train), distinct_examples=len(first))

    def keep(self, events: IntArray, offsets: IntArray) -> None:
        """Remember training sequences, the most frequent first."""
        self.events, self.offsets = events, offsets
        self.texts = write(events, offsets)

    def score(self, corpus: Corpus) -> Scores:
        """Score every sequence."""
        texts = write(self.vocabulary.encode(corpus.events), corpus.offsets)
        nearest = [process.extractOne(text, self.texts, scorer=Levenshtein.normalized_distance)[1] for text in texts]
        score = np.array(nearest, dtype=np.float64)
        return self.scores(corpus, score, score > 0)

    def state(self) -> dict[str, Any]:
        """Return the vocabulary and the training sequences."""
        return super().state() | {"events": self.events, "offsets": self.offsets}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over the training sequences."""
        super().restore(state)
        self.keep(state["events"], state["offsets"])


def write(events: IntArray, offsets: IntArray) -> list[str]:
    """Write each sequence as a text of one character an event, the form that rapidfuzz compares fastest."""
    letters = list(map(chr, events))
    return ["".join(letters[begin:end]) for begin, end in pairwise(offsets)]


DETECTOR = EditDistance

"""Flag-all: calls every sequence anomalous. A result that does not clearly beat it is worth nothing."""

from typing import ClassVar

import numpy as np

from logassay.corpus import Corpus
from logassay.models.base import Detector, Scores


class FlagAll(Detector):
    """Give every sequence the score 1 and call it anomalous."""

    answer: ClassVar[bool] = True

    def score(self, corpus: Corpus) -> Scores:
        """Score every sequence."""
        return self.scores(corpus, np.full(len(corpus), self.answer), np.full(len(corpus), self.answer))


DETECTOR = FlagAll

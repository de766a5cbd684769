"""New-event: a sequence is anomalous if it holds an event that training did not have."""

from logassay.corpus import Corpus
from logassay.models.base import Detector, Scores


class NewEvent(Detector):
    """Score a sequence by the number of its events that no training sequence has; the rule is: any."""

    def score(self, corpus: Corpus) -> Scores:
        """Score every sequence."""
        unknown = self.vocabulary.count_unknown(corpus)
        return self.scores(corpus, unknown, unknown > 0)


DETECTOR = NewEvent

"""Invariant mining (Lou, Fu, Yang, Xu and Li, USENIX ATC 2010): which equations between event counts always hold?"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product
from typing import ClassVar

import numpy as np

from logassay.models.base import FloatArray, IntArray, option
from logassay.models.counts import Counts, NormalCounts, most_frequent

COEFFICIENTS = (1, 2, 3)
"""Absolute values of coefficients; the paper allows these too."""
PROBE = 256
"""Vectors, the most frequent ones, on which every equation is tried before all vectors are."""
BATCH = 1024
"""Equations tried on all vectors at a time."""


@dataclass(frozen=True)
class Hyperparameters:
    """The paper's support; the caps bound the search, which grows with the cube of the number of events."""

    support: float = option(0.98, "least share of sequences in which an invariant holds", least=0.5, most=1.0)
    events: int = option(40, "events searched, those that the most training sequences have", least=2)
    vectors: int = option(5000, "distinct training vectors searched, the most frequent ones", least=1)


class Invariants(NormalCounts):
    """Mine equations such as "received = 3 x allocated" and score a sequence by the share that it violates.

    An equation says that the counts of one or two events, times 1, 2 or 3, add up to that of another, times 1, 2 or 3.
    It is an invariant if it holds in a share `support` of the training sequences and, beyond the paper, of those that
    have each one of its events: equations among rare events would hold nearly always, since 0 = 0. Invariants that
    follow from others, being linear combinations of them, are redundant; kept are those of fewer events, of these those
    that hold more often, and of these those with smaller coefficients. One more says that unknown events do not occur.

    Each invariant weighs log((n + 1) / (v + 1)), where n training sequences have any of its events and v violate it.
    The score is the weight of the violated ones by that of all; the paper's rule: anomalous if any is violated.

    All pairs and triples of the `events` most frequent events are tried, on the `vectors` most frequent vectors.
    Scoring is linear in the number of distinct vectors.
    """

    hyper_kind = Hyperparameters
    stored: ClassVar[tuple[str, ...]] = ("relations", "weights")

    @property
    def limit(self) -> float:
        """No violation."""
        return 0.0

    def learn(self, vectors: Counts, multiplicities: IntArray) -> None:
        """Search for invariants."""
        kept, occurs = most_frequent(vectors, multiplicities, self.hyper.vectors)
        frequency = occurs @ (kept > 0)
        events = np.sort(np.argsort(-frequency[1:], kind="stable")[: self.hyper.events]) + 1
        relations, concerned, violated = mine(kept[:, events].toarray(), occurs, self.hyper.support)
        unknown = np.zeros((1, kept.shape[1]))
        unknown[0, 0] = 1
        wide = np.zeros((len(relations), kept.shape[1]))
        wide[:, events] = relations
        self.relations = np.vstack([wide, unknown])  # (invariants, columns)
        total = occurs.sum()
        self.weights = np.log((np.append(concerned, total) + 1) / (np.append(violated, 0) + 1))

    def measure(self, counts: Counts) -> FloatArray:
        """Return the weighted shares of violated invariants."""
        violated = counts @ self.relations.T != 0  # (rows, invariants)
        share: FloatArray = (violated * self.weights).sum(axis=1) / self.weights.sum()
        return share


def mine(counts: FloatArray, occurs: IntArray, support: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Find the invariants that do not follow from each other.

    Parameters
    ----------
    counts : float64 array, shape (vectors, events)
        Counts of the events searched.
    occurs : int64 array, shape (vectors,)
        How often each vector occurs.
    support : float
        Least share of sequences in which an invariant holds.

    Returns
    -------
    relations : float64 array, shape (invariants, events)
        Coefficients; their sum over the counts of a sequence is 0 where the invariant holds.
    concerned, violated : float64 arrays, shape (invariants,)
        How many sequences have any event of the invariant, and how many violate it.
    """
    # Groups of sequences: all, and for each event those that have it.
    groups = np.vstack([occurs, occurs * (counts.T > 0)])  # (1 + events, vectors)
    # Rounded down, but not because 1 - 0.9 is a little less than 0.1.
    allowed = np.floor((1 - support) * groups.sum(axis=1) + 1e-6)
    tried = stack(list(promising(counts, groups, allowed)), counts.shape[1])
    found: list[tuple[FloatArray, float, float]] = []
    for begin in range(0, len(tried), BATCH):
        relations = tried[begin : begin + BATCH]
        broken = counts @ relations.T != 0  # (vectors, relations)
        within = np.vstack([np.ones(len(relations), dtype=bool), relations.T != 0])
        holds = np.all(~within | (groups @ broken <= allowed[:, None]), axis=0)
        concerned = occurs @ ((counts > 0) @ (relations.T != 0))
        violated = occurs @ broken
        found += [(relations[each], float(concerned[each]), float(violated[each])) for each in np.flatnonzero(holds)]
    # An equation between events that no sequence has holds for nothing.
    found = [each for each in found if each[1]]
    found.sort(key=lambda each: (np.count_nonzero(each[0]), each[2] / each[1], np.abs(each[0]).sum()))
    kept, basis = [], np.zeros((0, counts.shape[1]))
    for relation, concerned, violated in found:
        rest = relation - basis.T @ (basis @ relation)
        length = np.linalg.norm(rest)
        # The coefficients are small whole numbers: what is left of an independent relation is far from rounding.
        if length > 1e-6:
            kept.append((relation, concerned, violated))
            basis = np.vstack([basis, rest / length])
    relations = stack([relation for relation, _, _ in kept], counts.shape[1])
    return relations, np.array([each[1] for each in kept]), np.array([each[2] for each in kept])


def stack(relations: list[FloatArray], events: int) -> FloatArray:
    """Return relations as one array, shape (relations, events), also if there are none."""
    return np.array(relations).reshape(len(relations), events)


def promising(counts: FloatArray, groups: FloatArray, allowed: FloatArray) -> Iterator[FloatArray]:
    """Yield the relations, shape (events,), of which the most frequent vectors do not violate more than is allowed.

    Parameters
    ----------
    counts : float64 array, shape (vectors, events)
        Counts of the events searched.
    groups : int64 array, shape (1 + events, vectors)
        How often each vector occurs, in all and in the sequences that have each event.
    allowed : float64 array, shape (1 + events,)
        Number of sequences of each group that may violate a relation.
    """
    probe = np.argsort(-groups[0], kind="stable")[:PROBE]
    counts, groups = counts[probe], groups[:, probe].astype(np.float64)
    events = counts.shape[1]
    # Right sides: each event times each coefficient, and the sequences that have the event.
    right = np.hstack([factor * counts for factor in COEFFICIENTS])  # (probe, 3 x events)
    having = np.tile(groups[1:].T, len(COEFFICIENTS))
    single = ((event,) for event in range(events))
    for terms in (*single, *combinations(range(events), 2)):
        for factors in product(COEFFICIENTS, repeat=len(terms)):
            broken = (counts[:, terms] @ factors)[:, None] != right
            own = [0, *(1 + event for event in terms)]
            fits = np.all(groups[own] @ broken <= allowed[own, None], axis=0)
            fits &= (having * broken).sum(axis=0) <= np.tile(allowed[1:], len(COEFFICIENTS))
            for place in np.flatnonzero(fits):
                factor, event = COEFFICIENTS[place // events], int(place % events)
                # Each equation once: a pair from its first event on, and none that is a multiple of another.
                repeated = event in terms or (len(terms) == 1 and event < terms[0])
                if not repeated and np.gcd.reduce((factor, *factors)) == 1:
                    relation = np.zeros(events)
                    relation[[*terms, event]] = (*factors, -factor)
                    yield relation


DETECTOR = Invariants

"""Pseudo-anomalies: normal sequences with a few events changed, for logs without labels.

Change here how a sequence is mutated and which sessions serve calibration; how the result is judged is in evaluate.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from logassay.corpus import ANOMALOUS, FIRST_EVENT, UNK, Corpus
from logassay.errors import UserError

OPERATORS = ("replace", "insert", "delete", "swap", "replace_unseen", "shuffle", "repeat", "truncate")
"""The mutation operators, in the order in which a substitute is looked for."""

SHORTEST_SHUFFLE = 3
"""Fewest events of a shuffled span, where the sequence has so many: a span of two would be a swap."""

CALIBRATION_MINIMUM = 20
"""Fewest calibration parents: with less, a threshold with 5 % false positives cannot even be expressed."""

Events = npt.NDArray[np.int32]
Gaps = npt.NDArray[np.float32]
Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Change:
    """What one mutation does to its parent; together with the parent it gives the mutated sequence.

    Attributes
    ----------
    operator : str
        The operator really applied.
    positions : int64 array
        Ascending positions in the parent. `replace`, `replace_unseen`, `swap` and `shuffle`: where events are
        overwritten (a swap names both neighbours, a shuffle its whole span). `delete` and `truncate`: which events go.
        `insert`: before which event each new one is put (the parent's length means the end; a position may repeat).
        `repeat`: the burst, a copy of which follows it.
    original : int32 array
        The parent's events at those positions; empty for `insert`.
    replacement : int32 array
        The new events, for `repeat` the copy; empty for `delete` and `truncate`.
    """

    operator: str
    positions: Positions
    original: Events
    replacement: Events


def change_count(rate: float, length: int) -> int:
    """Return how many changes a sequence gets: `rate * length`, rounded half to even, but at least one.

    What that number means depends on the operator:

    ================  ==================================================================
    `replace`         events overwritten by another event that training has
    `replace_unseen`  events overwritten by one that training does not have (`UNK`)
    `insert`          events put in, each at a place of its own
    `delete`          events taken out, each at a place of its own
    `swap`            pairs of neighbours that change places
    `shuffle`         length of the span whose events are put in another order, at least
                      `SHORTEST_SHUFFLE`
    `repeat`          length of the burst that happens twice, the second time at once
    `truncate`        events missing at the end
    ================  ==================================================================
    """
    return max(1, round(rate * length))


def propose(
    operator: str, events: Events, known: Events, changes: int, generator: np.random.Generator
) -> Change | None:
    """Choose what `operator` does to a sequence.

    Fewer than `changes` changes are made where the sequence has no room for them: `delete` and `truncate` leave one
    event, swapped pairs do not overlap, `replace` skips an event that nothing else known can stand in for, and
    `replace_unseen` one that training does not have already.

    Parameters
    ----------
    operator : str
        One of `OPERATORS`.
    events : int32 array, shape (length,)
        The parent.
    known : int32 array
        Distinct event ids that `replace` and `insert` may put in; not empty.
    changes : int
        Number of changes wanted, at least 1.
    generator : numpy.random.Generator
        Source of all choices.

    Returns
    -------
    Change or None
        None when the operator cannot change this sequence.
    """
    none = np.empty(0, dtype=np.int32)
    if operator == "insert":
        positions = np.sort(generator.integers(0, len(events) + 1, size=changes))
        return Change(operator, positions, none, generator.choice(known, size=changes))
    if operator == "replace":
        replaceable = np.arange(len(events)) if len(known) > 1 else np.flatnonzero(events != known[0])
        if len(replaceable) == 0:
            return None
        positions = np.sort(generator.choice(replaceable, size=min(changes, len(replaceable)), replace=False))
        new = [generator.choice(known[known != event]) for event in events[positions]]
        return Change(operator, positions, events[positions], np.asarray(new, dtype=np.int32))
    if operator == "replace_unseen":
        replaceable = np.flatnonzero(events != UNK)
        if len(replaceable) == 0:
            return None
        positions = np.sort(generator.choice(replaceable, size=min(changes, len(replaceable)), replace=False))
        return Change(operator, positions, events[positions], np.full(len(positions), UNK, dtype=np.int32))
    if operator == "delete":
        if len(events) < 2:
            return None
        positions = np.sort(generator.choice(len(events), size=min(changes, len(events) - 1), replace=False))
        return Change(operator, positions, events[positions], none)
    if operator == "swap":
        lefts: list[int] = []
        taken: set[int] = set()
        for left in generator.permutation(np.flatnonzero(events[:-1] != events[1:])).tolist():
            if len(lefts) == changes:
                break
            if left not in taken and left + 1 not in taken:
                lefts.append(left)
                taken.update((left, left + 1))
        if not lefts:
            return None
        left_positions = np.sort(np.asarray(lefts, dtype=np.int64))
        positions = np.repeat(left_positions, 2) + np.tile([0, 1], len(lefts))
        exchanged = np.repeat(left_positions, 2) + np.tile([1, 0], len(lefts))
        return Change(operator, positions, events[positions], events[exchanged])
    if operator == "shuffle":
        length = min(max(changes, SHORTEST_SHUFFLE), len(events))
        # Only a span with two different neighbours somewhere in it has another order.
        differ = np.concatenate([[0], np.cumsum(events[:-1] != events[1:])])
        starts = np.flatnonzero(differ[length - 1 :] > differ[: len(events) - length + 1])
        if len(starts) == 0:
            return None
        positions = generator.choice(starts) + np.arange(length)
        span = events[positions]
        shuffled = generator.permutation(span)
        if np.array_equal(shuffled, span):
            shuffled = np.roll(span, 1)
        return Change(operator, positions, span, shuffled)
    if operator == "repeat":
        length = min(changes, len(events))
        positions = generator.integers(0, len(events) - length + 1) + np.arange(length)
        return Change(operator, positions, events[positions], events[positions])
    if operator == "truncate":
        if len(events) < 2:
            return None
        positions = np.arange(len(events) - min(changes, len(events) - 1), len(events))
        return Change(operator, positions, events[positions], none)
    raise UserError(f"The mutation operator {operator!r} is not known; use some of {', '.join(OPERATORS)}.")


def apply_change(events: Events, gaps: Gaps, change: Change) -> tuple[Events, Gaps]:
    """Return the mutated events with their gaps.

    An inserted event happens together with the one before it (gap 0), and so does each of a repeated burst. The gap of
    a deleted event is added to the event that follows it. A first event always has gap 0. Events that change places
    leave the gaps where they are.
    """
    if change.operator in ("insert", "repeat"):
        places = change.positions if change.operator == "insert" else _after(change)
        return np.insert(events, places, change.replacement), np.insert(gaps, places, np.float32(0))
    if change.operator in ("delete", "truncate"):
        kept = np.setdiff1d(np.arange(len(events)), change.positions)
        merged = np.zeros(len(kept), dtype=np.float32)
        if len(kept) > 1:
            # Each kept event's gap sums the span that starts after the previously kept one.
            merged[1:] = np.add.reduceat(gaps[: kept[-1] + 1].astype(np.float64), kept[:-1] + 1)
        return events[kept], merged
    mutated = events.copy()
    mutated[change.positions] = change.replacement
    return mutated, gaps


def _after(change: Change) -> Positions:
    """Return where the copy of a burst is put: all of it behind the burst."""
    return np.full(len(change.positions), change.positions[-1] + 1)


def trace_origins(change: Change, length: int) -> Positions:
    """Return for each event of the mutated sequence its position in the parent, of so many events; -1 if it is new.

    A repeated burst is no new one: it has the origins of the first.
    """
    origins = np.arange(length)
    if change.operator == "insert":
        return np.insert(origins, change.positions, -1)
    if change.operator == "repeat":
        return np.insert(origins, _after(change), change.positions)
    if change.operator in ("delete", "truncate"):
        return np.delete(origins, change.positions)
    if change.operator == "swap":
        origins[change.positions] = change.positions.reshape(-1, 2)[:, ::-1].ravel()
    elif change.operator == "shuffle":
        # Of equal events the first one stays the first.
        new, old = (np.argsort(events, kind="stable") for events in (change.replacement, change.original))
        origins[change.positions[new]] = change.positions[old]
    else:
        origins[change.positions] = -1
    return origins


def assign_operators(count: int, operators: Sequence[str], seed: int) -> list[str]:
    """Assign one operator to each of `count` sequences, evenly: every run of `len(operators)` rows has each once.

    The first rows get the same operators whatever `count` is.
    """
    blocks = -(-count // len(operators))
    order = np.random.default_rng(seed).permuted(np.tile(np.arange(len(operators)), (blocks, 1)), axis=1)
    return [operators[index] for index in order.ravel()[:count]]


def mutate_sequence(
    events: Events, gaps: Gaps, operator: str, substitutes: Sequence[str], known: Events, changes: int, seed: list[int]
) -> tuple[Events, Gaps, Change]:
    """Mutate one sequence by `operator`, or by the first of `substitutes` that can change it."""
    generator = np.random.default_rng(seed)
    for candidate in (operator, *substitutes):
        change = propose(candidate, events, known, changes, generator)
        if change is not None:
            mutated, mutated_gaps = apply_change(events, gaps, change)
            if np.array_equal(mutated, events):
                raise RuntimeError(f"{change} left its parent unchanged")
            return mutated, mutated_gaps, change
    raise RuntimeError("no operator can change the sequence, although `insert` always can")


def mutate_corpus(
    corpus: Corpus,
    names: pl.DataFrame,
    train: Corpus,
    sessions: int,
    rate: float,
    operators: Sequence[str],
    seed: int,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Mutate every sequence that is not labelled anomalous, once.

    The paired protocol judges all of them, and the prevalence protocol a share of them: see `evaluate`.

    The first `sessions` of them, in the order given (the sampling order), are the evaluation parents, all others the
    calibration parents; so the two are disjoint. What happens to a parent depends on its row and number, the seed, the
    rate and the operators, but not on `sessions`.

    Parameters
    ----------
    corpus : Corpus
        The validation sequences, in sampling order.
    names : polars.DataFrame
        Columns `sequence` (int) and `id` (str), rows as in `corpus`.
    train : Corpus
        The training sequences. Events of those that are not labelled anomalous are what mutations may put in: an event
        that only anomalies have would give the label away. `replace_unseen` alone puts in what is not among them.
    sessions : int
        Number of evaluation parents.
    rate : float
        Mutation rate: share of a sequence's events that is changed, in (0, 1]; see `change_count`.
    operators : sequence of str
        Operators to assign evenly. Where one cannot change a sequence another of these is taken, then one of
        `OPERATORS`.
    seed : int
        Seed of all choices, at least 0.

    Returns
    -------
    mutated : polars.DataFrame
        part, sequence (the parent's number), id, label (True), kind and operator (the one applied), events, gaps,
        origins (position of each event in the parent, -1 for a new one), equals_normal (whether a training sequence
        that is not labelled anomalous is the same; such a mutation is no anomaly to anyone who has seen training).
    manifest : polars.DataFrame
        part, sequence, id, operator, positions, original, replacement (see `Change`), mutation_rate, seed,
        distinct_from_parent.

    Raises
    ------
    UserError
        If an argument is out of range or there are too few sequences or no templates.
    """
    if not 0 < rate <= 1:
        raise UserError(
            f"The anomaly ratio (study.anomaly_ratios) is {rate}, but it is the share of events changed in each "
            "mutated sequence: give a number above 0 and at most 1, for example 0.02."
        )
    if sessions < 1 or seed < 0:
        raise UserError(f"Pseudo-anomalies need at least 1 session and a seed of 0 or more, not {sessions} and {seed}.")
    for operator in operators:
        if operator not in OPERATORS:
            raise UserError(f"The mutation operator {operator!r} is not known; use some of {', '.join(OPERATORS)}.")
    if not operators:
        raise UserError(f"No mutation operator is given; use some of {', '.join(OPERATORS)}.")
    normal = train.not_anomalous()
    known = np.unique(normal.events[normal.events >= FIRST_EVENT])
    if len(known) == 0:
        raise UserError("No normal training sequence has an event to insert or replace others with; check the split.")
    seen = {normal[row].tobytes() for row in range(len(normal))}
    rows = np.flatnonzero(corpus.labels != ANOMALOUS)
    if len(rows) < sessions + CALIBRATION_MINIMUM:
        lower = len(rows) - CALIBRATION_MINIMUM
        remedy = f"lower evaluation.pseudo.sessions (--sessions) to at most {lower} or " if lower > 0 else ""
        raise UserError(
            f"The validation part has {len(rows)} sequences that are not labelled anomalous, but "
            f"{sessions + CALIBRATION_MINIMUM} are needed ({sessions} to evaluate and at least {CALIBRATION_MINIMUM} "
            f"for calibration); {remedy}use more data."
        )
    numbers = names["sequence"].gather(rows)
    results = []
    assigned = assign_operators(len(rows), operators, seed)
    for row, number, operator in zip(rows.tolist(), numbers.to_list(), assigned, strict=True):
        span = slice(corpus.offsets[row], corpus.offsets[row + 1])
        substitutes = [other for other in (*operators, *OPERATORS) if other != operator]
        changes = change_count(rate, int(corpus.lengths[row]))
        results.append(
            mutate_sequence(
                corpus.events[span], corpus.gaps[span], operator, substitutes, known, changes, [seed, number]
            )
        )
    part = ["evaluation"] * sessions + ["calibration"] * (len(rows) - sessions)
    applied = pl.Series("operator", [change.operator for _, _, change in results], dtype=pl.String)
    parents = pl.DataFrame(
        [pl.Series("part", part), numbers.cast(pl.Int32).alias("sequence"), names["id"].gather(rows).alias("id")]
    )
    lengths = corpus.lengths[rows].tolist()
    origins = [trace_origins(change, length) for (_, _, change), length in zip(results, lengths, strict=True)]
    mutated = parents.with_columns(
        pl.lit(True).alias("label"),
        applied.alias("kind"),
        applied,
        _lists("events", [events for events, _, _ in results], pl.Int32),
        _lists("gaps", [gaps for _, gaps, _ in results], pl.Float32),
        _lists("origins", origins, pl.Int32),
        pl.Series("equals_normal", [events.tobytes() in seen for events, _, _ in results]),
    )
    pairs = [(corpus[row], events) for row, (events, _, _) in zip(rows.tolist(), results, strict=True)]
    manifest = parents.with_columns(
        applied,
        _lists("positions", [change.positions for _, _, change in results], pl.Int32),
        _lists("original", [change.original for _, _, change in results], pl.Int32),
        _lists("replacement", [change.replacement for _, _, change in results], pl.Int32),
        pl.lit(rate, dtype=pl.Float64).alias("mutation_rate"),
        pl.lit(seed, dtype=pl.Int64).alias("seed"),
        pl.Series("distinct_from_parent", [not np.array_equal(*pair) for pair in pairs]),
    )
    return mutated, manifest


def _lists(name: str, values: Sequence[npt.NDArray[np.generic]], inner: type[pl.DataType]) -> pl.Series:
    return pl.Series(name, values, dtype=pl.List(inner))

"""What models share that predict each event of a sequence from the window of events before it.

Equal windows are found here, so that each is computed once; the network is the model's own.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from logassay import cli
from logassay.corpus import FIRST_EVENT, PAD, UNK, Corpus, portions
from logassay.models.base import FloatArray, IntArray, Scores, largest, mean
from logassay.models.neural import NeuralDetector, surprise

SCORING_BATCH = 8192
"""Distinct windows per forward pass when nothing is learned."""
EVENTS_AT_ONCE = 1 << 19
"""Windows of about so many events are numbered at a time: it takes twenty times the memory of the result."""
SHORT_SESSIONS = ("pad", "flag")
SHORT_NLL = 100.0
"""NLL that stands for the verdict on a flagged short session: beyond what single-precision probabilities give."""


Integers = npt.NDArray[np.int32] | IntArray


@dataclass(frozen=True)
class Steps:
    """Every event of a corpus, each with the window of events before it.

    Attributes
    ----------
    windows : int64 array, shape (distinct windows, history)
        The distinct windows, oldest event first, PAD before a sequence's first event.
    window : integer array, shape (steps,)
        Row in `windows` of each step.
    target : integer array, shape (steps,)
        The event that comes: UNK, or a candidate's number from 2 on.
    owner : integer array, shape (steps,)
        Position of the step's sequence.
    """

    windows: IntArray
    window: Integers
    target: Integers
    owner: Integers

    def full(self) -> "Steps":
        """Return the steps whose windows hold no padding."""
        keep = (self.windows != PAD).all(1)[self.window]
        kept, window = np.unique(self.window[keep], return_inverse=True)
        return Steps(self.windows[kept], window, self.target[keep], self.owner[keep])


def make_steps(events: IntArray, owner: IntArray, history: int) -> Steps:
    """Build the steps of sequences laid end to end.

    Parameters
    ----------
    events : int64 array, shape (steps,)
        Encoded events, in order.
    owner : int64 array, shape (steps,)
        Position of each event's sequence, ascending.
    history : int
        Events in a window.
    """
    # The same events with `history` PADs before each sequence; step i is at places[i], its window right before it.
    places = np.arange(len(events)) + history * (owner + 1)
    stream = np.full(places[-1] + 1 if len(places) else 0, PAD, dtype=np.int64)
    stream[places] = events
    starts = places - history
    _, first, window = np.unique(number_runs(stream, history)[starts], return_index=True, return_inverse=True)
    windows = stream[starts[first][:, None] + np.arange(history)]
    return Steps(windows, window, events, owner)


def join_steps(pieces: Iterable[Steps]) -> Steps:
    """Join the steps of sequences that follow one another, as if they had been made together."""
    several = list(pieces)
    every = np.concatenate([each.windows for each in several])
    if len(several) == 1:
        windows, row = every, np.arange(len(every))
    else:
        windows, row = np.unique(every, axis=0, return_inverse=True)
    ends = np.cumsum([len(each.windows) for each in several])
    row = row.reshape(-1).astype(np.int32)
    rows = (row[end - len(each.windows) : end] for each, end in zip(several, ends, strict=True))
    return Steps(
        windows,
        np.concatenate([row[each.window] for row, each in zip(rows, several, strict=True)]),
        np.concatenate([each.target for each in several]),
        np.concatenate([each.owner for each in several]),
    )


def number_runs(stream: IntArray, width: int) -> IntArray:
    """Number every run of `width` tokens, so that equal runs and only they have the same number.

    A run's number has one digit for each token. Only when the next digit would not fit any more are the numbers
    replaced by their places among all: sorting takes far longer than writing digits.

    Parameters
    ----------
    stream : int64 array, shape (tokens,)
        Tokens, not negative.
    width : int
        Length of a run.

    Returns
    -------
    int64 array, shape (tokens - width + 1,)
        Number of the run that starts at each token.
    """
    base = int(stream.max(initial=0)) + 1
    numbers, below = stream, base
    for known in range(1, width):
        if below * base > 2**63:
            numbers = np.unique(numbers, return_inverse=True)[1]
            below = int(numbers.max(initial=0)) + 1
        numbers = numbers[:-1] * base + stream[known:]
        below *= base
    return numbers


class WindowDetector(NeuralDetector):
    """Predict each event from the `history` events before it.

    The network maps windows, int64, shape (n, history), to logits, shape (n, candidates). Candidates are the known
    events and, with `session_end`, the end of a sequence. Beside these two the hyperparameters have `short_sessions`,
    `candidates`, `learning_rate`, `batch_size` and `score`.

    With `short_sessions: pad`, windows at the begin of a sequence are padded on the left and every event is predicted.
    With `flag`, as in the public implementations, only events with a whole window before them are, and a sequence
    without any such event is called anomalous whatever it holds: its NLL is `SHORT_NLL`.

    Measured for each predicted event, the end included:

    - the rank of the true event among the candidates, from 1; among equally probable candidates it takes the last
      place, so that a network that knows nothing gets no credit;
    - NLL = -log p of the true event.

    An event that training did not have has no probability. It gets the rank after the last candidate, and the NLL of
    the least probable candidate at that step. The components of a sequence's score are `nll_max`, `nll_mean` and
    `rank_max`; its loss is `nll_mean`. The rule: anomalous if any rank exceeds `candidates`.
    """

    def steps(self, corpus: Corpus) -> Steps:
        """Build the steps of a corpus."""
        events = self.encode(corpus.events).astype(np.int32)
        some = portions(corpus.offsets, EVENTS_AT_ONCE)
        return join_steps(self.steps_of(events, corpus.offsets[begin : end + 1], begin) for begin, end in some)

    def steps_of(self, encoded: npt.NDArray[np.int32], offsets: IntArray, number: int) -> Steps:
        """Build the steps of some sequences, of which the first has this number."""
        events, lengths = encoded[offsets[0] : offsets[-1]].astype(np.int64), np.diff(offsets)
        if self.hyper.session_end:
            events = np.insert(events, offsets[1:] - offsets[0], FIRST_EVENT + self.vocabulary.size)
            lengths = lengths + 1
        owner = np.repeat(np.arange(len(lengths)), lengths)
        steps = make_steps(events, owner, self.hyper.history)
        steps = steps.full() if self.hyper.short_sessions == "flag" else steps
        # In half the space at once, so that only the windows of some sequences are ever large.
        owner = (number + steps.owner).astype(np.int32)
        return Steps(steps.windows, steps.window.astype(np.int32), steps.target.astype(np.int32), owner)

    def train_epoch(self, train: Corpus) -> dict[str, Any]:
        """Minimise the cross-entropy of the next event over all steps, in random order."""
        steps = self.steps(train)
        learnable = np.flatnonzero(steps.target != UNK)
        windows = torch.from_numpy(steps.windows).to(self.device)
        window = torch.from_numpy(steps.window[learnable]).to(self.device)
        target = torch.from_numpy(steps.target[learnable] - FIRST_EVENT).to(self.device)
        distinct = len(steps.windows)
        del steps, learnable

        def batches() -> Iterator[tuple[Tensor, Tensor, int]]:
            order = torch.randperm(len(target)).to(self.device)
            for batch in cli.progress(order.split(self.hyper.batch_size), type(self).__name__):
                loss = functional.cross_entropy(self.predict(windows, window[batch]), target[batch].long())
                yield loss, loss, len(batch)

        return self.facts(len(target), distinct_examples=distinct, **self.descend(batches()))

    def predict(self, windows: Tensor, window: Tensor) -> Tensor:
        """Return logits, shape (n, candidates), for rows `window`, shape (n,), of `windows`.

        Equal windows get equal logits, and their gradients add up: each is computed once. Logs repeat themselves so
        much that this is several times faster, and the gradient is the same.
        """
        distinct, inverse = torch.unique(window, return_inverse=True)
        logits: Tensor = self.network(windows[distinct])[inverse]
        return logits

    def score(self, corpus: Corpus) -> Scores:
        """Score every sequence."""
        steps = self.steps(corpus)
        # Equal pairs of window and target are judged once. Sorting by window comes with it.
        columns = FIRST_EVENT + self.vocabulary.size + 1
        pairs, pair = np.unique(steps.window.astype(np.int64) * columns + steps.target, return_inverse=True)
        nll, rank = self.judge(steps.windows, pairs // columns, pairs % columns)
        count, owner = len(corpus), steps.owner.astype(np.int64)
        components = {
            "nll_max": largest(nll[pair], owner, count),
            "nll_mean": mean(nll[pair], owner, count),
            "rank_max": largest(rank[pair], owner, count),
        }
        paper = components["rank_max"] > self.hyper.candidates
        if self.hyper.short_sessions == "flag":
            short = np.bincount(owner, minlength=count) == 0
            last = self.vocabulary.size + self.hyper.session_end + 1  # the rank of what has no probability
            worst = {"nll_max": SHORT_NLL, "nll_mean": SHORT_NLL, "rank_max": last}
            components = {name: np.where(short, worst[name], values) for name, values in components.items()}
            paper |= short
        return self.scores(corpus, components[self.hyper.score], paper, components["nll_mean"], components)

    @torch.no_grad()
    def judge(self, windows: IntArray, window: IntArray, target: IntArray) -> tuple[FloatArray, FloatArray]:
        """Measure how unexpected targets are.

        Parameters
        ----------
        windows : int64 array, shape (windows, history)
            Distinct windows.
        window : int64 array, shape (n,)
            Rows of `windows`, ascending.
        target : int64 array, shape (n,)
            What comes after each of them.

        Returns
        -------
        nll, rank : float64 arrays, shape (n,)
        """
        nll, rank = np.empty(len(window)), np.empty(len(window))
        for begin in range(0, len(windows), SCORING_BATCH):
            logits = self.network(torch.from_numpy(windows[begin : begin + SCORING_BATCH]).to(self.device))
            low, high = np.searchsorted(window, [begin, begin + SCORING_BATCH])
            nll[low:high], rank[low:high] = surprise(logits[window[low:high] - begin], target[low:high])
        return nll, rank

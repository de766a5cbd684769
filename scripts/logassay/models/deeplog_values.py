"""DeepLog (Du, Li, Zheng and Srikumar, CCS 2017), the parameter-value model: is what an event measured as expected?

The elapsed time and the numbers of an event are a vector; the vectors of one template are a time series, and a small
LSTM for each template predicts the next one. The sequence of events itself is the other model's business.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from statistics import NormalDist
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from logassay import cli
from logassay.corpus import FIRST_EVENT, PAD, Corpus, Values
from logassay.errors import UserError
from logassay.models.base import FloatArray, IntArray, Scores, Vocabulary, largest, mean, option, owners
from logassay.models.neural import Adam, NeuralDetector
from logassay.models.windows import Steps, make_steps

LEAST_ERRORS = 10
"""Fewest held-out errors of a template that a Gaussian is fitted to."""
LEAST_SPREAD = 0.01
"""Least standard deviation of the errors: that of a tenth of a standard deviation of the values, squared. Where
training never varies, errors are so small that without it anything would be an outlier."""
SEEN = 10.0
"""What the network sees of a history is cut off at so many standard deviations; the error counts the whole of it."""
SCORING_BATCH = 4096
"""Distinct histories per forward pass when nothing is learned."""


SCORES = ("entry_max", "z_max")


@dataclass(frozen=True)
class Hyperparameters:
    """The paper's settings; the share held out, the least number of vectors, batch size and learning rate are ours."""

    history: int = option(10, "vectors a prediction sees, h in the paper", least=1)
    hidden: int = option(64, "units of each LSTM layer, alpha in the paper", least=1)
    layers: int = option(2, "LSTM layers, L in the paper", least=1)
    parameters: int = option(10, "at most so many numbers of an event are used, the first ones", least=0)
    least: int = option(50, "a template with fewer vectors to learn from is not judged", least=1)
    held_out: float = option(0.2, "share of the training sequences that the errors are fitted on", least=0.01, most=0.9)
    confidence: float = option(0.999, "share of the errors that the interval holds", least=0.5, most=0.999999)
    learning_rate: float = option(1e-3, "step size of Adam", least=0.0, most=1.0)
    batch_size: int = option(128, "vectors of one template per optimiser step", least=1)
    score: str = option("entry_max", "component that serves as score", one_of=SCORES)


@dataclass
class Form:
    """What is known of the vectors of one template.

    Attributes
    ----------
    centre, scale : float64 arrays, shape (width,)
        Mean and standard deviation (1 where nothing varies) of each entry, from training.
    expected, spread : float64 arrays, shape (1 + width,)
        Mean and standard deviation of the errors of held-out vectors, the Gaussian of the paper: first of the error of
        the whole vector, then of that of each entry.
    """

    centre: FloatArray
    scale: FloatArray
    expected: FloatArray
    spread: FloatArray


PARTS_OF_FORM = [each.name for each in fields(Form)]


@dataclass(frozen=True)
class Series:
    """The vectors of one template, standardised, each with those before it. Logs repeat themselves: each kept once.

    Attributes
    ----------
    places : int64 array, shape (n,)
        Position of each vector's event in the corpus.
    distinct : float64 array, shape (distinct vectors, width)
        The distinct vectors; 0 (the mean of training) for a number that is missing.
    steps : Steps
        Of each of the n vectors its row in `distinct` plus 2, and its window of such numbers.
    """

    places: IntArray
    distinct: FloatArray
    steps: Steps

    def targets(self, rows: IntArray) -> FloatArray:
        """Return some of the n vectors, shape (rows, width)."""
        return self.distinct[self.steps.target[rows] - FIRST_EVENT]

    def histories(self, windows: IntArray) -> tuple[npt.NDArray[np.float32], IntArray]:
        """Lay out what a network sees in some of the distinct windows.

        Parameters
        ----------
        windows : int64 array, shape (m,)
            Rows of `steps.windows`.

        Returns
        -------
        histories : float32 array, shape (m, 1 + steps, 1 + width)
            First the mark of the begin, then the vectors of the window, oldest first, then zeros.
        available : int64 array, shape (m,)
            Number of these vectors.
        """
        codes = self.steps.windows[windows]
        available = (codes != PAD).sum(1)
        # PAD stands before the oldest vector: shift all to the begin.
        steps = np.arange(available.max(initial=0))
        inside = steps < available[:, None]
        shifted = np.take_along_axis(codes, np.where(inside, steps + codes.shape[1] - available[:, None], 0), axis=1)
        histories = np.zeros((len(codes), 1 + len(steps), 1 + self.distinct.shape[1]), dtype=np.float32)
        histories[:, 0, 0] = 1.0
        histories[:, 1:, 1:][inside] = self.distinct[shifted[inside] - FIRST_EVENT].clip(-SEEN, SEEN)
        return histories, available


class Regression(nn.Module):
    """LSTM and a linear layer from its last state to the next vector of a template.

    Parameters
    ----------
    width : int
        Length of a vector.
    hyper : Hyperparameters
        Sizes.
    """

    def __init__(self, width: int, hyper: Any) -> None:
        super().__init__()
        # One more entry marks the step before the first vector, so that this one is predicted too.
        self.lstm = nn.LSTM(1 + width, hyper.hidden, hyper.layers, batch_first=True)
        self.output = nn.Linear(hyper.hidden, width)

    def forward(self, histories: Tensor, available: Tensor) -> Tensor:
        """Return predictions, shape (n, width), from histories, shape (n, steps, 1 + width), padded at their end."""
        states, _ = self.lstm(histories)
        predictions: Tensor = self.output(states[torch.arange(len(states)), available])
        return predictions


class AdamForEach:
    """An optimiser for each template, since a batch holds vectors of one template only."""

    def __init__(self, network: nn.Module, learning_rate: float) -> None:
        self.optimisers = {
            name: Adam(dict(part.named_parameters()), learning_rate) for name, part in network.named_children()
        }

    def step(self) -> None:
        """Update the weights that have a gradient."""
        for each in self.optimisers.values():
            if any(weight.grad is not None for weight in each.parameters.values()):
                each.step()

    def state(self) -> dict[str, Any]:
        """Return the state of each."""
        return {name: each.state() for name, each in self.optimisers.items()}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        for name, each in self.optimisers.items():
            each.restore(state[name])


class DeepLogValues(NeuralDetector):
    """Predict the vector of each event from the `history` vectors before it of the same template and sequence.

    A vector is the time since the sequence's previous event, whatever its template (logarithm of 1 + seconds, with the
    sign of a clock that steps back), and the numbers of the message: as many as the template ever has in training, at
    most `parameters`. Each entry is standardised by its mean and standard deviation in training; a missing number
    counts as the mean. The networks minimise the mean squared error, one network for each template, as in the paper.

    The paper lets a template's vectors follow one another through the whole log. Here a history does not leave its
    sequence: sequences are scored on their own, whatever else happens at that time and whichever others are scored.
    The first vector of a sequence is predicted as well, from an empty history.

    A share `held_out` of the training sequences is not learned from. To the errors of their vectors a Gaussian is
    fitted, for each template; z is the distance of an error from its mean in standard deviations. The paper's rule: a
    sequence is anomalous if any z is above the upper end of the interval that holds `confidence` of the Gaussian. An
    error below the interval, a prediction that is too good, is no anomaly.

    The mean over a vector hides what is odd about one entry behind the spread of another, as a delay of hours behind
    the size of the last part of a file. Therefore the squared error of each entry gets a Gaussian of its own as well:
    `z_max` is the largest z of a sequence's vectors, `entry_max` the largest of their entries; 0 if none is above the
    mean.

    Not judged: events that training did not have, templates with fewer than `least` vectors to learn from or fewer than
    10 held out, and events whose numbers are not known. The score of a sequence is `entry_max` or `z_max`, its loss the
    mean error of its vectors. Components: these two, `error_mean`, `judged` (share of its events).
    """

    uses_values: ClassVar[bool] = True
    hyper_kind = Hyperparameters
    forms: dict[int, Form]

    def fit_epoch(self, train: Corpus) -> dict[str, Any]:
        """Train for one epoch; the first one fixes vocabulary, templates and scales. Then fit the Gaussians."""
        held = held_out(len(train), self.hyper.held_out, self.seed)
        if self.is_new:
            self.forms = self.learn_forms(train.take(~held), train.take(held))
        facts = super().fit_epoch(train.take(~held))
        self.fit_errors(train.take(held))
        judged = int(np.isin(train.events, list(self.forms)).sum())
        return facts | {
            "templates_judged": len(self.forms),
            "templates_left_out": self.vocabulary.size - len(self.forms),
            "vectors_left_out": len(train.events) - judged,
            "sequences_held_out": int(held.sum()),
        }

    def learn_forms(self, train: Corpus, held: Corpus) -> dict[int, Form]:
        """Choose the templates to judge, and learn how long their vectors are and how they are scaled."""
        forms = {}
        found, found_held = places_of_events(train), places_of_events(held)
        none = np.empty(0, dtype=np.int64)
        for event in Vocabulary.of(train).known.tolist():
            places = found.get(event, none)
            if len(places) < self.hyper.least or len(found_held.get(event, none)) < LEAST_ERRORS:
                continue
            width = min(int(values_of(train).counts[places].max()), self.hyper.parameters)
            raw = measure(train, places, 1 + width)
            # Rounding can give what never varies a tiny deviation.
            varies = np.nanmax(raw, axis=0) > np.nanmin(raw, axis=0)
            scale = np.where(varies, np.nanstd(raw, axis=0), 1.0)
            forms[event] = Form(np.nanmean(raw, axis=0), scale, np.zeros(2 + width), np.ones(2 + width))
        if not forms:
            raise UserError(
                f"No template has {self.hyper.least} vectors to learn from and {LEAST_ERRORS} held out; lower the "
                "variant's hyperparameter `least` or use a larger sample size."
            )
        return forms

    def build(self) -> nn.Module:
        """Create one network for each template that is judged."""
        return nn.ModuleDict(
            {str(event): Regression(len(form.centre), self.hyper) for event, form in self.forms.items()}
        )

    def create(self, vocabulary: Vocabulary) -> None:
        """Create the networks, and an optimiser for each."""
        super().create(vocabulary)
        self.optimiser = AdamForEach(self.network, self.hyper.learning_rate)  # type: ignore[assignment]

    def series(self, corpus: Corpus) -> dict[int, Series]:
        """Collect the vectors of each template that is judged and occurs."""
        found = places_of_events(corpus)
        return {
            event: self.one_series(corpus, found[event], form) for event, form in self.forms.items() if event in found
        }

    def one_series(self, corpus: Corpus, places: IntArray, form: Form) -> Series:
        """Collect the vectors of the events at `places`, which are those of one template."""
        vectors = np.nan_to_num((measure(corpus, places, len(form.centre)) - form.centre) / form.scale, nan=0.0)
        distinct, codes = np.unique(vectors, axis=0, return_inverse=True)
        owner = np.searchsorted(corpus.offsets, places, side="right") - 1
        return Series(places, distinct, make_steps(FIRST_EVENT + codes.ravel(), owner, self.hyper.history))

    def train_epoch(self, train: Corpus) -> dict[str, Any]:
        """Minimise the squared error over all vectors, in random order; every batch is of one template."""
        all_series = self.series(train)

        def batches() -> Iterator[tuple[Tensor, Tensor, int]]:
            cut = [
                (event, rows.numpy())
                for event, series in all_series.items()
                for rows in torch.randperm(len(series.places)).split(self.hyper.batch_size)
            ]
            for place in cli.progress(torch.randperm(len(cut)).tolist(), type(self).__name__):
                event, rows = cut[place]
                targets = torch.from_numpy(all_series[event].targets(rows)).float().to(self.device)
                predictions = self.predict(event, all_series[event], all_series[event].steps.window[rows])
                loss = functional.mse_loss(predictions, targets)
                yield loss, loss, len(rows)

        examples = sum(len(each.places) for each in all_series.values())
        distinct = sum(len(each.steps.windows) for each in all_series.values())
        return self.facts(examples, distinct_examples=distinct, **self.descend(batches()))

    def predict(self, event: int, series: Series, window: IntArray) -> Tensor:
        """Predict the vectors after some windows of a template, shape (n, width); equal windows are computed once."""
        distinct, inverse = np.unique(window, return_inverse=True)
        histories, available = map(torch.from_numpy, series.histories(distinct))
        network = self.network.get_submodule(str(event))
        predictions: Tensor = network(histories.to(self.device), available.to(self.device))
        return predictions[torch.from_numpy(inverse).to(self.device)]

    @torch.no_grad()
    def errors(self, event: int, series: Series) -> FloatArray:
        """Return the errors of each vector of a template, shape (n, 1 + width): mean squared, and of each entry."""
        windows = np.arange(len(series.steps.windows))
        batches = np.split(windows, range(SCORING_BATCH, len(windows), SCORING_BATCH))
        predictions = np.concatenate([self.predict(event, series, each).double().cpu().numpy() for each in batches])
        targets = series.targets(np.arange(len(series.places)))
        squares = np.square(predictions[series.steps.window] - targets)
        return np.column_stack([squares.mean(1), squares])

    def fit_errors(self, held: Corpus) -> None:
        """Fit the Gaussian of each template's errors."""
        for event, series in self.series(held).items():
            errors, form = self.errors(event, series), self.forms[event]
            form.expected, form.spread = errors.mean(0), np.maximum(errors.std(0), LEAST_SPREAD)

    @property
    def limit(self) -> float:
        """The upper end of the interval that holds `confidence` of a Gaussian, in standard deviations."""
        return NormalDist().inv_cdf((1 + self.hyper.confidence) / 2)

    def score(self, corpus: Corpus) -> Scores:
        """Score every sequence."""
        judged = np.zeros(len(corpus.events), dtype=bool)
        z, entry = np.zeros(len(corpus.events)), np.zeros(len(corpus.events))
        errors = np.zeros(len(corpus.events))
        for event, series in self.series(corpus).items():
            form = self.forms[event]
            found = self.errors(event, series)
            distances = np.maximum((found - form.expected) / form.spread, 0.0)
            judged[series.places], errors[series.places] = True, found[:, 0]
            z[series.places], entry[series.places] = distances[:, 0], distances[:, 1:].max(1)
        owner = owners(corpus)
        components = {
            "z_max": largest(z, owner, len(corpus)),
            "entry_max": largest(entry, owner, len(corpus)),
            "error_mean": mean(errors[judged], owner[judged], len(corpus)),
            "judged": mean(judged, owner, len(corpus)),
        }
        paper = components["z_max"] > self.limit
        return self.scores(corpus, components[self.hyper.score], paper, components["error_mean"], components)

    def state(self) -> dict[str, Any]:
        """Return what the networks have to be restored, and what is known of each template."""
        forms = {
            str(event): {name: torch.from_numpy(getattr(form, name)) for name in PARTS_OF_FORM}
            for event, form in self.forms.items()
        }
        return super().state() | {"forms": forms}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        self.forms = {
            int(event): Form(**{name: form[name].numpy() for name in PARTS_OF_FORM})
            for event, form in sorted(state["forms"].items(), key=lambda item: int(item[0]))
        }
        super().restore(state)


def held_out(count: int, share: float, seed: int) -> npt.NDArray[np.bool_]:
    """Choose a share of the sequences, the same in every epoch; a mask of shape (count,)."""
    chosen = np.zeros(count, dtype=bool)
    chosen[np.random.default_rng(seed).permutation(count)[: round(share * count)]] = True
    return chosen


def values_of(corpus: Corpus) -> Values:
    """Return the numbers of a corpus that must have them."""
    if corpus.values is None:
        raise UserError(
            "This model reads the numbers in messages, but these sequences come without theirs; give the file "
            "whose name ends in _values.parquet (--values)."
        )
    return corpus.values


def is_known(values: Values) -> npt.NDArray[np.bool_]:
    """Whether the numbers of each event are known, shape (events,)."""
    known = np.ones(len(values.offsets) - 1, dtype=bool)
    known[np.searchsorted(values.offsets, np.flatnonzero(np.isnan(values.numbers)), side="right") - 1] = False
    return known


def places_of_events(corpus: Corpus) -> dict[int, IntArray]:
    """Return the positions of each event whose numbers are known, ascending, by event id."""
    places = np.flatnonzero(is_known(values_of(corpus)))
    places = places[np.argsort(corpus.events[places], kind="stable")]
    events, first = np.unique(corpus.events[places], return_index=True)
    return dict(zip(events.tolist(), np.split(places, first[1:]), strict=True)) if len(events) else {}


def measure(corpus: Corpus, places: IntArray, width: int) -> FloatArray:
    """Return the vectors of the events at `places`, shape (n, width), not standardised; NaN for a missing number."""
    values = values_of(corpus)
    gaps = corpus.gaps[places].astype(np.float64)
    vectors = np.full((len(places), width), np.nan)
    vectors[:, 0] = np.sign(gaps) * np.log1p(np.abs(gaps))
    starts, counts = values.offsets[places], values.counts[places]
    for number in range(width - 1):
        there = counts > number
        vectors[there, 1 + number] = values.numbers[starts[there] + number]
    return vectors


DETECTOR = DeepLogValues

"""What every model is: something that fits one epoch, scores sequences, and can be saved and restored.

Nothing here imports a learning framework; what the deep models share is in `neural`.
"""

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from logassay.corpus import FIRST_EVENT, UNK, Corpus
from logassay.errors import UserError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Scores:
    """What a model says about each sequence of a corpus.

    Attributes
    ----------
    score : float64 array, shape (sequences,)
        The score that the hyperparameters choose; higher is more anomalous.
    paper : bool array, shape (sequences,)
        Whether the decision rule of the model's paper calls the sequence anomalous.
    loss : float64 array, shape (sequences,), or None
        Mean of -log p (natural logarithm) over the predicted events; None for models that predict no events.
    length : int32 array, shape (sequences,)
        Number of events.
    unknown : int32 array, shape (sequences,)
        Number of events that the model's training did not have.
    components : dict of str to float64 array
        Everything else the model measures, by name.
    """

    score: FloatArray
    paper: npt.NDArray[np.bool_]
    loss: FloatArray | None
    length: npt.NDArray[np.int32]
    unknown: npt.NDArray[np.int32]
    components: dict[str, FloatArray]

    def take(self, rows: npt.NDArray[np.int64]) -> "Scores":
        """Return the scores at `rows`, in that order; a row may be taken several times."""
        return Scores(
            score=self.score[rows],
            paper=self.paper[rows],
            loss=None if self.loss is None else self.loss[rows],
            length=self.length[rows],
            unknown=self.unknown[rows],
            components={name: values[rows] for name, values in self.components.items()},
        )


class Vocabulary:
    """The events that training had, numbered without holes.

    A model sees PAD as 0, UNK as 1 and the `size` known events, in the order of their event ids, from 2 on. Whatever
    else a sequence holds is UNK. A model's own tokens follow the known events.

    Parameters
    ----------
    known : array_like of int
        Event ids, ascending and distinct.
    """

    def __init__(self, known: npt.ArrayLike) -> None:
        self.known = np.asarray(known, dtype=np.int64)
        self.size = len(self.known)
        # One more place than the largest known id: all larger ids are clipped to it.
        self._codes = np.full(self.known.max(initial=UNK) + 2, UNK, dtype=np.int64)
        self._codes[self.known] = FIRST_EVENT + np.arange(self.size)

    @classmethod
    def of(cls, train: Corpus) -> "Vocabulary":
        """Learn the vocabulary of the training sequences."""
        return cls(np.unique(train.events[train.events >= FIRST_EVENT]))

    def encode(self, events: npt.ArrayLike) -> IntArray:
        """Translate event ids, shape (n,), into the model's numbers, shape (n,)."""
        return self._codes[np.minimum(events, len(self._codes) - 1)]

    def count_unknown(self, corpus: Corpus) -> npt.NDArray[np.int32]:
        """Count the events of each sequence that training did not have, shape (sequences,)."""
        unknown = self.encode(corpus.events) == UNK
        return np.bincount(owners(corpus)[unknown], minlength=len(corpus)).astype(np.int32)


def owners(corpus: Corpus) -> IntArray:
    """Return for each event the position of its sequence, shape (total events,)."""
    return np.repeat(np.arange(len(corpus)), corpus.lengths)


def largest(values: npt.ArrayLike, owner: IntArray, count: int) -> FloatArray:
    """Return the largest of the (never negative) values of each owner, shape (count,); 0 for an owner without any."""
    result = np.zeros(count)
    np.maximum.at(result, owner, np.asarray(values, dtype=np.float64))
    return result


def mean(values: npt.ArrayLike, owner: IntArray, count: int) -> FloatArray:
    """Return the mean of the values of each owner, shape (count,); 0 for an owner without any."""
    total = np.bincount(owner, weights=np.asarray(values, dtype=np.float64), minlength=count)
    return total / np.maximum(np.bincount(owner, minlength=count), 1)


def option(
    default: Any, doc: str, *, least: float | None = None, most: float | None = None, one_of: tuple[str, ...] = ()
) -> Any:
    """Declare a field of a model's `Hyperparameters`.

    Parameters
    ----------
    default : bool, int, float or str
        Its value where none is given; also fixes its type.
    doc : str
        What it means, with its symbol in the paper where it has one.
    least, most : float, optional
        Smallest and largest value allowed.
    one_of : tuple of str
        The values allowed, where there is only a choice.
    """
    return field(default=default, metadata={"doc": doc, "least": least, "most": most, "one_of": one_of})


@dataclass(frozen=True)
class NoHyperparameters:
    """The hyperparameters of a model that has none."""


def read_hyperparameters(kind: type[Any], values: dict[str, Any], variant: str) -> Any:
    """Check hyperparameters as written in the config and complete them with the defaults.

    Parameters
    ----------
    kind : dataclass
        The model's hyperparameters, declared with `option`.
    values : dict
        Names and values from the config.
    variant : str
        Name of the variant, for messages.

    Raises
    ------
    UserError
        If a name is unknown or a value is not allowed; the message names the config key.
    """
    if not isinstance(values, dict):
        raise UserError(f"models.{variant}.hyper is {values!r} but must map names of hyperparameters to values.")
    known = {each.name: each for each in fields(kind)}
    given = {}
    for name, value in values.items():
        key = f"models.{variant}.hyper.{name}"
        if name not in known:
            raise UserError(
                f"{key} is not a hyperparameter of this model; it has: {', '.join(known) or 'none'}. "
                "Correct or remove the key."
            )
        given[name] = _checked(key, value, known[name].default, known[name].metadata)
    try:
        return kind(**given)
    except ValueError as error:
        raise UserError(f"models.{variant}.hyper: {error}") from None


def _checked(key: str, value: Any, default: Any, rules: Any) -> Any:
    """Return the value in the type of the default, or raise a UserError that says what is allowed."""
    least, most, one_of = rules["least"], rules["most"], rules["one_of"]
    wanted = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}[type(default)]
    if one_of:
        wanted = f"one of: {', '.join(one_of)}"
    elif least is not None:
        wanted += f" of at least {least:g}" if most is None else f" from {least:g} to {most:g}"
    if isinstance(default, float) and type(value) is int:
        value = float(value)
    fits = type(value) is type(default) and (not one_of or value in one_of)
    # Comparisons are written so that NaN fails them.
    if not fits or (least is not None and not value >= least) or (most is not None and not value <= most):
        raise UserError(f"{key} is {value!r} but must be {wanted}.")
    return value


class Detector(ABC):
    """A model that learns what is normal (or, if `supervised`, what is not) and scores sequences.

    Parameters
    ----------
    hyperparameters : dict
        Values by name; what is missing takes its default.
    seed : int
        Seed of everything random in the model.
    device : str
        "auto", "cpu" or "cuda"; models without a deep network ignore it.
    variant : str, optional
        Name of the variant in the config, for messages.

    Attributes
    ----------
    supervised : bool
        Whether it learns from labels. A model that does not is given no sequence labelled anomalous.
    uses_templates : bool
        Whether it reads what events say. Such a model is told by `read_templates`.
    uses_values : bool
        Whether it reads the numbers in messages. Such a model is given corpora with their `values`.
    checkpoint_suffix : str
        ".npz" for checkpoints of arrays, ".pt" for those of torch.
    hyper_kind : type
        Frozen dataclass of its hyperparameters.
    """

    supervised: ClassVar[bool] = False
    uses_templates: ClassVar[bool] = False
    uses_values: ClassVar[bool] = False
    checkpoint_suffix: ClassVar[str] = ".npz"
    hyper_kind: ClassVar[type[Any]] = NoHyperparameters

    def __init__(self, hyperparameters: dict[str, Any], seed: int, device: str, variant: str = "<variant>") -> None:
        self.hyper = read_hyperparameters(self.hyper_kind, hyperparameters, variant)
        self.seed = seed
        self.device = "cpu"
        self.templates: dict[int, str] = {}
        self._vocabulary: Vocabulary | None = None

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """All hyperparameters, defaults included."""
        return asdict(self.hyper)

    @property
    def vocabulary(self) -> Vocabulary:
        """The events that training had."""
        if self._vocabulary is None:
            raise RuntimeError("the model must be trained or restored first")
        return self._vocabulary

    @property
    def is_new(self) -> bool:
        """Whether the model has neither been trained nor restored."""
        return self._vocabulary is None

    @staticmethod
    def set_threads(threads: int) -> None:
        """Let the process compute on so many threads; models without a deep network always use one."""
        if threads < 1:
            raise UserError(f"The number of threads is {threads}; it must be at least 1.")

    def read_templates(self, templates: dict[int, str]) -> None:
        """Be told the template of each event id, before training and, when restored, before all else.

        Templates of events that do not occur in the training sequences serve scoring; a model must not learn from them.
        """
        self.templates = templates

    def fit_epoch(self, train: Corpus) -> dict[str, Any]:
        """Learn from every training sequence once; the first call fixes the vocabulary and creates the weights.

        This one learns the vocabulary and nothing else.

        Returns
        -------
        dict
            Facts about the epoch; see `facts`.
        """
        self._vocabulary = Vocabulary.of(train)
        return self.facts(examples=len(train))

    @abstractmethod
    def score(self, corpus: Corpus) -> Scores:
        """Score every sequence; which others are scored with it does not matter, but for the rounding of sums."""

    def state(self) -> dict[str, Any]:
        """Return everything needed to go on, as nested dicts of plain values and of arrays or tensors."""
        return {"vocabulary": self.vocabulary.known.tolist()}

    def restore(self, state: dict[str, Any]) -> None:
        """Become the model that returned `state`."""
        self._vocabulary = Vocabulary(state["vocabulary"])

    def facts(self, examples: int, **others: Any) -> dict[str, Any]:
        """Return the facts about an epoch under their common names.

        Parameters
        ----------
        examples : int
            Number of examples learned from.
        **others
            `training_loss`, `distinct_examples`, `gradient_norm`, `learning_rate`, `parameters` where the model has
            them, and what else it can tell.
        """
        common = {
            "training_loss": None,
            "examples": examples,
            "distinct_examples": None,
            "gradient_norm": None,
            "learning_rate": None,
            "parameters": None,
            "vocabulary": self.vocabulary.size,
        }
        return common | others

    def scores(
        self,
        corpus: Corpus,
        score: npt.ArrayLike,
        paper: npt.ArrayLike,
        loss: FloatArray | None = None,
        components: dict[str, FloatArray] | None = None,
    ) -> Scores:
        """Complete a model's scores with the length and the unknown events of each sequence."""
        return Scores(
            score=np.asarray(score, dtype=np.float64),
            paper=np.asarray(paper, dtype=bool),
            loss=loss,
            length=corpus.lengths.astype(np.int32),
            unknown=self.vocabulary.count_unknown(corpus),
            components=components or {},
        )

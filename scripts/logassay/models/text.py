"""What models share that read what events say: the vectors of templates, known and new.

How a template's vector is made of its words' vectors is the model's own affair.
"""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from logassay.corpus import FIRST_EVENT, UNK, Corpus
from logassay.errors import UserError
from logassay.models.base import FloatArray, IntArray
from logassay.models.neural import NeuralDetector
from logassay.vectors import WordVectors, learn, take_from_file


class TextDetector(NeuralDetector):
    """A model that knows events by their templates. Its hyperparameters have `dimension` and `vectors`.

    In the first epoch it learns word vectors from the templates of its training sequences, or takes them from the file
    `vectors`; the templates of other events have no influence on them.

    Attributes
    ----------
    words : WordVectors
        The words of the known events.
    meaning : float64 array, shape (known events, dimension)
        The vector of each known event, in the order of the vocabulary.
    """

    uses_templates: ClassVar[bool] = True
    words: WordVectors
    meaning: FloatArray

    @abstractmethod
    def compose(self, words: WordVectors, template: str) -> FloatArray:
        """Make a template's vector, shape (dimension,), of those of its words."""

    @abstractmethod
    def admit(self, vectors: FloatArray) -> IntArray:
        """Say as what numbers new events, whose vectors are given, shape (n, dimension), are treated, shape (n,)."""

    def fit_epoch(self, train: Corpus) -> dict[str, Any]:
        """Train for one epoch; the first one learns the word vectors as well."""
        if self.is_new:
            self.learn_words(train)
        return super().fit_epoch(train)

    def learn_words(self, train: Corpus) -> None:
        """Learn the word vectors, and from them the vectors of the known events."""
        known, counts = np.unique(train.events[train.events >= FIRST_EVENT], return_counts=True)
        missing = [event for event in known.tolist() if event not in self.templates]
        if missing:
            raise UserError(
                f"The templates lack event {missing[0]}, which occurs in training; give the templates.parquet of the "
                "same split (option --templates)."
            )
        texts = [self.templates[event] for event in known.tolist()]
        if self.hyper.vectors:
            self.words = take_from_file(Path(self.hyper.vectors), texts)
        else:
            self.words = learn(texts, counts.tolist(), self.hyper.dimension)
        self.meaning = self.vectors(self.words, texts)

    def vectors(self, words: WordVectors, templates: Sequence[str]) -> FloatArray:
        """Return the vector of each template, shape (templates, dimension).

        All have the length that random ones with variance 1 would have, which suits a network: templates differ in the
        direction alone.
        """
        rows = [self.compose(words, template) for template in templates]
        vectors: FloatArray = np.stack(rows) if rows else np.zeros((0, words.dimension))
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors *= np.sqrt(words.dimension) / np.where(lengths > 0, lengths, 1.0)
        return vectors

    def encode(self, events: npt.NDArray[np.int32]) -> IntArray:
        """Translate event ids, shape (n,), into the model's numbers, shape (n,).

        An event that training did not have gets the number that `admit` finds for its template, whose unknown words
        have their vectors from the file, if there is one, or from their spelling.
        """
        codes = self.vocabulary.encode(events)
        new = [event for event in np.unique(events[codes == UNK]).tolist() if event in self.templates]
        if new:
            texts = [self.templates[event] for event in new]
            words = self.words.with_file(Path(self.hyper.vectors), texts) if self.hyper.vectors else self.words
            numbers, places = self.admit(self.vectors(words, texts)), np.isin(events, new)
            codes[places] = numbers[np.searchsorted(new, events[places])]
        return codes

    def state(self) -> dict[str, Any]:
        """Return what the network has to be restored, and the words."""
        words = self.words.state()
        arrays = {name: torch.from_numpy(words[name]) for name in ("matrix", "templates_with")}
        return super().state() | {"words": words | arrays, "meaning": torch.from_numpy(self.meaning)}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        words = {name: value.numpy() if hasattr(value, "numpy") else value for name, value in state["words"].items()}
        self.words, self.meaning = WordVectors(**words), state["meaning"].numpy()
        super().restore(state)


def vector_table(vectors: FloatArray) -> Tensor:
    """Return vectors by the model's numbers: PAD and UNK, which have the vector 0, come first."""
    return torch.from_numpy(np.concatenate([np.zeros((FIRST_EVENT, vectors.shape[1])), vectors])).float()

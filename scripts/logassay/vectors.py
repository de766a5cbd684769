"""Vectors of words and of templates, for models that read what events say; nothing is downloaded.

Word vectors are learned from the training templates, or read from a file of pretrained ones.
"""

import hashlib
import math
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg
import scipy.sparse

from logassay.errors import UserError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_STOP_WORDS = """
a an and are as at be been but by for from had has have in is it its of on or that the these this to was were will with
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())
"""Words without meaning of their own. `no` and `not` are not among them: in a log they change what is said."""

MOST_WORDS_EXACT = 2000
"""Up to so many words all eigenvectors are computed, which is exact whatever values coincide."""

_WILDCARD = re.compile(r"<(?:\*|[A-Z0-9_]+)>")
_RUN = re.compile(r"[^\W\d_]+\d*")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def tokenise(template: str) -> list[str]:
    """Split a template into its words.

    Wildcards, punctuation and numbers are dropped, CamelCase is split, letters become small, stop words are left out.
    A number that ends a word belongs to it (`ipv4`). A template of stop words alone keeps them, and one without any
    word is itself the only word, so that no two templates are alike for lack of words.
    """
    runs = _RUN.findall(_WILDCARD.sub(" ", template))
    words = [word.lower() for run in runs for word in _HUMP.split(run)]
    return [word for word in words if word not in STOP_WORDS] or words or [template]


def hashed(word: str, dimension: int) -> FloatArray:
    """Return a vector of length 1 for a word of which nothing is known but its spelling.

    The word, with < before and > after it, and its runs of 3 to 5 characters each give a vector of +1 and -1 that is
    made of the bits of their SHAKE-128 digest; the result is the direction of their sum. Words that share many
    characters therefore get similar vectors, and every machine computes the same one.
    """
    marked = f"<{word}>"
    grams = {marked[start : start + size] for size in (3, 4, 5) for start in range(len(marked) - size + 1)} | {marked}
    total = np.zeros(dimension)
    for gram in grams:
        bits = np.frombuffer(hashlib.shake_128(gram.encode()).digest(-(-dimension // 8)), dtype=np.uint8)
        total += 2.0 * np.unpackbits(bits)[:dimension] - 1.0
    return total / (np.linalg.norm(total) or 1.0)


class WordVectors:
    """Vectors of words, and how many templates of the training split have each word.

    Parameters
    ----------
    words : list of str
        Distinct words.
    matrix : float64 array, shape (words, dimension)
        The vector of each.
    templates_with : int64 array, shape (words,)
        Number of training templates with each word; 0 for words that only a file of vectors has.
    templates : int
        Number of training templates.
    """

    def __init__(self, words: list[str], matrix: FloatArray, templates_with: IntArray, templates: int) -> None:
        self.words, self.matrix, self.templates_with, self.templates = words, matrix, templates_with, templates
        self.dimension = matrix.shape[1]
        self._row = {word: row for row, word in enumerate(words)}
        lengths = np.linalg.norm(matrix[templates_with > 0], axis=1)
        self._typical_length = float(lengths[lengths > 0].mean()) if lengths.any() else 1.0

    def of(self, word: str) -> FloatArray:
        """Return the vector of a word, shape (dimension,): its own, or for an unknown one that of its spelling.

        The latter has the length of an average training word's vector.
        """
        row = self._row.get(word)
        return hashed(word, self.dimension) * self._typical_length if row is None else self.matrix[row]

    def rarity(self, word: str) -> float:
        """Return the inverse document frequency ln((1 + T) / (1 + T_word)) + 1 of a word among T training templates."""
        row = self._row.get(word)
        return math.log((1 + self.templates) / (1 + (0 if row is None else int(self.templates_with[row])))) + 1

    def mean(self, template: str) -> FloatArray:
        """Return the mean of the vectors of a template's words, shape (dimension,)."""
        mean: FloatArray = np.stack([self.of(word) for word in tokenise(template)]).mean(axis=0)
        return mean

    def tf_idf(self, template: str) -> FloatArray:
        """Return the sum of the vectors of a template's words, each weighted by its tf-idf, shape (dimension,).

        The term frequency is the word's share of the template's words.
        """
        words = tokenise(template)
        total: FloatArray = np.stack([self.rarity(word) / len(words) * self.of(word) for word in words]).sum(axis=0)
        return total

    def with_file(self, path: Path, templates: Sequence[str]) -> "WordVectors":
        """Return these vectors together with those that a file has for further templates' words."""
        further = sorted({word for template in templates for word in tokenise(template)} - self._row.keys())
        found = read_vectors(path, further)
        rows = [self.matrix, *(found[word][None] for word in found)]
        counts = np.concatenate([self.templates_with, np.zeros(len(found), dtype=np.int64)])
        return WordVectors([*self.words, *found], np.concatenate(rows), counts, self.templates)

    def state(self) -> dict[str, Any]:
        """Return the parameters by name."""
        names = ("words", "matrix", "templates_with", "templates")
        return {name: getattr(self, name) for name in names}


def _count(templates: Sequence[str]) -> tuple[list[str], scipy.sparse.csr_array, IntArray]:
    """Return the words, how often each template has each word, and how many templates have it."""
    bags = [Counter(tokenise(template)) for template in templates]
    words = sorted(set().union(*bags))
    row = {word: place for place, word in enumerate(words)}
    cells = [(place, row[word], count) for place, bag in enumerate(bags) for word, count in bag.items()]
    rows, columns, counts = np.asarray(cells, dtype=np.int64).reshape(-1, 3).T
    table = scipy.sparse.csr_array((counts.astype(np.float64), (rows, columns)), shape=(len(bags), len(words)))
    return words, table, np.bincount(columns, minlength=len(words))


def learn(templates: Sequence[str], counts: Sequence[int], dimension: int) -> WordVectors:
    """Learn the vectors of the words of templates from which words go together.

    Draw a template by how often it occurs, and two of its words: P(u, v). The matrix of positive pointwise mutual
    information, max(0, ln P(u, v) / (P(u) P(v))), is factored; words have the rows of the largest factors (Levy and
    Goldberg, NIPS 2014). Words that always go together get equal vectors, words that never do orthogonal ones, and a
    word that every template has gets a short one.

    Parameters
    ----------
    templates : sequence of str
        Distinct templates.
    counts : sequence of int
        How often each occurs.
    dimension : int
        Length of the vectors; where there are fewer words the rest of each vector is 0.
    """
    words, table, templates_with = _count(templates)
    weights = np.asarray(counts) / np.sum(counts)
    drawn = scipy.sparse.diags_array(1 / table.sum(axis=1)) @ table
    pairs = (drawn.T @ scipy.sparse.diags_array(weights) @ drawn).tocoo()
    single = weights @ drawn
    information = np.log(pairs.data / (single[pairs.row] * single[pairs.col]))
    # Rounding makes tiny numbers of zeros, which would become directions.
    information[information < 1e-9] = 0
    matrix = scipy.sparse.csr_array((information, (pairs.row, pairs.col)), shape=pairs.shape)
    values, factors = _eigen(matrix, dimension)
    vectors = np.zeros((len(words), dimension))
    vectors[:, : len(values)] = factors * np.sqrt(np.abs(values))
    return WordVectors(words, vectors, templates_with, len(templates))


def _eigen(matrix: scipy.sparse.csr_array, wanted: int) -> tuple[FloatArray, FloatArray]:
    """Return the eigenvalues of a symmetric matrix that are largest by amount, and their vectors as columns.

    That is its singular value decomposition but for signs. The largest entry of each vector is made positive, so that
    the result does not depend on the library's whims. Eigenvalues that are 0 but for rounding are left out.
    """
    size = matrix.shape[0]
    if size <= max(MOST_WORDS_EXACT, wanted):
        values, vectors = scipy.linalg.eigh(matrix.toarray())
    else:
        start = np.random.default_rng(0).standard_normal(size)
        values, vectors = scipy.sparse.linalg.eigsh(matrix, wanted, which="LM", v0=start)
    order = np.argsort(-np.abs(values), kind="stable")[:wanted]
    order = order[np.abs(values[order]) > 1e-9]
    values, vectors = values[order], vectors[:, order]
    largest = vectors[np.argmax(np.abs(vectors), axis=0), np.arange(len(values))]
    return values, vectors * np.sign(largest)


def take_from_file(path: Path, templates: Sequence[str]) -> WordVectors:
    """Take the vectors of the words of training templates from a file; words it lacks get those of their spelling.

    Raises
    ------
    UserError
        If the file cannot be read, is not in the word2vec text format, or has none of the words.
    """
    words, _, templates_with = _count(templates)
    found = read_vectors(path, words)
    if not found:
        raise UserError(
            f"{path} has a vector for none of the words of the training templates (such as {words[0]!r}); words must "
            "be in small letters: correct the hyperparameter vectors."
        )
    kept = [row for row, word in enumerate(words) if word in found]
    matrix = np.stack([found[words[row]] for row in kept])
    return WordVectors([words[row] for row in kept], matrix, templates_with[kept], len(templates))


def read_vectors(path: Path, words: Sequence[str]) -> dict[str, FloatArray]:
    """Read the vectors of some words from a file in the word2vec text format, line by line.

    Its first line has the number of words and the length of the vectors, every other one a word and its values,
    separated by blanks. Where a word stands twice the first counts.

    Raises
    ------
    UserError
        If the file cannot be read, has another format, or ends too early; the message names the line.
    """
    wanted = set(words)
    found: dict[str, FloatArray] = {}
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            count, dimension = _header(path, stream.readline())
            number = 0
            for number, line in enumerate(stream, start=1):
                word, _, values = line.partition(" ")
                if word in wanted and word not in found:
                    found[word] = _values(path, number + 1, values, dimension)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); correct the hyperparameter vectors.") from None
    if number < count:
        raise UserError(f"{path} should hold {count} words but ends after {number}; get the whole file.")
    return found


def _header(path: Path, line: str) -> tuple[int, int]:
    parts = line.split()
    if len(parts) != 2 or not all(part.isdecimal() for part in parts) or int(parts[1]) < 1:
        raise UserError(
            f"{path} is not in the word2vec text format: its first line must be the number of words and the length of "
            "the vectors. Convert the file or correct the hyperparameter vectors."
        )
    return int(parts[0]), int(parts[1])


def _values(path: Path, line: int, text: str, dimension: int) -> FloatArray:
    try:
        values = np.array([float(part) for part in text.split()])
    except ValueError:
        values = np.empty(0)
    if len(values) != dimension or not np.isfinite(values).all():
        raise UserError(f"{path}, line {line}: there must be {dimension} numbers after the word; correct the file.")
    return values

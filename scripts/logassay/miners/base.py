"""What all miners share: the templates they return, and how frozen templates are compared with a message.

A miner is a function `mine(messages, lines, **settings)`: distinct masked messages in order of first appearance, and
how many lines each stands for.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

WILDCARD = "<*>"
"""A word that stands for any other; masks write it, and miners."""


@dataclass(frozen=True)
class Mined:
    """Templates that were mined; they no longer change.

    Attributes
    ----------
    templates : list of str
        Templates in order of first appearance, no two alike unless the method says so.
    groups : list of int
        For each mined message the number of its template, from 0.
    match : callable
        Number of the template that a further message fits, or None.
    """

    templates: list[str]
    groups: list[int]
    match: Callable[[str], int | None]


class Mine(Protocol):
    """A mining method."""

    def __call__(self, messages: Sequence[str], lines: Sequence[int], **settings: Any) -> Mined:
        """Mine templates; `lines` says how many lines each of the messages stands for."""
        ...


def frozen(found: Iterable[Sequence[str]]) -> Mined:
    """Number the templates that were found for messages, and freeze them.

    Parameters
    ----------
    found : iterable of sequence of str
        For each message the words of its template. Equal ones are one template.

    Returns
    -------
    Mined
        A further message fits a template of as many words if all but the wildcards are equal. Where several fit, it
        takes the one with the fewest wildcards, and among these the first.
    """
    numbers: dict[tuple[str, ...], int] = {}
    groups = [numbers.setdefault(tuple(words), len(numbers)) for words in found]
    # By number of words and by where their constants stand: a look-up of these words finds the template at once.
    shapes: dict[int, dict[tuple[int, ...], dict[tuple[str, ...], int]]] = {}
    for words, number in numbers.items():
        fixed = tuple(place for place, word in enumerate(words) if word != WILDCARD)
        shapes.setdefault(len(words), {}).setdefault(fixed, {})[tuple(words[place] for place in fixed)] = number

    def match(message: str) -> int | None:
        words = message.split()
        fitting: list[tuple[int, int]] = []
        for fixed, known in shapes.get(len(words), {}).items():
            number = known.get(tuple([words[place] for place in fixed]))
            if number is not None:
                fitting.append((-len(fixed), number))
        return min(fitting)[1] if fitting else None

    return Mined([" ".join(words) for words in numbers], groups, match)

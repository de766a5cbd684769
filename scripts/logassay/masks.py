"""Which patterns see only where digits stand, not which or how many: their matches in one line hold for all like it.

Two texts are *alike* if they are equal once every run of digits is written as a single `0`. A pattern is *blind* to
digits if its matches in texts that are alike correspond: the same matches, in the same order, each with the same runs,
and none that begins or ends within a run. Then it is enough to apply it to one of many lines that are alike.

A pattern counts as blind here if

1. each of its character classes holds all ten digits or none of them, and no literal is a digit;
2. a class with digits stands only directly under a greedy `+` or `*`, and nothing that may come directly after it
   begins with a class with digits (itself, by way of a group that is repeated, included);
3. `\\B` does not stand directly before or after a class with digits;
4. it matches no empty text.

Why that is enough. By 1, which digit it is changes nothing. By 2, a path of the matcher through a run of digits stays
in a single class: each further digit is taken by that class's own repetition, for what may follow takes no digit.
Inside a run `^`, `$` and `\\b` do not hold, and by 3 no `\\B` is asked for.

- No match ends inside a run: the path that stays in its class up to the end of the run and then goes on in the same way
  succeeds as well, and is preferred, for the repetition is greedy.
- No match begins inside a run: the one that begins a digit earlier succeeds as well, by one more repetition, and the
  leftmost match counts; nor does the search go on from inside a run, since no match ends there.

So the matches that count pass each run as a whole or not at all. Such paths exist for a run of n digits if and only if
they exist for one of m, for any n and m of at least 1, and the choices by which the matcher prefers one to the other
lie outside of runs. Groups, too, begin and end outside of runs, by 2. The argument asks nothing of a run but at least
one digit; hence it holds from mask to mask, although a replacement may join two runs.

What the check does not understand counts as not blind, and is applied to every line.
"""

import re
from dataclasses import dataclass, field

DIGITS = frozenset("0123456789")

# What may stand at the beginning or end of a part of a pattern.
DIGIT, INSIDE, OTHER = "class with digits", r"\B", "anything else"

NO_DIGIT = {"s", "W", "D"}
"""Escaped classes without any digit."""
ALL_DIGITS = {"d", "w", "S"}
"""Escaped classes with all of them."""
CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v", "a": "\a"}


class _NotBlindError(Exception):
    """The pattern is not blind to digits, or is not understood."""


@dataclass(frozen=True)
class _Part:
    """A part of a pattern: what it may begin and end with, and whether it may take no character.

    A place such as `$` is something of its own at either end (`optional` is false), but takes no character.
    """

    first: frozenset[str] = frozenset()
    last: frozenset[str] = frozenset()
    optional: bool = True
    empty: bool = True


@dataclass
class _Parser:
    """Reads a pattern in the syntax of Rust's regex, as far as it is needed here."""

    text: str
    place: int = 0
    spaced: bool = False
    groups: list[tuple[str, int, int]] = field(default_factory=list)
    """Named groups that are neither repeated nor within another, with their places in the text."""
    alternatives: bool = False
    """Whether the pattern as a whole has alternatives."""
    flags: bool = False

    def whole(self) -> _Part:
        part = self._alternatives(depth=0)
        if self.place < len(self.text):
            raise _NotBlindError
        return part

    def _peek(self) -> str:
        if self.spaced:
            while match := re.compile(r"\s+|#[^\n]*").match(self.text, self.place):
                self.place = match.end()
        return self.text[self.place : self.place + 1]

    def _take(self, pattern: str) -> str | None:
        match = re.compile(pattern).match(self.text, self.place)
        if match is None:
            return None
        self.place = match.end()
        return match[0]

    def _alternatives(self, depth: int) -> _Part:
        spaced = self.spaced
        parts = [self._sequence(depth)]
        while self._peek() == "|":
            self.place += 1
            self.alternatives |= depth == 0
            parts.append(self._sequence(depth))
        self.spaced = spaced
        return _Part(
            frozenset().union(*(part.first for part in parts)),
            frozenset().union(*(part.last for part in parts)),
            any(part.optional for part in parts),
            any(part.empty for part in parts),
        )

    def _sequence(self, depth: int) -> _Part:
        whole = _Part()
        while self._peek() not in ("", "|", ")"):
            part = self._repeated(depth)
            _check_neighbours(whole.last, part.first)
            whole = _Part(
                whole.first | part.first if whole.optional else whole.first,
                part.last | whole.last if part.optional else part.last,
                whole.optional and part.optional,
                whole.empty and part.empty,
            )
        return whole

    def _repeated(self, depth: int) -> _Part:
        groups = len(self.groups)
        part, atom = self._atom(depth)
        self._peek()
        times = self._take(r"[*+?]|\{[0-9]+(?:,[0-9]*)?\}")
        lazy = times is not None and self._peek() == "?"
        self.place += lazy
        if self._peek() in ("*", "+", "?", "{"):
            raise _NotBlindError
        if atom and part.first == {DIGIT}:
            if times not in ("*", "+") or lazy:
                raise _NotBlindError
        elif times is not None and times != "?":
            _check_neighbours(part.last, part.first)
        if times is not None:
            del self.groups[groups:]
        if times in ("*", "?") or (times or "").startswith(("{0,", "{0}")):
            return _Part(part.first, part.last, True, True)
        return part

    def _atom(self, depth: int) -> tuple[_Part, bool]:
        """Read one thing that may be repeated; also return whether it is a single character."""
        start = self.place
        character = self.text[start]
        self.place += 1
        if character == "(":
            return self._group(depth, start), False
        if character == "[":
            return _class(self._class()), True
        if character == ".":
            return _class(DIGITS), True
        if character in "^$":
            return _Part(frozenset([OTHER]), frozenset([OTHER]), False, True), False
        if character == "\\":
            following = self._take("[^\n]")
            if following in ("b", "A", "z") and self.text[self.place : self.place + 1] != "{":
                return _Part(frozenset([OTHER]), frozenset([OTHER]), False, True), False
            if following == "B":
                return _Part(frozenset([INSIDE]), frozenset([INSIDE]), False, True), False
            return _class(self._escaped(following)), True
        if character in "*+?{":
            raise _NotBlindError
        return _class(frozenset(character)), True

    def _group(self, depth: int, start: int) -> _Part:
        name = None
        if self._take(r"\?P?<"):
            name = self._take(r"\w+")
            if self._take(">") is None:
                raise _NotBlindError
        elif flags := self._take(r"\?[ixs]*[:)]"):
            self.flags |= len(flags) > 2
            if flags.endswith(")"):
                # These hold up to the end of the group that they stand in.
                self.spaced |= "x" in flags
                return _Part()
            spaced, self.spaced = self.spaced, self.spaced or "x" in flags
            part = self._inside(depth)
            self.spaced = spaced
            return part
        elif self.text.startswith("?", self.place):
            raise _NotBlindError
        part = self._inside(depth)
        if name is not None and depth == 0:
            self.groups.append((name, start, self.place))
        return part

    def _inside(self, depth: int) -> _Part:
        part = self._alternatives(depth + 1)
        if self._peek() != ")":
            raise _NotBlindError
        self.place += 1
        return part

    def _escaped(self, character: str | None) -> frozenset[str]:
        """Return the characters, as far as they matter, that an escape stands for."""
        if character is None:
            raise _NotBlindError
        if character in ALL_DIGITS:
            return DIGITS
        if character in NO_DIGIT:
            return frozenset()
        if character in CONTROLS:
            return frozenset(CONTROLS[character])
        if character == "x" and (code := self._take("[0-9A-Fa-f]{2}")):
            return frozenset(chr(int(code, 16)))
        if character.isalnum() or not character.isascii():
            raise _NotBlindError
        return frozenset(character)

    def _class(self) -> frozenset[str]:
        """Read a class up to its closing bracket; return the digits in it."""
        negated = self._take(r"\^") is not None
        digits: set[str] = set()
        first = True
        while (character := self._peek() if self.spaced else self.text[self.place : self.place + 1]) != "]" or first:
            first = False
            if character in ("", "[", "]") or self.text.startswith(("&&", "--", "~~"), self.place):
                raise _NotBlindError
            low = self._member()
            if self._take(r"-(?![-\]])") is None:
                digits |= low & DIGITS
                continue
            high = self._member()
            if len(low) != 1 or len(high) != 1:
                raise _NotBlindError
            digits |= {digit for digit in DIGITS if min(low) <= digit <= min(high)}
        self.place += 1
        return DIGITS - digits if negated else frozenset(digits)

    def _member(self) -> frozenset[str]:
        character = self._take(r"(?s).")
        if character == "\\":
            return self._escaped(self._take("[^\n]"))
        if character is None or character == "[" or (self.spaced and (character.isspace() or character == "#")):
            raise _NotBlindError
        return frozenset(character)


def _class(characters: frozenset[str]) -> _Part:
    digits = characters & DIGITS
    if digits and digits != DIGITS:
        raise _NotBlindError
    kind = frozenset([DIGIT if digits else OTHER])
    return _Part(kind, kind, False, False)


def _check_neighbours(last: frozenset[str], first: frozenset[str]) -> None:
    if DIGIT in last and first & {DIGIT, INSIDE}:
        raise _NotBlindError
    if INSIDE in last and DIGIT in first:
        raise _NotBlindError


def is_blind(pattern: str) -> bool:
    """Return whether a pattern, a valid one of Rust's regex, is known to be blind to digits."""
    try:
        return not _Parser(pattern).whole().empty
    except (_NotBlindError, RecursionError):
        return False


def in_pieces(header: str, names: set[str]) -> tuple[str, list[str]] | None:
    """Divide a header pattern so that it tells where its groups lie.

    Parameters
    ----------
    header : str
        Valid pattern for the beginning of a line.
    names : set of str
        The groups that are wanted.

    Returns
    -------
    tuple of str and list of str, or None
        The same pattern in which each character that it takes belongs to one group, and the names of these groups in
        order, some of which are new; None if the pattern is not known to be blind to digits, may begin elsewhere than
        at the start of a line, or has a wanted group that is optional or within another.
    """
    # Otherwise a match may begin anywhere; but this one begins nowhere else.
    if not header.startswith(("^", "(?P<content>.*)")):
        return None
    parser = _Parser(header)
    try:
        parser.whole()
    except (_NotBlindError, RecursionError):
        return None
    known = [group for group in parser.groups if group[0] in names]
    if parser.alternatives or parser.flags or {name for name, _, _ in known} != names:
        return None
    pattern, end = "", 0
    order: list[str] = []
    for name, start, stop in known:
        if gap := header[end:start]:
            order.append(f"__{len(order)}")
            pattern += f"(?P<{order[-1]}>{gap})"
        order.append(name)
        pattern += header[start:stop]
        end = stop
    return pattern + header[end:], order

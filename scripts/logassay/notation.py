"""Loghub's notation for headers, such as `<Date> <Time> <Level> <Component>: <Content>`, as a regular expression.

Read as logparser reads it (Zhu et al. 2019), but in a form that an engine without backtracking gets through faster.
"""

import re
from collections.abc import Set

from logassay.errors import UserError

FIELD = re.compile("<([^<>]*)>")
BLANKS = "[ \t]+"
WORD = "[^ \t]+"


def names(key: str, text: str) -> list[str]:
    """Return the names of the fields in lower case.

    Raises
    ------
    UserError
        If there are none, or a name is no name or occurs twice; `key` names the place.
    """
    found = FIELD.findall(text)
    for name in found:
        if not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name):
            raise UserError(f"{key} has the field <{name}>; a name is made of letters, digits and _.")
    lower = [name.lower() for name in found]
    twice = [name for place, name in enumerate(lower) if name in lower[:place]]
    if twice:
        raise UserError(f"{key} has the field <{twice[0]}> twice (in lower case); give each a name of its own.")
    if not found:
        raise UserError(f"{key} is {text!r}, which names no field; write for example '<Date> <Time> <Content>'.")
    return lower


def compile_pattern(key: str, text: str, wanted: Set[str]) -> str:
    r"""Return an anchored Rust regular expression with a named group for each of the `wanted` fields.

    A field reaches up to the first place where what stands behind it follows; blanks stand for any number of blanks;
    all else between fields is a regular expression, so that brackets are written `\[` and a part that may be missing
    `(\[<Pid>\])?`. Unlike in logparser, a field before a blank is not empty, and lines are not stripped.

    Raises
    ------
    UserError
        If a bracket or bar between fields is not escaped.
    """
    parts = FIELD.split(text)  # literal, name, literal, name, ..., literal
    literals = [_literal(key, part) for part in parts[::2]]
    pattern = "^" + literals[0]
    flat = "(?:" not in "".join(literals)
    for place, name in enumerate(name.lower() for name in parts[1::2]):
        behind = literals[place + 1]
        last = place == len(literals) - 2 and not behind
        if last:
            field = ".*"
        elif behind == BLANKS:
            # A field cannot profit from reaching over blanks if another one follows them.
            field = WORD
        else:
            field = ".*?"
        end = re.fullmatch(r"(\\?)([^\\.+*?^$(){}])" + re.escape(BLANKS), behind)
        if field == ".*?" and end and flat and name not in wanted:
            # The same as .*? up to the first such character before a blank, without going back.
            one, other = re.escape(end[2]), f"[^{re.escape(end[2])}"
            pattern += f"{other}]*{one}+(?:{other} \t]{other}]*{one}+)*{BLANKS}"
            continue
        pattern += (f"(?P<{name}>{field})" if name in wanted else field) + behind
    return pattern + "$"


def _literal(key: str, text: str) -> str:
    """Return what stands between two fields as a regular expression without groups of its own."""
    bare = re.search(r"(?<!\\)(?:\\\\)*([\[\]|])", text)
    if bare:
        raise UserError(f"{key} has a bare {bare[1]}; between fields it is written \\{bare[1]}.")
    text = re.sub("[ \t]+", lambda _: BLANKS, text)
    return re.sub(r"(?<!\\)((?:\\\\)*)\((?!\?)", r"\1(?:", text)

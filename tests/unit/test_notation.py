"""Loghub's notation, against what logparser makes of it in Python's own regular expressions."""

import re

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logassay.errors import UserError
from logassay.notation import compile_pattern, names

NOTATIONS = [
    "<Date> <Time> <Pid> <Level> <Component>: <Content>",
    r"<Date> <Level> \[<Process>\] <Component>: <Content>",
    r"<Date> - <Level>  \[<Node>:<Component>@<Id>\] - <Content>",
    "<Date>, <Level>    <Content>",
    r"<Time>\|<Pid>\|<Content>",
    r"\[<Time>\] <Program> - <Content>",
    r"<Date> <Component>(\[<Pid>\])?: <Content>",
    r"<Month>  <Date> <Component>\[<Pid>\]( \(<Address>\))?: <Content>",
    "<Content>",
]


def reference(notation: str) -> re.Pattern[str]:
    """Every field non-greedy, every run of blanks one or more blanks, from end to end."""
    parts = re.split("<([^<>]+)>", notation)
    parts[::2] = [re.sub(" +", "[ \t]+", literal) for literal in parts[::2]]
    parts[1::2] = [f"(?P<{name.lower()}>.*?)" for name in parts[1::2]]
    return re.compile("^" + "".join(parts) + "$")


WORDS = st.sampled_from(
    ["a", "bb", " ", "  ", "\t", ":", ": ", "::", "[", "]", "] ", "- ", " - ", ", ", "|", "@", "(", ")"]
)


@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.parametrize("all_fields", [True, False])
@example(text="a a a a: : b")
@example(text="a bb a a [a] a:a:: a: b")
@given(text=st.lists(WORDS, max_size=25).map("".join))
def test_lines_are_read_as_logparser_reads_them(notation: str, all_fields: bool, text: str) -> None:
    wanted = set(names("x", notation)) if all_fields else {"content"}
    found = (
        pl.Series([text]).str.extract_groups(compile_pattern("x", notation, wanted)).struct.unnest().row(0, named=True)
    )
    match = reference(notation).match(text)
    parts = re.split("<([^<>]+)>", notation)
    before_blank = [name.lower() for name, behind in zip(parts[1::2], parts[2::2], strict=True) if not behind.strip()]
    if match and any(match[name] == "" for name in before_blank if name != "content"):
        return  # a field before a blank is not empty: the line is no header line, or has its blanks elsewhere
    assert found["content"] == (match["content"] if match else None)
    if match:
        assert found == {name: match[name] for name in found}


def test_only_wanted_fields_are_captured() -> None:
    pattern = compile_pattern("x", "<Date> <Time> <Level> <Content>", {"time", "content"})
    assert list(re.compile(pattern).groupindex) == ["time", "content"]


@pytest.mark.parametrize(
    ("notation", "message"),
    [
        ("<Date> [<Level>] <Content>", r"formats.x.loghub has a bare \[; between fields it is written \\\["),
        ("<Date>|<Content>", r"formats.x.loghub has a bare \|; between fields it is written \\\|"),
    ],
)
def test_bare_brackets_are_told(notation: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        compile_pattern("formats.x.loghub", notation, {"content"})

"""The miners, on examples small enough to work through by hand."""

import inspect
from pathlib import Path

import pytest
import yaml
from drain3.drain import Drain

from logassay import miners
from logassay.errors import UserError
from logassay.miners import brain, drain, iplom
from logassay.miners.base import Mined, frozen

SCHEMA = Path(__file__).resolve().parents[2] / "workflow/schemas/config.schema.yaml"


def found(mined: Mined) -> list[str]:
    """The template of each mined message."""
    return [mined.templates[group] for group in mined.groups]


def ones(messages: list[str]) -> list[int]:
    return [1] * len(messages)


def test_the_schema_names_every_miner_and_its_settings_with_their_defaults() -> None:
    described = yaml.safe_load(SCHEMA.read_text())["properties"]["templates"]["properties"]
    assert set(described["miner"]["enum"]) == {"none", *miners.names()}
    settings = {}
    for name in miners.names():
        parameters = inspect.signature(miners.load(name)).parameters.values()
        settings |= {each.name: each.default for each in parameters if each.kind is each.KEYWORD_ONLY}
    assert settings == {name: each["default"] for name, each in described.items() if name not in ("miner", "fit_on")}


def test_an_unknown_miner_is_named_beside_those_there_are() -> None:
    with pytest.raises(UserError, match=r"'spell'; templates.miner must be one of: none, brain, drain, iplom\."):
        miners.load("spell")


def test_settings_of_a_miner() -> None:
    messages = ["open file alpha", "open file beta", "open file gamma"]
    assert miners.ready("brain", {"branches": 3})(messages, [1, 1, 1]).templates == ["open file <*>"]
    with pytest.raises(UserError, match="The miner 'brain' has no setting 'depth'; its settings are: branches"):
        miners.ready("brain", {"depth": 3})


@pytest.mark.parametrize("name", miners.names())
def test_nothing_and_the_empty_message(name: str) -> None:
    mine = miners.load(name)
    nothing = mine([], [])
    assert (nothing.templates, nothing.groups, nothing.match("a")) == ([], [], None)
    empty = mine(["", "a b"], [1, 1])
    assert empty.groups == [0, 1]
    assert empty.match("a b") == 1


@pytest.mark.parametrize("name", miners.names())
def test_mined_messages_fit_a_template_and_the_same_input_gives_the_same_templates(name: str) -> None:
    mine = miners.load(name)
    messages = [
        f"{verb} file {noun} of {size} bytes" for verb in ("open", "close") for noun in "abcde" for size in "xyz"
    ]
    mined, again = (mine(messages, ones(messages)) for _ in range(2))
    assert (mined.templates, mined.groups) == (again.templates, again.groups)
    assert all(mined.match(message) is not None for message in messages)
    assert mined.match("open file") is None


def test_frozen_templates_prefer_the_fewest_wildcards_and_then_the_first() -> None:
    mined = frozen([["a", "<*>", "c"], ["a", "b", "<*>"], ["<*>", "<*>", "c"], ["a", "<*>", "c"]])
    assert mined.templates == ["a <*> c", "a b <*>", "<*> <*> c"]
    assert mined.groups == [0, 1, 2, 0]
    assert mined.match("a b c") == 0
    assert mined.match("a  b   d") == 1
    assert mined.match("x b c") == 2
    assert mined.match("x b d") is None
    assert mined.match("a b") is None
    assert mined.match("") is None


# Drain


def test_drain_joins_what_is_similar_enough() -> None:
    # He et al., section III: "Receive from node 4" joins "Receive from node 3" since 3 of 4 words are equal.
    mined = drain.mine(["Receive from node a", "Receive from node b", "Send to node a"], [1, 1, 1])
    assert found(mined) == ["Receive from node <*>", "Receive from node <*>", "Send to node a"]
    assert mined.match("Receive from node c") == 0
    assert mined.match("Send to node b") is None
    assert len(drain.mine(["Receive from node a", "Receive from node b"], [1, 1], similarity=0.8).templates) == 2


def test_drain_is_drain3() -> None:
    messages = ["a b c", "a b d", "x y", "a q r", "a b e", "x z"]
    plain = Drain(depth=3, sim_th=0.6, max_children=2)
    numbers = [plain.add_log_message(message)[0].cluster_id - 1 for message in messages]
    mined = drain.mine(messages, ones(messages), depth=3, similarity=0.6, max_children=2)
    assert mined.groups == numbers
    assert mined.templates == [cluster.get_template() for cluster in plain.clusters]


# IPLoM


def test_iplom_divides_by_length_and_then_by_the_position_with_fewest_words() -> None:
    messages = ["open a now", "open b now", "shut a now or", "close a then", "close b then", "close c then"]
    # Three words: 2, 3 and 2 different ones; the first position with two divides. In "open" and in "close" two of three
    # positions are constant, which is good enough.
    assert found(iplom.mine(messages, ones(messages))) == [
        "open <*> now",
        "open <*> now",
        "shut a now or",
        "close <*> then",
        "close <*> then",
        "close <*> then",
    ]


def test_iplom_one_to_one() -> None:
    # The first position is constant, so that step 2 divides nothing; 1 of 4 positions is less than 0.35. Three
    # positions have two words each: the first two of them go together one to one.
    messages = ["node fan failed x", "node fan failed y", "node disk lost x", "node disk lost y"]
    assert found(iplom.mine(messages, ones(messages))) == [
        "node fan failed <*>",
        "node fan failed <*>",
        "node disk lost <*>",
        "node disk lost <*>",
    ]
    # If a quarter is good enough they stay together.
    assert set(found(iplom.mine(messages, ones(messages), goodness=0.25))) == {"node <*> <*> <*>"}


def test_iplom_one_to_many_depends_on_the_share_of_different_words() -> None:
    # Two words: both positions count. "user" goes with three names, which go with nothing else.
    messages = ["user ann", "user bob", "user eve"]
    # 3 different ones in 3 lines are variable, 3 in 12 are constants (and 3 in 11 are not).
    assert found(iplom.mine(messages, [1, 1, 1])) == ["user <*>"] * 3
    assert found(iplom.mine(messages, [4, 4, 3])) == ["user <*>"] * 3
    assert found(iplom.mine(messages, [4, 4, 4])) == messages
    # The same the other way round.
    turned = ["ann left", "bob left", "eve left"]
    assert found(iplom.mine(turned, [1, 1, 1])) == ["<*> left"] * 3
    assert found(iplom.mine(turned, [4, 4, 4])) == turned


def test_iplom_many_to_many_is_divided_only_if_step_2_did_not_divide() -> None:
    # Every name with both verbs. Step 2 would take the first position here, were it not for the constant third one.
    messages = [f"{name} {verb} it again" for name in ("ann", "bob", "eve") for verb in ("took", "left")]
    assert set(found(iplom.mine(messages, ones(messages), goodness=0.9))) == {"<*> took it again", "<*> left it again"}
    # Without a constant position step 2 divides (by verb), and what then is many to many stays.
    messages = [f"{verb} {a} {b}" for verb in ("took", "left") for a in "pqr" for b in "xyz"]
    assert set(found(iplom.mine(messages, ones(messages), goodness=0.9))) == {"took <*> <*>", "left <*> <*>"}


# Brain


def test_brain_variable_from_so_many_different_words() -> None:
    messages = ["open file alpha", "open file beta", "open file gamma"]
    # "open file" is the core: two words that have three lines each.
    assert found(brain.mine(messages, [1, 1, 1], branches=3)) == ["open file <*>"] * 3
    assert found(brain.mine(messages, [1, 1, 1], branches=4)) == messages


def test_brain_different_words_that_are_more_frequent_than_the_core_are_variable() -> None:
    messages = ["ann ran very fast", "bob ran very fast", "ann slept", "bob slept"]
    # In the first two "ran very fast" (2 lines) is the core; "ann" and "bob" have 1 + 3 lines each.
    assert found(brain.mine(messages, [1, 1, 3, 3]))[:2] == ["<*> ran very fast"] * 2


def test_brain_counts_lines_not_messages() -> None:
    # A line each: "up" has as many as "ann": the core of the first is all of it.
    messages = ["ann is up", "bob is down"]
    assert found(brain.mine(messages, [1, 1])) == messages
    # The longest combination is the core; of two as long, the more frequent: here "a b" of 5 lines, not "y x" of 3.
    messages = ["a b y x", "a b z w"]
    assert found(brain.mine(messages, [3, 2], branches=2)) == ["a b <*> <*>"] * 2

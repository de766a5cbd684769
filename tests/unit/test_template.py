"""Templates are learned from training messages alone."""

import json
from pathlib import Path

import polars as pl

from logassay.miners.base import Mined, frozen
from logassay.miners.drain import mine
from logassay.template import assign, run

MESSAGES = pl.DataFrame(
    {
        "message_id": pl.Series([0, 1, 2, 3, 4], dtype=pl.Int32),
        "message": [
            "Received block <*> of size <*>",
            "Deleting block <*> in folder alpha",
            "Deleting block <*> in folder beta",
            "Deleting block <*> in folder gamma",
            "Something quite different happened here today",
        ],
        "lines": [5, 4, 3, 2, 1],
    }
)


def part(*message_ids: int) -> pl.DataFrame:
    """Messages of a part of the split, with one line each."""
    schema = {"message_id": pl.Int32, "lines": pl.Int64}
    return pl.DataFrame([(each, 1) for each in message_ids], schema=schema, orient="row")


def events(message_events: pl.DataFrame) -> dict[int, int]:
    return dict(message_events.iter_rows())


def test_what_test_messages_say_does_not_change_the_templates_of_validation() -> None:
    texts = ["block <*> was received", "disk a failed at once", "disk b failed at once"]
    schema = {"message_id": pl.Int32, "message": pl.String, "lines": pl.Int64}
    frame = pl.DataFrame({"message_id": range(3), "message": texts, "lines": [1, 1, 1]}, schema=schema)
    templates, found = assign(frame, part(0), part(1), mine, "train")
    # Mined together, the last two would be one template, "disk <*> failed at once".
    assert templates["template"].to_list() == texts
    assert found["event"].to_list() == [2, 3, 4]
    together, _ = assign(frame, part(0), part(1, 2), mine, "train")
    assert together["template"].to_list() == [texts[0], "disk <*> failed at once"]


def test_frozen_templates_match_or_a_message_is_unknown() -> None:
    templates, message_events = assign(MESSAGES, part(0, 1, 2), part(), mine, "train")
    # Messages 1 and 2 differ in one of six tokens and share a template, which 3 then matches; 4 is unlike any.
    assert events(message_events) == {0: 2, 1: 3, 2: 3, 3: 3, 4: 4}
    assert templates.rows() == [
        (2, "Received block <*> of size <*>", 1, True),
        (3, "Deleting block <*> in folder <*>", 3, True),
        (4, "Something quite different happened here today", 1, False),
    ]


def test_what_was_not_seen_cannot_widen_a_template() -> None:
    # Only message 1 was seen: its template keeps "alpha", and the others do not match it. What is unknown has
    # templates of its own, mined like the others.
    templates, message_events = assign(MESSAGES, part(1), part(), mine, "train")
    assert events(message_events) == {0: 3, 1: 2, 2: 4, 3: 4, 4: 5}
    assert templates.select("template", "in_training").rows() == [
        ("Deleting block <*> in folder alpha", True),
        ("Received block <*> of size <*>", False),
        ("Deleting block <*> in folder <*>", False),
        ("Something quite different happened here today", False),
    ]


def test_fit_on_all_reproduces_the_literature() -> None:
    templates, message_events = assign(MESSAGES, part(1), part(), mine, "all")
    assert events(message_events) == {0: 2, 1: 3, 2: 3, 3: 3, 4: 4}
    # One template for 1, 2 and 3, and 1 occurs in training.
    assert templates["in_training"].to_list() == [False, True, False]


def test_nothing_to_learn_from() -> None:
    templates, message_events = assign(MESSAGES, part(), part(), mine, "train")
    assert (templates.height, templates["in_training"].any()) == (3, False)
    assert assign(MESSAGES.head(0), part(), part(), mine, "all")[0].height == 0
    assert message_events["event"].to_list() == [2, 3, 3, 3, 4]


def test_event_ids_follow_the_order_of_first_appearance() -> None:
    reordered = MESSAGES.reverse()
    assert assign(reordered, part(0, 1, 2), part(), mine, "train")[0]["template"].to_list()[:2] == [
        "Received block <*> of size <*>",
        "Deleting block <*> in folder <*>",
    ]
    assert events(assign(reordered, part(0, 1, 2), part(), mine, "train")[1])[0] == 2


def test_report_counts_what_training_does_not_have(tmp_path: Path) -> None:
    MESSAGES.write_parquet(tmp_path / "messages.parquet")
    frame = pl.DataFrame({"sequence": [0, 1], "message_ids": [[1, 2], [0, 3, 4]]})
    frame.write_parquet(tmp_path / "sequences.parquet")
    pl.DataFrame({"sequence": [0, 1], "part": ["train", "test"]}).write_parquet(tmp_path / "split.parquet")
    names = ("messages.parquet", "sequences.parquet", "split.parquet")
    outputs = ("templates.parquet", "message_events.parquet", "templates.json")
    paths = [tmp_path / name for name in outputs]
    run(*(tmp_path / name for name in names), "drain", {"similarity": 0.4}, "train", *paths)
    assert json.loads((tmp_path / "templates.json").read_text()) == {
        "miner": "drain",
        "fit_on": "train",
        "templates": 3,
        "templates_in_training": 1,
        "messages": 5,
        "messages_in_training": 2,
        "messages_unknown": 2,
    }
    assert pl.read_parquet(tmp_path / "templates.parquet")["in_training"].to_list() == [True, False, False]
    run(*(tmp_path / name for name in names), "none", {}, "train", *paths)
    assert pl.read_parquet(tmp_path / "templates.parquet").rows() == [
        (2 + number, text, 1, number in (1, 2)) for number, text in enumerate(MESSAGES["message"])
    ]


def test_miners_are_told_the_lines_of_each_message_in_the_part_they_see() -> None:
    told: list[list[tuple[str, int]]] = []

    def counting(messages: list[str], lines: list[int]) -> Mined:
        told.append(list(zip(messages, lines, strict=True)))
        return frozen(message.split() for message in messages)

    texts = MESSAGES["message"].to_list()
    training = pl.DataFrame({"message_id": [0, 1], "lines": [3, 2]}, schema=part().schema)
    validation = pl.DataFrame({"message_id": [1, 2], "lines": [2, 1]}, schema=part().schema)
    templates, found = assign(MESSAGES, training, validation, counting, "train")
    assert told == [[(texts[0], 3), (texts[1], 2)], [(texts[2], 1)], [(texts[3], 2), (texts[4], 1)]]
    assert templates["template"].to_list() == texts
    assert found["event"].to_list() == [2, 3, 4, 5, 6]
    assign(MESSAGES, training, validation, counting, "all")
    assert told[3:] == [list(zip(texts, MESSAGES["lines"], strict=True)), [], []]

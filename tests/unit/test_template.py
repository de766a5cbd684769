"""Templates are learned from training messages alone."""

import json
from pathlib import Path

import polars as pl

from logassay.template import DrainSettings, assign, run

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
    }
)


def events(message_events: pl.DataFrame) -> dict[int, int]:
    return dict(message_events.iter_rows())


NONE = pl.Series([], dtype=pl.Int32)


def test_what_test_messages_say_does_not_change_the_templates_of_validation() -> None:
    texts = ["block <*> was received", "disk a failed at once", "disk b failed at once"]
    frame = pl.DataFrame(
        {"message_id": range(3), "message": texts}, schema={"message_id": pl.Int32, "message": pl.String}
    )
    training, validation = pl.Series([0], dtype=pl.Int32), pl.Series([1], dtype=pl.Int32)
    templates, found = assign(frame, training, validation, DrainSettings(), "train")
    # Mined together, the last two would be one template, "disk <*> failed at once".
    assert templates["template"].to_list() == texts
    assert found["event"].to_list() == [2, 3, 4]
    together, _ = assign(frame, training, pl.Series([1, 2], dtype=pl.Int32), DrainSettings(), "train")
    assert together["template"].to_list() == [texts[0], "disk <*> failed at once"]


def test_frozen_templates_match_or_a_message_is_unknown() -> None:
    templates, message_events = assign(MESSAGES, pl.Series([0, 1, 2]), NONE, DrainSettings(), "train")
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
    templates, message_events = assign(MESSAGES, pl.Series([1]), NONE, DrainSettings(), "train")
    assert events(message_events) == {0: 3, 1: 2, 2: 4, 3: 4, 4: 5}
    assert templates.select("template", "in_training").rows() == [
        ("Deleting block <*> in folder alpha", True),
        ("Received block <*> of size <*>", False),
        ("Deleting block <*> in folder <*>", False),
        ("Something quite different happened here today", False),
    ]


def test_fit_on_all_reproduces_the_literature() -> None:
    templates, message_events = assign(MESSAGES, pl.Series([1]), NONE, DrainSettings(), "all")
    assert events(message_events) == {0: 2, 1: 3, 2: 3, 3: 3, 4: 4}
    # One template for 1, 2 and 3, and 1 occurs in training.
    assert templates["in_training"].to_list() == [False, True, False]


def test_nothing_to_learn_from() -> None:
    templates, message_events = assign(MESSAGES, pl.Series([], dtype=pl.Int32), NONE, DrainSettings(), "train")
    assert (templates.height, templates["in_training"].any()) == (3, False)
    assert assign(MESSAGES.head(0), pl.Series([], dtype=pl.Int32), NONE, DrainSettings(), "all")[0].height == 0
    assert message_events["event"].to_list() == [2, 3, 3, 3, 4]


def test_event_ids_follow_the_order_of_first_appearance() -> None:
    reordered = MESSAGES.reverse()
    assert assign(reordered, pl.Series([0, 1, 2]), NONE, DrainSettings(), "train")[0]["template"].to_list()[:2] == [
        "Received block <*> of size <*>",
        "Deleting block <*> in folder <*>",
    ]
    assert events(assign(reordered, pl.Series([0, 1, 2]), NONE, DrainSettings(), "train")[1])[0] == 2


def test_report_counts_what_training_does_not_have(tmp_path: Path) -> None:
    MESSAGES.write_parquet(tmp_path / "messages.parquet")
    frame = pl.DataFrame({"sequence": [0, 1], "message_ids": [[1, 2], [0, 3, 4]]})
    frame.write_parquet(tmp_path / "sequences.parquet")
    pl.DataFrame({"sequence": [0, 1], "part": ["train", "test"]}).write_parquet(tmp_path / "split.parquet")
    names = ("messages.parquet", "sequences.parquet", "split.parquet")
    outputs = ("templates.parquet", "message_events.parquet", "templates.json")
    run(*(tmp_path / name for name in names), DrainSettings(), "train", *(tmp_path / name for name in outputs))
    assert json.loads((tmp_path / "templates.json").read_text()) == {
        "fit_on": "train",
        "templates": 3,
        "templates_in_training": 1,
        "messages": 5,
        "messages_in_training": 2,
        "messages_unknown": 2,
    }
    assert pl.read_parquet(tmp_path / "templates.parquet")["in_training"].to_list() == [True, False, False]

"""Templates are learned from training messages alone."""

import polars as pl

from logassay.corpus import UNK
from logassay.template import DrainSettings, assign

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


def test_frozen_templates_match_or_are_unknown() -> None:
    templates, message_events = assign(MESSAGES, pl.Series([0, 1, 2]), DrainSettings(), "train")
    # Messages 1 and 2 differ in one of six tokens and share a template, which 3 then matches; 4 is unlike any.
    assert events(message_events) == {0: 2, 1: 3, 2: 3, 3: 3, 4: UNK}
    assert templates.rows() == [
        (2, "Received block <*> of size <*>", 1),
        (3, "Deleting block <*> in folder <*>", 3),
    ]


def test_what_was_not_seen_cannot_widen_a_template() -> None:
    # Only message 1 was seen: its template keeps "alpha", and the others do not match it.
    templates, message_events = assign(MESSAGES, pl.Series([1]), DrainSettings(), "train")
    assert events(message_events) == {0: UNK, 1: 2, 2: UNK, 3: UNK, 4: UNK}
    assert templates["template"].to_list() == ["Deleting block <*> in folder alpha"]


def test_fit_on_all_reproduces_the_literature() -> None:
    templates, message_events = assign(MESSAGES, pl.Series([0]), DrainSettings(), "all")
    assert UNK not in events(message_events).values()
    assert templates.height == 3


def test_event_ids_follow_the_order_of_first_appearance() -> None:
    reordered = MESSAGES.reverse()
    assert assign(reordered, pl.Series([0, 1, 2]), DrainSettings(), "train")[0]["event"].to_list() == [2, 3]
    assert events(assign(reordered, pl.Series([0, 1, 2]), DrainSettings(), "train")[1])[0] == 2

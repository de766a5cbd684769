"""Templates are learned from training messages alone."""

import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from logassay import miners
from logassay.encode import encode
from logassay.files import read_json, sha256_of, write_parquet
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


def test_training_messages_are_mined_in_the_order_of_training() -> None:
    # A test sequence shows message 0 first; in training it comes after message 1.
    templates, found = assign(MESSAGES, part(1, 0), part(3, 2), mine, "train")
    assert templates["template"].to_list()[:2] == [MESSAGES["message"][1], MESSAGES["message"][0]]
    assert events(found) == {0: 3, 1: 2, 2: 4, 3: 4, 4: 5}
    templates, _ = assign(MESSAGES, part(1, 0), part(3, 2), mine, "all")
    assert templates["template"].to_list()[:2] == [MESSAGES["message"][0], "Deleting block <*> in folder <*>"]


def test_event_ids_follow_the_order_of_first_appearance() -> None:
    reordered = MESSAGES.reverse()
    assert assign(reordered, part(0, 1, 2), part(), mine, "train")[0]["template"].to_list()[:2] == [
        "Received block <*> of size <*>",
        "Deleting block <*> in folder <*>",
    ]
    assert events(assign(reordered, part(0, 1, 2), part(), mine, "train")[1])[0] == 2


def test_report_counts_what_training_does_not_have(tmp_path: Path) -> None:
    write_parquet(MESSAGES, tmp_path / "messages.parquet")
    schema = {"sequence": pl.Int32, "message_ids": pl.List(pl.Int32)}
    frame = pl.DataFrame({"sequence": [0, 1], "message_ids": [[1, 2], [0, 3, 4]]}, schema=schema)
    write_parquet(frame, tmp_path / "sequences.parquet")
    write_parquet(pl.DataFrame({"sequence": [0, 1], "part": ["train", "test"]}), tmp_path / "split.parquet")
    names = ("messages.parquet", "sequences.parquet", "split.parquet")
    outputs = ("templates.parquet", "message_events.parquet", "templates.json")
    paths = [tmp_path / name for name in outputs]
    run(*(tmp_path / name for name in names), "drain", {"similarity": 0.4}, "train", *paths)
    report = read_json(tmp_path / "templates.json")
    assert report.pop("made_from") == {Path(name).stem: sha256_of(tmp_path / name) for name in names}
    assert report.pop("made") == {Path(name).stem: sha256_of(tmp_path / name) for name in outputs[:2]}
    assert report == {
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
        (2 + place, MESSAGES["message"][number], 1, number in (1, 2)) for place, number in enumerate([1, 2, 0, 3, 4])
    ]
    assert events(pl.read_parquet(tmp_path / "message_events.parquet")) == {0: 4, 1: 2, 2: 3, 3: 5, 4: 6}
    run(*(tmp_path / name for name in names), "none", {}, "all", *paths)
    assert events(pl.read_parquet(tmp_path / "message_events.parquet")) == {number: 2 + number for number in range(5)}


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


WORDS = ("disk", "node", "failed", "started", "at", "once", "again", "a", "b", "c")
PARTS = ("train", "validation", "test")


def a_text(rng: random.Random) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(rng.choice([2, 3, 3, 4])))


def learned(folder: Path, log: list[tuple[str, str]], miner: str) -> dict[str, Any]:
    """Mine a log of lines with session (named after its part) and message; return what models learn from."""
    messages: dict[str, list[int]] = {}
    sessions: dict[str, list[int]] = {}
    for session, text in log:
        message_id = messages.setdefault(text, [len(messages), 0])
        message_id[1] += 1
        sessions.setdefault(session, []).append(message_id[0])
    rows = [(number, text, lines) for text, (number, lines) in messages.items()]
    schema = {"message_id": pl.Int32, "message": pl.String, "lines": pl.Int64}
    write_parquet(pl.DataFrame(rows, schema=schema, orient="row"), folder / "messages.parquet")
    numbers = pl.Series(range(len(sessions)), dtype=pl.Int32)
    parts = [session.split("-")[0] for session in sessions]
    sequences = pl.DataFrame(
        {"sequence": numbers, "message_ids": pl.Series(sessions.values(), dtype=pl.List(pl.Int32))}
    )
    # Rows in another order, as a data set of ready-made sequences may have them.
    write_parquet(sequences.reverse(), folder / "sequences.parquet")
    write_parquet(pl.DataFrame({"sequence": numbers, "part": parts}), folder / "split.parquet")
    names = ("messages", "sequences", "split", "templates", "message_events")
    paths = [folder / f"{name}.parquet" for name in names]
    run(*paths[:3], miner, {}, "train", *paths[3:], folder / "templates.json")
    templates = pl.read_parquet(paths[3])
    text_of = dict(templates.select("event", "template").iter_rows())
    encoded = encode(
        sequences.with_columns(
            id=pl.Series(sessions.keys()), rank=numbers, label=None, kind=None, start=None, gaps=pl.lit([])
        ),
        pl.read_parquet(paths[4]).sort("message_id")["event"],
    )
    seen = {key: found for key, found in encoded.select("id", "events").iter_rows() if not key.startswith("test")}
    return {
        "training": templates.filter("in_training").select("event", "template").rows(),
        "encoded": seen,
        "texts": {key: [text_of[event] for event in found] for key, found in seen.items()},
    }


@pytest.mark.parametrize("miner", ["none", *miners.names()])
def test_nothing_about_test_sequences_reaches_training_and_validation(tmp_path: Path, miner: str) -> None:
    for seed in range(25):
        rng = random.Random(seed)
        rest = [(f"{rng.choice(PARTS[:2])}-{rng.randrange(4)}", a_text(rng)) for _ in range(rng.randrange(5, 40))]
        rest.append(("train-0", a_text(rng)))
        expected = None
        for _ in range(3):
            # Test lines say something else, and stand anywhere between the others: also before all of them.
            log = list(rest)
            said = [text for _, text in rest] + [a_text(rng) for _ in range(10)]
            for _ in range(rng.randrange(1, 20)):
                log.insert(rng.randrange(len(log) + 1), (f"test-{rng.randrange(3)}", rng.choice(said)))
            found = learned(tmp_path, log, miner)
            expected = expected or found
            assert found == expected, f"seed {seed}"

"""Ready-made sequences, and splits that the data set gives."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from logassay.adopt import SessionFile, TemplateFile, adopt
from logassay.errors import UserError
from logassay.split import Split, divide
from logassay.template import as_given


def written(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_a_csv_and_a_text_file_become_sequences(tmp_path: Path) -> None:
    table = written(tmp_path / "a.csv", "id,y,set,seq\nx,0,train,E5 E1\ny,1,test,E1 E1 E7\n")
    text = written(tmp_path / "b.txt", "E7 \n\n5 E5\n")
    files = [
        SessionFile(table, events="seq", key="id", label="y", normal="0", anomalous="1", part_column="set"),
        SessionFile(text, all="anomalous", part="test"),
    ]
    texts = TemplateFile(written(tmp_path / "t.csv", "EventId,EventTemplate\nE1,one <*>\nE5,five\n"))
    sequences, messages, report = adopt(files, texts)
    assert messages["message"].to_list() == ["five", "one <*>", "E7", "5"]
    assert messages["lines"].to_list() == [2, 3, 2, 1]
    assert messages["first_line"].to_list() == [1, 2, 5, 7]
    assert sequences["message_ids"].to_list() == [[0, 1], [1, 1, 2], [2], [3, 0]]
    assert sequences["id"].to_list() == ["x", "y", "b.txt:1", "b.txt:3"]
    assert sequences["label"].to_list() == [False, True, True, True]
    assert sequences["part"].to_list() == ["train", "test", "test", "test"]
    assert (report["sequences"], report["without_events"], report["events"]) == (4, 1, 8)


def test_event_ids_are_kept_apart_even_with_equal_texts() -> None:
    messages = pl.DataFrame({"message_id": pl.Series([0, 1, 2], dtype=pl.Int32), "message": ["same", "same", "x"]})
    training = pl.Series([0, 2], dtype=pl.Int32)
    templates, message_events = as_given(messages, training, [training])
    assert message_events.rows() == [(0, 2), (1, 4), (2, 3)]
    assert templates.select("template", "in_training").rows() == [("same", True), ("x", True), ("same", False)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"events": "sequence"}, "has no column 'sequence'"),
        ({"events": "seq", "label": "y"}, "has the label '0', which is neither 'Normal' nor 'Anomaly'"),
        ({"events": "seq", "part_column": "y"}, "has a part '0'"),
        ({"events": "seq", "key": "id"}, "Two sessions are named 'x'"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, options: dict[str, str], message: str) -> None:
    table = written(tmp_path / "a.csv", "id,y,seq\nx,0,E5\nx,1,E1\n")
    with pytest.raises(UserError, match=message):
        adopt([SessionFile(table, **options)], None)  # type: ignore[arg-type]


def rows(parts: list[str | None], labels: list[bool]) -> pl.DataFrame:
    moment = pl.Series(range(len(parts))).cast(pl.Datetime("us"))
    numbers = pl.Series(range(len(parts)), dtype=pl.Int32)
    return pl.DataFrame({"sequence": numbers, "label": labels, "start": moment, "end": moment, "part": parts})


def test_a_given_split_keeps_its_test_part_and_validates_on_a_share_of_training() -> None:
    frame = rows(["train", "test"] * 50, [False] * 100)
    first, _ = divide(frame, Split("given", 0.5, 0.2, 0.3), 1, seed=1)
    second, _ = divide(frame, Split("given", 0.5, 0.2, 0.3), 1, seed=2)
    for assignment in (first, second):
        assert assignment["part"].value_counts().sort("part").rows() == [
            ("test", 50),
            ("train", 40),
            ("validation", 10),
        ]
        assert assignment.filter(pl.col("part") == "test")["sequence"].to_list() == list(range(1, 100, 2))
    assert not first.equals(second)


def test_a_split_that_is_not_given_is_told() -> None:
    with pytest.raises(UserError, match="does not say the part of every sequence"):
        divide(rows(["train", None], [False, False]), Split("given", 0.5, 0.2, 0.3), 1, seed=1)


def test_all_anomalies_can_go_to_the_test() -> None:
    labels = [number % 4 == 0 for number in range(400)]
    split = Split("shuffled", 0.6, 0.2, 0.2, anomalous="test")
    assignment, report = divide(rows([None] * 400, labels), split, 1, seed=5)
    counted = {part["part"]: (part["normal"], part["anomalous"]) for part in report["parts"]}
    assert counted == {"train": (180, 0), "validation": (60, 0), "test": (60, 100), "gap": (0, 0)}
    ranks = assignment.filter(pl.col("part") == "test")["rank"].sort().to_numpy()
    assert np.array_equal(ranks, np.arange(160))

"""Sequences that someone else has prepared: event ids as given, one session a line, as published data sets have them.

They take the place of the parse and sequence stages: each event id is a message of its own, and no miner merges them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl

from logassay.errors import UserError
from logassay.files import digests_of, sha256_of, write_json, write_parquet

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class SessionFile:
    """One file of sessions.

    Attributes
    ----------
    file : str
        A CSV with a header line, or (where `events` is None) a text file with one session a line.
    events : str or None
        Column of the event ids, which blanks separate.
    key : str or None
        Column of the session's name; None names sessions by file and line.
    label : str or None
        Column of the label.
    normal, anomalous : str
        The two values of that column.
    all : "normal", "anomalous" or None
        Label of every session, where there is no column.
    part_column : str or None
        Column that says train, validation or test.
    part : "train", "validation", "test" or None
        Part of every session, where there is no column.
    """

    file: str
    events: str | None = None
    key: str | None = None
    label: str | None = None
    normal: str = "Normal"
    anomalous: str = "Anomaly"
    all: Literal["normal", "anomalous"] | None = None
    part_column: str | None = None
    part: str | None = None


@dataclass(frozen=True)
class TemplateFile:
    """A CSV with the text of each event id.

    Attributes
    ----------
    file : str
        CSV with a header line.
    event, template : str
        Columns of the event id and its text.
    """

    file: str
    event: str = "EventId"
    template: str = "EventTemplate"


def _read_csv(path: str, columns: Sequence[str]) -> pl.DataFrame:
    try:
        frame = pl.read_csv(path, infer_schema=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UserError(f"{path} is not a readable CSV file ({str(error).splitlines()[0]}); correct it.") from None
    for column in columns:
        if column not in frame.columns:
            known = ", ".join(map(repr, frame.columns))
            raise UserError(f"{path} has no column {column!r} but {known}; correct the dataset's source.")
    return frame


def read_sessions(sessions: SessionFile) -> pl.DataFrame:
    """Read one file of sessions.

    Returns
    -------
    polars.DataFrame
        `id` (str), `label` (bool or null), `part` (str or null), `names` (list of str, the event ids as given), in the
        order of the file.

    Raises
    ------
    UserError
        If the file is unreadable, or a label, part or session is not what it should be.
    """
    path = sessions.file
    if sessions.events is None:
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"The sessions {path} cannot be read as text ({error}); correct the path.") from None
        frame = pl.DataFrame({"text": text.splitlines()}, schema={"text": pl.String})
        events = "text"
    else:
        wanted = [sessions.events, sessions.key, sessions.label, sessions.part_column]
        frame, events = _read_csv(path, [column for column in wanted if column]), sessions.events
    line = pl.int_range(1, pl.len() + 1).cast(pl.String)
    rows = frame.select(
        id=pl.col(sessions.key) if sessions.key else pl.lit(f"{Path(path).name}:") + line,
        label=_label(sessions, path, frame),
        part=pl.col(sessions.part_column) if sessions.part_column else pl.lit(sessions.part, dtype=pl.String),
        names=pl.col(events).fill_null("").str.extract_all(r"\S+"),
    )
    wrong = rows.filter(pl.col("part").is_not_null() & ~pl.col("part").is_in(PARTS))
    if wrong.height:
        raise UserError(f"{path} has a part {wrong['part'][0]!r}; it must be one of {', '.join(PARTS)}.")
    return rows


def _label(sessions: SessionFile, path: str, frame: pl.DataFrame) -> pl.Expr:
    if sessions.label is None:
        return pl.lit(None if sessions.all is None else sessions.all == "anomalous", dtype=pl.Boolean)
    wrong = frame.filter(~pl.col(sessions.label).is_in([sessions.normal, sessions.anomalous]))
    if wrong.height:
        raise UserError(
            f"{path} has the label {wrong[sessions.label][0]!r}, which is neither {sessions.normal!r} nor "
            f"{sessions.anomalous!r}; set `normal` and `anomalous` in the dataset's source."
        )
    return pl.col(sessions.label) == sessions.anomalous


def adopt(
    files: Sequence[SessionFile], templates: TemplateFile | None
) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, Any]]:
    """Turn prepared sessions into what the parse and sequence stages would give.

    Returns
    -------
    sequences : polars.DataFrame
        As of the sequence stage, and `part`. There are no times: `start` and `end` count the sessions in seconds from
        1970, which keeps their order, and `gaps` are 0.
    messages : polars.DataFrame
        `message_id`, `message` (the event's text, or its id), `lines`, `first_line`.
    report : dict
        Counts; sessions without any event are left out and counted.

    Raises
    ------
    UserError
        If a file is wrong, or two sessions have one name.
    """
    rows = pl.concat(read_sessions(each) for each in files)
    empty = rows.filter(pl.col("names").list.len() == 0).height
    rows = rows.filter(pl.col("names").list.len() > 0)
    if not rows.height:
        raise UserError(
            f"{', '.join(each.file for each in files)}: there is no session with an event; check the source."
        )
    twice = rows.filter(pl.col("id").is_duplicated())
    if twice.height:
        raise UserError(f"Two sessions are named {twice['id'][0]!r}; remove one, or the key column from the source.")
    rows = rows.with_columns(sequence=pl.int_range(pl.len(), dtype=pl.Int32))
    flat = rows.select("sequence", name="names").explode("name").with_row_index("first_line", offset=1)
    messages = flat.group_by("name", maintain_order=True).agg(
        lines=pl.len().cast(pl.Int64), first_line=pl.col("first_line").first().cast(pl.Int64)
    )
    messages = messages.with_columns(message_id=pl.int_range(pl.len(), dtype=pl.Int32), message=pl.col("name"))
    if templates is not None:
        texts = _read_csv(templates.file, [templates.event, templates.template])
        texts = texts.select(name=templates.event, text=templates.template).unique("name", maintain_order=True)
        messages = messages.join(texts, on="name", how="left", maintain_order="left")
        messages = messages.with_columns(message=pl.coalesce("text", "name"))
    ids = flat.join(messages.select("name", "message_id"), on="name", how="left", maintain_order="left")
    lists = ids.group_by("sequence", maintain_order=True).agg(
        message_ids="message_id", first_line=pl.col("first_line").first().cast(pl.Int64)
    )
    moment = pl.from_epoch(pl.col("sequence").cast(pl.Int64), time_unit="s").cast(pl.Datetime("us"))
    sequences = rows.with_columns(lists["message_ids"], lists["first_line"]).select(
        "sequence",
        "id",
        "label",
        kind=pl.lit(None, dtype=pl.String),
        start=moment,
        end=moment,
        first_line="first_line",
        message_ids="message_ids",
        gaps=pl.lit(0.0, dtype=pl.Float32).repeat_by(pl.col("message_ids").list.len()),
        part="part",
    )
    label = sequences["label"]
    report = {
        "grouping": "given",
        "independent_after": 1,
        "sequences": sequences.height,
        "anomalous": int(label.sum()),
        "normal": int((~label).sum()),
        "unlabelled": label.null_count(),
        "without_events": empty,
        "events": flat.height,
        "event_ids": messages.height,
    }
    return sequences, messages.select("message_id", "message", "lines", "first_line"), report


def run(
    files: Sequence[SessionFile], templates: TemplateFile | None, sequences: Path, messages: Path, report: Path
) -> None:
    """Adopt prepared sessions and write them with their report."""
    rows, texts, facts = adopt(files, templates)
    write_parquet(rows, sequences)
    write_parquet(texts, messages)
    made_from = {f"sessions_{number}": sha256_of(Path(each.file)) for number, each in enumerate(files, start=1)}
    if templates is not None:
        made_from["texts"] = sha256_of(Path(templates.file))
    write_json(report, {**facts, "made_from": made_from, "made": digests_of(sequences=sequences, messages=messages)})

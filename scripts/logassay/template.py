"""Templates: mined from the training split's messages, then frozen; what fits none is grouped by itself.

Masked messages are few, so that the miner sees each distinct one once, in order of first appearance: in the training
part, not in the log. Otherwise the order, on which templates and event ids depend, would tell of the test part.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import polars as pl

from logassay import miners
from logassay.corpus import FIRST_EVENT
from logassay.files import digests_of, read_parquet, scan_parquet, write_json, write_parquet
from logassay.miners.base import Mined


def assign(
    messages: pl.DataFrame,
    training: pl.DataFrame,
    validation: pl.DataFrame,
    mine: Callable[[list[str], list[int]], Mined],
    fit_on: Literal["train", "all"],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Mine templates and give every message of the log its event id.

    Messages that fit no template of the training split are unknown to every model. Further miners with the same
    settings group them, so that models which read templates know what they say; these templates follow the others.
    Those of the validation part have a miner of their own: what test messages say must not change its scores.

    Parameters
    ----------
    messages : polars.DataFrame
        `message_id`, `message` and `lines`, in order of first appearance.
    training, validation : polars.DataFrame
        `message_id` and `lines` (how many there) of the messages that occur in the training part, and in the validation
        part, in order of first appearance there.
    mine : callable
        The miner with its settings: takes messages and their numbers of lines.
    fit_on : "train" or "all"
        Whether the miner sees the training split's messages or, as in the literature, those of the test split too.

    Returns
    -------
    templates : polars.DataFrame
        `event` (id, from 2), `template`, `messages` (how many distinct masked messages it stands for), `in_training`
        (whether one of those occurs in the training split).
    message_events : polars.DataFrame
        `message_id`, `event`.
    """
    all_messages = messages.select("message_id", "message", "lines").sort("message_id")
    fitted = all_messages if fit_on == "all" else _counted_in(all_messages, training)
    mined = mine(fitted["message"].to_list(), fitted["lines"].to_list())
    templates = list(mined.templates)
    group_of = dict(zip(fitted["message_id"].to_list(), mined.groups, strict=True))
    unmatched = []
    for message_id, message, _ in all_messages.join(fitted, on="message_id", how="anti", maintain_order="left").rows():
        group = mined.match(message)
        if group is None:
            unmatched.append(message_id)
        else:
            group_of[message_id] = group
    others = all_messages.filter(pl.col("message_id").is_in(unmatched))
    early = _counted_in(others, validation)
    # What is left are messages that neither part has: all their lines, the first ones too, are in the rest of the log.
    for part in (early, others.join(early, on="message_id", how="anti", maintain_order="left")):
        before = len(templates)
        more = mine(part["message"].to_list(), part["lines"].to_list())
        group_of |= {key: before + group for key, group in zip(part["message_id"].to_list(), more.groups, strict=True)}
        templates += more.templates
    message_events = pl.DataFrame(
        {"message_id": list(group_of), "event": list(group_of.values())},
        schema={"message_id": pl.Int32, "event": pl.Int32},
    ).select("message_id", event=pl.col("event") + FIRST_EVENT)
    seen = pl.col("message_id").is_in(training["message_id"].implode())
    counts = message_events.group_by("event").agg(messages=pl.len().cast(pl.Int32), in_training=seen.any())
    table = (
        pl.DataFrame({"template": templates}, schema={"template": pl.String})
        .select(event=pl.int_range(FIRST_EVENT, FIRST_EVENT + len(templates), dtype=pl.Int32), template="template")
        .join(counts, on="event", how="left")
        .sort("event")
    )
    return table, message_events.sort("message_id")


def as_given(
    messages: pl.DataFrame, training: pl.Series, first: Sequence[pl.Series]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Make every message a template of its own; see `assign`.

    Parameters
    ----------
    messages : polars.DataFrame
        `message_id` and `message`.
    training : polars.Series
        Ids of the messages that occur in the training part.
    first : sequence of polars.Series
        Message ids whose events come before those of the others.

    Returns
    -------
    templates, message_events : polars.DataFrame
        As from `assign`.
    """
    ordered = pl.concat([*first, messages["message_id"].sort()]).unique(maintain_order=True).alias("message_id")
    events = (
        ordered.to_frame()
        .with_row_index("event", offset=FIRST_EVENT)
        .join(messages, on="message_id", how="left", maintain_order="left")
        .select(
            "message_id",
            event=pl.col("event").cast(pl.Int32),
            template="message",
            messages=pl.lit(1, dtype=pl.Int32),
            in_training=pl.col("message_id").is_in(training.implode()),
        )
    )
    return events.drop("message_id"), events.select("message_id", "event").sort("message_id")


def run(
    messages: Path,
    sequences: Path,
    split: Path,
    miner: str,
    settings: Mapping[str, Any],
    fit_on: Literal["train", "all"],
    templates_path: Path,
    message_events_path: Path,
    report: Path,
) -> None:
    """Mine the templates of a split (miner "none": take messages as they are) and write them with a report."""
    all_messages = read_parquet(messages, ["message_id", "message", "lines"])
    training, validation = (_messages_of(part, sequences, split) for part in ("train", "validation"))
    if miner == "none":
        first = [training["message_id"], validation["message_id"]] if fit_on == "train" else []
        templates, message_events = as_given(all_messages, training["message_id"], first)
    else:
        mine = miners.ready(miner, settings)
        templates, message_events = assign(all_messages, training, validation, mine, fit_on)
    facts: dict[str, Any] = {
        "miner": miner,
        "fit_on": fit_on,
        "templates": templates.height,
        "templates_in_training": int(templates["in_training"].sum()),
        "messages": all_messages.height,
        "messages_in_training": training.height,
        "messages_unknown": int(templates.filter(~pl.col("in_training"))["messages"].sum()),
        "made_from": digests_of(messages=messages, sequences=sequences, split=split),
    }
    write_parquet(templates, templates_path)
    write_parquet(message_events, message_events_path)
    made = digests_of(templates=templates_path, message_events=message_events_path)
    write_json(report, {**facts, "made": made})


def _counted_in(messages: pl.DataFrame, part: pl.DataFrame) -> pl.DataFrame:
    """Keep the messages of a part, with their numbers of lines there and in its order."""
    return messages.drop("lines").join(part, on="message_id", how="inner", maintain_order="right")


def _messages_of(part: str, sequences: Path, split: Path) -> pl.DataFrame:
    """Count the lines of each message of a part; in order of the first sequence that has it, and of its place there."""
    in_part = scan_parquet(split).filter(pl.col("part") == part).select("sequence")
    place = pl.col("sequence").cast(pl.Int64) * 2**32
    return (
        scan_parquet(sequences)
        .select("sequence", "message_ids")
        .join(in_part, on="sequence", how="semi")
        .select("message_ids", place=pl.int_ranges(place, place + pl.col("message_ids").list.len().cast(pl.Int64)))
        .explode("message_ids", "place", empty_as_null=False)
        .group_by(message_id="message_ids")
        .agg(lines=pl.len().cast(pl.Int64), first=pl.col("place").min())
        .sort("first")
        .drop("first")
        .collect(engine="streaming")
    )

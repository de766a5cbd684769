"""Templates: mined by Drain from the training split's messages, then frozen; what fits none is grouped by itself.

Masked messages are few, so that the miner sees each distinct one once, in order of first appearance.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl
from drain3.drain import Drain

from logassay.corpus import FIRST_EVENT
from logassay.files import read_parquet, write_json, write_parquet


@dataclass(frozen=True)
class DrainSettings:
    """Settings of Drain (He et al., ICWS 2017), as drain3 names them.

    Attributes
    ----------
    depth : int
        Depth of the prefix tree, at least 3.
    similarity : float
        Least share of equal tokens for a message to join a template.
    max_children : int
        Most children of a node of the tree.
    """

    depth: int = 4
    similarity: float = 0.4
    max_children: int = 100


def mine(messages: Iterable[str], settings: DrainSettings) -> tuple[Drain, list[int]]:
    """Feed masked messages to Drain.

    Parameters
    ----------
    messages : iterable of str
        Distinct masked messages in order of first appearance.
    settings : DrainSettings
        Settings of the miner.

    Returns
    -------
    drain : drain3.drain.Drain
        The miner with its templates.
    clusters : list of int
        For each message the number of its template, from 1 in order of creation.
    """
    drain = Drain(depth=settings.depth, sim_th=settings.similarity, max_children=settings.max_children)
    return drain, [drain.add_log_message(message)[0].cluster_id for message in messages]


def assign(
    messages: pl.DataFrame,
    training: pl.Series,
    validation: pl.Series,
    settings: DrainSettings,
    fit_on: Literal["train", "all"],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Mine templates and give every message of the log its event id.

    Messages that fit no template of the training split are unknown to every model. Further miners with the same
    settings group them, so that models which read templates know what they say; these templates follow the others.
    Those of the validation part have a miner of their own: what test messages say must not change its scores.

    Parameters
    ----------
    messages : polars.DataFrame
        `message_id` and `message`, in order of first appearance.
    training, validation : polars.Series of int
        Ids of the messages that occur in the training part, and in the validation part.
    settings : DrainSettings
        Settings of the miner.
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
    seen = pl.col("message_id").is_in(training.implode())
    fitted = messages.filter(seen if fit_on == "train" else pl.lit(True)).sort("message_id")
    drain, clusters = mine(fitted["message"], settings)
    cluster_of = dict(zip(fitted["message_id"].to_list(), clusters, strict=True))
    unmatched = {}
    for message_id, message in messages.join(fitted, on="message_id", how="anti").sort("message_id").iter_rows():
        # The tree may lead past a template that fits, hence the full search where it finds none.
        match = drain.match(message, full_search_strategy="fallback")
        if match:
            cluster_of[message_id] = match.cluster_id
        else:
            unmatched[message_id] = message
    drains = [drain]
    early = set(validation.to_list())
    for part in (set(unmatched) & early, set(unmatched) - early):
        before = sum(len(each.clusters) for each in drains)
        keys = [key for key in unmatched if key in part]
        other, clusters = mine([unmatched[key] for key in keys], settings)
        cluster_of |= {key: before + number for key, number in zip(keys, clusters, strict=True)}
        drains.append(other)
    message_events = pl.DataFrame(
        {"message_id": list(cluster_of), "event": list(cluster_of.values())},
        schema={"message_id": pl.Int32, "event": pl.Int32},
    ).select("message_id", event=pl.col("event") + (FIRST_EVENT - 1))
    counts = message_events.group_by("event").agg(messages=pl.len().cast(pl.Int32), in_training=seen.any())
    mined = [cluster.get_template() for each in drains for cluster in each.clusters]
    templates = (
        pl.DataFrame({"template": mined}, schema={"template": pl.String})
        .select(event=pl.int_range(FIRST_EVENT, FIRST_EVENT + len(mined), dtype=pl.Int32), template="template")
        .join(counts, on="event", how="left")
        .sort("event")
    )
    return templates, message_events.sort("message_id")


def as_given(messages: pl.DataFrame, training: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Make every message a template of its own, for data sets that come with event ids; see `assign`."""
    events = messages.sort("message_id").select(
        "message_id",
        event=pl.col("message_id") + FIRST_EVENT,
        template="message",
        messages=pl.lit(1, dtype=pl.Int32),
        in_training=pl.col("message_id").is_in(training.implode()),
    )
    return events.drop("message_id"), events.select("message_id", "event")


def run(
    messages: Path,
    sequences: Path,
    split: Path,
    settings: DrainSettings | None,
    fit_on: Literal["train", "all"],
    templates_path: Path,
    message_events_path: Path,
    report: Path,
) -> None:
    """Mine the templates of a split (without settings: take messages as they are) and write them with a report."""
    all_messages = read_parquet(messages, ["message_id", "message"])
    training, validation = (_messages_of(part, sequences, split) for part in ("train", "validation"))
    if settings is None:
        templates, message_events = as_given(all_messages, training)
    else:
        templates, message_events = assign(all_messages, training, validation, settings, fit_on)
    facts: dict[str, Any] = {
        "fit_on": fit_on,
        "templates": templates.height,
        "templates_in_training": int(templates["in_training"].sum()),
        "messages": all_messages.height,
        "messages_in_training": len(training),
        "messages_unknown": int(templates.filter(~pl.col("in_training"))["messages"].sum()),
    }
    write_parquet(templates, templates_path)
    write_parquet(message_events, message_events_path)
    write_json(report, facts)


def _messages_of(part: str, sequences: Path, split: Path) -> pl.Series:
    in_part = pl.scan_parquet(split).filter(pl.col("part") == part).select("sequence")
    found = (
        pl.scan_parquet(sequences)
        .select("sequence", "message_ids")
        .join(in_part, on="sequence", how="semi")
        .select(message_id=pl.col("message_ids").explode())
        .unique()
        .collect(engine="streaming")
    )
    return found["message_id"].sort()

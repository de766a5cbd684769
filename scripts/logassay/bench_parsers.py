"""How well and how fast the miners group Loghub's labelled samples, through the project's own formats and masks.

Each sample is a folder NAME with NAME_2k.log and NAME_2k.log_structured.csv, the true template of each line.
"""

import contextlib
import importlib
import io
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from logassay import miners
from logassay.errors import UserError
from logassay.line_format import LineFormat

MEASURES = ["grouping_accuracy", "parsing_accuracy", "f1_grouping", "f1_templates"]
LOGPARSER = "logparser3 Drain"
# Words with a wildcard in them, one after the other.
RUN = re.compile(r"\S*<\*>\S*(?:\s+\S*<\*>\S*)*")


@dataclass(frozen=True)
class Sample:
    """A sample of a system's log.

    Attributes
    ----------
    name : str
        Name of the system.
    text : polars.Series of str
        The lines as they stand in the log.
    groups, templates : list of str
        Id and text of each line's true template.
    """

    name: str
    text: pl.Series
    groups: list[str]
    templates: list[str]


def read_samples(folder: Path) -> list[Sample]:
    """Read all samples of a folder, by name.

    Raises
    ------
    UserError
        If there are none, or one has not as many lines as true templates.
    """
    samples = []
    for truth_file in sorted(folder.glob("*/*_2k.log_structured.csv")):
        log_file = truth_file.with_name(truth_file.name.removesuffix("_structured.csv"))
        truth = pl.read_csv(truth_file, infer_schema=False)
        lines = log_file.read_bytes().decode("utf-8", "replace").removesuffix("\n").split("\n")
        if len(lines) != truth.height:
            raise UserError(
                f"{log_file} has {len(lines)} lines, but {truth_file.name} {truth.height}; fetch both anew from Loghub."
            )
        text = pl.Series("text", lines).str.strip_chars_end("\r")
        name = truth_file.parent.name
        samples.append(Sample(name, text, truth["EventId"].to_list(), truth["EventTemplate"].to_list()))
    if not samples:
        raise UserError(
            f"{folder} holds no samples; it should have folders NAME with NAME_2k.log and NAME_2k.log_structured.csv, "
            "as in https://github.com/logpai/loghub (set LOGASSAY_REAL_DATA or SAMPLES to a folder that has them)."
        )
    return samples


def masked(sample: Sample, line_format: LineFormat) -> pl.DataFrame:
    """Return the `message` of each line of a sample; null where the header does not fit."""
    fields = line_format.fields(sample.text)
    return pl.DataFrame({"message": line_format.message(fields)})


def distinct(lines: pl.DataFrame) -> pl.DataFrame:
    """Return each distinct `message` in order of first appearance, with its number of `lines`."""
    return lines.drop_nulls().group_by("message", maintain_order=True).agg(lines=pl.len().cast(pl.Int64))


def mined(messages: pl.DataFrame, miner: str, settings: Mapping[str, Any]) -> list[str]:
    """Return the template of each distinct message."""
    texts = messages["message"].to_list()
    if miner == "none":
        return texts
    result = miners.ready(miner, settings)(texts, messages["lines"].to_list())
    return [result.templates[group] for group in result.groups]


def normalised(template: str) -> str:
    """Return a template with each run of words that hold a wildcard as one wildcard, and blanks squeezed.

    Whether it is `blk_<*>` or `<*>`, and of how many wildcards an address or a list is made, is a matter of taste; see
    Khan et al., "Guidelines for Assessing the Accuracy of Log Message Template Identification Techniques", ICSE 2022.
    """
    return " ".join(RUN.sub("<*>", template).split())


def accuracy(found: Sequence[str | None], groups: Sequence[Hashable], templates: Sequence[str]) -> dict[str, float]:
    """Compare the templates found for lines with the truth.

    Parameters
    ----------
    found : sequence of str or None
        Template of each line; None where there is none.
    groups, templates : sequence
        Id and text of each line's true template.

    Returns
    -------
    dict
        `grouping_accuracy`: share of lines whose group is exactly a true group (Zhu et al., ICSE-SEIP 2019).
        `parsing_accuracy`: share of lines whose template reads as the true one, both `normalised` (Dai et al., Logram,
        IEEE TSE 2022).
        `f1_grouping` and `f1_templates`: F1 of templates, right being one whose group is exactly a true group, and
        one which besides reads as the true one (Jiang et al., Loghub-2.0, ISSTA 2024; Khan et al., ICSE 2022).
        `templates` and `true_templates`: how many there are.
    """
    # A line without a template is in a group with nobody.
    of_line: list[Hashable] = [number if text is None else text for number, text in enumerate(found)]
    sizes, true_sizes = Counter(of_line), Counter(groups)
    both = Counter(zip(of_line, groups, strict=True))
    right = {pair[0] for pair, count in both.items() if count == sizes[pair[0]] == true_sizes[pair[1]]}
    reads = [
        text is not None and normalised(text) == normalised(true) for text, true in zip(found, templates, strict=True)
    ]
    right_text = right & {text for text, same in zip(of_line, reads, strict=True) if same}
    # Both shares have the same numerator: F1 is twice that, by the sum of the two numbers of templates.
    total = len(sizes) + len(true_sizes)
    return {
        "grouping_accuracy": sum(sizes[group] for group in right) / len(of_line),
        "parsing_accuracy": sum(reads) / len(of_line),
        "f1_grouping": 2 * len(right) / total,
        "f1_templates": 2 * len(right_text) / total,
        "templates": len(sizes),
        "true_templates": len(true_sizes),
    }


def measure(
    sample: Sample, line_format: LineFormat, settings: Mapping[str, Mapping[str, Any]], repeats: int
) -> list[dict[str, Any]]:
    """Group a sample with each of the miners, alternating; seconds are those of the fastest repeat.

    The time of a miner is that of the whole way: header, masks, distinct messages, templates, and each line's template.
    """
    ways: dict[str, Callable[[], list[str | None]]] = {}
    for miner, chosen in settings.items():
        ways[miner] = partial(_of_lines, sample, line_format, miner, chosen)
    parser = _logparser()
    if parser is not None:
        ways[LOGPARSER] = lambda: _by_logparser(parser, masked(sample, line_format)["message"].fill_null("").to_list())
    found: dict[str, list[str | None]] = {}
    seconds = dict.fromkeys(ways, float("inf"))
    for _ in range(repeats):
        for name, way in ways.items():
            start = time.perf_counter()
            found[name] = way()
            seconds[name] = min(seconds[name], time.perf_counter() - start)
    rows = []
    for name, templates in found.items():
        facts = {"sample": sample.name, "miner": name, "lines": len(sample.text)}
        facts |= {"unparsed": sum(text is None for text in templates)}
        facts |= accuracy(templates, sample.groups, sample.templates)
        rows.append(facts | {"seconds": seconds[name], "lines_per_second": len(sample.text) / seconds[name]})
    return rows


def means(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a row of means over the samples for each miner."""
    result = []
    for miner in dict.fromkeys(row["miner"] for row in rows):
        mine = [row for row in rows if row["miner"] == miner]
        mean = {name: sum(row[name] for row in mine) / len(mine) for name in MEASURES}
        seconds, lines = sum(row["seconds"] for row in mine), sum(row["lines"] for row in mine)
        result.append({"sample": "mean", "miner": miner, **mean, "lines_per_second": lines / seconds})
    return result


def table(rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Return rows as text for a table, headings first."""
    text = [["sample", "miner", "GA", "PA", "FGA", "FTA", "templates", "true", "ms", "lines/s"]]
    for row in rows:
        counts = [f"{row[name]}" if name in row else "" for name in ("templates", "true_templates")]
        milliseconds = f"{1000 * row['seconds']:.1f}" if "seconds" in row else ""
        measures = [f"{row[name]:.4f}" for name in MEASURES]
        rate = f"{round(row['lines_per_second'], -2):,.0f}"
        text.append([row["sample"], row["miner"], *measures, *counts, milliseconds, rate])
    return text


def _of_lines(sample: Sample, line_format: LineFormat, miner: str, settings: Mapping[str, Any]) -> list[str | None]:
    """Return the template of each line."""
    lines = masked(sample, line_format)
    messages = distinct(lines)
    table = messages.select("message", template=pl.Series(mined(messages, miner, settings), dtype=pl.String))
    return lines.join(table, on="message", how="left", maintain_order="left")["template"].to_list()


def _logparser() -> Any:
    """Return logparser3's Drain if it is installed; it pins versions of its own, and is no dependency."""
    try:
        return importlib.import_module("logparser.Drain").LogParser
    except ImportError:
        return None


def _by_logparser(parser: Any, messages: Sequence[str]) -> list[str | None]:
    """Return the template that logparser3's Drain finds for each masked message, with its usual settings."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        # It skips lines that its pattern does not match, and empty ones are none to it.
        Path(folder, "messages").write_text("".join(f"{message or '-'}\n" for message in messages), encoding="utf-8")
        parser("<Content>", indir=folder, outdir=folder, depth=4, st=0.4, rex=[], keep_para=False).parse("messages")
        found = pl.read_csv(Path(folder, "messages_structured.csv"), infer_schema=False)
    return found["EventTemplate"].to_list()

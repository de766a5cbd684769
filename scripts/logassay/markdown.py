"""A report as GitHub-flavoured Markdown; every text that comes from outside is shown as it is, never run."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import assert_never

from tabulate import tabulate

from logassay.blocks import (
    Block,
    Bullets,
    Code,
    Curve,
    Document,
    Explorer,
    Figure,
    Heading,
    Note,
    Paragraph,
    Sentence,
    Span,
    Table,
)
from logassay.display import UNDEFINED, decimal, escape_characters, escape_markdown, percent, printable, whole

ALERTS = {"warning": "WARNING", "info": "NOTE"}
MARKER = re.compile(r"^(?:(?=[-+=])|(\d{1,9})(?=[.)](?:\s|$)))")
"""Where a backslash keeps a line from becoming a list or a heading; 91.54% is no number of a list."""
STEPS = (0.25, 0.5, 1, 2, 4)
"""Thresholds shown of an explorer's curve: those with about this many times the false alarms of the chosen one."""


def render(document: Document) -> str:
    """Return the document as Markdown, ending in a line break."""
    return "\n\n".join(_block(block) for block in document.blocks) + "\n"


def _block(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"{'#' * level} {escape_markdown(text)}"
        case Paragraph(spans):
            return _line(spans)
        case Bullets(items, ordered):
            return "\n".join(
                f"{f'{number}.' if ordered else '-'} {_line(item)}" for number, item in enumerate(items, start=1)
            )
        case Note(kind, code, spans):
            title = f"**{escape_markdown(code)}:** " if code else ""
            return f"> [!{ALERTS[kind]}]\n> {title}{_line(spans)}"
        case Table():
            return _table(block)
        case Code(text, language):
            return _fenced(text, language)
        case Figure(title, alternative, _, image):
            if image is None:
                return f"**{escape_markdown(title)}**\n\n{_line((Span(alternative),))}"
            return f"**{escape_markdown(title)}**\n\n![{escape_markdown(alternative)}](<{_target(image)}>)"
        case Explorer():
            return _explorer(block)
        case _:
            assert_never(block)


def _line(sentence: Sentence) -> str:
    """Return a sentence as one line that begins no list and no heading."""
    parts = []
    for index, span in enumerate(sentence):
        before = sentence[index - 1].text[-1:] if index else ""
        after = sentence[index + 1].text[:1] if index + 1 < len(sentence) else ""
        parts.append(_span(span, before, after))
    return MARKER.sub(r"\1\\", " ".join("".join(parts).split())) if parts else ""


def _span(span: Span, before: str, after: str) -> str:
    text = printable(span.text)
    if span.style == "plain":
        return escape_characters(text)
    if span.style == "code":
        return _code(text)
    text = text.strip()
    # Asterisks beside a letter on one side and a sign such as % on the other are not taken for markup; Korean, which
    # puts its particles right after a word, needs tags there.
    glued = (before.isalnum() and not text[:1].isalnum()) or (after.isalnum() and not text[-1:].isalnum())
    opening, closing = ("<strong>", "</strong>") if glued else ("**", "**")
    return f"{opening}{escape_characters(text)}{closing}" if text else ""


def _code(text: str) -> str:
    """Return `text` between more backticks than it has in a row."""
    text = " ".join(text.split())
    if not text:
        return ""
    fence = "`" * (_longest_run(text) + 1)
    padding = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{padding}{text}{padding}{fence}"


def _fenced(text: str, language: str) -> str:
    lines = "\n".join(printable(line) for line in text.splitlines())
    fence = "`" * max(3, _longest_run(lines) + 1)
    return f"{fence}{language}\n{lines}\n{fence}"


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def _target(path: str) -> str:
    """Return a link target for angle brackets."""
    return re.sub(r"([<>\\])", r"\\\1", printable(path))


def _table(table: Table) -> str:
    rows = [
        [f"**{text}**" if cell.best and text else text for cell in row for text in [escape_markdown(cell.text)]]
        for row in table.rows
    ]
    lines = [_grid([column.title for column in table.columns], rows, [column.number for column in table.columns])]
    lines += [f"*{escape_markdown(table.caption)}*"] if table.caption else []
    lines += [
        f"- **{escape_markdown(column.title)}**: {escape_markdown(column.about)}"
        for column in table.columns
        if column.about
    ]
    head, *notes = lines
    return "\n\n".join([head, "\n".join(notes)]) if notes else head


def _grid(titles: Iterable[str], rows: Sequence[Sequence[str]], numbers: Iterable[bool]) -> str:
    """Return a pipe table of cells that are escaped already."""
    alignment = ["right" if number else "left" for number in numbers]
    headings = [escape_markdown(title) for title in titles]
    if not rows:
        return _grid_of_nothing(headings)
    return tabulate(rows, headings, tablefmt="pipe", disable_numparse=True, colalign=alignment)


def _grid_of_nothing(headings: Sequence[str]) -> str:
    return f"| {' | '.join(headings)} |\n|{'---|' * len(headings)}"


def _explorer(explorer: Explorer) -> str:
    """Return a few thresholds around the chosen one, for the first curve of each model."""
    texts = explorer.texts
    columns = ("checkpoint", "threshold", "tp", "fp", "tn", "fn", "precision", "recall", "specificity", "f1")
    rows = []
    first: dict[str, Curve] = {}
    for curve in explorer.curves:
        first.setdefault(curve.model, curve)
    for curve in first.values():
        rows += [_threshold_row(curve, index, texts) for index in _around(curve)]
    title = f"**{escape_markdown(explorer.title)}**\n\n{_line((Span(texts['how']),))}"
    numbers = [name != "checkpoint" for name in columns]
    return f"{title}\n\n{_grid([texts[name] for name in columns], rows, numbers)}"


def _around(curve: Curve) -> list[int]:
    """Number the thresholds to show: the chosen one and those with several times more or fewer false alarms."""
    if not curve.thresholds:
        return []
    chosen = _chosen(curve)
    alarms = [-count for count in curve.fp]  # ascending, as the number of false alarms falls with the threshold
    wanted = [max(1.0, curve.fp[chosen]) * step for step in STEPS]
    found = {min(bisect_left(alarms, -count), len(alarms) - 1) for count in wanted}
    by_alarms = {curve.fp[index]: index for index in sorted(found)}
    by_alarms[curve.fp[chosen]] = chosen
    return sorted(by_alarms.values())


def _chosen(curve: Curve) -> int:
    """Return the number of the stored threshold nearest to the chosen one, or the middle one."""
    if curve.chosen is None:
        return len(curve.thresholds) // 2
    distances = [abs(threshold - curve.chosen) for threshold in curve.thresholds]
    return distances.index(min(distances))


def _threshold_row(curve: Curve, index: int, texts: dict[str, str]) -> list[str]:
    tp, fp = curve.tp[index], curve.fp[index]
    fn, tn = curve.anomalous - tp, curve.normal - fp
    share = {
        "precision": tp / (tp + fp) if tp + fp else None,
        "recall": tp / curve.anomalous if curve.anomalous else None,
        "specificity": tn / curve.normal if curve.normal else None,
    }
    f1 = 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else None
    threshold = f"{curve.thresholds[index]:.4g}"
    if curve.chosen is not None and index == _chosen(curve):
        threshold = f"{threshold} ({texts['chosen']})"
    name = escape_markdown(f"{curve.model} {curve.epoch}") or UNDEFINED
    counts = [whole(count) for count in (tp, fp, tn, fn)]
    return [name, escape_markdown(threshold), *counts, *(percent(value) for value in share.values()), decimal(f1)]

"""Reports as Markdown: what stands in a block is what a reader sees, whatever its characters."""

import re

import pytest

from logassay import markdown
from logassay.blocks import (
    Bullets,
    Cell,
    Code,
    Column,
    Curve,
    Document,
    Explorer,
    Figure,
    Heading,
    Note,
    Paragraph,
    Span,
    Table,
)

HOSTILE = "=cmd|<script>`x`*\x1b[31m\n# y"


def render(*blocks: object) -> str:
    return markdown.render(Document("d", "en", "D", blocks))  # type: ignore[arg-type]


def test_plain_blocks() -> None:
    text = render(
        Heading(2, "Title", "a"),
        Paragraph((Span("Use "), Span("deeplog", "strong"), Span(" from "), Span("a.pt", "code"))),
        Bullets([(Span("one"),), (Span("two"),)]),
        Bullets([(Span("one"),), (Span("two"),)], ordered=True),
        Note("warning", "CHANCE", (Span("It is."),)),
        Note("info", "", (Span("So."),)),
        Code("a\nb"),
    )
    assert text == (
        "## Title\n\nUse **deeplog** from `a.pt`\n\n- one\n- two\n\n1. one\n2. two\n\n"
        "> [!WARNING]\n> **CHANCE:** It is.\n\n> [!NOTE]\n> So.\n\n```bash\na\nb\n```\n"
    )


def test_table_aligns_numbers_and_marks_the_best() -> None:
    table = Table(
        [Column("Model", number=False), Column("F1", about="harmonic mean")],
        [[Cell("a|b"), Cell("0.5", 0.5, best=True)], [Cell(""), Cell("-")]],
        "All of them.",
    )
    lines = render(table).splitlines()
    assert [line.replace(" ", "") for line in lines[:4]] == ["|Model|F1|", lines[1], "|a\\|b|**0.5**|", "||-|"]
    assert re.fullmatch(r"\|:-+\|-+:\|", lines[1])
    assert lines[-2:] == ["*All of them.*", "- **F1**: harmonic mean"]


def test_figure_shows_its_picture_or_its_alternative() -> None:
    assert render(Figure("T", "words", {}, "../a b.png")) == "**T**\n\n![words](<../a b.png>)\n"
    assert render(Figure("T", "words", {})) == "**T**\n\nwords\n"
    assert "](<a\\>\\<b>)" in render(Figure("T", "w", {}, "a><b"))


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ((Span("- x"),), "\\- x"),
        ((Span("1. x"),), "1\\. x"),
        ((Span("2)"),), "2\\)"),
        ((Span("91.54% of them"),), "91.54% of them"),
        ((Span("3.x"),), "3.x"),
        ((Span("=cmd"),), "\\=cmd"),
        ((Span("a\n# b"),), "a \\# b"),
        ((Span("95%", "strong"), Span("입니다")), "<strong>95%</strong>입니다"),
        ((Span("a", "strong"), Span("입니다")), "**a**입니다"),
        ((Span("a``b", "code"),), "```a``b```"),
        ((Span("`", "code"),), "`` ` ``"),
        ((Span(" ", "strong"), Span("x", "plain")), "x"),
    ],
)
def test_sentences_are_shown_as_they_are(spans: tuple[Span, ...], expected: str) -> None:
    assert render(Paragraph(spans)) == f"{expected}\n"


def test_hostile_text_does_no_harm_in_any_block() -> None:
    curve = Curve(HOSTILE, 1, None, None, 10, 10, [0.1, 0.5], [9, 5], [4, 0], 0.5)
    words = dict.fromkeys(
        [
            "checkpoint",
            "threshold",
            "chosen",
            "tp",
            "fp",
            "tn",
            "fn",
            "precision",
            "recall",
            "specificity",
            "f1",
            "how",
            "none",
        ],
        HOSTILE,
    )
    text = render(
        Heading(1, HOSTILE, "a"),
        Paragraph((Span(HOSTILE), Span(HOSTILE, "strong"))),
        Bullets([(Span(HOSTILE),)]),
        Note("warning", HOSTILE, (Span(HOSTILE),)),
        Table([Column(HOSTILE, about=HOSTILE)], [[Cell(HOSTILE, best=True)]], HOSTILE),
        Figure(HOSTILE, HOSTILE, {}, None),
        Explorer(HOSTILE, [curve], words),
    )
    assert "\x1b" not in text
    assert "<script>" not in text
    assert not re.search(r"(?<!\\)`", text)
    assert not re.search(r"^=", text, re.MULTILINE)
    assert re.findall(r"^#.*", text, re.MULTILINE) == [text.splitlines()[0]]
    # A pipe in a text ends no cell.
    cells = [len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines() if line.startswith("|")]
    assert cells == [2, 2, 2] + [11] * (len(cells) - 3)


def test_code_ends_only_where_it_ends() -> None:
    text = render(Code("a\n```\n# no heading\x07"))
    assert text == "````bash\na\n```\n# no heading \n````\n"


def test_explorer_shows_thresholds_around_the_chosen_one() -> None:
    words = dict.fromkeys(
        [
            "checkpoint",
            "threshold",
            "chosen",
            "tp",
            "fp",
            "tn",
            "fn",
            "precision",
            "recall",
            "specificity",
            "f1",
            "how",
            "none",
        ],
        "w",
    )
    words["chosen"] = "chosen"
    fp = [100, 60, 40, 20, 10, 5, 0]
    curve = Curve("m", 2, 1, 10, 100, 50, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7], [50, 50, 45, 40, 30, 20, 0], fp, 0.41)
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in render(Explorer("t", [curve], words)).splitlines()
    ]
    table = [row for row in rows if row and row[0] == "m 2"]
    # The chosen one has 20 false alarms; the others are those with about 5, 10, 40 and 80.
    assert [row[1] for row in table] == ["0.2", "0.3", "0.4 (chosen)", "0.5", "0.6"]
    chosen = next(row for row in table if "chosen" in row[1])
    # TP 40, FP 20, TN 80, FN 10: precision 40/60, recall 40/50, specificity 80/100, F1 80/110.
    assert chosen[2:] == ["40", "20", "80", "10", "66.67%", "80.00%", "80.00%", "0.7273"]

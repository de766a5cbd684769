"""The page of a report: what it holds is shown and never run, it asks for nothing, and its bytes repeat."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from logassay import page
from logassay.blocks import Bullets, Cell, Column, Document, Figure, Heading, Paragraph, Span, Table
from logassay.catalogue import Texts
from tests.browser.sample import CHART, HOSTILE, report

ROOT = Path(__file__).resolve().parents[2]
ENGLISH = Texts("en", ROOT / "workflow/report/texts")
VOID = {"meta", "input", "img", "br", "link"}


class Tree(HTMLParser):
    """Every element with its attributes and the text below it; complains of elements that are not closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.path: list[int] = []
        self.feed(html)
        self.close()
        assert self.path == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), []))
        if tag not in VOID:
            self.path.append(len(self.elements) - 1)

    def handle_endtag(self, tag: str) -> None:
        assert self.elements[self.path.pop()][0] == tag

    def handle_data(self, data: str) -> None:
        for number in self.path:
            self.elements[number][2].append(data)

    def texts(self, wanted: str, **attributes: str) -> list[str]:
        return [
            "".join(text) for tag, attrs, text in self.elements if tag == wanted and attributes.items() <= attrs.items()
        ]

    def values(self, attribute: str) -> list[str]:
        return [value for _, attrs, _ in self.elements for name, value in attrs.items() if name == attribute and value]


@pytest.fixture(scope="module")
def html() -> str:
    return page.render(report(), ENGLISH)


@pytest.fixture(scope="module")
def tree(html: str) -> Tree:
    return Tree(html)


def document(*blocks: Any, language: str = "en") -> Document:
    return Document("name", language, "Title & <more>", blocks)


def test_names_from_logs_are_shown_and_never_run(html: str, tree: Tree) -> None:
    shown = HOSTILE.replace("\u202e", "").replace("\u0007", "")
    assert f"never flags <b>{shown}" in tree.texts("th")
    assert shown in tree.texts("code")
    assert f"never flags <b>{shown}" in tree.values("value")
    tags = [tag for tag, _, _ in tree.elements]
    assert not {"img", "b", "iframe", "object", "embed", "link", "base", "form"} & set(tags)
    # Two charts, the explorer, the charts' settings, Vega, the page's own script.
    assert tags.count("script") == 6
    assert not [name for _, attrs, _ in tree.elements for name in attrs if name.startswith("on")]
    assert "\u202e" not in html
    assert "\u0007" not in html


def test_embedded_json_ends_nothing_and_says_the_same(tree: Tree) -> None:
    specification, *_ = tree.texts("script", type="application/json")
    assert json.loads(specification) == {"width": "container"} | CHART
    for text in tree.texts("script", type="application/json"):
        assert not re.search("[<>&\u2028\u2029]", text)
    explorer = json.loads(tree.texts("script", type="application/json")[2])
    assert [curve["label"] for curve in explorer["curves"]][1] == "epoch 10, seed 1, 200,000 training sequences"


def test_nothing_is_loaded(html: str, tree: Tree) -> None:
    for attribute in ("src", "action", "data", "poster", "srcset", "formaction"):
        assert tree.values(attribute) == []
    assert all(reference.startswith("#") for reference in tree.values("href"))
    (style,) = tree.texts("style")
    assert not re.search(r"url\(|@import|https?:", style)
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", html)


def test_only_the_scripts_and_the_style_of_the_page_may_run(tree: Tree) -> None:
    policy = next(
        attrs["content"] for _, attrs, _ in tree.elements if attrs.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    directives = {name: set(values) for name, *values in (part.split() for part in policy.split("; "))}
    own = [text for tag, attrs, text in tree.elements if tag == "script" and "type" not in attrs]

    def digest(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    assert directives == {
        "default-src": {"'none'"},
        "script-src": {digest("".join(text)) for text in own},
        "style-src": {digest(text) for text in tree.texts("style")},
        "base-uri": {"'none'"},
        "form-action": {"'none'"},
    }


def test_references_inside_the_page_lead_somewhere(tree: Tree) -> None:
    names = tree.values("id")
    assert len(names) == len(set(names))
    referred = [name for attribute in ("for", "aria-labelledby", "aria-describedby") for name in tree.values(attribute)]
    assert set(referred) | {link[1:] for link in tree.values("href")} <= set(names)
    assert {"results", "checkpoints", "explorer"} <= {link[1:] for link in tree.values("href")}


def test_it_is_a_page_that_assistive_technology_can_read(tree: Tree) -> None:
    tags = [tag for tag, _, _ in tree.elements]
    assert [tags.count(tag) for tag in ("main", "header", "footer", "nav", "h1", "title")] == [1, 1, 1, 1, 1, 1]
    assert tree.elements[tags.index("html")][1]["lang"] == "en"
    assert tree.texts("h1") == ["Comparison of DeepLog, LogAnomaly and LogRobust"]
    controls = [attrs for tag, attrs, _ in tree.elements if tag == "input"]
    assert all(attrs["id"] in tree.values("for") for attrs in controls)
    assert tree.texts("p", **{"class": "alternative"})[1] == "DeepLog 0.9997, LogAnomaly 0.0628, LogRobust 0.9503."
    assert tree.texts("span", **{"class": "badge"}) == ["DEGENERATE", "CHANCE", "Warning", "Note"]
    # The best of a column is said, not only coloured.
    assert "★best: 0.9912" in tree.texts("td")


def test_without_scripts_there_are_pictures_whose_inner_names_do_not_meet() -> None:
    chart = CHART | {"mark": {"type": "line", "clip": True}}
    html = page.render(document(Figure("One", "words", chart), Figure("Other", "words", chart)), ENGLISH)
    stills = re.findall(r"<noscript>(<div class=\"still\".*?)</noscript>", html, re.DOTALL)
    assert len(stills) == 2
    defined = [set(re.findall(r' id="([^"]*)"', still)) for still in stills]
    used = [set(re.findall(r"url\(#([^)]*)\)", still)) for still in stills]
    assert all(names and names <= own for names, own in zip(used, defined, strict=True))
    assert not defined[0] & defined[1]
    assert all("LogAnomaly" in still for still in stills)


def test_same_document_same_bytes(html: str) -> None:
    page.bundle.cache_clear()
    assert page.render(report(), ENGLISH) == html
    assert len(html.encode()) < 3_000_000


def test_a_page_without_charts_carries_no_library() -> None:
    html = page.render(document(Paragraph((Span("Nothing to draw."),))), ENGLISH)
    assert len(html) < 50_000
    assert "<h1>Title &amp; &lt;more&gt;</h1>" in html
    assert "<nav" not in html


def test_spans_bullets_and_headings_keep_their_words_together() -> None:
    blocks = (
        Heading(3, "First", "first"),
        Heading(2, "Second", "second"),
        Heading(3, "Third", "third"),
        Bullets([(Span("a "), Span("b", "strong"), Span(", "), Span("c", "code"), Span("."))]),
    )
    tree = Tree(page.render(document(*blocks, language="ko"), ENGLISH))
    assert tree.texts("ul") == ["\na b, c.\n"]
    (contents,) = tree.texts("nav")
    assert contents.split() == ["Contents", "First", "Second", "Third"]
    assert tree.values("lang") == ["ko"]


def test_tables_offer_every_value_once_and_mark_numbers() -> None:
    table = Table(
        [Column("Model", number=False), Column("F1", about="Mean of two")],
        [[Cell("b"), Cell("0.5000", 0.5)], [Cell("a"), Cell("-")], [Cell("b"), Cell("0.7000", 0.7, best=True)]],
        "Two models",
        filters=[0],
    )
    tree = Tree(page.render(document(table), ENGLISH))
    assert tree.texts("option") == ["All", "b", "a"]
    assert tree.values("data-value") == ["0.5", "0.7"]
    assert tree.texts("dd") == ["Mean of two"]
    assert [attrs.get("class") for tag, attrs, _ in tree.elements if tag == "td"] == ["number", "number", "number best"]


def test_charts_of_several_views_keep_their_own_width() -> None:
    chart = {"hconcat": [{"mark": "point", "data": {"values": [{"a": 1}]}, "encoding": {"x": {"field": "a"}}}]}
    assert page._chart(Figure("title", "words", chart)) == chart


def test_undefined_numbers_never_reach_the_page() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        page._json({"threshold": float("nan")})


def test_text_that_no_reader_sees_is_taken_out() -> None:
    assert page.clean("a\x00b\x1b[31m\tc\nd\u202ee\x85f\ud800") == "ab[31m\tc\ndef?"


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_contrast(theme: int) -> None:
    """WCAG 2.2: 4.5 for text, 3 for the marks of charts."""
    style = (ROOT / "workflow/report/page.css").read_text(encoding="utf-8")
    colours = {name: pair[theme] for name, *pair in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", style)}

    def contrast(one: str, other: str) -> float:
        low, high = sorted((luminance(colours[one]), luminance(colours[other])))
        return (high + 0.05) / (low + 0.05)

    for text in ("ink", "muted", "accent"):
        assert min(contrast(text, ground) for ground in ("ground", "paper", "soft")) >= 4.5, text
    assert contrast("ink", "warning-soft") >= 4.5
    assert min(contrast("on-strong", ground) for ground in ("accent", "warning")) >= 4.5
    assert min(contrast(f"series-{number}", "paper") for number in range(1, 9)) >= 3

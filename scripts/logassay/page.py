"""A report as one HTML page that connects to nothing: style, scripts, data and charts lie inside.

The template, its style and its script are workflow/report/page.*; Vega draws the charts, from vl-convert's bundle.
"""

import base64
import functools
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import vl_convert
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from logassay.blocks import Curve, Document, Explorer, Figure, Heading, Table

Texts = Callable[..., str]

FOLDER = Path(__file__).resolve().parents[2] / "workflow" / "report"
VEGA_LITE = "6.4"
STILL_WIDTH = 640
COMPOSED = {"concat", "hconcat", "vconcat", "facet", "repeat"}
# Control characters but for tabs and ends of lines, and what turns the direction of writing.
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

# Colours by the names that page.css gives them, so that charts follow theme and print without being drawn again.
CHART_SETTINGS: dict[str, Any] = {
    "background": "transparent",
    "font": "sans-serif",
    "view": {"stroke": None},
    "title": {"color": "var(--ink)", "fontSize": 13, "anchor": "start"},
    "axis": {
        "labelColor": "var(--muted)",
        "titleColor": "var(--muted)",
        "titleFontWeight": "normal",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
        "gridColor": "var(--grid)",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titlePadding": 8,
    },
    "header": {"labelColor": "var(--ink)", "titleColor": "var(--muted)", "labelFontSize": 12},
    "legend": {
        "labelColor": "var(--ink)",
        "titleColor": "var(--muted)",
        "orient": "bottom",
        "direction": "horizontal",
        "layout": {"bottom": {"direction": "vertical", "anchor": "start"}},
        "columns": 4,
        "labelFontSize": 12,
        "labelLimit": 220,
        "symbolBaseFillColor": "var(--muted)",
        "symbolBaseStrokeColor": "var(--muted)",
        "titleFontSize": 12,
        "titleFontWeight": "normal",
    },
    "range": {"category": [f"var(--series-{number})" for number in range(1, 9)]},
    "mark": {"color": "var(--series-1)"},
    "rule": {"color": "var(--muted)"},
    "text": {"color": "var(--ink)"},
    "line": {"strokeWidth": 2},
    "point": {"size": 45, "filled": True},
}


def render(document: Document, texts: Texts, library: str | None = None) -> str:
    """Write a report as one HTML page.

    Parameters
    ----------
    document : Document
        The report.
    texts : callable
        The words of the page itself: `texts("page.rows", shown="3", total="7")`.
    library : str, optional
        What `bundle` returned, if it is at hand.

    Returns
    -------
    str
        The page; the same document gives the same bytes.
    """
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value,
    )
    environment.filters.update(
        chart=lambda figure: _json(_chart(figure)),
        still=_still,
        explorer=lambda explorer: _json(_explorer(explorer, texts)),
    )
    blocks = [(type(block).__name__, f"page-block-{number}", block) for number, block in enumerate(document.blocks)]
    headings = [block for block in document.blocks if isinstance(block, Heading)]
    charts = any(isinstance(block, Figure | Explorer) for block in document.blocks)
    style, script = ((FOLDER / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    library = (library or bundle()) if charts else ""
    return environment.get_template("page.html.j2").render(
        document=document,
        blocks=blocks,
        titled=any(heading.level == 1 for heading in headings),
        contents=_contents(headings),
        choices=_choices,
        texts=texts,
        charts=_json(CHART_SETTINGS) if charts else "",
        policy=_policy(style, [library, script]),
        style=Markup(style),
        library=Markup(library),
        script=Markup(script),
    )


def clean(text: str) -> str:
    """Take out what no reader could see and what no file could hold (halves of surrogate pairs)."""
    return UNSEEN.sub("", text).encode("utf-8", "replace").decode("utf-8")


def _json(value: Any) -> Markup:
    """JSON for a script element: nothing in it can end the element or a line of the script."""
    text = json.dumps(_cleaned(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(re.sub("[<>&\u2028\u2029]", lambda match: f"\\u{ord(match[0]):04x}", text))


def _cleaned(value: Any) -> Any:
    """`clean` for every text of a JSON value."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(name): _cleaned(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(part) for part in value]
    return value


def _contents(headings: Sequence[Heading]) -> list[tuple[Heading, list[Heading]]]:
    """Headings of the second level, each with those of the third below it."""
    contents: list[tuple[Heading, list[Heading]]] = []
    for heading in headings:
        if heading.level == 2 or (heading.level == 3 and not contents):
            contents.append((heading, []))
        elif heading.level == 3:
            contents[-1][1].append(heading)
    return contents


def _choices(table: Table, column: int) -> list[str]:
    """Different texts of a column in order of appearance."""
    return [text for text in dict.fromkeys(row[column].text for row in table.rows) if text]


def _policy(style: str, scripts: Sequence[str]) -> str:
    """Content security policy: only these very scripts and this style; no connection, no form, no code from text."""
    sources = " ".join(_digest(script) for script in scripts if script)
    return f"default-src 'none'; script-src {sources}; style-src {_digest(style)}; base-uri 'none'; form-action 'none'"


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@functools.cache
def bundle() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script, under their licences' notice; this takes two seconds."""
    notice = (FOLDER / "vega-notice.txt").read_text(encoding="utf-8")
    return f"/*!\n{notice}*/\n{vl_convert.javascript_bundle('window.vegaEmbed = vegaEmbed;', vl_version=VEGA_LITE)}"


def _chart(figure: Figure) -> dict[str, Any]:
    """The figure's specification, as wide as the page allows."""
    return figure.chart if COMPOSED & figure.chart.keys() else {"width": "container"} | figure.chart


def _still(figure: Figure, name: str) -> Markup:
    """The figure as an SVG picture for readers without scripts; `name` makes its inner names unique in the page."""
    chart = _cleaned(_chart(figure))
    if chart.get("width") == "container":
        chart["width"] = STILL_WIDTH
    svg = vl_convert.vegalite_to_svg(chart, vl_version=VEGA_LITE, config=CHART_SETTINGS, allowed_base_urls=[])
    return Markup(re.sub(r'( id="|url\(#)', rf"\g<1>{name}-", svg))


def _explorer(explorer: Explorer, texts: Texts) -> dict[str, Any]:
    """What the page's script needs to run the explorer."""
    curves = [asdict(curve) | {"label": _label(curve, texts)} for curve in explorer.curves]
    return {"curves": curves, "words": explorer.texts, "chart": _explorer_chart(explorer.texts)}


def _label(curve: Curve, texts: Texts) -> str:
    """A checkpoint among those of its model."""
    parts = [texts("page.epoch", epoch=str(curve.epoch))]
    if curve.seed is not None:
        parts.append(texts("page.seed", seed=str(curve.seed)))
    if curve.sample_size is not None:
        parts.append(texts("page.sample_size", size=f"{curve.sample_size:,}"))
    return ", ".join(parts)


def _explorer_chart(words: dict[str, str]) -> dict[str, Any]:
    """Rates at every threshold of the curve, and a rule at the one set; the script adds what changes.

    Thresholds stand at even distances as on the slider: scores of most models crowd in a corner of their range.
    """
    measures = [words["recall"], words["precision"], words["f1"]]
    label = "datum.value === floor(datum.value) ? format(thresholds[datum.value], '.3~g') : ''"
    step = {
        "field": "step",
        "type": "quantitative",
        "scale": {"nice": False, "zero": False},
        "axis": {"title": words["threshold"], "labelExpr": label, "grid": False, "labelFlush": True},
    }
    value = {
        "field": "value",
        "type": "quantitative",
        "scale": {"domain": [0, 1]},
        "axis": {"format": "%", "title": None},
    }
    measure = {"field": "measure", "type": "nominal", "scale": {"domain": measures}, "title": None}
    dashes = {**measure, "scale": {"domain": measures, "range": [[1, 0], [7, 3], [2, 2]]}}
    return {
        "width": "container",
        "height": 220,
        "layer": [
            {
                "data": {"name": "lines"},
                "mark": {"type": "line", "clip": True},
                "encoding": {"x": step, "y": value, "color": measure, "strokeDash": dashes},
            },
            {"data": {"name": "now"}, "mark": {"type": "rule", "strokeWidth": 2}, "encoding": {"x": step}},
        ],
    }

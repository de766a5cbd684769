"""Charts of the reports as Vega-Lite specifications with their data inside.

Titles and names come ready in the report's language; colours and sizes of text are left to the page.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import altair as alt
from altair.utils import schemapi

# Checking every part of a chart against Vega-Lite's schema takes longer than all the rest; the tests draw them.
schemapi.disable_debug_mode()

HEIGHT = 280
RATES = [0, 0.001, 0.01, 0.1, 1]
"""Marks of an axis of false-positive rates, most of which is about the first per cent."""
DASHES = [[1, 0], [8, 3], [3, 2], [10, 3, 2, 3], [5, 4], [14, 4], [2, 3], [8, 2, 2, 2, 2, 2]]
LINEAR = 0.001
"""False-positive rate about which that axis turns from linear to logarithmic."""

Chart = dict[str, Any]


@dataclass(frozen=True)
class Titles:
    """Titles of the axes and of the legend."""

    x: str
    y: str
    series: str


def lines(values: Sequence[Mapping[str, Any]], titles: Titles, *, whole: bool = True, spread: bool = True) -> Chart:
    """Draw a line with points for each series, and bands where limits are known.

    Parameters
    ----------
    values : sequence of mapping
        With the keys x, y, series and, where there is an interval, low and high.
    titles : Titles
        Of the axes and of the legend.
    whole : bool
        Whether x is a number of a few whole steps, such as an epoch; otherwise its axis is logarithmic.
    spread : bool
        Whether there are bands.
    """
    x, y, series = titles.x, titles.y, titles.series
    colour = alt.Color("series:N", title=series, sort=None)
    steps, sizes = alt.Axis(labelAngle=0), alt.Scale(type="log", nice=False)
    axis = alt.X("x:O", title=x, axis=steps) if whole else alt.X("x:Q", title=x, scale=sizes)
    base = alt.Chart(alt.Data(values=[dict(value) for value in values])).encode(x=axis)
    height = alt.Y("y:Q", title=y, scale=alt.Scale(zero=False))
    tooltip = [
        alt.Tooltip("series:N", title=series),
        alt.Tooltip("x:Q", title=x, format=","),
        alt.Tooltip("y:Q", title=y, format=".4~f"),
    ]
    # Shapes tell the lines apart where colours do not; a legend of their own would repeat the colours'.
    shape = alt.Shape("series:N", legend=None, sort=None)
    drawn = base.encode(y=height, color=colour, strokeDash=_dashes(), tooltip=tooltip)
    points = base.encode(y=height, color=colour, shape=shape, tooltip=tooltip)
    layers = [drawn.mark_line(), points.mark_point(filled=True)]
    if spread:
        fill = alt.Fill("series:N", legend=None, sort=None)
        layers.append(base.mark_area(opacity=0.15).encode(y=alt.Y("low:Q", title=y), y2="high:Q", fill=fill))
    return _specification(alt.layer(*layers))


def alarms(values: Sequence[Mapping[str, Any]], titles: Titles, chosen: str) -> Chart:
    """Draw recall over false-positive rate for each series, with a mark at the chosen threshold.

    Between two thresholds the line is straight in both rates, as flagging a part of the equal scores at random would
    have it; that is a curve on the stretched axis, and what the ROC-AUC counts.

    Parameters
    ----------
    values : sequence of mapping
        With the keys x (false-positive rate), y (recall), series and chosen (bool); each series with x ascending.
    titles : Titles
        Of the axes and of the legend.
    chosen : str
        What the mark is called.
    """
    x, y, series = titles.x, titles.y, titles.series
    colour = alt.Color("series:N", title=series, sort=None)
    scale = alt.Scale(type="symlog", constant=LINEAR, domain=[0, 1])
    base = alt.Chart(alt.Data(values=_joined(values))).encode(
        x=alt.X("x:Q", title=x, scale=scale, axis=alt.Axis(values=RATES, format=".1~%")),
        y=alt.Y("y:Q", title=y, scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format=".0%")),
        color=colour,
        tooltip=[
            alt.Tooltip("series:N", title=series),
            alt.Tooltip("x:Q", title=x, format=".3%"),
            alt.Tooltip("y:Q", title=y, format=".2%"),
        ],
    )
    line = base.mark_line().encode(order=alt.Order("x:Q"), strokeDash=_dashes())
    # The field is constant: its only purpose is an entry of the legend.
    mark = base.transform_filter("datum.chosen").transform_calculate(mark=f"'{_quoted(chosen)}'")
    return _specification(
        alt.layer(line, mark.mark_point(size=120, filled=True).encode(shape=alt.Shape("mark:N", title=None)))
    )


def _dashes() -> alt.StrokeDash:
    """Tell lines apart where colours do not; the legend is that of the colours."""
    return alt.StrokeDash("series:N", scale=alt.Scale(range=DASHES), legend=None, sort=None)


def _joined(values: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Put points between those that lie far apart on the stretched axis, on a straight line in both rates."""
    joined: list[dict[str, Any]] = [dict(value) for value in values[:1]]
    for before, after in pairwise(values):
        if before["series"] == after["series"] and before["y"] != after["y"]:
            low, high = (math.log1p(point["x"] / LINEAR) for point in (before, after))
            parts = math.ceil((high - low) / 0.25)
            for part in range(1, parts):
                x = LINEAR * math.expm1(low + (high - low) * part / parts)
                share = (x - before["x"]) / (after["x"] - before["x"])
                y = before["y"] + share * (after["y"] - before["y"])
                joined.append({"x": x, "y": y, "series": before["series"], "chosen": False})
        joined.append(dict(after))
    return joined


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


def _specification(chart: alt.LayerChart | alt.FacetChart) -> Chart:
    found: Chart = chart.properties(width="container", height=HEIGHT).to_dict(validate=False)
    # The page brings its own theme.
    found.pop("config", None)
    return found

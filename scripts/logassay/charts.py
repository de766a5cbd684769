"""Charts of the reports as Vega-Lite specifications with their data inside.

Titles and names come ready in the report's language; colours and sizes of text are left to the page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
from altair.utils import schemapi

# Checking every part of a chart against Vega-Lite's schema takes longer than all the rest; the tests draw them.
schemapi.disable_debug_mode()

HEIGHT = 280
RATES = [0, 0.001, 0.01, 0.1, 1]
"""Marks of an axis of false-positive rates, most of which is about the first per cent."""

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
    drawn = base.encode(y=height, color=colour, tooltip=tooltip)
    layers = [drawn.mark_line(), drawn.mark_point(filled=True).encode(shape=shape)]
    if spread:
        fill = alt.Fill("series:N", legend=None, sort=None)
        layers.append(base.mark_area(opacity=0.15).encode(y=alt.Y("low:Q", title=y), y2="high:Q", fill=fill))
    return _specification(alt.layer(*layers))


def alarms(values: Sequence[Mapping[str, Any]], titles: Titles, chosen: str) -> Chart:
    """Draw recall over false-positive rate for each series, with a mark at the chosen threshold.

    Parameters
    ----------
    values : sequence of mapping
        With the keys x (false-positive rate), y (recall), series and chosen (bool).
    titles : Titles
        Of the axes and of the legend.
    chosen : str
        What the mark is called.
    """
    x, y, series = titles.x, titles.y, titles.series
    colour = alt.Color("series:N", title=series, sort=None)
    scale = alt.Scale(type="symlog", constant=0.001, domain=[0, 1])
    base = alt.Chart(alt.Data(values=[dict(value) for value in values])).encode(
        x=alt.X("x:Q", title=x, scale=scale, axis=alt.Axis(values=RATES, format=".1~%")),
        y=alt.Y("y:Q", title=y, scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format=".0%")),
        color=colour,
        tooltip=[
            alt.Tooltip("series:N", title=series),
            alt.Tooltip("x:Q", title=x, format=".3%"),
            alt.Tooltip("y:Q", title=y, format=".2%"),
        ],
    )
    line = base.mark_line(interpolate="step-after").encode(order=alt.Order("x:Q"))
    # The field is constant: its only purpose is an entry of the legend.
    mark = base.transform_filter("datum.chosen").transform_calculate(mark=f"'{_quoted(chosen)}'")
    return _specification(
        alt.layer(line, mark.mark_point(size=120, filled=True).encode(shape=alt.Shape("mark:N", title=None)))
    )


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


def _specification(chart: alt.LayerChart | alt.FacetChart) -> Chart:
    found: Chart = chart.properties(width="container", height=HEIGHT).to_dict(validate=False)
    # The page brings its own theme.
    found.pop("config", None)
    return found

"""All figures as PNG files: same numbers, same bytes.

Only drawing belongs here; the numbers arrive computed. Colours are Okabe and Ito's, told apart by the colour-blind.
"""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from logassay.files import atomic_path
from logassay.metrics import DEGENERATE, Counts, Floats

NORMAL_COLOUR, ANOMALOUS_COLOUR, INK, FAINT = "#0072B2", "#D55E00", "#222222", "#8A8A8A"
MODEL_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#5D3A9B")
MARKERS = "osD^vPX"
DASHES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))
DOTS_PER_INCH = 160
BARS = 60

STYLE: dict[Any, Any] = {
    # Names of models and data sets are shown as they are, dollar signs included.
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
}
matplotlib.rcParams.update(STYLE)

whole_numbers = FuncFormatter(lambda value, _: f"{value:,.0f}")


@dataclass(frozen=True)
class Line:
    """One line of a panel.

    Attributes
    ----------
    label : str
        The model; it decides colour and marker.
    x, y : sequences of float
        Points; None leaves a gap.
    low, high : sequences of float, optional
        Range over the seeds at each point.
    """

    label: str
    x: Sequence[float]
    y: list[float | None]
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()


@dataclass(frozen=True)
class Panel:
    """One set of axes: what it shows, and its lines."""

    title: str
    lines: Sequence[Line]


@dataclass(frozen=True)
class Section:
    """One row of panels: the data and protocol they share."""

    title: str
    panels: Sequence[Panel]


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, atomically and without the writing software's name and version in it."""
    with atomic_path(path) as temporary:
        FigureCanvasAgg(figure)
        figure.savefig(temporary, format="png", metadata={"Software": None})


def score_distribution(
    normal: Floats, anomalous: Floats, threshold: float | None, title: str, subtitle: str, path: Path
) -> None:
    """Draw the histograms of normal and anomalous scores on a logarithmic count axis, with the threshold.

    Where a few scores lie far outside the rest, the axis shows the bulk and the outermost bars count what lies
    beyond them.

    Parameters
    ----------
    normal, anomalous : float64 arrays
        Scores; either may be empty, not both.
    threshold : float or None
        None where the model decides by a rule of its own.
    title, subtitle : str
        Set above the axes: in bold on the left, small on the right.
    path : Path
        PNG file to write.
    """
    low, high = _visible_range(normal, anomalous, threshold)
    edges = np.linspace(low, high, BARS + 1)
    # Fixed places instead of an automatic layout: measuring the text would double the time of the job.
    figure = Figure(figsize=(7, 4), dpi=DOTS_PER_INCH)
    axes = figure.add_axes((0.105, 0.13, 0.865, 0.72))
    parts = (("normal", normal, NORMAL_COLOUR, ""), ("anomalous", anomalous, ANOMALOUS_COLOUR, "////"))
    bars = [np.histogram(np.clip(scores, low, high), edges)[0] for _, scores, _, _ in parts]
    floor = 0.6  # below one sequence, so that a bar of one has a height on the logarithmic axis
    for heights, (_, _, colour, hatch) in zip(bars, parts, strict=True):
        fill: dict[str, Any] = {"facecolor": (colour, 0.35), "edgecolor": (colour, 0.5), "hatch": hatch, "linewidth": 0}
        axes.stairs(heights, edges, baseline=floor, fill=True, **fill)
    for heights, (name, scores, colour, _) in zip(bars, parts, strict=True):
        axes.stairs(heights, edges, baseline=floor, color=colour, linewidth=1.3, label=f"{name} ({len(scores):,})")
    axes.set_yscale("log")
    axes.set_ylim(floor, 2 * max(heights.max() for heights in bars))
    axes.yaxis.set_major_locator(LogLocator(numticks=8))
    axes.yaxis.set_major_formatter(whole_numbers)
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_xlim(low, high)
    axes.set_xlabel("score (higher = more anomalous)")
    axes.set_ylabel("sequences (log scale)")
    if threshold is not None:
        where = "" if low <= threshold <= high else ", left of the axis" if threshold < low else ", right of the axis"
        axes.axvline(
            threshold, color=INK, linewidth=1.4, linestyle=(0, (4, 2)), label=f"threshold {threshold:.4g}{where}"
        )
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, borderaxespad=0.2, handlelength=1.6)
    everything = np.concatenate([normal, anomalous])
    below, above = everything[everything < low], everything[everything > high]
    notes = []
    if len(below):
        notes.append((0.01, "left", f"first bar: {len(below):,} below {low:.4g},\ndown to {below.min():.4g}"))
    if len(above):
        notes.append((0.99, "right", f"last bar: {len(above):,} above {high:.4g},\nup to {above.max():.4g}"))
    for x, side, text in notes:
        axes.text(x, 0.97, text, transform=axes.transAxes, ha=side, va="top", fontsize=8, color=FAINT)
    figure.text(0.03, 0.945, title, fontsize=10, fontweight="bold")
    figure.text(0.97, 0.945, subtitle, fontsize=8.5, ha="right", color=FAINT)
    save(figure, path)


def _visible_range(normal: Floats, anomalous: Floats, threshold: float | None) -> tuple[float, float]:
    """Return the range of scores to show: all, unless single scores would squeeze the rest into a few bars."""
    # Per class: a handful of anomalies must not be taken for outliers of the normals.
    inner = np.concatenate([np.quantile(part, (0.01, 0.99)) for part in (normal, anomalous) if len(part)])
    everything = np.concatenate([normal, anomalous])
    low, high = float(inner.min()), float(inner.max())
    if threshold is not None and low - 2 * (high - low) <= threshold <= high + 2 * (high - low):
        low, high = min(low, threshold), max(high, threshold)
    margin = 0.5 * (high - low)
    shown = everything[(everything >= low - margin) & (everything <= high + margin)]
    low, high = min(low, float(shown.min())), max(high, float(shown.max()))
    if threshold is not None and threshold == high and threshold >= everything.max():
        high += 0.03 * (high - low)
    if high <= low:
        half = max(0.5, abs(low) * 0.05)
        low, high = low - half, high + half
    return low, high


def confusion_matrix(counts: Counts, title: str, subtitle: str, path: Path) -> None:
    """Draw the four counts, each with its share of the row (of the sequences that really are so).

    `title` is set in bold above `subtitle`, which may have several lines.
    """
    cells = np.array([[counts.tn, counts.fp], [counts.fn, counts.tp]], dtype=np.float64)
    totals = cells.sum(axis=1, keepdims=True)
    shares = np.divide(cells, totals, out=np.zeros_like(cells), where=totals > 0)
    names = (("true negatives", "false positives"), ("false negatives", "true positives"))
    figure = Figure(figsize=(5.2, 4.3), dpi=DOTS_PER_INCH)
    axes = figure.add_axes((0.2, 0.04, 0.76, 0.71))
    axes.grid(False)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.15, aspect="auto")
    for row in range(2):
        for column in range(2):
            ink = "white" if shares[row, column] > 0.6 else INK
            share = f"{100 * shares[row, column]:.2f} % of row" if totals[row, 0] else "no such sequence"
            axes.text(
                column, row - 0.1, f"{int(cells[row, column]):,}", ha="center", va="center", color=ink, fontsize=20
            )
            axes.text(
                column, row + 0.2, f"{names[row][column]}\n{share}", ha="center", va="center", color=ink, fontsize=8.5
            )
    axes.set_xticks([0, 1], ["not flagged", "flagged"])
    axes.set_yticks([0, 1], ["normal", "anomalous"])
    axes.xaxis.tick_top()
    axes.tick_params(length=0, labelsize=10)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.axhline(0.5, color="white", linewidth=3)
    axes.axvline(0.5, color="white", linewidth=3)
    figure.text(0.03, 0.94, title, fontsize=10, fontweight="bold")
    figure.text(0.03, 0.925, subtitle, fontsize=8.5, va="top", linespacing=1.4, color=FAINT)
    save(figure, path)


def metrics_by_epoch(sections: Sequence[Section], models: Sequence[str], title: str, path: Path) -> None:
    """Draw the metrics over the epochs: a row per section, a column per metric, a line per model.

    A model that has one epoch only, where others have more, is a horizontal line.
    """
    figure, grid = _grid(sections, models, title, (2.7, 2.3))
    for axes, panel in grid:
        last = max(max(line.x) for line in panel.lines)
        for line in panel.lines:
            look = model_styles(models)[line.label]
            if len(line.x) == 1 and last > 1:
                level = np.array(line.y * 2, dtype=np.float64)
                axes.plot([1, last], level, linewidth=1, markersize=4.5, markevery=[1], **look)
            else:
                _draw(axes, line, look)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
        axes.set_ylim(-0.03, 1.03)
        axes.set_xlabel("epoch")
    save(figure, path)


def roc_curves(panels: Sequence[Panel], models: Sequence[str], title: str, path: Path) -> None:
    """Draw the ROC curves: three panels to a row, a line per model; the diagonal is chance."""
    rows = [Section("", panels[start : start + 3]) for start in range(0, len(panels), 3)]
    figure, grid = _grid(rows, models, title, (3.7, 3.6))
    for axes, panel in grid:
        axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8)
        for line in panel.lines:
            look = model_styles(models)[line.label]
            axes.plot(
                line.x,
                np.array(line.y, dtype=np.float64),
                color=look["color"],
                linestyle=look["linestyle"],
                linewidth=1.5,
            )
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        axes.set_aspect("equal")
        axes.set_xlabel("false-positive rate")
        axes.set_ylabel("recall")
    save(figure, path)


def learning_curve(sections: Sequence[Section], models: Sequence[str], title: str, path: Path) -> None:
    """Draw the metrics over the number of training sequences (logarithmic): as `metrics_by_epoch`."""
    figure, grid = _grid(sections, models, title, (3.9, 2.7))
    for axes, panel in grid:
        for line in panel.lines:
            _draw(axes, line, model_styles(models)[line.label])
        axes.set_xscale("log")
        axes.set_xticks(sorted({x for line in panel.lines for x in line.x}))
        axes.xaxis.set_major_formatter(whole_numbers)
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_ylim(-0.03, 1.03)
        axes.set_xlabel("training sequences")
    save(figure, path)


def model_styles(models: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Give each model a colour, marker and dash pattern; the two degenerate rows are grey."""
    styles: dict[str, dict[str, Any]] = {}
    others = [model for model in models if model not in DEGENERATE]
    for index, model in enumerate(others):
        colour, turn = MODEL_COLOURS[index % len(MODEL_COLOURS)], index // len(MODEL_COLOURS)
        marker = MARKERS[index % len(MARKERS)]
        styles[model] = {"color": colour, "marker": marker, "linestyle": DASHES[turn % len(DASHES)]}
    for model, dash in zip(DEGENERATE, (DASHES[1], DASHES[2]), strict=True):
        styles[model] = {"color": FAINT, "marker": "", "linestyle": dash}
    return styles


def _draw(axes: Axes, line: Line, look: Mapping[str, Any]) -> None:
    values = np.array(line.y, dtype=np.float64)  # None becomes NaN, which leaves a gap
    axes.plot(line.x, values, linewidth=1.5, markersize=4.5, **look)
    if len(line.low):
        low, high = np.array(line.low, dtype=np.float64), np.array(line.high, dtype=np.float64)
        axes.fill_between(line.x, low, high, color=look["color"], alpha=0.15, linewidth=0)


def _grid(
    sections: Sequence[Section], models: Sequence[str], title: str, size: tuple[float, float]
) -> tuple[Figure, list[tuple[Axes, Panel]]]:
    """Lay out one row of panels per section, all with the same legend below; `size` is a panel's, in inches."""
    columns = max(len(section.panels) for section in sections)
    legend_columns = max(2, min(len(models), round(columns * size[0] / 1.5)))
    legend_rows = -(-len(models) // legend_columns)
    height = len(sections) * (size[1] + 0.45) + 0.5 + 0.2 * legend_rows
    width = max(columns * size[0], 5.2)
    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained")
    figure.suptitle(title, fontweight="bold", fontsize=11)
    rows = figure.subfigures(len(sections), 1, squeeze=False)[:, 0]
    placed = []
    for row, section in zip(rows, sections, strict=True):
        row.suptitle(section.title, fontsize=9.5)
        axes_row = row.subplots(1, columns, squeeze=False)[0]
        for axes, panel in zip(axes_row, section.panels, strict=False):
            axes.set_title(textwrap.fill(panel.title, round(13 * size[0])), fontsize=9)
            placed.append((axes, panel))
        for unused in axes_row[len(section.panels) :]:
            unused.set_axis_off()
    handles = [Line2D([], [], label=model, markersize=4.5, **model_styles(models)[model]) for model in models]
    figure.legend(handles=handles, loc="outside lower center", ncols=legend_columns)
    return figure, placed

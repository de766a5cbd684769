"""Figures: same numbers, same bytes, and nothing that a number can break."""

import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from logassay import figures
from logassay.metrics import Counts

EMPTY = np.empty(0)
GENERATOR = np.random.default_rng(0)
NORMAL, ANOMALOUS = GENERATOR.gamma(2, 1, 500), GENERATOR.gamma(6, 1, 30)


@pytest.fixture(autouse=True)
def no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def sections() -> list[figures.Section]:
    lines = [
        figures.Line("deeplog", [1, 2], [0.4, 0.9], [0.3, 0.8], [0.5, 1.0]),
        figures.Line("$broken", [1, 2], [None, 0.5], [None, 0.5], [None, 0.5]),
        figures.Line("flag-all", [1], [0.1]),
        figures.Line("never-flag", [1], [None]),
    ]
    return [figures.Section("sim_1, $labelled$", [figures.Panel(name, lines) for name in ("F1", "recall")])]


MODELS = ["deeplog", "$broken", "flag-all", "never-flag"]


def draw_all(folder: Path) -> list[bytes]:
    figures.score_distribution(NORMAL, ANOMALOUS, 4.0, "deeplog, epoch 1", "labelled", folder / "a.png")
    figures.confusion_matrix(Counts(5, 2, 90, 3), "deeplog, epoch 1", "labelled\nby rule", folder / "b.png")
    figures.metrics_by_epoch(sections(), MODELS, "study", folder / "c.png")
    roc = figures.Panel("sim", [figures.Line("deeplog", [0, 0.2, 1], [0, 0.9, 1]), figures.Line("$broken", [], [])])
    figures.roc_curves([roc] * 4, MODELS, "study", folder / "d.png")
    figures.learning_curve(sections(), MODELS, "study", folder / "e.png")
    return [(folder / f"{name}.png").read_bytes() for name in "abcde"]


def test_same_bytes_again_and_in_another_process(tmp_path: Path) -> None:
    first = draw_all(tmp_path / "one")
    assert first == draw_all(tmp_path / "two")
    code = f"import test_figures, pathlib; test_figures.draw_all(pathlib.Path({str(tmp_path / 'three')!r}))"
    paths = [str(Path(figures.__file__).parents[1]), str(Path(__file__).parent)]
    subprocess.run([sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}; {code}"], check=True)
    assert first == [(tmp_path / "three" / f"{name}.png").read_bytes() for name in "abcde"]


def test_files_do_not_name_the_software(tmp_path: Path) -> None:
    figures.confusion_matrix(Counts(1, 1, 1, 1), "t", "s", tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert "Software" not in image.info
        assert image.info["dpi"] == pytest.approx((figures.DOTS_PER_INCH,) * 2, rel=0.01)


@pytest.mark.parametrize(
    ("normal", "anomalous", "threshold"),
    [
        (np.full(9, 1.0), np.full(3, 1.0), None),
        (np.full(9, 0.0), EMPTY, -1.0),
        (EMPTY, np.array([2.0]), 2.0),
        (NORMAL, np.array([1e300, -1e300]), 1e12),
        (NORMAL * 1e-12, ANOMALOUS * 1e-12, 1e-12),
    ],
)
def test_any_scores_can_be_drawn(
    tmp_path: Path, normal: np.ndarray, anomalous: np.ndarray, threshold: float | None
) -> None:
    figures.score_distribution(normal, anomalous, threshold, "$t$", "s", tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (7 * figures.DOTS_PER_INCH, 4 * figures.DOTS_PER_INCH)


def test_empty_rows_of_the_confusion_matrix(tmp_path: Path) -> None:
    figures.confusion_matrix(Counts(0, 3, 4, 0), "t", "s", tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 0


def test_outliers_do_not_squeeze_the_rest() -> None:
    low, high = figures._visible_range(np.append(NORMAL, 1e6), ANOMALOUS, 4.0)
    assert low == NORMAL.min()
    assert ANOMALOUS.max() <= high < 2 * ANOMALOUS.max()
    # Without outliers everything is shown, and the threshold too where it is near.
    assert figures._visible_range(np.array([1.0, 2]), EMPTY, 2.5) == (1, 2.5 + 0.03 * 1.5)
    assert figures._visible_range(np.array([1.0, 2]), EMPTY, 500.0) == (1, 2)


def test_degenerate_models_are_grey_and_others_differ() -> None:
    names = [f"model-{index}" for index in range(12)]
    styles = figures.model_styles([*names, "flag-all", "never-flag"])
    looks = {(styles[name]["color"], str(styles[name]["linestyle"])) for name in names}
    assert len(looks) == 12
    assert styles["flag-all"]["color"] == styles["never-flag"]["color"] == figures.FAINT

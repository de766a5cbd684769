"""Made-up logs in BGL's format: always the same, read whole by the format, mostly distinct, few shapes common."""

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from logassay.errors import UserError
from logassay.line_format import LineFormat
from logassay.simulate_bgl import KINDS, LINES_PER_SLICE, SHAPES, simulate_bgl

ROOT = Path(__file__).resolve().parents[2]
BGL = LineFormat.from_dict("bgl", yaml.safe_load((ROOT / "config/formats.yaml").read_text())["formats"]["bgl"])
PLACE = r"R[0-7]{2}-M[01]-N[0-9A-F]-C:J(?:0[2-9]|1[0-7])-U[01]1"
LINE = re.compile(
    rf"[-A-Z]+ (\d{{10}}) (\d{{4}}\.\d\d\.\d\d) ({PLACE}) (\d{{4}}-\d\d-\d\d)-\d\d\.\d\d\.\d\d\.\d{{6}} ({PLACE}) "
    r"RAS [A-Z]+ (?:INFO|FATAL|WARNING|ERROR|SEVERE|FAILURE) (.+)"
)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bgl") / "bgl.log"
    simulate_bgl(path, lines=50_000, seed=1)
    return path


def test_every_line_has_the_form_of_bgl(log: Path) -> None:
    lines = log.read_text().splitlines()
    assert len(lines) == 50_000
    for line in lines:
        found = LINE.fullmatch(line)
        assert found, line
        assert found[3] == found[5]
        assert found[2].replace(".", "-") == found[4]


def test_the_format_reads_every_line(log: Path) -> None:
    text = pl.Series(log.read_text().splitlines())
    fields = BGL.fields(text)
    assert fields["content"].null_count() == 0
    time = BGL.time(fields)
    assert time.null_count() == 0
    assert time.is_sorted()
    seconds = text.str.extract(r"^\S+ (\d+)").cast(pl.Int64)
    assert (time.dt.epoch("s") == seconds).all()
    alerts = BGL.alert(fields).mean()
    weight = sum(shape.weight for shape in SHAPES)
    expected = sum(shape.weight for shape in SHAPES if shape.alert != "-") / weight
    assert alerts == pytest.approx(expected, abs=4 * np.sqrt(expected / 50_000))


def test_lines_are_distinct_and_a_few_shapes_are_most_of_them(log: Path) -> None:
    text = pl.Series(log.read_text().splitlines())
    assert text.n_unique() / len(text) > 0.999
    content = text.str.extract(r" RAS [A-Z]+ [A-Z]+ (.*)$")
    assert content.n_unique() / len(content) > 0.6  # most of what repeats says `generating core.N`
    cores = content.str.contains(r"^generating core\.[0-9]+$").mean()
    assert cores == pytest.approx(38 / sum(shape.weight for shape in SHAPES), abs=0.01)
    masked = BGL.message(BGL.fields(text))
    assert 60 < masked.n_unique() < 200


def test_there_are_over_a_hundred_shapes_and_each_field_is_known() -> None:
    assert len(SHAPES) > 110
    assert len({shape.text for shape in SHAPES}) == len(SHAPES)
    for shape in SHAPES:
        for kind, draw in re.findall(r"\{(\w+):(\d)\}", shape.text):
            assert kind in KINDS[int(draw)]
        assert not re.search(r"[{}]", re.sub(r"\{\w+:\d\}", "", shape.text))


def test_the_same_seed_gives_the_same_bytes_and_a_longer_log_begins_alike(log: Path, tmp_path: Path) -> None:
    simulate_bgl(tmp_path / "again.log", lines=50_000, seed=1)
    assert (tmp_path / "again.log").read_bytes() == log.read_bytes()
    simulate_bgl(tmp_path / "longer.log", lines=LINES_PER_SLICE + 1, seed=1)
    longer = (tmp_path / "longer.log").read_bytes()
    assert longer.startswith(log.read_bytes())
    assert longer.count(b"\n") == LINES_PER_SLICE + 1
    simulate_bgl(tmp_path / "other.log", lines=100, seed=2)
    assert not longer.startswith((tmp_path / "other.log").read_bytes())


def test_a_log_without_lines_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="lines is 0"):
        simulate_bgl(tmp_path / "x.log", lines=0, seed=1)

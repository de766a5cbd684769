"""The simulated log beside the real HDFS_v1: shapes of lines, frequencies of templates, lengths of blocks."""

import re
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.spatial.distance import jensenshannon

from logassay.simulate import simulate

QUANTILES = [0.05, 0.25, 0.5, 0.75, 0.95, 0.99]
HEADER = re.compile(r"\d{6} \d{6} \d+ ")


def simulated(folder: Path, sessions: int, anomaly_share: float, seed: int) -> list[str]:
    paths = [folder / name for name in ("raw.log", "labels.csv", "kinds.csv")]
    simulate(*paths, sessions=sessions, anomaly_share=anomaly_share, seed=seed)
    return paths[0].read_text().splitlines()


def shape(line: str) -> str:
    """Return level, component and message with everything variable masked."""
    header = HEADER.match(line)
    assert header, line
    masks = {
        r"blk_-?\d+": "BLOCK",
        r"/(user|mnt)/\S*": "PATH",
        r"\d+\.\d+\.\d+\.\d+(:\d+)?": "NODE",
        r"NODE(,? NODE)+": "NODE",
        r"java\..*": "EXCEPTION",
        r"\b\d+\b": "NUMBER",
    }
    text = line[header.end() :]
    for pattern, mask in masks.items():
        text = re.sub(pattern, mask, text)
    return text


@pytest.mark.parametrize("log", ["hdfs_20k/HDFS.log", "loghub_2k/HDFS/HDFS_2k.log"])
def test_every_shape_of_the_real_log_is_simulated_to_the_letter(log: str, real_data: Path, tmp_path: Path) -> None:
    real = {shape(line) for line in (real_data / log).read_text().splitlines()}
    # These name many blocks in one line; the simulator lets every line speak of one.
    real = {text for text in real if "to delete" not in text}
    assert len(real) >= 13
    assert real - {shape(line) for line in simulated(tmp_path, 4000, 0.5, 1)} == set()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_frequencies_and_lengths_are_close_to_the_real_ones(seed: int, real_data: Path, tmp_path: Path) -> None:
    templates = pl.read_csv(real_data / "hdfs_100k" / "templates.csv")
    sessions = pl.read_csv(real_data / "hdfs_100k" / "sessions.csv")
    patterns = {
        event: re.compile(re.escape(text).replace(r"<\*>", ".*"))
        for event, text in templates.select("EventId", "EventTemplate").iter_rows()
    }
    lines = simulated(tmp_path, sessions.height, 313 / 7940, seed)

    # What the real 100,000 lines do not have counts under its own shape: nothing is left out of the distance.
    shapes = Counter(shape(line).split(": ", 1)[1] for line in lines)
    counts: Counter[str] = Counter()
    for text, count in shapes.items():
        counts[next((event for event, pattern in patterns.items() if pattern.fullmatch(text)), text)] += count
    real = dict(templates.select("EventId", "Occurrences").iter_rows())
    names = sorted(real | counts)
    distance = jensenshannon([real.get(name, 0) for name in names], [counts[name] for name in names], base=2)
    assert distance < 0.06

    lengths: dict[str, int] = defaultdict(int)
    for line in lines:
        lengths[re.findall(r"blk_-?\d+", line)[0]] += 1
    ours = np.quantile(list(lengths.values()), QUANTILES)
    theirs = np.quantile(sessions["EventSequence"].str.count_matches(r"E\d+").to_numpy(), QUANTILES)
    assert theirs.tolist() == [13, 13, 13, 13, 15, 16]
    assert np.abs(ours - theirs).max() <= 1

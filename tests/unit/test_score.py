"""Scores in files: which rows, which columns, and that equal sequences share one score."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import polars as pl
import pytest

from logassay import checkpoint, models, score
from logassay.corpus import from_lists
from logassay.errors import UserError
from logassay.files import write_parquet

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "score_sequences.py"
TRAIN = from_lists([[2, 3, 4], [2, 3], [4, 2, 3]] * 5)
SMALL: dict[str, dict[str, Any]] = {
    "deeplog": {"embedding": 6, "hidden": 8},
    "logbert": {"layers": 1, "hidden": 8, "heads": 2, "feed_forward": 16},
}


def write_part(path: Path, first: int, events: list[list[int]], **columns: Any) -> Path:
    frame = pl.DataFrame(
        {
            "sequence": pl.Series(range(first, first + len(events)), dtype=pl.Int32),
            "id": [str(row) for row in range(len(events))],
            "label": pl.Series([row == 1 for row in range(len(events))], dtype=pl.Boolean),
            "kind": pl.Series([None] * len(events), dtype=pl.String),
            "events": pl.Series(events, dtype=pl.List(pl.Int32)),
            "gaps": pl.Series([[0.0] * len(each) for each in events], dtype=pl.List(pl.Float32)),
        }
    ).with_columns(**{name: pl.Series(values) for name, values in columns.items()})
    write_parquet(frame, path)
    return path


def trained(folder: Path, module: str) -> Path:
    kind = models.load(module)
    detector = kind(SMALL.get(module, {}), 1, "cpu")
    detector.fit_epoch(TRAIN)
    path = folder / f"epoch_1{kind.checkpoint_suffix}"
    header = {"module": module, "variant": "mine", "hyper": detector.hyperparameters, "seed": 1, "epoch": 1}
    checkpoint.save(path, header | {"training_losses": [None], "detector": detector.state()})
    return path


def scored(folder: Path, path: Path, **arguments: Any) -> tuple[pl.DataFrame, dict[str, Any]]:
    fixed: dict[str, Any] = {"templates": None, "values": {}, "parts": [], "limits": {}, "mutated": None}
    fixed |= {"device": "cpu", "threads": 1}
    output, facts = folder / "scores.parquet", folder / "scores.json"
    score.run(checkpoint_path=path, **fixed | arguments, output=output, facts=facts)
    return pl.read_parquet(output), json.loads(facts.read_text())


@pytest.mark.parametrize("module", ["deeplog", "logbert", "new-event", "isolation-forest"])
def test_equal_sequences_are_scored_once_and_alike(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    detector = models.load(module)(SMALL.get(module, {}), 1, "cpu")
    detector.fit_epoch(TRAIN)
    corpus = from_lists([[2, 3], [9, 2], [2, 3], [], [9, 2], [3]])
    each = detector.score(corpus)
    with monkeypatch.context() as patch:
        watch = Mock(side_effect=detector.score)
        patch.setattr(detector, "score", watch)
        scores = score.score_corpus(detector, corpus)
    assert [len(call.args[0]) for call in watch.call_args_list] == [4]
    np.testing.assert_allclose(scores.score, each.score, atol=1e-6)
    assert scores.paper.tolist() == each.paper.tolist()
    assert scores.length.tolist() == [2, 2, 2, 0, 2, 1]
    assert scores.unknown.tolist() == [0, 1, 0, 0, 1, 0]
    for name, values in each.components.items():
        np.testing.assert_allclose(scores.components[name], values, atol=1e-6)


def test_parts_limits_and_columns(tmp_path: Path) -> None:
    path = trained(tmp_path, "deeplog")
    validation = write_part(tmp_path / "v.parquet", 10, [[2, 3], [2, 9, 9]])
    test = write_part(tmp_path / "t.parquet", 20, [[2, 3], [], [4]], kind=[None, "burst", None])
    frame, facts = scored(tmp_path, path, parts=[("validation", validation), ("test", test)], limits={"test": 2})
    assert frame.schema == {
        "part": pl.String,
        "sequence": pl.Int32,
        "label": pl.Boolean,
        "kind": pl.String,
        "length": pl.Int32,
        "unknown": pl.Int32,
        "score": pl.Float64,
        "paper": pl.Boolean,
        "loss": pl.Float64,
        "nll_max": pl.Float64,
        "nll_mean": pl.Float64,
        "rank_max": pl.Float64,
    }
    assert frame["part"].to_list() == ["validation", "validation", "test", "test"]
    assert frame["sequence"].to_list() == [10, 11, 20, 21]
    assert frame["label"].to_list() == [False, True, False, True]
    assert frame["kind"].to_list() == [None, None, None, "burst"]
    assert frame["length"].to_list() == [2, 3, 2, 0]
    assert frame["unknown"].to_list() == [0, 2, 0, 0]
    assert frame["score"][0] == frame["score"][2]
    assert (facts["sequences"], facts["distinct"]) == (4, 3)
    assert facts["sequences_per_second"] == pytest.approx(4 / facts["scoring_seconds"])
    assert (facts["device"], facts["threads"]) == ("cpu", 1)
    first = (tmp_path / "scores.parquet").read_bytes()
    scored(tmp_path, path, parts=[("validation", validation), ("test", test)], limits={"test": 2})
    assert (tmp_path / "scores.parquet").read_bytes() == first


def test_models_without_a_loss_have_none(tmp_path: Path) -> None:
    part = write_part(tmp_path / "v.parquet", 0, [[2, 3], [9]])
    frame, _ = scored(tmp_path, trained(tmp_path, "new-event"), parts=[("validation", part)])
    assert frame["loss"].to_list() == [None, None]
    assert frame["loss"].dtype == pl.Float64
    assert frame["score"].to_list() == [0, 1]


def test_mutated_sequences_keep_part_and_operator(tmp_path: Path) -> None:
    mutated = write_part(
        tmp_path / "m.parquet", 5, [[9, 3], [2], [2]], part=["calibration", "evaluation", "evaluation"],
        operator=["replace", "delete", "delete"],
        equals_normal=[False, True, False],
    )  # fmt: skip
    frame, _ = scored(tmp_path, trained(tmp_path, "new-event"), mutated=mutated)
    assert frame["part"].to_list() == ["calibration", "evaluation", "evaluation"]
    assert frame["operator"].to_list() == ["replace", "delete", "delete"]
    assert frame["sequence"].to_list() == [5, 6, 7]
    assert frame["score"].to_list() == [1, 0, 0]
    assert frame["equals_normal"].to_list() == [False, True, False]
    assert frame.columns[-2:] == ["operator", "equals_normal"]


def test_empty_parts_are_scored(tmp_path: Path) -> None:
    for module in ("deeplog", "logbert", "isolation-forest"):
        empty = write_part(tmp_path / "v.parquet", 0, [])
        frame, facts = scored(tmp_path, trained(tmp_path, module), parts=[("validation", empty)])
        assert (frame.height, facts["sequences"]) == (0, 0)


def test_wrong_limits_are_told(tmp_path: Path) -> None:
    path = trained(tmp_path, "flag-all")
    part = write_part(tmp_path / "t.parquet", 0, [[2], [3]])
    with pytest.raises(
        UserError, match="holds 2 sequences but 3 are to be evaluated; set eval_sample_size to at most 2"
    ):
        scored(tmp_path, path, parts=[("test", part)], limits={"test": 3})
    with pytest.raises(UserError, match="The limit of tset belongs to no part; parts are: test"):
        scored(tmp_path, path, parts=[("test", part)], limits={"tset": 1})
    with pytest.raises(UserError, match="Two parts have the same name"):
        scored(tmp_path, path, parts=[("test", part), ("test", part)])


def test_header_of_a_restored_detector(tmp_path: Path) -> None:
    detector, header = score.load_detector(trained(tmp_path, "deeplog"), "cpu", 1, None)
    assert (header["module"], header["epoch"], header["seed"]) == ("deeplog", 1, 1)
    assert detector.hyperparameters == header["hyper"]


def test_the_program_needs_no_torch_for_baselines_and_refuses_damage(tmp_path: Path) -> None:
    path = trained(tmp_path, "isolation-forest")
    part = write_part(tmp_path / "v.parquet", 0, [[2, 3], [9]])
    program = (
        "import runpy, sys\nsys.argv = sys.argv[1:]\n"
        "try:\n    runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "finally:\n    print('torch' in sys.modules)"
    )
    command = [
        sys.executable,
        "-c",
        program,
        str(SCRIPT),
        "--checkpoint",
        str(path),
        "--sequences",
        f"validation={part}",
    ]
    command += ["--output", str(tmp_path / "s.parquet"), "--facts", str(tmp_path / "s.json")]
    environment = {"PYTHONPATH": str(SCRIPT.parent)}
    good = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (good.returncode, good.stdout) == (0, "False\n")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    bad = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert bad.returncode == 2
    assert "epoch_1.npz is damaged" in bad.stderr.splitlines()[-1]
    assert "Traceback" not in bad.stderr

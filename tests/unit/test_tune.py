"""Tuning: on validation alone, seeded, and the same whether it is interrupted or not."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml

from logassay import models, tune
from logassay.errors import UserError
from logassay.files import read_json, write_json, write_parquet
from logassay.models.base import Scores
from logassay.settings import sections

SCHEMA = Path(__file__).resolve().parents[2] / "workflow/schemas/config.schema.yaml"
DEFINITION = {
    "module": "deeplog",
    "framework": "torch",
    "hyper": {"history": 3, "embedding": 4, "hidden": 4, "layers": 1, "batch_size": 64},
}
SPACE = {"learning_rate": {"low": 0.0001, "high": 0.1, "log": True}, "history": {"choices": [2, 3, 5]}}
HYPER = models.load("deeplog").hyper_kind()


def write_part(path: Path, count: int, anomalous: int, seed: int) -> None:
    """Write sequences that count upwards; the last ones begin with a jump back and are labelled anomalous."""
    rng = np.random.default_rng(seed)
    starts = rng.integers(2, 6, count)
    events = [list(range(start, start + 4)) for start in starts]
    for row in range(count - anomalous, count):
        events[row] = [8, 2, *events[row]]
    write_parquet(
        pl.DataFrame(
            {
                "label": [row >= count - anomalous for row in range(count)],
                "events": pl.Series(events, dtype=pl.List(pl.Int32)),
                "gaps": pl.Series([[0.0] * len(each) for each in events], dtype=pl.List(pl.Float32)),
            }
        ),
        path,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A training part of 60 sequences and a validation part of 40, 8 of them anomalous; there is no test part."""
    write_part(tmp_path / "train.parquet", 60, 0, seed=0)
    write_part(tmp_path / "validation.parquet", 40, 8, seed=1)
    return tmp_path


def search(folder: Path, kept: str = "kept", **changes: Any) -> pl.DataFrame:
    """Tune; return the table of trials."""
    arguments: dict[str, Any] = {
        "variant": "mine",
        "definition": DEFINITION,
        "train_path": folder / "train.parquet",
        "validation": folder / "validation.parquet",
        "templates": None,
        "train_values": None,
        "validation_values": None,
        "sample_size": 60,
        "seed": 5,
        "space": SPACE,
        "objective": "validation_loss",
        "trials": 4,
        "epochs": 2,
        "device": "cpu",
        "threads": 1,
        "kept": folder / kept,
        "table": folder / "trials.parquet",
        "output": folder / "variant.yaml",
    }
    tune.run(**arguments | changes)
    return pl.read_parquet(folder / "trials.parquet")


def kept_trials(folder: Path, kept: str = "kept") -> Path:
    """Return the one file of kept trials."""
    (path,) = (folder / kept).iterdir()
    return path


def test_the_budget_is_kept_to_and_the_best_trial_becomes_the_variant(folder: Path) -> None:
    table = search(folder, trials=6)
    assert table["number"].to_list() == list(range(6))
    # The first trial is the variant itself.
    assert table.row(0, named=True)["learning_rate"] == HYPER.learning_rate
    assert table.row(0, named=True)["history"] == 3
    complete = table.filter(pl.col("state") == "complete")
    assert complete["value"].to_list() == [values[-1] for values in complete["values"].to_list()]
    best = complete.sort("value").row(0, named=True)
    entry = yaml.safe_load((folder / "variant.yaml").read_text())["models"]["mine-tuned"]
    assert f"{best['value']:.6g}" in entry["description"]
    assert {name: entry["hyper"][name] for name in SPACE} == {name: best[name] for name in SPACE}
    # All else is the variant's own, complete with the model's defaults.
    assert entry["hyper"].keys() == models.load("deeplog")({}, 0, "cpu").hyperparameters.keys()
    assert {"embedding": 4, "hidden": 4, "layers": 1, "batch_size": 64}.items() <= entry["hyper"].items()
    assert (entry["module"], entry["framework"]) == ("deeplog", "torch")
    assert sections(folder / "variant.yaml", SCHEMA, ["models"])["models"]["mine-tuned"]["hyper"] == entry["hyper"]


def test_a_larger_budget_and_a_killed_run_end_as_if_undisturbed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Twelve trials: beyond the ten that are drawn at random, so that the earlier ones matter.
    at_once = search(folder, "at_once", trials=12, epochs=1).drop("seconds")
    search(folder, trials=5, epochs=1)
    ran: list[int] = []
    original = tune.run_trial

    def noted(trial: Any, *others: Any) -> dict[str, Any]:
        ran.append(trial.number)
        if ran.count(8) == 1 and trial.number == 8:
            raise KeyboardInterrupt
        return original(trial, *others)

    monkeypatch.setattr(tune, "run_trial", noted)
    with pytest.raises(KeyboardInterrupt):
        search(folder, trials=12, epochs=1)
    again = search(folder, trials=12, epochs=1).drop("seconds")
    assert ran == [5, 6, 7, 8, 8, 9, 10, 11]
    assert again.equals(at_once)
    # A smaller budget takes the first of them.
    assert search(folder, trials=3, epochs=1).drop("seconds").equals(at_once.head(3))
    assert len(ran) == 8


def test_another_search_begins_anew_and_leaves_the_first(folder: Path) -> None:
    search(folder, trials=2)
    first = kept_trials(folder).read_bytes()
    search(folder, trials=1, seed=6)
    write_part(folder / "validation.parquet", 40, 8, seed=2)
    search(folder, trials=1)
    contents = [path.read_bytes() for path in (folder / "kept").iterdir()]
    assert len(contents) == 3
    assert first in contents


def test_hopeless_trials_are_pruned_and_kept(folder: Path) -> None:
    # Five trials, as many as the median rule waits for, are made better than any other can be.
    search(folder, trials=1, epochs=3)
    path = kept_trials(folder)
    kept = read_json(path)
    good = kept["trials"][0] | {"values": [0.1, 0.05, 0.01]}
    write_json(path, kept | {"trials": [good | {"number": number} for number in range(5)]})
    table = search(folder, trials=7, epochs=3)
    assert table["state"].to_list() == ["complete"] * 5 + ["pruned"] * 2
    assert table["epochs"].to_list() == [3] * 5 + [2] * 2
    assert table["value"].to_list()[5:] == [values[1] for values in table["values"].to_list()[5:]]
    assert [each["state"] for each in read_json(path)["trials"][5:]] == ["pruned"] * 2


def test_a_trial_that_diverges_is_kept_as_failed_but_the_first_is_a_mistake(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverge(*_: Any) -> None:
        raise UserError("Training diverged.")

    search(folder, trials=1)
    monkeypatch.setattr(tune.train, "fit", diverge)
    table = search(folder, trials=2)
    assert table.select("state", "value", "reason").rows()[1] == ("failed", None, "Training diverged.")
    with pytest.raises(UserError, match="diverged"):
        search(folder, "other", trials=2)
    assert not (folder / "other").exists()


@pytest.mark.parametrize(
    ("space", "told"),
    [
        ({"histroy": {"choices": [5]}}, "tune.space.histroy is not a hyperparameter of mine; it has: history, "),
        ({"history": {"choices": [5, 0]}}, "tune.space.history has a value .* is 0 but must be"),
        ({"history": {"low": 5}}, "tune.space.history must have either choices, or low and high"),
        ({"history": {"low": 2, "high": 5, "choices": [5]}}, "tune.space.history must have either"),
        ({"history": {"low": 9, "high": 5}}, "tune.space.history goes from 9 to 5"),
        ({"learning_rate": {"low": 0.0, "high": 0.1, "log": True}}, "positive with log"),
        ({"score": {"low": 1, "high": 2}}, "tune.space.score must have choices"),
        ({}, "nothing to tune in mine"),
    ],
)
def test_a_wrong_space_is_told_in_one_sentence(folder: Path, space: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told):
        search(folder, space=space)


@pytest.mark.parametrize("budget", [{"trials": 0}, {"epochs": 0}])
def test_an_empty_budget_is_told(folder: Path, budget: dict[str, int]) -> None:
    with pytest.raises(UserError, match="give at least 1 of each"):
        search(folder, **budget)


def test_the_space_left_out_is_what_the_model_has_of_three() -> None:
    space = tune.default_space({"history": 10, "batch_size": 64, "learning_rate": 0.001, "layers": 2})
    assert list(space) == ["learning_rate", "batch_size", "history"]
    assert space["batch_size"] == {"choices": [32, 64, 128]}
    assert list(tune.default_space({"batch_size": 1})["batch_size"]["choices"]) == [1, 2]
    assert tune.default_space({"trees": 100}) == {}


def test_auto_takes_what_the_labels_allow(folder: Path) -> None:
    both, normal = np.array([False, True]), np.array([False, False])
    assert tune.choose_objective("auto", both) == "roc_auc"
    assert tune.choose_objective("auto", normal) == "validation_loss"
    assert tune.choose_objective("f1", both) == "f1"
    with pytest.raises(UserError, match=r"tune.objective is f1.*validation_loss or auto"):
        tune.choose_objective("f1", normal)
    with pytest.raises(UserError, match="no sequence that is not anomalous"):
        tune.choose_objective("auto", ~normal)


def test_objectives_by_hand() -> None:
    truth = np.array([False, False, False, True, True])
    values = np.array([0.1, 0.4, 0.3, 0.35, 0.8])
    whole = np.zeros(5, dtype=np.int32)
    scores = Scores(values, truth, np.array([1.0, 2.0, 6.0, 9.0, 9.0]), whole, whole, {})
    # Of the 6 pairs of an anomalous and a normal one 5 are in order; by descending score the labels are 1 0 1 0 0.
    assert tune.measure("roc_auc", scores, truth) == pytest.approx(5 / 6)
    assert tune.measure("average_precision", scores, truth) == pytest.approx((1 + 2 / 3) / 2)
    assert tune.measure("f1", scores, truth) == pytest.approx(0.8)
    assert tune.measure("validation_loss", scores, truth) == 3.0
    without = Scores(values, truth, None, whole, whole, {})
    with pytest.raises(UserError, match="no validation loss"):
        tune.measure("validation_loss", without, truth)


def test_a_model_without_torch_can_be_tuned(folder: Path) -> None:
    definition = {"module": "count-vector", "framework": "numpy", "epochs": 1, "hyper": {}}
    space = {"vectors": {"low": 1, "high": 50}}
    table = search(folder, definition=definition, space=space, objective="auto", trials=3, epochs=1)
    assert table["vectors"].dtype == pl.Int64
    assert table["value"].is_between(0, 1).all()

"""Exactly what is stale is rebuilt: for each kind of edit, the very jobs that run."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.workflow.project import STUDY, Project, merged

pytestmark = pytest.mark.xdist_group("built once")

DEEP = ("deeplog", "logbert-small")
BASELINES = ("flag-all", "new-event", "isolation-forest")
MODELS = DEEP + BASELINES
COMPARE = {"studies/tiny/compare"}


def of_run(model: str, *jobs: str, size: int = 200) -> set[str]:
    return {f"size={size}/model={model}/{job}" for job in jobs}


def epoch_jobs(model: str, epochs: Iterable[int], size: int = 200) -> set[str]:
    """All that has to happen for some epochs of one model, its summary left out."""
    fit = "train_epoch" if model in DEEP else "fit"
    names = [fit, "score_epoch", "score_mutated_00200_epoch", "evaluate_labelled_epoch", "evaluate_pseudo_00200_epoch"]
    return of_run(model, *(f"{name}_{epoch}" for name in names for epoch in epochs), size=size)


def epochs_of(model: str) -> list[int]:
    return [1, 2, 3] if model in DEEP else [1]


def summaries(models: Iterable[str] = MODELS, size: int = 200) -> set[str]:
    return set().union(*(of_run(model, "summarise", size=size) for model in models))


def whole_run(model: str, size: int = 200) -> set[str]:
    return epoch_jobs(model, epochs_of(model), size) | summaries([model], size)


@contextmanager
def edited(path: Path, old: str, new: str) -> Iterator[None]:
    """A file with one text in place of another, for a while."""
    before = path.read_text()
    assert before.count(old) == 1, f"{path} should have {old!r} once"
    path.write_text(before.replace(old, new))
    try:
        yield
    finally:
        path.write_text(before)


def test_nothing_is_stale_after_a_run(built_once: Project) -> None:
    assert built_once.stale() == set()


def test_more_epochs_train_the_new_ones_only(built_once: Project) -> None:
    expected = set().union(*(epoch_jobs(model, [4, 5]) for model in DEEP)) | summaries(DEEP) | COMPARE
    assert built_once.stale({"study": {"epochs": 5}}) == expected


def test_fewer_epochs_rebuild_the_tables_only(built_once: Project) -> None:
    assert built_once.stale({"study": {"epochs": 2}}) == summaries(DEEP) | COMPARE


def test_another_anomaly_ratio_trains_nothing_and_scores_only_what_was_mutated(built_once: Project) -> None:
    jobs = [
        of_run(model, f"score_mutated_00500_epoch_{epoch}", f"evaluate_pseudo_00500_epoch_{epoch}")
        for model in MODELS
        for epoch in epochs_of(model)
    ]
    expected = set().union(*jobs) | {"mutate_00500"} | summaries() | COMPARE
    assert built_once.stale({"study": {"anomaly_ratios": [0.05]}}) == expected


def test_another_sample_size_parses_splits_and_mutates_nothing(built_once: Project) -> None:
    expected = set().union(*(whole_run(model, 100) for model in MODELS)) | {"size=100/overlap"} | COMPARE
    assert built_once.stale({"study": {"sample_sizes": [200, 100]}}) == expected


def test_another_seed_runs_itself_only(built_once: Project) -> None:
    expected = set().union(*(whole_run(model) for model in MODELS)) | COMPARE
    expected |= {"split", "template", "encode", "mutate_00200", "size=200/overlap"}
    assert built_once.stale({"study": {"seeds": [1, 2]}}) == expected


def test_a_learning_rate_concerns_its_own_model(built_once: Project) -> None:
    changes = {"models": {"deeplog": {"hyper": {"learning_rate": 0.0005}}}}
    assert built_once.stale(changes) == whole_run("deeplog") | COMPARE


def test_another_threshold_target_judges_again_from_saved_scores(built_once: Project) -> None:
    jobs = [
        of_run(model, f"evaluate_labelled_epoch_{epoch}", f"evaluate_pseudo_00200_epoch_{epoch}")
        for model in MODELS
        for epoch in epochs_of(model)
    ]
    expected = set().union(*jobs) | summaries() | COMPARE
    assert built_once.stale({"evaluation": {"threshold": {"targets": {"f1": 0.55}}}}) == expected


def test_one_model_fewer_rebuilds_the_comparison_only(built_once: Project) -> None:
    assert built_once.stale({"study": {"models": list(MODELS[1:])}}) == COMPARE


@pytest.mark.parametrize("model", MODELS)
def test_the_code_of_a_model_concerns_that_model_only(built_once: Project, model: str) -> None:
    variants = yaml.safe_load((built_once.root / "config/models.yaml").read_text())["models"]
    path = built_once.root / f"scripts/logassay/models/{variants[model]['module'].replace('-', '_')}.py"
    with edited(path, "\nDETECTOR = ", "\nMORE = 1\nDETECTOR = "):
        assert built_once.stale() == whole_run(model) | COMPARE


def test_a_comment_in_the_code_concerns_nothing(built_once: Project) -> None:
    for name in ("deeplog", "logbert"):
        path = built_once.root / f"scripts/logassay/models/{name}.py"
        with edited(path, "\nDETECTOR = ", "\n# A thought.\nDETECTOR = "):
            assert built_once.stale() == set()


def test_the_code_of_the_evaluation_trains_and_scores_nothing(built_once: Project) -> None:
    jobs = [
        of_run(model, f"evaluate_labelled_epoch_{epoch}", f"evaluate_pseudo_00200_epoch_{epoch}")
        for model in MODELS
        for epoch in epochs_of(model)
    ]
    path = built_once.root / "scripts/logassay/threshold.py"
    with edited(path, path.read_text(), f"{path.read_text()}\nMORE = 1\n"):
        assert built_once.stale() == set().union(*jobs) | summaries() | COMPARE


def test_a_log_that_is_touched_but_unchanged_concerns_nothing(project: Project) -> None:
    """On a file of the user's own, larger than what Snakemake compares by content itself."""
    log, labels = _own_log(project)
    study = merged(STUDY, _on(log, labels))
    project.build(study)
    now = log.stat().st_mtime + 1000
    for path in (log, labels):
        os.utime(path, (now, now))
    assert log.stat().st_size > 1_000_000
    assert project.stale(_on(log, labels)) == set()
    with log.open("a") as stream:
        stream.write(log.read_text().splitlines()[-1] + "\n")
    stale = project.stale(_on(log, labels))
    assert {"parse", "sequence", "split", "template", "encode"} <= stale


def _own_log(project: Project) -> tuple[Path, Path]:
    from logassay.simulate import simulate

    log, labels = project.root / "own.log", project.root / "own_labels.csv"
    simulate(log, labels, project.root / "own_kinds.csv", sessions=900, anomaly_share=0.04, seed=3)
    return log, labels


def _on(log: Path, labels: Path) -> dict[str, Any]:
    own = {"format": "hdfs", "source": {"file": log.name}, "labels": {"file": labels.name}}
    return {
        "study": {"datasets": ["own"], "models": ["new-event"], "protocols": ["labelled"]},
        "datasets": {"own": own},
    }

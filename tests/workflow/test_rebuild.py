"""Exactly what is stale is rebuilt: for each kind of edit, the very jobs that run."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.workflow.project import EVERY, MODELS, STUDY, VARIANTS, Project, merged

DEEP = [name for name in MODELS if VARIANTS[name]["framework"] == "torch"]
MANIFEST = {"studies/tiny/manifest"}
"""Written anew whenever anything else is, and when settings change that concern no result."""
REPORTS = {"studies/tiny/report_en", "studies/tiny/report_ko"} | MANIFEST
JUDGE = {"studies/tiny/judge"} | REPORTS
COMPARE = {"studies/tiny/compare"} | JUDGE
IMPORTED_BY = {"deeplog": ["deeplog-combined"], "deeplog-values": ["deeplog-combined"], "flag-all": ["never-flag"]}
"""Models that are made of others."""


def of_run(model: str, *jobs: str, size: int = 200) -> set[str]:
    return {f"size={size}/model={model}/{job}" for job in jobs}


def epoch_jobs(model: str, epochs: Iterable[int], size: int = 200) -> set[str]:
    """All that has to happen for some epochs of one model, its summary left out."""
    fit = "train_epoch" if model in DEEP else "fit"
    names = [fit, "score_epoch", "score_mutated_00200_epoch", "evaluate_labelled_epoch", "evaluate_pseudo_00200_epoch"]
    return of_run(model, *(f"{name}_{epoch}" for name in names for epoch in epochs), size=size)


def epochs_of(model: str) -> list[int]:
    return [1, 2] if model in DEEP else [1]


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


def stale(project: Project, changes: dict[str, Any] | None = None) -> set[str]:
    """Name the jobs that a change of that study would run."""
    return project.stale(merged(EVERY, changes or {}))


def test_nothing_is_stale_after_a_run(built_once: Project) -> None:
    assert stale(built_once) == set()


def test_more_epochs_train_the_new_ones_only(built_once: Project) -> None:
    expected = set().union(*(epoch_jobs(model, [3, 4]) for model in DEEP)) | summaries(DEEP) | COMPARE
    assert stale(built_once, {"study": {"epochs": 4}}) == expected


def test_fewer_epochs_rebuild_the_tables_only(built_once: Project) -> None:
    assert stale(built_once, {"study": {"epochs": 1}}) == summaries(DEEP) | COMPARE


def test_another_anomaly_ratio_trains_nothing_and_scores_only_what_was_mutated(built_once: Project) -> None:
    jobs = [
        of_run(model, f"score_mutated_00500_epoch_{epoch}", f"evaluate_pseudo_00500_epoch_{epoch}")
        for model in MODELS
        for epoch in epochs_of(model)
    ]
    expected = set().union(*jobs) | {"mutate_00500"} | summaries() | COMPARE
    assert stale(built_once, {"study": {"anomaly_ratios": [0.05]}}) == expected


def test_another_sample_size_parses_splits_and_mutates_nothing(built_once: Project) -> None:
    expected = set().union(*(whole_run(model, 100) for model in MODELS)) | {"size=100/overlap"} | COMPARE
    assert stale(built_once, {"study": {"sample_sizes": [200, 100]}}) == expected


def test_another_seed_runs_itself_only(built_once: Project) -> None:
    expected = set().union(*(whole_run(model) for model in MODELS)) | COMPARE
    expected |= {"split", "template", "encode", "align_values", "mutate_00200", "size=200/overlap"}
    assert stale(built_once, {"study": {"seeds": [1, 2]}}) == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"evaluation": {"threshold": {"targets": {"f1": 0.55}}}},
        {"report": {"prevalences": [0.01]}},
    ],
)
def test_targets_and_prevalences_concern_the_verdicts_only(built_once: Project, changes: dict[str, Any]) -> None:
    assert stale(built_once, changes) == JUDGE


def test_a_language_less_concerns_the_manifest_only(built_once: Project) -> None:
    assert stale(built_once, {"report": {"languages": ["ko"]}}) == MANIFEST


def test_the_words_of_a_language_concern_its_reports_only(built_once: Project) -> None:
    path = built_once.root / "workflow/report/texts/ko.yaml"
    first = path.read_text().splitlines()[-1]
    with edited(path, first, f"{first}\n# A thought."):
        assert stale(built_once) == {"studies/tiny/report_ko"} | MANIFEST


def test_another_threshold_strategy_judges_again_from_saved_scores(built_once: Project) -> None:
    jobs = [
        of_run(model, f"evaluate_labelled_epoch_{epoch}", f"evaluate_pseudo_00200_epoch_{epoch}")
        for model in MODELS
        for epoch in epochs_of(model)
    ]
    expected = set().union(*jobs) | summaries() | COMPARE
    assert stale(built_once, {"evaluation": {"threshold": {"strategy": "paper"}}}) == expected


def test_one_model_fewer_rebuilds_the_comparison_only(built_once: Project) -> None:
    assert stale(built_once, {"study": {"models": MODELS[1:]}}) == COMPARE


@pytest.mark.parametrize("model", MODELS)
def test_the_code_of_a_model_concerns_that_model_only(built_once: Project, model: str) -> None:
    path = built_once.root / f"scripts/logassay/models/{VARIANTS[model]['module'].replace('-', '_')}.py"
    with edited(path, "\nDETECTOR = ", "\nMORE = 1\nDETECTOR = "):
        runs = [whole_run(each) for each in (model, *IMPORTED_BY.get(model, []))]
        assert stale(built_once) == set().union(*runs) | COMPARE


@pytest.mark.parametrize("model", [name for name in MODELS if VARIANTS[name]["hyper"]])
def test_a_hyperparameter_concerns_its_own_model(built_once: Project, model: str) -> None:
    name, value = next((name, value) for name, value in VARIANTS[model]["hyper"].items() if type(value) in (int, float))
    changes = {"models": {model: {"hyper": {name: value + 1}}}}
    assert stale(built_once, changes) == whole_run(model) | COMPARE


def test_a_comment_in_the_code_concerns_nothing(built_once: Project) -> None:
    for name in ("deeplog", "logbert"):
        path = built_once.root / f"scripts/logassay/models/{name}.py"
        with edited(path, "\nDETECTOR = ", "\n# A thought.\nDETECTOR = "):
            assert stale(built_once) == set()


def test_the_code_of_the_evaluation_trains_and_scores_nothing(built_once: Project) -> None:
    jobs = [
        of_run(model, f"evaluate_labelled_epoch_{epoch}", f"evaluate_pseudo_00200_epoch_{epoch}")
        for model in MODELS
        for epoch in epochs_of(model)
    ]
    path = built_once.root / "scripts/logassay/threshold.py"
    with edited(path, path.read_text(), f"{path.read_text()}\nMORE = 1\n"):
        assert stale(built_once) == set().union(*jobs) | summaries() | COMPARE


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

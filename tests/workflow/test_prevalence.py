"""Mutated sequences at a prevalence: the very jobs that run, and the same numbers by hand as by the workflow."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.workflow.project import ROOT, STUDY, Project, merged

SPLIT = "results/runs/dataset=simulated/grouping=session/split=chronological/seed=1"
RUN = f"{SPLIT}/size=200/model=new-event"
MODEL = "size=200/model=new-event"
CHANGES: dict[str, Any] = {
    "study": {"models": ["new-event"], "protocols": ["pseudo", "prevalence"]},
    "evaluation": {"pseudo": {"prevalence": 0.1}},
}
TABLES = {
    f"{MODEL}/summarise",
    "studies/tiny/compare",
    "studies/tiny/judge",
    "studies/tiny/report_en",
    "studies/tiny/report_ko",
    "studies/tiny/manifest",
}


@pytest.fixture(scope="module")
def judged(every_model: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A model without epochs, judged on mutated sequences under both protocols; not to be changed."""
    project = every_model.copy(tmp_path_factory.mktemp("prevalence") / "project")
    project.build(merged(STUDY, CHANGES))
    return project


def stale(project: Project, changes: dict[str, Any]) -> set[str]:
    return project.stale(merged(CHANGES, changes))


def test_nothing_is_stale_after_a_run(judged: Project) -> None:
    assert stale(judged, {}) == set()


def test_another_prevalence_judges_again_from_saved_scores(judged: Project) -> None:
    changes = {"evaluation": {"pseudo": {"prevalence": 0.5}}}
    assert stale(judged, changes) == {f"{MODEL}/evaluate_prevalence_00200_05000_epoch_1"} | TABLES


def test_a_prevalence_that_is_not_used_concerns_the_tables_only(judged: Project) -> None:
    changes = {"study": {"protocols": ["pseudo"]}, "evaluation": {"pseudo": {"prevalence": 0.5}}}
    assert stale(judged, changes) == TABLES


def test_another_ratio_scores_only_what_was_mutated(judged: Project) -> None:
    names = ["score_mutated_00500", "evaluate_pseudo_00500", "evaluate_prevalence_00500_01000"]
    jobs = {f"{MODEL}/{name}_epoch_1" for name in names} | {"mutate_00500"}
    assert stale(judged, {"study": {"anomaly_ratios": [0.02, 0.05]}}) == jobs | TABLES


def by_hand(project: Project, output: Path, *options: str) -> dict[str, Any]:
    command = [sys.executable, ROOT / "scripts/evaluate.py", "--checkpoint", f"{RUN}/checkpoints/epoch_1.npz"]
    command += ["--validation-data", SPLIT, "--output-dir", output, "--max-samples", "50", *options]
    done = subprocess.run(command, cwd=project.root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads((output / "epoch_1/evaluation_results_epoch_1.json").read_text())
    return result


def test_by_hand_and_by_workflow_agree(judged: Project, tmp_path: Path) -> None:
    options = ["--generate-fake-anomaly", "--protocol", "prevalence", "--prevalence", "0.1", "--decision", "rule"]
    found = by_hand(judged, tmp_path, *options)
    place = "evaluation=prevalence/ratio=00200/share=01000/epoch_1/evaluation_results_epoch_1.json"
    expected = json.loads((judged.root / RUN / place).read_text())
    for key in ("counts", "metrics", "losses", "threshold", "strategies", "roc", "strata", "intervals", "data"):
        assert found[key] == expected[key], key
    data = found["data"]
    assert (data["normal"], data["anomalous"]) == (45, 5)
    assert data["validation_anomalous"] == round(0.1 * (data["validation_normal"] + data["validation_anomalous"]))
    run = {name: expected["run"][name] for name in ("protocol", "anomaly_ratio", "prevalence")}
    assert run == {"protocol": "prevalence", "anomaly_ratio": 0.02, "prevalence": 0.1}


def test_the_verdicts_keep_the_protocols_apart(judged: Project) -> None:
    sections = json.loads((judged.root / "results/studies/tiny/verdicts.json").read_text())["sections"]
    found = [(section["protocol"], section["prevalence"], section["data"]["anomalous"]) for section in sections]
    assert sorted(found, key=str) == [("prevalence", 0.1, 5), ("pseudo", None, 50)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--protocol", "prevalence"], "add --generate-fake-anomaly"),
        (["--generate-fake-anomaly", "--prevalence", "0.1"], "only with --protocol prevalence"),
    ],
)
def test_a_protocol_that_does_not_fit_is_told(
    judged: Project, tmp_path: Path, options: list[str], message: str
) -> None:
    with pytest.raises(AssertionError, match=message):
        by_hand(judged, tmp_path, *options)

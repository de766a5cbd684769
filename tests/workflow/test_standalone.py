"""`scripts/evaluate.py` by hand: the first source document's command, and the same numbers as the workflow's."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.workflow.project import ROOT, Project

SPLIT = "results/runs/dataset=simulated/grouping=session/split=chronological/seed=1"
RUN = f"{SPLIT}/size=200/model=deeplog"


def evaluate(project: Project, output: Path, *options: str) -> dict[str, Any]:
    command = [sys.executable, ROOT / "scripts/evaluate.py", "--checkpoint", f"{RUN}/checkpoints/epoch_2.pt"]
    command += ["--validation-data", SPLIT, "--output-dir", output, *options]
    done = subprocess.run(command, cwd=project.root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    written = sorted(path.name for path in (output / "epoch_2").glob("*_epoch_2.*"))
    assert written == ["confusion_matrix_epoch_2.png", "evaluation_results_epoch_2.json", "score_dist_epoch_2.png"]
    result: dict[str, Any] = json.loads((output / "epoch_2/evaluation_results_epoch_2.json").read_text())
    return result


@pytest.mark.parametrize(
    ("options", "folder"),
    [
        ([], "evaluation=labelled"),
        (
            ["--config", "study.yaml", "--max-samples", "50", "--generate-fake-anomaly", "--anomaly-ratio", "0.02"],
            "evaluation=pseudo/ratio=00200",
        ),
    ],
)
def test_by_hand_and_by_workflow_agree(built_once: Project, tmp_path: Path, options: list[str], folder: str) -> None:
    by_hand = evaluate(built_once, tmp_path, *options)
    by_workflow = json.loads((built_once.root / RUN / folder / "epoch_2/evaluation_results_epoch_2.json").read_text())
    for key in ("counts", "metrics", "losses", "threshold", "strategies", "roc", "strata", "intervals"):
        assert by_hand[key] == by_workflow[key], key


def test_more_sessions_than_there_are_is_told(built_once: Project, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="needed"):
        evaluate(built_once, tmp_path, "--generate-fake-anomaly", "--max-samples", "5000")


def test_a_mistake_in_the_config_is_told(built_once: Project, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("evaluation: {treshold: {}}\n")
    with pytest.raises(AssertionError, match="did you mean 'threshold'"):
        evaluate(built_once, tmp_path, "--config", str(wrong))

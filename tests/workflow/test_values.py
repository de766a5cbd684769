"""Models that read the numbers in messages: their stage is built for them alone, mutated sequences included."""

import json
import subprocess
import sys

import pytest

from tests.workflow.project import ROOT, STUDY, Project, merged

SPLIT = "results/runs/dataset=simulated/grouping=session/split=chronological/seed=1"
RUN = f"{SPLIT}/size=200/model=deeplog-combined"


def test_the_complete_deeplog_from_raw_log_to_evaluation(built_project: Project) -> None:
    project = built_project
    facts = json.loads((project.root / RUN / "checkpoints/epoch_1.json").read_text())
    assert facts["templates_judged"] > 3
    command = [sys.executable, ROOT / "scripts/evaluate.py", "--checkpoint", f"{RUN}/checkpoints/epoch_1.pt"]
    command += ["--validation-data", SPLIT, "--output-dir", "by-hand", "--max-samples", "50", "--generate-fake-anomaly"]
    subprocess.run(command, cwd=project.root, check=True)
    name = "epoch_1/evaluation_results_epoch_1.json"
    by_hand = json.loads((project.root / "by-hand" / name).read_text())
    by_workflow = json.loads((project.root / RUN / "evaluation=pseudo/ratio=00200" / name).read_text())
    for key in ("counts", "metrics", "losses"):
        assert by_hand[key] == by_workflow[key], key


@pytest.mark.parametrize(("model", "built"), [("deeplog", False), ("deeplog-values", True)])
def test_other_models_do_not_wait_for_values(project: Project, model: str, built: bool) -> None:
    done = project.snakemake("--dry-run", study=merged(STUDY, {"study": {"models": [model]}}))
    assert done.returncode == 0, done.stdout
    assert ("extract_values" in done.stdout) is built
    assert ("align_values" in done.stdout) is built

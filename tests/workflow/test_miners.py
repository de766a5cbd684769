"""Each template miner in the workflow: its choice, its settings and its code concern templates and what follows."""

import json
from pathlib import Path
from typing import Any

import pytest

from logassay import miners
from tests.workflow.project import STUDY, Project, merged
from tests.workflow.test_rebuild import JUDGE, edited

BASE: dict[str, Any] = {"study": {"models": ["new-event"], "epochs": 1}, "report": {"languages": ["en"]}}
SEED = Path("results/runs/dataset=simulated/grouping=session/split=chronological/seed=1")
BEFORE = {"simulate", "acquire", "parse", "sequence", "split"}


@pytest.fixture(scope="module")
def mined(every_model: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A study with the default miner, run to its end."""
    project = every_model.copy(tmp_path_factory.mktemp("mined") / "project")
    project.build(merged(STUDY, BASE))
    return project


def stale(project: Project, **templates: Any) -> set[str]:
    """Name the jobs that other settings of templates would run."""
    return project.stale(merged(BASE, {"templates": templates})) - {"studies/tiny/report_ko"}


def mine_again(project: Project, **templates: Any) -> dict[str, Any]:
    """Run the study with other settings up to its sequences of event ids, and return the report on templates."""
    done = project.snakemake(
        "--", str(SEED / "encode.json"), study=merged(merged(STUDY, BASE), {"templates": templates})
    )
    assert done.returncode == 0, done.stdout[-5000:]
    for job in ("Parsing", "Grouping", "Splitting"):
        assert job not in done.stdout
    report: dict[str, Any] = json.loads((project.root / SEED / "templates.json").read_text())
    return report


def test_code_of_another_miner_concerns_nothing(mined: Project) -> None:
    folder = mined.root / "scripts/logassay/miners"
    with edited(folder / "brain.py", "branches: int = 5", "branches: int = 6"):
        assert stale(mined) == set()
    with edited(folder / "drain.py", "similarity: float = 0.4", "similarity: float = 0.5"):
        assert "template" in stale(mined)


def test_settings_of_another_miner_concern_the_record_of_the_study_only(mined: Project) -> None:
    assert stale(mined, branches=7, goodness=0.5) == JUDGE - {"studies/tiny/report_ko"}
    assert "template" in stale(mined, similarity=0.5)


@pytest.mark.parametrize("miner", ["none", *(name for name in miners.names() if name != "drain")])
def test_another_miner_runs_and_rebuilds_templates_and_what_follows(mined: Project, miner: str) -> None:
    jobs = stale(mined, miner=miner)
    assert {"template", "encode"} <= jobs
    assert not BEFORE & jobs
    report = mine_again(mined, miner=miner)
    assert report["miner"] == miner
    assert report["templates_in_training"] > 1
    assert report["templates"] <= report["messages"]
    if miner == "none":
        assert report["templates"] == report["messages"]
    assert not {"template", "encode"} & stale(mined, miner=miner)


def test_an_unknown_miner_is_a_mistake(mined: Project) -> None:
    done = mined.snakemake("--dry-run", study=merged(merged(STUDY, BASE), {"templates": {"miner": "spell"}}))
    assert done.returncode != 0
    assert "'templates.miner' in the configuration is wrong: 'spell' is not one of" in done.stdout

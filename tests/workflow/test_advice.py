"""The study files of advice hold all that a study defines for itself, so that they plan as they are."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.workflow.project import Project, merged
from tests.workflow.test_intervals import write

STUDY: dict[str, Any] = {
    "study": {
        "name": "own",
        "datasets": ["own"],
        "groupings": ["tens"],
        "sample_sizes": [40],
        "models": ["deeplog-batch64", "new-event"],
        "epochs": 1,
        "protocols": ["pseudo"],
        "anomaly_ratios": [0.05],
    },
    "evaluation": {"pseudo": {"sessions": 40}},
    "report": {"languages": ["en"]},
    "groupings": {"tens": {"by": "window", "length": 10}},
    # Braces as in patterns: a text in which Snakemake would look for wildcards.
    "formats": {
        "of-our-own": {
            "header": r"^(?P<time>\d{4}-\S{20}) host (?P<program>[a-z]{1,20})\[\d{1,3}\]: (?P<content>.*)$",
            "masks": [{"pattern": r"\d{1,9}", "replacement": "<*>"}],
        },
        "unused": {"header": "^(?P<content>.*)$"},
    },
    "datasets": {"own": {"format": "of-our-own", "source": {"file": "own.log"}}},
}


@pytest.fixture(scope="module")
def advised(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A study of a log in a format of its own, run to its end."""
    project = Project(tmp_path_factory.mktemp("advised") / "project")
    write(project.root)
    project.build(STUDY)
    return project


def test_advice_on_a_format_of_ones_own_plans(advised: Project) -> None:
    files = sorted((advised.root / "results/studies/own/advice").glob("*.yaml"))
    assert files
    for path in files:
        study = yaml.safe_load(path.read_text())
        assert set(study["formats"]) == {"of-our-own"}
        done = advised.snakemake("--dry-run", "--quiet", "rules", study=study)
        assert done.returncode == 0, done.stdout[-3000:]


def test_another_format_concerns_nothing(advised: Project) -> None:
    def jobs(changes: dict[str, Any]) -> set[str]:
        done = advised.snakemake("--dry-run", "--printshellcmds", study=merged(STUDY, changes))
        assert done.returncode == 0, done.stdout[-3000:]
        return {Path(log).name for log in re.findall(r"--log results/logs/(\S+)\.log", done.stdout)}

    assert jobs({}) == set()
    assert jobs({"formats": {"unused": {"header": "^x(?P<content>.*)$"}}}) == set()
    assert {"parse", "judge"} <= jobs({"formats": {"of-our-own": {"masks": []}}})

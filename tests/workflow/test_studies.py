"""The ready studies plan, and a new model is one file and one entry."""

import json
from pathlib import Path

import polars as pl
import pytest
import yaml

from tests.workflow.project import ROOT, STUDY, Project, merged

STUDIES = sorted((ROOT / "config/studies").glob("*.yaml"))

TOY = '''"""Alternation: how often a sequence changes its event; a toy."""

import numpy as np

from logassay.corpus import Corpus
from logassay.models.base import Detector, Scores


class Alternation(Detector):
    """Score a sequence by the share of its events that differ from the one before; the rule is: all of them."""

    def score(self, corpus: Corpus) -> Scores:
        """Score every sequence."""
        share = np.array([np.mean(np.diff(corpus[row], prepend=-1) != 0) for row in range(len(corpus))])
        return self.scores(corpus, share, share == 1.0)


DETECTOR = Alternation
'''


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_ready_studies_plan(project: Project, path: Path) -> None:
    study = yaml.safe_load(path.read_text())
    # The users' own files stand in for those that the study names.
    for dataset in study.get("datasets", {}).values():
        named = [dataset["source"], dataset.get("labels"), dataset["source"].get("templates")]
        for place in [*named, *dataset["source"].get("sessions", [])]:
            if place and "file" in place:
                (project.root / place["file"]).parent.mkdir(parents=True, exist_ok=True)
                (project.root / place["file"]).write_text("x\n")
    done = project.snakemake("--dry-run", "--quiet", study=study)
    assert done.returncode == 0, done.stdout[-3000:]


def test_a_new_model_is_one_file_and_one_entry(project: Project) -> None:
    (project.root / "scripts/logassay/models/alternation.py").write_text(TOY)
    changes = {
        "study": {"models": ["alternation", "flag-all"]},
        "models": {"alternation": {"module": "alternation", "framework": "numpy", "epochs": 1}},
    }
    project.build(merged(STUDY, changes))
    table = pl.read_parquet(project.root / "results/studies/tiny/comparison.parquet")
    assert sorted(table["model"].unique()) == ["alternation", "flag-all"]
    facts = next(project.root.glob("results/runs/**/model=alternation/checkpoints/epoch_1.json"))
    assert json.loads(facts.read_text())["training_loss"] is None
    assert next(project.root.glob("results/runs/**/model=alternation/scores/epoch_1.parquet")).stat().st_size > 0

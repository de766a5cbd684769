"""The ready studies plan, their twins and the command that writes one run; a new model is one file and one entry."""

import copy
import csv
import itertools
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from logassay import front, settings
from logassay.simulate import simulate
from tests.workflow.project import ROOT, STUDY, Project, merged

STUDIES = sorted((ROOT / "config/studies").glob("*.yaml"))
SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"
STAGES = ["comparison_stage1", "comparison_stage2", "comparison_stage3", "comparison_realistic_targets"]

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


def read(name: str) -> dict[str, Any]:
    study: dict[str, Any] = yaml.safe_load((ROOT / f"config/studies/{name}.yaml").read_text())
    return study


def whole(study: dict[str, Any]) -> dict[str, Any]:
    """The project's configuration with a study laid over it."""
    config: dict[str, Any] = {}
    for name in ("config.yaml", "formats.yaml", "datasets.yaml", "models.yaml"):
        config = merged(config, yaml.safe_load((ROOT / "config" / name).read_text()))
    return merged(config, study)


def stand_ins(name: str, dataset: dict[str, Any]) -> dict[str, Any]:
    """A dataset whose files are in the project's own folder, under names of ours: the user's are never touched."""
    dataset = copy.deepcopy(dataset)
    source, labels = dataset["source"], dataset.get("labels") or {}
    names = (f"stand-in/{name}-{number}" for number in itertools.count())
    places = [source, source.get("templates") or {}, *source.get("sessions", []), labels]
    for place, key in itertools.product(places, ("file", "kinds", "intervals")):
        if isinstance(place.get(key), list):
            place[key] = [next(names) for _ in place[key]]
        elif place.get(key) is not None:
            place[key] = next(names)
    if "local" in source:
        source["local"] = None
    return dataset


def files_of(dataset: dict[str, Any]) -> list[str]:
    """The files that a dataset names."""
    source, labels = dataset["source"], dataset.get("labels") or {}
    places = [source, source.get("templates") or {}, *source.get("sessions", []), labels]
    named = [place.get(key) for place, key in itertools.product(places, ("file", "kinds", "intervals"))]
    return [file for each in named if each is not None for file in ([each] if isinstance(each, str) else each)]


def write_log(log: Path, labels: Path, log_format: str = "hdfs") -> None:
    """A simulated log where a user's own would be; as BGL each line carries the label of its block."""
    for path in (log, labels):
        path.parent.mkdir(parents=True, exist_ok=True)
    simulate(log, labels, labels.with_name("kinds.csv"), sessions=1000, anomaly_share=0.02, seed=1)
    if log_format == "hdfs":
        return
    with labels.open() as stream:
        label = {row["BlockId"]: row["Label"] for row in csv.DictReader(stream)}
    lines = []
    for line in log.read_text().splitlines():
        day, clock, _, _, said = line.split(" ", 4)
        alert = "-" if label[re.search(r"blk_-?\d+", said)[0]] == "Normal" else "ALERT"  # type: ignore[index]
        when = f"20{day[:2]}-{day[2:4]}-{day[4:]}-{clock[:2]}.{clock[2:4]}.{clock[4:]}.000000"
        lines.append(f"{alert} 0 0 R00 {when} R00 RAS KERNEL INFO {said}\n")
    log.write_text("".join(lines))


def twin(project: Project, name: str, epochs: int) -> dict[str, Any]:
    """A study scaled down to 400 training sequences, on a simulated log; everything else as it is."""
    study = read(name)
    config = whole(study)
    (dataset,) = study["study"]["datasets"]
    entry = config["datasets"][dataset]
    divisor = max(config["study"]["sample_sizes"]) // 400
    changes: dict[str, Any] = {
        "study": {"sample_sizes": [size // divisor for size in config["study"]["sample_sizes"]], "epochs": epochs},
        "evaluation": {"pseudo": {"sessions": config["evaluation"]["pseudo"]["sessions"] // divisor}},
        "compute": {"device": "cpu"},
    }
    if config["study"]["eval_sample_size"]:
        changes["study"]["eval_sample_size"] = config["study"]["eval_sample_size"] // divisor
    if "simulate" in entry["source"]:
        changes["datasets"] = {dataset: {"source": {"simulate": {"sessions": 1000}}}}
    else:
        entry = stand_ins(dataset, entry)
        # In place of a download, too.
        entry["source"] |= {"file": f"stand-in/{dataset}.log", "sha256": None, "md5": None}
        changes["datasets"] = {dataset: entry}
        labels = (entry.get("labels") or {}).get("file", "labels.csv")
        write_log(project.root / entry["source"]["file"], project.root / labels, entry["format"])
    return merged(study, changes)


def rows_expected(study: dict[str, Any]) -> set[tuple[str, int]]:
    """Every model of a study with each of its epochs."""
    config = whole(study)
    epochs = {
        name: config["models"][name].get("epochs") or study["study"]["epochs"] for name in study["study"]["models"]
    }
    return {(name, epoch) for name, last in epochs.items() for epoch in range(1, last + 1)}


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_ready_studies_plan(project: Project, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan(project, read(path.stem), monkeypatch)


def test_a_study_of_a_user_plans_and_their_files_stay(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {name: tmp_path / name for name in ("one.log", "two.log", "kinds.csv", "labels.csv")}
    for name, file in own.items():
        file.write_text(name)
    source = {"file": [str(own["one.log"]), str(tmp_path / "../*/two.log")]}
    labels = {"file": "../labels.csv", "kinds": str(own["kinds.csv"])}
    dataset = {"format": "hdfs", "source": source, "labels": labels}
    study = {"study": {"name": "own", "datasets": ["own"], "models": ["new-event"]}, "datasets": {"own": dataset}}
    plan(project, study, monkeypatch)
    assert {name: file.read_text() for name, file in own.items()} == {name: name for name in own}
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*own, "project"])


def plan(project: Project, study: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Check a study, and plan it on files that stand in for those that it names."""
    config = whole(study)
    datasets = {name: stand_ins(name, config["datasets"][name]) for name in config["study"]["datasets"]}
    study = merged(study, {"datasets": datasets})
    config = whole(study)
    for file in itertools.chain(*map(files_of, datasets.values())):
        assert (project.root / file).resolve().is_relative_to(project.root.resolve())
        (project.root / file).parent.mkdir(parents=True, exist_ok=True)
        (project.root / file).write_text("x\n")
    monkeypatch.chdir(project.root)
    settings.validate(copy.deepcopy(config), yaml.safe_load(SCHEMA.read_text()))
    # Planned with one seed and few epochs: more of the same takes but longer.
    fewer = {"seeds": config["study"]["seeds"][:1], "epochs": min(2, config["study"]["epochs"])}
    done = project.snakemake("--dry-run", "--quiet", study=merged(study, {"study": fewer}))
    assert done.returncode == 0, done.stdout[-3000:]


def test_the_twin_of_the_epochs_study_runs(project: Project) -> None:
    study = twin(project, "logbert_epochs", epochs=2)
    project.build(study)
    table = pl.read_parquet(project.root / "results/studies/logbert-epochs/comparison.parquet")
    assert set(table.select("model", "epoch").iter_rows()) == rows_expected(study)
    assert table["protocol"].unique().to_list() == ["pseudo"]
    assert table["anomaly_ratio"].unique().to_list() == [0.02]
    # Each session once intact and once mutated.
    assert set(table.select("normal", "anomalous").iter_rows()) == {(100, 100)}
    assert table.filter(pl.col("model") == "logbert")["normal_loss"].null_count() == 0


def test_the_twin_of_the_comparison_runs(project: Project) -> None:
    study = twin(project, "comparison_stage1", epochs=1)
    project.build(study)
    table = pl.read_parquet(project.root / "results/studies/comparison-stage1/comparison.parquet")
    assert set(table.select("model", "epoch").iter_rows()) == rows_expected(study)
    assert table["protocol"].unique().to_list() == ["labelled"]
    assert table["sample_size"].unique().to_list() == [400]
    assert table["evaluated"].unique().to_list() == [100]
    chosen = table.filter(~pl.col("model").is_in(["flag-all", "never-flag", "new-event"]))
    assert chosen["strategy"].unique().to_list() == ["targets"]
    assert chosen["targets"].unique().to_list() == ["accuracy 0.7, f1 0.55"]
    assert chosen["targets_met"].null_count() == 0
    for log in project.root.glob("results/logs/**/train_epoch_1.log"):
        assert '"batch_size": 64' in log.read_text().splitlines()[0]


def test_the_stages_of_the_comparison_differ_in_nothing_else() -> None:
    studies = {name: read(name) for name in STAGES}
    scale = {name: (each["study"].pop("sample_sizes"), each["study"].pop("epochs")) for name, each in studies.items()}
    targets = {name: each["evaluation"]["threshold"].pop("targets") for name, each in studies.items()}
    assert list(scale.values()) == [([200_000], 10), ([500_000], 20), ([500_000], 30), ([200_000], 15)]
    assert targets[STAGES[0]] == targets[STAGES[1]] == targets[STAGES[2]] == front.TARGETS
    assert targets[STAGES[3]] == {"accuracy": 0.60, "precision": 0.40, "recall": 0.50, "f1": 0.45, "specificity": 0.70}
    for name, study in studies.items():
        assert study["study"].pop("name") == name.replace("_", "-")
        assert study == studies[STAGES[0]]


def test_the_command_writes_what_the_study_has() -> None:
    study = read("comparison_stage1")
    options = {"sample_size": 200_000, "epochs": 10, "batch_size": 64, "eval_sample_size": 50_000}
    written = front.comparison(whole({}), optimize_threshold=True, **options)
    assert written["evaluation"] == study["evaluation"]
    assert written["models"] == study["models"]
    for key in ("sample_sizes", "eval_sample_size", "models", "epochs", "protocols"):
        assert written["study"][key] == study["study"][key]


def compare_models(project: Project, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "scripts/compare_models.py", "--log", "own.log", "--labels", "own.csv", "--cores", "2"]
    command += ["--models", "deeplog", "--epochs", "1", *options]
    return subprocess.run(command, cwd=project.root, capture_output=True, text=True, check=False, timeout=600)


def test_one_command_from_raw_log_to_reports(project: Project) -> None:
    write_log(project.root / "own.log", project.root / "own.csv")
    content = (project.root / "own.log").read_bytes()
    options = ("--optimize-threshold", "--batch-size", "64", "--eval-sample-size", "100", "--target-f1", "0.45")
    done = compare_models(project, "--sample-size", "400", *options)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    folder = project.root / "results/studies/comparison-own-own-400x1"
    table = pl.read_parquet(folder / "comparison.parquet")
    assert set(table["model"]) == {"deeplog", *front.BASELINES, front.LABELLED_BASELINE}
    assert set(table["targets"].drop_nulls()) == {"accuracy 0.7, f1 0.45"}
    assert table["evaluated"].unique().to_list() == [100]
    reports = re.findall(r"^(?:Reports: +| +)(results/\S+)$", done.stdout, re.MULTILINE)
    assert len(reports) == 5, done.stdout
    assert all((project.root / path).stat().st_size > 0 for path in reports)
    # The study file alone gives the same study, and the user's log is as it was.
    (command,) = re.findall(r"^Command: +snakemake (.*)$", done.stdout, re.MULTILINE)
    again = [sys.executable, "-m", "snakemake", *command.split(), "--dry-run"]
    told = subprocess.run(again, cwd=project.root, capture_output=True, text=True, check=False)
    assert "Nothing to be done" in told.stdout + told.stderr, told.stdout
    assert (project.root / "own.log").read_bytes() == content

    done = compare_models(project, "--sample-size", "5000")
    assert done.returncode == 1
    assert "holds 500 sequences but 5000 were asked for" in done.stdout + done.stderr
    assert "Reports:" not in done.stdout


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            ["--models", "deplog"],
            "study.models names 'deplog', which is not defined under 'models'; did you mean 'deeplog'",
        ),
        (
            ["--target-f1", "1.5"],
            "'evaluation.threshold.targets.f1' in the configuration is wrong: 1.5 is greater than",
        ),
        (["--study-name", "Ä"], "'study.name' in the configuration is wrong"),
    ],
)
def test_the_command_names_mistakes_before_anything_is_written(project: Project, options: list[str], told: str) -> None:
    write_log(project.root / "own.log", project.root / "own.csv")
    done = compare_models(project, *options)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert not (project.root / "results").exists()


def test_a_new_model_is_one_file_and_one_entry(built_project: Project) -> None:
    project = built_project
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


def test_tuning_gives_a_variant_that_a_study_takes(built_project: Project) -> None:
    project = built_project
    changes = {"study": {"models": ["deeplog"]}, "tune": {"models": ["deeplog"], "trials": 2, "epochs": 1}}
    done = project.snakemake("--printshellcmds", "--", "tune_models", study=merged(STUDY, changes))
    assert done.returncode == 0, done.stdout[-5000:]
    (command,) = re.findall(r"^.*tune_model\.py --variant.*$", done.stdout, re.MULTILINE)
    assert "validation.parquet" in command
    assert "test.parquet" not in command
    (variant,) = project.root.glob("results/runs/**/size=200/tune=deeplog/variant.yaml")
    found = yaml.safe_load(variant.read_text())["models"]["deeplog-tuned"]["hyper"]
    assert pl.read_parquet(variant.with_name("trials.parquet")).height == 2
    # Given after the study's file it defines a variant, and makes nothing else stale.
    changes["study"]["models"] = ["deeplog-tuned"]
    options = (str(variant.relative_to(project.root)), "--dry-run", "--printshellcmds")
    done = project.snakemake(*options, study=merged(STUDY, changes))
    assert done.returncode == 0, done.stdout[-5000:]
    assert done.stdout.count("train_epoch.py --module deeplog --variant deeplog-tuned") == 2
    assert f'"learning_rate": {found["learning_rate"]}' in done.stdout
    assert "mine_templates.py --" not in done.stdout


@pytest.mark.parametrize(
    ("models", "told"),
    [
        ([], "tune.models is empty; name the variants to tune."),
        (["deplog"], "tune.models names 'deplog', which is not defined under 'models'; did you mean 'deeplog'?"),
    ],
)
def test_tuning_names_a_wrong_variant(project: Project, models: list[str], told: str) -> None:
    done = project.snakemake("--dry-run", "--", "tune_models", study=merged(STUDY, {"tune": {"models": models}}))
    assert done.returncode != 0
    assert told in done.stdout

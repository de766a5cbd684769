"""What a command line says, as a study file."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from logassay import front, settings
from logassay.errors import UserError

ROOT = Path(__file__).resolve().parents[2]

CONFIG: dict[str, Any] = {
    "study": {"sample_sizes": [4000], "splits": ["chronological"], "epochs": 3},
    "splits": {"chronological": {"order": "chronological", "train": 0.5, "validation": 0.2, "test": 0.3}},
    "datasets": {
        "simulated": {"format": "hdfs", "source": {"simulate": {"sessions": 8000, "anomaly_share": 0.04, "seed": 1}}}
    },
    "models": {
        "deeplog": {"hyper": {"batch_size": 2048, "learning_rate": 0.001}},
        "loganomaly": {"hyper": {"batch_size": 2048, "learning_rate": 0.001}},
        "logrobust": {"hyper": {"batch_size": 64, "learning_rate": 0.001}},
        **{name: {"hyper": {}} for name in (*front.BASELINES, front.LABELLED_BASELINE)},
    },
}


def test_the_first_stage_of_the_comparison() -> None:
    study = front.comparison(
        CONFIG, optimize_threshold=True, sample_size=200_000, epochs=10, batch_size=64, eval_sample_size=50_000
    )
    assert study == {
        "study": {
            "name": "comparison-simulated-400000-200000x10",
            "datasets": ["simulated-400000"],
            "sample_sizes": [200_000],
            "eval_sample_size": 50_000,
            "models": [
                *("deeplog", "loganomaly", "logrobust"),
                *("flag-all", "never-flag", "new-event", "count-vector", "decision-tree"),
            ],
            "epochs": 10,
            "protocols": ["labelled"],
        },
        "evaluation": {"threshold": {"strategy": "targets", "targets": {"accuracy": 0.70, "f1": 0.55}}},
        # LogRobust's batch size is 64 already.
        "models": {"deeplog": {"hyper": {"batch_size": 64}}, "loganomaly": {"hyper": {"batch_size": 64}}},
        "datasets": {
            "simulated-400000": {
                "format": "hdfs",
                "source": {"simulate": {"sessions": 400_000, "anomaly_share": 0.04, "seed": 1}},
            }
        },
    }


def test_what_is_left_open_is_left_out() -> None:
    study = front.comparison(CONFIG, models=["deeplog", "flag-all"], protocols=["pseudo"])
    assert study == {
        "study": {
            "name": "comparison-simulated-4000x3",
            "datasets": ["simulated"],
            "sample_sizes": [4000],
            # The baseline that learns from labels is left out without them; flag-all is not there twice.
            "models": ["deeplog", "flag-all", "never-flag", "new-event", "count-vector"],
            "protocols": ["pseudo"],
        }
    }


@pytest.mark.parametrize(
    ("train", "test", "sessions"),
    [
        # Half of the sessions train: 4,001 need 8,002.
        (4001, None, 8002),
        # Three tenths less the gap test: .3 x 10,007 = 3,002, one of which may be lost to rounding and one to the gap.
        (100, 3000, 10_007),
        (4000, 2398, 8000),
    ],
)
def test_a_simulated_log_is_just_large_enough(train: int, test: int | None, sessions: int) -> None:
    study = front.comparison(CONFIG, sample_size=train, eval_sample_size=test)
    defined = study.get("datasets", CONFIG["datasets"])
    assert list(defined) == study["study"]["datasets"]
    assert next(iter(defined.values()))["source"]["simulate"]["sessions"] == sessions


def test_targets_given_join_or_replace_the_usual_ones() -> None:
    given = {"f1": 0.45, "recall": 0.5}
    study = front.comparison(CONFIG, optimize_threshold=True, targets=given)
    threshold = study["evaluation"]["threshold"]
    assert threshold == {"strategy": "targets", "targets": {"accuracy": 0.70, "f1": 0.45, "recall": 0.5}}
    # Without a search they are reported on, and the threshold is chosen as usual.
    assert front.comparison(CONFIG, targets=given)["evaluation"] == {"threshold": {"targets": given}}
    assert "evaluation" not in front.comparison(CONFIG)


def test_a_log_of_ones_own() -> None:
    study = front.comparison(
        CONFIG, raw_log=Path("logs/Node 7.log.gz"), labels=Path("l.csv"), sample_size=100, grouping="lines-10"
    )
    assert study["datasets"] == {
        "own-Node-7": {"format": "hdfs", "source": {"file": "logs/Node 7.log.gz"}, "labels": {"file": "l.csv"}}
    }
    assert study["study"]["name"] == "comparison-own-node-7-100x3"
    assert study["study"]["groupings"] == ["lines-10"]
    assert "labels" not in front.comparison(CONFIG, raw_log=Path("x.log"), log_format="bgl")["datasets"]["own-x"]


def test_hyperparameters_go_to_the_models_that_have_them() -> None:
    study = front.comparison(CONFIG, models=["deeplog", "logrobust"], batch_size=64, learning_rate=0.002)
    assert study["models"] == {
        "deeplog": {"hyper": {"batch_size": 64, "learning_rate": 0.002}},
        "logrobust": {"hyper": {"learning_rate": 0.002}},
    }


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"labels": Path("l.csv")}, "--labels names the labels of a log of your own; name the log with --log."),
        ({"models": ["flag-all"], "batch_size": 64}, "--batch-size applies to none of the models flag-all, never-flag"),
    ],
)
def test_mistakes(options: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told):
        front.comparison(CONFIG, **options)


def test_the_study_is_valid() -> None:
    """With the project's own configuration under it, the schema has no objection."""
    config: dict[str, Any] = {}
    for name in ("config.yaml", "formats.yaml", "datasets.yaml", "models.yaml"):
        config |= yaml.safe_load((ROOT / "config" / name).read_text())
    options = {"batch_size": 32, "seeds": [1, 2], "optimize_threshold": True, "targets": {"specificity": 0.7}}
    study = front.comparison(config, sample_size=10_000, models=["logrobust"], **options)
    config["study"] = study["study"]
    config["evaluation"] = study["evaluation"]
    config["datasets"] |= study["datasets"]
    settings.validate(config, yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text()))
    assert config["study"]["seeds"] == [1, 2]
    assert study["models"] == {"logrobust": {"hyper": {"batch_size": 32}}}

"""The command that compares detectors, as a study file: what a command line says, in the keys of the configuration.

Nothing is run here; `scripts/compare_models.py` writes the file and calls Snakemake on it.
"""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from logassay.errors import UserError

DETECTORS = ("deeplog", "loganomaly", "logrobust")
BASELINES = ("flag-all", "never-flag", "new-event", "count-vector")
LABELLED_BASELINE = "decision-tree"
"""What every comparison also runs, the last where there are labels: without them a table of detectors says little."""

TARGETS = {"accuracy": 0.70, "f1": 0.55}
"""Targets of a search for a threshold, where the command line names no others."""

SIMULATED = "simulated"


def comparison(
    config: Mapping[str, Any],
    *,
    name: str | None = None,
    dataset: str | None = None,
    raw_log: Path | None = None,
    labels: Path | None = None,
    log_format: str = "hdfs",
    grouping: str | None = None,
    protocols: Sequence[str] = ("labelled",),
    sample_size: int | None = None,
    eval_sample_size: int | None = None,
    seeds: Sequence[int] | None = None,
    models: Sequence[str] = DETECTORS,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    optimize_threshold: bool = False,
    targets: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Return the study that a command line describes; what it leaves open is left out.

    Parameters
    ----------
    config : mapping
        The project's configuration without a study: names of datasets, splits and models, and their defaults.
    name : str or None
        Name of the study; None makes one of the dataset, the sample size and the epochs.
    dataset, raw_log, labels, log_format
        A dataset of the configuration, or a log with its label file and the name of its format; without either, a log
        is simulated that is large enough.
    grouping, protocols, sample_size, eval_sample_size, seeds, models, epochs
        As in the configuration's `study`; the baselines are added to the models.
    batch_size, learning_rate
        Hyperparameters for those of the models that have them.
    optimize_threshold : bool
        Whether the threshold is the one that comes nearest to the targets.
    targets : mapping of str to float, or None
        Targets by metric, in addition to TARGETS if the threshold is optimised.

    Raises
    ------
    UserError
        If labels come without a log, or no model has a hyperparameter that is to be set.
    """
    if labels is not None and raw_log is None:
        raise UserError("--labels names the labels of a log of your own; name the log with --log.")
    size = max(config["study"]["sample_sizes"]) if sample_size is None else sample_size
    if raw_log is not None:
        source: dict[str, Any] = {"format": log_format, "source": {"file": str(raw_log)}}
        dataset = f"own-{re.sub('[^A-Za-z0-9_-]+', '-', raw_log.name.split('.')[0])}"
        defined = {dataset: source | ({"labels": {"file": str(labels)}} if labels else {})}
    elif dataset is None:
        dataset, defined = _simulated(config, size, eval_sample_size)
    else:
        defined = {}
    labelled = [LABELLED_BASELINE] if "labelled" in protocols else []
    chosen = list(dict.fromkeys([*models, *BASELINES, *labelled]))
    study = {
        "name": name or _slug(f"comparison-{dataset}-{size}x{epochs or config['study']['epochs']}"),
        "datasets": [dataset],
        "groupings": [grouping] if grouping else None,
        "seeds": list(seeds) if seeds else None,
        "sample_sizes": [size],
        "eval_sample_size": eval_sample_size,
        "models": chosen,
        "epochs": epochs,
        "protocols": list(protocols),
    }
    threshold: dict[str, Any] = {"strategy": "targets"} if optimize_threshold else {}
    wanted = (TARGETS if optimize_threshold else {}) | dict(targets or {})
    threshold |= {"targets": wanted} if wanted else {}
    hyper = {"batch_size": batch_size, "learning_rate": learning_rate}
    sections = {
        "study": {key: value for key, value in study.items() if value is not None},
        "evaluation": {"threshold": threshold} if threshold else {},
        "models": _overrides(
            config["models"], chosen, {key: value for key, value in hyper.items() if value is not None}
        ),
        "datasets": defined,
    }
    return {section: content for section, content in sections.items() if content}


def _simulated(config: Mapping[str, Any], train: int, test: int | None) -> tuple[str, dict[str, Any]]:
    """Name a simulated dataset whose parts are large enough, and define it unless the configuration has it."""
    split = config["splits"][config["study"]["splits"][0]]
    # The gap and the rounding of the parts may cost the test part two sequences.
    sessions = max(math.ceil(train / split["train"]), math.ceil((test + 2) / split["test"]) if test else 0)
    ready = config["datasets"][SIMULATED]
    if sessions <= ready["source"]["simulate"]["sessions"]:
        return SIMULATED, {}
    simulate = ready["source"]["simulate"] | {"sessions": sessions}
    # Under a name of its own, since a dataset of another size is another dataset.
    return f"{SIMULATED}-{sessions}", {
        f"{SIMULATED}-{sessions}": {"format": ready["format"], "source": {"simulate": simulate}}
    }


def _overrides(known: Mapping[str, Any], models: Sequence[str], hyper: Mapping[str, float]) -> dict[str, Any]:
    """Set hyperparameters of the models that have them; unknown models are left to the check of the whole study."""
    entries: dict[str, Any] = {}
    for key, value in hyper.items():
        having = [model for model in models if key in known.get(model, {}).get("hyper", {})]
        if not having and all(model in known for model in models):
            raise UserError(
                f"--{key.replace('_', '-')} applies to none of the models {', '.join(models)}; leave it out."
            )
        for model in having:
            if known[model]["hyper"][key] != value:
                entries.setdefault(model, {"hyper": {}})["hyper"][key] = value
    return entries


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9_-]+", "-", text.lower())

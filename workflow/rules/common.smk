"""Paths and look-ups that the rules share; no rules here."""

import itertools
import json
import os
import re
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

sys.path.insert(0, str(Path(workflow.basedir) / "scripts"))

import yaml

from logassay import settings
from logassay.digest import code_digest, file_digest
from logassay.errors import UserError

# An epoch chain is a recursion for Snakemake; its default limit ends at about 450 epochs.
sys.setrecursionlimit(max(sys.getrecursionlimit(), 20_000))

# Relative where possible, so that a checkout may be moved without making its results stale.
SCRIPTS = os.path.relpath(Path(workflow.basedir) / "scripts")
SCHEMAS = os.path.relpath(Path(workflow.basedir) / "workflow" / "schemas")

try:
    settings.validate(
        config, yaml.safe_load(Path(workflow.basedir, "workflow", "schemas", "config.schema.yaml").read_text())
    )
except UserError as error:
    raise WorkflowError(str(error))

STUDY = config["study"]

# A factor enters the path at the stage where it first changes bytes; all that comes before is shared.
LEVELS = {"dataset": "results/runs/dataset={dataset}"}
LEVELS["grouping"] = f"{LEVELS['dataset']}/grouping={{grouping}}"
LEVELS["seed"] = f"{LEVELS['grouping']}/split={{split}}/seed={{seed}}"
LEVELS["size"] = f"{LEVELS['seed']}/size={{size}}"
LEVELS["model"] = f"{LEVELS['size']}/model={{model}}"


def one_of(names):
    """Regular expression for exactly these names; one that matches nothing for none."""
    return "|".join(map(re.escape, names)) or "(?!)"


wildcard_constraints:
    dataset=one_of(STUDY["datasets"]),
    grouping=one_of(STUDY["groupings"]),
    split=one_of(STUDY["splits"]),
    model=one_of(STUDY["models"]),
    seed=r"\d+",
    size=r"\d+",
    epoch=r"[1-9]\d*",
    ratio=r"\d{5}",


def under(level, name):
    """Path of a result at one level of factors."""
    return f"{LEVELS[level]}/{name}"


def log_of(level, name):
    """Path of a log file; logs have a tree of their own, so that results stay one table for Parquet readers."""
    return f"{LEVELS[level]}/{name}.log".replace("results/runs", "results/logs", 1)


def benchmark_of(level, name):
    """Path of a benchmark file: seconds and memory of a job, from which costs are estimated."""
    return f"{LEVELS[level]}/{name}.tsv".replace("results/runs", "results/benchmarks", 1)


def setting(path):
    """Function that looks up a value of the configuration; `path` may hold wildcards."""
    return lookup(dpath=path, within=config)


def as_json(path):
    """Function that looks up a part of the configuration as JSON text for the command line."""

    def text(wildcards):
        value = config
        for key in path.split("/"):
            value = value[key.format(**wildcards)]
        return json.dumps(value, sort_keys=True)

    return text


def option(name, path):
    """Function that gives `--name value`, or nothing where the configured value is null."""

    def text(wildcards):
        value = setting(path)(wildcards) if "{" in path else setting(path)
        return "" if value is None else f"--{name} {value}"

    return text


def model_code(script):
    """Function that digests a script together with the file of the wildcard's model."""

    def digest(wildcards):
        name = config["models"][wildcards.model]["module"].replace("-", "_")
        return code_digest(script, f"logassay.models.{name}")

    return digest


def epochs_of(model):
    """Number of epochs of a model in this study."""
    return config["models"][model]["epochs"] or STUDY["epochs"]


def models_with(framework):
    """The study's models whose checkpoints are made with `framework`."""
    return [name for name in STUDY["models"] if config["models"][name]["framework"] == framework]


def as_ratio(share):
    """A share in parts per ten thousand, as it stands in paths: 0.02 is 00200."""
    return f"{round(share * 10_000):05d}"


def checkpoint_of(wildcards):
    """Path of the checkpoint of an epoch."""
    suffix = "pt" if config["models"][wildcards.model]["framework"] == "torch" else "npz"
    return under("model", f"checkpoints/epoch_{{epoch}}.{suffix}").format(**wildcards)


def study_runs():
    """The factors of every run of the study."""
    names = ("dataset", "grouping", "split", "seed", "size", "model")
    values = (STUDY[name] for name in ("datasets", "groupings", "splits", "seeds", "sample_sizes", "models"))
    return [dict(zip(names, combination)) for combination in itertools.product(*values)]

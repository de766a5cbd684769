"""Measure how much faster the models train and score than their plain formulation, alternated in one run.

Prints a table and writes the measurements as JSON. The data are the training part of a split, for example that of the
default study.
"""

import argparse
from pathlib import Path

import yaml

from logassay import cli
from logassay.files import read_parquet, write_json

VARIANTS = ["deeplog", "loganomaly", "logrobust", "logbert-small"]


def arguments() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--train", type=Path, required=True, help="train.parquet of a split")
    parser.add_argument("--templates", type=Path, required=True, help="templates.parquet of the same split")
    parser.add_argument("--models", type=Path, required=True, help="YAML file with the variants (config/models.yaml)")
    parser.add_argument("--variants", nargs="+", default=VARIANTS, help=f"variants to measure [{' '.join(VARIANTS)}]")
    parser.add_argument("--epochs", type=int, default=3, help="epochs of each; the median counts [3]")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch [1]")
    parser.add_argument("--output", type=Path, required=True, help="measurements, JSON")
    return parser


def run(args: argparse.Namespace) -> None:
    """Measure, print, write."""
    from tabulate import tabulate

    from logassay import bench
    from logassay.corpus import read_corpus

    train = read_corpus(args.train)
    templates = dict(read_parquet(args.templates, ["event", "template"]).iter_rows())
    described = yaml.safe_load(args.models.read_text(encoding="utf-8"))["models"]
    settings = {name: described[name] for name in args.variants}
    for each in settings.values():
        each["hyper"] = {key: True if value == "auto" else value for key, value in each["hyper"].items()}
    training = [
        bench.compare_training(name, each, train, templates, args.epochs, args.threads)
        for name, each in settings.items()
    ]
    scoring = [bench.compare_scoring("deeplog", settings["deeplog"], train, 3)] if "deeplog" in settings else []
    write_json(args.output, {"training": training, "scoring": scoring, "threads": args.threads})
    columns = {
        "variant": "model",
        "epoch_seconds": "s/epoch",
        "plain_epoch_seconds": "plain",
        "speedup": "times faster",
    }
    print(tabulate(bench.table(training, columns), headers="firstrow", disable_numparse=True))
    columns = {"variant": "scoring", "sequences_per_second": "sequences/s", "plain_sequences_per_second": "plain"}
    print()
    print(
        tabulate(bench.table(scoring, columns | {"speedup": "times faster"}), headers="firstrow", disable_numparse=True)
    )


if __name__ == "__main__":
    cli.main(arguments(), run)

"""Set all runs of a study side by side, as tables and figures.

Writes the comparison as Parquet, CSV and Markdown, what each epoch took as CSV, and metrics_by_epoch.png and roc.png.
The Markdown has a section per data set, grouping, split, protocol, anomaly ratio and prevalence, with notes on how its
numbers came about.
"""

import argparse
from pathlib import Path

from logassay import cli, compare


def arguments() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--epochs", type=Path, nargs="+", required=True, metavar="FILE", help="epochs.parquet of every model run")
    add("--study", required=True, help="name of the study, for the titles")
    add(
        "--templates-fit-on",
        choices=("train", "all"),
        default="train",
        help="lines the templates were mined from; with all, the table warns that they saw the test data [train]",
    )
    add("--parquet", type=Path, required=True, metavar="FILE", help="table to write as Parquet, with ROC curves")
    add("--csv", type=Path, required=True, metavar="FILE", help="table to write as CSV")
    add("--costs", type=Path, required=True, metavar="FILE", help="table of time and memory to write as CSV")
    add("--markdown", type=Path, required=True, metavar="FILE", help="table to write as Markdown")
    add("--figures-dir", type=Path, required=True, metavar="DIR", help="folder for metrics_by_epoch.png and roc.png")
    add(
        "--learning-curve",
        type=Path,
        metavar="FILE",
        help="figure of the metrics over the number of training sequences to write; for studies with several sizes",
    )
    return parser


def run(args: argparse.Namespace) -> None:
    """Write the tables and figures."""
    compare.compare(
        args.epochs,
        study=args.study,
        templates_fit_on=args.templates_fit_on,
        parquet=args.parquet,
        csv=args.csv,
        costs=args.costs,
        markdown_path=args.markdown,
        figures_directory=args.figures_dir,
        learning_curve=args.learning_curve,
    )
    cli.log.info("%d model runs -> %s", len(args.epochs), args.markdown)


if __name__ == "__main__":
    cli.main(arguments(), run)

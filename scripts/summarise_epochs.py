"""Collect the evaluations of one model run into one table, a row per evaluation.

The row has all factors, counts, metrics, losses, the threshold, the overlap with training, the share of unknown events,
the durations and the ROC curve. The evaluations themselves are joined into one list, for the verdicts on the study.
"""

import argparse
from pathlib import Path

from logassay import cli, compare
from logassay.files import read_json, write_json, write_parquet


def arguments() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = cli.parser(__doc__)
    parser.add_argument(
        "--evaluations",
        type=Path,
        nargs="+",
        required=True,
        metavar="FILE",
        help="evaluation_results_epoch_N.json files",
    )
    parser.add_argument("--output", type=Path, required=True, help="table to write (Parquet)")
    parser.add_argument(
        "--list", type=Path, required=True, metavar="FILE", help="list of the whole evaluations to write (JSON)"
    )
    return parser


def run(args: argparse.Namespace) -> None:
    """Read the evaluations and write the table."""
    frame = compare.summarise(args.evaluations)
    write_parquet(frame, args.output)
    write_json(args.list, {"evaluations": [read_json(path) for path in args.evaluations]})
    cli.log.info("%d evaluations -> %s", frame.height, args.output)


if __name__ == "__main__":
    cli.main(arguments(), run)

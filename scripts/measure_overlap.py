"""Tell which validation and test sequences also occur, event for event, in the training sample."""

import argparse
from pathlib import Path

from logassay import cli, overlap


def arguments() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--train", type=Path, required=True, help="train.parquet")
    parser.add_argument("--sample-size", type=int, required=True, help="number of training sequences in the sample")
    for part in overlap.EVALUATED:
        parser.add_argument(f"--{part}", type=Path, required=True, help=f"{part}.parquet")
    parser.add_argument("--output", type=Path, required=True, help="one row per validation and test sequence, Parquet")
    parser.add_argument("--report", type=Path, required=True, help="shares by part and label, JSON")
    return parser


def run(args: argparse.Namespace) -> None:
    """Compare the parts with the training sample."""
    parts = {part: getattr(args, part) for part in overlap.EVALUATED}
    overlap.run(args.train, args.sample_size, parts, args.output, args.report)


if __name__ == "__main__":
    cli.main(arguments(), run)

"""Divide sequences into training, validation and test, before anything is learned from them.

Within each part the sequences get a sampling order, so that samples of different sizes are nested.
"""

import argparse
from pathlib import Path

from logassay import cli, split


def arguments() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--sequences", type=Path, required=True, help="sequences.parquet of the sequence stage")
    parser.add_argument("--sequence-report", type=Path, required=True, help="sequences.json of the sequence stage")
    parser.add_argument("--order", choices=["chronological", "shuffled", "given"], required=True, help="how to divide")
    parser.add_argument("--train", type=float, required=True, help="share of the sequences for training")
    parser.add_argument("--validation", type=float, required=True, help="share for validation")
    parser.add_argument("--test", type=float, required=True, help="share for the test")
    parser.add_argument("--gap", type=int, help="sequences left out between the parts (default: all that share lines)")
    parser.add_argument(
        "--anomalous", choices=["anywhere", "test"], default="anywhere", help="where anomalous sequences go"
    )
    parser.add_argument("--seed", type=int, required=True, help="seed of the sampling order and of shuffling")
    parser.add_argument("--output", type=Path, required=True, help="part and rank of each sequence, Parquet")
    parser.add_argument("--report", type=Path, required=True, help="counts of each part, JSON")
    return parser


def run(args: argparse.Namespace) -> None:
    """Divide the sequences."""
    shares = split.Split(args.order, args.train, args.validation, args.test, args.gap, args.anomalous)
    split.run(args.sequences, args.sequence_report, shares, args.seed, args.output, args.report)


if __name__ == "__main__":
    cli.main(arguments(), run)

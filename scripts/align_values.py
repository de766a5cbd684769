"""Lay the numbers of each line beside the events of the three parts of a split: same sequences, same order."""

import argparse
from pathlib import Path

from logassay import cli, values
from logassay.split import PARTS


def arguments() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--values", type=Path, required=True, help="numbers of each parsed line (values.parquet)")
    parser.add_argument("--lines", type=Path, required=True, help="parsed lines (lines.parquet)")
    parser.add_argument("--sequences", type=Path, required=True, help="sequences.parquet of the sequence stage")
    parser.add_argument("--by", choices=["session", "window", "time"], required=True, help="how lines became sequences")
    for part in PARTS:
        parser.add_argument(f"--{part}", type=Path, required=True, help=f"the encoded {part} part ({part}.parquet)")
    for part in PARTS:
        parser.add_argument(f"--{part}-values", type=Path, required=True, help="output: its numbers, Parquet")
    return parser


def run(args: argparse.Namespace) -> None:
    """Align the numbers of all parts."""
    parts = {getattr(args, part): getattr(args, f"{part}_values") for part in PARTS}
    values.align(args.values, args.lines, args.sequences, parts, by=args.by)


if __name__ == "__main__":
    cli.main(arguments(), run)

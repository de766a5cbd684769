"""Print a short table of a comparison on the terminal: each model at its last epoch, then where the whole table is."""

import argparse
from pathlib import Path

from logassay import cli, compare
from logassay.files import read_parquet


def arguments() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--comparison", type=Path, required=True, metavar="FILE", help="comparison.parquet of a study")
    parser.add_argument(
        "--path-shown", required=True, metavar="PATH", help="path of the Markdown table, printed as the last line"
    )
    return parser


def run(args: argparse.Namespace) -> None:
    """Print the table."""
    print(compare.short_table(read_parquet(args.comparison), args.path_shown))


if __name__ == "__main__":
    cli.main(arguments(), run)

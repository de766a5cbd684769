"""Join the scripts that draw the charts of a report into one file, once for all reports; nothing is downloaded."""

import argparse
from pathlib import Path

from logassay import cli, page
from logassay.files import write_sealed_text


def arguments() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="JavaScript to write")
    return parser


def run(args: argparse.Namespace) -> None:
    """Write the bundle."""
    write_sealed_text(args.output, page.bundle(), "//")
    cli.log.info("%s", args.output)


if __name__ == "__main__":
    cli.main(arguments(), run)

"""Fetch a raw log (or its label file) and check it.

The file appears under its final name only when its SHA-256 is the one given. Nothing is unpacked: the parser
reads .gz and .zst files as they are.
"""

import argparse
from pathlib import Path

from logassay import cli
from logassay.acquire import download


def arguments() -> argparse.ArgumentParser:
    """Return the command line of this program."""
    parser = cli.parser(__doc__)
    parser.add_argument("--url", required=True, help="http, https or file URL of the file to fetch")
    parser.add_argument(
        "--sha256", required=True, metavar="HEX", help="expected SHA-256 of the file, 64 hexadecimal digits"
    )
    parser.add_argument("--output", required=True, type=Path, metavar="FILE", help="where to put the file")
    return parser


def run(args: argparse.Namespace) -> None:
    """Download what the command line asks for."""
    download(args.url, args.sha256, args.output)


if __name__ == "__main__":
    cli.main(arguments(), run)

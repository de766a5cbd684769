"""Take one member out of an archive, such as the labels that came with a log.

The name of the file that is written is the one given here, whatever the archive calls its members.
"""

import argparse
from pathlib import Path

from logassay import archive, cli


def arguments() -> argparse.ArgumentParser:
    """Return the command line of this program."""
    parser = cli.parser(__doc__)
    parser.add_argument("--input", required=True, type=Path, metavar="FILE", help="tar or zip archive, also compressed")
    parser.add_argument("--member", required=True, metavar="NAME", help="name of the member, or a pattern")
    parser.add_argument(
        "--max-expansion",
        type=int,
        default=archive.MAX_EXPANSION,
        metavar="N",
        help=f"how many times its size the archive may unfold to (default: {archive.MAX_EXPANSION})",
    )
    parser.add_argument("--output", required=True, type=Path, metavar="FILE", help="file to write")
    return parser


def run(args: argparse.Namespace) -> None:
    """Take out what the command line asks for."""
    archive.extract(args.input, args.member, args.output, max_expansion=args.max_expansion)


if __name__ == "__main__":
    cli.main(arguments(), run)

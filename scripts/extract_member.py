"""Take one member out of an archive, such as the labels that came with a log.

The name of the file that is written is the one given here, whatever the archive calls its members.
"""

import argparse
from pathlib import Path

from logassay import archive, cli
from logassay.files import check_made, sha256_of, write_json


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
    parser.add_argument(
        "--made-by", type=Path, metavar="FILE", help="JSON that download_log.py wrote beside the archive"
    )
    parser.add_argument("--record", type=Path, metavar="FILE", help="JSON to write: the SHA-256 of the file")
    return parser


def run(args: argparse.Namespace) -> None:
    """Take out what the command line asks for."""
    if args.made_by is not None:
        check_made(args.input, "raw", args.made_by)
    archive.extract(args.input, args.member, args.output, max_expansion=args.max_expansion)
    if args.record is not None:
        write_json(
            args.record, {"made_from": {"raw": sha256_of(args.input)}, "made": {"labels": sha256_of(args.output)}}
        )


if __name__ == "__main__":
    cli.main(arguments(), run)

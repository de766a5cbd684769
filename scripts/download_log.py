"""Fetch a raw log and check it.

The file appears under its final name only when its checksums are the ones given; a transfer that was cut goes on where
it was. Nothing is unpacked: the parser reads compressed files and archives as they are.
"""

import argparse
from pathlib import Path

from logassay import cli
from logassay.download import download
from logassay.files import sha256_of, write_json


def arguments() -> argparse.ArgumentParser:
    """Return the command line of this program."""
    parser = cli.parser(__doc__)
    parser.add_argument("--url", required=True, help="http, https or file URL of the file to fetch")
    parser.add_argument("--sha256", metavar="HEX", help="expected SHA-256 of the file, 64 hexadecimal digits")
    parser.add_argument("--md5", metavar="HEX", help="expected MD5 of the file, where its publisher gives no other")
    parser.add_argument("--output", required=True, type=Path, metavar="FILE", help="where to put the file")
    parser.add_argument("--record", type=Path, metavar="FILE", help="JSON to write: the SHA-256 of the file")
    return parser


def run(args: argparse.Namespace) -> None:
    """Download what the command line asks for."""
    download(args.url, args.output, sha256=args.sha256, md5=args.md5)
    if args.record is not None:
        write_json(args.record, {"made": {"raw": sha256_of(args.output)}})


if __name__ == "__main__":
    cli.main(arguments(), run)

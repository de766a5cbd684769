"""Parse one chunk of a raw log, as far as that needs no other chunk; gather_chunks.py joins them.

The chunks are about equally long; one begins with the first line that begins in it. The line format is JSON with the
keys of an entry under `formats:` in config/formats.yaml.
"""

import argparse
from pathlib import Path

from logassay import cli, parse_options
from logassay.acquire import add_options, from_options


def arguments() -> argparse.ArgumentParser:
    """Return the command line of this program."""
    parser = cli.parser(__doc__)
    add_options(parser)
    parse_options.add_format(parser)
    parse_options.add_threads(parser)
    parser.add_argument("--chunk", required=True, type=int, metavar="N", help="which chunk, from 1")
    parser.add_argument("--chunks", required=True, type=int, metavar="N", help="of how many")
    parser.add_argument("--output", required=True, type=Path, metavar="FILE", help="blocks of the chunk, Arrow")
    return parser


def run(args: argparse.Namespace) -> None:
    """Parse the chunk that the command line names."""
    parse_options.prepare(args.threads)
    from logassay.line_format import LineFormat
    from logassay.parse import parse_chunk

    fmt = LineFormat.from_dict(args.format_name, args.format)
    lines = parse_chunk(from_options(args, fmt), fmt, args.chunk - 1, args.chunks, args.output)
    cli.log.info("chunk %d of %d: %d lines", args.chunk, args.chunks, lines)


if __name__ == "__main__":
    cli.main(arguments(), run)

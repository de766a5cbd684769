"""Read a raw log once more for the numbers in its messages, line by line, for the models that look at them.

Rows and line numbers are those of the parsed lines. What counts as a number follows from the masks of the line format,
which is JSON with the keys of an entry under `formats:` in config/formats.yaml.
"""

import argparse
from pathlib import Path

from logassay import cli, parse_options
from logassay.acquire import add_options, check_input, from_options


def arguments() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = cli.parser(__doc__)
    add_options(parser)
    parser.add_argument("--format-name", required=True, metavar="NAME", help="name of the line format, for messages")
    parser.add_argument("--format", required=True, type=cli.json_value, metavar="JSON", help="the line format")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads to use (default: 1)")
    parser.add_argument("--output", required=True, type=Path, help="numbers of each parsed line, Parquet")
    return parser


def run(args: argparse.Namespace) -> None:
    """Extract the numbers of the log that the command line names."""
    parse_options.prepare(args.threads)
    from logassay.line_format import LineFormat
    from logassay.values import extract

    fmt = LineFormat.from_dict(args.format_name, args.format)
    check_input(args)
    rows = extract(from_options(args, fmt), fmt, args.output)
    cli.log.info("%d lines", rows)


if __name__ == "__main__":
    cli.main(arguments(), run)

"""Parse a raw log into Parquet: lines, distinct masked messages, rejected lines, and a report that adds up.

The line format is JSON with the keys of an entry under `formats:` in config/formats.yaml. The files do not depend
on the number of threads.
"""

import argparse
import os
from dataclasses import asdict
from pathlib import Path

from logassay import cli


def arguments() -> argparse.ArgumentParser:
    """Return the command line of this program."""
    parser = cli.parser(__doc__)
    parser.add_argument(
        "--input",
        required=True,
        type=Path,
        metavar="FILE",
        help="raw log: plain, .gz or .zst (told by its first bytes)",
    )
    parser.add_argument("--format-name", required=True, metavar="NAME", help="name of the line format, for messages")
    parser.add_argument("--format", required=True, type=cli.json_value, metavar="JSON", help="the line format")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads to use (default: 1)")
    parser.add_argument("--lines", required=True, type=Path, metavar="FILE", help="parsed lines, Parquet")
    parser.add_argument(
        "--messages", required=True, type=Path, metavar="FILE", help="distinct masked messages, Parquet"
    )
    parser.add_argument("--rejects", required=True, type=Path, metavar="FILE", help="lines that were not used, Parquet")
    parser.add_argument("--report", required=True, type=Path, metavar="FILE", help="counts, JSON")
    return parser


def run(args: argparse.Namespace) -> None:
    """Parse the log that the command line names."""
    # polars reads this once, when it is imported.
    os.environ["POLARS_MAX_THREADS"] = str(args.threads)
    from logassay.files import write_json
    from logassay.line_format import LineFormat
    from logassay.parse import parse

    fmt = LineFormat.from_dict(args.format_name, args.format)
    report = parse(args.input, fmt, args.lines, args.messages, args.rejects)
    write_json(args.report, asdict(report))
    counts = (report.lines, report.parsed, report.joined, report.rejected)
    cli.log.info("%d lines: %d parsed, %d joined, %d rejected", *counts)


if __name__ == "__main__":
    cli.main(arguments(), run)

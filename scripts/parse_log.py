"""Parse a raw log into Parquet: lines, distinct masked messages, rejected lines, and a report that adds up.

The line format is JSON with the keys of an entry under `formats:` in config/formats.yaml. The files do not depend
on the number of threads.
"""

import argparse

from logassay import cli, parse_options
from logassay.acquire import add_options, check_input, from_options


def arguments() -> argparse.ArgumentParser:
    """Return the command line of this program."""
    parser = cli.parser(__doc__)
    add_options(parser)
    parse_options.add_format(parser)
    parse_options.add_threads(parser)
    parse_options.add_outputs(parser)
    return parser


def run(args: argparse.Namespace) -> None:
    """Parse the log that the command line names."""
    parse_options.prepare(args.threads)
    from logassay.line_format import LineFormat
    from logassay.parse import parse

    fmt = LineFormat.from_dict(args.format_name, args.format)
    check_input(args)
    report = parse(from_options(args, fmt), fmt, args.lines, args.messages, args.rejects, memory_mb=args.memory_mb)
    parse_options.write_report(report, args)


if __name__ == "__main__":
    cli.main(arguments(), run)

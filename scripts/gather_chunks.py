"""Join the chunks of a log that parse_chunk.py wrote; the files are those that parse_log.py makes of the whole log.

The log itself and its format, JSON with the keys of an entry under `formats:` in config/formats.yaml, are named again
for messages and for what crosses the borders of chunks.
"""

import argparse
from pathlib import Path

from logassay import cli, parse_options
from logassay.acquire import add_options, check_input, from_options


def arguments() -> argparse.ArgumentParser:
    """Return the command line of this program."""
    parser = cli.parser(__doc__)
    add_options(parser)
    parse_options.add_format(parser)
    parser.add_argument(
        "--chunks", required=True, nargs="+", type=Path, metavar="FILE", help="from parse_chunk.py, in their order"
    )
    parse_options.add_outputs(parser)
    return parser


def run(args: argparse.Namespace) -> None:
    """Join the chunks that the command line names."""
    from logassay.line_format import LineFormat
    from logassay.parse import gather

    fmt = LineFormat.from_dict(args.format_name, args.format)
    check_input(args)  # once for all chunks
    log = from_options(args, fmt)
    report = gather(args.chunks, log, fmt, args.lines, args.messages, args.rejects, memory_mb=args.memory_mb)
    parse_options.write_report(report, args)


if __name__ == "__main__":
    cli.main(arguments(), run)

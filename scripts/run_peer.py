"""Do a piece of work the way others would: with polars alone, drain3, logparser3, or pandas; part of `make bench`.

What only gets ready (starting Python, imports) is not in the seconds that are reported.
"""

import argparse
from pathlib import Path

from logassay import cli

PEERS = ["scan_csv", "scan_lines", "drain3", "distinct", "logparser", "logparser_no_parameters", "pandas"]


def arguments() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--peer", choices=PEERS, required=True, help="who does it (logassay/bench_peers.py says what)")
    parser.add_argument(
        "--input", type=Path, required=True, help="raw log; for pandas lines.parquet, for distinct messages.parquet"
    )
    parser.add_argument("--format-name", required=True, metavar="NAME", help="name of the line format: hdfs or bgl")
    parser.add_argument("--format", required=True, type=cli.json_value, metavar="JSON", help="the line format")
    parser.add_argument("--output", type=Path, required=True, help="what is found; logparser3 makes a folder of it")
    parser.add_argument(
        "--report", type=Path, required=True, help="seconds of the work alone, and how much was done, JSON"
    )
    return parser


def run(args: argparse.Namespace) -> None:
    """Get ready, then do the work against the clock."""
    import time

    from logassay.bench_peers import PEERS
    from logassay.files import write_json
    from logassay.line_format import LineFormat

    work = PEERS[args.peer](LineFormat.from_dict(args.format_name, args.format))
    begin = time.perf_counter()
    count = work(args.input, args.output)
    write_json(args.report, {"work_seconds": time.perf_counter() - begin, "count": count})


if __name__ == "__main__":
    cli.main(arguments(), run)

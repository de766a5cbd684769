"""What the programs that parse logs have in common on their command lines; imports nothing heavy."""

import argparse
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from logassay import cli

if TYPE_CHECKING:
    from logassay.parse import ParseReport


def add_format(parser: argparse.ArgumentParser) -> None:
    """Add the options for the line format."""
    parser.add_argument("--format-name", required=True, metavar="NAME", help="name of the line format, for messages")
    parser.add_argument("--format", required=True, type=cli.json_value, metavar="JSON", help="the line format")


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Add the option for threads."""
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads to use (default: 1)")


def prepare(threads: int) -> None:
    """Set what polars reads from the environment once, when it is imported."""
    os.environ["POLARS_MAX_THREADS"] = str(threads)
    # Each block needs as much memory as the one before. To hand it back in between costs a fifth of the time, for
    # pages that are given back have to be cleared by the system before they are used again.
    os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:-1,muzzy_decay_ms:-1")


def add_outputs(parser: argparse.ArgumentParser) -> None:
    """Add the options for what becomes of a whole log."""
    parser.add_argument(
        "--memory-mb", type=int, default=2000, metavar="N", help="memory that the job may take (default: 2000)"
    )
    parser.add_argument("--lines", required=True, type=Path, metavar="FILE", help="parsed lines, Parquet")
    parser.add_argument(
        "--messages", required=True, type=Path, metavar="FILE", help="distinct masked messages, Parquet"
    )
    parser.add_argument("--rejects", required=True, type=Path, metavar="FILE", help="lines that were not used, Parquet")
    parser.add_argument("--report", required=True, type=Path, metavar="FILE", help="counts, JSON")


def write_report(report: "ParseReport", args: argparse.Namespace) -> None:
    """Write the report, and say the most important of it."""
    from logassay.files import digests_of, sha256_of, write_json

    made_from = {} if args.made_by is None else {"raw": sha256_of(Path(args.input[0]))}
    made = digests_of(lines=args.lines, messages=args.messages, rejects=args.rejects)
    write_json(args.report, {**asdict(report), "made_from": made_from, "made": made})
    counts = (report.lines, report.parsed, report.joined, report.rejected)
    cli.log.info("%d lines: %d parsed, %d joined, %d rejected", *counts)

"""Take over sessions that someone else has prepared: event ids as given, one session a line.

The files are described as JSON; each is a CSV with named columns, or a text file with one session a line.
"""

import argparse
from pathlib import Path

from logassay import adopt, cli


def arguments() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = cli.parser(__doc__)
    parser.add_argument(
        "--sessions",
        type=cli.json_value,
        required=True,
        metavar="JSON",
        help='list of files, for example [{"file": "train.txt", "all": "normal"}]; see config/README.md for the keys',
    )
    parser.add_argument(
        "--templates",
        type=cli.json_value,
        metavar="JSON",
        help='file with the texts of the event ids, {"file": ..., "event": column, "template": column}',
    )
    parser.add_argument("--sequences", type=Path, required=True, help="output: sequences, Parquet")
    parser.add_argument("--messages", type=Path, required=True, help="output: one message per event id, Parquet")
    parser.add_argument("--report", type=Path, required=True, help="output: counts, JSON")
    return parser


def run(args: argparse.Namespace) -> None:
    """Adopt and write."""
    files = [adopt.SessionFile(**entry) for entry in args.sessions]
    templates = adopt.TemplateFile(**args.templates) if args.templates else None
    adopt.run(files, templates, args.sequences, args.messages, args.report)


if __name__ == "__main__":
    cli.main(arguments(), run)

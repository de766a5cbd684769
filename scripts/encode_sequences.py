"""Write the three parts of a split as sequences of event ids, each in its sampling order."""

import argparse
from pathlib import Path

from logassay import cli, encode
from logassay.split import PARTS


def arguments() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--sequences", type=Path, required=True, help="sequences.parquet of the sequence stage")
    parser.add_argument("--split", type=Path, required=True, help="split.parquet of the split stage")
    parser.add_argument("--message-events", type=Path, required=True, help="message_events.parquet of the templates")
    parser.add_argument("--templates", type=Path, required=True, help="templates.parquet, to count unknown events")
    parser.add_argument(
        "--memory-mb",
        type=int,
        default=2000,
        metavar="MB",
        help="memory to use; the files do not depend on it (default: 2000)",
    )
    for part in PARTS:
        parser.add_argument(f"--{part}", type=Path, required=True, help=f"output: the {part} part, Parquet")
    parser.add_argument("--report", type=Path, required=True, help="output: counts of each part, JSON")
    return parser


def run(args: argparse.Namespace) -> None:
    """Encode all parts."""
    outputs = {part: getattr(args, part) for part in PARTS}
    encode.run(args.sequences, args.split, args.message_events, args.templates, args.memory_mb, outputs, args.report)


if __name__ == "__main__":
    cli.main(arguments(), run)

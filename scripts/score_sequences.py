"""Score sequences with the model of a checkpoint.

Writes one row per sequence: the score (higher is more anomalous), the decision of the model's own rule, its loss and
all components of the score. Thresholds and metrics are computed from this file later, without the model.
"""

import argparse
from pathlib import Path

from logassay import cli, score


def named_path(text: str) -> tuple[str, Path]:
    """Argparse type for NAME=FILE."""
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=FILE, for example test=test.parquet")
    return name, Path(path)


def named_number(text: str) -> tuple[str, int]:
    """Argparse type for NAME=NUMBER."""
    name, _, number = text.partition("=")
    if not (name and number.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=NUMBER, for example test=2000")
    return name, int(number)


def arguments() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True, help="checkpoint of the epoch to score with")
    parser.add_argument("--templates", type=Path, help="templates.parquet of the split, for models that read text")
    parser.add_argument(
        "--values",
        type=named_path,
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="for models that read numbers: the values of a part, for example test=test_values.parquet; with --mutated "
        "those of the parents, validation=validation_values.parquet; may be repeated",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--sequences",
        type=named_path,
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="a part and its file, for example test=test.parquet; may be repeated",
    )
    what.add_argument("--mutated", type=Path, help="mutated.parquet, whose rows name part and operator themselves")
    parser.add_argument(
        "--limit",
        type=named_number,
        action="append",
        default=[],
        metavar="NAME=NUMBER",
        help="score only so many first sequences of a part, for example test=2000; may be repeated",
    )
    parser.add_argument(
        "--device", choices=["auto", "cpu", "cuda"], default="auto", help="where to compute (default: auto)"
    )
    parser.add_argument("--threads", type=int, default=1, help="threads torch may use (default: 1)")
    parser.add_argument("--output", type=Path, required=True, help="scores, Parquet")
    parser.add_argument("--facts", type=Path, required=True, help="numbers of sequences and speed, JSON")
    return parser


def run(args: argparse.Namespace) -> None:
    """Score the sequences."""
    score.run(
        checkpoint_path=args.checkpoint,
        templates=args.templates,
        parts=args.sequences,
        values=dict(args.values),
        limits=dict(args.limit),
        mutated=args.mutated,
        device=args.device,
        threads=args.threads,
        output=args.output,
        facts=args.facts,
    )


if __name__ == "__main__":
    cli.main(arguments(), run)

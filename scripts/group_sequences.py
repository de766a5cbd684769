"""Group the lines of a parsed log into sequences: by session key, by a window of lines, or by a span of time.

Writes one row per sequence (Parquet) and a report (JSON) in which every line is accounted for.
"""

import argparse
from pathlib import Path

from logassay import cli, sequence
from logassay.files import check_made
from logassay.labels import Intervals, Labels


def arguments() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--lines", type=Path, required=True, help="lines.parquet of the parse stage")
    parser.add_argument("--by", choices=["session", "window", "time"], required=True, help="what makes a sequence")
    parser.add_argument("--length", type=float, default=0, help="extent of a window, in lines or seconds")
    parser.add_argument("--stride", type=float, default=0, help="distance of window starts, in lines or seconds")
    parser.add_argument(
        "--label", choices=["any", "last"], default="any", help="a window is anomalous if any line is, or the last"
    )
    parser.add_argument("--labels", type=Path, help="CSV with one label per session key")
    parser.add_argument(
        "--label-columns",
        nargs=4,
        metavar=("KEY", "LABEL", "NORMAL", "ANOMALOUS"),
        default=["BlockId", "Label", "Normal", "Anomaly"],
        help="names of its key and label columns, and the two values (default: those of Loghub's HDFS)",
    )
    parser.add_argument(
        "--listed",
        metavar="PATTERN",
        help="--labels is a text in which this finds the keys of anomalous sessions; all others are normal",
    )
    parser.add_argument("--intervals", type=Path, help="CSV with intervals of time in which lines are anomalous")
    parser.add_argument(
        "--interval-columns",
        nargs="+",
        metavar="COLUMN",
        default=["start", "end"],
        help="names of its columns of start, end and, if there is one, kind (default: start end)",
    )
    parser.add_argument("--interval-zone", metavar="ZONE", help="zone of those times that are written without one")
    parser.add_argument("--utc", action="store_true", help="the times of the lines are UTC, not as written in the log")
    parser.add_argument("--kinds", type=Path, help="CSV with the kind of each anomalous session (columns KEY, Kind)")
    parser.add_argument(
        "--made-by", type=Path, metavar="FILE", help="JSON that the program which wrote the labels wrote beside them"
    )
    parser.add_argument(
        "--memory-mb",
        type=int,
        default=2000,
        metavar="MB",
        help="memory to use; the sequences do not depend on it (default: 2000)",
    )
    parser.add_argument("--output", type=Path, required=True, help="sequences, Parquet")
    parser.add_argument("--report", type=Path, required=True, help="counts, JSON")
    return parser


def run(args: argparse.Namespace) -> None:
    """Build and write the sequences."""
    key, label, normal, anomalous = args.label_columns
    labels: Labels | Intervals | None = None
    if args.intervals:
        start, end, kind = (*args.interval_columns, None)[:3]
        labels = Intervals(args.intervals, start, end, kind, args.interval_zone, args.utc)
    elif args.labels:
        labels = Labels(args.labels, key, label, normal, anomalous, args.kinds, args.listed)
    if args.made_by is not None:
        for role, path in (("labels", args.labels), ("kinds", args.kinds)):
            if path is not None:
                check_made(path, role, args.made_by)
    grouping = sequence.Grouping(args.by, args.length, args.stride, args.label)
    sequence.run(args.lines, grouping, labels, args.memory_mb, args.output, args.report)


if __name__ == "__main__":
    cli.main(arguments(), run)

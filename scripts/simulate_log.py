"""Write a simulated HDFS log with labels and kinds of anomaly.

The raw log has the line format of HDFS_v1; the labels have Loghub's format (BlockId,Label); the kinds name what is
wrong with each anomalous block (BlockId,Kind). The same seed gives the same bytes.
"""

import argparse
from pathlib import Path

from logassay import cli
from logassay.files import digests_of, write_json
from logassay.simulate import simulate


def arguments() -> argparse.ArgumentParser:
    """Return the options of this program."""
    parser = cli.parser(__doc__)
    parser.add_argument(
        "--sessions", type=int, required=True, metavar="N", help="blocks to simulate (about 13 lines each)"
    )
    parser.add_argument(
        "--anomaly-share",
        type=float,
        default=0.04,
        metavar="SHARE",
        help="probability that a block is anomalous (default: 0.04, as in the real log)",
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of all random choices (default: 1)")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="raw log to write")
    parser.add_argument("--labels", type=Path, required=True, metavar="FILE", help="labels to write (CSV)")
    parser.add_argument("--kinds", type=Path, required=True, metavar="FILE", help="kinds of anomaly to write (CSV)")
    parser.add_argument("--record", type=Path, metavar="FILE", help="JSON to write: the SHA-256 of these files")
    return parser


def run(args: argparse.Namespace) -> None:
    """Simulate and say what was written."""
    report = simulate(
        args.output,
        args.labels,
        args.kinds,
        sessions=args.sessions,
        anomaly_share=args.anomaly_share,
        seed=args.seed,
    )
    if args.record is not None:
        write_json(args.record, {"made": digests_of(raw=args.output, labels=args.labels, kinds=args.kinds)})
    cli.log.info(
        "%d lines, %d sessions, %d anomalous: %s", report.lines, report.sessions, report.anomalous, report.kinds
    )


if __name__ == "__main__":
    cli.main(arguments(), run)

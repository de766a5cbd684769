"""Make pseudo-anomalies from the validation sequences that are not labelled anomalous.

The first `--sessions` of them are to be evaluated, intact and mutated or a share of them mutated; all others are
mutated too and calibrate the threshold. `--anomaly-ratio` is the share of events changed in each mutated sequence (at
least one). The manifest records what was changed where.
"""

import argparse
from pathlib import Path

from logassay import cli, mutate
from logassay.corpus import read_corpus
from logassay.files import read_parquet, write_parquet


def arguments() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--validation", type=Path, required=True, help="validation sequences (validation.parquet)")
    parser.add_argument("--train", type=Path, required=True, help="training sequences of the split (train.parquet)")
    parser.add_argument("--sessions", type=int, default=1000, help="sequences to evaluate [1000]")
    parser.add_argument(
        "--anomaly-ratio", type=float, default=0.02, help="share of events changed in each mutated sequence [0.02]"
    )
    parser.add_argument(
        "--operators",
        nargs="+",
        default=list(mutate.OPERATORS),
        metavar="NAME",
        help=f"mutation operators, assigned evenly [{' '.join(mutate.OPERATORS)}]",
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of all random choices [1]")
    parser.add_argument("--output", type=Path, required=True, help="mutated sequences to write (Parquet)")
    parser.add_argument("--manifest", type=Path, required=True, help="record of every change to write (Parquet)")
    return parser


def run(args: argparse.Namespace) -> None:
    """Read the sequences, mutate them, write both tables."""
    mutated, manifest = mutate.mutate_corpus(
        read_corpus(args.validation),
        read_parquet(args.validation, ["sequence", "id"]),
        read_corpus(args.train),
        sessions=args.sessions,
        rate=args.anomaly_ratio,
        operators=args.operators,
        seed=args.seed,
    )
    write_parquet(mutated, args.output)
    write_parquet(manifest, args.manifest)
    cli.log.info("%d sequences mutated: %s", mutated.height, mutated["operator"].value_counts(sort=True).rows())


if __name__ == "__main__":
    cli.main(arguments(), run)

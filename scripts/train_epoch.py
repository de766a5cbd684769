"""Train one epoch of one model, from the checkpoint of the epoch before.

Writes a checkpoint that holds everything needed to go on, and a JSON file of facts about the epoch: training loss,
examples, duration, memory, the checkpoint's SHA-256.
"""

import argparse
from pathlib import Path

from logassay import cli, train


def arguments() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--module", required=True, help="the model: name of its file in logassay/models")
    parser.add_argument("--variant", required=True, help="name of the variant in config/models.yaml, for messages")
    parser.add_argument(
        "--hyper", type=cli.json_value, default={}, help="hyperparameters as JSON; missing ones take their default"
    )
    parser.add_argument("--train", type=Path, required=True, help="train.parquet of the encoding stage")
    parser.add_argument("--templates", type=Path, help="templates.parquet of the split, for models that read text")
    parser.add_argument("--values", type=Path, help="train_values.parquet of the split, for models that read numbers")
    parser.add_argument("--sample-size", type=int, required=True, help="use so many of its first sequences")
    parser.add_argument("--seed", type=int, required=True, help="seed of weights, order and masks")
    parser.add_argument("--epoch", type=int, required=True, help="number of the epoch, from 1")
    parser.add_argument("--previous", type=Path, help="checkpoint of the epoch before; not for epoch 1")
    parser.add_argument(
        "--device", choices=["auto", "cpu", "cuda"], default="auto", help="where to compute (default: auto)"
    )
    parser.add_argument("--threads", type=int, default=1, help="threads torch may use (default: 1)")
    parser.add_argument(
        "--output", type=Path, required=True, help="checkpoint to write: .pt for deep models, else .npz"
    )
    parser.add_argument("--facts", type=Path, required=True, help="facts about the epoch, JSON")
    return parser


def run(args: argparse.Namespace) -> None:
    """Train the epoch."""
    train.run(
        module=args.module,
        variant=args.variant,
        hyper=args.hyper,
        train=args.train,
        templates=args.templates,
        values=args.values,
        sample_size=args.sample_size,
        seed=args.seed,
        epoch=args.epoch,
        previous=args.previous,
        device=args.device,
        threads=args.threads,
        output=args.output,
        facts=args.facts,
    )


if __name__ == "__main__":
    cli.main(arguments(), run)

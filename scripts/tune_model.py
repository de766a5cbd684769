"""Search hyperparameters of one variant on validation data.

Writes a table of the trials, and a configuration file that defines the best one as a new variant. Finished trials are
kept in a folder: a search that was killed, or gets more trials, goes on there and ends as if it had never stopped.
"""

import argparse
from pathlib import Path

from logassay import cli, tune


def arguments() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--variant", required=True, help="name of the variant to tune")
    parser.add_argument(
        "--definition", type=cli.json_value, required=True, help="its entry in config/models.yaml as JSON"
    )
    parser.add_argument("--train", type=Path, required=True, help="train.parquet of the encoding stage")
    parser.add_argument("--validation", type=Path, required=True, help="validation.parquet of the encoding stage")
    parser.add_argument("--templates", type=Path, help="templates.parquet of the split, for models that read text")
    parser.add_argument("--train-values", type=Path, help="train_values.parquet, for models that read numbers")
    parser.add_argument("--validation-values", type=Path, help="validation_values.parquet, for the same models")
    parser.add_argument("--sample-size", type=int, required=True, help="train on so many first sequences")
    parser.add_argument("--seed", type=int, required=True, help="seed of the search and of every training in it")
    parser.add_argument(
        "--space",
        type=cli.json_value,
        help="what to search as JSON: for each hyperparameter low, high and log, or choices; default: learning rate, "
        "batch size and history where the model has them",
    )
    parser.add_argument(
        "--objective",
        choices=tune.OBJECTIVES,
        default="auto",
        help="what trials are judged by (default: roc_auc if validation has both labels, else validation_loss)",
    )
    parser.add_argument(
        "--spared",
        type=int,
        default=0,
        help="first normal validation sequences to leave out, since they are judged mutated (default: 0)",
    )
    parser.add_argument("--trials", type=int, default=20, help="trials altogether, kept ones included (default: 20)")
    parser.add_argument("--epochs", type=int, default=3, help="epochs of each trial (default: 3)")
    parser.add_argument(
        "--device", choices=["auto", "cpu", "cuda"], default="auto", help="where to compute (default: auto)"
    )
    parser.add_argument("--threads", type=int, default=1, help="threads torch may use (default: 1)")
    parser.add_argument("--kept", type=Path, required=True, help="folder in which finished trials are kept")
    parser.add_argument("--table", type=Path, required=True, help="table of the trials, Parquet")
    parser.add_argument("--output", type=Path, required=True, help="the new variant, YAML")
    return parser


def run(args: argparse.Namespace) -> None:
    """Search."""
    tune.run(
        variant=args.variant,
        definition=args.definition,
        train_path=args.train,
        validation=args.validation,
        templates=args.templates,
        train_values=args.train_values,
        validation_values=args.validation_values,
        spared=args.spared,
        sample_size=args.sample_size,
        seed=args.seed,
        space=args.space,
        objective=args.objective,
        trials=args.trials,
        epochs=args.epochs,
        device=args.device,
        threads=args.threads,
        kept=args.kept,
        table=args.table,
        output=args.output,
    )


if __name__ == "__main__":
    cli.main(arguments(), run)

"""Evaluate the saved scores of one epoch: choose the threshold on validation, judge the test sequences by it.

With `--protocol labelled` the test sequences are judged by their labels. With `--protocol pseudo` intact validation
sequences are the normal ones, taken from `--scores`, and their mutations the anomalous ones, from `--mutated-scores`;
the threshold then comes from other such pairs. `--protocol prevalence` takes each of these sequences once only: a
share of them, the prevalence, mutated and all others intact. Writes evaluation_results_epoch_N.json,
score_dist_epoch_N.png and confusion_matrix_epoch_N.png. No model is loaded.
"""

import argparse
from pathlib import Path

from logassay import cli, evaluate
from logassay.threshold import STRATEGIES, TARGETS, Choice


def arguments() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--protocol", choices=evaluate.PROTOCOLS, required=True, help="what the anomalous sequences are")
    add("--scores", type=Path, required=True, help="scores of the validation and test sequences (Parquet)")
    add("--mutated-scores", type=Path, help="scores of the mutated sequences (Parquet); not in the labelled protocol")
    add("--score-facts", type=Path, required=True, help="what the scoring recorded (JSON): seconds, device, threads")
    add("--training-facts", type=Path, required=True, help="what the training recorded beside the checkpoint (JSON)")
    add("--overlap", type=Path, required=True, help="which sequences also occur in training (overlap.parquet)")
    add(
        "--run",
        type=cli.json_value,
        required=True,
        metavar="JSON",
        help=f"factors of the run: {', '.join(evaluate.RUN_FACTORS)}; anomaly_ratio where sequences are mutated, "
        "prevalence in that protocol",
    )
    add("--strategy", choices=STRATEGIES, default="quantile", help="how the threshold is chosen [quantile]")
    add(
        "--false-positive-rate",
        type=float,
        default=0.01,
        metavar="SHARE",
        help="quantile: share of validation normals that may be flagged [0.01]",
    )
    add(
        "--targets",
        type=cli.json_value,
        default={},
        metavar="JSON",
        help=f"smallest acceptable values, for example '{{\"f1\": 0.55}}'; of {', '.join(TARGETS)} [none]",
    )
    add(
        "--decision",
        choices=evaluate.DECISIONS,
        default="threshold",
        help="rule: the model has only its own decision rule, whatever --strategy says [threshold]",
    )
    add("--checkpoint", required=True, metavar="FILE", help="path of the checkpoint, recorded as given")
    add(
        "--schema",
        type=Path,
        default=Path(__file__).parent.parent / "workflow" / "schemas" / "evaluation.schema.json",
        metavar="FILE",
        help="JSON schema that the evaluation must fit [workflow/schemas/evaluation.schema.json]",
    )
    add("--output-dir", type=Path, required=True, metavar="DIR", help="folder for the three files")
    return parser


def run(args: argparse.Namespace) -> None:
    """Evaluate, write, and log the counts."""
    result = evaluate.evaluate_files(
        protocol=args.protocol,
        scores=args.scores,
        mutated_scores=args.mutated_scores,
        score_facts=args.score_facts,
        training_facts=args.training_facts,
        overlap=args.overlap,
        run=args.run,
        choice=Choice(args.strategy, args.false_positive_rate, args.targets),
        decision=args.decision,
        checkpoint=args.checkpoint,
        directory=args.output_dir,
        schema=args.schema,
    )
    cli.log.info("%s -> %s", result["counts"], args.output_dir)


if __name__ == "__main__":
    cli.main(arguments(), run)

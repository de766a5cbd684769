"""Evaluate one checkpoint by hand, without the workflow.

With --generate-fake-anomaly, validation sequences are judged once intact and once mutated (pseudo-anomalies); the
threshold is chosen on other validation sequences. With --protocol prevalence each is judged once only: a share of
them mutated, the others intact. Without it, the labelled test part is judged, and the threshold is chosen on the
validation part. Writes OUTPUT_DIR/epoch_N/evaluation_results_epoch_N.json, score_dist_epoch_N.png and
confusion_matrix_epoch_N.png, where N is the checkpoint's epoch.

Example:
  python scripts/evaluate.py --checkpoint checkpoints/epoch_1.pt --validation-data results/runs/.../seed=1 \\
      --output-dir evaluation_results --max-samples 1000 --generate-fake-anomaly --anomaly-ratio 0.02
"""

import argparse
from pathlib import Path
from typing import Any

from logassay import cli, settings
from logassay.errors import UserError

SCHEMAS = Path(__file__).resolve().parent.parent / "workflow" / "schemas"
STRATEGIES = ["quantile", "f1", "youden", "targets", "paper"]


def arguments() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True, help="checkpoint of the epoch to evaluate")
    parser.add_argument(
        "--config",
        type=Path,
        help="study file; its sections `evaluation`, `compute` and `report` are used (default: theirs)",
    )
    parser.add_argument(
        "--validation-data",
        type=Path,
        required=True,
        help="folder of a split: validation.parquet, test.parquet",
    )
    parser.add_argument("--output-dir", type=Path, default=Path("evaluation_results"), help="where the results go")
    parser.add_argument(
        "--max-samples",
        type=int,
        help="sequences to judge (default: evaluation.pseudo.sessions, or the test part)",
    )
    parser.add_argument("--generate-fake-anomaly", action="store_true", help="judge mutated validation sequences")
    parser.add_argument(
        "--anomaly-ratio", type=float, default=0.02, help="share of events changed in each of them (default: 0.02)"
    )
    parser.add_argument(
        "--protocol",
        choices=["paired", "prevalence"],
        default="paired",
        help="with --generate-fake-anomaly: judge each sequence intact and mutated, or each once, a share of them "
        "mutated (default: paired)",
    )
    parser.add_argument(
        "--prevalence",
        type=float,
        metavar="SHARE",
        help="that share, with --protocol prevalence (default: evaluation.pseudo.prevalence)",
    )
    parser.add_argument("--strategy", choices=STRATEGIES, help="how the threshold is chosen (default: the config's)")
    parser.add_argument(
        "--decision",
        choices=["threshold", "rule"],
        default="threshold",
        help="threshold, or the model's own rule",
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the mutations and of their draw (default: 1)")
    parser.add_argument("--threads", type=int, default=1, help="threads of the model (default: 1)")
    return parser


def run(args: argparse.Namespace) -> None:
    """Evaluate, and say what came out."""
    from logassay import standalone
    from logassay.threshold import Choice

    config: dict[str, Any] = settings.sections(
        args.config, SCHEMAS / "config.schema.yaml", ["evaluation", "compute", "report"]
    )
    threshold, pseudo = config["evaluation"]["threshold"], config["evaluation"]["pseudo"]
    sessions = pseudo["sessions"] if args.max_samples is None else args.max_samples
    prevalence = None
    if args.protocol == "prevalence":
        if not args.generate_fake_anomaly:
            raise UserError("--protocol prevalence is about mutated sequences; add --generate-fake-anomaly.")
        prevalence = pseudo["prevalence"] if args.prevalence is None else args.prevalence
    elif args.prevalence is not None:
        raise UserError("--prevalence has a meaning only with --protocol prevalence; add that or leave both out.")
    result = standalone.evaluate_checkpoint(
        args.checkpoint,
        args.validation_data,
        args.output_dir,
        pseudo=standalone.Pseudo(sessions, args.anomaly_ratio, pseudo["operators"], args.seed, prevalence)
        if args.generate_fake_anomaly
        else None,
        max_samples=args.max_samples,
        choice=Choice(args.strategy or threshold["strategy"], threshold["false_positive_rate"], threshold["targets"]),
        decision=args.decision,
        device=config["compute"]["device"],
        threads=args.threads,
        schema=SCHEMAS / "evaluation.schema.json",
        full_paths=config["report"]["full_paths"],
    )
    counts, metrics = result["counts"], result["metrics"]
    cli.log.info(
        "TP %d, FP %d, FN %d, TN %d; F1 %s, ROC-AUC %s",
        *(counts[name] for name in ("tp", "fp", "fn", "tn")),
        *("undefined" if metrics[name] is None else f"{metrics[name]:.4f}" for name in ("f1", "roc_auc")),
    )


if __name__ == "__main__":
    cli.main(arguments(), run)

"""Compare detectors with each other and with baselines: one command from raw log to reports.

Writes a study file, results/studies/NAME/study.yaml, and runs Snakemake on it; the exit code is Snakemake's. What the
command line leaves open is as in config/config.yaml. The study file may be changed by hand and run again with the
command that is printed. Without --dataset or --log, an HDFS log is simulated that is large enough.

Examples:
  python scripts/compare_models.py --sample-size 2000 --epochs 3
  python scripts/compare_models.py --optimize-threshold --sample-size 200000 --epochs 10 --batch-size 64 \\
      --eval-sample-size 50000
  python scripts/compare_models.py --log HDFS.log --labels anomaly_label.csv --sample-size 50000 \\
      --optimize-threshold --target-f1 0.45 --models deeplog logbert-small
"""

import argparse
import copy
import os
import shlex
import subprocess
import sys
from pathlib import Path

import yaml

from logassay import cli, front, settings
from logassay.files import write_text
from logassay.nested import merged

ROOT = Path(__file__).resolve().parent.parent
METRICS = ("accuracy", "precision", "recall", "f1", "specificity")


def arguments() -> argparse.ArgumentParser:
    """Describe the command line."""
    # Not cli.parser: a person who names the log to read with --log must not have it overwritten by our own log.
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.set_defaults(log=None)
    data = parser.add_argument_group("data")
    source = data.add_mutually_exclusive_group()
    source.add_argument("--dataset", metavar="NAME", help="a dataset of config/datasets.yaml")
    source.add_argument("--log", dest="raw_log", type=Path, metavar="FILE", help="a raw log, plain or packed")
    data.add_argument("--labels", type=Path, metavar="FILE", help="CSV with BlockId and Label (Normal or Anomaly)")
    data.add_argument("--format", default="hdfs", metavar="NAME", help="format of the log's lines (default: hdfs)")
    data.add_argument("--grouping", metavar="NAME", help="how lines become sequences, such as session or lines-10")
    data.add_argument(
        "--protocols",
        nargs="+",
        default=["labelled"],
        metavar="NAME",
        help="labelled, or pseudo, which needs no labels (default: labelled)",
    )
    data.add_argument("--sample-size", type=int, metavar="N", help="training sequences")
    data.add_argument("--eval-sample-size", type=int, metavar="N", help="test sequences to judge (default: all)")

    models = parser.add_argument_group("models")
    models.add_argument(
        "--models",
        nargs="+",
        default=front.DETECTORS,
        metavar="NAME",
        help=f"entries of config/models.yaml (default: {' '.join(front.DETECTORS)}); baselines are added to them: "
        f"{', '.join(front.BASELINES)}, and with labels {front.LABELLED_BASELINE}",
    )
    models.add_argument("--epochs", type=int, metavar="N", help="epochs to train; each is judged")
    models.add_argument("--batch-size", type=int, metavar="N", help="batch size of those models that have one")
    models.add_argument("--learning-rate", type=float, metavar="X", help="learning rate of those that have one")
    models.add_argument("--seeds", nargs="+", type=int, metavar="N", help="repeat everything with each of these seeds")

    threshold = parser.add_argument_group("threshold and targets")
    threshold.add_argument(
        "--optimize-threshold",
        action="store_true",
        help="choose on validation data the threshold that comes nearest to the targets "
        "(default: one that flags 1 %% of the normal sequences)",
    )
    for name in METRICS:
        default = front.TARGETS.get(name)
        told = f" (default with --optimize-threshold: {default:.2f})" if default else ""
        threshold.add_argument(
            f"--target-{name}", type=float, metavar="X", help=f"least {name.replace('f1', 'F1')} to reach{told}"
        )

    how = parser.add_argument_group("run")
    how.add_argument("--study-name", metavar="NAME", help="default: from the dataset, the sample size and the epochs")
    how.add_argument("--cores", default="all", metavar="N", help="processor cores to use (default: all)")
    how.add_argument("--dry-run", action="store_true", help="write the study file and count the jobs that would run")
    return parser


def run(args: argparse.Namespace) -> None:
    """Write the study file, call Snakemake, and say where the reports are."""
    config = settings.project_config(ROOT / "config")
    targets = {name: getattr(args, f"target_{name}") for name in METRICS}
    study = front.comparison(
        config,
        name=args.study_name,
        dataset=args.dataset,
        raw_log=args.raw_log,
        labels=args.labels,
        log_format=args.format,
        grouping=args.grouping,
        protocols=args.protocols,
        sample_size=args.sample_size,
        eval_sample_size=args.eval_sample_size,
        seeds=args.seeds,
        models=args.models,
        epochs=args.epochs,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        optimize_threshold=args.optimize_threshold,
        targets={name: value for name, value in targets.items() if value is not None},
    )
    # A mistake is told at once, before anything is written.
    config = merged(config, copy.deepcopy(study))
    schema = ROOT / "workflow" / "schemas" / "config.schema.yaml"
    settings.validate(config, yaml.safe_load(schema.read_text(encoding="utf-8")))

    folder = Path("results/studies", study["study"]["name"])
    path = folder / "study.yaml"
    # Targets first: --configfile would take what follows it for further files.
    command = ["snakemake", "all", "--snakefile", os.path.relpath(ROOT / "Snakefile")]
    command += ["--cores", args.cores, "--configfile", str(path)]
    head = f"# Written by scripts/compare_models.py, anew each time it is called.\n#     {shlex.join(command)}\n"
    write_text(path, head + yaml.safe_dump(study, sort_keys=False, allow_unicode=True, width=120))
    print(f"Study file: {path}\nCommand:    {shlex.join(command)}", flush=True)
    dry = ["--dry-run", "--quiet", "rules"] if args.dry_run else []
    done = subprocess.run([sys.executable, "-m", *command, *dry], check=False)
    if done.returncode:
        sys.exit(done.returncode)
    if not args.dry_run:
        reports = [folder / "comparison.md", *sorted(folder.glob("report/comparison_report.*"))]
        print("Reports:    " + "\n            ".join(map(str, reports)))


if __name__ == "__main__":
    cli.main(arguments(), run)

"""Judge a study: what differs, what to distrust, which epoch to use, what to do next; no model is loaded.

Reads the evaluations of all its runs, and the saved scores beside them for paired tests, and writes verdicts.json, from
which the reports are written. Thresholds are not chosen anew here; targets and prevalences are what the user asks.
"""

import argparse
from pathlib import Path

from logassay import cli, judge
from logassay.threshold import STRATEGIES, Choice


def arguments() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--evaluations", type=Path, nargs="+", required=True, metavar="FILE", help="evaluations.json of every run")
    add("--splits", type=Path, nargs="*", default=[], metavar="FILE", help="split.json of every split [none]")
    add("--study", required=True, help="name of the study")
    add("--strategy", choices=STRATEGIES, required=True, help="how the thresholds were chosen")
    add("--false-positive-rate", type=float, default=0.01, metavar="SHARE", help="what `quantile` allowed [0.01]")
    add(
        "--targets", type=cli.json_value, default={}, metavar="JSON", help="smallest acceptable values by metric [none]"
    )
    add(
        "--prevalences",
        type=cli.json_value,
        default=[],
        metavar="JSON",
        help="shares of anomalous sequences at which precision is restated [none]",
    )
    add("--templates-fit-on", choices=("train", "all"), default="train", help="lines the templates come from [train]")
    add(
        "--models", type=cli.json_value, default={}, metavar="JSON", help="the study's models by name, as in the config"
    )
    add(
        "--config",
        type=cli.json_value,
        default={},
        metavar="JSON",
        help="the study as a config, for study files of advice",
    )
    add("--reproduce", default="", metavar="COMMAND", help="command line that makes the results, to be shown")
    add("--study-file", default="", metavar="FILE", help="file of the study's settings, to be shown")
    add(
        "--variants",
        nargs="*",
        default=[],
        metavar="NAME",
        help="all variants of models that the config defines [none]",
    )
    add("--output", type=Path, required=True, metavar="FILE", help="verdicts to write (JSON)")
    add("--advice-dir", type=Path, required=True, metavar="DIR", help="folder for the study files of advice")
    return parser


def run(args: argparse.Namespace) -> None:
    """Judge, and write."""
    Choice(args.strategy, args.false_positive_rate, args.targets)  # says which of them is wrong
    settings = judge.Settings(
        study=args.study,
        targets=args.targets,
        prevalences=args.prevalences,
        strategy=args.strategy,
        false_positive_rate=args.false_positive_rate,
        fit_on=args.templates_fit_on,
        models=args.models,
        config=args.config,
        reproduce=args.reproduce,
        study_file=args.study_file,
        variants=args.variants,
    )
    judge.run(args.evaluations, args.splits, settings, args.output, args.advice_dir)
    cli.log.info("verdicts -> %s", args.output)


if __name__ == "__main__":
    cli.main(arguments(), run)

"""Look at the first lines of a log and write a study file for it.

Proposes the format of the lines, masks, what ties lines to sessions or how long windows should be, labels and sizes.
The file runs as it is; its comments say what each choice rests on and how sure it is. Nothing else is written.
"""

import argparse
import copy
import os
import shlex
from pathlib import Path

import yaml

from logassay import cli, describe, propose_study, settings
from logassay.acquire import RawLog, in_time_order, log_files
from logassay.errors import UserError, harmless
from logassay.files import write_text
from logassay.line_format import LineFormat
from logassay.nested import merged
from logassay.study_file import render

ROOT = Path(__file__).resolve().parent.parent


def arguments() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = cli.parser(__doc__)
    parser.add_argument(
        "--input", required=True, metavar="FILE", help="raw log: a file of any kind, or a pattern such as 'logs/*.gz'"
    )
    parser.add_argument("--labels", type=Path, metavar="FILE", help="CSV with labels (default: one beside the log)")
    parser.add_argument("--name", default="", metavar="NAME", help="name of the study (default: from that of the log)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="study file (default: config/studies/NAME.yaml)")
    parser.add_argument("--force", action="store_true", help="overwrite the study file, if there is one")
    return parser


def run(args: argparse.Namespace) -> None:
    """Propose a study, check it, write it, and say what comes next."""
    config = settings.project_config(ROOT / "config")
    if not args.input:
        raise UserError("No log is named; say which one: make init LOG=path.")
    if Path(args.input).is_dir():
        raise UserError(
            f"{args.input} is a folder; name its files by a pattern in quotes, such as '{args.input}/*.log'."
        )
    files = log_files(args.input)
    name = args.name or propose_study.study_name(files[0], config)
    output = args.output or Path("config", "studies", f"{name}.yaml")
    if output.exists() and not args.force:
        raise UserError(f"{output} exists already; give the study another name with STUDY=name, or set FORCE=1.")
    sample = describe.take(files, args.input)
    best = next(iter(describe.fits(sample, config["formats"])), None)
    if best is not None and len(files) > 1:
        ordered = in_time_order(RawLog(tuple(files)), LineFormat.from_dict(best.name, best.entry)).files
        sample = sample if list(ordered) == files else describe.take(ordered, args.input)

    command = ["snakemake", "--cores", "all", "--configfile", str(output)]
    if Path(os.path.relpath(ROOT)) != Path():
        command[1:1] = ["--snakefile", os.path.relpath(ROOT / "Snakefile")]
    proposal = propose_study.propose(sample, config, name, args.input, args.labels, shlex.join(command))
    config = merged(config, copy.deepcopy(proposal.study))
    schema = ROOT / "workflow" / "schemas" / "config.schema.yaml"
    settings.validate(config, yaml.safe_load(schema.read_text(encoding="utf-8")))
    write_text(output, render(proposal.study, proposal.head, proposal.before, proposal.after))
    for topic, text in proposal.summary:
        print(f"{topic + ':':<11}{harmless(text)}")
    # Who calls make may not have Snakemake on the path.
    following = ["make", "report", f"STUDY={output}"] if Path.cwd() == ROOT else command
    print(f"written:   {harmless(str(output))}\nnext:      {harmless(shlex.join(following))}")


if __name__ == "__main__":
    cli.main(arguments(), run)

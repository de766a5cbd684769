"""Look through a results folder for files that are damaged, or that no longer match what they were made from.

Says what of the study's results the present code or configuration would make anew, and what to do about each finding.
The exit code is 1 if anything is found, 0 if not. Nothing is changed.
"""

import argparse
import os
import shlex
import sys
from pathlib import Path

from logassay import cli, verify
from logassay.errors import harmless

ROOT = Path(__file__).resolve().parent.parent


def arguments() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--study", metavar="FILE", help="study file (default: the study of config/config.yaml)")
    return parser


def run(args: argparse.Namespace) -> None:
    """Print all findings with their remedies."""
    options = ["--cores", "all", "--snakefile", os.path.relpath(ROOT / "Snakefile")]
    options += ["--configfile", args.study] if args.study else []
    found = verify.walk(Path("results"))
    plan = verify.plan([sys.executable, "-m", "snakemake", *options])
    stale = {path: reason for path, reason in plan.items() if reason is not None}
    for finding in found:
        print(harmless(f"{finding.path}: {finding.reason}"))
    wrong = {finding.path for finding in found}
    for path, reason in stale.items():
        if path not in wrong and reason != verify.FOLLOWS:
            print(harmless(f"{path}: {reason}"))
    if stale:
        print(f"Snakemake would make {len(stale)} of {len(plan)} files anew, with what is made from them.")
    delete = [finding.path for finding in found if finding.remedy != "restore"]
    # What another study made is made anew by a run of that one.
    rebuild = [finding.path for finding in found if finding.remedy == "rebuild" and finding.path in plan]
    for finding in found:
        if finding.remedy == "restore":
            print(harmless(f"Put back:  your own copy of {finding.path}"))
    if delete:
        print(harmless(f"Delete:    {shlex.join(['rm', '-rf', *delete])}"))
    if rebuild or stale:
        print(harmless(f"Make anew: {shlex.join(['snakemake', 'all', *rebuild, *options])}"))
    if found or stale:
        sys.exit(1)
    print("All files in results are whole, and match their inputs, the code and the configuration.")


if __name__ == "__main__":
    cli.main(arguments(), run)

"""Look through a results folder for files that are damaged, or that no longer match what they were made from.

Says what of the study's results the present code or configuration would make anew, and what to do about each finding.
Where the study cannot be planned, what was found is said all the same, and then why. The exit code is 1 if anything is
found, 0 if not. Nothing is changed.
"""

import argparse
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from logassay import cli, verify
from logassay.errors import UserError, harmless
from logassay.manifest import Records

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path("results")


def arguments() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--study", metavar="FILE", help="study file (default: the study of config/config.yaml)")
    return parser


def run(args: argparse.Namespace) -> None:
    """Print all findings with their remedies."""
    options = ["--cores", "all", "--snakefile", os.path.relpath(ROOT / "Snakefile")]
    options += ["--configfile", args.study] if args.study else []
    # Before and after: a run that begins or ends meanwhile may be writing what is looked at.
    before, found, after = at_work(), verify.walk(RESULTS), at_work()
    plan: dict[str, str | None] = {}
    unplanned = None
    try:
        plan = verify.plan([sys.executable, "-m", "snakemake", *options])
    except UserError as error:
        if not found:
            raise
        unplanned = str(error)
    stale = {path: reason for path, reason in plan.items() if reason is not None}
    for finding in found:
        print(harmless(f"{finding.path}: {finding.reason}"))
    told = {finding.path for finding in found}
    for path, reason in stale.items():
        if path not in told and reason != verify.FOLLOWS:
            print(harmless(f"{path}: {reason}"))
    if stale:
        print(f"Snakemake would make {len(stale)} of {len(plan)} files anew, with what is made from them.")
    # Of two studies that make a file differently, one is always out of date: only the one that is asked for counts.
    wrong = [finding for finding in found if finding.remedy != "rerun" or finding.path in plan]
    if before or after:
        print("A run is at work in results: look again when it has ended, and delete nothing until then.")
    elif wrong or stale:
        tell_remedies(wrong, plan, bool(stale), options)
    if unplanned:
        print(harmless(unplanned))
    if wrong or stale or unplanned:
        sys.exit(1)
    print("All files in results are whole, and match their inputs, the code and the configuration.")


def at_work() -> bool:
    """Whether a run is at work in the results."""
    return verify.at_work(RESULTS, Path(".snakemake/locks"))


def tell_remedies(wrong: list[verify.Finding], plan: Mapping[str, str | None], stale: bool, options: list[str]) -> None:
    """Print what to do; only what a job has made is ever to be deleted."""
    records = Records(Path(".snakemake/metadata"))
    delete = []
    for finding in wrong:
        if finding.remedy == "restore":
            print(harmless(f"Put back:  your own copy of {finding.path}"))
        elif finding.remedy != "keep" and os.path.exists(finding.path):
            path = verify.to_delete(finding, RESULTS, plan, records)
            if path is None:
                print(harmless(f"Look at:   {finding.path}, which may be yours: no record says that a job made it"))
            elif path not in delete:
                delete.append(path)
    if delete:
        print(harmless(f"Delete:    {shlex.join(['rm', '-rf', *delete])}"))
    # What another study made is made anew by a run of that one.
    missing = [finding.path for finding in wrong if finding.remedy != "keep" and not os.path.exists(finding.path)]
    anew = [path for path in (*delete, *missing) if path in plan]
    if anew or stale:
        print(harmless(f"Make anew: {shlex.join(['snakemake', 'all', *anew, *options])}"))


if __name__ == "__main__":
    cli.main(arguments(), run)

"""Compare the tables that an unpacked bundle's run made with those that it expects; exit code 1 if they differ.

With --inputs, before the run: check that the user's logs and labels are in their places and are the right ones.
"""

import argparse
import sys
from pathlib import Path

from logassay import bundle, cli

ROOT = Path()


def arguments() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--inputs", action="store_true", help="check the inputs of the run in place of its tables")
    return parser


def run(args: argparse.Namespace) -> None:
    """Check and say what was found."""
    if args.inputs:
        bundle.check_inputs(ROOT)
        return
    found = bundle.differences(ROOT)
    if found:
        print("NOT REPRODUCED: the tables are not those that the bundle expects.")
        print("\n".join(found))
        if others := bundle.reasons(ROOT):
            print(f"What may be the reason: {'; '.join(others)}.")
        sys.exit(1)
    print(f"REPRODUCED: {', '.join(bundle.TABLES[:-1])} and {bundle.TABLES[-1]} are the same, byte for byte.")


if __name__ == "__main__":
    cli.main(arguments(), run)

"""Pack a study that was run into one file, from which `make reproduce` makes its tables anew on another machine.

The archive holds the project's files as they are, the study with all its settings, the user's logs and labels, the
expected tables and the manifest. What is simulated or downloaded is made or fetched again there. Run by `make bundle`,
which first brings the study's results up to date.
"""

import argparse
import shlex
from pathlib import Path

import yaml

from logassay import bundle, cli, resume, settings

ROOT = Path()


def arguments() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--study", type=Path, nargs="+", default=[], metavar="FILE", help="study file or files [the default study]")
    add("--output", type=Path, metavar="FILE", help="archive to write [results/bundles/NAME.tar.gz]")
    add(
        "--without-inputs",
        action="store_true",
        help="leave the user's logs and labels out: the archive names their sizes and digests, and asks for them",
    )
    return parser


def run(args: argparse.Namespace) -> None:
    """Pack the study."""
    config = settings.project_config(ROOT / "config", args.study)
    schema = ROOT / "workflow" / "schemas" / "config.schema.yaml"
    settings.validate(config, yaml.safe_load(schema.read_text(encoding="utf-8")))
    name = config["study"]["name"]
    output = args.output or Path("results", "bundles", f"{name}.tar.gz")
    command = ["snakemake", "--cores", "all", *(["--configfile", *map(str, args.study)] if args.study else [])]
    # A run that starts meanwhile would take the unfinished archive for a killed one's.
    note, _ = resume.begin(Path("results"), Path(".snakemake", "locks"), main=False)
    facts = bundle.pack_study(
        ROOT,
        settings.used(config),
        Path("results", "studies", name),
        output,
        remedy=f"run `{shlex.join(command)}` first",
        with_inputs=not args.without_inputs,
    )
    if note:
        note.close()
    print(f"{output}: {output.stat().st_size / 1e6:.1f} MB; unpack it and run `make reproduce` there.")
    if facts["changes"]:
        print(
            f"The project is packed as it is here, with changes that are not committed: {', '.join(facts['changes'])}"
        )
    for each in facts["inputs"]:
        print(f"{'Packed' if facts['inputs_packed'] else 'Left out'}: {each['path']}, {each['bytes'] / 1e6:.1f} MB")
    for each in facts["downloads"]:
        print(f"Fetched again there: {each['url']}")


if __name__ == "__main__":
    cli.main(arguments(), run)

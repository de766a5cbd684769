"""Write the manifest of a study: its settings, files with digests, jobs, code, versions and machine, as an RO-Crate.

Which job made which file is taken from Snakemake's records in the working folder. Neither the user nor the machine nor
any folder outside of the working folder is named unless that is asked for.
"""

import argparse
from pathlib import Path

from logassay import cli, manifest
from logassay.files import sha256_of, write_json, write_text


def arguments() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--study", required=True, help="name of the study")
    add(
        "--ends", nargs="+", required=True, metavar="FILE", help="tables, verdicts and reports that the study ends with"
    )
    add("--config", type=cli.json_value, required=True, metavar="JSON", help="resolved settings that the study uses")
    add("--engine", required=True, metavar="VERSION", help="version of Snakemake")
    add("--project", type=Path, default=Path(), metavar="DIR", help="folder of the Snakefile [.]")
    add(
        "--records",
        type=Path,
        default=Path(".snakemake/metadata"),
        metavar="DIR",
        help="Snakemake's records of how files were made [.snakemake/metadata]",
    )
    add(
        "--digests",
        type=Path,
        default=Path("results/cache/input_digests.json"),
        metavar="FILE",
        help="where digests of the user's files are remembered [results/cache/input_digests.json]",
    )
    add("--identify", action="store_true", help="tell the names of the machine and its user")
    add("--full-paths", action="store_true", help="name files outside of the working folder with their whole path")
    add("--output", type=Path, required=True, metavar="FILE", help="ro-crate-metadata.json to write")
    add("--record", type=Path, required=True, metavar="FILE", help="its SHA-256 to write (JSON)")
    return parser


def run(args: argparse.Namespace) -> None:
    """Write the manifest."""
    text = manifest.describe(
        args.study,
        args.ends,
        args.output.parent,
        config=args.config,
        engine=args.engine,
        project=args.project,
        records=args.records,
        digests=args.digests,
        identify=args.identify,
        full_paths=args.full_paths,
    )
    write_text(args.output, text)
    write_json(args.record, {"made": {"manifest": sha256_of(args.output)}})
    cli.log.info("%s", args.output)


if __name__ == "__main__":
    cli.main(arguments(), run)

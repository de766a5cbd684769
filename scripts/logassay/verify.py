"""What in a results folder should not be trusted: damage, and what was made from something that is no longer there.

Files are compared with their seals, with the records beside them of what was made from what, with the manifests of
studies, and with what is remembered of the user's files. Whether code or configuration changed is for Snakemake to say.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from logassay.cli import progress
from logassay.digest import stamp_of
from logassay.errors import UserError
from logassay.files import MARKS, check, read_json, sha256_of

MANIFEST = "ro-crate-metadata.json"
PLACES = {
    "raw": ["raw.log"],
    "labels": ["labels.csv"],
    "kinds": ["kinds.csv"],
    "sequences": ["sequences.parquet", "adopted.parquet"],
    "checkpoint": ["checkpoints/epoch_{epoch}.pt", "checkpoints/epoch_{epoch}.npz"],
    "previous": ["checkpoints/epoch_{before}.pt"],
    "scores": ["scores/epoch_{epoch}.parquet"],
    "mutated": ["pseudo/{ratio}/mutated.parquet"],
    "mutated_scores": ["pseudo/{ratio}/scores/epoch_{epoch}.parquet"],
}
"""Where the file of a role lies, in the folder of the record that names the role or above; others are ROLE.parquet."""
LEFTOVER = re.compile(r"\..+\.(part|pieces)")
"""Names of temporary files and folders."""


FOLLOWS = "it is made from what will be made anew"
STATUS = {
    "missing": "it is missing",
    "ok": FOLLOWS,
    "params changed": "it was made by other code, or with other settings",
    "set of input files changed": "it was made from other files",
    "updated input files": "it is older than what it is made from",
}
"""What Snakemake says of a file, in words."""


@dataclass(frozen=True)
class Finding:
    """What is wrong with a file.

    Attributes
    ----------
    path : str
        The file.
    reason : str
        What is wrong.
    remedy : "rebuild", "delete" or "restore"
        Make it anew, or delete it, or put the user's own copy back.
    """

    path: str
    reason: str
    remedy: str


def walk(results: Path) -> list[Finding]:
    """Look through a results folder; a file is named once, and not for what it was made from, if that is named."""
    found: dict[str, Finding] = {}
    for look in (damaged, miswritten, unlisted, given):
        for finding in look(results):
            found.setdefault(finding.path, finding)
    for finding in (*mismatched(results, set(found)), *leftovers(results)):
        found.setdefault(finding.path, finding)
    return list(found.values())


def damaged(results: Path) -> Iterator[Finding]:
    """Compare every sealed file with its seal."""
    sealed = [path for path in _files(results) if path.suffix in MARKS and path.name != MANIFEST]
    for path in progress(sealed, "Checking files"):
        try:
            check(path)
        except UserError as error:
            yield Finding(str(path), _reason(error), "rebuild")


def miswritten(results: Path) -> Iterator[Finding]:
    """Compare files with the records of what was made."""
    for record, facts in _records(results):
        made = dict(facts.get("made", {}))
        if "checkpoint_sha256" in facts:
            made["checkpoint"] = facts["checkpoint_sha256"]
        for _, path, digest in _located(record, results, made):
            if sha256_of(path) != digest:
                yield Finding(str(path), f"its content does not match the checksum in {record.name}", "rebuild")


def mismatched(results: Path, known: Set[str]) -> Iterator[Finding]:
    """Compare files with the records of what something was made from; those `known` to be wrong are left out."""
    for record, facts in _records(results):
        for role, path, digest in _located(record, results, facts.get("made_from", {})):
            if str(path) not in known and sha256_of(path) != digest:
                yield Finding(str(record), f"it was made from another {role} than {path}", "rebuild")


def unlisted(results: Path) -> Iterator[Finding]:
    """Compare files with the manifests of the studies that they belong to."""
    for manifest in sorted(results.glob(f"studies/*/{MANIFEST}")):
        try:
            entities = json.loads(manifest.read_bytes())["@graph"]
            listed = {each["@id"]: each["sha256"] for each in entities if "sha256" in each}
        except (OSError, ValueError, KeyError, TypeError):
            yield Finding(str(manifest), "it is no readable manifest", "rebuild")
            continue
        for name, digest in listed.items():
            path = Path(os.path.normpath(manifest.parent / unquote(name)))
            if not name.startswith("#") and path.is_file() and sha256_of(path) != digest:
                yield Finding(str(path), f"its content does not match the checksum in {manifest}", "rebuild")


def given(results: Path) -> Iterator[Finding]:
    """Compare the user's files that look untouched with what they were when they were read."""
    cache = results / "cache" / "input_digests.json"
    try:
        known = read_json(cache)
    except UserError:
        return
    for name, entry in known.items():
        path = Path(name)
        if path.is_file() and stamp_of(path) == entry["stamp"] and sha256_of(path) != entry["sha256"]:
            reason = "its content is another than when it was read, although its size and time are the same"
            yield Finding(name, reason, "restore")


def leftovers(results: Path) -> Iterator[Finding]:
    """Find what killed jobs left."""
    for path in sorted(results.rglob(".*")):
        if LEFTOVER.fullmatch(path.name):
            yield Finding(str(path), "it is a temporary file of a job that was killed or still runs", "delete")


def plan(command: Sequence[str]) -> dict[str, str | None]:
    """Ask Snakemake why it would make files of the study anew; None where it would not.

    Parameters
    ----------
    command : sequence of str
        Snakemake with the options that the study is run with.

    Raises
    ------
    UserError
        If Snakemake cannot plan the study.
    """
    done = subprocess.run([*command, "--summary"], capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr + done.stdout).strip().splitlines() or ["it said nothing"]
        raise UserError(f"Snakemake cannot plan the study: {said[-1].strip()}")
    heading, *lines = [line.split("\t") for line in done.stdout.splitlines()]
    rows = [dict(zip(heading, line, strict=True)) for line in lines]
    return {
        row["output_file"]: None if row["plan"] == "no update" else STATUS.get(row["status"], row["status"])
        for row in rows
    }


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))


def _records(results: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield every readable JSON file of a run."""
    for path in _files(results / "runs"):
        if path.suffix == ".json":
            with suppress(UserError):  # told by `damaged`
                yield path, read_json(path)


def _located(record: Path, results: Path, digests: Mapping[str, str]) -> Iterator[tuple[str, Path, str]]:
    """Find the files that a record speaks of; those of the user have no place in the results."""
    number = re.fullmatch(r"(?:evaluation_results_)?epoch_(\d+)", record.stem)
    epoch = int(number[1]) if number else 0
    ratio = next((part for part in record.parts if part.startswith("ratio=")), "")
    folders = [folder for folder in record.parents if folder.is_relative_to(results)]
    for role, digest in digests.items():
        names = [
            name.format(epoch=epoch, before=epoch - 1, ratio=ratio) for name in PLACES.get(role, [f"{role}.parquet"])
        ]
        path = next((folder / name for folder in folders for name in names if (folder / name).is_file()), None)
        if path is not None:
            yield role, path, digest


def _reason(error: UserError) -> str:
    """Return what an error of reading a file says in its brackets."""
    said = re.search(r"\((.*)\)", str(error))
    return said[1] if said else str(error)

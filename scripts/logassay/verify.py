"""What in a results folder should not be trusted: damage, and what was made from something that is no longer there.

Files are compared with their seals, with the records beside them of what was made from what, with the manifests of
studies, and with what is remembered of the user's files. Whether code or configuration changed is for Snakemake to say.
"""

import errno
import fcntl
import itertools
import os
import re
import subprocess
from collections.abc import Container, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from logassay.cli import progress
from logassay.digest import stamp_of
from logassay.errors import UserError
from logassay.files import MARKS, check, parse_json, read_json, sha256_of
from logassay.manifest import MANIFEST, RECORD, Records
from logassay.resume import LEFTOVER, below

CACHE = "cache/input_digests.json"
"""Below the results: what is remembered of the user's files."""
CACHES = (CACHE, "cache/code_digests.json")
"""What one start of Snakemake remembers for the next: no job makes it, and all can do without."""
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
FOLLOWS = "it is made from what will be made anew"
ERROR = re.compile(r"^[\w.]*(?:Error|Exception)(?: in .*)?:(?= |$)", re.MULTILINE)
"""How Snakemake begins to tell an error."""
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
    remedy : "rebuild", "delete", "restore", "keep" or "rerun"
        Make it anew, or delete it, or put the user's own copy back; or it is the user's and stays; or it is a manifest
        that is out of date, and nothing is wrong but for who needs that study.
    """

    path: str
    reason: str
    remedy: str


@dataclass(frozen=True)
class Record:
    """What a JSON file of a run says of what was made from what: SHA-256 by role."""

    path: Path
    made: Mapping[str, str]
    made_from: Mapping[str, str]


@dataclass(frozen=True)
class Listing:
    """What a manifest says: the SHA-256 of files, and of each job the files that it read or made, and those it made."""

    manifest: Path
    digests: Mapping[Path, str]
    jobs: Sequence[tuple[Set[Path], Set[Path]]]


def walk(results: Path) -> list[Finding]:
    """Look through a results folder; a file is named once, and not for what it was made from, if that is named."""
    records, odd = _records(results)
    found: dict[str, Finding] = {}
    for look in (damaged(results), odd, miswritten(results, records), given(results)):
        for finding in look:
            found.setdefault(finding.path, finding)
    for finding in (*unlisted(results, set(found)), *mismatched(results, records, set(found)), *leftovers(results)):
        found.setdefault(finding.path, finding)
    return list(found.values())


def damaged(results: Path) -> Iterator[Finding]:
    """Compare every sealed file with its seal."""
    files = [path for folder in ("cache", "runs", "studies") for path in _files(results / folder)]
    for path in progress([each for each in files if each.suffix in MARKS and each.name != MANIFEST], "Checking files"):
        try:
            check(path)
        except UserError as error:
            made = path.relative_to(results).as_posix() not in CACHES
            yield from _told(path, error, "rebuild" if made else "delete")


def miswritten(results: Path, records: Sequence[Record]) -> Iterator[Finding]:
    """Compare files with the records of what was made."""
    for record in records:
        for _, path, digest in _located(record.path, results, record.made):
            found = _digest(path, "rebuild")
            if isinstance(found, Finding):
                yield found
            elif found not in (None, digest):
                yield Finding(str(path), f"its content does not match the checksum in {record.path.name}", "rebuild")


def mismatched(results: Path, records: Sequence[Record], known: Set[str]) -> Iterator[Finding]:
    """Compare files with the records of what something was made from; those `known` to be wrong are left out."""
    for record in records:
        for role, path, digest in _located(record.path, results, record.made_from):
            found = None if str(path) in known else _digest(path, "rebuild")
            if isinstance(found, Finding):
                yield found
            elif found not in (None, digest):
                yield Finding(str(record.path), f"it was made from another {role} than {path}", "rebuild")


def unlisted(results: Path, known: Set[str]) -> Iterator[Finding]:
    """Compare files with the manifests of the studies that they belong to; those `known` to be wrong are left out.

    Studies share files. One that holds another content than a manifest says is not damaged if its seal is whole, or if
    another manifest says just that, or if other files of its job are in that state: then it was made anew, and the
    manifest is out of date.
    """
    listings: list[Listing] = []
    for manifest in filter(_there, (folder / MANIFEST for folder in sorted(results.glob("studies/*")))):
        listing = _listing(manifest, results)
        if isinstance(listing, Listing):
            listings.append(listing)
        elif listing:
            yield listing
    for listing in listings:
        study = f"the study {listing.manifest.parent.name}"
        changed: dict[Path, str] = {}
        made: set[Path] = set()
        for path, digest in listing.digests.items():
            if str(path) in known:
                continue
            ours = any(_within(path, outputs) for _, outputs in listing.jobs)
            found = _digest(path, "rebuild" if ours else "restore")
            if isinstance(found, Finding):
                yield found
            elif found not in (None, digest):
                changed[path] = found
                made |= {path} if ours else set()
        anew = {path for path in made if path.suffix in MARKS}
        for path in sorted(changed.keys() - anew):
            if path not in made:
                reason = f"it is not the file that {study} was run on; run that again if the change is meant"
                yield Finding(str(path), reason, "keep")
            elif any(other.digests.get(path) == changed[path] for other in listings) or any(
                _within(path, outputs) and any(_within(each, files) for each in made if each.suffix in MARKS)
                for files, outputs in listing.jobs
            ):
                anew.add(path)
            else:
                reason = f"its content does not match the checksum in {listing.manifest}"
                yield Finding(str(path), reason, "rebuild")
        if anew:
            reason = f"of the files in it {len(anew)} were made anew since, such as {min(anew)}; run {study} again"
            yield Finding(str(listing.manifest), reason, "rerun")


def _listing(manifest: Path, results: Path) -> Listing | Finding | None:
    """Read a manifest, which is compared with the record of its checksum; files outside of this folder are left out.

    None if it is gone.
    """
    record = manifest.with_name(RECORD)
    digest = _digest(manifest, "rebuild")
    if not isinstance(digest, str):
        return digest
    try:
        if read_json(record) != {"made": {"manifest": digest}}:
            return Finding(str(manifest), f"its content does not match the checksum in {RECORD}", "rebuild")
    except (OSError, UserError) as error:
        return next(_told(record, error, "rebuild"), Finding(str(record), _reason(error), "rebuild"))
    base, here = results.resolve(), Path.cwd()

    def place(name: str) -> Path | None:
        path = (manifest.parent / unquote(name)).resolve()
        if path.is_relative_to(base):
            return results / path.relative_to(base)
        return path.relative_to(here) if path.is_relative_to(here) else None

    def places(entity: Mapping[str, Any], *keys: str) -> set[Path]:
        values = [entity.get(key, []) for key in keys]
        named = [each["@id"] for value in values for each in (value if isinstance(value, list) else [value])]
        return {path for name in named if not name.startswith("#") and (path := place(name))}

    try:
        entities = parse_json(manifest.read_bytes())["@graph"]
        digests = {
            path: str(each["sha256"])
            for each in entities
            if "sha256" in each and not each["@id"].startswith("#") and (path := place(each["@id"])) and _there(path)
        }
        actions = [each for each in entities if each["@id"].startswith("#job/") and each["@type"] == "CreateAction"]
        jobs = [(places(each, "object", "result"), places(each, "result")) for each in actions]
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError):
        return Finding(str(manifest), "it is no readable manifest", "rebuild")
    return Listing(manifest, digests, jobs)


def _within(path: Path, places: Set[Path]) -> bool:
    """Whether a file is among these files and folders, or in one of the folders."""
    return not places.isdisjoint((path, *path.parents))


def given(results: Path) -> Iterator[Finding]:
    """Compare the user's files that look untouched with what they were when they were read."""
    cache = results / CACHE
    try:
        known = {Path(name): (entry["stamp"], entry["sha256"]) for name, entry in read_json(cache).items()}
        present = [path for path in known if _there(path)]
    except (UserError, FileNotFoundError):  # missing, or told by `damaged`
        return
    except (OSError, ValueError, KeyError, TypeError):
        yield Finding(str(cache), "it is not what LogAssay remembers of files", "delete")
        return
    for path in present:
        stamp, digest = known[path]
        try:
            other = stamp_of(path) == stamp and sha256_of(path) != digest
        except (OSError, UserError) as error:
            yield from _told(path, error, "restore")
            continue
        if other:
            reason = "its content is another than when it was read, although its size and time are the same"
            yield Finding(str(path), reason, "restore")


def leftovers(results: Path) -> Iterator[Finding]:
    """Find what killed jobs left."""
    for path in sorted(map(Path, below(results, []))):
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
        raise UserError(f"Snakemake cannot plan the study: {_sentence(done.stderr or done.stdout)}")
    heading, *lines = [line.split("\t") for line in done.stdout.splitlines()]
    rows = [dict(zip(heading, line, strict=True)) for line in lines]
    return {
        row["output_file"]: None if row["plan"] == "no update" else STATUS.get(row["status"], row["status"])
        for row in rows
    }


def _sentence(said: str) -> str:
    """Return what the error says with which Snakemake ended, without its kind, and where in the code it was."""
    begin = max((heading.end() for heading in ERROR.finditer(said)), default=said.rstrip().rfind("\n") + 1)
    lines = itertools.takewhile(lambda line: not line.startswith('  File "'), said[begin:].splitlines())
    return " ".join(filter(None, map(str.strip, lines))) or "it said nothing"


def at_work(results: Path, locks: Path) -> bool:
    """Whether a run is at work in this folder, or may be on another machine; see `resume.begin`."""
    try:
        with (results / "cache" / "running").open("r+b") as note:
            fcntl.flock(note, fcntl.LOCK_EX | fcntl.LOCK_NB)
            hosts = {line.decode(errors="replace").partition(" ")[0] for line in note.read().splitlines()}
    except (BlockingIOError, PermissionError):  # the latter: a colleague's note, of whom nothing is known
        return True
    except OSError:
        return False
    return bool(hosts - {os.uname().nodename}) and any(locks.glob("*.lock"))


def to_delete(finding: Finding, results: Path, outputs: Container[str], records: Records) -> str | None:
    """Return what can be deleted without a loss: the file, or the folder that a job made it in; None if nothing can.

    Parameters
    ----------
    finding : Finding
        What is wrong with it.
    results : Path
        Folder of results, as seen from the working folder.
    outputs : container of str
        What jobs of the study make.
    records : Records
        Which files were made by jobs, of whatever study.
    """
    place = Path(finding.path)
    if ".." in place.parts or results not in place.parents:
        return None
    if not place.exists() or results.resolve() not in place.resolve().parents:
        return None
    if finding.remedy == "delete":
        return finding.path
    above = [str(path) for path in (place, *place.parents) if results in path.parents]
    return next((path for path in above if path in outputs or records.of(path)), None)


def _files(folder: Path) -> list[Path]:
    paths = [Path(entry) for entry in below(folder, []) if not entry.name.startswith(".")]
    return sorted(filter(_there, paths))


def _records(results: Path) -> tuple[list[Record], list[Finding]]:
    """Read every JSON file of a run; those that are none of LogAssay's are told."""
    records: list[Record] = []
    odd: list[Finding] = []
    for path in _files(results / "runs"):
        if path.suffix == ".json":
            try:
                facts = read_json(path)
            except (OSError, UserError) as error:
                odd.extend(_told(path, error, "rebuild"))
                continue
            made, made_from = facts.get("made", {}), facts.get("made_from", {})
            if "checkpoint_sha256" in facts and isinstance(made, dict):
                made = {**made, "checkpoint": facts["checkpoint_sha256"]}
            if _is_digests(made) and _is_digests(made_from):
                records.append(Record(path, made, made_from))
            else:
                odd.append(Finding(str(path), "what it says of its making is no list of checksums", "rebuild"))
    return records, odd


def _is_digests(value: Any) -> bool:
    return isinstance(value, dict) and all(
        re.fullmatch(r"\w{1,64}", role) and isinstance(digest, str) for role, digest in value.items()
    )


def _located(record: Path, results: Path, digests: Mapping[str, str]) -> Iterator[tuple[str, Path, str]]:
    """Find the files that a record speaks of; those of the user have no place in the results."""
    number = re.fullmatch(r"(?:evaluation_results_)?epoch_(\d{1,9})", record.stem)
    epoch = int(number[1]) if number else 0
    ratio = next((part for part in record.parts if part.startswith("ratio=")), "")
    folders = [folder for folder in record.parents if folder.is_relative_to(results)]
    for role, digest in digests.items():
        names = [
            name.format(epoch=epoch, before=epoch - 1, ratio=ratio) for name in PLACES.get(role, [f"{role}.parquet"])
        ]
        path = next((folder / name for folder in folders for name in names if _there(folder / name)), None)
        if path is not None:
            yield role, path, digest


def _there(path: Path) -> bool:
    """Whether a file is there; what the system does not let us look at is told when it is read."""
    try:
        return path.is_file()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise
        return True


def _digest(path: Path, remedy: str) -> str | Finding | None:
    """Return the SHA-256 of a file, or what is wrong if it cannot be read; None if it is gone meanwhile."""
    try:
        return sha256_of(path)
    except UserError as error:
        return next(_told(path, error, remedy), None)


def _told(path: Path, error: UserError | OSError, remedy: str) -> Iterator[Finding]:
    """Say what is wrong with a file, by the error of reading it; nothing if it is gone meanwhile."""
    # What the system said is kept with the error that was made of it.
    cause = error if isinstance(error, OSError) else error.__context__
    if isinstance(cause, PermissionError):
        yield Finding(str(path), f"it cannot be read ({cause.strerror}); make it readable", "keep")
    elif isinstance(cause, OSError):
        if not isinstance(cause, FileNotFoundError):
            yield Finding(str(path), f"it cannot be read ({cause.strerror})", remedy)
    else:
        yield Finding(str(path), _reason(error), remedy)


def _reason(error: Exception) -> str:
    """Return what an error of reading a file says in its brackets."""
    said = re.search(r"\((.*)\)", str(error))
    return said[1] if said else str(error)

"""What a study consists of and how it came about, as an RO-Crate: every file with its digest, every job with its cost.

The jobs are those that Snakemake recorded, followed back from the study's tables and reports to the raw log. Terms are
those of RO-Crate 1.1 and, for jobs, of Process Run Crate 0.5 (https://w3id.org/ro/wfrun/process/0.5).
"""

import base64
import csv
import getpass
import json
import os
import platform
import re
import socket
import subprocess
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

from rocrate.model import ContextEntity, Dataset, Entity, File
from rocrate.rocrate import ROCrate

from logassay.digest import file_digest
from logassay.files import read_json, result_digest
from logassay.sources import is_outside, shown

MANIFEST = "ro-crate-metadata.json"
RECORD = "manifest.json"
"""Beside a manifest: its SHA-256, sealed, for JSON-LD has no room for the seal of other JSON files."""
PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
TERMS = "https://w3id.org/ro/terms/workflow-run/context"
MIT = "https://spdx.org/licenses/MIT"
USAGE = {
    "s": ("wall time", "https://schema.org/duration", "SEC"),
    "cpu_time": ("CPU time", "https://schema.org/processingTime", "SEC"),
    "max_rss": ("peak memory", "https://schema.org/memoryRequirements", "MegaBYTE"),
}
"""Columns of a benchmark that are reported: what it is, the property, and the unit in QUDT."""
MEDIA_TYPES = {
    ".arrow": "application/vnd.apache.arrow.stream",
    ".css": "text/css",
    ".csv": "text/csv",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".log": "text/plain",
    ".md": "text/markdown",
    ".npz": "application/zip",
    ".parquet": "application/vnd.apache.parquet",
    ".png": "image/png",
    ".txt": "text/plain",
    ".yaml": "application/yaml",
}
RESULT_CODE = ("Snakefile", "workflow", "scripts", "config", "envs", "requirements.lock")
"""What decides on results, and is therefore looked at for changes that are not committed."""

BUNDLE = "bundle/bundle.json"
"""What an unpacked bundle says of itself (see `logassay.bundle`)."""
PATHS = frozenset({"file", "local", "kinds", "intervals", "vectors"})
"""Keys of a dataset or a model that name files."""


@dataclass(frozen=True)
class Job:
    """One job as Snakemake recorded it."""

    name: str
    rule: str
    script: str
    code: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    started: float
    ended: float
    benchmark: Path


class Records:
    """Snakemake's records of how files were made, one JSON file for each in the folder `.snakemake/metadata`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._longest = os.pathconf(folder, "PC_NAME_MAX") - 1 if folder.is_dir() else 254

    def of(self, path: str) -> dict[str, Any] | None:
        """Return the record of a file, or None if no job made it."""
        name = base64.urlsafe_b64encode(path.encode()).decode()
        # As Snakemake cuts names that the file system would not take.
        parts = [name[start : start + self._longest] for start in range(0, len(name), self._longest)]
        place = self._folder.joinpath(*(f"@{part}" for part in parts[:-1]), parts[-1])
        try:
            record = json.loads(place.read_bytes())
        except (OSError, ValueError):
            return None
        return record if isinstance(record, dict) and record.get("rule") else None


def history(ends: Iterable[str], records: Records) -> tuple[list[Job], list[str]]:
    """Follow files back through the jobs that made them.

    Returns
    -------
    list of Job
        All of them, in the order in which they ended.
    list of str
        The files that no job made, by name: of the user's, or of the project.
    """
    made: dict[str, dict[str, Any]] = {}
    outputs: dict[str, list[str]] = {}
    given: set[str] = set()
    waiting = list(ends)
    while waiting:
        path = waiting.pop()
        if path in given or path in made:
            continue
        record = records.of(path)
        if record is None:
            given.add(path)
            continue
        made[path] = record
        outputs.setdefault(_name(record, path), []).append(path)
        waiting += record["input"] or []
    jobs = [_job(name, sorted(paths), made[min(paths)]) for name, paths in outputs.items()]
    return sorted(jobs, key=lambda job: (job.ended, job.name)), sorted(given)


def _name(record: Mapping[str, Any], path: str) -> str:
    """Name a job by its log file, which no other job has."""
    logs = record["log"] or [path]
    return str(logs[0]).removeprefix("results/logs/").removesuffix(".log")


def _job(name: str, outputs: list[str], record: Mapping[str, Any]) -> Job:
    texts = [str(value).strip("'") for value in record["params"]]
    scripts = [Path(text).name for text in texts if re.fullmatch(r"(?:.*/)?scripts/\w+\.py", text)]
    codes = [text for text in texts if re.fullmatch("[0-9a-f]{16}", text)]
    return Job(
        name=name,
        rule=record["rule"],
        script=scripts[0] if scripts else record["rule"],
        code=codes[0] if codes else "",
        inputs=tuple(sorted(record["input"] or [])),
        outputs=tuple(outputs),
        started=record["starttime"],
        ended=record["endtime"],
        benchmark=Path("results/benchmarks", f"{name}.tsv"),
    )


def machine() -> dict[str, Any]:
    """Return what this machine is made of; neither its name nor its user's."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").is_file() else ""
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    system = platform.freedesktop_os_release()["PRETTY_NAME"] if Path("/etc/os-release").is_file() else ""
    return {
        "processor": model[1] if model else platform.machine(),
        "cores": os.cpu_count(),
        "memory_mb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e6),
        "system": " ".join(filter(None, (platform.system(), platform.release(), platform.machine(), system))),
    }


def installed(packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of Python and of those of the packages that are installed."""
    found = {"python": platform.python_version()}
    for name in packages:
        with suppress(metadata.PackageNotFoundError):  # a conda environment holds what its jobs need
            found[name] = metadata.version(name)
    return found


def revision(project: Path) -> tuple[str | None, list[str]]:
    """Return the git commit of the project and the files whose changes are not committed; None outside git."""

    def git(*arguments: str) -> str | None:
        command = ["git", "-C", str(project), *arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError:
            return None
        return done.stdout if done.returncode == 0 else None

    # A copy of the project inside another repository has no commit of its own.
    commit = git("rev-parse", "HEAD") if git("ls-files", "--error-unmatch", "Snakefile") else None
    if commit is None:
        return None, []
    changed = git("status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", *RESULT_CODE) or ""
    return commit.strip(), sorted(line[3:] for line in changed.split("\0") if line)


def public(config: Any, key: str = "") -> Any:
    """Return a configuration in which files that lie outside of the working folder go by their name alone."""
    if isinstance(config, Mapping):
        return {name: public(value, name) for name, value in config.items()}
    if isinstance(config, list):
        return [public(each, key) for each in config]
    if not config or not isinstance(config, str):
        return config
    path = config if key in PATHS else local_path(config) if key == "url" else None
    return shown(path) if path else config


def local_path(url: str) -> str | None:
    """Return the path that an address of a file on this machine names; None for other addresses."""
    parts = urlsplit(url)
    return url2pathname(parts.path) if parts.scheme == "file" else None


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each setting of a configuration with its dotted path; lists are settings as a whole."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    else:
        yield path, value


def setting(value: Any) -> Any:
    """Return a setting as it stands in a manifest: text, numbers and truth values as they are, other values as JSON."""
    return value if isinstance(value, str | int | float) else json.dumps(value, ensure_ascii=False)


class Manifest:
    """The crate of one study, filled piece by piece.

    Parameters
    ----------
    study : str
        Name of the study.
    home : Path
        Folder of the crate; files go by their paths relative to it.
    digests : Path
        Where digests of the user's files are remembered.
    full_paths : bool
        Whether files outside of the working folder are named with their path.
    """

    def __init__(self, study: str, home: Path, digests: Path, full_paths: bool) -> None:
        self.crate = ROCrate(version="1.1")
        self.crate.metadata.extra_contexts.append(TERMS)
        self.crate.name = f"LogAssay: study {study}"
        self.crate.description = (
            f"Everything that the study '{study}' consists of, from raw log to reports: each file with its digest, and "
            "the job that made it with the code it ran and what it took. Paths outside of this folder are those of the "
            "results folder and the project that it lies in."
        )
        self._home = home
        self._digests = digests
        self._full_paths = full_paths

    def add(self, identifier: str, kind: str, **properties: Any) -> Entity:
        """Add something that is no file; what is None or an empty list is left out."""
        wanted = {name: value for name, value in properties.items() if value is not None and value != []}
        return self.crate.add(
            ContextEntity(
                self.crate, identifier, {"@type": kind, **{name: single(value) for name, value in wanted.items()}}
            )
        )

    def settings(self, prefix: str, values: Mapping[str, Any]) -> list[Entity]:
        """Add named values."""
        return [
            self.add(
                f"#{prefix}/{quote(name)}",
                "PropertyValue",
                name=name,
                value=setting(value),
            )
            for name, value in values.items()
        ]

    def file(self, path: str, made: bool) -> Entity:
        """Add a file with size and digest; of a folder, all that is in it.

        One of the user's that lies elsewhere goes by its name; one that was temporary has no digest any more.
        """
        place = Path(path)
        if not place.exists():
            return self.add(
                f"#gone/{quote(path)}", "CreativeWork", name=path, description="Temporary; removed after its use."
            )
        if place.is_dir():
            within = [each for each in sorted(place.rglob("*")) if each.is_file() and not each.name.startswith(".")]
            folder = self.crate.add(
                Dataset(self.crate, dest_path=self._relative(path), properties={"name": place.name})
            )
            if within:
                folder["hasPart"] = single([self.file(str(each), made) for each in within])
            return folder
        facts = {
            "name": place.name,
            "contentSize": str(place.stat().st_size),
            "encodingFormat": MEDIA_TYPES.get(place.suffix, "application/octet-stream"),
            "sha256": result_digest(place) if made else file_digest(place, self._digests),
        }
        if is_outside(path):
            where = path if self._full_paths else None
            identifier = f"#input/{quote(place.name)}/{facts['sha256'][:16]}"
            return self.add(identifier, "CreativeWork", alternateName=where, **facts)
        return self.crate.add(File(self.crate, dest_path=self._relative(path), properties=facts))

    def _relative(self, path: str) -> str:
        return os.path.relpath(path, self._home)

    def packages(self, found: Mapping[str, Iterable[str]]) -> list[Entity]:
        """Add packages in all versions that had a part in the study."""
        return [
            self.add(
                f"https://pypi.org/project/{name}/{version}/" if name != "python" else f"#python/{version}",
                "SoftwareApplication",
                name=name,
                softwareVersion=version,
                url=f"https://pypi.org/project/{name}/" if name != "python" else "https://www.python.org/",
            )
            for name, numbers in sorted(found.items())
            for version in sorted(numbers)
        ]

    def job(self, job: Job, files: Mapping[str, Entity]) -> Entity:
        """Add a job with the script that it ran, what it read and made, and what it took."""
        script = self.add(
            f"#script/{job.script}/{job.code}",
            "SoftwareApplication",
            name=job.script,
            version=job.code,
            description="The version is a digest of the code, with all that the script imports from the project.",
            isPartOf={"@id": "#workflow"},
            license={"@id": MIT},
        )
        identifier = f"#job/{quote(job.name, safe='/=')}"
        return self.add(
            identifier,
            "CreateAction",
            name=f"{job.rule}: {job.name}",
            description=f"A job of the rule {job.rule}.",
            instrument=script,
            object=[files[path] for path in job.inputs],
            result=[files[path] for path in job.outputs],
            startTime=_iso(job.started),
            endTime=_iso(job.ended),
            actionStatus="http://schema.org/CompletedActionStatus",
            resourceUsage=[
                self.add(
                    f"{identifier}/{column}",
                    "PropertyValue",
                    name=USAGE[column][0],
                    propertyID=USAGE[column][1],
                    unitCode=f"https://qudt.org/vocab/unit/{USAGE[column][2]}",
                    value=value,
                )
                for column, value in benchmark(job.benchmark).items()
            ],
        )


def single(value: Any) -> Any:
    """Return the one item of a list, as JSON-LD writes it, and other values as they are."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def benchmark(path: Path) -> dict[str, float]:
    """Return what a job took, by the columns of `USAGE`; what was not measured is left out."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as stream:
        row = next(csv.DictReader(stream, delimiter="\t"), {})
    found = {}
    for column in USAGE:
        try:
            found[column] = float(row[column])
        except (KeyError, TypeError, ValueError):
            continue  # Snakemake writes NA for what ended before it was looked at
    return found


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _licence(manifest: Manifest, config: Mapping[str, Any]) -> Entity:
    if all("simulate" in entry["source"] for entry in config["datasets"].values()):
        return manifest.add(MIT, "CreativeWork", name="MIT License", description="Of the software and the made-up log.")
    manifest.add(MIT, "CreativeWork", name="MIT License", description="Of the software.")
    return manifest.add(
        "#licence",
        "CreativeWork",
        name="That of the logs",
        description="The software is under the MIT License; its results are made from logs with licences of their own.",
    )


def _versions(project: Path, outputs: Sequence[str]) -> dict[str, set[str]]:
    """Collect versions: of the packages that are installed here, and of those that trained and fitted."""
    described = project / "pyproject.toml"
    needed = (
        tomllib.loads(described.read_text(encoding="utf-8"))["project"]["dependencies"] if described.is_file() else []
    )
    names = [re.split("[=<>~ ]", each)[0] for each in needed]
    found = {name: {version} for name, version in installed(names).items()}
    for path in outputs:
        if Path(path).parent.name == "checkpoints" and path.endswith(".json"):
            for name, version in read_json(Path(path)).get("versions", {}).items():
                found.setdefault(name, set()).update([version] if version else [])
    return found


def describe(
    study: str,
    ends: Sequence[str],
    home: Path,
    *,
    config: Mapping[str, Any],
    engine: str,
    project: Path,
    records: Path,
    digests: Path,
    identify: bool,
    full_paths: bool,
) -> str:
    """Return the manifest of a study as JSON-LD.

    Parameters
    ----------
    study : str
        Its name.
    ends : sequence of str
        The files that it ends with: tables, verdicts, reports.
    home : Path
        Folder of the manifest.
    config : mapping
        The resolved configuration, of what the study uses.
    engine : str
        Version of Snakemake.
    project : Path
        Folder of the Snakefile.
    records : Path
        Folder of Snakemake's records.
    digests : Path
        Where digests of the user's files are remembered.
    identify : bool
        Whether the names of the machine and its user are told.
    full_paths : bool
        Whether files outside of the working folder are named with their path.
    """
    jobs, given = history(ends, Records(records))
    manifest = Manifest(study, home, digests, full_paths)
    crate = manifest.crate
    crate.license = _licence(manifest, config)
    profile = manifest.add(PROFILE, "CreativeWork", name="Process Run Crate", version="0.5")
    crate.root_dataset["conformsTo"] = profile
    made = sorted(path for job in jobs for path in job.outputs)
    files = {path: manifest.file(path, made=True) for path in made}
    files |= {path: manifest.file(path, made=False) for path in given}
    packages = manifest.packages({**_versions(project, made), "snakemake": {engine}})
    commit, changes = revision(project)
    state: dict[str, Any] = {"git commit": commit or "none: this is no git checkout"}
    state |= {"changes that are not committed": changes or "none"} if commit else {}
    if (project / BUNDLE).is_file():
        origin = json.loads((project / BUNDLE).read_bytes())
        state |= {"git commit of the bundle": origin["commit"], "changes in the bundle": origin["changes"] or "none"}
    hardware = machine() | ({"host": socket.gethostname()} if identify else {})
    workflow = manifest.add(
        "#workflow",
        "SoftwareApplication",
        name="LogAssay",
        description="A Snakemake workflow that puts log anomaly detectors to the test.",
        version=commit or "unknown",
        license={"@id": MIT},
        softwareRequirements=packages,
        additionalProperty=manifest.settings("git", state),
    )
    computer = manifest.add(
        "#machine",
        "IndividualProduct",
        name="The machine on which this manifest was written",
        additionalProperty=manifest.settings("machine", hardware),
    )
    actions = [manifest.job(job, files) for job in jobs]
    run = manifest.add(
        "#run",
        "CreateAction",
        name=f"The run of the study {study}",
        description="Its settings are objects of this action. It began with the first job that is still valid.",
        instrument=workflow,
        location=computer,
        agent=manifest.add("#user", "Person", name=getpass.getuser()) if identify else None,
        object=manifest.settings("config", dict(leaves(config if full_paths else public(config))))
        + [files[path] for path in given],
        result=[files[path] for path in ends],
        startTime=_iso(min(job.started for job in jobs)) if jobs else None,
        endTime=_iso(max(job.ended for job in jobs)) if jobs else None,
    )
    crate.root_dataset["mentions"] = [run, *actions]
    return json.dumps(crate.metadata.generate(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

"""A study as one file that reproduces its tables elsewhere: packing it, and comparing what came out there.

The file is an archive of the project as it lies here, the study with all its settings, the user's logs and labels, and
the tables that are expected. The same study gives the same bytes.
"""

import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO
from urllib.parse import unquote

import polars as pl
import yaml

from logassay.compare import SECTION
from logassay.errors import UserError, harmless
from logassay.files import atomic_path, read_json, sha256_of
from logassay.manifest import BUNDLE, MANIFEST, installed, leaves, local_path, machine, public, revision, setting
from logassay.sources import is_outside, log_files, own_files, shown
from logassay.versions import PACKAGES

TABLES = ("comparison.md", "comparison.csv", "comparison.parquet")
PROJECT = (
    *("CHANGELOG.md", "CITATION.cff", "LICENSE", "Makefile", "README.md", "Snakefile", "pyproject.toml"),
    *("requirements.lock", "config", "envs", "scripts", "tests", "workflow"),
)
"""What the project consists of, where git does not say it."""
CODE = ("scripts", "workflow", "envs")
"""Folders of which files belong to the project even if git does not know them yet, such as a model of one's own."""
FOLDER = Path("bundle")
"""Where an unpacked bundle keeps what is not the project's."""
INPUTS = FOLDER / "inputs"
EXPECTED = FOLDER / "expected"
STUDY = FOLDER / "study.yaml"
FACTS = Path(BUNDLE)
WHEN = 315_532_800
"""Time of all files in a bundle: the start of 1980, before which some programs know no time."""
ROWS = (*SECTION, "sample_size", "model", "epoch", "seed")
"""Columns that name a row of a table."""
SHOWN = 5
"""So many differences are told one by one."""

README = """# {name}: how to make its tables anew

This folder holds LogAssay as it was (commit {commit}{changes}), the study `{study}` with all its settings
(`bundle/study.yaml`), {inputs}, and the tables that it gave (`bundle/expected/`).

    make reproduce

sets up an environment in `.venv`, runs the study from raw log to reports, and compares its tables with the expected
ones. It needs Python 3.11 or newer{downloads}. `make reproduce PYTHON=python3.12` takes another Python, `VENV=folder`
an environment that exists.

The tables have to be the same in every cell, but for the columns of time and memory that a run took. The last digits of
trained models may depend on the processor and on versions; then the rows and columns that differ are named. The results
here were made on {machine}, with {versions}.

`bundle/expected/{manifest}` is the manifest of those results: every file, job, version and digest.
"""


@dataclass
class Pack:
    """What goes into a bundle: a study's settings with paths inside of it, and the files for these paths."""

    config: dict[str, Any]
    files: dict[str, Path] = field(default_factory=dict)
    downloads: list[dict[str, Any]] = field(default_factory=list)

    def take(self, paths: Sequence[Path], folder: str) -> list[str]:
        """Take the user's files into a folder, as they lie relative to each other; return their paths in the bundle."""
        # Without `..`, with which no archive would unpack; links stay what they are called.
        places = [Path(os.path.abspath(path)) for path in paths]
        common = os.path.commonpath([place.parent for place in places])
        names = [os.path.relpath(place, common) for place in places]
        if len(set(names)) < len(set(paths)):
            # A file in two spellings, which is read twice, or two that `..` behind a link gives one name.
            names = [f"{number}/{place.name}" for number, place in enumerate(places, 1)]
        inside = [(INPUTS / folder / name).as_posix() for name in names]
        self.files |= dict(zip(inside, paths, strict=True))
        return inside


def relocate(config: Mapping[str, Any]) -> Pack:
    """Give a study's settings paths inside a bundle.

    Simulated logs are simulated again. Downloads are fetched again; a local copy in place of one is taken along only if
    it is not, byte for byte, what would be fetched. What an address names on this machine is a file of the user's.

    Raises
    ------
    UserError
        If there is no longer such a file, or it is another one.
    """
    pack = Pack(_apart(config))
    for name, dataset in pack.config["datasets"].items():
        source, labels = dataset["source"], dataset["labels"] or {}
        own = log_files(own_files(source))
        place = local_path(source.get("url", ""))
        if place is not None:
            own = own or [_fetched(name, source, Path(place))]
            del source["url"]
        if own and not _is_download(source, own):
            inside = pack.take(own, f"{name}/log")
            source["file"] = inside[0] if len(inside) == 1 else inside
            source |= {"sha256": sha256_of(own[0]) if len(own) == 1 else None, "md5": None}
        elif "url" in source:
            source.pop("file", None)
            pack.downloads.append({"dataset": name, **{key: source[key] for key in ("url", "sha256", "md5")}})
        if source["local"]:
            source["local"] = None if is_outside(source["local"]) else shown(source["local"])
        ready = [*source.get("sessions", []), *([source["templates"]] if source["templates"] else [])]
        given = pack.take([Path(each["file"]) for each in ready], f"{name}/sequences") if ready else []
        for each, path in zip(ready, given, strict=True):
            each["file"] = path
        keys = [key for key in ("file", "intervals", "kinds") if labels.get(key)]
        given = pack.take([Path(labels[key]) for key in keys], f"{name}/labels") if keys else []
        labels |= dict(zip(keys, given, strict=True))
    for name, model in pack.config["models"].items():
        vectors = model["hyper"].get("vectors")
        if vectors and isinstance(vectors, str):
            model["hyper"]["vectors"] = pack.take([Path(vectors)], f"vectors/{name}")[0]
    return pack


def _apart(value: Any) -> Any:
    """Copy settings such that no two parts are one, as those are that a study file repeats by aliases (*name)."""
    if isinstance(value, Mapping):
        return {key: _apart(each) for key, each in value.items()}
    return [_apart(each) for each in value] if isinstance(value, list) else value


def _fetched(name: str, source: Mapping[str, Any], path: Path) -> Path:
    """Return the file that an address names on this machine, if it is still the one that was fetched."""
    if not path.is_file():
        raise UserError(
            f"datasets.{name}.source.url: there is no file '{path}' any more; put it back, or name a copy with 'local'."
        )
    if not _is_download(source, [path]):
        raise UserError(
            f"datasets.{name}.source.url: '{path}' has another checksum than the one given; put the file back that has "
            "it, or correct the checksum and run the study again."
        )
    return path


def _is_download(source: Mapping[str, Any], own: Sequence[Path]) -> bool:
    """Whether the file that is read in place of a download is what the download would be."""
    if "url" not in source or len(own) != 1:
        return False
    if source["sha256"]:
        return bool(sha256_of(own[0]) == source["sha256"])
    with own[0].open("rb") as stream:
        return bool(hashlib.file_digest(stream, "md5").hexdigest() == source["md5"])


def project_files(root: Path) -> list[str]:
    """Return the files of the project: what git tracks, and new files of code; outside git what `PROJECT` names."""
    if revision(root)[0] is None:
        found = [path for name in PROJECT for path in (root / name, *(root / name).rglob("*"))]
        names = [path.relative_to(root).as_posix() for path in found if "__pycache__" not in path.parts]
    else:
        command = ["git", "-C", str(root), "ls-files", "-z"]
        tracked = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        new = [*command, "--others", "--exclude-standard", "--", *CODE]
        names = (tracked + subprocess.run(new, capture_output=True, text=True, check=True).stdout).split("\0")
    return sorted({name for name in names if name and (root / name).is_file()})


def up_to_date(folder: Path, used: Mapping[str, Any], remedy: str) -> bytes:
    """Return the manifest of a study's results if they are those of its settings.

    Raises
    ------
    UserError
        If results are missing, belong to other settings, or are not what the manifest says.
    """
    path = folder / MANIFEST
    try:
        data = path.read_bytes()
        graph = {entity["@id"]: entity for entity in json.loads(data)["@graph"]}
    except FileNotFoundError:
        raise UserError(f"The study has no finished results ({path} is missing); {remedy}.") from None
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{path} is damaged; delete it, and {remedy}.") from None
    said = {each["name"]: each["value"] for name, each in graph.items() if name.startswith("#config/")}
    settings = leaves(used if used["report"]["full_paths"] else public(used))
    wanted = {name: setting(value) for name, value in settings}
    if said != wanted:
        changed = sorted(name for name in {*said, *wanted} if said.get(name) != wanted.get(name))
        raise UserError(
            f"The results in {folder} were made with other settings ({', '.join(changed[:SHOWN])}); {remedy}."
        )
    for name in TABLES:
        if not (folder / name).is_file() or sha256_of(folder / name) != graph.get(name, {}).get("sha256"):
            raise UserError(f"{folder / name} is not what {path} says; delete it, and {remedy}.")
    return data


def devices(folder: Path, crate: bytes) -> set[str]:
    """Return the devices on which the models of a study were trained, by its folder and its manifest."""
    names = [unquote(entity["@id"]) for entity in json.loads(crate)["@graph"]]
    facts = [name for name in names if name.endswith(".json") and "/checkpoints/" in name]
    return {str(read_json(Path(os.path.normpath(folder / name)))["device"]) for name in facts}


def pack_study(
    root: Path, used: Mapping[str, Any], folder: Path, output: Path, *, remedy: str, with_inputs: bool
) -> dict[str, Any]:
    """Write the bundle of a study.

    Parameters
    ----------
    root : Path
        Folder of the project.
    used : mapping
        The study's settings, checked, with all defaults (see `settings.used`).
    folder : Path
        Its results.
    output : Path
        Archive to write, `.tar.gz`.
    remedy : str
        What to do if the results are not up to date, for error messages.
    with_inputs : bool
        Whether the user's files are packed, or only their digests.

    Returns
    -------
    dict
        What the bundle says of itself.
    """
    crate = up_to_date(folder, used, remedy)
    pack = relocate(used)
    if devices(folder, crate) <= {"cpu"}:
        # Elsewhere `auto` might choose another device, which gives other last digits.
        pack.config["compute"]["device"] = "cpu"
    commit, changes = revision(root)
    inputs = [
        {"path": inside, "bytes": path.stat().st_size, "sha256": sha256_of(path)}
        for inside, path in sorted(pack.files.items())
    ]
    facts: dict[str, Any] = {
        "study": used["study"]["name"],
        "commit": commit or "unknown: not packed from a git checkout",
        "changes": changes,
        "inputs": inputs,
        "inputs_packed": with_inputs,
        "downloads": pack.downloads,
        "tables": {name: sha256_of(folder / name) for name in TABLES},
        "versions": installed(PACKAGES),
        "machine": machine(),
    }
    content: dict[str, bytes | Path] = {
        **{name: root / name for name in project_files(root)},
        **{(EXPECTED / name).as_posix(): folder / name for name in TABLES},
        **(pack.files if with_inputs else {}),
        (EXPECTED / MANIFEST).as_posix(): crate,
        STUDY.as_posix(): _study_text(pack.config).encode(),
        FACTS.as_posix(): (json.dumps(facts, indent=2, ensure_ascii=False) + "\n").encode(),
        "REPRODUCE.md": _readme(facts).encode(),
    }
    digests = {str(each["path"]): str(each["sha256"]) for each in inputs}
    digests |= {(EXPECTED / name).as_posix(): digest for name, digest in facts["tables"].items()}
    with atomic_path(output) as temporary:
        _write(temporary, f"logassay-{facts['study']}", content, digests)
    return facts


def _study_text(config: Mapping[str, Any]) -> str:
    head = "# The study with all its settings, as it was run; files of its own lie in bundle/inputs.\n"
    return head + yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True, width=120)


def _readme(facts: Mapping[str, Any]) -> str:
    if not facts["inputs"]:
        inputs = "no files of its own"
    elif facts["inputs_packed"]:
        inputs = "its logs and labels (`bundle/inputs/`)"
    else:
        inputs = "not its logs and labels: put them where `make reproduce` asks for them"
    fetched = ", ".join(each["url"] for each in facts["downloads"])
    return README.format(
        name=facts["study"],
        study=facts["study"],
        commit=facts["commit"],
        changes=f", with changes in {', '.join(facts['changes'])}" if facts["changes"] else "",
        inputs=inputs,
        downloads=f", and fetches {fetched}" if fetched else "",
        machine=f"{facts['machine']['processor']}, {facts['machine']['system']}",
        versions=", ".join(f"{name} {version}" for name, version in facts["versions"].items()),
        manifest=MANIFEST,
    )


class _Hashing(io.RawIOBase):
    """A stream that digests what is read from it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Read so many bytes, or all."""
        data = self._stream.read(size)
        self.digest.update(data)
        return data


def _write(path: Path, top: str, files: Mapping[str, bytes | Path], digests: Mapping[str, str]) -> None:
    """Write an archive whose bytes depend on names and contents alone; links become what they lead to."""
    with (
        path.open("wb") as raw,
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=6, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, content in sorted(files.items()):
            if ".." in PurePosixPath(name).parts:
                raise RuntimeError(f"{name} would not lie in the folder of the bundle")
            info = tarfile.TarInfo(f"{top}/{name}")
            info.mtime = WHEN
            info.mode = 0o644
            if isinstance(content, bytes):
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
                continue
            with content.open("rb") as stream:
                status = os.fstat(stream.fileno())
                info.size = status.st_size
                info.mode = 0o755 if status.st_mode & 0o100 else 0o644
                hashing = _Hashing(stream)
                try:
                    archive.addfile(info, hashing)
                except OSError as error:
                    if error.errno is not None:
                        raise
                    raise UserError(
                        f"{content} became shorter while it was packed; pack when nothing writes to it."
                    ) from None
            if digests.get(name, hashing.digest.hexdigest()) != hashing.digest.hexdigest():
                raise UserError(f"{content} changed while it was packed; pack when nothing writes to it.")


def read_facts(root: Path) -> dict[str, Any]:
    """Return what an unpacked bundle says of itself.

    Raises
    ------
    UserError
        If the folder is no bundle.
    """
    try:
        facts = json.loads((root / FACTS).read_bytes())
        return {name: facts[name] for name in ("study", "inputs", "tables", "versions", "machine")}
    except FileNotFoundError:
        raise UserError(
            "This folder is not an unpacked bundle (it has no bundle/bundle.json); `make bundle` writes one."
        ) from None
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{root / FACTS} is damaged; unpack the bundle again.") from None


def check_inputs(root: Path) -> None:
    """Check that the user's files lie where the study reads them, and are those that it was run on.

    Raises
    ------
    UserError
        If one is missing, or is another one.
    """
    for each in read_facts(root)["inputs"]:
        path = root / each["path"]
        wanted = f"{each['bytes']:,} bytes, sha256 {each['sha256']}"
        if not path.is_file():
            raise UserError(f"{path} is missing; it was not packed, so put the file there that has {wanted}.")
        if sha256_of(path) != each["sha256"]:
            raise UserError(f"{path} is not the file that the study was run on ({wanted}); unpack the bundle again.")


def differences(root: Path) -> list[str]:
    """Compare a bundle's tables with the expected ones, and say what differs, a sentence each; none if nothing does.

    Raises
    ------
    UserError
        If an expected table is not as it was packed, or a new one is missing.
    """
    facts = read_facts(root)
    found: list[str] = []
    for name, digest in facts["tables"].items():
        expected, made = root / EXPECTED / name, root / "results" / "studies" / facts["study"] / name
        if not expected.is_file() or sha256_of(expected) != digest:
            raise UserError(f"{expected} is not as it was packed; unpack the bundle again.")
        if not made.is_file():
            raise UserError(f"{made} is missing; run `make reproduce`.")
        if expected.read_bytes() != made.read_bytes():
            found += _of_text(name, expected, made) if name.endswith(".md") else _of_table(name, expected, made)
    return found


def reasons(root: Path) -> list[str]:
    """Say in which versions and processor this machine differs from that of the expected tables."""
    facts = read_facts(root)
    now: dict[str, Any] = {**installed(PACKAGES), "processor": machine()["processor"]}
    then: dict[str, Any] = {**facts["versions"], "processor": facts["machine"]["processor"]}
    return [f"{name} was {value}, here it is {now.get(name)}" for name, value in then.items() if now.get(name) != value]


def _of_text(name: str, expected: Path, made: Path) -> list[str]:
    old, new = (path.read_text(encoding="utf-8", errors="replace").split("\n") for path in (expected, made))
    lines = [row for row, (one, other) in enumerate(zip(old, new, strict=False), 1) if one != other]
    lines += range(min(len(old), len(new)) + 1, max(len(old), len(new)) + 1)
    return [
        f"{name}: {_count(len(lines), 'line')} of {len(old)} differ, the first is line {lines[0]}."
        if lines
        else f"{name}: other bytes."
    ]


def _of_table(name: str, expected: Path, made: Path) -> list[str]:
    old, new = _cells(expected), _cells(made)
    if old.columns != new.columns:
        apart = sorted({*old.columns} ^ {*new.columns}) or ["their order"]
        return [f"{name}: the columns differ: {', '.join(apart)}."]
    types = [column for column in old.columns if old[column].dtype != new[column].dtype]
    if types:
        return [f"{name}: the types differ in the columns {', '.join(types)}."]
    before, after = old.rows(named=True), new.rows(named=True)
    if [_row(each) for each in before] != [_row(each) for each in after]:
        gone = {_row(each) for each in before} - {_row(each) for each in after}
        more = {_row(each) for each in after} - {_row(each) for each in before}
        said = [f"{len(before)} rows expected, {len(after)} found"]
        said += [f"missing {each}" for each in sorted(gone)[:SHOWN]] + [f"new {each}" for each in sorted(more)[:SHOWN]]
        return [f"{name}: {'; '.join(said)}."]
    apart_rows = []
    for one, other in zip(before, after, strict=True):
        cells = [column for column in old.columns if not _same(one[column], other[column])]
        if cells:
            apart_rows.append(
                f"{_row(one)}: "
                + ", ".join(
                    f"{each} {_brief(one[each])} expected, {_brief(other[each])} found" for each in cells[:SHOWN]
                )
                + (f" and {len(cells) - SHOWN} more columns" if len(cells) > SHOWN else "")
            )
    if not apart_rows:
        return [f"{name}: the same cells in other bytes."]
    return [f"{name}: {_count(len(apart_rows), 'row')} of {len(before)} differ."] + [
        f"  {each}" for each in apart_rows[:SHOWN]
    ]


def _cells(path: Path) -> pl.DataFrame:
    """Read a table; a CSV as the text that stands in it."""
    try:
        return pl.read_csv(path, infer_schema=False) if path.suffix == ".csv" else pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UserError(
            f"{path} is not a readable table ({str(error).splitlines()[0]}); delete it and run `make reproduce`."
        ) from None


def _row(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {row[name]}" for name in ROWS if row.get(name) not in (None, ""))


def _same(one: Any, other: Any) -> bool:
    """Whether two cells are the same; a number that is none is the same as itself, and 0 is not -0."""
    return repr(one) == repr(other)


def _brief(value: Any) -> str:
    return harmless(str(value), 40)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

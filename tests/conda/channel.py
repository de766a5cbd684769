"""A conda channel in a folder: the Python that runs the tests, repackaged, and pip: where no public one is reached."""

import asyncio
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conda_package_streaming.create import conda_builder
from rattler import Subdir
from rattler.index import index_fs

BASE = Path(sys.base_prefix)
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
STANDARD_LIBRARY = f"lib/python{VERSION}"
NOT_PACKAGED = {"site-packages", "dist-packages", "test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip"}
"""Folders of the standard library that no job needs."""
BUILT = 1_800_000_000_000
"""When the packages were built, in ms since 1970, as their index says."""

# Runs whenever a Python of the channel starts: notes who ran and which modules it had from other places.
JOURNAL = '''
import atexit, json, os, sys

def note():
    """Append a line about this process to the file that the environment variable names."""
    files = {name: getattr(module, "__file__", None) for name, module in sys.modules.copy().items()}
    entry = {"prefix": sys.prefix, "program": sys.argv[0], "path": os.environ["PATH"].split(os.pathsep),
             "modules": {name: file for name, file in files.items() if file}}
    journal = os.open(os.environ["LOGASSAY_JOURNAL"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.write(journal, (json.dumps(entry) + "\\n").encode())

if os.environ.get("LOGASSAY_JOURNAL"):
    atexit.register(note)
'''


def build(folder: Path, pip_version: str) -> None:
    """Build the channel: Python for this system, pip for any, and the index of both."""
    system = str(Subdir.current())
    for name in (system, "noarch"):
        (folder / name).mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        _package(folder / system, "python", sys.version.split()[0], _python(Path(scratch)), {"subdir": system})
        about = {"subdir": "noarch", "noarch": "python", "depends": ["python"]}
        _package(folder / "noarch", "pip", pip_version, _pip(Path(scratch), pip_version), about)
    asyncio.run(index_fs(folder))


def _python(scratch: Path) -> Iterator[tuple[str, Path | bytes | str]]:
    """Yield the files of Python by their place in a prefix: a path, bytes, or the target of a symbolic link."""
    program = f"bin/python{VERSION}"
    patched = scratch / "python"
    shutil.copy(BASE / program, patched)
    subprocess.run([_tool("patchelf"), "--set-rpath", "$ORIGIN/../lib", patched], check=True)
    yield program, patched
    yield "bin/python3", f"python{VERSION}"
    yield "bin/python", f"python{VERSION}"
    if sysconfig.get_config_var("Py_ENABLE_SHARED"):
        name = sysconfig.get_config_var("INSTSONAME")
        yield f"lib/{name}", Path(sysconfig.get_config_var("LIBDIR"), name)
    for parent, folders, files in os.walk(BASE / STANDARD_LIBRARY):
        folders[:] = [name for name in folders if name not in NOT_PACKAGED and not name.startswith("config-")]
        for name in files:
            path = Path(parent, name)
            if not name.endswith((".opt-1.pyc", ".opt-2.pyc")):
                yield path.relative_to(BASE).as_posix(), path
    yield f"{STANDARD_LIBRARY}/site-packages/sitecustomize.py", JOURNAL.encode()


def _pip(scratch: Path, version: str) -> Iterator[tuple[str, Path | bytes | str]]:
    """Yield the files of pip, from its wheel."""
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", scratch, f"pip=={version}"]
    subprocess.run(download, check=True)
    (wheel,) = scratch.glob("pip-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if not name.endswith("/"):
                yield f"site-packages/{name}", archive.read(name)
    link = {"noarch": {"type": "python", "entry_points": ["pip = pip._internal.cli.main:main"]}}
    yield "info/link.json", json.dumps({**link, "package_metadata_version": 1}).encode()


def _package(
    folder: Path, name: str, version: str, files: Iterator[tuple[str, Path | bytes | str]], about: dict[str, Any]
) -> None:
    """Write one package in conda's format, with the list of its files and their digests."""
    listed = []
    with conda_builder(f"{name}-{version}-0", folder, compression_level=1) as archive:
        for place, content in files:
            entry = _add(archive, place, content)
            if not place.startswith("info/"):
                listed.append(entry)
        index = {
            "name": name,
            "version": version,
            "build": "0",
            "build_number": 0,
            "depends": [],
            "timestamp": BUILT,
        }
        _add(archive, "info/index.json", json.dumps(index | about).encode())
        _add(archive, "info/paths.json", json.dumps({"paths": listed, "paths_version": 1}).encode())


def _add(archive: tarfile.TarFile, place: str, content: Path | bytes | str) -> dict[str, Any]:
    """Add one file or symbolic link, and return its entry in the list of files."""
    if isinstance(content, str):
        link = tarfile.TarInfo(place)
        link.type, link.linkname = tarfile.SYMTYPE, content
        archive.addfile(link)
        return {"_path": place, "path_type": "softlink"}
    data = content.read_bytes() if isinstance(content, Path) else content
    info = archive.gettarinfo(content, place) if isinstance(content, Path) else tarfile.TarInfo(place)
    # A link to another file of Python becomes that file.
    info.type, info.linkname, info.size = tarfile.REGTYPE, "", len(data)
    archive.addfile(info, io.BytesIO(data))
    digest = hashlib.sha256(data).hexdigest()
    return {"_path": place, "path_type": "hardlink", "sha256": digest, "size_in_bytes": len(data)}


def _tool(name: str) -> str:
    """Return the path of a program that was installed beside the Python that runs the tests."""
    return str(Path(sys.executable).parent / name)

"""Digests that tell Snakemake what is stale: of the code behind a rule and of the user's input files.

Snakemake sees neither an edit in an imported module nor whether a touched file really changed.
"""

import ast
import hashlib
import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from logassay.errors import UserError
from logassay.files import read_json, sha256_of, write_json

SCRIPTS = Path(__file__).resolve().parent.parent
PACKAGE = "logassay"
# These shape messages and logs, never a result: editing them makes nothing stale.
WITHOUT_EFFECT = frozenset({f"{PACKAGE}.cli", f"{PACKAGE}.errors"})


def _path_of(module: str) -> Path | None:
    """Return the file of a module of this package, or None if there is no such module."""
    stem = SCRIPTS.joinpath(*module.split("."))
    for path in (stem.with_suffix(".py"), stem / "__init__.py"):
        if path.is_file():
            return path
    return None


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Give all statements of a module, at any depth: `ast.walk` without the expressions, most of the nodes."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for part in ("body", "orelse", "handlers", "finalbody", "cases"):
            waiting += getattr(node, part, [])


def _inspect(source: bytes) -> tuple[str, list[str]]:
    """Return the digest of a file's code, and all in this package that it imports: modules, and attributes of some."""
    tree = ast.parse(source)
    imported: set[str] = set()
    for node in _statements(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if ast.get_docstring(node, clean=False) is not None:
                node.body = node.body[1:]
        elif isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from logassay import files` names a module, `from logassay.files import x` an attribute of one.
            imported |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    # The top package itself holds nothing but the version number.
    inside = {name for name in imported if name.startswith(f"{PACKAGE}.")} - WITHOUT_EFFECT
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest(), sorted(inside)


@cache
def _key(path: Path) -> str:
    """Digest what the digest of a file's code depends on: its bytes, how they are looked at, and with which Python."""
    return hashlib.sha256(
        b"\0".join([path.read_bytes(), Path(__file__).read_bytes(), sys.version.encode()])
    ).hexdigest()


@cache
def _remembered(cache_file: Path) -> dict[str, Any]:
    """Return what earlier processes found out about files of code, by `_key`."""
    with suppress(UserError):  # it is only a cache
        return read_json(cache_file)
    return {}


@cache
def code_digest(script: str, *modules: str, cache_file: Path | None = None) -> str:
    """Digest the code that a rule runs: a script, further modules, and all they import inside the package.

    Comments, docstrings and formatting do not count. Imports by a computed name cannot be seen, so modules that
    are loaded that way (the models) are passed in.

    Parameters
    ----------
    script : str
        File name in `scripts/`, for example `"train_epoch.py"`.
    *modules : str
        Dotted names of further modules, for example `"logassay.models.deeplog"`.
    cache_file : Path, optional
        Where to remember what a file's code is: parsing all of it is a fifth of the time that Snakemake needs to start.

    Returns
    -------
    str
        Sixteen hexadecimal digits.
    """
    waiting = [SCRIPTS / script]
    for module in modules:
        path = _path_of(module)
        if path is None:
            raise FileNotFoundError(f"no module {module} below {SCRIPTS}")
        waiting.append(path)
    known = _remembered(cache_file) if cache_file else {}
    before = len(known)
    found: dict[Path, str] = {}
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        key = _key(path)
        if key not in known:
            known[key] = _inspect(path.read_bytes())
        found[path], imports = known[key]
        waiting += [inside for name in imports if (inside := _path_of(name)) is not None]
    if cache_file and len(known) > before:
        with suppress(OSError):  # a folder that cannot be written can be looked at
            write_json(cache_file, known)
    parts = sorted((path.relative_to(SCRIPTS).as_posix(), digest) for path, digest in found.items())
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def stamp_of(path: Path) -> list[int]:
    """Return size and time of the last change of a file: while they stay, its content is taken to be the same."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def file_digest(path: Path, cache_file: Path) -> str:
    """Return the SHA-256 of an input file, remembered in `cache_file` by size and modification time.

    A large log is thus read again only after it was touched, and reading it then shows whether it changed.
    """
    stamp = stamp_of(path)
    known: dict[str, Any] = {}
    with suppress(UserError):  # it is only a cache
        known = read_json(cache_file)
    entry = known.get(str(path))
    if entry is None or entry["stamp"] != stamp:
        entry = {"stamp": stamp, "sha256": sha256_of(path)}
        with suppress(OSError):  # a folder that cannot be written can be looked at
            write_json(cache_file, known | {str(path): entry})
    return str(entry["sha256"])

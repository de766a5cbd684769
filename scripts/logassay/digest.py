"""Digests that tell Snakemake what is stale: of the code behind a rule and of the user's input files.

Snakemake sees neither an edit in an imported module nor whether a touched file really changed.
"""

import ast
import hashlib
import json
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


@cache
def _inspect(path: Path) -> tuple[str, frozenset[str]]:
    """Return the digest of one file's code and the package's modules that it imports."""
    tree = ast.parse(path.read_bytes())
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
    inside = frozenset(name for name in imported if name.startswith(f"{PACKAGE}.") and _path_of(name))
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest(), inside - WITHOUT_EFFECT


@cache
def code_digest(script: str, *modules: str) -> str:
    """Digest the code that a rule runs: a script, further modules, and all they import inside the package.

    Comments, docstrings and formatting do not count. Imports by a computed name cannot be seen, so modules that
    are loaded that way (the models) are passed in.

    Parameters
    ----------
    script : str
        File name in `scripts/`, for example `"train_epoch.py"`.
    *modules : str
        Dotted names of further modules, for example `"logassay.models.deeplog"`.

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
    found: dict[Path, str] = {}
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found[path], imports = _inspect(path)
        waiting += [inside for name in imports if (inside := _path_of(name)) is not None]
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

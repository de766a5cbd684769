"""Digests that tell Snakemake what is stale: of the code behind a rule and of the user's input files.

Snakemake sees neither an edit in an imported module nor whether a touched file really changed.
"""

import ast
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from logassay.files import sha256_of, write_json

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


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        first = node.body[0] if node.body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            node.body = node.body[1:]
    return tree


@cache
def _inspect(path: Path) -> tuple[str, frozenset[str]]:
    """Return the digest of one file's code and the package's modules that it imports."""
    tree = _without_docstrings(ast.parse(path.read_bytes()))
    imported: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
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


def file_digest(path: Path, cache_file: Path) -> str:
    """Return the SHA-256 of an input file, remembered in `cache_file` by size and modification time.

    A large log is thus read again only after it was touched, and reading it then shows whether it changed.
    """
    status = path.stat()
    stamp = [status.st_size, status.st_mtime_ns]
    known: dict[str, Any] = {}
    if cache_file.is_file():
        try:
            known = json.loads(cache_file.read_bytes())
        except ValueError:
            known = {}  # it is only a cache
    entry = known.get(str(path))
    if entry is None or entry["stamp"] != stamp:
        entry = {"stamp": stamp, "sha256": sha256_of(path)}
        write_json(cache_file, known | {str(path): entry})
    return str(entry["sha256"])

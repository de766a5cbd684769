"""Which files a dataset is read from: paths and patterns of the configuration, without looking into any file."""

import glob
import os
import re
from collections.abc import Sequence
from pathlib import Path


def log_files(source: str | Sequence[str]) -> list[Path]:
    """Return the files that a path, a pattern such as `logs/app-*.log`, or a list of these stands for.

    A path that exists is taken as it is, even with `*`, `?` or `[` in it. What a pattern finds is ordered by name, with
    numbers in names counted as numbers; a file that is found twice is taken once. Whether a path without a pattern
    exists is not looked at.
    """
    found: dict[Path, None] = {}
    for text in [source] if isinstance(source, str) else source:
        if glob.has_magic(text) and not os.path.exists(text):
            paths = [Path(path) for path in glob.glob(text, recursive=True) if not os.path.isdir(path)]
            found |= dict.fromkeys(sorted(paths, key=natural))
        else:
            found[Path(text)] = None
    return list(found)


def natural(path: Path) -> list[tuple[int, int, str]]:
    """Key that orders names with numbers in them as people do: app.log.9 before app.log.10."""
    parts = re.split("([0-9]+)", str(path))
    return [(0, int(part), "") if place % 2 else (1, 0, part) for place, part in enumerate(parts)]


def own_files(source: dict[str, object]) -> list[str]:
    """Return the paths and patterns of a dataset's `source` that name files of the user's.

    None if the log is made or downloaded. Where `file` and `url` are given, the file counts; a `local` copy counts in
    place of the download where it exists.
    """
    file = source.get("file")
    if file is not None:
        return [as_argument(each) for each in ([file] if isinstance(file, str) else file)]  # type: ignore[attr-defined]
    local = source.get("local")
    return [as_argument(str(local))] if local is not None and os.path.isfile(str(local)) else []


def as_argument(path: str) -> str:
    """Return a path such that no program takes it for an option."""
    return f"./{path}" if path.startswith("-") else path


def shown(path: str) -> str:
    """Return what a report that others read may say of a path: within the working folder where it lies, else its name.

    The way to a file outside names folders, and often the user.
    """
    relative = os.path.relpath(path)
    return os.path.basename(relative) if is_outside(path) else relative


def is_outside(path: str) -> bool:
    """Tell whether a path leads out of the working folder."""
    return os.path.relpath(path).split(os.sep)[0] == os.pardir

"""Which software made a result: versions of Python and of the packages that its numbers depend on."""

import platform
import sys
from importlib import metadata

PACKAGES = {"torch": "torch", "scikit-learn": "sklearn", "polars": "polars", "numpy": "numpy"}
"""Packages whose versions are recorded, beside Python's, and the names of their modules."""


def versions() -> dict[str, str | None]:
    """Return the version of Python and of each of `PACKAGES`, None for one that this process does not use.

    What happens to be installed beside those that are used must not change a result.
    """
    used = [package for package, module in PACKAGES.items() if module in sys.modules]
    found = {package: metadata.version(package) if package in used else None for package in PACKAGES}
    return {"python": platform.python_version(), **found}

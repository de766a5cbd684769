"""Which software made a result: versions of Python and of the packages that its numbers depend on."""

import platform
from importlib import metadata

PACKAGES = ("torch", "scikit-learn", "polars", "numpy")
"""Packages whose versions are recorded, beside Python's."""


def versions() -> dict[str, str | None]:
    """Return the version of Python and of each of `PACKAGES`, None for one that is not installed."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = None
    return found

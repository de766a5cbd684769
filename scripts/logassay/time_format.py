"""What can be told from the format of a time alone: whether it holds a year or a zone.

Without polars, so that settings can be checked in no time.
"""

import re
from collections.abc import Mapping
from typing import Any

OFFSET = re.compile(r"([+-])([01][0-9]|2[0-3]):?([0-5][0-9])")
"""A zone that is a difference from UTC."""
EPOCHS = {"epoch_s": 10**6, "epoch_ms": 10**3, "epoch_us": 1}
"""Formats beside those of chrono: seconds, milliseconds, microseconds since 1970; how many microseconds each is."""
_YEAR = re.compile(r"%[-_0]?[YyDFcxsG+]")
_ZONE = re.compile(r"%[:#]*z|%[s+]")


def _fields(time_format: str) -> str:
    """Leave out what stands for the sign % itself."""
    return time_format.replace("%%", "")


def has_year(time_format: str) -> bool:
    """Say whether a time of this format has a year."""
    return time_format in EPOCHS or _YEAR.search(_fields(time_format)) is not None


def has_zone(time_format: str) -> bool:
    """Say whether a time of this format is a point in time by itself, which is then given as UTC."""
    return time_format in EPOCHS or _ZONE.search(_fields(time_format)) is not None


def counts_from_1970(time_format: str) -> bool:
    """Say whether a time of this format is a number since 1970."""
    return time_format in EPOCHS or "%s" in _fields(time_format)


def is_utc(timestamp: Mapping[str, Any] | None) -> bool:
    """Say whether times of a `timestamp` of a format are UTC, not as the log writes them."""
    return timestamp is not None and (timestamp["zone"] is not None or has_zone(timestamp["format"]))

"""Nested settings laid over each other, as Snakemake lays configuration files over each other."""

from collections.abc import Mapping
from typing import Any


def merged(config: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config with nested values replaced; neither argument is changed at its top."""
    result = dict(config)
    for name, value in changes.items():
        inner = result.get(name)
        nested = isinstance(value, Mapping) and isinstance(inner, Mapping)
        result[name] = merged(inner or {}, value) if nested else value
    return result

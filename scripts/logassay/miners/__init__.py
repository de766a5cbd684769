"""The template miners. Each file beside this one is one method; a new file with a function `mine` is a new miner.

Miners are loaded by name, so that a job imports, and depends on, its own miner only.
"""

import importlib
import inspect
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from logassay.errors import UserError
from logassay.miners.base import Mine, Mined

NOT_MINERS = {"__init__", "base"}


def names() -> list[str]:
    """Return the names of all miners, as `templates.miner` spells them; `none` is not among them."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in NOT_MINERS)


def load(name: str) -> Mine:
    """Import one miner.

    Parameters
    ----------
    name : str
        Name of the miner's file.

    Returns
    -------
    Mine
        The file's function `mine`.

    Raises
    ------
    UserError
        If there is no such miner; the message lists those there are.
    """
    if name not in names():
        raise UserError(
            f"There is no miner named {name!r}; templates.miner must be one of: none, {', '.join(names())}."
        )
    mine: Mine = importlib.import_module(f"logassay.miners.{name}").mine
    return mine


def ready(name: str, settings: Mapping[str, Any]) -> Callable[[list[str], list[int]], Mined]:
    """Import one miner and give it its settings; those left out have their defaults.

    Raises
    ------
    UserError
        If there is no such miner, or it has no such setting; the message lists those there are.
    """
    mine = load(name)
    known = [each.name for each in inspect.signature(mine).parameters.values() if each.kind is each.KEYWORD_ONLY]
    for setting in settings:
        if setting not in known:
            raise UserError(f"The miner {name!r} has no setting {setting!r}; its settings are: {', '.join(known)}.")
    return partial(mine, **settings)

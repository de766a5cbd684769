"""The anomaly detectors. Each file beside this one is one model; a new file with a `DETECTOR` is a new model.

Models are loaded by name, so that a job imports the libraries of its own model only.
"""

import importlib
from pathlib import Path

from logassay.errors import UserError
from logassay.files import read_parquet
from logassay.models.base import Detector

NOT_MODELS = {"__init__", "base", "classifier", "counts", "neural", "text", "windows"}
"""Files of this folder that models share."""


def names() -> list[str]:
    """Return the names of all models, as the `module` key of config/models.yaml spells them."""
    files = (path.stem for path in Path(__file__).parent.glob("*.py"))
    return sorted(stem.replace("_", "-") for stem in files if stem not in NOT_MODELS)


def load(name: str) -> type[Detector]:
    """Import one model.

    Parameters
    ----------
    name : str
        Name of the model's file, with - or _ between words.

    Returns
    -------
    type[Detector]
        The file's `DETECTOR`.

    Raises
    ------
    UserError
        If there is no such model; the message lists those there are.
    """
    known = names()
    if name.replace("_", "-") not in known:
        raise UserError(f"There is no model named {name!r}; the key module must be one of: {', '.join(known)}.")
    detector: type[Detector] = importlib.import_module(f"logassay.models.{name.replace('-', '_')}").DETECTOR
    return detector


def needed_values(kind: type[Detector], path: Path | None) -> Path | None:
    """Return the path of a file of values if the model reads numbers; others need no such file.

    Raises
    ------
    UserError
        If the model reads numbers and there is no file of them.
    """
    if kind.uses_values and path is None:
        raise UserError(
            "This model reads the numbers in messages and needs the values of these sequences; set `values: true` in "
            "its entry under `models`, or give the file whose name ends in _values.parquet with --values."
        )
    return path if kind.uses_values else None


def give_templates(detector: Detector, path: Path | None) -> None:
    """Tell a model that reads templates what is in templates.parquet; others need no such file.

    Raises
    ------
    UserError
        If the model reads templates and there is no file of them.
    """
    if not detector.uses_templates:
        return
    if path is None:
        raise UserError(
            "This model reads what events say and needs the split's templates.parquet; give it with --templates, or to "
            "evaluate.py in the folder of the split."
        )
    detector.read_templates(dict(read_parquet(path, ["event", "template"]).iter_rows()))

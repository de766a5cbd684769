"""Reading evaluations: what does not fit their schema is refused before anything is worked out from it.

They are files that people hand on, and their seal says only that they were not damaged, not who wrote them.
"""

import functools
import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.validators import extend

from logassay.errors import UserError, harmless
from logassay.files import read_json

SCHEMA = Path(__file__).resolve().parents[2] / "workflow" / "schemas" / "evaluation.schema.json"


@functools.cache
def _validator() -> Any:
    # To JSON Schema 1e300 is an integer, to a table it is none.
    types = Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )
    return extend(Draft202012Validator, type_checker=types)(json.loads(SCHEMA.read_bytes()))


def read_evaluation(path: Path) -> dict[str, Any]:
    """Read one evaluation.

    Raises
    ------
    UserError
        If the file is missing, damaged, or not an evaluation.
    """
    return checked(read_json(path), path)


def read_evaluations(path: Path) -> list[dict[str, Any]]:
    """Read a list of evaluations; see `read_evaluation`."""
    found = read_json(path).get("evaluations")
    if not isinstance(found, list):
        raise UserError(f"{path} is not a list of evaluations; delete it and run Snakemake again.")
    return [checked(each, path) for each in found]


def checked(evaluation: Any, path: Path) -> dict[str, Any]:
    """Return an evaluation that was read from a file if it fits the schema."""
    for error in _validator().iter_errors(evaluation):
        place = ".".join(map(str, error.absolute_path)) or "it"
        raise _wrong(path, f"{place}: {error.message}")
    counts, data, roc = evaluation["counts"], evaluation["data"], evaluation["roc"]
    found = (counts["tp"] + counts["fn"], counts["fp"] + counts["tn"], data["normal"] + data["anomalous"])
    if found != (data["anomalous"], data["normal"], data["evaluated"]):
        raise _wrong(path, "its counts do not add up to the sequences it names")
    curve = evaluation["curve"] or {"thresholds": [], "tp": [], "fp": []}
    if len(roc["fpr"]) != len(roc["tpr"]) or len({*map(len, curve.values())}) > 1:
        raise _wrong(path, "the columns of a curve differ in length")
    return dict(evaluation)


def _wrong(path: Path, reason: str) -> UserError:
    return UserError(f"{path} is not an evaluation ({harmless(reason, 200)}); delete it and run Snakemake again.")

"""Checking a configuration against the closed schema, filling in defaults, and saying what is wrong in one sentence."""

import difflib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from logassay.errors import UserError
from logassay.nested import merged
from logassay.sources import log_files, own_files
from logassay.time_format import OFFSET, is_utc

MODELS = Path(__file__).parent / "models"
MAX_VALUES = 100_000
"""More values are no configuration; a few lines of YAML whose aliases name each other can stand for billions."""


def _with_defaults(validator_class: Any) -> Any:
    """Return a validator class that writes the schema's defaults into what it checks.

    The pattern is that of the jsonschema documentation's frequently asked questions.
    """
    check_properties = validator_class.VALIDATORS["properties"]

    def properties(validator: Any, described: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        if isinstance(instance, dict):
            for key, subschema in described.items():
                if key in instance:
                    instance[key] = _typed(instance[key], subschema)
                elif "default" in subschema:
                    default = subschema["default"]
                    instance[key] = default.copy() if isinstance(default, dict | list) else default
        yield from check_properties(validator, described, instance, schema)

    def pattern(validator: Any, wanted: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
        # Python's $ also stands before a last newline, which a name must not have.
        if isinstance(instance, str) and not re.search(re.sub(r"\$$", r"\\Z", wanted), instance):
            yield ValidationError(f"{instance!r} does not match {wanted!r}")

    return extend(validator_class, {"properties": properties, "pattern": pattern})


def _typed(value: Any, schema: dict[str, Any]) -> Any:
    """Give a text its type where no text is wanted: Snakemake's `--config` hands on nested numbers as text."""
    if isinstance(value, list) and "items" in schema:
        return [_typed(item, schema["items"]) for item in value]
    wanted = schema.get("type", "string")
    if not isinstance(value, str) or "string" in wanted:
        return value
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError:
        return value


_Validator = _with_defaults(Draft202012Validator)


def check(config: dict[str, Any], schema: dict[str, Any]) -> None:
    """Fill in the schema's defaults and check the keys and values, in place."""
    _check_size(config)
    errors = sorted(_Validator(schema).iter_errors(config), key=lambda error: (len(error.absolute_path), str(error)))
    if errors:
        raise UserError(_sentence(errors[0]))


def _check_size(config: Any) -> None:
    """Count all values, those that aliases repeat as often as they are repeated, and stop at too many."""
    waiting, values = [config], 0
    while waiting:
        value = waiting.pop()
        inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        values += len(inside)
        if values > MAX_VALUES:
            raise UserError(
                f"The configuration holds more than {MAX_VALUES:,} values, as a file does whose aliases (*name) repeat "
                "each other; write it without them."
            )
        waiting += inside


def validate(config: dict[str, Any], schema: dict[str, Any]) -> None:
    """Fill in the schema's defaults and check the whole configuration, in place.

    Raises
    ------
    UserError
        For the first thing that is wrong: its key, what is wrong with it, and what would be right.
    """
    check(config, schema)
    _check_names(config)
    _check_sources(config)
    _check_values(config)
    _check_groupings(config)
    _check_formats(config)
    _check_numbers(config)


def sections(path: Path | None, schema: Path, names: list[str]) -> dict[str, Any]:
    """Read some sections of a study file, checked and completed with defaults; None gives the defaults alone.

    Raises
    ------
    UserError
        If the file is missing or not YAML, or a key of these sections is wrong.
    """
    described = yaml.safe_load(schema.read_text(encoding="utf-8"))
    config = {} if path is None else _read_yaml(path)
    for name in config:
        if name not in described["properties"]:
            raise UserError(f"Unknown key '{name}' in {path}; {_suggest(name, described['properties'])}")
    chosen = {name: config[name] for name in names if name in config}
    partial = {**described, "required": [], "properties": {name: described["properties"][name] for name in names}}
    check(chosen, partial)
    return chosen


CONFIGURATION = ("config.yaml", "formats.yaml", "datasets.yaml", "models.yaml")


def project_config(folder: Path, studies: Iterable[Path] = ()) -> dict[str, Any]:
    """Read the project's own configuration, then study files, as Snakemake does: one file over the other, unchecked."""
    config: dict[str, Any] = {}
    for path in (*(folder / name for name in CONFIGURATION), *studies):
        config = merged(config, _read_yaml(path))
    return config


def used(config: dict[str, Any]) -> dict[str, Any]:
    """Return what a study uses of a configuration that is checked: a study file that holds all its settings."""
    study = config["study"]
    found = {name: config[name] for name in ("study", "evaluation", "report", "templates", "compute")}
    for section in ("datasets", "groupings", "splits", "models"):
        found[section] = {name: config[section][name] for name in study[section]}
    formats = dict.fromkeys(entry["format"] for entry in found["datasets"].values() if entry["format"])
    return found | {"formats": {name: config["formats"][name] for name in formats if name in config["formats"]}}


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        if not path.is_file() and path.exists():
            raise UserError(f"The configuration {path} is no file; correct the path.")
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The configuration {path} cannot be read ({error}); correct the path.") from None
    except RecursionError:
        raise UserError(f"The configuration {path} is nested too deeply; write it with fewer levels.") from None
    except (yaml.YAMLError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"The configuration {path} is not valid YAML ({reason}); correct it.") from None
    if not isinstance(config, dict):
        raise UserError(f"The configuration {path} holds no keys; see config/README.md for what it may hold.")
    _check_size(config)
    return config


def _sentence(error: Any) -> str:
    key = ".".join(str(part) for part in error.absolute_path)
    if error.validator == "additionalProperties":
        known = list(error.schema.get("properties", {}))
        unknown = next(name for name in error.instance if name not in known)
        return f"Unknown key '{f'{key}.' if key else ''}{unknown}' in the configuration; {_suggest(unknown, known)}"
    if error.validator == "required":
        missing = next(name for name in error.validator_value if name not in error.instance)
        return f"The configuration lacks '{f'{key}.' if key else ''}{missing}'; add it (config/README.md describes it)."
    if "propertyNames" in error.absolute_schema_path:
        return f"The name {error.instance!r} may hold only letters, digits and . _ -; choose another one."
    if error.validator == "oneOf":
        choices = "; ".join(" with ".join(choice["required"]) for choice in error.validator_value)
        return f"'{key}' must have exactly one of: {choices}."
    if key.endswith(".zone") and isinstance(error.instance, int | float):
        # What YAML makes of +10:00 is 600.
        return f"'{key}' in the configuration is read as the number {error.instance}; put it in quotes, as in '+10:00'."
    return f"'{key}' in the configuration is wrong: {error.message}; config/README.md says what it may be."


def _suggest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean '{close[0]}'?" if close else f"known are: {', '.join(known)}."


def _check_names(config: dict[str, Any]) -> None:
    """Check that everything that is chosen by name is defined."""
    study = config["study"]
    for chosen in ("datasets", "groupings", "splits", "models"):
        for name in study[chosen]:
            if name not in config[chosen]:
                raise UserError(
                    f"study.{chosen} names '{name}', which is not defined under '{chosen}'; "
                    f"{_suggest(name, config[chosen])}"
                )
    for name in config["tune"]["models"]:
        if name not in config["models"]:
            raise UserError(
                f"tune.models names '{name}', which is not defined under 'models'; {_suggest(name, config['models'])}"
            )
    for name in dict.fromkeys([*study["models"], *config["tune"]["models"]]):
        module = config["models"][name]["module"].replace("-", "_")
        if not (MODELS / f"{module}.py").is_file():
            known = sorted(path.stem for path in MODELS.glob("*.py") if not path.stem.startswith("_"))
            raise UserError(
                f"models.{name}.module names '{module}', but there is no scripts/logassay/models/{module}.py; "
                f"{_suggest(module, known)}"
            )
    for name in study["datasets"]:
        wanted = config["datasets"][name]["format"]
        if "sessions" in config["datasets"][name]["source"]:
            continue
        if wanted is None:
            raise UserError(f"datasets.{name}.format is missing; name the format of its lines (an entry of 'formats').")
        if wanted not in config["formats"]:
            raise UserError(
                f"datasets.{name}.format names '{wanted}', which is not defined under 'formats'; "
                f"{_suggest(wanted, config['formats'])}"
            )


def _check_sources(config: dict[str, Any]) -> None:
    """Check that the files of the chosen datasets exist."""
    for name in config["study"]["datasets"]:
        dataset = config["datasets"][name]
        source = dataset["source"]
        _check_log(name, source, dataset["labels"] or {})
        files = {f"source.sessions.{row}.file": each["file"] for row, each in enumerate(source.get("sessions", []))}
        files |= {"source.templates.file": source["templates"]["file"]} if source["templates"] else {}
        if dataset["labels"]:
            files |= {"labels.file": dataset["labels"].get("file"), "labels.kinds": dataset["labels"]["kinds"]}
            files |= {"labels.intervals": dataset["labels"].get("intervals")}
        for key, path in files.items():
            if path is not None:
                if not Path(path).is_file():
                    raise UserError(f"datasets.{name}.{key}: there is no file '{path}'; correct the path.")
                _check_path(f"datasets.{name}.{key}", path)
        if dataset["labels"] and "simulate" in dataset["source"]:
            raise UserError(f"datasets.{name}.labels: a simulated log brings its own labels; remove this key.")
        labelled = dataset["labels"] or "simulate" in source or _has_labels(source.get("sessions", []))
        labelled = labelled or ("sessions" not in source and config["formats"][dataset["format"]]["alert"])
        if "labelled" in config["study"]["protocols"] and not labelled:
            raise UserError(
                f"study.protocols asks for 'labelled', but dataset '{name}' has no labels; "
                f"name a file in datasets.{name}.labels, or set study.protocols to [pseudo]."
            )


def _check_log(name: str, source: dict[str, Any], labels: dict[str, Any]) -> None:
    """Check that the files of a raw log exist, or that it can be downloaded."""
    own = own_files(source)
    files: list[Path] = []
    for text in own:
        found = []
        for path in log_files(text):
            if path.is_file():
                _check_path(f"datasets.{name}.source.file", str(path))
                found.append(path)
            elif path.exists() and not path.is_dir():
                raise UserError(
                    f"datasets.{name}.source.file: '{path}' is a device or a pipe, which cannot be read twice; write "
                    "what it gives to a file."
                )
        if not found and Path(text).is_dir():
            raise UserError(f"datasets.{name}.source.file: '{text}' is a folder; write {Path(text)}/* for its files.")
        if not found:
            raise UserError(f"datasets.{name}.source.file: there is no file '{text}'; correct the path.")
        files += found
    address = urlsplit(source.get("url") or "")
    if "@" in address.netloc or address.query not in ("", "download=1"):
        raise UserError(
            f"datasets.{name}.source.url holds a user, a password or a query, which might be secret and would stand in "
            "reports and bundles; download the file yourself and name it with 'file'."
        )
    if not own and source.get("url") is not None and not (source["sha256"] or source["md5"]):
        raise UserError(f"datasets.{name}.source.url has neither 'sha256' nor 'md5'; give a checksum of what it holds.")
    if "file" in source and source["sha256"] and len(files) > 1:
        raise UserError(f"datasets.{name}.source.sha256 is of one file, but source.file names {len(files)}; remove it.")
    if labels.get("member") and len(files) > 1:
        raise UserError(
            f"datasets.{name}.labels.member needs one archive, but source.file names {len(files)} files; "
            "name a file in labels.file."
        )


def _check_path(key: str, path: str) -> None:
    """Check that Snakemake takes a path as it is: what stands in braces would be a wildcard."""
    if re.search(r"[{}\x00-\x1f]", path):
        raise UserError(f"{key}: the path {path!r} has a brace or a control character in it; rename the file.")


def _check_values(config: dict[str, Any]) -> None:
    """Check that models which read numbers in messages, or word vectors, are given them."""
    for model in dict.fromkeys([*config["study"]["models"], *config["tune"]["models"]]):
        vectors = config["models"][model]["hyper"].get("vectors")
        if isinstance(vectors, str) and vectors and not Path(vectors).is_file():
            raise UserError(f"models.{model}.hyper.vectors: there is no file '{vectors}'; correct the path.")
        for dataset in config["study"]["datasets"]:
            if config["models"][model]["values"] and "sessions" in config["datasets"][dataset]["source"]:
                raise UserError(
                    f"study.models: '{model}' reads the numbers in messages, but dataset '{dataset}' brings ready-made "
                    "sequences of event ids without them; leave one of the two out, or use the raw log."
                )


def _has_labels(sessions: list[dict[str, Any]]) -> bool:
    return any(each["label"] or each["all"] for each in sessions)


def _check_numbers(config: dict[str, Any]) -> None:
    """Check what the schema cannot: numbers that depend on each other, or on how paths write them."""
    for ratio in config["study"]["anomaly_ratios"]:
        if abs(ratio * 10_000 - round(ratio * 10_000)) > 1e-6:
            raise UserError(f"study.anomaly_ratios has {ratio}; give at most four decimals, such as 0.0205.")
    prevalence = config["evaluation"]["pseudo"]["prevalence"]
    if abs(prevalence * 10_000 - round(prevalence * 10_000)) > 1e-6:
        raise UserError(f"evaluation.pseudo.prevalence is {prevalence}; give at most four decimals, such as 0.0205.")
    for name in config["study"]["splits"]:
        split = config["splits"][name]
        total = split["train"] + split["validation"] + split["test"]
        if split["order"] != "given" and total > 1 + 1e-9:
            raise UserError(f"splits.{name}: train, validation and test sum to {total:g}; they may not exceed 1.")
    threshold = config["evaluation"]["threshold"]
    if threshold["strategy"] == "targets" and not threshold["targets"]:
        raise UserError("evaluation.threshold.strategy is 'targets', but evaluation.threshold.targets is empty.")


def _check_groupings(config: dict[str, Any]) -> None:
    """Check that windows have an extent, and fill in their stride."""
    for name in config["study"]["groupings"]:
        grouping = config["groupings"][name]
        if grouping["by"] == "session":
            continue
        if grouping["length"] is None:
            raise UserError(f"groupings.{name}.length is missing; give the extent of a window in lines or seconds.")
        grouping["stride"] = grouping["stride"] or grouping["length"]
        if grouping["by"] == "window" and any(grouping[key] % 1 for key in ("length", "stride")):
            raise UserError(f"groupings.{name}: length and stride of a window count lines; give whole numbers.")


def _check_formats(config: dict[str, Any]) -> None:
    """Check that the formats of the chosen datasets give what groupings and labels by time need."""
    for name in config["study"]["datasets"]:
        dataset = config["datasets"][name]
        if "sessions" in dataset["source"]:
            continue
        entry = config["formats"][dataset["format"]]
        labels = dataset["labels"] or {}
        _check_zone(f"formats.{dataset['format']}.timestamp.zone", (entry["timestamp"] or {}).get("zone"))
        _check_zone(f"datasets.{name}.labels.zone", labels.get("zone"))
        for grouping in config["study"]["groupings"]:
            by = config["groupings"][grouping]["by"]
            if by == "session" and entry["session_key"] is None:
                raise UserError(
                    f"study.groupings: '{grouping}' groups lines by session, but formats.{dataset['format']} of "
                    f"dataset '{name}' has no session_key; add one, or choose a grouping by window or time."
                )
            if by == "time" and entry["timestamp"] is None:
                raise UserError(
                    f"study.groupings: '{grouping}' groups lines by time, but those of formats.{dataset['format']} of "
                    f"dataset '{name}' have none; choose a grouping by session or window, or add a timestamp."
                )
        if "intervals" in labels and entry["timestamp"] is None:
            raise UserError(
                f"datasets.{name}.labels.intervals label lines by their time, but those of formats.{dataset['format']} "
                "have none; add a timestamp."
            )
        if "intervals" in labels and labels["zone"] and not is_utc(entry["timestamp"]):
            raise UserError(
                f"datasets.{name}.labels.zone is '{labels['zone']}', but the zone of the log's times is not known; "
                f"set formats.{dataset['format']}.timestamp.zone, or remove labels.zone."
            )


def _check_zone(key: str, zone: str | None) -> None:
    """Check that a zone is known to what reads the log, which takes a moment to load: Python's list comes first."""
    if zone is None or OFFSET.fullmatch(zone):
        return
    try:
        ZoneInfo(zone)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        from logassay.clock import is_zone

        if not is_zone(zone):
            raise UserError(
                f"{key} is '{zone}', which is no known zone; give a name such as Asia/Seoul, or an offset such as "
                "'+09:00'."
            ) from None

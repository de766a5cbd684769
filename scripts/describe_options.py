"""Write the option reference into config/README.md, from the descriptions in the configuration schema.

What stands between the two markers of the file is replaced; with --check the file is only compared.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from logassay import cli
from logassay.errors import UserError
from logassay.files import write_text

BEGIN, END = "<!-- options: begin -->", "<!-- options: end -->"


def rows(schema: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str, str, str]]:
    """Yield key, kind of value, default and description of every option below `schema`."""
    named = schema.get("additionalProperties")
    children = dict(schema.get("properties", {})) | ({"<name>": named} if isinstance(named, dict) else {})
    for name, option in children.items():
        key = f"{prefix}{name}"
        default = option.get("default")
        nested = any(part in option for part in ("properties", "additionalProperties"))
        shown = (
            ""
            if nested or "default" not in option
            else f"`{yaml.dump(default, default_flow_style=True).split(chr(10))[0]}`"
        )
        yield key, _kind(option), shown, " ".join(option.get("description", "").split())
        yield from rows(option, f"{key}.")
        items = option.get("items", {})
        yield from rows(items, f"{key}[].")


def _kind(option: dict[str, Any]) -> str:
    if "enum" in option:
        return " or ".join("null" if value is None else f"`{value}`" for value in option["enum"])
    kind = option.get("type", "")
    if isinstance(kind, list):
        return " or ".join(kind)
    if kind == "array":
        items = option.get("items", {})
        return f"list of {_kind(items)}" if items else "list"
    return str(kind)


def reference(schema: dict[str, Any]) -> str:
    """Return the option reference as a Markdown table."""
    lines = ["| key | value | default | meaning |", "|---|---|---|---|"]
    for row in rows(schema):
        key, kind, default, meaning = (cell.replace("|", "\\|") for cell in row)
        lines.append(f"| `{key}` | {kind} | {default} | {meaning} |")
    return "\n".join(lines)


def arguments() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--schema", type=Path, required=True, help="configuration schema, YAML")
    parser.add_argument("--readme", type=Path, required=True, help="Markdown file with the two markers")
    parser.add_argument("--check", action="store_true", help="change nothing, fail if the file is out of step")
    return parser


def run(args: argparse.Namespace) -> None:
    """Replace or compare the reference."""
    text = args.readme.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    schema = yaml.safe_load(args.schema.read_text(encoding="utf-8"))
    wanted = f"{before}{BEGIN}\n{reference(schema)}\n{END}{after}"
    if not args.check:
        write_text(args.readme, wanted)
    elif wanted != text:
        raise UserError(f"{args.readme} is out of step with {args.schema}; run `make docs`.")


if __name__ == "__main__":
    cli.main(arguments(), run)

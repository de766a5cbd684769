"""A study file with comments: every key with the reasons for it, and the alternatives as commented lines.

What stands in it is decided elsewhere. Here text from a log becomes harmless: no comment can end early, and the file is
read back and compared before it is handed on.
"""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from logassay.errors import harmless

WIDTH = 118


def flow(value: Any) -> str:
    """Write a value as YAML on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=float("inf"), sort_keys=False)
    return text.removesuffix("\n...\n").strip("\n")


def comment(text: str, indent: str = "") -> list[str]:
    """Write a text as comment lines; one that begins with a blank is kept as it is."""
    safe = harmless(text)
    if safe.startswith(" "):
        return [f"{indent}#{safe}"]
    return textwrap.wrap(
        safe,
        WIDTH,
        initial_indent=f"{indent}# ",
        subsequent_indent=f"{indent}# ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def render(
    study: Mapping[str, Any],
    head: Sequence[str],
    before: Mapping[str, Sequence[str]],
    after: Mapping[str, Sequence[str]],
) -> str:
    """Write a study file.

    Parameters
    ----------
    study : mapping
        Its content.
    head : sequence of str
        Comments at the top.
    before, after : mapping of str to sequence of str
        Comments before the key of a dotted path, and lines that are commented out after it. Numbers in a path count the
        items of a list.

    Returns
    -------
    str
        YAML that reads as `study`, whatever is in the comments.
    """
    lines = [line for text in head for line in comment(text)]

    def block(path: str, value: Any, start: str, indent: str) -> None:
        lines.extend(line for text in before.get(path, ()) for line in comment(text, indent))
        if isinstance(value, Mapping) and value:
            lines.append(start)
            for key, inner in value.items():
                place = f"{indent}  "
                block(f"{path}.{key}", inner, f"{place}{flow(key)}:", place)
        elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
            lines.append(start)
            for row, item in enumerate(value):
                block(f"{path}.{row}", flow(item), f"{indent}  -", f"{indent}  ")
        else:
            written = value if start.endswith("-") else flow(value)
            lines.append(f"{start} {written}")
        inside = f"{indent}  " if isinstance(value, Mapping) else indent
        lines.extend(f"{inside}# {harmless(text)}" for text in after.get(path, ()))

    for key, value in study.items():
        block(key, value, f"{key}:", "")
        lines.append("")
    text = "\n".join(lines).rstrip("\n") + "\n"
    if yaml.safe_load(text) != study:
        raise RuntimeError("the study file does not read as the study that was written")
    return text

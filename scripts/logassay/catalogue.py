"""The texts of the reports in one language; all of them stand in one YAML file, under flat keys.

A text may hold `{name}` for a value, `**strong**` and `` `code` ``. Markup is looked for before values are put in, so
that a value can never become markup.
"""

import re
import string
from pathlib import Path

import yaml

from logassay.blocks import Sentence, Span
from logassay.errors import UserError

MARKUP = re.compile(r"\*\*(?P<strong>.+?)\*\*|`(?P<code>.+?)`")


class Texts:
    """The texts of one language.

    Attributes
    ----------
    language : str
        BCP 47 tag; also the name of the file.
    entries : dict of str to str
        Text by key.
    """

    def __init__(self, language: str, directory: Path) -> None:
        """Read and check DIRECTORY/LANGUAGE.yaml.

        Raises
        ------
        UserError
            If the file is missing or damaged, or a text has a placeholder that is more than a name.
        """
        self.language = language
        self.path = directory / f"{language}.yaml"
        try:
            entries = yaml.safe_load(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            known = ", ".join(sorted(path.stem for path in directory.glob("*.yaml"))) or "none"
            raise UserError(f"There is no {self.path} for the language '{language}'; there are: {known}.") from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise UserError(f"{self.path} is not valid YAML ({' '.join(str(error).split())}); mend it.") from None
        if not isinstance(entries, dict):
            raise UserError(f"{self.path} must be a mapping of keys to texts.")
        for key, text in entries.items():
            if not isinstance(key, str) or not isinstance(text, str):
                raise UserError(f"{self.path}: '{key}' is not a text; put it in quotes.")
            placeholders(text, f"{self.path}: '{key}'")
        self.entries: dict[str, str] = entries

    def __contains__(self, key: str) -> bool:
        """Whether there is a text under `key`."""
        return key in self.entries

    def __call__(self, key: str, **values: str) -> str:
        """Return the text under `key` with its values and without markup."""
        return "".join(span.text for span in self.sentence(key, **values))

    def sentence(self, key: str, **values: str) -> Sentence:
        """Return the text under `key` with its values, in spans.

        Raises
        ------
        UserError
            If there is no such text, or one of its values is not given.
        """
        if key not in self.entries:
            raise UserError(f"{self.path} has no text '{key}'; add it.")
        text, spans, end = self.entries[key], [], 0
        try:
            for match in MARKUP.finditer(text):
                spans.append(Span(text[end : match.start()].format_map(values)))
                style = match.lastgroup
                spans.append(Span(match[style or 0].format_map(values), "strong" if style == "strong" else "code"))
                end = match.end()
            spans.append(Span(text[end:].format_map(values)))
        except KeyError as error:
            raise UserError(f"{self.path}: '{key}' has the placeholder {error}, for which there is no value.") from None
        return tuple(span for span in spans if span.text)


def placeholders(text: str, where: str = "a text") -> set[str]:
    """Return the names of the placeholders in `text`.

    Raises
    ------
    UserError
        If one is not a plain name: `{value.attribute}`, `{list[0]}`, `{value!r}` and `{value:.2f}` are refused.
    """
    try:
        parts = [*string.Formatter().parse(text)]
    except ValueError as error:
        raise UserError(f"{where} has an unmatched brace ({error}); write {{{{ for a brace.") from None
    for _, name, form, conversion in parts:
        if name is not None and (not name.isidentifier() or form or conversion):
            raise UserError(f"{where} has the placeholder '{{{name}}}'; only plain names are allowed.")
    return {name for _, name, _, _ in parts if name is not None}

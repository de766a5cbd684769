"""The two reports, from the verdicts on a study: one per model over its epochs, one over all models.

Nothing is worked out here: every number and every judgement stands in the verdicts, and a sentence appears only where
they hold what it says.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from logassay import markdown, page
from logassay.blocks import Document
from logassay.catalogue import Texts
from logassay.comparison_report import comparison_report
from logassay.epoch_report import epoch_report
from logassay.errors import UserError
from logassay.files import read_json, read_sealed_text, write_text
from logassay.prose import Verdicts


def reports(verdicts: Verdicts, texts: Texts, images: Mapping[str, str] | None = None) -> list[Document]:
    """Write all reports of a study in one language: an epoch report per model with several epochs, and the comparison.

    Parameters
    ----------
    verdicts : mapping
        Contents of verdicts.json.
    texts : Texts
        The language.
    images : mapping of str to str, optional
        Paths, relative to the reports, of pictures for forms that cannot run a chart, by name: metrics_by_epoch, roc,
        learning_curve.
    """
    clean = _clean(verdicts)
    models = dict.fromkeys(
        model["model"] for section in clean["sections"] for model in section["models"] if model["epochs"] > 1
    )
    found = [epoch_report(clean, model, texts) for model in models]
    return [*found, comparison_report(clean, texts, images or {})]


def _clean(value: Any) -> Any:
    """Return `value` without control characters in any of its texts; line breaks of commands stay."""
    if isinstance(value, str):
        return "".join(character if character.isprintable() or character == "\n" else " " for character in value)
    if isinstance(value, Mapping):
        return {_clean(key): _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list) else value


def write(
    verdicts: Path,
    *,
    languages: Sequence[str],
    texts_directory: Path,
    output: Path,
    images: Sequence[Path],
    library: Path | None = None,
) -> list[Path]:
    """Write every report in every language, as Markdown and as a page.

    Parameters
    ----------
    verdicts : Path
        verdicts.json of the study.
    languages : sequence of str
        Names of files in `texts_directory`, without suffix.
    texts_directory, output : Path
        Folders of the texts and of the reports.
    images : sequence of Path
        Pictures for the Markdown, recognised by their names; see `reports`.
    library : Path, optional
        File with what `page.bundle` returns.

    Returns
    -------
    list of Path
        The files: NAME.LANGUAGE.md and NAME.LANGUAGE.html.
    """
    found = read_json(verdicts)
    beside = {path.stem: Path(os.path.relpath(path, output)).as_posix() for path in images}
    script = None if library is None else read_sealed_text(library)
    written = []
    for language in languages:
        texts = Texts(language, texts_directory)
        try:
            documents = reports(found, texts, beside)
        except (KeyError, TypeError) as error:
            raise UserError(f"{verdicts} holds no verdicts ({error} is missing or wrong); rebuild it.") from None
        for document in documents:
            for suffix, text in (("md", markdown.render(document)), ("html", page.render(document, texts, script))):
                written.append(output / f"{document.name}.{language}.{suffix}")
                write_text(written[-1], text)
    return written

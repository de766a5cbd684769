"""The texts: read safely, complete in every language, and none of them idle."""

import ast
import re
from pathlib import Path

import pytest
import yaml

from logassay.blocks import Span
from logassay.catalogue import Texts, placeholders
from logassay.errors import UserError
from logassay.mutate import OPERATORS

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "workflow/report/texts"
LANGUAGES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
SOURCES = [ROOT / f"scripts/logassay/{name}.py" for name in ("prose", "epoch_report", "comparison_report", "page")]


def catalogue(tmp_path: Path, text: str) -> Texts:
    (tmp_path / "xx.yaml").write_text(text, encoding="utf-8")
    return Texts("xx", tmp_path)


def test_markup_is_found_before_values_are_put_in(tmp_path: Path) -> None:
    texts = catalogue(tmp_path, 'a: "Use **{model}** from `{path}`."')
    spans = texts.sentence("a", model="**x** `y` {z}", path="`p`")
    assert spans == (
        Span("Use "),
        Span("**x** `y` {z}", "strong"),
        Span(" from "),
        Span("`p`", "code"),
        Span("."),
    )
    assert texts("a", model="m", path="p") == "Use m from p."


@pytest.mark.parametrize("name", ["a.b", "a[0]", "0", "a!r", "a:.2f", ""])
def test_a_placeholder_is_a_plain_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="only plain names"):
        catalogue(tmp_path, f'a: "{{{name}}}"')


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('a: "x"\nb: 1', "'b' is not a text"),
        ('no: "x"', "'False' is not a text"),
        ("- a", "must be a mapping"),
        ('a: "x', "not valid YAML"),
        ('a: "{x"', "unmatched brace"),
        ("a: !!python/object/apply:os.getcwd []", "not valid YAML"),
    ],
)
def test_a_damaged_catalogue_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        catalogue(tmp_path, text)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    texts = catalogue(tmp_path, 'a: "{x}"')
    with pytest.raises(UserError, match="no text 'b'"):
        texts("b")
    with pytest.raises(UserError, match="'a' has the placeholder 'x'"):
        texts("a", y="1")
    with pytest.raises(UserError, match="language 'fr'; there are: xx"):
        Texts("fr", tmp_path)


def test_every_language_has_the_same_texts_with_the_same_placeholders() -> None:
    assert {"en", "ko"} <= set(LANGUAGES)
    english = Texts("en", FOLDER).entries
    for language in LANGUAGES:
        entries = Texts(language, FOLDER).entries
        assert entries.keys() == english.keys(), language
        differing = [key for key in entries if placeholders(entries[key]) != placeholders(english[key])]
        assert not differing, language


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_key_stands_twice(language: str) -> None:
    lines = (FOLDER / f"{language}.yaml").read_text(encoding="utf-8").splitlines()
    keys = [line.split(': "', 1)[0] for line in lines if line and not line.startswith("#")]
    assert len(keys) == len(set(keys)) == len(yaml.safe_load("\n".join(lines)))


def keys_in(path: Path) -> tuple[set[str], set[str]]:
    """Return the texts that a module holds, and its f-strings as regular expressions."""
    plain, patterns = set(), set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            plain.add(node.value)
        elif isinstance(node, ast.JoinedStr):
            parts = [re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".+" for part in node.values]
            patterns.add("".join(parts))
    return plain, {pattern for pattern in patterns if re.match(r"[a-z]+\\\.", pattern)}


def evidence_names(tree: ast.Module) -> set[str]:
    """Return the names that causes give their evidence by keyword, or in mappings of functions that state a cause."""
    names = set()
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef) or function.name == "_cause":
            continue
        calls = [
            node
            for node in ast.walk(function)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_cause"
        ]
        names |= {keyword.arg for call in calls for keyword in call.keywords if keyword.arg}
        if any(keyword.arg is None for call in calls for keyword in call.keywords):
            mappings = [node for node in ast.walk(function) if isinstance(node, ast.Dict)]
            names |= {key.value for node in mappings for key in node.keys if isinstance(key, ast.Constant)}
    return names


def test_every_operator_and_every_piece_of_evidence_has_a_text() -> None:
    keys = Texts("en", FOLDER).entries.keys()
    assert {key for key in keys if key.startswith("operator.")} == {f"operator.{name}" for name in OPERATORS}
    source = ast.parse((ROOT / "scripts/logassay/diagnose.py").read_text(encoding="utf-8"))
    names = evidence_names(source)
    assert len(names) > 20
    kinds = ("evidence", "metric", "column")
    assert [name for name in sorted(names) if not keys & {f"{kind}.{name}" for kind in kinds}] == []
    reasons = {
        value.value
        for node in ast.walk(source)
        if isinstance(node, ast.Dict)
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant) and key.value == "reason" and isinstance(value, ast.Constant)
    }
    assert {f"reason.{reason}" for reason in {*reasons, "few-anomalies"}} <= keys


def test_every_text_is_used_and_every_text_used_is_there() -> None:
    plain, patterns = set(), set()
    for path in SOURCES:
        constants, formats = keys_in(path)
        plain |= constants
        patterns |= formats
    template = (ROOT / "workflow/report/page.html.j2").read_text(encoding="utf-8")
    plain |= set(re.findall(r"""texts\(["'](page\.\w+)["']""", template)) | {"page.warning", "page.info"}
    keys = Texts("en", FOLDER).entries.keys()
    # Columns are listed by name; a figure's alternative follows its title.
    plain |= {f"column.{name}" for name in plain} | {f"{title}.alternative" for title in plain}
    patterns |= {rf"{pattern}\.alternative" for pattern in patterns if "chart" in pattern}
    patterns -= {r"column\..+"}
    # Factors go by the names that the configuration gives them.
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    plain |= {f"{factor}.{name}" for factor in ("grouping", "split") for name in config[f"{factor}s"]}
    idle = [key for key in keys if key not in plain and not any(re.fullmatch(each, key) for each in patterns)]
    assert not idle
    said = {
        node.args[0].value
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("say", "sentence", "texts")
    }
    assert len(said) > 50
    assert said <= keys

"""Digests of code and of input files."""

import os
import shutil
from pathlib import Path

import pytest

from logassay import digest

SCRIPT = "from logassay import stage\nfrom logassay.cli import main\n"
STAGE = '"""Room."""\nfrom logassay.part import twice\n\n\ndef run(x):\n    """Run."""\n    return twice(x)\n'
PART = "def twice(x):\n    return 2 * x\n"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small package: script.py -> stage -> part, besides `other`, which nothing imports, and `cli`."""
    package = tmp_path / "logassay"
    package.mkdir()
    (tmp_path / "script.py").write_text(SCRIPT)
    for name, text in {"stage": STAGE, "part": PART, "other": "x = 1\n", "cli": "main = print\n"}.items():
        (package / f"{name}.py").write_text(text)
    (package / "__init__.py").write_text("__version__ = '1'\n")
    monkeypatch.setattr(digest, "SCRIPTS", tmp_path)
    return tmp_path


def value(*modules: str, cache_file: Path | None = None) -> str:
    """Digest as a new process would."""
    for function in (digest.code_digest, digest._key, digest._remembered):
        function.cache_clear()
    return digest.code_digest("script.py", *modules, cache_file=cache_file)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("logassay/part.py", "2 * x", "3 * x"),
        ("logassay/stage.py", "twice(x)", "twice(x + 1)"),
        ("script.py", "import main\n", "import main\nmain(1)\n"),
    ],
)
def test_an_edit_of_code_changes_the_digest(tree: Path, file: str, old: str, new: str) -> None:
    before = value()
    path = tree / file
    path.write_text(path.read_text().replace(old, new))
    assert value() != before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("logassay/part.py", "return 2 * x", "# a comment\n    return (2 *  x)"),
        ("logassay/stage.py", "Run.", "Run it at once."),
        ("logassay/other.py", "1", "2"),
        ("logassay/cli.py", "print", "repr"),
        ("logassay/__init__.py", "'1'", "'2'"),
    ],
)
def test_comments_docstrings_and_other_modules_do_not_count(tree: Path, file: str, old: str, new: str) -> None:
    before = value()
    path = tree / file
    path.write_text(path.read_text().replace(old, new))
    assert value() == before


def test_modules_loaded_by_name_are_passed_in(tree: Path) -> None:
    with_other = value("logassay.other")
    assert with_other != value()
    (tree / "logassay/other.py").write_text("x = 2\n")
    assert value("logassay.other") != with_other


def test_known_code_is_not_parsed_again(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tree / "cache.json"
    before = value()
    assert value(cache_file=cache) == before
    parsed: list[bytes] = []
    inspect = digest._inspect
    monkeypatch.setattr(digest, "_inspect", lambda source: parsed.append(source) or inspect(source))
    assert value(cache_file=cache) == before
    assert parsed == []
    (tree / "logassay/part.py").write_text(PART.replace("2", "3"))
    changed = value(cache_file=cache)
    assert parsed == [PART.replace("2", "3").encode()]
    assert changed == value() != before
    # And back: nothing that was known is forgotten.
    (tree / "logassay/part.py").write_text(PART)
    parsed.clear()
    assert value(cache_file=cache) == before
    assert parsed == []


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"sha256": "0"}'])
def test_a_damaged_cache_is_no_cache(tree: Path, content: bytes) -> None:
    cache = tree / "cache.json"
    before = value(cache_file=cache)
    cache.write_bytes(content)
    assert value(cache_file=cache) == before
    # And it is set right.
    assert len(digest._remembered(cache)) == 3


def test_a_folder_that_cannot_be_written_has_no_cache(tree: Path) -> None:
    assert value(cache_file=tree / "script.py" / "cache.json") == value()


def test_the_place_of_the_checkout_does_not_count(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = value()
    copy = tree.with_name("moved")
    shutil.copytree(tree, copy)
    monkeypatch.setattr(digest, "SCRIPTS", copy)
    assert value() == before


def test_a_touched_file_keeps_its_digest_and_an_edited_one_does_not(tmp_path: Path) -> None:
    log, cache = tmp_path / "a.log", tmp_path / "cache.json"
    log.write_bytes(b"abc")
    # SHA-256 of "abc" from FIPS 180-2.
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest.file_digest(log, cache) == known
    os.utime(log, (1, 1))
    assert digest.file_digest(log, cache) == known
    log.write_bytes(b"abd")
    assert digest.file_digest(log, cache) != known


def test_an_untouched_file_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, cache = tmp_path / "a.log", tmp_path / "cache.json"
    log.write_bytes(b"abc")
    first = digest.file_digest(log, cache)
    monkeypatch.setattr(digest, "sha256_of", lambda path: pytest.fail("read again"))
    assert digest.file_digest(log, cache) == first

"""What all programs share: nothing that a terminal could act upon reaches it, whatever an error says."""

import subprocess
import sys
from pathlib import Path

import pytest

from logassay.errors import harmless

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = "a\x1b[31m\x07\x9b2J\u202eb\r"
SHOWN = r"a\x1b[31m\x07\x9b2J\u202eb\r"

PROGRAM = """
import sys
from logassay import cli
from logassay.errors import UserError

def run(args):
    raise {error}

cli.main(cli.parser(None), run)
"""


def test_harmless() -> None:
    assert harmless(HOSTILE) == SHOWN
    assert harmless("é\n\t", keep="\n\t") == "é\n\t"
    assert harmless("é\n\t") == r"é\n\t"
    assert harmless("\udcff") == r"\udcff"
    assert harmless("abc", 2) == "ab…"
    assert harmless("abc", 3) == "abc"


@pytest.mark.parametrize("error", ["UserError", "ValueError"])
def test_errors_are_shown_without_what_steers_a_terminal(tmp_path: Path, error: str) -> None:
    program, log = tmp_path / "program.py", tmp_path / "a.log"
    program.write_text(PROGRAM.format(error=f"{error}({HOSTILE + 'é, ' + chr(0xDCFF)!a})"))
    command = [sys.executable, str(program), "--log", str(log)]
    done = subprocess.run(command, env={"PYTHONPATH": str(ROOT / "scripts"), "PYTHONUTF8": "1"}, capture_output=True)
    assert done.returncode == (2 if error == "UserError" else 1)
    for text in (done.stderr.decode(), log.read_text(encoding="utf-8")):
        assert SHOWN + r"é, \udcff" in text
        assert all(character.isprintable() or character == "\n" for character in text)

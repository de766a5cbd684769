"""Programs of the project as a user calls them, in an empty folder that nothing may escape from."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a program in a folder of its own; whatever was handed to it, nothing may have been started by it.

    Hostile input tries to make a file called "owned" there.
    """
    folder = tmp_path / "here"
    folder.mkdir()

    def program(name: str, *options: object, seconds: float = 60) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, str(SCRIPTS / name), *map(str, options)],
            cwd=folder,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        assert not list(tmp_path.rglob("owned*"))
        return done

    return program


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one sentence by which a program refused its input."""
    assert done.returncode == 2, done.stderr
    said = [line.split(" ERROR ", 1)[1] for line in done.stderr.splitlines() if " ERROR " in line]
    assert len(said) == 1, done.stderr
    assert said[0].isprintable()
    assert len(said[0]) < 600
    return said[0]

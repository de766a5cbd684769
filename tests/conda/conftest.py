"""Fixtures: the stand-in for conda, and the environment variables of a shell in which conda is active."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

STAND_IN = Path(__file__).with_name("stand_in.py")
ACTIVATE = 'eval "$(conda shell.posix activate "$1")"\n'


@pytest.fixture(scope="session")
def conda(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folder of the stand-in for conda, its command in bin/."""
    root = tmp_path_factory.mktemp("stand-in")
    (root / "bin").mkdir()
    command = root / "bin/conda"
    command.write_text(f'#!/bin/sh\nCONDA_STAND_IN="{root}" exec "{sys.executable}" "{STAND_IN}" "$@"\n')
    command.chmod(0o755)
    (root / "bin/activate").write_text(ACTIVATE)
    yield root
    shutil.rmtree(root)


@pytest.fixture(scope="session")
def shell(conda: Path) -> dict[str, str]:
    """Variables of a shell in which conda's base environment is active, and in it the virtual environment of the tests.

    That is where jobs would get the wrong Python: conda puts an environment where its base stands in PATH.
    """
    folders = [str(Path(sys.executable).parent), str(conda / "bin"), *os.get_exec_path()]
    return {**os.environ, "PATH": os.pathsep.join(folders), "CONDA_PREFIX": str(conda), "CONDA_SHLVL": "1"}

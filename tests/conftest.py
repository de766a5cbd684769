"""Shared by all tests: where the real logs lie, if they do."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real logs (see the README); tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("LOGASSAY_REAL_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no real logs here: set LOGASSAY_REAL_DATA to a folder that has them")
    return folder

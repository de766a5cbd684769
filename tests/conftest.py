"""Shared by all tests: where the real logs lie, if they do, and a headless Chromium, if it is installed."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
QUICK = ("unit", "browser", "real")
"""Folders whose files take seconds each."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes minutes, so that no process is left with it when the others have nothing more to do."""
    items.sort(key=lambda item: item.path.parent.name in QUICK)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real logs (see the README); tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("LOGASSAY_REAL_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no real logs here: set LOGASSAY_REAL_DATA to a folder that has them")
    return folder


QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=QUIET)
        yield browser
        browser.close()

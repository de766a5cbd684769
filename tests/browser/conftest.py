"""The sample report, opened in the browser of all tests."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page

from logassay.catalogue import Texts
from logassay.page import render
from tests.browser.sample import report

TEXTS = Path(__file__).resolve().parents[2] / "workflow/report/texts"


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The sample report as a file."""
    path = tmp_path_factory.mktemp("report") / "comparison.en.html"
    path.write_text(render(report(), Texts("en", TEXTS)), encoding="utf-8")
    return path.as_uri()


class Opened:
    """A page with what it said on the console and what it asked for."""

    def __init__(self, browser: Browser, address: str, **options: Any) -> None:
        """Open `address` at the width of a desk in light colours, or as the options of a context say."""
        self.context = browser.new_context(
            **({"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"} | options)
        )
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", self.listen)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.context.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(address)
        if options.get("java_script_enabled", True):
            self.page.wait_for_selector("html.drawn", state="attached")

    def listen(self, message: ConsoleMessage) -> None:
        """Keep errors; Vega-Lite warns of choices of its own."""
        if message.type == "error":
            self.complaints.append(message.text)


@pytest.fixture
def opened(chromium: Browser, address: str) -> Iterator[Opened]:
    """The sample report at the width of a desk."""
    shown = Opened(chromium, address)
    yield shown
    shown.context.close()
    assert shown.complaints == []
    assert shown.requests == [address]

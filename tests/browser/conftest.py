"""Reports in a real Chromium. A page that writes to its console or asks for anything fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Optional

import pytest

from runner import report
from runner.model import Run
from runner.report import Extras
from tests.conftest import chromium
from tests.unit import runs

ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}

Look = Callable[..., Any]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def look(browser: Any, tmp_path: Path) -> Iterator[Look]:
    """Renders a run and opens it: `look(run, "whole=1", color_scheme="dark")` → the page."""
    complaints: list[str] = []
    contexts = []

    def look(
        run: Run,
        view: str = "",
        logs: Callable[[str], str] = runs.logs,
        extras: Optional[Extras] = None,
        **options: Any,
    ) -> Any:
        file = tmp_path / "index.html"
        file.write_text(report.render(run, "html", logs, extras), "utf-8")
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        context.set_default_timeout(5_000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("request", lambda request: complaints.append(f"asks for {request.url}"))
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        url = file.as_uri() + (f"#{view}" if view else "")
        page.goto(url)
        complaints.remove(f"asks for {url.split('#')[0]}")
        return page

    yield look
    for context in contexts:
        context.close()
    assert complaints == []

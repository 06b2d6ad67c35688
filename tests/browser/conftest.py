# SPDX-License-Identifier: GPL-2.0-only
"""A browser without a window, and a report for it to open from the disk."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from report_run import drifts, make_run, write_grades

from testbed.report.html import html_report

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# No sandbox, as tests run as root in containers; the rest keeps the browser itself from calling out.
OPTIONS = (
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip(f"no browser on this host; any of: {', '.join(NAMES)}")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=path, args=list(OPTIONS))
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_run(tmp_path_factory.mktemp("runs"))
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(html_report(folder, folder.header(), folder.records(), drifts()), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a run that looked for a bug."""
    folder = make_run(tmp_path_factory.mktemp("searches"))
    write_grades(folder)
    path = tmp_path_factory.mktemp("searched") / "report.html"
    path.write_text(html_report(folder, folder.header(), folder.records()), encoding="utf-8")
    return path


@pytest.fixture
def visit(browser: Any, report: Path) -> Iterator[Callable[..., Any]]:
    """Open the report; whatever the browser complains of or asks the network for fails the test at its end."""
    complaints: list[str] = []
    contexts = []

    def open_(
        fragment: str = "", width: int = 1400, height: int = 900, scheme: str = "light", of: Path = report, **more: Any
    ) -> Any:
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, **more)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked(request.url))
        page.goto(f"{of.as_uri()}{fragment}")
        return page

    def asked(url: str) -> None:
        if not url.startswith(("file://", "data:")):
            complaints.append(f"request: {url}")

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []

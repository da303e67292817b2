"""What all tests share: where the repository is, and the browser, if there is one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = os.environ.get("CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
REQUIRED = os.environ.get("REQUIRE_BROWSER", "0") not in ("", "0")
MISSING = "no Chromium on the path (install it, or name it: CHROMIUM=/path/to/chromium)"


def pytest_configure(config: pytest.Config) -> None:
    # A test that starts a kernel under a notebook's own environment would otherwise draw live widgets.
    os.environ.setdefault("IMPLICIT_TUTORIAL_LIVE", "0")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Two processes finish together if the files that take long are begun first.
    long = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in long)
    if CHROMIUM or REQUIRED:
        return
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.skip(reason=MISSING))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [r for r in terminalreporter.stats.get("skipped", []) if MISSING in str(r.longrepr)]
    if skipped:
        terminalreporter.section("no browser")
        terminalreporter.line(f"{len(skipped)} browser tests were skipped: {MISSING}.")
        terminalreporter.line("REQUIRE_BROWSER=1 turns this into a failure.")


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def browser():
    """Chromium, headless, one for all tests of a process."""
    if not CHROMIUM:
        pytest.fail(f"REQUIRE_BROWSER is set, and there is {MISSING}")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-background-networking", "--disable-component-update"],
        )
        yield chromium
        chromium.close()

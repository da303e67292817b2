"""What all tests share: where the repository is, and the browser, if there is one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.draw import split

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = os.environ.get("CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
REQUIRED = os.environ.get("REQUIRE_BROWSER", "0") not in ("", "0")
MISSING = "no Chromium on the path (install it, or name it: CHROMIUM=/path/to/chromium)"
NO_GPU = "torch finds no CUDA device"


def pytest_configure(config: pytest.Config) -> None:
    # A test that starts a kernel under a notebook's own environment would otherwise draw live widgets.
    os.environ.setdefault("IMPLICIT_TUTORIAL_LIVE", "0")


@pytest.hookimpl(trylast=True)  # after -k, so that what is asked for by name is tried
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items[:], left = split(items)
    config.hook.pytest_deselected(items=left)
    # Two processes finish together if the files that take long are begun first.
    long = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in long)
    reasons = {} if CHROMIUM or REQUIRED else {"browser": MISSING}
    if any(item.get_closest_marker("gpu") for item in items):
        import torch  # these tests do so anyway, and others need not

        if not torch.cuda.is_available():
            reasons["gpu"] = NO_GPU
    for item in items:
        for marker, reason in reasons.items():
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    for kind, reason in (("browser", MISSING), ("GPU", NO_GPU)):
        count = sum(reason in text for text in skipped)
        if count:
            terminalreporter.section(f"no {kind}")
            terminalreporter.line(f"{count} {kind} tests were skipped: {reason}.")
            if kind == "browser":
                terminalreporter.line("REQUIRE_BROWSER=1 turns this into a failure.")


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def firefox_program() -> str:
    """The path of Firefox; where there is none, its tests are skipped, but with REQUIRE_BROWSER they fail."""
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    if not program:
        (pytest.fail if REQUIRED else pytest.skip)("no Firefox on the path (install firefox-esr)")
    return program


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

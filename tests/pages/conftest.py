"""The built book, served and ready to be opened."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from filelock import FileLock

from tests.draw import drawn

ROOT = Path(__file__).resolve().parents[2]

#: So many pages does a commit open in the browser.
IN_THE_BROWSER = 8


def documents() -> list[str]:
    """Every page of the table of contents, in its order."""

    def walk(node: object) -> Iterator[str]:
        if isinstance(node, dict):
            yield from (str(node[key]) for key in ("root", "file") if key in node)
            for value in node.values():
                yield from walk(value)
        elif isinstance(node, list):
            for child in node:
                yield from walk(child)

    return list(walk(yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test with an argument `document` runs for every page; the search page belongs to the book as well.

    All tests of a module see one page before the next, so that they can share it in the browser. To open one
    there is dear: each commit draws those that are.
    """
    if "document" in metafunc.fixturenames:
        pages = [*documents(), "search"]
        if "tab" in metafunc.fixturenames:
            pages = drawn(pages, IN_THE_BROWSER, "pages in the browser")
        metafunc.parametrize("document", pages, scope="module")


@pytest.fixture(scope="session")
def html() -> Path:
    """The folder of built pages, made anew if it is stale."""
    (ROOT / "_build").mkdir(exist_ok=True)
    with FileLock(ROOT / "_build" / ".lock"):
        done = subprocess.run(
            [sys.executable, "tools/build_book.py", "--stored"], cwd=ROOT, capture_output=True, text=True
        )
    if done.returncode:
        said = [
            line
            for line in (done.stdout + done.stderr).splitlines()
            if "WARNING:" in line or "ERROR:" in line
        ]
        pytest.fail("the book does not build (make book):\n" + "\n".join(said), pytrace=False)
    return ROOT / "_build" / "html"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A tab that closes in the middle of a download is no error; anything else is."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(*_)


@pytest.fixture(scope="session")
def served(html: Path) -> Iterator[str]:
    """The address of a server that holds nothing but the book."""
    server = _Server(("127.0.0.1", 0), partial(_Quiet, directory=str(html)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()

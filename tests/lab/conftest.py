"""JupyterLab as Binder would start it, and a notebook opened in it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.binder.environment import binder_kernels

#: A notebook with the text of all chapters.
TEXT_OF_ALL = "notebooks/text_of_all.ipynb"
SETTINGS = {
    # The news toast asks a foreign server and then covers the sliders.
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    # All cells stay in the page, also those outside of the window.
    "notebook-extension/tracker": {"windowingMode": "none"},
}
#: Whether every cell has run: one that waits has a star, one that an error kept from running has no number.
#: Stepping over the last cell makes an empty one, which is none of the notebook's.
HAVE_RUN = """() => [...document.querySelectorAll(".jp-CodeCell")]
  .filter((cell) => cell.querySelector(".cm-content")?.textContent.trim() !== "")
  .map((cell) => cell.querySelector(".jp-InputArea-prompt"))
  .every((prompt) => !prompt || /\\[\\d+\\]/.test(prompt.textContent))"""
#: An error is shown as what its traceback is printed on.
ERRORS = ", ".join(
    f".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.{kind}']" for kind in ("error", "stderr")
)


def wait_until(true: Callable[[], bool], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"after {seconds:.0f} s still waiting: {what}"
        time.sleep(0.2)


@pytest.fixture(scope="session")
def lab(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a JupyterLab of its own, on a copy of the notebooks (running them saves them)."""
    home = tmp_path_factory.mktemp("lab")
    for folder in ("notebooks", "book"):
        shutil.copytree(root / folder, home / "work" / folder)
    chapters = [nbformat.read(path, as_version=4) for path in sorted((root / "notebooks").glob("*.ipynb"))]
    text = [cell for chapter in chapters for cell in chapter.cells if cell.cell_type == "markdown"]
    for k, cell in enumerate(text):
        cell.id = f"text-{k}"  # two chapters may have one of the same name
    all_text = nbformat.v4.new_notebook(cells=text, metadata=chapters[0].metadata)
    nbformat.write(all_text, home / "work" / TEXT_OF_ALL)
    for name, setting in SETTINGS.items():
        file = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(setting))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("IMPLICIT_TUTORIAL", "JPY_"))}
    environment |= {
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_PATH": str(binder_kernels()),
        "OMP_NUM_THREADS": "1",  # Binder has one core
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    options = f"""--no-browser --allow-root --ip=127.0.0.1 --port={port} --ServerApp.port_retries=0
        --IdentityProvider.token= --ServerApp.password= --ServerApp.disable_check_xsrf=True""".split()
    options.append(f"--ServerApp.root_dir={home / 'work'}")
    log = (home / "log").open("w")
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", *options], env=environment, stdout=log, stderr=subprocess.STDOUT
    )

    def answers() -> bool:
        assert server.poll() is None, (home / "log").read_text()[-3000:]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=2):
                return True
        except OSError:
            return False

    try:
        wait_until(answers, 60, "JupyterLab starts")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()  # takes its kernels with it
        server.wait(timeout=30)
        log.close()


@dataclass
class OpenNotebook:
    """A notebook in a tab of the browser, and what a learner does with it."""

    tab: Any
    lab: str
    path: str

    def open(self) -> None:
        self.tab.goto(f"{self.lab}/lab/tree/{self.path}?reset")
        self.tab.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=60_000)
        # Else the menu asks for a kernel while one is starting.
        wait_until(self.idle, 60, "the kernel is ready")

    def folded(self) -> int:
        """Headings that hide what follows."""
        return self.tab.locator(".jp-collapseHeadingButton.jp-mod-collapsed").count()

    def close(self) -> None:
        """Stop the kernel: ten of them would not fit into the memory."""
        for session in self._sessions():
            request = urllib.request.Request(f"{self.lab}/api/sessions/{session['id']}", method="DELETE")
            urllib.request.urlopen(request, timeout=20).close()

    def _sessions(self) -> list[dict]:
        with urllib.request.urlopen(f"{self.lab}/api/sessions", timeout=10) as answer:
            return [session for session in json.load(answer) if session["path"] == self.path]

    def idle(self) -> bool:
        return [session["kernel"]["execution_state"] for session in self._sessions()] == ["idle"]

    def menu(self, *items: str) -> None:
        first, *others = items
        self.tab.locator(f".lm-MenuBar-itemLabel:text-is('{first}')").click()
        for item in others:
            self.tab.locator(f".lm-Menu-itemLabel:text-is('{item}')").click()

    def run_all(self) -> None:
        self.clear()
        self.menu("Run", "Run All Cells")
        self._wait()

    def run_cell_by_cell(self) -> None:
        """From the first cell, each when the one before has run."""
        self.clear()
        self.tab.locator(".jp-Notebook .jp-Cell").first.locator(".jp-InputPrompt").click()
        for _ in range(self.tab.locator(".jp-Notebook .jp-Cell").count()):
            self.tab.keyboard.press("Shift+Enter")
            wait_until(self.idle, 120, "the cell has run")
        self._wait()

    def clear(self) -> None:
        """Forget what is stored: a number beside a cell then says that it has run here."""
        self.menu("Edit", "Clear Outputs of All Cells")
        wait_until(lambda: self.tab.locator(".jp-OutputArea-output").count() == 0, 30, "no output is left")

    def _wait(self) -> None:
        def over() -> bool:
            return self.tab.evaluate(HAVE_RUN) or self.tab.locator(ERRORS).count() > 0

        wait_until(over, 180, f"all cells of {self.path} have run")
        wait_until(self.idle, 60, "the kernel is idle again")
        assert self.tab.locator(ERRORS).all_inner_texts() == []

    def settle(self) -> None:
        """Bring each figure into the window, and wait until it shows what its handles say."""
        self.tab.evaluate("inspect.figures()")

    def faults(self) -> list[str]:
        self.settle()
        return self.tab.evaluate("geometry.remaining()")

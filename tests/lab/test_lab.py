"""JupyterLab end to end: open a chapter as Binder would, run it, move a slider, see the figure follow."""

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
from pathlib import Path

import pytest

from tests.binder.environment import binder_kernels
from tests.browser import reader

# The environment is made first, if it is not there.
pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

#: Its sliders move the scales of the initialization. That every chapter's live figures follow
#: their handles is seen in tests/book, and that its cells run in Binder's kernel by nbval.
NOTEBOOK = "07_a_bound_you_can_compute.ipynb"
SETTINGS = {
    # The news toast asks a foreign server and then covers the sliders.
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    # All cells stay in the page, also those outside of the window.
    "notebook-extension/tracker": {"windowingMode": "none"},
}
PLOTTED = """(output) => JSON.stringify([...output.querySelectorAll(".js-plotly-plot")].map((plot) => [
  plot._fullData.map((t) => [t.x, t.y, t.z, t.text, t.visible, t.marker?.color].map(
    (v) => ArrayBuffer.isView(v) ? Array.from(v) : v)),
  plot.layout.annotations, plot.layout.shapes, plot.layout.title]))"""


def wait_until(true: Callable[[], bool], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"after {seconds:.0f} s still waiting: {what}"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def lab(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a JupyterLab of its own, on a copy of the notebooks (running them saves them)."""
    home = tmp_path_factory.mktemp("lab")
    shutil.copytree(root / "notebooks", home / "work" / "notebooks")
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
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    options = [
        "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0",
        "--IdentityProvider.token=", "--ServerApp.password=", f"--ServerApp.root_dir={home / 'work'}",
    ]  # fmt: skip
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


def kernel_is_idle(lab: str) -> bool:
    with urllib.request.urlopen(f"{lab}/api/sessions", timeout=10) as answer:
        sessions = json.load(answer)
    states = [s["kernel"]["execution_state"] for s in sessions if s["path"].endswith(NOTEBOOK)]
    return states == ["idle"]


@pytest.mark.slow
def test_a_chapter_runs_and_its_figures_follow_the_sliders(browser, lab: str) -> None:
    # What JupyterLab writes on the console is its own affair.
    with reader(browser, lab, console=(), viewport={"width": 1280, "height": 1000}) as tab:
        tab.goto(f"{lab}/lab/tree/notebooks/{NOTEBOOK}?reset")
        tab.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=60_000)
        wait_until(lambda: kernel_is_idle(lab), 60, "the kernel is ready")

        tab.locator(".lm-MenuBar-itemLabel:text-is('Run')").click()
        tab.locator(".lm-Menu-itemLabel:text-is('Run All Cells')").click()
        prompts = tab.locator(".jp-CodeCell .jp-InputPrompt")
        wait_until(
            lambda: all(
                text.strip("[]: \xa0").isdigit() for text in prompts.all_inner_texts() if text.strip()
            ),
            120,
            "all cells have run",
        )
        wait_until(lambda: kernel_is_idle(lab), 60, "the kernel is idle again")
        failed = tab.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']")
        assert failed.all_inner_texts() == []

        outputs = tab.locator(".jp-Cell-outputArea .jp-OutputArea-child:has(.noUi-handle)")
        outputs.first.wait_for(timeout=20_000)
        for output in outputs.all():
            output.scroll_into_view_if_needed()
            output.locator(".js-plotly-plot .main-svg").first.wait_for(timeout=20_000)
            for handle in output.locator(".noUi-handle").all():
                before = output.evaluate(PLOTTED)
                handle.focus()
                low, high, now = (
                    float(handle.get_attribute(f"aria-value{w}")) for w in ("min", "max", "now")
                )
                for _ in range(3):
                    handle.press("ArrowLeft" if now > (low + high) / 2 else "ArrowRight")
                wait_until(
                    lambda output=output, before=before: output.evaluate(PLOTTED) != before,
                    30,
                    f"a figure follows its slider in {output.inner_text()[:80]!r}",
                )

"""A figure as a file: a page that stands alone, or the picture that this page's script makes."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from html import escape
from importlib.resources import files
from pathlib import Path

from implicit_tutorial.explorer.scripts import SAVING, scripts_of, served
from implicit_tutorial.explorer.style import SHEETS, STATIC

#: Where Chromium and its relatives are found; BROWSER_PATH names another.
BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
ENDED = "<\\/script"  # what ends a script must not stand within it
PATIENCE = 60  # seconds that a picture may take

#: Puts the picture where the browser prints it: into the page's text.
DRAW = """implicitTutorial.whenParsed(async () => {
  const [explorer] = implicitTutorial.explorers.values();
  const said = (text) => (document.body.textContent = `[[${text}]]`);
  try {
    const bytes = new Uint8Array(await new Blob([await implicitSave.FORM(explorer)]).arrayBuffer());
    said(btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")));
  } catch (error) {
    said(`error ${error.message}`);
  }
});"""


# ---------------------------------------------------------------- the page


def plotly_js() -> bytes:
    """The plotting library of the browser, as the plotly package brings it."""
    return (files("plotly") / "package_data" / "plotly.min.js").read_bytes()


def page(figure: str, title: str, script: str = "") -> str:
    """A page with one figure that needs no other file."""
    names = (*scripts_of(figure), SAVING)
    code = [plotly_js().decode("utf-8"), *(served(STATIC / name) for name in names), script]
    scripts = "\n".join(f"<script>{text.replace('</script', ENDED)}</script>" for text in code if text)
    sheets = "\n".join((STATIC / name).read_text("utf-8") for name in SHEETS)
    body = "body{max-width:46rem;margin:1rem auto;padding:0 1rem;font:1rem/1.6 system-ui,sans-serif}"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{body}\n{sheets}</style></head>"
        f"<body>{figure}\n{scripts}</body></html>\n"
    )


# ---------------------------------------------------------------- the picture


def browser(path: Path) -> str:
    """Chromium or one of its relatives.

    Raises:
        RuntimeError: if there is none; it says what saves `path` otherwise.
    """
    named = os.environ.get("BROWSER_PATH")
    if found := next(filter(None, map(shutil.which, [named] if named else BROWSERS)), None):
        return found
    where = f"BROWSER_PATH names {named}, which is no program" if named else "none is on the path"
    raise RuntimeError(
        f"{path.name} is drawn by Chromium or Chrome, and {where}. Install one, or name it in the "
        f"environment variable BROWSER_PATH. Or save {path.stem}.html, where “Save” makes the picture "
        f"in any browser; {path.stem}.csv needs none."
    )


def picture(page_of: Callable[[str], str], path: Path) -> bytes:
    """The picture that the page's script makes: "svg" or "png", by the ending of `path`.

    Arguments:
        page_of: the page with the figure, given the script that draws it.

    Raises:
        RuntimeError: if there is no browser, or it draws nothing.
    """
    program = browser(path)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "figure.html"
        file.write_text(page_of(DRAW.replace("FORM", path.suffix[1:])), "utf-8")
        command = [
            program,
            "--headless",
            "--disable-gpu",
            "--no-first-run",
            f"--user-data-dir={folder}/profile",
            "--virtual-time-budget=30000",
            *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
            "--dump-dom",
            file.as_uri(),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    # Where the page is printed before the picture is there, its scripts hold brackets of their own.
    drawn = re.search(r"<body[^>]*>\[\[(.*?)\]\]</body>", done.stdout, re.S)
    if drawn is None or drawn[1].startswith("error"):
        why = drawn[1] if drawn else done.stderr.strip()[-300:]
        raise RuntimeError(f"{program} did not draw {path.name}: {why}")
    return base64.b64decode(drawn[1])

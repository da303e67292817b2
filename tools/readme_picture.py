"""Draw the picture of the README from a figure of the book, at one position of its handles.

    python tools/readme_picture.py

It needs Chromium, as the browser tests do. What is drawn is what the page shows there; the colours are those
that read on light and on dark.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from plotly.io import to_json

from implicit_tutorial.book import explorers
from implicit_tutorial.explorer.style import TEMPLATE

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "book" / "figures" / "readme.svg"
FIGURE, PLACE = "learning-circle", {"time": 20, "width": 192, "output_scale": 3.0}
SIZE = {"width": 840, "height": 400}


def drawing() -> dict[str, Any]:
    """The first panel there, as plotly takes it."""
    figure, *_ = explorers()[FIGURE]().draw(**PLACE)
    return json.loads(to_json(figure.update_layout(template=TEMPLATE, **SIZE), validate=False))


def svg(browser: Any) -> str:
    """The panel drawn by plotly in a browser."""
    import plotly

    page = browser.new_page()
    try:
        page.add_script_tag(path=Path(plotly.__file__).parent / "package_data" / "plotly.min.js")
        draw = "([figure, size]) => Plotly.toImage(figure, {format: 'svg', imageDataOnly: true, ...size})"
        return page.evaluate(draw, [drawing(), SIZE])
    finally:
        page.close()


def main() -> int:
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome")
    chromium = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if chromium is None:
        print("readme_picture: no Chromium on the path; install it, or name it: CHROMIUM=/path/to/chromium")
        return 1
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        PICTURE.write_text(svg(browser), encoding="utf-8")
        browser.close()
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())

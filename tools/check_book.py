"""Check the built pages: every figure that a cell made is there and holds data; nothing foreign is fetched.

Jupyter Book stays silent where an output has no form it knows: the figure is then just missing from its page.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from bs4 import BeautifulSoup

MAX_BYTES = 1_000_000
PLOTLY = "application/vnd.plotly.v1+json"
WIDGET = "application/vnd.jupyter.widget-view+json"
IMAGES = ("image/png", "image/svg+xml", "image/jpeg")
EXPLORER = re.compile(r'<figure class="it-explorer" id="([^"]+)"')
# Where a page names something that the browser fetches by itself. A plain link is the reader's own step.
FETCHED = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "embed": "src",
    "object": "data",
    "link": "href",
}


def pages(html: Path) -> list[Path]:
    """Every built page, without the theme's own templates that lie among the assets."""
    return sorted(page for page in html.rglob("*.html") if "_static" not in page.relative_to(html).parts)


def foreign_requests(soup: BeautifulSoup) -> Iterator[str]:
    """Addresses on other hosts that the page would fetch when it opens."""
    for tag, attribute in FETCHED.items():
        for element in soup.find_all(tag):
            address = element.get(attribute) or ""
            if urlsplit(address).netloc:
                yield f"<{tag}> fetches {address}"
    for style in soup.find_all("style"):
        for address in re.findall(r"(?:@import\s+|url\()['\"]?((?:https?:)?//[^'\")\s]+)", style.get_text()):
            yield f"<style> fetches {address}"


def expected_figures(notebook: dict) -> Iterator[tuple[int, str | None, str]]:
    """What the executed cells made: cell number, figure id (None: an image), complaint or ''."""
    for number, cell in enumerate(notebook["cells"], start=1):
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            text = "".join(data.get("text/html", ""))
            ids = EXPLORER.findall(text)
            for found in ids:
                yield number, found, ""
            if PLOTLY in data and not ids:
                yield number, None, "a plotly figure that no page can show; wrap it in Figure(…)"
            elif WIDGET in data and not ids:
                yield number, None, "a bare widget, which is dead in a page; use an Explorer"
            elif any(kind in data for kind in IMAGES):
                yield number, None, ""


def holds_data(spec: dict) -> list[int]:
    """Numbers of the panels of a stored explorer in which nothing is ever drawn: no data, no shapes."""
    sizes = {
        kind: [size if isinstance(size, int) else min(size) for size in entry["shapes"]]
        for kind, entry in spec["arrays"].items()
    }

    def filled(node: object) -> bool:
        if isinstance(node, dict):
            if len(node) == 1 and (kind := next(iter(node))) in sizes:
                return sizes[kind][node[kind]] > 0
            return any(filled(child) for key, child in node.items() if key in ("x", "y", "z", "values"))
        return (
            isinstance(node, list)
            and len(node) > 0
            and any(not isinstance(c, dict) or filled(c) for c in node)
        )

    empty = []
    for number, panel in enumerate(spec["panels"]):
        if any(panel["layout"].get(kind) for kind in ("shapes", "annotations", "images")):
            continue  # a diagram
        moving = [v["values"] for v in spec["varying"] if v["at"][:2] == [number, "data"]]
        if not any(filled(trace) for trace in panel["data"]) and not any(filled(values) for values in moving):
            empty.append(number)
    return empty


def check_page(page: Path, executed: Path) -> Iterator[str]:
    """Sentences that say what is wrong with one page."""
    source = page.read_text(encoding="utf-8")
    if len(source.encode()) > MAX_BYTES:
        yield f"holds {len(source.encode()) / 1e6:.2f} MB of HTML; the limit is {MAX_BYTES / 1e6:.0f} MB"
    soup = BeautifulSoup(source, "html.parser")
    yield from foreign_requests(soup)

    figures = {figure.get("id"): figure for figure in soup.select("figure.it-explorer")}
    for name, figure in figures.items():
        spec = json.loads(figure.select_one("script.it-spec").get_text())
        for panel in holds_data(spec):
            yield f"figure {name}: panel {panel + 1} is empty; its function draws no data"
    if not executed.exists():
        return
    images = 0
    for number, name, complaint in expected_figures(json.loads(executed.read_text(encoding="utf-8"))):
        if complaint:
            yield f"cell {number} made {complaint}"
        elif name is None:
            images += 1
        elif name not in figures:
            yield f"cell {number} made the figure {name}, which the page lacks"
    shown = len(soup.select("div.cell_output img:not(.it-still)"))
    if shown < images:
        yield f"its cells made {images} images, and the page shows {shown}"


def main(root: Path) -> int:
    html, executed = root / "_build" / "html", root / "_build" / "jupyter_execute"
    complaints = [
        f"ERROR: {page.relative_to(html)}: {complaint}"
        for page in pages(html)
        for complaint in check_page(page, executed / page.relative_to(html).with_suffix(".ipynb"))
    ]
    print(*complaints, sep="\n", end="\n" if complaints else "")
    return 1 if complaints else 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path.cwd()))

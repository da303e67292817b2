"""From a handle that moves to the frame that shows it, in the book's pages, beside plotly's own update."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.setting import Setting, chromium

#: The built book.
PAGES = Path(__file__).parents[1] / "_build" / "html"
#: Figures with a point that is dragged in a plane, and with a spectrum behind a slider.
PLANES = ("cobweb", "two-units", "energy-landscape", "splitting-paths", "euler-step", "unit-descent")
SPECTRA = ("initialization-scale",)

#: Write down, for each move, the milliseconds until its frame has been handed over to be shown, by who draws.
_WATCH = """() => {
  const { port1, port2 } = new MessageChannel(), { move } = implicitTutorial;
  window.times = { ours: [], plotly: [] };
  let since = null;
  const moved = () => {
    if (since !== null) return;
    since = performance.now();
    requestAnimationFrame(() => port2.postMessage(null));
  };
  port1.onmessage = () => {
    window.times[window.drawer].push(performance.now() - since);
    since = null;
  };
  window.drawer = "ours";
  implicitTutorial.move = (...plot) => window.drawer === "ours" && move(...plot);
  for (const kind of ["pointermove", "input"]) addEventListener(kind, moved, true);
}"""
#: Milliseconds between two moves, so that none waits for the one before.
_PAUSE = 100


def frames(
    setting: Setting, figures: Sequence[str] = PLANES, *, pages: Path = PAGES, moves: int = 80
) -> Iterator[Mapping[str, Any]]:
    """Median milliseconds from a move to its frame, in Chromium without a GPU.

    ``peer_value`` is that of plotly's own update, in turn; ``accuracy`` is the 95th percentile.
    """
    if setting.device != "cpu":
        return
    where = addresses(figures, pages)
    with chromium() as browser:
        for name, address in where.items():
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto(address)
            figure = page.locator(f"#fig-{name}")
            figure.scroll_into_view_if_needed()
            page.wait_for_function(f"document.querySelector('#fig-{name}').dataset.shown")
            page.wait_for_timeout(1000)  # formulae and fonts have come
            move = _dragged if figure.locator(".it-handle").count() else _slid
            times = move(figure, moves)
            ours, plotly = (times[drawer] for drawer in ("ours", "plotly"))
            yield {
                "figure": name,
                "peer_value": statistics.median(plotly),
                "value": statistics.median(ours),
                "accuracy": statistics.quantiles(ours, n=20, method="inclusive")[-1],
            }
            page.close()


def addresses(figures: Sequence[str] = (*PLANES, *SPECTRA), pages: Path = PAGES) -> dict[str, str]:
    """Where the figures are in the built book; that it is not built is said at once."""
    texts = {path: path.read_text("utf-8") for path in pages.rglob("*.html")}
    found = {name: path for path, text in texts.items() for name in figures if f'id="fig-{name}"' in text}
    if missing := set(figures) - set(found):
        raise SystemExit(f"No page of {pages} has {', '.join(sorted(missing))}: `make book` first")
    return {name: f"{path.as_uri()}#fig-{name}" for name, path in found.items()}


def _turns(page: Any, moves: int) -> Iterator[int]:
    """Count the moves, and let the two draw in turn, ten moves each."""
    page.evaluate(_WATCH)
    for k in range(moves):
        page.evaluate("(drawer) => { window.drawer = drawer; }", ("ours", "plotly")[k // 10 % 2])
        yield k
        page.wait_for_timeout(_PAUSE)


def _dragged(figure: Any, moves: int) -> dict[str, list[float]]:
    """Drag the first point about."""
    mouse, box = figure.page.mouse, figure.locator(".it-handle").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    mouse.move(x, y)
    mouse.down()
    for k in _turns(figure.page, moves):
        mouse.move(x + 2 * (k % 20 + 1), y - 2 * (k % 10))
    mouse.up()
    return figure.page.evaluate("window.times")


def _slid(figure: Any, moves: int) -> dict[str, list[float]]:
    """Move the first slider to and fro."""
    slider = figure.locator("input[type=range]").first
    slider.focus()
    for k in _turns(figure.page, moves):
        slider.press("ArrowRight" if k % 20 < 10 else "ArrowLeft")
    return figure.page.evaluate("window.times")

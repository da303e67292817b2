"""In another browser, too, a page that computes shows what torch computes; read from the disk."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from implicit_tutorial.book.ch02_well_posedness.two_units import two_units
from implicit_tutorial.explorer.scripts import SCRIPTS
from tests.explorer.conftest import write_page
from tests.explorer.test_computed import MOVE, TRAJECTORY, differences, pytestmark, small, waves
from tests.explorer.test_live_figures import made
from tests.explorer.test_program import CALL, CASES, assert_same, exported, named, written
from tests.firefox import Tab, firefox

__all__ = ["pytestmark"]

EXPLORERS = {
    "waves": waves,
    "learn": small,
    "two-units": two_units,
    "phase-diagram": lambda: made("phase-diagram"),
}
_DOWN = "\ue015"


_MAP = """const explorer = implicitTutorial.explorers.get("phase-diagram");
  const { figure, plots: [plot] } = explorer;
  const settled = async () => {
    do await new Promise(requestAnimationFrame); while (explorer.pending || figure.ariaBusy === "true");
  };"""
#: The map's handles, the place of a pair of numbers on it, and where all stand.
MOVE_TO = f"""async (query) => {{
  {_MAP}
  explorer.restore(new URLSearchParams(query));
  await settled();
  plot.scrollIntoView({{ block: "center", behavior: "instant" }});
}}"""
PLACE = f"""([kappa, width]) => {{
  {_MAP}
  const {{ left, top }} = plot.getBoundingClientRect(), {{ xaxis, yaxis }} = plot._fullLayout;
  return [left + xaxis._offset + xaxis.d2p(kappa), top + yaxis._offset + yaxis.d2p(width)];
}}"""
STANDS = f"""async () => {{
  {_MAP}
  await settled();
  const {{ x, y, width, height }} = figure.querySelector(".it-handle").getBoundingClientRect();
  const output = figure.querySelector("output[for=fig-phase-diagram-width]").textContent;
  return {{ ...explorer.source.values(explorer.position), handle: [x + width / 2, y + height / 2], output }};
}}"""


@pytest.fixture(scope="module")
def tab(firefox_program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    body = "".join(make().html() for make in EXPLORERS.values())
    page = write_page(tmp_path_factory.mktemp("page"), body, SCRIPTS)
    with firefox(firefox_program, tmp_path_factory.mktemp("profile")) as tab:
        tab.resize(1280, 900)
        tab.goto(page.as_uri())
        count = "() => document.querySelectorAll('figure[data-shown]').length"
        shown = f"""async () => {{
          while (({count})() < 4) {{
            document.querySelectorAll("figure")[({count})()].scrollIntoView({{ behavior: "instant" }});
            await new Promise((done) => setTimeout(done, 50));
          }}
        }}"""
        tab.evaluate(shown)
        yield tab
        assert not tab.errors
        outside = [url for url in tab.requests if not url.startswith(("file:", "data:", "blob:", "about:"))]
        assert not outside


@pytest.mark.some(12)
@pytest.mark.parametrize("wasm", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_each_operation_gives_what_torch_gives(tab: Tab, name: str, wasm: bool) -> None:
    function, inputs = CASES[name]
    inputs = named(function, inputs)
    found = tab.evaluate(CALL, [exported(name), written(inputs), {"wasm": wasm}])
    found = {k: torch.tensor(list(map(float, v)), dtype=torch.float64) for k, v in found.items()}
    assert_same(found, function(**inputs), 1e-12)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("waves", (1, 2)),
        ("waves", (1.9, 0.1)),
        ("learn", (2.5, 0.4, 0.3, 0.7)),
        ("learn", (1.3, 0.4, 0.3, 0.7)),
        ("two-units", (0, 8)),
    ],
)
def test_a_figure_shows_what_torch_computes(tab: Tab, name: str, place: tuple[float, ...]) -> None:
    assert not differences(tab.evaluate(MOVE, [name, place]), EXPLORERS[name](), place)


def test_two_hundred_steps_end_where_torch_ends(tab: Tab) -> None:
    explorer = small()
    values = {"time": 0, "width": 24, "implicit_scale": 0.6, "output_scale": 0.5}
    step = float(explorer.computation.run(values)["step"])
    A = explorer.computation.run(values | {"time": 200 * step})["A"]
    found = tab.evaluate(TRAJECTORY, [explorer.document(), values, 200, {}])
    assert float((torch.tensor(found, dtype=torch.float64).reshape(A.shape) - A).abs().max()) < 1e-10


def test_a_point_is_dragged_by_pointer_and_keys(tab: Tab) -> None:
    tab.evaluate(MOVE, ["two-units", (0, 0)])
    where = """() => {
      const handle = document.querySelector("[data-name=two-units] .it-handle");
      handle.scrollIntoView({ block: "center", behavior: "instant" });
      const { x, y, width, height } = handle.getBoundingClientRect();
      return [x + width / 2, y + height / 2];
    }"""
    line = "() => document.querySelector('[data-name=two-units] .it-readout').textContent"
    settled = f"""async (words) => {{
      const wait = () => new Promise((go) => setTimeout(go, 50));
      for (let k = 0; k < 100 && !({line})().includes(words); k++) await wait();
      return ({line})();
    }}"""
    assert "three equilibria" in tab.evaluate(settled, "three")
    x, y = tab.evaluate(where)
    tab.drag([(x - 8 * k, y) for k in range(11)])
    assert "exactly one" in tab.evaluate(settled, "exactly one")
    for _ in range(4):
        tab.press(_DOWN)
    lower = """async () => {
      const b2 = () => Number(/b2=([-0-9.]+)/.exec(location.hash)?.[1] ?? 1);
      for (let k = 0; k < 100 && b2() > 0.88; k++) await new Promise((go) => setTimeout(go, 50));
      return b2();
    }"""
    assert tab.evaluate(lower) == pytest.approx(1 - 4 * 0.033, abs=1e-3)  # a hundredth of the axis each


def test_a_click_on_logarithmic_axes_brings_the_point_there(tab: Tab) -> None:
    """The controls that it stands for move with it, a whole number among them, and the page trains there."""
    tab.evaluate(MOVE_TO, "steps=0&output_scale=0.234&width=128")
    x, y = tab.evaluate(PLACE, [1, 30])
    tab.drag([(x, y)])
    found = tab.evaluate(STANDS)
    assert found["output_scale"] == pytest.approx(1, rel=0.02)
    assert found["width"] == pytest.approx(30, abs=1)
    assert found["width"] == round(found["width"])
    assert found["handle"] == pytest.approx([x, y], abs=3)  # of a whole number it stands beside the pointer
    assert found["output"] == str(found["width"])

"""Each figure of the book that computes: at stops, anywhere, dragged, by keys, and without WebAssembly."""

from __future__ import annotations

import json
import math
import random
import zlib
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
import torch

from implicit_tutorial.book import explorers
from implicit_tutorial.explorer.computed import Computed
from implicit_tutorial.explorer.control import Control
from implicit_tutorial.explorer.point import Point
from implicit_tutorial.explorer.reading import number
from tests.browser import reader
from tests.draw import drawn
from tests.explorer.conftest import write_page
from tests.explorer.documents import computed, is_dragged, stored

pytestmark = [
    pytest.mark.skipif(
        not hasattr(torch.compiler, "is_exporting"),
        reason="this torch exports no loops; pages are made with a later one",
    ),
    pytest.mark.timeout(600),  # the page holds all figures of the module, and some train networks
]

LIVE = [name for name, make in explorers().items() if make.__annotations__["return"] == "Computed"]
#: Those that a test names, and others drawn by the commit, are in the page.
NAMED = ["cobweb", "unit-descent", "phase-diagram"]
SHOWN = [*NAMED, *drawn([name for name in LIVE if name not in NAMED], 3, "live figures")]
DRAGGED = [name for name in SHOWN if is_dragged(name)]
RTOL = 1e-10

#: What a figure shows once it stands still: where its handles are, its line, and all that is computed.
READ = """async (figure) => {
  const explorer = implicitTutorial.explorers.get(figure.dataset.name), { source, plots } = explorer;
  do await new Promise(requestAnimationFrame); while (explorer.pending || figure.ariaBusy === "true");
  const texts = (node) => (typeof node === "object" ? Array.from(node, texts).flat() : [String(node)]);
  const read = ([name, [p, ...keys]]) => [name, texts(keys.reduce((node, key) => node[key], plots[p]))];
  return {
    values: source.values(explorer.position),
    line: figure.querySelector(".it-readout").textContent,
    shown: Object.fromEntries(Object.entries(source.computed.slots).map(read)),
  };
}"""
RESTORE = """async (figure, query) => {
  const explorer = implicitTutorial.explorers.get(figure.dataset.name);
  await explorer.mount();
  explorer.restore(new URLSearchParams(query));
}"""


def few(control: Control, clock: str) -> Control:
    """The control with some of its stops, so that not all frames need be made; of a time the early ones."""
    kept = (
        control.values[:3]
        if control.name == clock
        else {control.values[0], control.start, control.values[-1]}
    )
    start = control.values[0] if control.name == clock else control.start
    return replace(control, values=[v for v in control.values if v in kept], start=start)


@cache
def made(name: str) -> Computed:
    """The figure of the book, with few stored frames."""
    explorer = explorers()[name]()
    explorer.controls = tuple(few(c, explorer.computation.clock) for c in explorer.controls)
    explorer.document = lambda: computed(name)
    return explorer


@cache
def html(name: str) -> str:
    return made(name).html()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page on the disk."""
    return write_page(tmp_path_factory.mktemp("live"), "".join(map(html, SHOWN)))


@pytest.fixture(scope="module", params=[True], ids=["wasm"])
def page(request: pytest.FixtureRequest, browser: Any, path: Path) -> Iterator[Any]:
    """That page, also in a browser that has no WebAssembly; how a point is moved does not depend on it."""
    with reader(browser, "file:", viewport={"width": 1280, "height": 900}) as tab:
        if not request.param:
            tab.add_init_script("delete globalThis.WebAssembly")
        tab.goto(path.as_uri())
        assert tab.evaluate("implicitProduct.works") is request.param
        yield tab


def figure(page: Any, name: str) -> Any:
    return page.locator(f'[data-name="{name}"]')


def assert_right(page: Any, name: str, **values: float) -> dict[str, Any]:
    """Move the handles where they are told, see that torch shows the same there, and return their values."""
    if values:
        figure(page, name).evaluate(RESTORE, urlencode(values))
    found = figure(page, name).evaluate(READ)
    explorer, at = made(name), found["values"]
    expected = explorer.computation.run(at)
    assert all(at[key] == pytest.approx(value, rel=1e-12) for key, value in values.items())
    assert found["line"] == explorer.readout(**at)
    for slot, got in found["shown"].items():
        wanted = expected[slot].flatten().double().numpy()
        if kinds := explorer.computation.choices.get(slot):
            chosen = [kinds[int(k)] for k in wanted]
            assert got == [str(kind).lower() if isinstance(kind, bool) else kind for kind in chosen], slot
            continue
        if form := explorer.computation.texts.get(slot):
            assert got == [number(v, form) for v in wanted], slot
            continue
        size = np.max(np.abs(wanted), initial=0, where=np.isfinite(wanted))
        where, atol = f"{name}: {slot} at {at}", RTOL * size + 1e-13
        np.testing.assert_allclose(np.array(got, float), wanted, rtol=RTOL, atol=atol, err_msg=where)
    return at


def stops(name: str, count: int) -> list[dict[str, Any]]:
    """Where stored frames are, and the points where they start."""
    draw, explorer = random.Random(name), made(name)
    return [{c.name: draw.choice(c.values) for c in explorer.controls} for _ in range(count)]


def anywhere(name: str, count: int) -> list[dict[str, Any]]:
    """Between the stops, with the points anywhere on their panels."""
    draw, explorer, found = random.Random(name), made(name), []
    for _ in range(count):
        values: dict[str, Any] = {}
        for c in explorer.handles:
            ends = c.values[0], c.values[-1]
            whole = all(isinstance(v, int) for v in c.values)
            if isinstance(c.start, str):
                values[c.name] = draw.choice(c.values)
            else:
                values[c.name] = draw.randint(*ends) if whole else draw.uniform(*ends)
        found.append(values)
    return found


#: Without WebAssembly the same programs run on plain arrays: a few figures, drawn by the commit, show it.
PLAIN = [(False, name) for name in drawn(SHOWN, 2, "without WebAssembly")]


@pytest.mark.parametrize(
    ("page", "name"), [*((True, name) for name in SHOWN), *PLAIN], indirect=["page"], scope="module"
)
def test_at_stops_and_anywhere_a_page_shows_what_torch_computes(page: Any, name: str) -> None:
    computation = made(name).computation
    # What trains takes its time: fewer places, and without WebAssembly only the smallest networks.
    places = (
        [*stops(name, 1), *anywhere(name, 1)] if computation.clock else [*stops(name, 2), *anywhere(name, 4)]
    )
    sizes = {size for shape in computation.draws.values() for size in shape if isinstance(size, str)}
    plain = not page.evaluate("implicitProduct.works")
    least = {c.name: c.values[0] for c in made(name).controls if plain and c.name in sizes}
    for values in places:
        assert_right(page, name, **(values | least))


def any_whole(name: str, point: Point) -> bool:
    """Whether a coordinate takes whole numbers only, so that the point stands beside the pointer."""
    return any(c.name in point.at and isinstance(c.start, int) for c in made(name).controls)


def stepped(axis: dict[str, Any], value: float, share: float) -> float:
    """A share of the axis further on, on its own scale, but not beyond it."""
    log = axis.get("type") == "log"
    low, high = axis["range"]
    along = min(max((math.log10(value) if log else value) + share * (high - low), low), high)
    return 10**along if log else along


@pytest.mark.parametrize("name", DRAGGED)
def test_a_point_follows_the_pointer_and_the_keys(page: Any, name: str) -> None:
    at = assert_right(page, name, **made(name).start)
    for k, point in list(enumerate(made(name).points))[:2]:  # of many, two
        handle = figure(page, name).locator(".it-handle").nth(k)
        handle.scroll_into_view_if_needed()
        box = handle.bounding_box()
        assert min(box["width"], box["height"]) >= 44
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        for step in range(1, 6):
            page.mouse.move(x + 7 * step, y - 5 * step)
        page.mouse.up()
        before, at = at, assert_right(page, name)
        moved = {key for key in at if at[key] != before[key]}
        assert moved == set(point.at), "this point and nothing else"
        assert all(at[key] > before[key] for key in moved), "to the right, and up"
        now, near = handle.bounding_box(), 3 if any_whole(name, point) else 1
        assert now["x"] + now["width"] / 2 == pytest.approx(x + 35, abs=near)
        if point.y:
            assert now["y"] + now["height"] / 2 == pytest.approx(y - 25, abs=near)

        axes = [made(name).panels()[point.panel]["layout"][f"{axis}axis"] for axis in "xy"]
        for key, coordinate, share in (
            ("ArrowLeft", 0, -0.01),
            ("Shift+ArrowRight", 0, 0.1),
            ("ArrowUp", len(point.at) - 1, 0.01),
            ("Shift+ArrowDown", len(point.at) - 1, -0.1),
        ):
            handle.press(key)
            before, at = at, assert_right(page, name)
            wanted = stepped(axes[coordinate], before[point.at[coordinate]], share)
            whole = any_whole(name, point) and coordinate == 1
            assert at[point.at[coordinate]] == pytest.approx(wanted, abs=1 if whole else 1e-12)
            assert sum(at[key] != before[key] for key in at) == 1


@pytest.mark.parametrize("name", DRAGGED)
def test_a_point_says_what_and_where_it_is(page: Any, name: str) -> None:
    at = assert_right(page, name, **made(name).start)
    for k, point in enumerate(made(name).points):
        handle = figure(page, name).locator(".it-handle").nth(k)
        said = {end: handle.get_attribute(f"aria-value{end}") for end in ("min", "now", "max", "text")}
        assert handle.get_attribute("role") == "slider"
        assert handle.get_attribute("aria-label").startswith(point.label)
        assert float(said["min"]) <= float(said["now"]) == at[point.x] <= float(said["max"])
        assert said["text"] == ", ".join(number(at[key], ".3g") for key in point.at)
        if {c.name for c in made(name).controls}.isdisjoint(point.at):  # others are written as controls
            words = figure(page, name).locator(".it-state .it-value").nth(len(made(name).controls) + k)
            assert words.text_content() == said["text"]


def test_a_click_on_the_map_brings_its_point_there(page: Any) -> None:
    """On logarithmic axes; the controls that the point stands for move with it, and it with them."""
    name = "phase-diagram"
    values = {"steps": 0, "output_scale": 0.234, "width": 128}
    assert_right(page, name, **values)
    panel = figure(page, name).locator(".it-plot").first
    panel.scroll_into_view_if_needed()
    x, y = panel.evaluate(
        """(plot) => {
          const { left, top } = plot.getBoundingClientRect(), { xaxis, yaxis } = plot._fullLayout;
          return [left + xaxis._offset + xaxis.d2p(1), top + yaxis._offset + yaxis.d2p(30)];
        }"""
    )
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 30, y)
    page.mouse.up()
    assert assert_right(page, name) == values, "a stroke is no click"
    page.mouse.click(x, y)
    at = assert_right(page, name)
    assert at["output_scale"] == pytest.approx(1, rel=0.02)
    assert at["width"] == pytest.approx(30, abs=1)
    assert isinstance(at["width"], int)
    assert figure(page, name).locator(f"output[for=fig-{name}-width]").text_content() == str(at["width"])
    handle = figure(page, name).locator(".it-handle")
    box = handle.bounding_box()
    assert box["x"] + box["width"] / 2 == pytest.approx(x, abs=1)
    # As near as a neighbour in the map, where the handle itself takes the click.
    page.mouse.click(x, y + 0.4 * box["height"])
    moved = assert_right(page, name)
    assert moved["width"] < at["width"]
    assert handle.bounding_box()["y"] - box["y"] == pytest.approx(0.4 * box["height"], abs=2)
    assert_right(page, name, **values)
    assert handle.get_attribute("aria-valuetext") == "0.234, 128"
    assert handle.bounding_box()["x"] < box["x"] - 50


def test_a_finger_drags_a_point_and_the_page_stays_where_it_is(browser: Any, path: Path) -> None:
    """Along a line and along a curve: what the finger does across it does not matter."""
    phone = {"viewport": {"width": 375, "height": 812}, "has_touch": True, "is_mobile": True}
    with reader(browser, "file:", **phone) as tab:
        tab.goto(path.as_uri())
        finger = tab.context.new_cdp_session(tab)

        def touch(kind: str, *places: tuple[float, float]) -> None:
            points = [{"x": x, "y": y} for x, y in places]
            finger.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})

        for name in ("cobweb", "unit-descent"):
            at = assert_right(tab, name, **made(name).start)
            handle = figure(tab, name).locator(".it-handle").first
            handle.scroll_into_view_if_needed()
            scrolled, box = tab.evaluate("scrollY"), handle.bounding_box()
            x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
            touch("Start", (x, y))
            for step in range(1, 6):
                touch("Move", (x - 6 * step, y - 20 * step))
            touch("End")
            before, at = at, assert_right(tab, name)
            assert {key for key in at if at[key] != before[key]} == {"start"}
            assert at["start"] < before["start"]
            assert tab.evaluate("scrollY") == scrolled
            assert handle.bounding_box()["x"] + box["width"] / 2 == pytest.approx(x - 30, abs=1)


def test_a_point_on_a_curve_stays_on_it(page: Any) -> None:
    """Whatever moves the curve."""
    handle = figure(page, "unit-descent").locator(".it-handle")
    for values in ({"label": 2, "start": -1.5}, {"label": 3, "start": -1.5}, {"label": 1.2, "start": 0.4}):
        at = assert_right(page, "unit-descent", fraction=0.05, **values)
        box = handle.bounding_box()
        where = figure(page, "unit-descent").evaluate(
            """(figure, [a, loss]) => {
              const [plot] = figure.querySelectorAll(".it-plot");
              const { left, top } = plot.getBoundingClientRect(), { xaxis, yaxis } = plot._fullLayout;
              return [left + xaxis._offset + xaxis.l2p(a), top + yaxis._offset + yaxis.l2p(loss)];
            }""",
            [at["start"], min((1 / (1 - at["start"]) - at["label"]) ** 2 / 2, 6)],
        )
        middle = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
        assert middle == pytest.approx(where, abs=0.6)


#: Moves the handles, then draws everything anew; how many panels only moved, how many points turned, how many
#: pixels their outlines are apart, and where the drawings differ otherwise by more than the order of
#: attributes and styles, full opacity, and a thousandth of a pixel.
ANEW = r"""async (figure, query) => {
  const explorer = implicitTutorial.explorers.get(figure.dataset.name), { move } = implicitTutorial;
  const panels = figure.querySelector(".it-panels");
  const settled = async () => {
    do await new Promise(requestAnimationFrame); while (explorer.pending || figure.ariaBusy === "true");
  };
  const styled = (_, rules) => {
    const told = rules.split(";").map((rule) => rule.trim()).filter((rule) => rule && rule !== "opacity: 1");
    return told.length ? ` style="${told.sort().join(";")}"` : "";
  };
  const sorted = (_, name, attributes) => `<${name} ${attributes.match(/[\w:-]+="[^"]*"/g).sort().join(" ")}`;
  let turned = []; // numbers of points
  const points = (root) => turned.map((i) => root.querySelectorAll(".point")[i]);
  const drawn = (root) => {
    const copy = root.cloneNode(true);
    for (const point of points(copy)) for (const name of ["d", "transform"]) point.removeAttribute(name);
    return copy.innerHTML.replace(/ display=""/g, "").replace(/ style="([^"]*)"/g, styled)
      .replace(/<(\w+)((?: [\w:-]+="[^"]*")+)/g, sorted)
      .replace(/-?\d+\.\d+/g, (v) => Math.round(1000 * v) / 1000);
  };
  // A point that is turned where it lies has the outline of one whose path plotly turns, and rounds.
  const outlines = () => points(panels).flatMap((point) => [0, 0.2, 0.4, 0.6, 0.8].map((share) =>
    point.getPointAtLength(share * point.getTotalLength()).matrixTransform(point.getCTM())));
  let moved = 0;
  implicitTutorial.move = (...given) => {
    const done = move(...given);
    moved += done;
    return done;
  };
  for (let k = 0; k < 2; k++) explorer.redraw(); // axes of one scale take plotly a second time to settle
  explorer.restore(new URLSearchParams(query));
  await settled();
  implicitTutorial.move = move;
  const turns = (point) => point.getAttribute("transform")?.includes("rotate");
  turned = [...panels.querySelectorAll(".point")].flatMap((point, i) => (turns(point) ? [i] : []));
  const before = drawn(panels), there = outlines();
  explorer.redraw();
  const after = drawn(panels), here = outlines();
  const apart = Math.max(0, ...here.map(({ x, y }, i) => Math.hypot(x - there[i].x, y - there[i].y)));
  const at = Math.max([...before].findIndex((c, i) => c !== after[i]) - 100, 0);
  const differences = before === after ? [] : [before.slice(at, at + 250), after.slice(at, at + 250)];
  return [moved, turned.length, apart, differences];
}"""


@pytest.mark.parametrize("name", SHOWN)
def test_what_moves_is_drawn_as_if_all_were_drawn_anew(page: Any, name: str) -> None:
    """Though plotly does not lay out axes, legend and margins again."""
    explorer = made(name)
    assert_right(page, name, **explorer.start)
    near = {c.name: c.values[1] for c in explorer.controls if c.name == explorer.computation.clock}
    draws = {n for shape in explorer.computation.draws.values() for n in shape}
    near |= {c.name: c.values[0] for c in explorer.controls if c.name in draws}
    moved = 0
    for values in anywhere(name, 4):
        count, turned, apart, differences = figure(page, name).evaluate(ANEW, urlencode(values | near))
        assert differences == []
        assert apart < 0.001
        assert (turned > 0) == (name == "two-units")
        moved += count
    assert moved > 0


#: Goes back in time, at first without time for a step: steps that are shown before, then, and at last.
BACK = """async (figure) => {
  const explorer = implicitTutorial.explorers.get(figure.dataset.name), { source } = explorer;
  const { computation } = source;
  const k = source.controls.findIndex(({ name }) => name === source.clock);
  const ended = computation.shown.taken;
  computation.kept.splice(1); // the beginning; how many more there are depends on the machine
  computation.seen.clear();
  computation.advance = (count) => Object.getPrototypeOf(computation).advance.call(computation, count, 0);
  const frame = source.frame(explorer.position.map((at, i) => (i === k ? 0.5 : at)));
  frame.panels();
  const held = [frame.unfinished, computation.shown.taken, computation.taken];
  delete computation.advance;
  do frame.panels(); while (frame.unfinished);
  const wanted = computation.steps(source.values(frame.drawn)[source.clock]);
  return [ended, ...held, computation.shown.taken, wanted];
}"""


def test_what_a_run_has_shown_stays_until_it_has_come_again(page: Any) -> None:
    """One that goes back in time does so by states on the way, which nobody asked for."""
    name = "phase-diagram"
    explorer = made(name)
    draws = {n for shape in explorer.computation.draws.values() for n in shape}
    small = {c.name: c.values[0] for c in explorer.controls if c.name in draws}
    late = {c.name: c.values[-1] for c in explorer.controls if c.name == explorer.computation.clock}
    assert_right(page, name, **explorer.start | small | late)
    ended, unfinished, held, taken, arrived, wanted = figure(page, name).evaluate(BACK)
    assert unfinished
    assert taken < wanted < ended
    assert held == ended
    assert arrived == wanted


#: Begins a run, which takes longer than a frame may; how far it is in the first frame and in the next.
LATE = """async (figure) => {
  const { source, position } = implicitTutorial.explorers.get(figure.dataset.name), { computation } = source;
  computation.key = null; // as after a move
  computation.begin = (values) => {
    for (const end = performance.now() + 20; performance.now() < end;);
    Object.getPrototypeOf(computation).begin.call(computation, values);
  };
  const frame = source.frame(position);
  frame.panels();
  const first = [frame.unfinished, computation.taken];
  delete computation.begin;
  frame.panels();
  return [...first, computation.taken];
}"""


def test_a_run_whose_beginning_takes_a_frame_goes_on_in_the_next(page: Any) -> None:
    """So a handle is followed at once, however long the network at its new place takes."""
    name = "phase-diagram"
    explorer = made(name)
    narrow = {c.name: c.values[0] for c in explorer.controls if c.name == "width"}
    assert_right(page, name, **explorer.start | narrow | {"steps": 30})
    unfinished, taken, later = figure(page, name).evaluate(LATE)
    assert unfinished
    assert taken == 0
    assert later > 0


#: Moves a handle; how many points there are then, how many of them are new, and how often one was dressed.
DRESSED = """async (figure, query) => {
  const explorer = implicitTutorial.explorers.get(figure.dataset.name);
  const points = () => [...figure.querySelectorAll(".points > .point")];
  const before = new Set(points()), dressed = [];
  const seen = new MutationObserver((all) => {
    dressed.push(...all.filter(({ target }) => target.matches(".points > .point")));
  });
  seen.observe(figure, { subtree: true, attributeFilter: ["d", "style"] });
  explorer.restore(new URLSearchParams(query));
  do await new Promise(requestAnimationFrame); while (explorer.pending || figure.ariaBusy === "true");
  seen.disconnect();
  return [points().length, points().filter((point) => !before.has(point)).length, dressed.length];
}"""


def test_points_that_go_elsewhere_are_not_dressed_anew(page: Any) -> None:
    """Though there are more of them than before, or fewer."""
    name, counts = "unit-descent", []
    assert_right(page, name, **made(name).start)
    for fraction in (0.02, 0.021, 0.05, 0.022):
        count, new, dressed = figure(page, name).evaluate(DRESSED, urlencode({"fraction": fraction}))
        assert dressed == 0
        assert not counts or new == max(count - counts[-1], 0)
        counts.append(count)
    assert len(set(counts)) > 2


#: Moves a point again and again; how long a frame takes, and how long where plotly updates it all, in turn.
PACE = """async (figure) => {
  const explorer = implicitTutorial.explorers.get(figure.dataset.name), { move } = implicitTutorial;
  const [{ now }] = explorer.source.points, start = [...now], times = [[], []];
  for (let k = 0; k < 50; k++) {
    now.forEach((_, i) => (now[i] = start[i] + 0.005 * (k + 1)));
    explorer.frame = explorer.source.frame(explorer.position);
    implicitTutorial.move = k % 2 ? () => false : move;
    const before = performance.now();
    explorer.draw();
    times[k % 2].push(performance.now() - before);
    await new Promise(requestAnimationFrame);
  }
  implicitTutorial.move = move;
  return times;
}"""


@pytest.mark.parametrize("name", [n for n in DRAGGED if not stored(n)["clock"]])
def test_a_dragged_point_is_drawn_sooner_than_by_plotlys_own_update(page: Any, name: str) -> None:
    assert_right(page, name, **made(name).start)
    ours, theirs = map(np.median, figure(page, name).evaluate(PACE))
    assert ours < theirs


@pytest.mark.parametrize("name", LIVE)
def test_a_figure_is_small(name: str) -> None:
    """A function as a server sends it, deflated; all of a figure's data as they lie in the page."""
    for part, program in computed(name)["programs"].items():
        text = json.dumps(program, ensure_ascii=False, separators=(",", ":"))
        assert len(zlib.compress(text.encode(), 9)) <= 4_000, f"{name}: {part}"
    assert len(json.dumps(computed(name), ensure_ascii=False)) <= 100_000

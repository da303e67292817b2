"""A page that computes shows what torch computes: at its stops, between them, and while it trains."""

from pathlib import Path

import numpy as np
import pytest
import torch

from implicit_tutorial.book.ch02_well_posedness.cobweb import cobweb
from implicit_tutorial.book.ch02_well_posedness.two_units import two_units
from implicit_tutorial.book.introduction.watch_it_learn import watch_it_learn
from implicit_tutorial.explorer import Control, style
from implicit_tutorial.explorer.computed import Computation, Computed, normals, steps
from implicit_tutorial.explorer.page import figure_html
from implicit_tutorial.explorer.point import Point
from implicit_tutorial.explorer.reading import number, written
from implicit_tutorial.explorer.tree import fingerprint
from tests.browser import reader
from tests.explorer.conftest import write_page

pytestmark = pytest.mark.skipif(
    not hasattr(torch.compiler, "is_exporting"),
    reason="this torch exports no loops; pages are made with a later one",
)


def wave(x, height, bend):
    y = height * torch.sin(bend * x)
    return {"0/wave/y": y, "1/top/x": height[None], "1/top/marker.symbol": (y.amax()[None] > 1) * 1.0,
            "top": y.amax(), "high": (y.amax() > 1) * 1.0}  # fmt: skip


def waves(function=wave):
    """Two panels, one with a symbol that is chosen; no time."""

    def figures():
        left, right = style.figure(y_range=(-2, 2)), style.figure(x_range=(0, 3))
        left.add_scatter(x=np.linspace(0, 3, 31), y=np.zeros(31), **style.measured("wave"))
        right.add_scatter(x=[0], y=[1], **style.points("top"))
        return [left, right]

    computation = Computation(
        observe=function,
        constants={"x": torch.linspace(0, 3, 31, dtype=torch.float64)},
        choices={"1/top/marker.symbol": ["circle", "circle-open"]},
        line="The top is at {top:.3f}, {high?low|high}.",
    )
    controls = [Control("height", [0.5, 1, 2], start=1, fmt="g"), Control("bend", [1, 2, 4], fmt="g")]
    return Computed(figures, computation, controls, name="waves", caption="Move.", alt="A wave.")


def small():
    """The book's training figure with few stops."""
    full = watch_it_learn()
    kept = {"time": [0, 1, 5, 50], "width": [16, 32], "implicit_scale": [0.3, 0.7], "output_scale": [0.5, 2]}
    controls = [Control(c.name, kept[c.name], label=c.label) for c in full.controls]
    return Computed(
        lambda: full._figures, full.computation, controls, name="learn", caption="Play.", alt="Two curves."
    )


@pytest.fixture(scope="module")
def explorers():
    return {"waves": waves(), "learn": small()}


@pytest.fixture(scope="module")
def path(explorers, tmp_path_factory) -> Path:
    """Both figures in a page on the disk."""
    body = "".join(e.html() for e in explorers.values())
    return write_page(tmp_path_factory.mktemp("computed"), f'{body}<div style="height: 3000px"></div>')


@pytest.fixture
def page(browser, path):
    with reader(browser, "file:", viewport={"width": 1280, "height": 1600}) as tab:
        tab.goto(path.as_uri())
        tab.wait_for_function("document.querySelectorAll('figure[data-shown]').length === 2")
        yield tab


MOVE = """async ([name, places]) => {
  const figure = document.querySelector(`[data-name="${name}"]`);
  const inputs = [...figure.querySelectorAll(".it-control input, .it-control select")];
  inputs.forEach((input, k) => {
    input.value = places[k];
    input.dispatchEvent(new Event("input", { bubbles: true }));
  });
  const there = () => figure.dataset.shown === places.join(" ");
  const explorer = figure.explorer;
  while (!there() || figure.ariaBusy === "true") await new Promise(requestAnimationFrame);
  return {
    line: figure.querySelector(".it-readout").textContent,
    panels: [...figure.querySelectorAll(".it-plot")].map((plot) =>
      plot.data.map((trace) => ({
        x: Array.from(trace.x, String), y: Array.from(trace.y, String), symbol: trace.marker?.symbol ?? null,
      })),
    ),
  };
}"""


def between(control, place):
    """The value at a place of a handle, stops or not."""
    low = min(int(place), len(control.values) - 2)
    value = control.values[low] + (place - low) * (control.values[low + 1] - control.values[low])
    return round(value) if all(isinstance(v, int) for v in control.values) else value


def differences(found, explorer, places, rtol=1e-10):
    """What the page shows and Python does not, in words."""
    values = {c.name: between(c, place) for c, place in zip(explorer.controls, places, strict=True)}
    wrong = [] if found["line"] == explorer.readout(**values) else [found["line"]]
    computed = explorer.computation.run(explorer._starts | values)
    for p, (panel, shown) in enumerate(zip(explorer.panels(**values), found["panels"], strict=True)):
        for trace, seen in zip(panel["data"], shown, strict=True):
            for key in ("x", "y"):
                wanted, got = np.asarray(trace[key], float), np.array(seen[key], float)
                # What never changes is stored as float32.
                close = rtol if f"{p}/{trace['name']}/{key}" in computed else 1e-6
                size = np.nanmax(np.abs(wanted), initial=0)
                if not np.allclose(got, wanted, rtol=close, atol=close * size + 1e-13, equal_nan=True):
                    wrong.append(f"{trace['name']}.{key}: {np.abs(got - wanted).max():.2g}")
            symbol = trace.get("marker", {}).get("symbol")
            if symbol != seen["symbol"]:
                wrong.append(f"{symbol} {seen['symbol']}")
    return wrong


def test_at_the_stops_and_between_them_a_page_shows_what_torch_computes(page, explorers):
    places = [(0, 0), (1, 2), (2, 1), (0.25, 1.5), (1.9, 0.1)]
    for place in places:
        assert not differences(page.evaluate(MOVE, ["waves", place]), explorers["waves"], place)


def near(u, v):
    return {"0/near/x": torch.stack([u, 2 * u]), "0/near/y": torch.stack([v, v]), "product": u * v}


def free_point():
    """A point of its own on logarithmic axes of several decades."""

    def figures():
        plane = style.figure(x_log=True, y_log=True, x_range=(1e-3, 1e3), y_range=(0.1, 1e5))
        plane.add_scatter(x=[1, 2], y=[1, 1], **style.points("near"))
        return [plane]

    return Computed(
        figures,
        Computation(observe=near, line="u v = {product:.6g}."),
        [],
        [Point(x="u", y="v", start=(0.02, 30), label="The point")],
        name="free",
        caption="Drag.",
        alt="Two points.",
    )


def test_a_free_point_on_logarithmic_axes_goes_where_pointer_and_keys_lead(browser, tmp_path):
    """Along its axes, in shares of their decades; it stays on them, and the address knows where it is."""
    url = write_page(tmp_path, free_point().html()).as_uri()
    with reader(browser, "file:", viewport={"width": 1280, "height": 900}) as tab:
        tab.goto(url)
        tab.wait_for_selector("figure[data-shown]")
        handle = tab.locator(".it-handle")
        now = "() => implicitTutorial.explorers.get('free').source.points[0].now"
        where = """([u, v]) => {
          const plot = document.querySelector(".it-plot"), { left, top } = plot.getBoundingClientRect();
          const { xaxis, yaxis } = plot._fullLayout;
          return [left + xaxis._offset + xaxis.d2p(u), top + yaxis._offset + yaxis.d2p(v)];
        }"""

        def assert_at(u, v, rtol=1e-9):
            tab.wait_for_function("() => !implicitTutorial.explorers.get('free').pending")
            assert tab.evaluate(now) == pytest.approx([u, v], rel=rtol)
            drawn = tab.evaluate("() => { const [t] = document.querySelector('.it-plot').data; "
                                 "return [t.x, t.y].map((a) => a[0]); }")  # fmt: skip
            assert drawn == pytest.approx(tab.evaluate(now), rel=1e-12)
            box = handle.bounding_box()
            middle = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
            assert middle == pytest.approx(tab.evaluate(where, tab.evaluate(now)), abs=0.6)

        def drag(u, v):
            tab.mouse.move(*tab.evaluate(where, tab.evaluate(now)))
            tab.mouse.down()
            tab.mouse.move(*tab.evaluate(where, [u, v]), steps=4)
            tab.mouse.up()

        assert_at(0.02, 30)
        drag(5, 400)
        assert_at(5, 400, rtol=0.03)  # half a pixel
        drag(1e9, 1e-9)  # beyond both axes
        assert_at(1e3, 0.1)
        tab.goto(f"{url}#fig-free:u=0.5&v=70")
        assert_at(0.5, 70)
        for key, u, v in (
            ("ArrowRight", 0.06, 0),
            ("Shift+ArrowLeft", -0.6, 0),
            ("ArrowUp", 0, 0.06),
            ("Shift+ArrowDown", 0, -0.6),
        ):
            before = tab.evaluate(now)
            handle.press(key)
            assert_at(before[0] * 10**u, before[1] * 10**v)
        u, v = tab.evaluate(now)
        tab.wait_for_function("() => location.hash.includes('u=0.14')")
        assert tab.locator(".it-readout").inner_text() == f"u v = {number(u * v, '.6g')}."
        assert handle.get_attribute("aria-valuetext") == f"{number(u, '.3g')}, {number(v, '.3g')}"


def test_a_long_way_is_shown_in_parts_by_a_kernel(monkeypatch):
    """Each answer goes on where the last one stopped, and the last one is the frame of the page."""
    monkeypatch.setattr("implicit_tutorial.explorer.computed._PATIENCE", 0.0)
    explorer = small()
    widget, seen = explorer.widget(), set()
    at = [c.values[i] for c, i in zip(explorer.controls, (3, 1, 1, 0), strict=True)]
    end = [c.values.index(value) for c, value in zip(widget.controls, at, strict=True)]
    while not seen or widget.frame["unfinished"]:
        widget._answer(widget, {"ask": "frame", "position": end}, [])
        seen.add(fingerprint(widget.panels[0]))
        assert widget.frame["drawn"] == end
        assert widget.readout.endswith("Still on the way there.") == widget.frame["unfinished"]
    assert len(seen) > 20, "a step an answer"
    wanted = [fingerprint(panel) for panel in explorer.panels(**widget.values)]
    assert [fingerprint(panel) for panel in widget.panels] == wanted
    assert widget.readout == explorer.readout(**widget.values)
    widget.values = {"time": 5}
    widget.values = {"time": 50}
    assert not widget.frame["unfinished"], "from Python one waits for the whole"
    assert [fingerprint(panel) for panel in widget.panels] == wanted


def test_a_kernel_forgets_the_settings_that_were_left_long_ago():
    explorer = small()
    for k in range(5):
        explorer.computation.run(explorer.start | {"time": 1, "output_scale": 1 + k / 7})
    last = list(explorer.computation._reached)[-2:]
    explorer.computation.forget(2)
    assert list(explorer.computation._reached) == last


def test_a_network_is_trained_as_torch_trains_it(page, explorers):
    """Also the narrow one of small output scale, which loses its equilibrium on the way."""
    places = [(3, 0, 0, 0), (1, 1, 1, 1), (2.5, 0.4, 0.3, 0.7), (0, 1, 0, 1), (3, 1, 1, 0)]
    for place in places:
        assert not differences(page.evaluate(MOVE, ["learn", place]), explorers["learn"], place)


def test_whoever_goes_back_in_time_sees_what_was_there(page, explorers):
    """Also at times at which no frame was shown on the way."""
    for time in (3, 1.3, 2.2, 1.1, 2.9):
        place = (time, 0.5, 0.5, 0.5)
        assert not differences(page.evaluate(MOVE, ["learn", place]), explorers["learn"], place)


TRAJECTORY = """([document, values, count, options]) => {
  const computation = new implicitComputed.Computation(document, options);
  computation.begin(values);
  computation.advance(count, 1e9);
  return Array.from(computation.state.A.data);
}"""


@pytest.mark.some(1)
@pytest.mark.parametrize("wasm", [True, False])
def test_two_hundred_steps_end_where_torch_ends(page, explorers, wasm):
    computation = explorers["learn"].computation
    values = {"time": 0, "width": 24, "implicit_scale": 0.6, "output_scale": 0.5}
    step = float(computation.run(values)["step"])
    A = computation.run(values | {"time": 200 * step})["A"]
    found = page.evaluate(TRAJECTORY, [explorers["learn"].document(), values, 200, {"wasm": wasm}])
    found = torch.tensor(found, dtype=torch.float64).reshape(A.shape)
    moved = A - computation.run(values | {"time": 0})["A"]
    assert float(moved.norm()) > 0.1
    assert float((found - A).abs().max()) < 1e-10 * float(A.abs().max())


def countdown():
    """Five steps that change a number, and many that change nothing."""

    def begin(first, Q):
        return {"left": first, "P": Q, "step": 1 + 0 * first}

    def advance(left, P, Q):
        return {"left": torch.clamp(left - 1, min=0), "P": torch.where(left > 0, P @ Q, P)}

    def observe(left):
        return {"0/rest/y": left[None], "end": (left <= 0) * 1.0}

    def figures():
        return [style.figure(y_range=(0, 9)).add_scatter(x=[0], y=[0], **style.points("rest"))]

    computation = Computation(
        begin=begin,
        advance=advance,
        observe=observe,
        clock="time",
        constants={"Q": torch.linalg.qr(torch.from_numpy(normals(0, 64, 64))).Q},
        line="{left:d} left.",
    )
    controls = [Control("time", [0, 1, 20_000], fmt="d"), Control("first", [5, 7], fmt="d")]
    return Computed(figures, computation, controls, name="countdown", caption="Wait.", alt="A number.")


def test_what_changes_no_more_is_shown_as_it_is(browser, tmp_path):
    """Of 20 000 steps those are left out that come after the last change, by page and kernel."""
    explorer, answers = countdown(), []
    while not answers or not answers[-1]:
        answers.append(explorer.computation.run_for(0.0, {"time": 20_000, "first": 5})[1])
    assert answers == [False] * 4 + [True]
    with reader(browser, "file:") as tab:
        tab.goto(write_page(tmp_path, explorer.html()).as_uri())
        tab.wait_for_selector("figure[data-shown]")
        assert tab.evaluate(MOVE, ["countdown", (2, 1)])["line"] == "0 left."
        taken = tab.evaluate("implicitTutorial.explorers.get('countdown').source.computation.taken")
        assert 7 <= taken < 20_000


def test_a_function_that_is_not_the_stored_ones_is_noticed(browser, tmp_path):
    """The page of one function, compared with another that is off by one per mille."""

    def off(x, height, bend):
        return wave(x, height * 1.001, bend)

    url = write_page(tmp_path, waves(off).html()).as_uri()
    with reader(browser, "file:") as tab:
        tab.goto(url)
        tab.wait_for_selector("figure[data-shown]")
        found = tab.evaluate(MOVE, ["waves", (1, 1)])
        assert not differences(found, waves(off), (1, 1))
        assert differences(found, waves(), (1, 1))


def test_play_runs_to_the_end_pauses_and_may_be_scrubbed(page, explorers):
    figure = page.locator('[data-name="learn"]')
    button, time = figure.locator(".it-play"), figure.locator("input").first
    assert button.inner_text() == "Play"
    first = float(time.input_value())
    page.wait_for_timeout(300)
    assert float(time.input_value()) == first == 0  # nothing runs by itself
    button.click()
    page.wait_for_function("document.querySelector('[data-name=learn] input').value > 0.4")
    button.click()
    assert button.inner_text() == "Play"
    paused = float(time.input_value())
    page.wait_for_timeout(200)
    assert float(time.input_value()) == paused
    button.click()
    page.wait_for_function(
        "document.querySelector('[data-name=learn] .it-play').textContent === 'Play again'"
    )
    assert float(time.input_value()) == 3
    time.focus()
    page.keyboard.press("ArrowLeft")
    moved = float(time.input_value())
    assert 2 < moved < 3
    wanted = between(explorers["learn"].controls[0], moved)
    page.wait_for_function(f"Math.abs(/fig-learn:time=([0-9.]+)/.exec(location.hash)[1] - {wanted}) < 1e-9")


def test_what_is_out_of_sight_does_not_run(page):
    button = page.locator('[data-name="learn"] .it-play')
    button.click()
    page.wait_for_function("document.querySelector('[data-name=learn] input').value > 0.1")
    page.evaluate("scrollTo(0, 1e6)")
    page.wait_for_timeout(300)
    before = page.evaluate("document.querySelector('[data-name=learn] input').value")
    page.wait_for_timeout(300)
    assert page.evaluate("document.querySelector('[data-name=learn] input').value") == before


def test_without_a_script_there_is_the_text_and_no_dead_button(browser, path):
    with reader(browser, "file:", java_script_enabled=False) as tab:
        tab.goto(path.as_uri())
        assert not tab.locator(".it-play").is_visible()
        assert "needs JavaScript" in tab.locator('[data-name="learn"] noscript').inner_text()
        assert tab.locator('[data-name="learn"] img.it-still').is_visible()
        assert not tab.locator('[data-name="learn"] .it-controls').is_visible()


NUMBERS = [0.0, 1.0, -1.5, 3.14159, 1234.5, 0.00123456, 1e-9, -2.5e-7, 6.02e23, 99.96, 0.5, 100.0, 1e5]


def test_numbers_and_lines_are_written_alike(page):
    for form in (".2e", ".1f", ".3g", ".2g", "d"):
        values = [v for v in NUMBERS if form[-1] in "eg" or (abs(v) < 1e6 and (form != "d" or v % 1 == 0))]
        wanted = [number(v, form) for v in values]
        js = "([values, form]) => values.map((v) => implicitComputed.number(v, form))"
        assert page.evaluate(js, [values, form]) == wanted, form
    assert number(float("nan"), ".2e") == page.evaluate("implicitComputed.number(NaN, '.2e')") == "—"
    values = {"a": -2.24, "b": 1, "c": 0, "zero": -0.0}
    line = "{a:.1f} {b?none|one of {zero:.3g}{c?|s}, {c?{a:.2g}|two}}"
    said = written(line, {name: torch.tensor(v) for name, v in values.items()})
    assert said == "−2.2 one of 0, −2.2"
    assert page.evaluate("([line, v]) => implicitComputed.written(line, (k) => v[k])", [line, values]) == said


def test_random_numbers_are_normal_and_the_page_has_the_same(page):
    ours = normals(3, 50_000)
    theirs = np.array(page.evaluate("Array.from(implicitComputed.normals(3, 50000))"))
    np.testing.assert_allclose(theirs, ours, rtol=1e-12, atol=1e-14)
    other = normals(4, 50_000)
    assert abs(ours.mean()) < 0.02
    assert abs(ours.std() - 1) < 0.02
    assert abs((ours**4).mean() - 3) < 0.15
    assert abs((ours[1:] * ours[:-1]).mean()) < 0.02
    assert abs((ours * other).mean()) < 0.02


def test_a_step_that_reaches_the_time_but_for_rounding_is_the_last():
    assert [steps(t, 0.1) for t in (0, 0.05, 0.1, 0.3, 0.30001)] == [0, 1, 1, 3, 4]


def test_a_name_that_means_no_trace_is_refused():
    def nowhere(x, height, bend):
        return {"0/no such/y": height * x}

    explorer = waves(nowhere)
    with pytest.raises(ValueError, match=r"'0/no such/y' names no trace"):
        explorer.panels()
    with pytest.raises(ValueError, match=r"'0/no such/y' names no trace"):
        figure_html("waves", explorer.controls, waves().frames, "c", "a", computed=explorer.document())


def test_a_point_is_dragged_by_pointer_and_keys_and_the_address_keeps_it(browser, tmp_path):
    explorer = two_units()
    url = write_page(tmp_path, explorer.html()).as_uri()
    with reader(browser, "file:", viewport={"width": 1280, "height": 900}) as tab:
        tab.goto(f"{url}#fig-two-units:p=-1.6&q=-1.6")
        tab.wait_for_selector("figure[data-shown]")
        line, handle = tab.locator(".it-readout"), tab.locator(".it-handle").first
        assert "three equilibria" in line.inner_text()
        box = handle.bounding_box()
        assert min(box["width"], box["height"]) >= 44
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        tab.mouse.move(x, y)
        tab.mouse.down()
        for k in range(1, 11):
            tab.mouse.move(x - 8 * k, y)
        # Across the edge of a cone, two of the three are gone.
        tab.wait_for_function("document.querySelector('.it-readout').textContent.includes('exactly one')")
        tab.mouse.up()
        tab.keyboard.press("Shift+ArrowDown")
        tab.wait_for_function("Number(/b2=([-0-9.]+)/.exec(location.hash)?.[1]) < 0.9")
        kept = dict(part.split("=") for part in tab.evaluate("location.hash.split(':')[1]").split("&"))
        b1, b2 = float(kept["b1"]), float(kept["b2"])
        assert b1 < 0.7
        assert b2 == pytest.approx(1 - 0.33, abs=0.02)  # a tenth of the axis down
        found = tab.evaluate(MOVE, ["two-units", (0, 0)])
        wanted = explorer.readout(p=-1.6, q=-1.6, b1=b1, b2=b2)
        assert found["line"] == wanted
        tab.goto("about:blank")
        tab.goto(f"{url}#fig-two-units:p=-1.6&q=-1.6&b1={kept['b1']}&b2={kept['b2']}&s1=1&s2=3")
        tab.wait_for_selector("figure[data-shown]")
        assert handle.get_attribute("aria-valuetext") == f"{number(b1, '.3g')}, {number(b2, '.3g')}"
        assert line.inner_text() == explorer.readout(p=-1.6, q=-1.6, b1=b1, b2=b2, s1=1.0, s2=3.0)


def test_where_nothing_can_be_dragged_a_point_has_two_sliders():
    """In JupyterLab: at round numbers over the axes, the start among them; what they move is computed."""
    explorer = two_units()
    widget = explorer.widget()
    handles = {c.name: c for c in widget.controls}
    assert list(handles) == ["p", "q", "b1", "b2", "s1", "s2"]
    assert {-1.0, 0.4, 1.0} <= set(handles["b1"].values)
    low, high = explorer.panels()[0]["layout"]["xaxis"]["range"]
    for end, stop in ((low, handles["b1"].values[0]), (high, handles["b1"].values[-1])):
        assert abs(end - stop) < 0.1
    values = {"p": 1.6, "q": 1.6, "b1": -1.0, "b2": -1.0}
    widget.values = values
    assert widget.error == ""
    assert "For this b: two equilibria" in widget.readout
    moved = str(widget.panels)
    assert moved == str(explorer.panels(**values)) != str(explorer.panels())


def test_a_point_on_a_line_has_one_slider_and_one_coordinate():
    explorer = cobweb()
    widget = explorer.widget()
    assert [c.name for c in widget.controls] == ["a", "b", "start"]
    (*_, slider) = widget.controls
    assert {0.0, 3.0} <= set(slider.values)
    widget.values = {"a": 1.5, "b": -0.5, "start": 0.5}
    assert widget.error == ""
    assert "from 0.5." in widget.readout
    assert str(widget.panels) == str(explorer.panels(a=1.5, b=-0.5, start=0.5))
    assert '<span class="it-value">3</span>' in explorer.html()

"""A page with explorers, opened from a file in Chromium and used by keyboard."""

import itertools
import json

import numpy as np
import pytest

from tests import browser

pytestmark = pytest.mark.browser

READ = """name => [...document.querySelectorAll(`#fig-${name} .it-plot`)].map(
    plot => plot.data.map(trace => ({
    x: trace.x && Array.from(trace.x), y: trace.y && Array.from(trace.y),
    z: trace.z && trace.z.map(row => Array.from(row)), name: trace.name})))"""

# Twenty moves of a slider, each to the end of its redraw.
MOVE = """async () => {
    const figure = document.querySelector("#fig-waves"), slider = document.querySelector("#fig-waves-depth");
    for (let i = 0; i < 20; i++) {
        const drawn = new Promise(done => new MutationObserver((_, observer) => {
            observer.disconnect();
            done();
        }).observe(figure, {attributeFilter: ["data-shown"]}));
        slider.value = i % 6;
        slider.dispatchEvent(new Event("input"));
        await drawn;
    }
}"""

# The same twenty frames handed to plotly itself, as plain figures.
REACT = """async frames => {
    const plots = [...document.querySelectorAll("#fig-waves .it-plot")];
    const template = plots[0].layout.template;
    for (let i = 0; i < 20; i++) {
        await new Promise(requestAnimationFrame);
        frames[i % 6].forEach(({data, layout}, p) => Plotly.react(plots[p], data, {...layout, template}));
    }
}"""


def wait_shown(page, explorer, values):
    """Wait until the explorer has drawn `values` of its controls."""
    position = " ".join(str(c.values.index(v)) for c, v in zip(explorer.controls, values, strict=True))
    page.wait_for_selector(f'#fig-{explorer.name}[data-shown="{position}"]')


def assert_shows(page, explorer, values):
    """The page's plots hold what `draw` computes here and now."""
    wait_shown(page, explorer, values)
    names = [c.name for c in explorer.controls]
    expected = explorer.panels(**dict(zip(names, values, strict=True)))
    shown = page.evaluate(READ, explorer.name)
    assert len(shown) == len(expected)
    for traces, panel in zip(shown, expected, strict=True):
        assert [t.get("name") for t in traces] == [t.get("name") for t in panel["data"]]
        for trace, reference in zip(traces, panel["data"], strict=True):
            for key in {"x", "y", "z"} & reference.keys():
                np.testing.assert_allclose(trace[key], reference[key], rtol=1e-6, atol=1e-12)


def press(page, explorer, control, key, times=1):
    handle = page.locator(f".it-control:has(#fig-{explorer.name}-{control})")
    for _ in range(times):
        browser.press(handle, key)


def test_keyboard_moves_both_panels_to_what_draw_computes(open_page, waves):
    page = open_page()
    assert_shows(page, waves, (0.5, 10))
    press(page, waves, "implicit_scale", "ArrowRight", 4)
    assert_shows(page, waves, (0.9, 10))
    press(page, waves, "depth", "End")
    assert_shows(page, waves, (0.9, 50))
    press(page, waves, "depth", "ArrowLeft", 2)
    press(page, waves, "implicit_scale", "Home")
    assert_shows(page, waves, (0.1, 10))


def test_every_frame_of_the_page_is_the_one_that_draw_returns(open_page, waves):
    page = open_page()
    wait_shown(page, waves, (0.5, 10))
    rng = np.random.default_rng(0)
    frames = list(itertools.product(*(c.values for c in waves.controls)))
    for i in rng.choice(len(frames), 12, replace=False):
        for control, value in zip(waves.controls, frames[i], strict=True):
            handle = page.locator(f"#fig-waves-{control.name}")
            handle.evaluate(
                "(e, i) => { e.value = i; e.dispatchEvent(new Event('input')) }", control.values.index(value)
            )
        assert_shows(page, waves, frames[i])


def test_labels_values_and_readout_follow(open_page, waves):
    page = open_page()
    wait_shown(page, waves, (0.5, 10))
    press(page, waves, "implicit_scale", "ArrowRight", 3)
    wait_shown(page, waves, (0.8, 10))
    slider = page.get_by_label("implicit_scale σ_A")
    assert slider.get_attribute("aria-valuetext") == "0.8"
    assert page.locator("#fig-waves output").first.inner_text() == "0.8"
    assert page.locator("#fig-waves .it-readout").inner_text() == "scale × depth = 8.00"


def test_shapes_come_and_go(open_page, waves):
    shapes = "() => (document.querySelectorAll('#fig-waves .it-plot')[1].layout.shapes ?? []).map(s => s.x0)"
    page = open_page()
    wait_shown(page, waves, (0.5, 10))
    assert page.evaluate(shapes) == []
    press(page, waves, "implicit_scale", "ArrowRight")
    wait_shown(page, waves, (0.6, 10))
    assert page.evaluate(shapes) == [6.0]
    press(page, waves, "implicit_scale", "ArrowLeft")
    wait_shown(page, waves, (0.5, 10))
    assert page.evaluate(shapes) == []


def test_choice_and_matrix(open_page, curve, heat):
    page = open_page()
    page.select_option("#fig-curve-2-shape", label='ramp <&> "x"')
    press(page, curve, "power", "End")
    assert_shows(page, curve, ('ramp <&> "x"', 9))
    page.locator("#fig-heat").scroll_into_view_if_needed()
    assert_shows(page, heat, ())


def test_state_is_kept_in_the_address_and_restored(open_page, waves, curve):
    page = open_page()
    wait_shown(page, waves, (0.5, 10))
    page.select_option("#fig-curve-2-shape", label='ramp <&> "x"')
    press(page, waves, "depth", "ArrowRight")
    expected = "#fig-waves:implicit_scale=0.5&depth=20;fig-curve-2:shape=ramp%20%3C%26%3E%20%22x%22&power=3"
    page.wait_for_function("hash => location.hash === hash", arg=expected)

    again = open_page(expected)
    assert_shows(again, waves, (0.5, 20))
    again.locator("#fig-curve-2").scroll_into_view_if_needed()
    assert_shows(again, curve, ('ramp <&> "x"', 3))

    press(again, waves, "depth", "ArrowLeft")
    again.select_option("#fig-curve-2-shape", label="sine")
    again.wait_for_function("() => location.hash === '#fig-curve-2'")


def test_a_link_opens_at_its_explorer_at_the_nearest_value(open_page, curve):
    page = open_page("#fig-curve-2:power=8.2&nonsense=1")
    assert_shows(page, curve, ("sine", 9))
    top = page.evaluate("document.querySelector('#fig-curve-2').getBoundingClientRect().top")
    assert 0 <= top < 400
    assert page.evaluate("scrollY") > 0


def test_ordinary_anchors_still_work(open_page, waves):
    page = open_page("#end")
    page.wait_for_selector("#fig-heat[data-shown]")
    assert page.evaluate("scrollY") > 0
    assert page.evaluate("location.hash") == "#end"
    page.evaluate("location.hash = '#fig-waves:depth=2'")
    assert_shows(page, waves, (0.5, 2))
    assert page.evaluate("document.querySelector('#fig-waves').getBoundingClientRect().top") >= 0


def test_plots_below_are_drawn_only_when_the_reader_comes_near(open_page, waves):
    page = open_page()
    wait_shown(page, waves, (0.5, 10))
    assert page.locator("#fig-heat[data-shown]").count() == 0
    page.locator("#end").scroll_into_view_if_needed()
    page.wait_for_selector("#fig-heat[data-shown]")
    assert page.evaluate("document.querySelectorAll('script[src*=plotly]').length") == 1


def test_figures_follow_the_theme(open_page, waves):
    page = open_page()
    wait_shown(page, waves, (0.5, 10))
    font = "() => document.querySelector('#fig-waves .it-plot')._fullLayout.font.color"
    assert page.evaluate(font) == "#222832"
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_function(f"() => ({font})() === '#ced6dd'")
    fill = "getComputedStyle(document.querySelector('#fig-waves .xtitle')).fill"
    assert page.evaluate(fill) == "rgb(206, 214, 221)"
    assert_shows(page, waves, (0.5, 10))


def test_a_phone_sees_one_column_without_sideways_scrolling(open_page, waves):
    page = open_page(width=375)
    wait_shown(page, waves, (0.5, 10))
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    boxes = page.evaluate(
        "[...document.querySelectorAll('#fig-waves .main-svg')].map(e => e.getBoundingClientRect().toJSON())"
    )
    assert all(box["left"] >= 0 and box["right"] <= 375 for box in boxes)
    plots = [b for b in page.locator("#fig-waves .it-plot").all()]
    assert plots[0].bounding_box()["y"] + 300 < plots[1].bounding_box()["y"]
    heights = [
        h.bounding_box()["height"] for h in page.locator("#fig-waves input, #fig-curve-2 select").all()
    ]
    assert min(heights) >= 24
    stops = [stop.bounding_box() for stop in page.locator("#fig-curve-2 input").all()]
    assert all(min(stop["width"], stop["height"]) >= 44 for stop in stops)


def test_on_a_phone_the_line_stays_in_sight_while_a_control_moves(open_page, waves):
    page = open_page(width=375)
    wait_shown(page, waves, (0.5, 10))
    page.set_viewport_size({"width": 375, "height": 620})
    page.evaluate("document.querySelector('#fig-waves .it-plot').scrollIntoView({behavior: 'instant'})")
    line = page.locator("#fig-waves .it-readout")
    below = "() => document.querySelector('#fig-waves figcaption').getBoundingClientRect().top"
    assert page.evaluate(below) > 640, "the figure is no taller than the window"
    page.locator("#fig-waves-depth").evaluate(
        "e => { e.value = 5; e.dispatchEvent(new Event('input', {bubbles: true})) }"
    )
    wait_shown(page, waves, (0.5, 50))
    box = line.bounding_box()
    assert line.inner_text() == "scale × depth = 25.00"
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= 620


def test_the_controls_stay_where_they_are_when_the_line_gets_shorter(open_page, waves):
    page = open_page(width=375)
    wait_shown(page, waves, (0.5, 10))
    line = page.locator("#fig-waves .it-readout")
    line.evaluate("e => { e.textContent = 'a long line that takes two rows of a small screen, or more' }")
    before = line.bounding_box()["height"]
    press(page, waves, "depth", "ArrowRight")
    wait_shown(page, waves, (0.5, 20))
    assert line.inner_text() == "scale × depth = 10.00"
    assert line.bounding_box()["height"] == before > 30


def test_plots_follow_the_width_of_the_window(open_page, waves):
    page = open_page(width=1280)
    wait_shown(page, waves, (0.5, 10))
    page.set_viewport_size({"width": 375, "height": 800})
    width = "() => document.querySelector('#fig-waves .main-svg').getBoundingClientRect().width"
    page.wait_for_function(f"() => Math.abs(({width})() - 343) < 2")
    assert page.evaluate("document.documentElement.scrollWidth") == 375


def test_a_move_costs_what_plotly_needs_to_draw_the_same_panels(open_page, waves):
    """Processor time from the slider's event to the end of the redraw, beside plotly's own for the same.

    With the wait for the next frame, a move stays under 50 ms where plotly draws both panels within 27 ms.
    How fast the machine is, and what else it does, is not the page's business: both sides are measured
    in turn, and of a few batches the best counts.
    """
    page = open_page()
    wait_shown(page, waves, (0.5, 10))
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    depths = waves.controls[1].values
    plain = [json.dumps(waves.panels(depth=depth), default=np.ndarray.tolist) for depth in depths]
    frames = [json.loads(text) for text in plain]

    def busy(script, argument=None):
        def total():
            metrics = session.send("Performance.getMetrics")["metrics"]
            return 1000 * next(m["value"] for m in metrics if m["name"] == "TaskDuration")

        before = total()
        page.evaluate(script, argument)
        return (total() - before) / 20

    move, plotly = busy(MOVE), busy(REACT, frames)
    for _ in range(6):
        if move > 1.2 * plotly:
            move, plotly = min(move, busy(MOVE)), min(plotly, busy(REACT, frames))
    assert plotly > 1  # something was drawn
    assert move <= 1.2 * plotly

"""The live figure in Chromium, in a page that stands for JupyterLab: its kernel is this process."""

import base64
import json

import numpy as np
import pytest

from implicit_tutorial.book.ch02_well_posedness.two_units import two_units
from implicit_tutorial.book.ch06_training_the_implicit_layer.learning_circle import learning_circle
from implicit_tutorial.book.introduction.watch_it_learn import watch_it_learn
from implicit_tutorial.explorer.widgets import Live
from tests.browser import HANDLE, reader

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Notebooks</title><style>
body { --jp-content-font-color0: #111111; --jp-content-font-color1: #e0e0e0; --jp-content-font-size1: 14px;
       margin: 0; font: 14px sans-serif; }
.jp-Notebook { width: 900px; }
</style></head><body data-jp-theme-light="true"></body></html>"""

# As a widget manager and anywidget see to it: a model that several views share, and messages with buffers.
HOST = """() => {
    const view = (text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
    const received = (frame) => ({ ...frame, arrays: { ...frame.arrays, bytes: view(frame.arrays.bytes) } });
    window.models = [];
    window.addModel = async ({ esm, css, spec, frame, plotly }) => {
        const style = document.createElement("style");
        style.textContent = css;
        document.head.append(style);
        const state = { spec, frame: received(frame), plotly: view(plotly) };
        const handlers = [];
        const model = {
            asked: [],
            views: [],
            handlers,
            get: (key) => state[key],
            send: (message) => model.asked.push(message),
            on: (event, back) => handlers.push([event, back]),
            off: (event, back) => {
                handlers.splice(handlers.findIndex(([e, b]) => e === event && b === back), 1);
            },
            trigger: (event, ...rest) => {
                for (const [e, back] of [...handlers]) if (e === event) back(...rest);
            },
            update(frame) {
                state.frame = received(frame);
                model.trigger("change:frame");
            },
            reply: (message, buffer) => model.trigger("msg:custom", message, [view(buffer)]),
        };
        const url = URL.createObjectURL(new Blob([esm], { type: "text/javascript" }));
        model.module = (await import(url)).default;
        await model.module.initialize?.({ model });
        return models.push(model) - 1;
    };
    window.addView = async (i, notebook) => {
        let place = document.getElementById(notebook);
        if (!place) {
            place = Object.assign(document.createElement("div"), { id: notebook, className: "jp-Notebook" });
            document.body.append(place);
        }
        const el = place.appendChild(document.createElement("div"));
        models[i].views.push(await models[i].module.render({ model: models[i], el }));
    };
}"""


class Notebook:
    """One widget's model in a page, and the kernel behind it, which answers when it is told to."""

    def __init__(self, page, widget, place="one"):
        self.page, self.widget, self.place = page, widget, place
        self.code = {}
        widget.send = lambda content, buffers: self.code.update(content=content, code=buffers[0])
        state = {
            "esm": widget._esm,
            "css": widget._css,
            "spec": widget.spec,
            "frame": self.frame,
            "plotly": base64.b64encode(widget.plotly).decode(),
        }
        self.number = page.evaluate("state => addModel(state)", state)
        self.js = f"models[{self.number}]"
        self.view()

    def view(self):
        self.page.evaluate("([i, place]) => addView(i, place)", [self.number, self.place])

    @property
    def frame(self):
        frame = self.widget.frame
        arrays = frame["arrays"] | {"bytes": base64.b64encode(frame["arrays"]["bytes"]).decode()}
        return json.loads(json.dumps(frame | {"arrays": arrays}, allow_nan=False))

    def asked(self):
        return self.page.evaluate(f"{self.js}.asked")

    def update(self):
        """The browser learns of the widget's state."""
        self.page.evaluate(f"frame => {self.js}.update(frame)", self.frame)

    def answer(self):
        """The kernel answers the first message that it has not answered, and this is returned."""
        self.page.wait_for_function(f"{self.js}.asked.length")
        message = self.page.evaluate(f"{self.js}.asked.shift()")
        self.widget._handle_custom_msg(message, [])
        if message["ask"] == "frame":
            self.update()
        else:
            reply = [self.code["content"], base64.b64encode(self.code["code"]).decode()]
            self.page.evaluate(f"reply => {self.js}.reply(...reply)", reply)
        return message

    def press(self, control, key, times=1, view=0):
        self.page.locator(f"#{self.place} .it-live [id*='-{control}-']").nth(view).focus()
        for _ in range(times):
            self.page.keyboard.press(key)

    def assert_shows(self, explorer, view=0, **values):
        """The plots hold, to the last bit, what `draw` gives; the controls stand there."""
        wanted = explorer.start | values
        position = [c.values.index(wanted[c.name]) for c in explorer.controls]
        figure = self.page.locator(f"#{self.place} .it-live[data-name='{explorer.name}']").nth(view)
        self.page.wait_for_function(
            "([figure, shown]) => figure.dataset.shown === shown",
            arg=[figure.element_handle(), " ".join(map(str, position))],
        )
        shown = figure.evaluate(
            """figure => [...figure.querySelectorAll(".it-plot")].map(plot => plot.data.map(trace =>
            Object.fromEntries(["x", "y", "z"].filter(k => trace[k]).map(k => [k,
                k === "z" ? trace.z.map(row => Array.from(row)) : Array.from(trace[k])]))))"""
        )
        for traces, panel in zip(shown, explorer.panels(**wanted), strict=True):
            for trace, reference in zip(traces, panel["data"], strict=True):
                assert trace.keys() == {"x", "y", "z"} & reference.keys()
                for key, array in trace.items():
                    np.testing.assert_array_equal(array, reference[key])
        handles = figure.locator(HANDLE).evaluate_all("all => all.map(e => Number(e.value))")
        assert handles == position


def prepared(tab, folder):
    """An empty page that stands for JupyterLab's."""
    file = folder / "page.html"
    file.write_text(PAGE, encoding="utf-8")
    tab.goto(file.as_uri())
    tab.evaluate(HOST)
    return tab


SIZE = {"width": 1280, "height": 900}
CONSOLE = ("error", "warning")


@pytest.fixture(scope="module")
def shared(browser, tmp_path_factory):
    """One page for many tests: the plotting library takes seconds to load."""
    with reader(browser, "file:", console=CONSOLE, viewport=SIZE) as tab:
        yield prepared(tab, tmp_path_factory.mktemp("lab"))


@pytest.fixture(autouse=True)
def _new_kernel(monkeypatch):
    """The next widget is its kernel's first."""
    monkeypatch.setattr(Live, "_brought", False)


@pytest.fixture
def page(shared):
    """The page, emptied."""
    Live._brought = shared.evaluate("window.implicitTutorialPage?.ready ?? false")
    shared.evaluate("""() => {
        for (const model of models.splice(0)) for (const close of model.views) close();
        document.body.replaceChildren();
        document.body.dataset.jpThemeLight = "true";
        history.replaceState(null, "", "#");
    }""")
    return shared


def test_the_figure_shows_what_the_kernel_draws(page, waves, heat):
    notebook = Notebook(page, waves.widget())
    notebook.assert_shows(waves)
    notebook.press("implicit_scale", "ArrowRight")
    notebook.answer()
    notebook.assert_shows(waves, implicit_scale=0.6)
    assert page.get_by_label("implicit_scale σ_A").get_attribute("aria-valuetext") == "0.6"
    assert page.locator(".it-readout").inner_text() == "scale × depth = 6.00"
    notebook.widget.values = {"depth": 2}  # from Python
    notebook.update()
    notebook.assert_shows(waves, implicit_scale=0.6, depth=2)
    assert notebook.asked() == []
    Notebook(page, heat.widget(), "two").assert_shows(heat)


def test_the_kernel_is_asked_for_one_frame_at_a_time_and_the_last_one_wins(page, waves):
    notebook = Notebook(page, waves.widget())
    notebook.assert_shows(waves)
    notebook.press("depth", "ArrowLeft", 3)
    notebook.press("implicit_scale", "ArrowRight", 5)
    assert notebook.asked() == [{"ask": "frame", "position": [4, 2]}]
    assert page.locator("output").all_inner_texts() == ["1.0", "1"]  # the handles do not wait
    page.wait_for_selector(".it-live[aria-busy=true]")
    notebook.answer()
    page.wait_for_selector(".it-live[data-shown='4 2']")  # it is shown on the way
    assert notebook.asked() == [{"ask": "frame", "position": [9, 0]}]
    notebook.answer()
    notebook.assert_shows(waves, implicit_scale=1.0, depth=1)
    assert notebook.asked() == []
    assert page.locator(".it-live[aria-busy=true]").count() == 0


def test_the_hosts_shortcuts_do_not_take_the_sliders_keys(page, waves):
    notebook = Notebook(page, waves.widget())
    notebook.assert_shows(waves)
    page.evaluate(
        """() => document.querySelector("#one").addEventListener("keydown", (event) => {
            if (!event.target.hasAttribute("data-lm-suppress-shortcuts")) window.taken = event.key;
            event.preventDefault();
        })"""
    )
    for key, taken in (
        ("ArrowLeft", None),
        ("d", None),
        ("Control+s", "s"),
        ("End", "s"),
        ("Shift+Enter", "Enter"),
    ):
        notebook.press("depth", key)
        assert page.evaluate("window.taken ?? null") == taken


def test_an_error_is_said_and_the_figure_stays(page, waves):
    def readout(implicit_scale, depth):
        if depth == 20:
            raise ZeroDivisionError("no <depth>")
        return "fine"

    widget = Live(waves.draw, waves.controls, readout, "waves", waves.caption, waves.alt)
    notebook = Notebook(page, widget)
    notebook.assert_shows(waves)
    notebook.press("depth", "ArrowRight")
    notebook.answer()
    line = page.locator(".it-readout")
    assert line.inner_text() == "ZeroDivisionError: no <depth>\nThe figure still shows the previous values."
    assert page.locator(".it-live").get_attribute("data-shown") == "4 3"
    assert page.locator("output").all_inner_texts() == ["0.5", "20"]
    notebook.press("depth", "ArrowRight")
    notebook.answer()
    notebook.assert_shows(waves, depth=50)
    assert line.inner_text() == "fine"


def test_what_is_unfinished_is_asked_for_until_it_is_whole(page, waves):
    missing = []
    about = {"unfinished": lambda: bool(missing and missing.pop())}
    widget = Live(waves.draw, waves.controls, waves.readout, "waves", waves.caption, waves.alt, **about)
    notebook = Notebook(page, widget)
    notebook.assert_shows(waves)
    missing += [True, True]
    notebook.press("depth", "ArrowRight")
    for _ in range(3):
        notebook.answer()
    notebook.assert_shows(waves, depth=20)
    assert not notebook.asked()


def test_panels_never_lie_over_one_another_and_follow_their_column(page, waves):
    boxes = (
        "[...document.querySelectorAll('.main-svg:first-child')].map(e => e.getBoundingClientRect().toJSON())"
    )
    notebook = Notebook(page, waves.widget())
    notebook.assert_shows(waves)
    for width, columns in ((900, 2), (420, 1), (1200, 2), (500, 1)):
        page.evaluate("width => { document.querySelector('#one').style.width = `${width}px` }", width)
        expected = (width - 16 * (columns - 1)) / columns
        page.wait_for_function(f"() => {boxes}.every(box => Math.abs(box.width - {expected}) <= 1)")
        left, right = page.evaluate(boxes)
        assert left["right"] <= right["left"] if columns == 2 else left["bottom"] <= right["top"]
        assert right["right"] <= width
        inner = "[...document.querySelectorAll('#one, #one *:not(svg *)')]"
        wide = (
            f"{inner}.filter(e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth).map(e => e.outerHTML)"
        )
        assert page.evaluate(wide) == []


def test_a_link_of_the_text_moves_the_figure_of_its_own_notebook(page, waves):
    first = Notebook(page, waves.widget(), "one")
    second = Notebook(page, waves.widget(), "two")
    first.assert_shows(waves)
    page.evaluate(
        """() => document.querySelector("#two").insertAdjacentHTML("beforeend",
        `<p style="margin-top: 3000px">
        <a href="#fig-waves:depth=50&implicit_scale=0.8">show it</a> <a href="#fig-waves">the figure</a>
        <a href="#fig-other:depth=50">another</a></p>`)"""
    )
    page.click("text=show it")
    second.answer()
    second.assert_shows(waves, depth=50, implicit_scale=0.8)
    first.assert_shows(waves)
    assert first.asked() == second.asked() == []
    assert page.evaluate("location.hash") == ""
    top = "document.querySelector('#two figure').getBoundingClientRect().top"
    assert 0 <= page.evaluate(top) < 900
    page.click("text=the figure")
    assert 0 <= page.evaluate(top) < 900
    assert second.asked() == []
    assert page.evaluate("location.hash") == ""
    page.click("text=another")  # not ours
    assert page.evaluate("location.hash") == "#fig-other:depth=50"


def test_the_figure_follows_the_hosts_theme(page, waves):
    notebook = Notebook(page, waves.widget())
    notebook.assert_shows(waves)
    font = "() => document.querySelector('.it-plot')._fullLayout.font.color"
    assert page.evaluate(font) == "#111111"
    page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    page.wait_for_function(f"() => ({font})() === '#e0e0e0'")
    notebook.assert_shows(waves)


def test_text_is_as_large_as_the_notebooks(page, waves):
    Notebook(page, waves.widget()).assert_shows(waves)
    size = "e => parseFloat(getComputedStyle(e).fontSize)"
    assert page.locator("figcaption").evaluate(size) >= 12.5
    for text in ("label", "output", ".it-readout"):
        assert page.locator(text).first.evaluate(size) == 14


def test_two_views_of_a_widget_have_labels_of_their_own_and_move_together(page, waves):
    notebook = Notebook(page, waves.widget())
    notebook.view()
    for view in (0, 1):
        notebook.assert_shows(waves, view)
    own = (
        "all => all.every(e => document.getElementById(e.htmlFor) === e.parentElement.querySelector('input'))"
    )
    assert page.locator("label").evaluate_all(own)
    notebook.press("depth", "ArrowRight", view=1)
    notebook.answer()
    for view in (0, 1):
        notebook.assert_shows(waves, view, depth=20)
    assert notebook.asked() == []


def test_many_sliders_of_points_are_behind_a_word(page):
    """In JupyterLab nothing is dragged, so each coordinate has a slider; eight are seen at once."""
    Notebook(page, two_units().widget())
    page.wait_for_selector(".it-live[data-shown]")
    assert page.locator("details").count() == 0

    explorer = learning_circle()
    own = {c.name for c in explorer.controls}
    points = [c for c in explorer.handles if c.name not in own]
    assert len(points) > 8
    notebook = Notebook(page, explorer.widget(), "many")
    figure = page.locator("#many .it-live")
    figure.scroll_into_view_if_needed()
    page.wait_for_selector("#many .it-live[data-shown]")
    fold = figure.locator("details")
    assert fold.locator("summary").inner_text() == "Samples"
    assert fold.get_attribute("open") is None
    sliders = fold.locator("[type=range]")
    assert sliders.count() == len(points)
    assert not any(slider.is_visible() for slider in sliders.all())
    seen = figure.locator(".it-control > :is([type=range], select, .it-switch):visible")
    assert seen.count() == len(explorer.controls)
    closed = figure.locator(".it-controls").bounding_box()["height"]

    fold.locator("summary").press("Enter")
    assert all(slider.is_visible() for slider in sliders.all())
    assert figure.locator(".it-controls").bounding_box()["height"] > 2 * closed
    left = {round(box["x"]) for box in (s.bounding_box() for s in figure.locator("[type=range]").all())}
    assert len(left) == 1, "all in one column"
    sliders.first.press("ArrowRight")
    notebook.page.wait_for_function(f"{notebook.js}.asked.length")
    start = [c.start_index for c in explorer.handles]
    moved = [i + (c.name == points[0].name) for i, c in zip(start, explorer.handles, strict=True)]
    assert notebook.asked()[0] == {"ask": "frame", "position": moved}


def test_play_lets_the_time_run_as_fast_as_the_kernel_answers(page):
    """As in the page: from where it stands to its end, and the reader's hand stops it."""
    explorer = watch_it_learn()
    notebook = Notebook(page, explorer.widget())
    page.wait_for_selector(".it-live[data-shown]")
    names = [c.name for c in explorer.handles]
    k = names.index(explorer.computation.clock)
    clock = explorer.handles[k]
    button, end, asked = page.locator(".it-live .it-play"), len(clock.values) - 1, []
    assert button.inner_text() == "Play"
    button.click()
    while button.inner_text() == "Pause" or notebook.asked():
        asked.append(notebook.answer())
        page.wait_for_timeout(20)
        if len(asked) == 5:
            notebook.press(clock.name, "ArrowRight")
            assert button.inner_text() == "Play"
            button.click()
    times = [message["position"].pop(k) for message in asked]
    assert times == sorted(times)
    assert 0 < times[0] < end / 4
    assert times[-1] == end
    start = [c.start_index for c in explorer.handles if c.name != clock.name]
    assert all(message == {"ask": "frame", "position": start} for message in asked)
    assert button.inner_text() == "Play again"
    assert page.locator(".it-live .it-readout").inner_text() == explorer.readout(
        **explorer.start | {"time": 300}
    )
    button.click()
    notebook.answer()
    assert notebook.widget.values["time"] < clock.values[end // 4]


def test_nothing_plays_where_nothing_runs(page, waves):
    Notebook(page, waves.widget()).assert_shows(waves)
    assert page.locator(".it-play").count() == 0


def test_a_figure_is_saved_without_fetching_anything(page, waves):
    """Its module brings what saves it."""
    Notebook(page, waves.widget()).assert_shows(waves)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_role("button", name="Save this figure").click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save the numbers").click()
    assert saved.value.path().read_text("utf-8").startswith("panel,trace,x,y\n")
    assert [url for url in asked if not url.startswith("blob:")] == []


def test_a_view_that_is_closed_leaves_nothing_behind(page, waves):
    notebook = Notebook(page, waves.widget())
    notebook.assert_shows(waves)
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<a href=\"#fig-waves:depth=1\">it</a>')")
    page.evaluate(f"{notebook.js}.views[0]()")
    assert page.evaluate(f"{notebook.js}.handlers") == []
    assert page.locator(".main-svg").count() == 0
    page.evaluate("document.querySelector('#one').style.width = '400px'")
    page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    page.click("text=it")
    page.wait_for_timeout(100)
    assert notebook.asked() == []
    assert page.locator(".main-svg").count() == 0


def test_the_plotting_library_is_loaded_once_a_page(browser, tmp_path, waves, curve):
    with reader(browser, "file:", console=CONSOLE, viewport=SIZE) as tab:
        _assert_loaded_once(prepared(tab, tmp_path), waves, curve)


def _assert_loaded_once(page, waves, curve):
    scripts = "document.querySelectorAll('script').length"
    Live._brought = True
    # Of two kernels, the first does not answer.
    one = Notebook(page, waves.widget(), "one")
    two = Notebook(page, curve.widget(), "two")
    page.wait_for_function("models.some(model => model.asked.length)")
    page.wait_for_timeout(2500)
    asked = [one.asked(), two.asked()]
    assert sorted(asked, key=len) == [[], [{"ask": "plotly"}]]
    silent, other = (one, two) if one.asked() else (two, one)
    page.evaluate("implicitTutorialPage.asked -= 10_000")  # as if that had been ten seconds ago
    other.answer()
    one.assert_shows(waves)
    two.assert_shows(curve)
    silent.answer()  # too late, and no matter
    # Another notebook's first figure brings it again.
    Live._brought = False
    three = Notebook(page, waves.widget(), "three")
    three.assert_shows(waves)
    assert three.asked() == []
    assert page.evaluate(scripts) == 1


def test_stored_and_live_figures_share_a_page(open_page, waves):
    page = open_page()
    page.wait_for_selector("#fig-waves[data-shown='4 3']")
    page.evaluate(HOST)
    notebook = Notebook(page, waves.widget())
    page.locator(".it-live").scroll_into_view_if_needed()
    notebook.assert_shows(waves)
    notebook.press("depth", "ArrowRight")
    notebook.answer()
    notebook.assert_shows(waves, depth=20)
    page.focus("#fig-waves-depth")
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector("#fig-waves[data-shown='4 2']")
    notebook.assert_shows(waves, depth=20)
    assert page.locator("script[src*=plotly], script[src^=blob]").count() == 1

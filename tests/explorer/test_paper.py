"""A page that is printed, or becomes a PDF: figures are drawn, in light colours, with words for handles."""

import pytest

pytestmark = pytest.mark.browser

STATE = """() => {
  const seen = (kind) => [...document.querySelectorAll(kind)].filter((e) => e.checkVisibility());
  const plots = [...document.querySelectorAll(".it-plot")];
  return {
    drawn: plots.map((plot) => plot.querySelector(".main-svg") !== null),
    fits: plots.every((plot) => Math.abs(plot.clientWidth - (plot._fullLayout?.width ?? 0)) <= 1),
    ink: plots.map((plot) => plot._fullLayout?.font.color ?? null),
    theme: document.documentElement.dataset.theme,
    open: document.querySelectorAll("details[open]").length,
    controls: seen(".it-controls, .it-save").length,
    stills: seen("img.it-still").length,
    said: seen(".it-state").map((e) => e.innerText),
  };
}"""
#: What the page is like in the moment in which it is laid out for paper.
KEEP = "addEventListener('beforeprint', () => (window.printed = state()))"
DARK = "document.documentElement.dataset.theme === 'dark'"
LIGHT = "document.documentElement.dataset.theme === 'light'"


@pytest.fixture
def page(open_page):
    """The page in the dark, with a fold, as its reader has opened it: nothing below the window is drawn."""
    tab = open_page()
    tab.evaluate("document.documentElement.dataset.theme = 'dark'")
    tab.evaluate("document.body.insertAdjacentHTML('beforeend', '<details><summary>?</summary>!</details>')")
    tab.wait_for_selector("#fig-waves[data-shown='4 3']")
    tab.wait_for_function("[...implicitTutorial.explorers.values()].every((one) => one.ready)")
    tab.evaluate(f"window.state = {STATE}")
    tab.evaluate(KEEP)
    return tab


def test_a_pdf_has_all_figures_in_light_colours_and_leaves_the_page_as_it_was(page):
    before = page.evaluate("state()")
    assert before["drawn"] == [True, True, True, False]
    assert before["controls"] > 0
    assert page.pdf().startswith(b"%PDF")
    printed = page.evaluate("window.printed")
    assert printed["drawn"] == [True] * 4
    assert printed["fits"]
    assert set(printed["ink"]) == {"#222832"}
    assert (printed["theme"], printed["open"]) == ("light", 1)
    page.wait_for_function(DARK)
    after = page.evaluate("state()")
    assert (after["open"], after["controls"]) == (0, before["controls"])
    assert after["ink"] == ["#ced6dd"] * 4


def test_words_stand_for_handles(page):
    assert page.evaluate("state().said") == []
    page.focus("#fig-waves-depth")
    page.keyboard.press("ArrowLeft")
    page.emulate_media(media="print")
    page.wait_for_function(LIGHT)
    printed = page.evaluate("state()")
    assert (printed["controls"], printed["stills"]) == (0, 0)
    assert printed["said"] == ["implicit_scale σ_A 0.5; depth 5", "shape sine; power 3"]
    page.emulate_media(media="screen")
    page.wait_for_function(DARK)
    assert page.evaluate("state().controls") > 0


def test_a_figure_that_is_too_tall_for_a_sheet_is_lowered_and_grows_again(page):
    plots = "document.querySelectorAll('#fig-waves .it-plot')"
    page.evaluate(f"for (const plot of {plots}) plot.style.height = '900px'")
    height = "document.querySelector('#fig-waves .it-panels').offsetHeight"
    drawn = "document.querySelector('#fig-waves .main-svg').clientHeight"
    page.emulate_media(media="print")
    page.wait_for_function(f"{height} < 700 && Math.abs({drawn} - {height}) < 2")
    page.emulate_media(media="screen")
    page.wait_for_function(f"{height} >= 900 && Math.abs({drawn} - {height}) < 2")


def test_what_cannot_be_drawn_in_time_is_a_still_picture(page):
    assert page.evaluate("state().stills") == 0
    page.evaluate("for (const one of implicitTutorial.explorers.values()) one.ready = null")
    page.emulate_media(media="print")
    page.wait_for_function(LIGHT)
    printed = page.evaluate("state()")
    assert printed["stills"] == printed["drawn"].count(False) == 1

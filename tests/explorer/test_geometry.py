"""The check of where things lie: nothing in a sound page, and in a broken one what a person would see."""

import pytest

from tests.browser import GEOMETRY, INSPECT

pytestmark = pytest.mark.browser

BROKEN = [
    (".it-plot:first-child { position: relative; left: 60px; }", "lie over one another"),
    (".it-plot:first-child { position: relative; left: -60px; }", "lies outside of the figure"),
    (".it-explorer { width: 130%; max-width: none; }", "px wide in a column of"),
    (".it-explorer { width: 60%; }", "px of a column of"),
    (".it-panels { grid-template-columns: 120px 1fr; }", "is only 120 px wide"),
    (".it-panels { grid-template-columns: 1fr 1fr 1fr; }", "leave a hole"),
    (".it-plot .main-svg { width: 90px; }", "is drawn 90 px wide in a box of"),
    (".it-plot .plot-container { display: none; }", "is not drawn"),
    (".it-plot .trace { display: none; }", "is empty"),
    (".it-control label { width: 3em; overflow: hidden; white-space: nowrap; }", "is cut off"),
    (".it-explorer figcaption { font-size: 8px; }", "is set too small"),
    (".it-readout { margin-top: -30px !important; }", "covers what stands above it"),
    (".it-control output { margin-left: -12em; }", "lie over one another"),
    (".it-plot .xtick text { transform: translateX(-300px); }", "is cut off"),
    (".it-plot .ytick text { transform: translateY(30px); }", "lie over one another"),
    (".it-plot .gtitle { transform: translateY(12px); }", "lie over one another"),
]


def test_a_sound_page_and_what_can_be_wrong_with_it(open_page):
    page = open_page()
    for script in (INSPECT, GEOMETRY):
        page.add_script_tag(path=script)
    page.evaluate("inspect.figures()")
    assert page.locator(".main-svg").count() > 4
    for width in (375, 768, 1600, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("geometry.remaining()") == [], width
    for css, fault in BROKEN:
        style = page.add_style_tag(content=css)
        found = page.evaluate("geometry.faults()")
        assert any(fault in sentence for sentence in found), (css, found)
        style.evaluate("(style) => style.remove()")
    assert page.evaluate("geometry.remaining()") == []

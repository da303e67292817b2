"""The still picture: what it draws lies where the data say, and nothing of a figure is left out."""

import base64
import re
import xml.etree.ElementTree as ET
import zlib

import numpy as np
import plotly.graph_objects as go
import pytest

from implicit_tutorial.explorer import style
from implicit_tutorial.explorer.still import still
from implicit_tutorial.explorer.still.axis import Axis, number
from implicit_tutorial.explorer.tree import panels_of

SVG = "{http://www.w3.org/2000/svg}"


def picture(figure):
    (panel,) = panels_of(figure)
    return ET.fromstring(still(panel))


def words(root):
    return ["".join(text.itertext()).replace("\u200b", "") for text in root.iter(SVG + "text")]


def places(path):
    """The absolute places of a path, and whether each begins a new piece."""
    found = re.findall(r"([ML])(-?[\d.]+) (-?[\d.]+)", path.get("d"))
    return np.array([[float(x), float(y)] for _, x, y in found]), [letter == "M" for letter, *_ in found]


def frame(root):
    """The box of the plot: left, top, right, bottom."""
    box = root.find(f".//{SVG}clipPath/{SVG}rect")
    x, y, width, height = (float(box.get(key)) for key in ("x", "y", "width", "height"))
    return x, y, x + width, y + height


def test_a_curve_lies_where_its_data_say():
    figure = style.figure(x_range=(0, 10), y_range=(-1, 1))
    x = np.array([0, 2.5, 5, np.nan, 7.5, 10])
    figure.add_scatter(x=x, y=np.array([-1, 0, 1, 0, 0.5, -1]), **style.theory("curve"))
    root = picture(figure)
    left, top, right, bottom = frame(root)
    (path,) = root.iter(SVG + "path")
    shown, begins = places(path)
    expected = [(0, 1), (0.25, 0.5), (0.5, 0), (0.75, 0.25), (1, 1)]
    expected = [(left + u * (right - left), top + v * (bottom - top)) for u, v in expected]
    np.testing.assert_allclose(shown, expected, atol=0.06)
    assert begins == [True, False, False, True, False]  # a gap
    assert path.get("stroke") == style.THEORY
    assert path.get("stroke-dasharray")


def test_logarithmic_axes_place_decades_evenly_and_leave_out_what_is_not_positive():
    figure = style.figure(x_log=True, y_log=True, x_range=(1, 100), y_range=(1e-4, 1))
    figure.add_scatter(x=[1, 10, 100, 0], y=[1, 1e-2, 1e-4, 1], **style.points("points"))
    root = picture(figure)
    left, top, right, bottom = frame(root)
    (path,) = root.iter(SVG + "path")
    shown, _ = places(path)
    middle = ((left + right) / 2, (top + bottom) / 2)
    np.testing.assert_allclose(shown, [(left, top), middle, (right, bottom)], atol=0.06)
    assert {"1", "10", "10²", "10⁻⁴"} <= set(words(root))


def test_equal_axes_have_one_scale():
    figure = style.figure(x_range=(0, 1), y_range=(0, 1), equal=True)
    figure.add_scatter(x=[0, 1], y=[0, 1], **style.measured())
    left, top, right, bottom = frame(picture(figure))
    assert right - left == pytest.approx(bottom - top, abs=0.2)


def test_titles_names_notes_and_ticks_are_written():
    figure = style.figure(title="the title", x_title="width m", y_title="λ<sub>max</sub>", x_range=(0, 4))
    figure.add_scatter(x=[0, 4], y=[0, 1], **style.measured("one curve"))
    figure.add_scatter(x=[0, 4], y=[1, 0], **style.measured("R&D"))
    figure.add_scatter(x=[0, 4], y=[1, 1], visible=False, **style.measured("hidden"))
    figure.add_annotation(x=2, y=0.5, text="here")
    said = words(picture(figure))
    assert {"the title", "width m", "λmax", "one curve", "R&D", "here", "0", "2", "4"} <= set(said)
    assert "hidden" not in said


def test_points_of_one_look_are_one_path_and_errors_reach_both_ends():
    figure = style.figure(x_range=(0, 3), y_range=(0, 10))
    error = {"array": np.array([1.0, 2.0]), "arrayminus": np.array([2.0, 1.0]), "color": style.BOUND}
    figure.add_scatter(x=[1, 2], y=np.array([4.0, 6.0]), error_y=error, **style.points("p", style.FAILURE))
    root = picture(figure)
    _, top, _, bottom = frame(root)
    bars, dots = root.iter(SVG + "path")
    ends = (bottom - places(bars)[0][:, 1]) / (bottom - top) * 10
    np.testing.assert_allclose(ends, [2, 5, 5, 8], atol=0.05)
    assert (bars.get("stroke"), dots.get("stroke")) == (style.BOUND, style.FAILURE)
    assert dots.get("d").count("M") == 2


@pytest.mark.parametrize("orientation", ["v", "h"])
def test_bars_stand_on_zero_beside_their_words(orientation):
    values, names = np.array([1.0, 3.0]), ["few", "many"]
    sides = {"x": names, "y": values} if orientation == "v" else {"x": values, "y": names}
    figure = style.figure().add_bar(orientation=orientation, text=["one", "three"], **sides)
    root = picture(figure)
    bars = [rect for rect in root.iter(SVG + "rect") if rect.get("fill")]
    length = "height" if orientation == "v" else "width"
    short, long = (float(bar.get(length)) for bar in bars)
    assert long == pytest.approx(3 * short, rel=0.01)
    assert {"few", "many", "one", "three"} <= set(words(root))


def test_a_map_is_an_image_whose_dots_are_the_colours_of_its_cells():
    z = np.array([[0.0, 1.0], [np.nan, 0.5]])
    figure = style.figure().add_heatmap(z=z, zmin=0, zmax=1, colorscale=[[0, "#000000"], [1, "rgb(255,0,0)"]])
    root = picture(figure)
    image = next(root.iter(SVG + "image"))
    png = base64.b64decode(image.get("href").partition(",")[2])
    data = zlib.decompress(png[png.index(b"IDAT") + 4 : -16])
    rows = np.frombuffer(data, np.uint8).reshape(2, 9)[:, 1:].reshape(2, 2, 4)
    np.testing.assert_array_equal(rows[1], [[0, 0, 0, 255], [255, 0, 0, 255]])  # the first row lies below
    assert rows[0, 0, 3] == 0
    np.testing.assert_array_equal(rows[0, 1], [128, 0, 0, 255])


def test_a_map_with_cells_of_several_sizes_is_drawn_cell_by_cell():
    figure = style.figure(x_log=True).add_heatmap(z=[[0.0, 0.5, 1.0]], x=[1, 10, 1000], showscale=False)
    cells = [float(r.get("width")) for r in picture(figure).iter(SVG + "rect") if r.get("fill")]
    assert len(cells) == 3
    assert cells[2] == pytest.approx(2 * cells[0], rel=0.05)


def test_stacked_curves_stand_on_one_another():
    figure = style.figure(x_range=(0, 1), y_range=(0, 2))
    for name in ("first", "second"):
        figure.add_scatter(x=[0, 1], y=[1, 1], stackgroup="s", **style.measured(name))
    root = picture(figure)
    _, top, _, bottom = frame(root)
    areas = [p for p in root.iter(SVG + "path") if p.get("d").endswith("Z")]
    heights = [sorted({round((bottom - y) / (bottom - top) * 2, 1) for _, y in places(a)[0]}) for a in areas]
    assert heights == [[0.0, 1.0], [1.0, 2.0]]


def test_shapes_and_arrows_lie_in_data_and_on_the_length_of_an_axis():
    figure = style.figure(x_range=(0, 2), y_range=(0, 2))
    figure.add_scatter(x=[0, 2], y=[0, 2], **style.measured())
    figure.add_vline(x=1)
    figure.add_annotation(x=2, y=2, ax=0, ay=0, axref="x", ayref="y", text="", arrowcolor=style.HOLDS)
    root = picture(figure)
    left, top, right, bottom = frame(root)
    *_, line, arrow = root.iter(SVG + "line")
    ends = [float(line.get(key)) for key in ("x1", "x2", "y1", "y2")]
    assert ends[:2] == [pytest.approx((left + right) / 2, abs=0.1)] * 2
    assert sorted(ends[2:]) == [pytest.approx(top, abs=0.1), pytest.approx(bottom, abs=0.1)]
    assert arrow.get("stroke") == style.HOLDS


def test_what_is_not_known_is_not_drawn_wrongly():
    assert still(panels_of(go.Figure(go.Surface(z=[[1, 2], [3, 4]])))[0]) is None


@pytest.mark.parametrize(
    ("ends", "texts"),
    [
        ((0, 1), ["0", "0.2", "0.4", "0.6", "0.8", "1"]),
        ((-2, 2), ["−2", "−1", "0", "1", "2"]),
        ((0, 3e8), ["0", "10⁸", "2·10⁸", "3·10⁸"]),
    ],
)
def test_numbers_along_an_axis_are_round_and_written_as_in_print(ends, texts):
    axis = Axis({}, ends=ends, dots=(0, 100))
    assert [text for _, text in axis.ticks()] == texts
    assert number(-1e-7) == "−10⁻⁷"


def test_words_are_an_axis_in_the_order_that_the_layout_names():
    axis = Axis({"type": "category", "categoryarray": ["b", "a"]})
    axis.learn(["a", "c", "a"])
    assert axis.words == ["b", "a", "c"]
    np.testing.assert_array_equal(axis.coordinates(["a", "b"]), [1, 0])

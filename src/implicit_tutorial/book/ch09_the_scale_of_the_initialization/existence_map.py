"""Where in (κ, m) a global minimum is proved to exist, beside where the flow reaches one (C20)."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from implicit_tutorial.book.ch09_the_scale_of_the_initialization.phase_diagram import (
    SCALE_AXIS,
    cells,
    width_axis,
    widths,
)
from implicit_tutorial.book.ch09_the_scale_of_the_initialization.setting import (
    lazy_movement,
    map_prediction,
    sample,
)
from implicit_tutorial.book.ch09_the_scale_of_the_initialization.studies import EXISTENCE, PHASE
from implicit_tutorial.book.evidence import MEAN_FIELD, THEOREM, stored
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style

_ENDS, _SIZE = SCALE_AXIS["x_range"], {"height": 420, "legend_rows": 4}
#: What a cell is called, how it is drawn, and whether a minimum exists there and the flow arrives.
_KINDS = {
    "exists, and the flow arrives": ("circle", style.HOLDS, True, True),
    "exists, and the flow breaks": ("diamond", style.BOUND, True, False),
    "not proved, but the flow arrives": ("circle-open", style.HOLDS, False, True),
    "not proved, and the flow breaks": ("x", style.FAILURE, False, False),
}


@cache
def minima() -> pd.DataFrame:
    """One row a (κ, m): shares of seeds with a proved minimum, and that train; medians of their minima."""
    found = EXISTENCE.table.groupby(["output_scale", "width"]).agg(
        exists=("exists", "mean"),
        within=("within", "median"),
        test_error=("test_error", "median"),
    )
    flow = PHASE.table.groupby(["output_scale", "width"])["test_error"].median().rename("flow_error")
    return found.join(cells()["trained"]).join(flow).reset_index()


def kinds() -> pd.Series:
    """Of each row of :func:`minima` the kind of the cell; half of its seeds decide."""
    t = minima()
    exists, arrives = t["exists"] > 0.5, t["trained"] > 0.5
    named = {(e, a): name for name, (_, _, e, a) in _KINDS.items()}
    return pd.Series([named[pair] for pair in zip(exists, arrives, strict=True)], index=t.index)


@explorer("existence-map")
def existence_map() -> Explorer:
    """The map of existence, and for one width how far the minima are and how well they generalize."""
    return Explorer(
        _draw,
        [Control("width", widths(), start=128, label="width $m$")],
        tag=THEOREM | MEAN_FIELD | stored(EXISTENCE, samples=len(sample().y)),
        caption=(
            "First panel: is an exact global minimum proved to exist near the initialization (C20), and does "
            "the flow reach one? Half of a cell's seeds decide. The other two, for the width of the "
            "dotted line: how far the proved minima lie at most, and their error at the map's 200 test "
            "points, medians of the seeds; none, where a test input has no equilibrium that is found. "
            "Dashed: the lazy law of C18, and infinite width. **Move** $m$. " + _what_to_notice()
        ),
        alt="Three panels. A map over output scale and width with discs, diamonds and crosses. Distances and "
        "test errors over the output scale. " + _alt(),
        readout=_readout,
    )


def _draw(width: int) -> list[go.Figure]:
    return [_map(width), _distance(width), _error(width)]


def _map(width: int) -> go.Figure:
    figure = style.figure(title="does a global minimum exist?", **SCALE_AXIS, **width_axis(), **_SIZE)
    t, kind = minima(), kinds()
    for name, (symbol, color, _, _) in _KINDS.items():
        here = t[kind == name]
        look = style.points(name, color, symbol=symbol, size=11)
        figure.add_scatter(x=here["output_scale"], y=here["width"], **look)
    return figure.add_scatter(x=_ENDS, y=[width] * 2, **style.guide(), showlegend=False)


def _row(width: int) -> pd.DataFrame:
    t = minima()
    return t[(t["width"] == width) & (t["exists"] > 0.5)]


def _distance(width: int) -> go.Figure:
    t, grid = _row(width), np.geomspace(*_ENDS, 40)
    y = {"y_title": "‖A′ − A₀‖", "y_log": True, "y_range": (0.1, 30)}
    figure = style.figure(title="how far", **SCALE_AXIS, **y, **_SIZE)
    lazy = [lazy_movement(k, width) for k in grid]
    figure.add_scatter(x=grid, y=lazy, **style.theory("lazy law"))
    return figure.add_scatter(
        x=t["output_scale"], y=t["within"], **style.marked("proved minimum", style.BOUND)
    )


def _error(width: int) -> go.Figure:
    t, every = _row(width), minima()
    every = every[every["width"] == width]
    y = {"y_title": "test error", "y_log": True, "y_range": (5e-3, 3)}
    figure = style.figure(title="how good", **SCALE_AXIS, **y, **_SIZE)
    grid = np.geomspace(*_ENDS, 40)
    infinite = [map_prediction(k).test_error for k in grid]
    figure.add_scatter(x=grid, y=infinite, **style.theory("infinite width"))
    trained = every[every["trained"] > 0.5]
    figure.add_scatter(
        x=trained["output_scale"], y=trained["flow_error"], **style.marked("flow", style.MEASURED)
    )
    return figure.add_scatter(
        x=t["output_scale"], y=t["test_error"], **style.marked("proved minimum", style.BOUND)
    )


def _readout(width: int) -> str:
    t, kind = minima(), kinds()
    here = t["width"] == width
    counts = kind[here].value_counts()
    said = ", ".join(f"{counts[name]} × {name}" for name in _KINDS if name in counts)
    return f"Width {width}, {int(here.sum())} scales: {said}."


@cache
def both() -> pd.DataFrame:
    """One row a network: its proved minimum, and where the flow from the same start ended."""
    flow = PHASE.table[["output_scale", "width", "seed", "status", "test_error", "movement"]]
    on = ["output_scale", "width", "seed"]
    return EXISTENCE.table.merge(flow, on=on, suffixes=("", "_flow"))


def _what_to_notice() -> str:
    t = both()
    lost = t["status_flow"] != "finished"
    wide = t[t["exists"] & ~lost & (t["width"] >= 256)]
    return says(
        f"**Notice** that for {int((lost & t['exists']).sum())} of the {int(lost.sum())} networks on which "
        "the flow breaks a minimum is proved all the same; and that at widths 256 and 512 each proved "
        "minimum has a smaller test error than the end of the flow from the same start.",
        (lost & t["exists"]).sum() > 0 and (wide["test_error"] < wide["test_error_flow"]).all(),
    )


def _alt() -> str:
    t, kind = minima(), kinds()
    wide = kind[t["width"] >= 256]
    first, second = "exists, and the flow arrives", "not proved, but the flow arrives"
    return says(
        "Crosses fill the smallest widths, with one diamond above them, and full discs the large ones. Open "
        "discs lie between, and two more at the smallest scale and larger widths.",
        t["width"][kind == "not proved, and the flow breaks"].max() <= 64
        and (kind == "exists, and the flow breaks").sum() == 1
        and (wide == first).mean() > 0.9
        and t["output_scale"][(kind == second) & (t["width"] > 64)].tolist() == [t["output_scale"].min()] * 2,
    )

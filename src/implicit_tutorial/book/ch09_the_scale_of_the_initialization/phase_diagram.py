"""The (κ, m) phase diagram: where training leaves the well-posed region, is rich, or lazy (C18)."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pandas as pd
import plotly.graph_objects as go

import implicit_tutorial as it
from implicit_tutorial.book.analysis import Estimate, edge_slope
from implicit_tutorial.book.ch09_the_scale_of_the_initialization.setting import (
    IMPLICIT_SCALE,
    RICH,
    lazy_width,
    sample,
)
from implicit_tutorial.book.ch09_the_scale_of_the_initialization.studies import (
    PHASE,
    SLICE_ANGLES,
    great_circle,
)
from implicit_tutorial.book.drawing import array
from implicit_tutorial.book.evidence import MEAN_FIELD, stored
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style

_X = (0.078, 3.9)
#: The axis of the output scale, of both maps.
SCALE_AXIS = {"x_title": "output_scale κ", "x_log": True, "x_range": _X, "x_ticks": (0.1, 0.3, 1, 3)}
#: What a reader is told of a run that failed.
_ENDS = {
    "left the well-posed region": "This run left the well-posed region",
    "no equilibrium found from zero": "Trained; but from zero the solver finds no equilibrium any more",
    "no equilibrium found at a test point": "Trained; but at a test point the solver finds no equilibrium",
}


def scales() -> list[float]:
    """The output scales κ of the map."""
    return sorted(float(k) for k in PHASE.table["output_scale"].unique())


def widths() -> list[int]:
    """The widths m of the map."""
    return sorted(int(m) for m in PHASE.table["width"].unique())


def width_axis() -> dict[str, object]:
    """The axis of the width, of both maps."""
    return {"y_title": "width m", "y_log": True, "y_range": (5.5, 760), "y_ticks": widths()}


@cache
def cells() -> pd.DataFrame:
    """One row a (κ, m): the share of seeds that train, and the median movement of their features."""
    frame = PHASE.table.assign(trained=lambda f: f["status"] == "finished")
    return frame.groupby(["output_scale", "width"]).agg(
        trained=("trained", "mean"), features=("feature_movement", "median"), runs=("seed", "size")
    )


@cache
def lazy_border() -> tuple[np.ndarray, np.ndarray]:
    """(κ, m) where the features move by half of their length, interpolated in the logarithms along each κ.

    Scales at which the border is wider than all networks are left out.
    """
    kappa, border = [], []
    for k in scales():
        column = cells().loc[k]
        column = column[column["trained"] > 0.5]
        m, moved = np.log(column.index.to_numpy(dtype=float)), np.log(column["features"].to_numpy())
        rich = np.flatnonzero(moved > math.log(RICH))
        if len(rich) and rich[-1] + 1 < len(m):
            i = rich[-1]
            share = (moved[i] - math.log(RICH)) / (moved[i] - moved[i + 1])
            kappa.append(k)
            border.append(math.exp(m[i] + share * (m[i + 1] - m[i])))
    return np.array(kappa), np.array(border)


def border_slope(largest_scale: float = 1.5) -> tuple[float, float]:
    """Slope of log m in log κ along the lazy border, measured, and along the line of equal lazy movement."""
    kappa, border = lazy_border()
    kept = kappa <= largest_scale
    x = np.log(kappa[kept])
    predicted = [math.log(lazy_width(k)) for k in kappa[kept]]
    return float(np.polyfit(x, np.log(border[kept]), 1)[0]), float(np.polyfit(x, predicted, 1)[0])


@cache
def edge() -> Estimate:
    """Slope of the edge of the well-posed region, with its interval."""
    return edge_slope(PHASE.table)


def run(output_scale: float, width: int) -> pd.Series:
    """The stored run of a cell, that of seed 0."""
    return PHASE.at(output_scale=output_scale, width=width, seed=0)


def row_of(width: int) -> pd.DataFrame:
    """The shown runs of one width, by κ."""
    return pd.DataFrame([run(k, width) for k in scales()]).set_index("output_scale")


@explorer("phase-diagram")
def phase_diagram() -> Explorer:
    """The map with two handles, and below it the chosen run: eigenvalues of DA, learned function."""
    shown, narrow = row_of(128), row_of(64)
    kept = max(len(e) for e in PHASE.table["eigenvalues"] if e is not None)
    error, smallest = shown["test_error"], scales()[0]
    late = error.loc[:0.55]
    lost = cells()["trained"] <= 0.5
    failed = PHASE.table[PHASE.table["status"] != "finished"]
    return Explorer(
        _draw,
        [
            Control("output_scale", scales(), start=0.358, label="output_scale $\\kappa$", fmt="g"),
            Control("width", widths(), start=128, label="width $m$"),
        ],
        tag=MEAN_FIELD | stored(PHASE, samples=len(sample().y)),
        caption="First panel: all runs. Colour: how far the features moved, relative to their length, the "
        "median of a cell's runs; crosses: half of the runs of a cell or more fail. Solid: the features "
        "moved by one half, the border between lazy and rich. Dashed, mean-field: where lazy movement is 1. "
        "The ring is the single run, of seed 0, that the other panels show: the outermost "
        f"eigenvalues of $DA$ at the training input nearest to a fold, at most {kept} and their conjugates "
        "(the disc looks hollow; it is not); and its function on a great circle through the target's "
        "direction. "
        + says(
            "**Move** $\\kappa$ down, at $m = 128$. **Notice** the eigenvalue that walks towards 1, ",
            shown["rightmost"].is_monotonic_decreasing and 0.9 < shown["rightmost"].iloc[0] < 1,
        )
        + says(
            f"while the test error of the single runs falls from {error[3.0]:.2f} at $\\kappa = 3$ to "
            f"{late.iloc[-1]:.3f} at $\\kappa = {late.index[-1]:g}$ and stays between {late.min():.3f} and "
            f"{late.max():.3f} below. ",
            error.loc[0.5:].is_monotonic_increasing and late.max() < 1.3 * late.min(),
        )
        + says(
            f"Then move $m$ down: the error rises, to {narrow['test_error'][smallest]:.3f} at $m = 64$, "
            "and below that the run fails.",
            narrow["test_error"][smallest] > late.max() and run(smallest, 48)["status"] != "finished",
        ),
        alt="Three panels. A map over output scale and width, both logarithmic: "
        + says(
            "crosses at small widths, and of the other cells the darkest, in which the features move least, "
            "where both scale and width are largest. ",
            lost[lost].index.get_level_values("width").max() < 64
            and cells()["features"][~lost].idxmin() == (scales()[-1], widths()[-1]),
        )
        + says(
            "Outer eigenvalues, the rightmost within 0.12 of a vertical line at one where the run fails. "
            "A curve over the angle, beside the target.",
            (failed["rightmost"] - 1).abs().max() < 0.12,
        ),
        readout=_words,
    )


def _draw(output_scale: float, width: int) -> list[go.Figure]:
    here = run(output_scale, width)
    return [_map(output_scale, width), _spectrum(here), _function(here)]


def _map(output_scale: float, width: int) -> go.Figure:
    fig = style.figure(title="the map", **SCALE_AXIS, **width_axis(), height=470, legend_rows=2)
    table = cells().reset_index()
    lost = table["trained"] <= 0.5
    ticks = (0.1, 0.3, 1, 3, 10)
    bar = {"tickvals": np.log10(ticks).tolist(), "ticktext": [f"{t:g}" for t in ticks]}
    bar |= {
        "outlinewidth": 0,
        "thickness": 10,
        "title": {"text": "features moved by", "side": "right", "font": {"size": 11}},
        "tickfont": {"size": 11},
    }
    moved = table.assign(features=table["features"].where(~lost)).pivot(
        index="width", columns="output_scale", values="features"
    )
    # Tiles, not points: points get brighter in the dark, and their colours would not be those of the bar.
    fig.add_heatmap(
        x=_edges(moved.columns),
        y=_edges(moved.index),
        z=np.log10(moved.to_numpy()),
        zmin=-1,
        zmax=1,
        xgap=2,
        ygap=2,
        name="trained",
        colorscale=style.SEQUENTIAL,
        colorbar=bar,
        text=[
            [f"κ = {k:g}, m = {m}: moved by {v:.2g}" for k, v in row.items()] for m, row in moved.iterrows()
        ],
        hovertemplate="%{text}<extra></extra>",
        hoverongaps=False,
    )
    crosses = style.points("leaves", style.FAILURE, symbol="x", size=9)
    fig.add_scatter(x=table["output_scale"][lost], y=table["width"][lost], **crosses, showlegend=False)
    kappa, border = lazy_border()
    fig.add_scatter(x=kappa, y=border, **style.measured("features moved by ½", style.SERIES[3], width=3))
    grid = np.geomspace(*_X, 40)
    level = [lazy_width(k) for k in grid]
    fig.add_scatter(x=grid, y=level, **style.theory("lazy law: ‖A − A₀‖ = 1", width=3))
    ring = style.points(None, style.SERIES[1], symbol="circle-open", size=24, line={"width": 3})
    return fig.add_scatter(x=[output_scale], y=[width], **ring, showlegend=False, hoverinfo="skip")


def _edges(centres: pd.Index) -> np.ndarray:
    """Where the tiles of a logarithmic axis begin and end."""
    logs = np.log(centres.to_numpy(dtype=float))
    half = np.diff(logs) / 2
    return np.exp(np.concatenate([[logs[0] - half[0]], logs[:-1] + half, [logs[-1] + half[-1]]]))


def _spectrum(here: pd.Series) -> go.Figure:
    plane = {"x_range": (-1.15, 1.25), "y_range": (-1.2, 1.2), "equal": True}
    fig = style.figure(title="eigenvalues of DA", x_title="real part", **plane, height=380)
    angle = np.linspace(0, 2 * np.pi, 60)
    radius = IMPLICIT_SCALE / math.sqrt(2)
    fig.add_scatter(x=radius * np.cos(angle), y=radius * np.sin(angle), **style.theory("at the start"))
    fig.add_scatter(x=[1, 1], y=[-1.2, 1.2], **style.guide("fold", style.FAILURE))
    values = np.array(here["eigenvalues"], dtype=float).reshape(-1, 2)
    both = np.concatenate([values, values * [1, -1]])
    fig.add_scatter(x=both[:, 0], y=both[:, 1], **style.points("after training", size=6))
    return fig.update_layout(showlegend=False)


def _function(here: pd.Series) -> go.Figure:
    x = {"x_title": "angle to the target's direction", "x_range": (0, 360)}
    fig = style.figure(title="learned function", **x, y_range=(-4.5, 7), height=380)
    degrees = np.linspace(0, 360, SLICE_ANGLES)
    truth = array(it.data.linear_quadratic(great_circle(6)))
    found = np.full(SLICE_ANGLES, np.nan) if here["slice"] is None else np.array(here["slice"])
    fig.add_scatter(x=degrees, y=truth, **style.theory("target", style.TARGET))
    fig.add_scatter(x=degrees, y=found, **style.measured("network"))
    ticks = [0, 90, 180, 270, 360]
    return fig.update_xaxes(tickvals=ticks, ticktext=[f"{t}°" for t in ticks])


def _words(output_scale: float, width: int) -> str:
    here = run(output_scale, width)
    eigenvalue = f"the rightmost eigenvalue of DA ends at {here['rightmost']:.2f}"
    if here["status"] == "finished":
        kind = "lazy" if here["feature_movement"] < RICH else "rich"
        return (
            f"This run is {kind}: features move by {here['feature_movement']:.3g} of their length; "
            f"{eigenvalue}; error at 200 test points {here['test_error']:.3f}, at infinite width "
            f"{here['infinite_error']:.3f}."
        )
    return f"{_ENDS[here['status']]}; {eigenvalue}."

"""The (κ, m) phase diagram: where training leaves the well-posed region, is rich, or lazy (C18)."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import torch
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial.book.analysis import Estimate, edge_slope
from implicit_tutorial.book.ch09_the_scale_of_the_initialization.phase_network import (
    DRAWS,
    POWERS,
    advance,
    begin,
    seen,
)
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
from implicit_tutorial.explorer import Control, explorer, style
from implicit_tutorial.explorer.computed import Computation, Computed
from implicit_tutorial.explorer.point import Point

_X = (0.078, 3.9)
#: The axis of the output scale, of both maps.
SCALE_AXIS = {"x_title": "output_scale κ", "x_log": True, "x_range": _X, "x_ticks": (0.1, 0.3, 1, 3)}
#: The stops of the handles; the page trains networks of the map between them, too, but no wider ones.
STEPS, SCALES, WIDTHS = (0, 10, 30, 90), (0.1, 0.234, 0.838, 3.0), (24, 64, 128, 256)
#: What a reader is told of a stored run, by its status.
_ENDS = {
    "finished": "eigenvalue {stored_rightmost:.2f}, error {stored_error:.3f} at 200 test points",
    "left the well-posed region": "left the well-posed region at {stored_rightmost:.2f}",
    "no equilibrium found from zero": (
        "trained, eigenvalue {stored_rightmost:.2f}; but from zero the solver finds no equilibrium any more"
    ),
    "no equilibrium found at a test point": (
        "trained, eigenvalue {stored_rightmost:.2f}; but at a test point the solver finds no equilibrium"
    ),
}
#: Larger than any value of a stored run: in the place of one that there is not.
_NONE = 1e3


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
    """Slope of log m in log κ along the lazy border and the line of equal lazy movement, on the map."""
    kappa, border = lazy_border()
    lazy = np.array([lazy_width(k) for k in kappa])
    kept = (kappa <= largest_scale) & (lazy <= max(widths()))
    x, predicted = np.log(kappa[kept]), np.log(lazy[kept])
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


def observe(
    A: Tensor, z: Tensor, z0: Tensor, u: Tensor, e: Tensor, lost: Tensor, v: Tensor, b_circle: Tensor,
    kappa: Tensor, width: Tensor, output_scale: Tensor, scales: Tensor, widths: Tensor, slices: Tensor,
    spectra: Tensor, facts: Tensor,
) -> dict[str, Tensor]:  # fmt: skip
    """The network that is trained here, and the stored run in whose tile of the map it lies."""
    found = seen(A, z, z0, u, e, lost, v, b_circle, kappa)
    values = found.pop("values")
    near = [torch.abs(torch.log(at / here)) for at, here in ((scales, output_scale), (widths, width))]
    tile = ((near[0] == near[0].amin()) & (near[1] == near[1].amin())) * torch.ones_like(kappa)
    tile = tile / tile.sum()  # on the border of two they share

    def of_tile(stored: Tensor) -> Tensor:
        chosen = (tile[:, :, None] * stored).sum((0, 1))
        return torch.where(chosen < _NONE, chosen, 0 * kappa / (0 * kappa))

    there = of_tile(spectra)
    n = there.shape[0] // 2
    rightmost, error, status = of_tile(facts)
    return found | {
        "0/tile/x": (tile.sum(1) * scales[:, 0]).sum()[None],
        "0/tile/y": (tile.sum(0) * widths).sum()[None],
        "1/stored run/x": torch.cat([there[:n], there[:n]]),
        "1/stored run/y": torch.cat([there[n:], -there[n:]]),
        "1/this network/x": values[:, 0],
        "1/this network/y": values[:, 1],
        "2/stored run/y": of_tile(slices),
        "2/this network/y": found.pop("f"),
        "stored_rightmost": rightmost,
        "stored_error": error,
        "stored_status": status,
    }


def _runs() -> dict[str, Tensor]:
    """What the figure shows of the stored runs of seed 0, by output scale and width."""
    m = [w for w in widths() if w <= WIDTHS[-1]]
    most = max(len(e) for e in PHASE.table["eigenvalues"] if e is not None)
    runs = [[run(k, w) for w in m] for k in scales()]

    def padded(values: list | None) -> np.ndarray:
        """Real parts, then imaginary ones."""
        found = np.full((most, 2), 2 * _NONE)
        if values:
            found[: len(values)] = values
        return found.T.flatten()

    def facts(row: pd.Series) -> list[float]:
        numbers = [row["rightmost"], row["test_error"]]
        known = [2 * _NONE if not np.isfinite(v) else v for v in numbers]
        return [*known, list(_ENDS).index(row["status"])]

    nothing = [2 * _NONE] * SLICE_ANGLES
    arrays = {
        "scales": np.array(scales())[:, None],
        "widths": m,
        # To a pixel.
        "spectra": np.round([[padded(r["eigenvalues"]) for r in row] for row in runs], 3),
        "slices": np.round([[r["slice"] or nothing for r in row] for row in runs], 2),
        "facts": [[facts(r) for r in row] for row in runs],
    }
    return {name: torch.as_tensor(np.array(values, dtype=float)) for name, values in arrays.items()}


@cache
def _computation() -> Computation:
    X, y, *_ = sample()
    return Computation(
        begin=begin,
        advance=advance,
        observe=observe,
        clock="steps",
        constants=_runs()
        | {
            "X": X,
            "y": y,
            "circle": great_circle(X.shape[1]),
            "implicit_scale": torch.tensor(IMPLICIT_SCALE, dtype=X.dtype),
        },
        draws=DRAWS,
        line=(
            "This network at κ²t = {time_now:.3g}: mean square error {train_error:.2g}, "
            "{end?on its way|trained|it has left the well-posed region}; features moved by {moved:.2g} of "
            "their length; rightmost eigenvalue {rightmost:.2f}.{found?"
            " At some angle no equilibrium is found from zero.|} Stored run of the framed tile: "
            "{stored_status?" + "|".join(_ENDS.values()) + "}."
        ),
    )


@explorer("phase-diagram")
def phase_diagram() -> Computed:
    """The map with two handles; the eigenvalues of DA and the function of a network trained there."""
    shown, narrow = row_of(128), row_of(64)
    kept = max(len(e) for e in PHASE.table["eigenvalues"] if e is not None)
    error, smallest = shown["test_error"], scales()[0]
    late = error.loc[:0.55]
    lost = cells()["trained"] <= 0.5
    failed = PHASE.table[PHASE.table["status"] != "finished"]
    return Computed(
        lambda: [_map(), _spectrum(), _function()],
        _computation(),
        [
            Control("steps", STEPS, start=STEPS[-1], label="steps of the flow"),
            Control("output_scale", SCALES, start=0.234, label="output_scale $\\kappa$", fmt="g"),
            Control("width", WIDTHS, start=128, label="width $m$"),
        ],
        [Point(x="output_scale", y="width", label="The network on the map")],
        tag=MEAN_FIELD | stored(PHASE, samples=len(sample().y)),
        caption="First panel: all stored runs. Colour: how far the features moved, relative to their length, "
        "the median of a cell's runs; crosses: half of the runs of a cell or more fail. Solid: the features "
        "moved by one half, the border between lazy and rich. Dashed, mean-field: where lazy movement is 1. "
        f"**Click** the map, or **drag** the point, from $m = {WIDTHS[0]}$ to ${WIDTHS[-1]}$: this page "
        "trains a network "
        f"there. The other panels show it: the eigenvalues of $DA$ at the training input that {POWERS} power "
        "steps call nearest to a fold, and its function on a great circle through the target's direction. "
        "Thin: the single run, of seed 0, that is stored for the framed tile, with at most "
        f"{kept} outer eigenvalues and their conjugates. "
        + says(
            "**Move** $\\kappa$ down, at $m = 128$. **Notice** the eigenvalue that walks towards 1, ",
            shown["rightmost"].is_monotonic_decreasing and 0.9 < shown["rightmost"].iloc[0] < 1,
        )
        + says(
            f"while the test error of the stored runs falls from {error[3.0]:.2f} at $\\kappa = 3$ to "
            f"{late.iloc[-1]:.3f} at $\\kappa = {late.index[-1]:g}$ and stays between {late.min():.3f} and "
            f"{late.max():.3f} below. ",
            error.loc[0.5:].is_monotonic_increasing and late.max() < 1.3 * late.min(),
        )
        + says(
            f"At $\\kappa = {smallest:g}$ move $m$ down: the error rises, to "
            f"{narrow['test_error'][smallest]:.3f} at $m = 64$, and below that the stored run fails.",
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
            "Eigenvalues of the network that is trained here and outer ones of a stored run, whose rightmost "
            "is within 0.12 of a vertical line at one where it fails. Both networks' curves over the angle, "
            "beside the target.",
            (failed["rightmost"] - 1).abs().max() < 0.12,
        ),
    )


def _map() -> go.Figure:
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
    ring = style.points("tile", style.SERIES[5], symbol="square-open", size=22, line={"width": 2})
    return fig.add_scatter(**ring, showlegend=False, hoverinfo="skip")


def _edges(centres: pd.Index) -> np.ndarray:
    """Where the tiles of a logarithmic axis begin and end."""
    logs = np.log(centres.to_numpy(dtype=float))
    half = np.diff(logs) / 2
    return np.exp(np.concatenate([[logs[0] - half[0]], logs[:-1] + half, [logs[-1] + half[-1]]]))


def _spectrum() -> go.Figure:
    plane = {"x_range": (-1.15, 1.25), "y_range": (-1.2, 1.2), "equal": True, "legend_rows": 2}
    fig = style.figure(title="eigenvalues of DA", x_title="real part", **plane, height=380)
    angle = np.linspace(0, 2 * np.pi, 60)
    radius = IMPLICIT_SCALE / math.sqrt(2)
    fig.add_scatter(x=radius * np.cos(angle), y=radius * np.sin(angle), **style.theory("at the start"))
    fig.add_scatter(x=[1, 1], y=[-1.2, 1.2], **style.guide("fold", style.FAILURE))
    thin = style.points("stored run", style.SERIES[5], symbol="circle-open", size=7, line={"width": 1})
    fig.add_scatter(**thin)
    fig.add_scatter(**style.points("this network", size=5))
    return fig.update_layout(showlegend=False)


def _function() -> go.Figure:
    x = {"x_title": "angle to the target's direction", "x_range": (0, 360)}
    fig = style.figure(title="learned function", **x, y_range=(-4.5, 7), height=380, legend_rows=2)
    degrees = np.linspace(0, 360, SLICE_ANGLES)
    truth = array(it.data.linear_quadratic(great_circle(6)))
    fig.add_scatter(x=degrees, y=truth, **style.theory("target", style.TARGET))
    fig.add_scatter(x=degrees, **style.measured("stored run", style.SERIES[5], width=1))
    fig.add_scatter(x=degrees, **style.measured("this network"))
    ticks = [0, 90, 180, 270, 360]
    return fig.update_xaxes(tickvals=ticks, ticktext=[f"{t}°" for t in ticks])

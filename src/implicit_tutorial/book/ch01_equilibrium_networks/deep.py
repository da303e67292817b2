"""Ever deeper weight-tied networks: what they lose, what they settle to, and how fast (C3)."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial.explorer import Control, Explorer, Figure, explorer, style

WIDTH = 256


def tied_states(A: Tensor, b: Tensor, depth: int, *, inject: bool = True) -> Tensor:
    """(depth + 1, n, m) states z_k = relu(A z_{k−1} + b), z_0 = 0.

    Without ``inject`` only the first layer sees b.
    """
    states = [torch.zeros_like(b), torch.relu(b)]
    for _ in range(depth - 1):
        states.append(torch.relu(states[-1] @ A.T + (b if inject else 0)))
    return torch.stack(states)


def _matrix_and_injection(
    scale: float, X: Tensor, width: int = WIDTH
) -> tuple[it.EquilibriumNetwork, Tensor, Tensor]:
    net = it.EquilibriumNetwork(X.shape[1], width, implicit_scale=scale, seed=0)
    return net, net.A.detach(), net.injection(X).detach()


# --- what a deep network without injection forgets


@lru_cache
def _norm_and_angle(scale: float, inject: bool) -> tuple[np.ndarray, np.ndarray]:
    """Size of the state of one input, and the angle in degrees between the states of two, layer by layer."""
    X = it.data.circle(torch.tensor([0.3, 0.3 + math.pi / 2], dtype=torch.float64))
    _, A, b = _matrix_and_injection(scale, X)
    z = tied_states(A, b, 60, inject=inject)[1:]
    norm = torch.linalg.vector_norm(z, dim=-1)
    cosine = (z[:, 0] * z[:, 1]).sum(-1) / (norm[:, 0] * norm[:, 1])
    return norm[:, 0].numpy(), torch.rad2deg(torch.arccos(cosine.clamp(-1, 1))).numpy()


@explorer("lost-input")
def lost_input() -> Explorer:
    """Size and angle of the states of two perpendicular inputs, which all layers see or only the first."""
    floor, ceiling = 1e-6, 1e9
    layers = np.arange(1, 61)

    def draw(implicit_scale: float) -> list[go.Figure]:
        size = style.figure(
            title="size of the state", x_title="layer", y_log=True, y_range=(floor, ceiling), height=320
        )
        angle = style.figure(
            title="angle between the states, in °", x_title="layer", y_range=(0, 90), height=320
        )
        for inject, name, line in (
            (False, "input once", style.measured(color=style.FAILURE)),
            (True, "in every layer", style.measured(color=style.HOLDS)),
        ):
            norm, degrees = _norm_and_angle(implicit_scale, inject)
            inside = np.where((norm > floor / 10) & (norm < ceiling * 10), norm, np.nan)
            size.add_scatter(x=layers, y=inside, **line | {"name": name})
            angle.add_scatter(x=layers, y=degrees, **line | {"name": name}, showlegend=False)
        return [size, angle]

    def readout(implicit_scale: float) -> str:
        (norm, degrees), (norm_in, degrees_in) = (_norm_and_angle(implicit_scale, k) for k in (False, True))
        return (
            f"After 60 layers: input once, size {norm[-1]:.1e} and angle {degrees[-1]:.1f}°; "
            f"in every layer, size {norm_in[-1]:.3g} and angle {degrees_in[-1]:.1f}°."
        )

    scales = [round(0.2 * k, 1) for k in range(1, 11)]
    return Explorer(
        draw,
        [Control("implicit_scale", scales, start=1.0, label="implicit_scale $\\sigma_A$", fmt=".1f")],
        caption=(
            "Move `implicit_scale`. If the input enters once (orange), the state vanishes or explodes, and "
            "the angle in the second plot does not move at all: no scale brings the input back. If it enters "
            "in every layer (green), the state settles, until the scale is too large for that as well."
        ),
        alt=(
            "Two plots over sixty layers. First, the size of the state on a logarithmic axis: with the "
            "input at the first layer only it falls or rises by many decades, with the input at every "
            "layer it levels off below a scale of about 1.4. Second, the angle between the states of two "
            "inputs: with the input at the first layer only it shrinks to a few degrees, else it stays large."
        ),
        readout=readout,
    )


# --- the linear case


@explorer("linear-case")
def linear_case() -> Explorer:
    """z ← az + 1 from 0: sums of the geometric series, and their distance |a|^L/|1 − a| to the limit."""
    depth = np.arange(0, 31)

    def states(a: float) -> np.ndarray:
        z = [0.0]
        for _ in depth[1:]:
            z.append(a * z[-1] + 1)
        return np.array(z)

    def draw(a: float) -> list[go.Figure]:
        z, limit = states(a), 1 / (1 - a)
        state = style.figure(title="state after L layers", x_title="depth L", y_range=(-3, 11), height=300)
        state.add_scatter(x=[0, 30], y=[limit, limit], **style.theory("equilibrium b/(1 − a)"))
        state.add_scatter(x=depth, y=np.clip(z, -100, 100), **style.points("z"), showlegend=False)
        gap = style.figure(
            title="distance to the equilibrium",
            x_title="depth L",
            y_log=True,
            y_range=(1e-6, 1e3),
            height=300,
        )
        gap.add_scatter(x=depth, y=abs(a) ** depth / abs(1 - a), **style.theory("|a|<sup>L</sup> b/|1 − a|"))
        distance = np.abs(z - limit)
        gap.add_scatter(x=depth, y=np.where(distance > 1e-9, distance, np.nan), **style.points("measured"))
        return [state, gap]

    def readout(a: float) -> str:
        z = states(a)
        verb = "settles at" if abs(a) < 1 else "swings about" if a == -1 else "moves away from"
        return f"a = {a:g}: the state {verb} {1 / (1 - a):.4g}; after 30 layers it is {z[-1]:.4g}."

    values = [-1.2, -1.0, -0.9, -0.7, -0.5, -0.25, 0.0, 0.25, 0.5, 0.7, 0.8, 0.9]
    return Explorer(
        draw,
        [Control("a", values, start=0.7, label="weight $a$", fmt="g")],
        caption=(
            "Move the weight $a$. The distance to the equilibrium falls on a straight line of slope "
            "$\\log|a|$. At $a=-1$ it stays, and at $a=-1.2$ the layers run away from an equilibrium that "
            "is still there."
        ),
        alt=(
            "First, the state after L layers as dots that approach the dashed equilibrium. Second, their "
            "distance on a logarithmic axis: dots on a dashed straight line."
        ),
        readout=readout,
    )


# --- an infinitely deep network


@explorer("unrolled-and-loop")
def unrolled_and_loop() -> Figure:
    """A weight-tied network drawn layer by layer, and the same network as one layer with a loop."""
    fig = style.blank(height=210)
    fig.update_xaxes(range=[-0.2, 11.4])
    fig.update_yaxes(range=[-1.75, 1.75], scaleanchor=None)

    def box(x: float, text: str, color: str) -> None:
        fig.add_shape(
            type="rect", x0=x - 0.42, x1=x + 0.42, y0=-0.42, y1=0.42, line={"color": color, "width": 2}
        )
        fig.add_annotation(x=x, y=0, text=text, showarrow=False, font={"size": 13, "color": color})

    def arrow(start: tuple[float, float], end: tuple[float, float], color: str = style.GUIDE) -> None:
        fig.add_annotation(
            x=end[0], y=end[1], ax=start[0], ay=start[1], xref="x", yref="y", axref="x", ayref="y", text="",
            showarrow=True, arrowhead=2, arrowwidth=1.6, arrowcolor=color,
        )  # fmt: skip

    def label(x: float, y: float, text: str, color: str = style.GUIDE, size: int = 13) -> None:
        fig.add_annotation(x=x, y=y, text=text, showarrow=False, font={"size": size, "color": color})

    layers = [(0.5, "z<sub>1</sub>"), (2.3, "z<sub>2</sub>"), (4.1, "z<sub>3</sub>")]
    for k, (x, text) in enumerate(layers):
        box(x, text, style.SERIES[0])
        arrow((x, -1.15), (x, -0.46), style.SERIES[4])
        label(x, -1.45, "x", style.SERIES[4])
        if k:
            arrow((layers[k - 1][0] + 0.44, 0), (x - 0.46, 0), style.SERIES[0])
            label(x - 0.9, 0.3, "A", style.SERIES[0])
    arrow((4.54, 0), (5.4, 0), style.SERIES[0])
    label(4.98, 0.3, "A", style.SERIES[0])
    label(5.75, 0, "⋯", style.SERIES[0], 18)
    label(7.35, 0, "=", style.GUIDE, 26)
    box(9.2, "z", style.SERIES[0])
    arrow((9.2, -1.15), (9.2, -0.46), style.SERIES[4])
    label(9.2, -1.45, "x", style.SERIES[4])
    fig.add_shape(
        type="path", path="M 9.62 0.15 C 10.8 0.4 10.4 1.45 9.2 1.3",
        line={"color": style.SERIES[0], "width": 1.8},
    )  # fmt: skip
    fig.add_shape(
        type="path",
        path="M 9.2 1.3 C 8.1 1.2 8.05 0.75 8.45 0.35",
        line={"color": style.SERIES[0], "width": 1.8},
    )
    arrow((8.45, 0.35), (8.76, 0.15), style.SERIES[0])
    label(9.2, 1.58, "A", style.SERIES[0])
    arrow((9.64, -0.15), (10.65, -0.15), style.SERIES[2])
    label(10.95, -0.15, "f", style.SERIES[2])
    return Figure(
        fig,
        caption=(
            "Infinitely many layers with the same weights $A$, each of which sees the input $x$, are one "
            "layer whose output is its own input."
        ),
        alt=(
            "Left of an equals sign, boxes z1, z2, z3 and so on, linked by arrows labelled A, with an "
            "arrow from the input x into each. Right of it, a single box z with an arrow from x, a loop "
            "labelled A from z to itself, and an arrow to the output f."
        ),
    )


@explorer("infinitely-deep")
def infinitely_deep() -> Explorer:
    """The activations of 24 of the units, layer after layer, and at the equilibrium where there is one."""
    depth, units = 30, 24

    @lru_cache
    def states(scale: float) -> tuple[np.ndarray, np.ndarray | None]:
        X = it.data.circle(torch.tensor([0.3], dtype=torch.float64))
        net, A, b = _matrix_and_injection(scale, X)
        solution = net.equilibrium(X, throw=False)
        order = torch.argsort(b[0, :units])  # by the injection, which does not depend on the scale
        z = tied_states(A, b, depth)[1:, 0, order].T.numpy()
        return z, solution.z[0, order].detach().numpy() if bool(solution.converged) else None

    def draw(implicit_scale: float) -> go.Figure:
        z, limit = states(implicit_scale)
        last = np.full((units, 1), np.nan) if limit is None else limit[:, None]
        fig = style.figure(x_title="layer", y_title="unit", height=360)
        picture = np.hstack([z, np.full((units, 1), np.nan), last])
        fig.add_heatmap(
            x=np.arange(1, depth + 3), y=np.arange(1, units + 1), z=np.clip(picture, 0, 3), zmin=0, zmax=3,
            xgap=1, ygap=1, hovertemplate="layer %{x}, unit %{y}: %{z:.3f}<extra></extra>",
            colorbar={"title": {"text": "z"}, "outlinewidth": 0, "thickness": 12,
                      "tickvals": [0, 1.5, 3], "ticktext": ["0", "1.5", "≥ 3"]},
        )  # fmt: skip
        fig.update_xaxes(tickvals=[1, 10, 20, 30, 32], ticktext=["1", "10", "20", "30", "∞"], tickangle=0)
        fig.update_yaxes(showticklabels=False)
        return fig

    def readout(implicit_scale: float) -> str:
        z, limit = states(implicit_scale)
        if limit is None:
            return f"implicit_scale {implicit_scale:.1f}: nothing settles, so the last column is empty."
        changed = np.abs(np.diff(z, axis=1)).max(axis=0) > 0.05
        first = int(np.flatnonzero(changed).max()) + 2 if changed.any() else 1
        text = f"from layer {first} on" if first < depth else "not yet within 30 layers"
        return f"implicit_scale {implicit_scale:.1f}: no unit moves by more than 0.05 {text}."

    scales = [round(0.2 * k, 1) for k in range(1, 9)]
    return Explorer(
        draw,
        [Control("implicit_scale", scales, start=1.0, label="implicit_scale $\\sigma_A$", fmt=".1f")],
        caption=(
            "One input travels through the layers from left to right; each row is a unit. Move "
            "`implicit_scale`. The columns stop changing, soon or late, and agree with the last one, the "
            "equilibrium. At 1.4 and above nothing settles and the last column is empty."
        ),
        alt=(
            "Heat map of the activations of twenty-four units over thirty layers, with a separate last "
            "column for the equilibrium. After a few layers every row keeps one colour."
        ),
        readout=readout,
    )


# --- truncated depth

DEPTHS = [1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60]
N_ANGLES = 73


class Truncation(NamedTuple):
    """What layers 0 … 60 of a network know of its equilibrium, for inputs all around the circle."""

    error: np.ndarray
    """(61,) ‖z_L − z*‖/‖z*‖, all inputs together."""
    norm: float
    """‖A‖₂"""
    outputs: np.ndarray
    """(61, n) output of the network cut off after L layers."""
    limit: np.ndarray
    """(n,) output at the equilibrium."""


@lru_cache
def truncation(scale: float) -> Truncation:
    """Measure C3 on one network of width 256."""
    angles = torch.linspace(0, 2 * math.pi, N_ANGLES, dtype=torch.float64)
    X = it.data.circle(angles)
    net, A, b = _matrix_and_injection(scale, X)
    with torch.no_grad():
        z_star = net.equilibrium(X, solver=it.Picard(rtol=1e-13, max_steps=2000)).z
        z = tied_states(A, b, DEPTHS[-1])
        error = torch.linalg.matrix_norm(z - z_star) / torch.linalg.matrix_norm(z_star)
        norm = float(torch.linalg.matrix_norm(A, 2))
        return Truncation(error.numpy(), norm, net.output(z).numpy(), net.output(z_star).numpy())


@explorer("truncated-depth")
def truncated_depth() -> Explorer:
    """Distance to the equilibrium against depth, with the lines of C3, and the cut-off network's function."""
    layers = np.arange(DEPTHS[-1] + 1)
    degrees = np.linspace(0, 360, N_ANGLES)

    def draw(depth: int, implicit_scale: float) -> list[go.Figure]:
        t = truncation(implicit_scale)
        gap = style.figure(
            title="relative distance to the equilibrium", x_title="depth L", y_log=True, y_range=(1e-10, 3),
            height=350,
        )  # fmt: skip
        certified = t.norm**layers if t.norm < 1 else np.full(len(layers), np.nan)
        gap.add_scatter(x=layers, y=certified, **style.guide("certified", color=style.SERIES[3]))
        gap.add_scatter(
            x=layers,
            y=(implicit_scale / math.sqrt(2)) ** layers,
            **style.theory("theory"),
        )
        gap.add_scatter(x=layers, y=np.where(t.error > 1e-12, t.error, np.nan), **style.measured("measured"))
        gap.add_scatter(x=[depth], y=[max(t.error[depth], 1e-10)], **style.points(size=11), showlegend=False)
        gap.update_layout(  # three names are too wide for one line above the plot
            legend={"orientation": "v", "x": 1, "xanchor": "right", "y": 1, "yanchor": "top"}
        )
        function = style.figure(
            title="output, all around the circle", x_title="angle of the input, in °", x_range=(0, 360),
            y_range=(-2.6, 2.6), height=350,
        )  # fmt: skip
        function.update_xaxes(tickvals=[0, 90, 180, 270, 360])
        function.add_scatter(x=degrees, y=t.limit, **style.theory("equilibrium"))
        function.add_scatter(x=degrees, y=t.outputs[depth], **style.measured("L layers"))
        return [gap, function]

    def readout(depth: int, implicit_scale: float) -> str:
        t = truncation(implicit_scale)
        predicted = (implicit_scale / math.sqrt(2)) ** depth
        bound = f"certified below {t.norm**depth:.1e}" if t.norm < 1 else "no certificate, as ‖A‖₂ ≥ 1"
        return (
            f"Depth {depth}, implicit_scale {implicit_scale:.1f}: relative distance {t.error[depth]:.1e}; "
            f"typical rate predicts {predicted:.1e}; {bound}."
        )

    scales = [round(0.1 * k, 1) for k in range(1, 13)]
    return Explorer(
        draw,
        [
            Control("depth", DEPTHS, start=6, label="depth $L$"),
            Control("implicit_scale", scales, start=0.8, label="implicit_scale $\\sigma_A$", fmt=".1f"),
        ],
        caption=(
            "Move `depth`: the function of the cut-off network (second plot) slides onto that of the "
            "equilibrium. Move `implicit_scale`: the line in the first plot keeps to the dashed prediction, "
            "and the dotted certificate is safe, pessimistic, and gone from one half on."
        ),
        alt=(
            "First, the relative distance to the equilibrium falls along a straight line on a logarithmic "
            "axis, close to the dashed prediction and below the dotted certificate. Second, the output for "
            "inputs around the circle: the curve of the network with L layers against the dashed curve of "
            "the equilibrium."
        ),
        readout=readout,
    )

"""One input on its way through ever more layers, beside the equilibrium."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import plotly.graph_objects as go
import torch

import implicit_tutorial as it
from implicit_tutorial.book.ch01_equilibrium_networks.setting import WIDTH, network, tied_states
from implicit_tutorial.book.evidence import measured
from implicit_tutorial.explorer import Control, Explorer, explorer, style


@explorer("infinitely-deep")
def infinitely_deep() -> Explorer:
    """The activations of 24 of the units, layer after layer, and at the equilibrium where there is one."""
    depth, units = 30, 24

    @lru_cache
    def states(scale: float) -> tuple[np.ndarray, np.ndarray | None]:
        X = it.data.circle(torch.tensor([0.3], dtype=torch.float64))
        net, A, b = network(scale, X)
        solution = net.equilibrium(X, throw=False)
        order = torch.argsort(b[0, :units])  # by the injection, which does not depend on the scale
        z = tied_states(A, b, depth)[1:, 0, order].T.numpy()
        return z, solution.z[0, order].detach().numpy() if bool(solution.converged) else None

    def draw(implicit_scale: float) -> go.Figure:
        z, limit = states(implicit_scale)
        last = np.full((units, 1), np.nan) if limit is None else limit[:, None]
        fig = style.figure(x_title="layer", y_title="unit", height=360)
        picture = np.hstack([z, np.full((units, 1), np.nan), last])
        x, y = np.arange(1, depth + 3), np.arange(1, units + 1)
        hover = "layer %{x}, unit %{y}: %{z:.3f}<extra></extra>"
        bar = {"title": {"text": "z"}, "tickvals": [0, 1.5, 3], "ticktext": ["0", "1.5", "≥ 3"]}
        look = {"zmin": 0, "zmax": 3, "xgap": 1, "ygap": 1, "hovertemplate": hover, "colorbar": bar}
        fig.add_heatmap(x=x, y=y, z=np.clip(picture, 0, 3), **look)
        fig.update_xaxes(tickvals=[1, 10, 20, 30, 32], ticktext=["1", "10", "20", "30", "∞"], tickangle=0)
        fig.update_yaxes(showticklabels=False)
        return fig

    def readout(implicit_scale: float) -> str:
        z, limit = states(implicit_scale)
        if limit is None:
            return (
                f"implicit_scale {implicit_scale:.1f}: the state does not settle; the last column is empty."
            )
        changed = np.abs(np.diff(z, axis=1)).max(axis=0) > 0.05
        first = int(np.flatnonzero(changed).max()) + 2 if changed.any() else 1
        text = f"from layer {first} on" if first < depth else "not yet within 30 layers"
        units = f"none of the {len(z)} units shown"
        return f"implicit_scale {implicit_scale:.1f}: {units} moves by more than 0.05 {text}."

    scales = [round(0.2 * k, 1) for k in range(1, 9)]
    return Explorer(
        draw,
        [Control("implicit_scale", scales, start=1.0, label="implicit_scale $\\sigma_A$", fmt=".1f")],
        tag=measured(width=WIDTH, seeds=1, samples=1),
        caption=(
            "One input travels through the layers from left to right; each row is a unit. Move "
            "`implicit_scale`. The columns stop changing, soon or late, and agree with the last one, the "
            "equilibrium. At 1.4 and above the state does not settle, and the last column is empty."
        ),
        alt=(
            "Heat map of the activations of twenty-four units over thirty layers, with a separate last "
            "column for the equilibrium. After some layers every row keeps one colour."
        ),
        readout=readout,
    )

"""A plotly figure with plotly's own slider: what JupyterLab shows of a stored notebook before it is run."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np

from implicit_tutorial.explorer.control import Control
from implicit_tutorial.explorer.frames import Frames
from implicit_tutorial.explorer.style import TEMPLATE
from implicit_tutorial.explorer.tree import MISSING, Tree, put


def native_figure(controls: Sequence[Control], frames: Frames) -> dict[str, Any]:
    """The first panel as plotly JSON, the first control as its slider and the others at their start."""
    start = [c.start_index for c in controls]
    mine = [v for v in frames.varying if v.path[0] == 0]
    figure = _json(frames.panels[0])
    for v in mine:
        put(figure, v.path[1:], _json(v.at(start, frames.shape)))
    figure["layout"]["template"] = TEMPLATE
    moving = [v for v in mine if 0 in v.on]
    if not moving:
        return figure

    traces = sorted({v.path[2] for v in moving if v.path[1] == "data"})
    figure["frames"], steps = [], []
    for i, text in enumerate(controls[0].texts):
        data: dict[int, dict] = {t: {} for t in traces}
        layout: dict[str, Any] = {}
        for v in moving:
            value = v.at([i, *start[1:]], frames.shape)
            # A plotly frame can only set, so an attribute that it lacks is set to null.
            target, path = (data[v.path[2]], v.path[3:]) if v.path[1] == "data" else (layout, v.path[2:])
            put(target, path, None if value is MISSING else _json(value))
        figure["frames"].append(
            {"name": text, "data": list(data.values()), "traces": traces, "layout": layout}
        )
        jump = {"mode": "immediate", "frame": {"duration": 0, "redraw": True}, "transition": {"duration": 0}}
        steps.append({"label": text, "method": "animate", "args": [[text], jump]})
    slider = {
        "active": start[0],
        "currentvalue": {"prefix": f"{controls[0].label}: "},
        "pad": {"t": 40},
        "steps": steps,
    }
    figure["layout"]["sliders"] = [slider]
    figure["layout"]["height"] = figure["layout"].get("height", 340) + 90
    return figure


def _json(node: Tree) -> Any:
    """A tree in plotly's JSON, arrays as base64 float32."""
    if isinstance(node, np.ndarray):
        flat = np.ascontiguousarray(node, dtype="<f4")
        spec = {"dtype": "f4", "bdata": base64.b64encode(flat.tobytes()).decode("ascii")}
        return spec if node.ndim == 1 else spec | {"shape": ", ".join(map(str, node.shape))}
    if isinstance(node, dict):
        return {k: _json(v) for k, v in node.items()}
    return [_json(v) for v in node] if isinstance(node, list) else node

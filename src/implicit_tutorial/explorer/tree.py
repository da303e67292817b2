"""Figures as plain trees of dictionaries whose leaves are arrays or JSON values.

Everything that compares or stores figures works on these trees; plotly's own containers stay at the edge.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from plotly.utils import PlotlyJSONEncoder

Tree = Any
Panel = dict[str, Any]


class _Missing:
    """An attribute that this frame does not set."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()

# What the page decides, not the figure: size follows the column, colours follow the theme.
_PAGE_OWNED = ("template", "width", "autosize")


def panels_of(drawn: Any) -> list[Panel]:
    """What `draw` returned as a list of panels `{"data": [trace, …], "layout": {…}}` of plain trees."""
    figures = list(drawn) if isinstance(drawn, (list, tuple)) else [drawn]
    if not figures or not all(hasattr(f, "to_dict") for f in figures):
        raise TypeError(f"draw must return a plotly Figure or a list of them, not {drawn!r}.")
    return [_panel(figure.to_dict()) for figure in figures]


def _panel(figure: dict[str, Any]) -> Panel:
    layout = {k: v for k, v in figure["layout"].items() if k not in _PAGE_OWNED}
    data = [{k: v for k, v in trace.items() if k != "uid"} for trace in figure["data"]]
    return {"data": [_plain(trace, True) for trace in data], "layout": _plain(layout, False)}


def _plain(node: Any, arrays: bool) -> Tree:
    """`node` with numeric arrays as numpy arrays (layout: lists), and non-finite scalars as None."""
    if isinstance(node, dict):
        if "bdata" in node:
            return _plain(typed_array(node), arrays)
        return {str(k): _plain(v, arrays) for k, v in node.items()}
    if isinstance(node, np.ndarray):
        if node.dtype.kind in "iuf" and arrays:
            return node
        return _plain(node.tolist(), arrays)
    if isinstance(node, (list, tuple)):
        numbers = _numbers(node) if arrays else None
        return [_plain(v, arrays) for v in node] if numbers is None else numbers
    if isinstance(node, np.generic):
        node = node.item()
    if isinstance(node, float) and not math.isfinite(node):
        return None
    if isinstance(node, str):
        if node.count("$") > 1:
            raise ValueError(
                f"The figure's text {node!r} contains $…$, which plotly cannot draw offline; "
                "write Unicode (σ, ‖z‖) or <sub>, <sup> and <i> instead."
            )
        return node
    if node is None or isinstance(node, (bool, int, float)):
        return node
    return json.loads(json.dumps(node, cls=PlotlyJSONEncoder))


def _numbers(values: list | tuple) -> np.ndarray | None:
    """A list of numbers (None is a gap), or of such lists of one length, as an array; None for all else."""
    flat = list(_leaves(values))
    real = [v for v in flat if v is not None]
    if not real or any(
        isinstance(v, (bool, str)) or not isinstance(v, (int, float, np.number)) for v in real
    ):
        return None
    try:
        array = np.array(values, dtype=object)
        return np.where(array == None, np.nan, array).astype(float)  # noqa: E711 (elementwise)
    except ValueError:  # ragged
        return None


def _leaves(node: Any) -> Iterator[Any]:
    if isinstance(node, (list, tuple, np.ndarray)):
        for child in node:
            yield from _leaves(child)
    else:
        yield node


def typed_array(spec: dict[str, Any]) -> np.ndarray:
    """The array behind plotly's `{"dtype", "bdata", "shape"}`."""
    flat = np.frombuffer(base64.b64decode(spec["bdata"]), dtype=np.dtype(spec["dtype"]).newbyteorder("<"))
    shape = spec.get("shape", flat.size)
    return flat.reshape([int(n) for n in str(shape).split(",")])


def fingerprint(node: Tree) -> Any:
    """A hashable value that two trees share exactly when they are equal."""
    if isinstance(node, np.ndarray):
        array = np.asarray(node, dtype=float)
        return "array", array.shape, array.tobytes()
    if isinstance(node, dict):
        return "dict", tuple((k, fingerprint(node[k])) for k in sorted(node))
    if isinstance(node, list):
        return "list", tuple(fingerprint(v) for v in node)
    return (type(node).__name__, node) if node is not MISSING else "missing"


def differing(nodes: list[Tree], path: tuple = ()) -> Iterator[tuple[tuple, list[Tree]]]:
    """The smallest attributes that are not the same in all `nodes`: a path and the value in each node.

    Dictionaries are compared key by key; lists (of shapes, annotations) as a whole, but for the traces.
    """
    if all(isinstance(n, dict) for n in nodes):
        for key in sorted({k for n in nodes for k in n}):
            yield from differing([n.get(key, MISSING) for n in nodes], (*path, key))
    elif path == ("data",):
        for t in range(len(nodes[0])):
            yield from differing([n[t] for n in nodes], (*path, t))
    else:
        first = fingerprint(nodes[0])
        if any(fingerprint(n) != first for n in nodes[1:]):
            yield path, nodes


def without(node: Tree, paths: set[tuple], path: tuple = ()) -> Tree:
    """A copy of `node` that lacks the attributes at `paths`."""
    if isinstance(node, dict):
        return {k: without(v, paths, (*path, k)) for k, v in node.items() if (*path, k) not in paths}
    if path == ("data",):
        return [without(v, paths, (*path, t)) for t, v in enumerate(node)]
    return node


def put(root: Tree, path: tuple, value: Tree) -> None:
    """Set (or with MISSING leave out) the attribute at `path` of `root`, making dictionaries on the way."""
    for key in path[:-1]:
        root = root[key] if isinstance(root, list) else root.setdefault(key, {})
    if value is not MISSING:
        root[path[-1]] = value

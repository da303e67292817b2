"""The stored form of an explorer: a JSON document with its arrays deflated, and its inverse `decode`.

Arrays are kept as float32, each distinct one once. An array that float32 cannot hold (beyond its range, or
integers beyond 2^24) is kept as float64, so that a curve down to 1e-60 is not silently cut off at 1e-38.
"""

from __future__ import annotations

import base64
import copy
import itertools
import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from implicit_tutorial.equilibrium.checks import checked
from implicit_tutorial.explorer.control import Control
from implicit_tutorial.explorer.frames import Frames, Varying
from implicit_tutorial.explorer.tree import MISSING, Panel, Tree, put

KINDS = ("f4", "f8")


class Pool:
    """Distinct arrays in the order of their first use; a tree refers to them as {"f4": number}.

    Arguments:
        exact: keep every array as float64.
    """

    def __init__(self, exact: bool = False) -> None:
        self.exact = exact
        self.arrays: dict[str, list[np.ndarray]] = {kind: [] for kind in KINDS}
        self._known: dict[Any, dict[str, int]] = {}

    def refer(self, array: np.ndarray) -> dict[str, int]:
        kind = "f4" if not self.exact and _fits_float32(array) else "f8"
        stored = np.ascontiguousarray(array, dtype="<" + kind)
        key = kind, stored.shape, stored.tobytes()
        if key not in self._known:
            self._known[key] = {kind: len(self.arrays[kind])}
            self.arrays[kind].append(stored)
        return self._known[key]

    def tree(self, node: Tree) -> Any:
        if isinstance(node, np.ndarray):
            return self.refer(node)
        if isinstance(node, dict):
            return {k: self.tree(v) for k, v in node.items()}
        if isinstance(node, list):
            return [self.tree(v) for v in node]
        return node

    def document(self) -> dict[str, Any]:
        return {
            kind: {"shapes": _shapes(arrays), "bytes": _pack(arrays)}
            for kind, arrays in self.arrays.items()
            if arrays
        }

    def raw(self, kind: str) -> dict[str, Any]:
        """The arrays of one kind with their bytes as they are, for a reader on the same machine or wire."""
        arrays = self.arrays[kind]
        return {"shapes": _shapes(arrays), "bytes": b"".join(a.tobytes() for a in arrays)}


def _shapes(arrays: list[np.ndarray]) -> list[int | list[int]]:
    return [list(a.shape) if a.ndim != 1 else a.size for a in arrays]


def _fits_float32(array: np.ndarray) -> bool:
    wide = np.asarray(array, dtype=np.float64)
    with np.errstate(over="ignore", under="ignore"):
        narrow = wide.astype(np.float32).astype(np.float64)
    if np.asarray(array).dtype.kind in "iu":
        return bool((narrow == array).all())
    return bool(np.allclose(narrow, wide, rtol=1e-6, atol=0, equal_nan=True))


def _pack(arrays: list[np.ndarray]) -> str:
    """Base64 of the deflated bytes, all lowest bytes first, then the next …, which deflates better."""
    flat = np.concatenate([a.ravel() for a in arrays])
    planes = flat.view(np.uint8).reshape(flat.size, flat.itemsize).T
    return base64.b64encode(zlib.compress(np.ascontiguousarray(planes).tobytes(), 9)).decode("ascii")


def _unpack(kind: str, entry: dict[str, Any]) -> list[np.ndarray]:
    raw = np.frombuffer(zlib.decompress(base64.b64decode(entry["bytes"])), dtype=np.uint8)
    width = int(kind[1])
    flat = np.ascontiguousarray(raw.reshape(width, -1).T).view("<" + kind).ravel()
    shapes = [(s,) if isinstance(s, int) else tuple(s) for s in entry["shapes"]]
    ends = np.cumsum([int(np.prod(s)) for s in shapes])
    return [part.reshape(s) for part, s in zip(np.split(flat, ends[:-1]), shapes, strict=True)]


def encode(
    name: str,
    controls: Sequence[Control],
    frames: Frames,
    template: dict[str, Any],
    computed: dict[str, Any] | None = None,
) -> str:
    """The JSON document of an explorer, safe inside an HTML script element; `computed`: see computed.py."""
    pool = Pool()
    document = {
        "version": 1,
        "name": name,
        "controls": handles(controls),
        "panels": [pool.tree(panel) for panel in frames.panels],
        "varying": [_varying_document(v, pool) for v in frames.varying],
        "readout": None if frames.readout is None else _varying_document(frames.readout, pool),
        "template": template,
    }
    document["arrays"] = pool.document()
    if computed is not None:
        document["computed"] = computed
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def handles(controls: Sequence[Control]) -> list[dict[str, Any]]:
    """What the script must know of the controls."""
    return [
        {
            "name": c.name,
            "values": list(c.values),
            "texts": c.texts,
            "start": c.start_index,
            "whole": all(isinstance(v, int) for v in c.values),
        }
        for c in controls
    ]


def _varying_document(varying: Varying, pool: Pool) -> dict[str, Any]:
    """Index −1 says that the frame does not set the attribute; no index says 0, 1, 2, …"""
    kept = [i for i, v in enumerate(varying.values) if v is not MISSING]
    number = {old: new for new, old in enumerate(kept)}
    index = [number.get(i, -1) for i in varying.index]
    document = {
        "at": list(varying.path),
        "on": list(varying.on),
        "values": [pool.tree(varying.values[i]) for i in kept],
    }
    return document if index == list(range(len(index))) else document | {"index": index}


@dataclass(frozen=True)
class Frame:
    """One frame read back: panels `{"data": […], "layout": {…}}` with numpy arrays, and the line of text."""

    panels: list[Panel]
    readout: str | None


def document_of(html: str, name: str | None = None) -> dict[str, Any]:
    """The JSON document of the explorer called `name` in a page, or of the only one."""
    found = re.findall(r'<script type="application/json" class="it-spec">(.*?)</script>', html, re.S)
    documents = {d["name"]: d for d in map(json.loads, found)}
    if name is None and len(documents) == 1:
        return next(iter(documents.values()))
    if name not in documents:
        raise ValueError(
            f"No explorer {name!r} in this html, which holds {sorted(documents) or 'none'}; "
            "pass the name of one of them."
        )
    return documents[name]


@checked
def decode(html: str, name: str | None = None) -> dict[tuple, Frame]:
    """Every stored frame of an explorer, keyed by its controls' values in their order (without any: `()`).

    Arguments:
        html: the explorer's own HTML, or a page that contains it.
        name: which explorer, where the page holds several.

    Raises:
        ValueError: if there is no explorer of that name, or none or several and no name is given.
    """
    document = document_of(html, name)
    arrays = {kind: _unpack(kind, entry) for kind, entry in document["arrays"].items()}

    def revive(node: Any) -> Tree:
        if isinstance(node, dict):
            if len(node) == 1 and (kind := next(iter(node))) in KINDS:
                return arrays[kind][node[kind]]
            return {k: revive(v) for k, v in node.items()}
        return [revive(v) for v in node] if isinstance(node, list) else node

    def varying(entry: dict[str, Any]) -> Varying:
        values = [*revive(entry["values"]), MISSING]  # so that index −1 is MISSING
        index = entry.get("index", range(len(values) - 1))
        return Varying(tuple(entry["at"]), tuple(entry["on"]), tuple(index), values)

    controls = document["controls"]
    shape = tuple(len(c["values"]) for c in controls)
    constant = [revive(panel) for panel in document["panels"]]
    changes = [varying(entry) for entry in document["varying"]]
    readout = document["readout"] and varying(document["readout"])
    frames = {}
    for position in itertools.product(*map(range, shape)):
        panels = [_share_arrays(panel) for panel in constant]
        for change in changes:
            put(panels, change.path, change.at(position, shape))
        key = tuple(c["values"][i] for c, i in zip(controls, position, strict=True))
        frames[key] = Frame(panels, readout.at(position, shape) if readout else None)
    return frames


def _share_arrays(node: Tree) -> Tree:
    """A copy of the containers of a tree that shares its arrays."""
    if isinstance(node, dict):
        return {k: _share_arrays(v) for k, v in node.items()}
    if isinstance(node, list):
        return [_share_arrays(v) for v in node]
    return node if isinstance(node, np.ndarray) else copy.copy(node)

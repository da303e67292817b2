"""Every frame of an explorer, stored once: what is constant, and what varies with which controls."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from implicit_tutorial.explorer.control import Control
from implicit_tutorial.explorer.tree import Panel, Tree, differing, fingerprint, panels_of, put, without


@dataclass(frozen=True)
class Varying:
    """One attribute that is not the same in all frames.

    `values[index[p]]` is its value where the controls `on` stand at position p of their own grid
    (row-major), so an attribute that follows one control of two is stored once a value of that control.
    """

    path: tuple
    on: tuple[int, ...]
    index: tuple[int, ...]
    values: list[Tree]

    @classmethod
    def of(cls, path: tuple, nodes: list[Tree], shape: tuple[int, ...]) -> Varying:
        ids: dict[Any, int] = {}
        values: list[Tree] = []
        index = np.empty(len(nodes), dtype=int)
        for i, node in enumerate(nodes):
            key = fingerprint(node)
            if key not in ids:
                ids[key] = len(values)
                values.append(node)
            index[i] = ids[key]
        grid = index.reshape(shape)
        on = tuple(k for k in range(grid.ndim) if (grid != grid.take([0], axis=k)).any())
        reduced = grid[tuple(slice(None) if k in on else 0 for k in range(grid.ndim))]
        return cls(path, on, tuple(int(i) for i in reduced.ravel()), values)

    def at(self, position: Sequence[int], shape: Sequence[int]) -> Tree:
        """The value where the controls stand at `position` of a grid of `shape`."""
        flat = 0
        for k in self.on:
            flat = flat * shape[k] + position[k]
        return self.values[self.index[flat]]


@dataclass(frozen=True)
class Frames:
    """All frames of `draw` over the grid of its controls: constant panels, varying attributes, readouts."""

    shape: tuple[int, ...]
    panels: list[Panel]
    varying: list[Varying]  # paths begin with the panel's number
    readout: Varying | None

    @classmethod
    def compute(
        cls, draw: Callable[..., Any], controls: Sequence[Control], readout: Callable[..., str] | None
    ) -> Frames:
        """Call `draw` (and `readout`) for every combination of values.

        Raises:
            ValueError: if the number of panels or of traces or a trace's type changes; it names the values.
        """
        drawn: list[list[Panel]] = []
        lines: list[str] = []
        for values in combinations(controls):
            try:
                panels = panels_of(draw(**values))
                if readout is not None:
                    lines.append(str(readout(**values)))
            except Exception as error:
                error.add_note(f"This happened while drawing the frame {values or '(no controls)'}.")
                raise
            if drawn:
                check_same_build(panels, drawn[0], values)
            drawn.append(panels)

        shape = tuple(len(c.values) for c in controls)
        constant: list[Panel] = []
        varying: list[Varying] = []
        for p in range(len(drawn[0])):
            found = list(differing([panels[p] for panels in drawn]))
            varying += [Varying.of((p, *path), nodes, shape) for path, nodes in found]
            constant.append(without(drawn[0][p], {path for path, _ in found}))
        return cls(shape, constant, varying, Varying.of((), lines, shape) if lines else None)

    def at(self, position: Sequence[int]) -> list[Panel]:
        """The panels where the controls stand at `position`."""
        panels = [without(panel, set()) for panel in self.panels]
        for varying in self.varying:
            put(panels, varying.path, varying.at(position, self.shape))
        return panels


def combinations(controls: Sequence[Control]) -> list[dict[str, Any]]:
    """The arguments of every frame, the last control running fastest."""
    return [
        dict(zip((c.name for c in controls), values, strict=True))
        for values in itertools.product(*(c.values for c in controls))
    ]


def check_same_build(panels: list[Panel], first: list[Panel], values: dict[str, Any]) -> None:
    """Refuse a frame that has other panels or traces than the first one."""
    if len(panels) != len(first):
        raise ValueError(
            f"draw returned {len(panels)} panels at {values} but {len(first)} in its first frame."
        )
    for p, (panel, ref) in enumerate(zip(panels, first, strict=True)):
        kinds, expected = ([t.get("type", "scatter") for t in q["data"]] for q in (panel, ref))
        if kinds != expected:
            raise ValueError(
                f"Panel {p} has {len(kinds)} traces {kinds} at {values} "
                f"but {len(expected)} {expected} in the first frame. "
                "Draw the same traces in every frame; hide one with visible=False or give it empty arrays."
            )

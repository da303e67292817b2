"""An explorer whose page computes: its figure is a pure torch function of the handles, exported to it."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from time import monotonic
from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor
from torch._higher_order_ops.while_loop import while_loop

from implicit_tutorial.explorer.control import Control
from implicit_tutorial.explorer.core import Explorer
from implicit_tutorial.explorer.page import figure_html, mathjax
from implicit_tutorial.explorer.point import Point
from implicit_tutorial.explorer.program import export_program, exporting
from implicit_tutorial.explorer.reading import number, written

Pure = Callable[..., dict[str, Tensor]]
State = tuple[Tensor, ...]


@dataclass(frozen=True, kw_only=True)
class Computation:
    """What a figure shows, as functions of tensors without checks, which the page runs too.

    The functions take by name: controls (numbers of no dimension), ``constants``, ``draws``, and what the
    functions before them gave. Where a value lies in the figure is its name, as ``"0/network/y"``: panel,
    trace, attribute; ``network.y`` of the first figure.
    """

    observe: Pure
    """From the state to what is shown. What bears the name of a state replaces it.

    A number ``end`` that is not zero says that further steps would change nothing.
    """
    begin: Pure | None = None
    """The state at time zero."""
    advance: Pure | None = None
    """One step; its results replace the states of the same names. ``step`` is how much time one takes."""
    clock: str = ""
    """The control that is the time, for functions that advance."""
    constants: Mapping[str, Tensor] = field(default_factory=dict)
    draws: Mapping[str, tuple[str | int, ...]] = field(default_factory=dict)
    """Standard normal arrays by their sizes: numbers, or names of controls."""
    vectors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Arrays whose entries are handles: the names of these."""
    choices: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """For attributes that are no numbers: what 0, 1, 2, … stand for."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """For attributes that are written numbers: their format, as in ``line``."""
    line: str = ""
    """The line of text, see :mod:`implicit_tutorial.explorer.reading`."""
    _reached: dict[tuple, tuple[int, dict[str, Tensor]]] = field(default_factory=dict, init=False, repr=False)
    """For each setting the last state and how many steps led there, so that time goes on from there."""
    _shown: dict[frozenset, dict[str, Tensor]] = field(default_factory=dict, init=False, repr=False)

    def parts(self) -> dict[str, Pure]:
        """Its functions by name, in the order in which they run."""
        each = {"begin": self.begin, "advance": self.advance, "observe": self.observe}
        return {name: function for name, function in each.items() if function}

    def run(self, values: Mapping[str, Any]) -> dict[str, Tensor]:
        """All results with the handles at ``values``, in float64."""
        return self.run_for(math.inf, values)[0]

    def run_for(self, seconds: float, values: Mapping[str, Any]) -> tuple[dict[str, Tensor], bool]:
        """Results of the steps that so many seconds allow, one at least, and whether they are final."""
        settings = tuple((name, v) for name, v in values.items() if name != self.clock)
        missing = 0
        taken, state = self._reached.get(settings, (0, None))
        if state is None or (self.advance and steps(values[self.clock], float(state["step"])) < taken):
            taken, state = 0, self.inputs(values)
            if self.begin:
                state |= call(self.begin, state)
        if self.advance:
            missing, end = steps(values[self.clock], float(state["step"])) - taken, monotonic() + seconds
            while missing:
                state |= call(self.advance, state)
                taken, missing = taken + 1, missing - 1
                if monotonic() > end:
                    break
            self._reached.pop(settings, None)  # the last one comes last
            self._reached[settings] = taken, state
        seen = call(self.observe, state)
        return state | numbers(values) | seen, not missing or bool(seen.get("end", 0))

    def forget(self, kept: int) -> None:
        """Keep the last so many settings' states, where someone moves handles as long as they like."""
        for settings in list(self._reached)[:-kept]:
            del self._reached[settings]

    def shown(self, values: Mapping[str, Any]) -> dict[str, Tensor]:
        """Of :meth:`run` what a figure shows: what has a place in it, and numbers for its line; kept."""
        key = frozenset(values.items())
        if key not in self._shown:
            if len(self._shown) == _KEPT:
                self._shown.clear()
            found = self.run(values)
            self._shown[key] = {name: t for name, t in found.items() if "/" in name or not t.ndim}
        return self._shown[key]

    def inputs(self, values: Mapping[str, Any]) -> dict[str, Tensor]:
        """What there is before the first function runs."""
        drawn = {
            name: torch.from_numpy(normals(k, *(int(values[n]) if isinstance(n, str) else n for n in shape)))
            for k, (name, shape) in enumerate(self.draws.items())
        }
        given = numbers(values)
        made = {
            name: torch.stack([given[entry] for entry in entries]) for name, entries in self.vectors.items()
        }
        return given | dict(self.constants) | drawn | made

    def document(
        self, controls: Sequence[Control], figures: Sequence[go.Figure], points: Mapping[str, float]
    ) -> dict[str, Any]:
        """All that the page needs, as JSON; ``points``: the coordinates of those that are dragged."""
        # Sizes that a trace must be able to tell apart, from one another and from constants.
        free = sorted({n for shape in self.draws.values() for n in shape if isinstance(n, str)})
        values = (
            dict(points) | {c.name: c.start for c in controls} | {n: 11 + 2 * k for k, n in enumerate(free)}
        )
        state = self.inputs(values)
        sizes: dict[str, list[str | None]] = {
            name: [n if isinstance(n, str) else None for n in shape] for name, shape in self.draws.items()
        }
        programs = {}
        for part, function in self.parts().items():
            names = takes(function)
            example = {name: state[name] for name in names}
            programs[part] = export_program(function, example, {n: sizes[n] for n in names if n in sizes})
            found = call(function, state)
            sizes |= {name: _sizes(t, values, free) for name, t in found.items()}
            state |= found
        slots = {name: _slot(name, figures) for name in state if "/" in name}
        return {
            "programs": programs,
            "constants": {name: [list(t.shape), t.flatten().tolist()] for name, t in self.constants.items()},
            "draws": {name: list(shape) for name, shape in self.draws.items()},
            "vectors": {name: list(entries) for name, entries in self.vectors.items()},
            "slots": slots,
            "choices": {name: list(kinds) for name, kinds in self.choices.items()},
            "texts": dict(self.texts),
            "clock": self.clock,
            "line": self.line,
        }


#: So many frames' results are kept at the most, those of figure and line, caption and stored frames alike.
_KEPT = 1000
#: Where a kernel draws, a long way is shown in parts, so many seconds each; and so many settings are kept.
_PATIENCE, _SETTINGS = 0.06, 20
#: What the line adds while that is so, here and in computed.js.
_ON_THE_WAY = " Still on the way there."
#: About so many stops has a slider in JupyterLab, where each is drawn by a kernel.
_FINE = 60
#: Of more than so many sliders of points, none is seen before the reader asks.
_OPEN = 8


def numbers(values: Mapping[str, Any]) -> dict[str, Tensor]:
    """What is no word among the values of the handles, as tensors."""
    return {
        k: torch.tensor(float(v), dtype=torch.float64) for k, v in values.items() if not isinstance(v, str)
    }


@lru_cache(maxsize=256)  # a step of a small network costs less than to ask what it takes
def takes(function: Pure) -> tuple[str, ...]:
    """The names of what a function takes."""
    return tuple(inspect.signature(function).parameters)


def repeated(times: int, once: Callable[[Tensor], Tensor], start: Tensor) -> Tensor:
    """(times + 1, …) what comes of applying a function again and again."""
    number = torch.arange(times + 1, dtype=start.dtype).reshape(-1, *[1] * start.ndim)

    def step(k: Tensor, z: Tensor, path: Tensor) -> State:
        new = once(z)
        return k + 1, new, torch.where(number == k + 1, new, path)

    zero = torch.zeros((), dtype=torch.int64)
    state = (zero, start.clone(), start[None] + torch.zeros_like(number))
    return loop(lambda k, z, path: k < times, step, state)[2]


def settled(
    once: Callable[[Tensor], Tensor], start: Tensor, *, close: Tensor | float, most: Tensor | int
) -> tuple[Tensor, Tensor]:
    """Where applying a function leads, and whether it settled: at last it moved by ``close`` of itself."""

    def step(z: Tensor, moved: Tensor, taken: Tensor) -> State:
        new = once(z)
        return new, torch.linalg.vector_norm(new - z) / torch.linalg.vector_norm(new), taken + 1

    state = (start, torch.ones((), dtype=start.dtype), torch.zeros((), dtype=torch.int64))
    z, moved, _ = loop(lambda z, moved, taken: (moved > close) & (taken < most), step, state)
    return z, moved <= close  # what is not a number has not settled


def loop(go_on: Callable[..., Tensor], step: Callable[..., State], state: State) -> State:
    """Take steps while ``go_on`` says so: a loop of the page's where it is exported, else one of Python's."""
    if exporting():
        return while_loop(go_on, step, state)
    while bool(go_on(*state)):
        state = step(*state)
    return state


def call(function: Pure, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A function's results on the part of a state that it takes."""
    return function(**{name: state[name] for name in takes(function)})


def steps(time: float, step: float) -> int:
    """How many steps reach a time; a step that would do so but for rounding is the last one."""
    return max(0, math.ceil(time / step - 1e-9))


def normals(stream: int, *shape: int) -> np.ndarray:
    """Standard normal numbers, the same here and in the page (Box and Muller on hashed counters).

    The hash is the mixer of MurmurHash3 on a Weyl sequence; it serves pictures, not cryptography.
    """
    counter = np.arange(2 * math.prod(shape), dtype=np.uint32) * np.uint32(0x9E3779B9)
    h = counter + np.uint32((stream + 1) * 0x85EBCA6B & 0xFFFFFFFF)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        h = (h ^ (h >> np.uint32(shift))) * np.uint32(factor)
    h ^= h >> np.uint32(16)
    u = (h.astype(np.float64) + 0.5) / 2.0**32
    return (np.sqrt(-2 * np.log(u[::2])) * np.cos(2 * np.pi * u[1::2])).reshape(shape)


def _sizes(tensor: Tensor, values: Mapping[str, Any], free: Sequence[str]) -> list[str | None]:
    by_number = {values[name]: name for name in free}
    return [by_number.get(n) for n in tensor.shape]


def _slot(name: str, figures: Sequence[go.Figure]) -> list[str | int]:
    """Where ``"panel/trace/attribute.of.it"`` lies among the panels' plain trees."""
    panel, rest = name.split("/", 1)
    trace, attribute = rest.rsplit("/", 1)  # the name of a trace may have strokes
    names = [t.name for t in figures[int(panel)].data]
    if names.count(trace) != 1:
        raise ValueError(f"{name!r} names no trace, or several, of panel {panel}; there are {names}.")
    return [int(panel), "data", names.index(trace), *attribute.split(".")]


class Computed(Explorer):
    """An explorer whose frames are computed by the page; stored ones are its first picture and its oracle.

    Arguments:
        figures: makes the panels, without what is computed.
        computation: the functions, and what they need.
        controls: numbers move continuously in the page; the stops are those of the stored frames.
        points: what the reader drags in the page.
        name, caption, alt, tag: as for `Explorer`.
    """

    def __init__(
        self,
        figures: Callable[[], Sequence[go.Figure]],
        computation: Computation,
        controls: Sequence[Control],
        points: Sequence[Point] = (),
        **about: Any,
    ) -> None:
        self.computation = computation
        self.points = tuple(p.among(controls) for p in points)
        own = {c.name for c in controls}
        self._starts = {
            name: v for p in points for name, v in zip(p.at, p.start, strict=False) if name not in own
        }
        self._figures = list(figures())

        def draw(**values: Any) -> list[go.Figure]:
            return self._drawn(computation.shown(self._starts | values))

        def readout(**values: Any) -> str:
            return written(computation.line, computation.shown(self._starts | values))

        super().__init__(draw, controls, readout=readout if computation.line else None, **about)

    def widget(self) -> Any:
        """The live widget, which shows what it has by now where the time asked for is far away."""
        last: tuple[dict[str, Tensor], bool] = ({}, True)

        def draw(**values: Any) -> list[go.Figure]:
            nonlocal last
            last = self.computation.run_for(_PATIENCE, self._starts | values)
            self.computation.forget(_SETTINGS)
            return self._drawn(last[0])

        def readout(**_values: Any) -> str:
            return written(self.computation.line, last[0]) + ("" if last[1] else _ON_THE_WAY)

        about = {"unfinished": lambda: not last[1], "folded": self._folded, "clock": self.computation.clock}
        return self._live(draw, readout if self.readout else None, **about)

    @property
    def _folded(self) -> tuple[str, list[str]]:
        """The sliders of points where these are too many to be seen at once, and the word for them."""
        hidden = [c.name for c in self.handles if c.name in self._starts]
        if len(hidden) <= _OPEN:
            return "", []
        kinds = {p.label.split()[0] for p in self.points}  # as in "Sample 3"
        return f"{kinds.pop() if len(kinds) == 1 else 'Point'}s", hidden

    def _drawn(self, found: Mapping[str, Tensor]) -> list[go.Figure]:
        """The figures with what was found in its places."""
        for name, tensor in found.items():
            if "/" in name:
                self._place(name, tensor)
        return self._figures

    def _place(self, name: str, tensor: Tensor) -> None:
        panel, _, trace, *attribute = _slot(name, self._figures)
        found: Any = tensor.numpy()
        if name in self.computation.choices:
            kinds = self.computation.choices[name]
            found = [kinds[int(k)] for k in tensor.flatten().tolist()] if tensor.ndim else kinds[int(tensor)]
        if name in self.computation.texts:
            found = [number(v, self.computation.texts[name]) for v in tensor.flatten().tolist()]
        self._figures[panel].data[trace].update({"_".join(attribute): found})

    @property
    def handles(self) -> tuple[Control, ...]:
        """What moves the live widget: the controls, more finely, and sliders for what a page drags."""
        more = (c for p in self.points for c in p.controls(self._figures[p.panel]))
        return (*(c.finer(_FINE) for c in self.controls), *(c for c in more if c.name in self._starts))

    def document(self) -> dict[str, Any]:
        """The programs and what they need."""
        document = self.computation.document(self.controls, self._figures, self._starts)
        return document | {"points": [p.document for p in self.points]}

    def html(self, math: Callable[[str], str] = mathjax) -> str:
        """The page fragment, with the programs."""
        more = {"heading": self.heading, "math": math, "computed": self.document()}
        return figure_html(self.name, self.controls, self.frames, self.caption, self.alt, **more)

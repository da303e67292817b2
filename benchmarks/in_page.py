"""A training step that the page takes, beside the same step in numpy."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.setting import Setting, chromium
from implicit_tutorial.explorer import STATIC
from implicit_tutorial.explorer.computed import normals
from implicit_tutorial.explorer.program import export_program
from implicit_tutorial.training.arithmetic import descended, output_between, swept, swept_back

_SCALE, _RATE = 0.5, 0.3

#: Load a program with its state; later, take so many steps and say how many milliseconds one took.
_LOAD = """([document, inputs]) => {
  window.program = new implicitProgram.Program(document).call(inputs);
}"""
_TIME = """(count) => {
  const start = performance.now();
  for (let k = 0; k < count; k++) window.program.carry(["A", "z", "u", "e"]).run();
  return (performance.now() - start) / count;
}"""
_STATE = "Array.from(window.program.get('A'))"


def step(A: Tensor, z: Tensor, u: Tensor, e: Tensor, b: Tensor, v: Tensor, y: Tensor) -> dict[str, Tensor]:
    """One single-sweep step of A, by the functions that the trainer and the pages use."""
    A = descended(A, u * (e * (_RATE / A.shape[1] ** 1.5)), z, 1)
    new = swept(A, b, z, 1)
    e = output_between(z, new - z, u, v) / v.shape[1] ** 0.5 - y
    return {"A": A, "z": new, "u": swept_back(A, v.mT.expand(new.shape), u, new, 1), "e": e}


def in_numpy(
    A: np.ndarray, z: np.ndarray, u: np.ndarray, e: np.ndarray, b: np.ndarray, v: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, ...]:
    """The same, (n, m) arrays without the leading dimension."""
    A = A - (u * (e * (_RATE / len(A) ** 1.5))).T @ z
    new = np.maximum(z @ A.T + b, 0)
    e = (z @ v + (u * (new - z)) @ np.ones_like(v)) / len(v) ** 0.5 - y
    return A, new, (u @ A + v.T) * (new > 0), e


def start(n: int, m: int) -> dict[str, Tensor]:
    """A network and its first states, with a leading dimension of one."""
    shapes = (m, m), (n, m), (m, 1), (n, 1)
    A, b, v, y = (torch.from_numpy(normals(k, 1, *shape)) for k, shape in enumerate(shapes))
    zero = torch.zeros_like(b)
    return {"A": A * (_SCALE / m**0.5), "z": zero, "u": zero, "e": -y, "b": b, "v": v, "y": y}


def in_page(
    setting: Setting, widths: Sequence[int] = (128, 256, 512), *, n_samples: int = 32, rounds: int = 7
) -> Iterator[Mapping[str, Any]]:
    """Seconds of a step in Chromium and in numpy, in turn, in float64, as pages compute.

    ``accuracy`` is how far A is from torch's after ten steps, relative to its largest entry.
    """
    if setting.device != "cpu":
        return
    scripts = ((STATIC / name).read_text("utf-8") for name in ("product.js", "program.js"))
    with chromium() as browser:
        page = browser.new_page()
        page.set_content("".join(f"<script>{script}</script>" for script in scripts))
        for width in widths:
            state = start(n_samples, width)
            document = export_program(step, state)
            written = {k: {"shape": list(t.shape), "data": t.flatten().tolist()} for k, t in state.items()}
            page.evaluate(_LOAD, [document, written])
            page.evaluate(_TIME, 9)
            found = torch.tensor(page.evaluate(_STATE), dtype=torch.float64)
            for _ in range(10):
                state |= step(**state)
            error = float((found - state["A"].flatten()).abs().max() / state["A"].abs().max())
            arrays = [t[0].numpy() for t in state.values()]
            count = max(5, 2048**2 // width**2)
            times: dict[str, list[float]] = {"page": [], "numpy": []}
            for _ in range(rounds):
                times["page"].append(page.evaluate(_TIME, count) / 1e3)
                times["numpy"].append(setting.seconds(partial(_take, arrays, count)) / count)
            seconds, peer = (statistics.median(times[name]) for name in ("page", "numpy"))
            yield {
                "width": width,
                "seconds": seconds,
                "peer_seconds": peer,
                "value": seconds / peer,
                "accuracy": error,
            }


def _take(arrays: list[np.ndarray], count: int) -> None:
    moved, fixed = arrays[:4], arrays[4:]
    for _ in range(count):
        moved = in_numpy(*moved, *fixed)

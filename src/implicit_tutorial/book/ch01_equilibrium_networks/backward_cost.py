"""What a gradient costs: through an unrolled network, and through the equilibrium alone (C1)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial.book.ch01_equilibrium_networks.studies import (
    BACKWARD_COST,
    DEPTHS,
    N_INPUTS,
    N_SAMPLES,
    SCALE,
    SEED,
)
from implicit_tutorial.book.evidence import stored
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style


def kept_for_backward(run: Callable[[], Tensor]) -> int:
    """Bytes that autograd keeps between ``run()`` and its backward pass; a tensor kept twice counts once."""
    kept: dict[int, Tensor] = {}

    def pack(tensor: Tensor) -> Tensor:
        # Holding the storage keeps its address from being used again, so the address identifies it.
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = run()
        total = sum(storage.nbytes() for storage in kept.values())
    del output
    return total


@lru_cache
def _bytes(width: int) -> tuple[np.ndarray, int]:
    """Megabytes kept by the unrolled network at each stored depth, and by the equilibrium."""
    X = it.data.sphere(N_SAMPLES, N_INPUTS, seed=SEED)
    net = it.EquilibriumNetwork(N_INPUTS, width, implicit_scale=SCALE, seed=SEED)
    explicit = [kept_for_backward(lambda L=L: it.unrolled(net.A, net.injection(X), L)) for L in DEPTHS]
    return np.array(explicit) / 1e6, kept_for_backward(lambda: net.equilibrium(X).z) / 1e6


def stored_times(width: int) -> tuple[np.ndarray, float]:
    """Milliseconds of a gradient at each stored depth, and through the equilibrium."""
    implicit, *explicit = (1e3 * BACKWARD_COST.at(width=width, depth=L)["seconds"] for L in (None, *DEPTHS))
    return np.array(explicit), implicit


def break_even(width: int) -> float:
    """Depth at which the unrolled network takes as long as the equilibrium, by the stored times."""
    times, implicit = stored_times(width)
    return float(np.exp(np.interp(np.log(implicit), np.log(times), np.log(DEPTHS))))


def _shapes_stay(widths: list[int]) -> str:
    """From the third depth on memory and time grow like the depth, at each width."""
    powers = [
        np.diff(np.log(cost[2:])) / np.diff(np.log(DEPTHS[2:]))
        for width in widths
        for cost in (_bytes(width)[0], stored_times(width)[0])
    ]
    return says(
        "both lines move, and from fifty layers on the shapes stay much the same.",
        DEPTHS[2] == 50 and np.abs(np.array(powers) - 1).max() < 0.15,
    )


@explorer("backward-cost")
def backward_cost() -> Explorer:
    """Memory (measured here) and time (stored) of one gradient against the depth of the unrolled network."""
    axes = {"x_title": "depth of the unrolled network", "x_log": True, "x_range": (8, 1250), "y_log": True}

    def draw(width: int) -> list[go.Figure]:
        memory, constant = _bytes(width)
        times, implicit = stored_times(width)
        panels = []
        for title, explicit, flat, limits in (
            ("kept for the backward pass, in MB", memory, constant, (0.03, 100)),
            ("processor time, in ms", times, implicit, (0.3, 3000)),
        ):
            fig = style.figure(title=title, y_range=limits, height=330, **axes)
            fig.add_scatter(x=DEPTHS, y=explicit, **style.marked("unrolled", style.SERIES[1]))
            fig.add_scatter(x=[8, 1250], y=[flat, flat], **style.measured("equilibrium", style.SERIES[2]))
            panels.append(fig)
        return panels

    def readout(width: int) -> str:
        memory, constant = _bytes(width)
        times, implicit = stored_times(width)
        return (
            f"Width {width}, {DEPTHS[-1]} layers: {memory[-1]:.3g} MB and {times[-1]:.3g} ms unrolled; "
            f"{constant:.2g} MB and {implicit:.2g} ms through the equilibrium."
        )

    widths = sorted(set(BACKWARD_COST.table["width"]))
    return Explorer(
        draw,
        [Control("width", widths, start=widths[-1], label="width $m$")],
        tag=stored(BACKWARD_COST, samples=N_SAMPLES),
        caption=(
            "Memory and time of one gradient. The unrolled network pays for every layer, in both; of the "
            "equilibrium one state is kept, whatever the number of sweeps that found it. Move `width`: "
            f"{_shapes_stay(widths)}"
        ),
        alt=(
            "Two plots against depth from ten to one thousand, both axes logarithmic. The unrolled "
            "network's memory and time rise with depth, in the end in proportion to it; the equilibrium's "
            "are horizontal."
        ),
        readout=readout,
    )

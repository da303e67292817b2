"""Time of one gradient, through an unrolled network and through the equilibrium (C1).

``python -m implicit_tutorial.results.backward_cost`` writes the JSON file beside this module.
"""

from __future__ import annotations

from typing import Any

import torch

import implicit_tutorial as it
from implicit_tutorial import results
from implicit_tutorial.results.timing import best_times, origin

WIDTHS = (64, 128, 256)
DEPTHS = (10, 20, 50, 100, 200, 500, 1000)
N_SAMPLES, N_INPUTS, SCALE, SEED = 32, 3, 0.8, 0


def measure() -> dict[str, Any]:
    """Processor seconds for forward and backward pass, by width and depth, on one thread."""
    torch.set_num_threads(1)
    rows, runs = [], []
    X = it.data.sphere(N_SAMPLES, N_INPUTS, seed=SEED)
    for width in WIDTHS:
        net = it.EquilibriumNetwork(N_INPUTS, width, implicit_scale=SCALE, seed=SEED)

        def implicit(net: it.EquilibriumNetwork = net) -> None:
            torch.autograd.grad(net(X).sum(), net.Theta)

        rows.append({"width": width, "depth": None})
        runs.append(implicit)
        for depth in DEPTHS:

            def explicit(net: it.EquilibriumNetwork = net, depth: int = depth) -> None:
                z = it.unrolled(net.A, net.injection(X), depth)
                torch.autograd.grad(net.output(z).sum(), net.Theta)

            rows.append({"width": width, "depth": depth})
            runs.append(explicit)
    times = best_times(runs)
    return origin("backward_cost") | {
        "setting": {"n_samples": N_SAMPLES, "n_inputs": N_INPUTS, "implicit_scale": SCALE, "seed": SEED},
        "rows": [row | {"seconds": seconds} for row, seconds in zip(rows, times, strict=True)],
    }


if __name__ == "__main__":
    results.store("backward_cost", measure())

"""Time of one gradient, through an unrolled network and through the equilibrium (C1).

``python -m implicit_tutorial.results.backward_cost`` writes the JSON file beside this module.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import implicit_tutorial as it

WIDTHS = (64, 128, 256)
DEPTHS = (10, 20, 50, 100, 200, 500, 1000)
N_SAMPLES, N_INPUTS, SCALE, SEED = 32, 3, 0.8, 0


def best_time(run: Callable[[], object], *, repeats: int = 15) -> float:
    """The shortest of several runs, in seconds of processor time: what it takes when nothing disturbs it."""
    run()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)


def measure() -> dict[str, Any]:
    """Processor seconds for forward and backward pass, by width and depth, on one thread."""
    torch.set_num_threads(1)
    rows = []
    X = it.data.sphere(N_SAMPLES, N_INPUTS, seed=SEED)
    for width in WIDTHS:
        net = it.EquilibriumNetwork(N_INPUTS, width, implicit_scale=SCALE, seed=SEED)

        def implicit(net: it.EquilibriumNetwork = net) -> None:
            torch.autograd.grad(net(X).sum(), net.Theta)

        rows.append({"width": width, "depth": None, "seconds": best_time(implicit)})
        for depth in DEPTHS:

            def explicit(net: it.EquilibriumNetwork = net, depth: int = depth) -> None:
                z = it.unrolled(net.A, net.injection(X), depth)
                torch.autograd.grad(net.output(z).sum(), net.Theta)

            rows.append({"width": width, "depth": depth, "seconds": best_time(explicit)})
    return {
        "command": "python -m implicit_tutorial.results.backward_cost",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "machine": {"device": "cpu", "architecture": platform.machine(), "threads": 1},
        "setting": {"n_samples": N_SAMPLES, "n_inputs": N_INPUTS, "implicit_scale": SCALE, "seed": SEED},
        "rows": rows,
    }


if __name__ == "__main__":
    target = Path(__file__).with_suffix(".json")
    target.write_text(json.dumps(measure(), indent=1) + "\n", encoding="utf-8")
    print(f"wrote {target.name}")

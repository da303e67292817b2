"""The certified error along Picard's iteration, beside the true one (C7)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import plotly.graph_objects as go
import torch

import implicit_tutorial as it
from implicit_tutorial.book.drawing import array
from implicit_tutorial.book.evidence import THEOREM, measured
from implicit_tutorial.book.picard import picard_path
from implicit_tutorial.explorer import Control, Explorer, explorer, style
from implicit_tutorial.prose import powers

WIDTH, SEED, SWEEPS, FLOOR = 200, 3, 40, 1e-13
SCALES = [round(0.1 + 0.05 * k, 2) for k in range(14)]
BOUNDS = {
    "spectral_norm": ("by ‖A‖₂ < 1", style.SERIES[2]),
    "monotone": ("by monotonicity", style.SERIES[3]),
}


@dataclass(frozen=True)
class _Run:
    """True errors of Picard's states, and each condition's bound on them; None where the condition fails."""

    error: np.ndarray
    bounds: dict[str, np.ndarray | None]


@cache
def run(implicit_scale: float) -> _Run:
    """Iterate, solve exactly with Newton, and ask each condition of C7 for its bound at every state."""
    net = it.EquilibriumNetwork(n_inputs=3, width=WIDTH, implicit_scale=implicit_scale, seed=SEED)
    x = torch.tensor([[0.0, 0.6, 0.8]], dtype=torch.float64)
    A, b = net.A.detach(), net.injection(x).detach()
    states = picard_path(A, b[0], torch.zeros(WIDTH, dtype=torch.float64), SWEEPS)
    exact = it.solve(A, b, solver=it.Newton(rtol=1e-13)).z
    error = torch.linalg.vector_norm(states - exact, dim=1)
    bounds = {}
    for name in BOUNDS:
        bound = it.certify(A, conditions=[name]).error_bound(A, b.expand_as(states), states)
        bounds[name] = None if bound is None else np.maximum(array(bound), FLOOR)
    return _Run(np.maximum(array(error), FLOOR), bounds)


@explorer("certified-error")
def certified_error() -> Explorer:
    """True error and certified bounds along Picard's iteration at several σ_A (C7)."""
    return Explorer(
        _figure,
        [Control("implicit_scale", SCALES, start=0.4, label="implicit_scale $\\sigma_A$", fmt=".2f")],
        tag=THEOREM | measured(width=WIDTH, seeds=1, samples=1),
        caption=(
            "The true error $\\lVert z_k - z^*\\rVert$ of Picard's states (solid), and what can be "
            "*proved* of it from the residual alone (dashed). **Move** $\\sigma_A$ across $1/2$ and then "
            "across $1/\\sqrt2$. **Notice** that a bound rises as its condition wears thin, then vanishes; "
            "the iteration itself does not care."
        ),
        alt=(
            "Errors on a logarithmic axis against the sweep of Picard's iteration: the true error as a "
            "straight falling line, and above it up to two parallel dashed lines, the bounds certified by "
            "the norm and by monotonicity."
        ),
        readout=_readout,
    )


def _figure(implicit_scale: float) -> go.Figure:
    here = run(implicit_scale)
    figure = style.figure(
        x_title="sweep k",
        y_title="‖z<sub>k</sub> − z*‖",
        x_range=(0, SWEEPS),
        y_range=(1e-9, 1e4),
        y_log=True,
        height=400,
    )
    k = np.arange(SWEEPS + 1)
    figure.add_scatter(x=k, y=here.error, **style.measured("true error"))
    for name, (label, color) in BOUNDS.items():
        bound = here.bounds[name]
        x, y = ([], []) if bound is None else (k, bound)
        figure.add_scatter(x=x, y=y, **style.theory(label, color))
    return figure


def _readout(implicit_scale: float) -> str:
    here, k = run(implicit_scale), 10
    valid = {
        BOUNDS[name][0]: bound[k] / here.error[k] for name, bound in here.bounds.items() if bound is not None
    }
    if not valid:
        return f"After {k} sweeps the error is {powers(here.error[k])}, and no condition of C7 bounds it."
    factors = " and ".join(f"{ratio:.3g} times that {label}" for label, ratio in valid.items())
    return f"After {k} sweeps the error is {powers(here.error[k])}; certified: {factors}."

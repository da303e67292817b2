"""Three solvers on the energy landscape of two symmetric units (C8)."""

from __future__ import annotations

import plotly.graph_objects as go
import torch
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial.book.ch03_keeping_it_well_posed.paths import (
    LINE,
    START,
    TOP,
    Setting,
    add_paths,
    drawn,
    ends,
    paths,
    plane,
)
from implicit_tutorial.book.drawing import array
from implicit_tutorial.book.evidence import measured
from implicit_tutorial.book.says import says
from implicit_tutorial.constraints.monotone import quadratic
from implicit_tutorial.equilibrium.problem import Problem
from implicit_tutorial.explorer import Control, explorer, style
from implicit_tutorial.explorer.computed import Computation, Computed
from implicit_tutorial.prose import signed

SELF = -0.5
COUPLINGS = tuple(round(-1.2 + 0.2 * k, 1) for k in range(13))
NODES = torch.linspace(0, TOP, 49, dtype=torch.float64)


def coupled(coupling: Tensor) -> Setting:
    """A symmetric A with λ_max(A) = −½ + |c|, an injection, and the best steps.

    For the eigenvalues μ < L of I − A a step of length α leaves max(|1 − αμ|, |1 − αL|), least at
    2/(μ + L); a reflection max(|1 − αμ|/(1 + αμ), |1 − αL|/(1 + αL)), least at 1/√(μL).
    """
    own = 0 * coupling + SELF
    A = torch.stack([torch.stack([own, coupling]), torch.stack([coupling, own])])
    mu, L = 1 - own - coupling.abs(), 1 - own + coupling.abs()
    problem = Problem(A, torch.stack([own + 2, own + 1.4])[None])
    return Setting(problem, 2 / (mu + L), 1 / torch.sqrt(mu * L))


@explorer("energy-landscape")
def energy_landscape() -> Computed:
    """Xie's energy over the states of two symmetric units, with the paths of three solvers (C8)."""
    return Computed(
        _figures,
        Computation(observe=observe, constants={"nodes": NODES}, line=LINE),
        [Control("coupling", COUPLINGS, start=0.6, label="coupling $c$", fmt=signed(1))],
        [START],
        tag=measured(width=2, seeds=None, samples=None),
        caption=(
            "Two units that act on themselves with weight $-1/2$ and on each other with weight $c$. Colour: "
            "how far the energy $\\tfrac12 z^\\top(I - A)z - b^\\top z$ is above its minimum over "
            "$z \\ge 0$, the equilibrium (diamond); dark is low. Lines: three solvers from the same start. "
            f"**Drag** the start, and **move** $c$. **Notice** that {_what_picard_does()} while the other "
            f"two find its lowest point{_where_it_leaves()}."
        ),
        alt=(
            "The plane of two states with a valley of an energy. A diamond marks its minimum, the "
            "equilibrium; at the largest coupling it lies outside. Three paths lead from one start: "
            "forward–backward and Peaceman–Rachford end there for every coupling, Picard's does not when "
            "the coupling is strong: it jumps back and forth, or runs away."
        ),
    )


def _problems() -> list[Problem]:
    """Those of all stops."""
    return [coupled(torch.tensor(c, dtype=torch.float64)).problem for c in COUPLINGS]


def _what_picard_does() -> str:
    """From the first start Picard settles exactly while ‖A‖₂ < 1; then it jumps, and is lost in the end."""
    picard, start = it.Picard(max_steps=300), torch.tensor([START.start], dtype=torch.float64)
    ends = {
        c: it.solve(A, b, solver=picard, z0=start, throw=False)
        for c, (A, b, _) in zip(COUPLINGS, _problems(), strict=True)
    }
    settles = {c for c, end in ends.items() if end.converged}
    lost = {c for c, end in ends.items() if end.z.max() > 10 * TOP}
    return (
        says(
            "from where it stands at first, Picard no longer settles once ",
            settles == {c for c in COUPLINGS if 0.5 + abs(c) < 1},
        )
        + "$\\lVert A\\rVert_2 = 1/2 + \\lvert c\\rvert$ has passed one: it jumps across the valley, "
        + says(f"and from $c = {min(lost):g}$ on it leaves it for ever,", lost == set(COUPLINGS[-2:]))
    )


def _where_it_leaves() -> str:
    """At the largest coupling the equilibrium lies beyond the corner of the picture, at no other."""
    far = [float(it.solve(A, b, solver=it.Newton()).z.max()) > TOP for A, b, _ in _problems()]
    return says(
        f", which at $c = {COUPLINGS[-1]:g}$ lies beyond the corner", far == [False] * (len(far) - 1) + [True]
    )


def observe(coupling: Tensor, s1: Tensor, s2: Tensor, nodes: Tensor) -> dict[str, Tensor]:
    """The landscape, the paths on it from the start, and how they end."""
    setting, start = coupled(coupling), torch.stack([s1, s2])
    (A, b, _), n = setting.problem, len(nodes)
    said, lowest = ends(setting, start)
    z = torch.stack([nodes.expand(n, n), nodes[:, None].expand(n, n)], dim=2).reshape(n * n, 2)
    height = quadratic(A, b, z) - quadratic(A, b, lowest[None])
    return (
        drawn(paths(setting, start))
        | said
        | {
            # The root makes the bottom of the valley, where the solvers end, as visible as its walls.
            "0/energy/z": torch.sqrt(torch.relu(height)).reshape(n, n),
            "0/equilibrium/x": lowest[:1],
            "0/equilibrium/y": lowest[1:],
            "norm": 0.5 + coupling.abs(),
        }
    )


def _figures() -> list[go.Figure]:
    """The panel without what is computed."""
    look = {"colorscale": style.SEQUENTIAL, "opacity": 0.75, "zsmooth": "best", "hoverinfo": "skip"}
    bar = {"title": {"text": "√(E − E*)"}}
    grid = {"x": array(NODES), "y": array(NODES)}
    figure = plane().add_heatmap(**grid, zmin=0, zmax=4, name="energy", colorbar=bar, **look)
    return [add_paths(figure)]

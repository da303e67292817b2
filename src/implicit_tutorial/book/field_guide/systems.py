"""The registry: what each method is called in the library, what it promises, and how it is run."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

import implicit_tutorial as it
from implicit_tutorial.book.descent import LIMIT, RTOL, Find, softmax

LAYERS, DURATION, PENALTY = 6, 20.0, 100.0


class Section(NamedTuple):
    """A section of a chapter that shows the method at work."""

    chapter: str
    """Stem of the notebook."""
    title: str

    @property
    def address(self) -> str:
        """Of the section, as seen from a page in ``book/``."""
        anchor = re.sub("[^a-z0-9]+", "-", self.title.lower()).strip("-")
        return f"../notebooks/{self.chapter}.html#{anchor}"


class Found(NamedTuple):
    """States that no solver vouches for."""

    z: Tensor
    converged: Tensor
    """(n,) True: there is nothing that could fail."""


#: Sweeps of the forward pass, given A, b and what was found.
Forward = Callable[[Tensor, Tensor, Any], int]
#: Sweeps of the backward pass, given A, b, what was found, and g (m,), the derivative of the output by z.
Backward = Callable[[Tensor, Tensor, Any, Tensor], int]


def _slowest(A: Tensor, b: Tensor, found: it.Solution) -> int:
    return int(found.steps.max())


@dataclass(frozen=True)
class System:
    """One method of the field."""

    idea: str
    guarantees: str
    costs: str
    objects: tuple[str, ...]
    """Names in ``implicit_tutorial``, the method's own first."""
    section: Section
    find: Find
    backward: Backward
    forward: Forward = _slowest
    exact: Find = field(default=lambda A, b, _: it.solve(A, b, solver=it.Newton(rtol=1e-12)))
    """The states whose gradient is the one to compare with."""
    constraint: Callable[[it.EquilibriumNetwork], torch.nn.Module] | None = None
    penalty: float = 0.0


def _solver(kind: Callable) -> Any:
    return kind(rtol=RTOL, max_steps=LIMIT)


def _solve(kind: Callable, **options: Any) -> Find:
    return lambda A, b, _: it.solve(A, b, solver=_solver(kind), throw=False, **options)


def _adjoint(kind: Callable) -> Backward:
    return lambda A, b, found, g: int(it.adjoint(A, found.z, g, solver=_solver(kind)).steps.max())


def _warm(A: Tensor, b: Tensor, before: it.Solution | None) -> it.Solution:
    start = None if before is None else before.z.detach()
    return it.solve(A, b, z0=start, solver=_solver(it.Broyden), throw=False)


def _layers(A: Tensor, b: Tensor, _: object) -> Found:
    return Found(it.unrolled(A, b, LAYERS), torch.ones(len(b), dtype=torch.bool))


def _flow(A: Tensor, b: Tensor, _: object) -> Found:
    times = torch.tensor([0.0, DURATION], dtype=b.dtype)
    z = it.continuous_depth(A, b, torch.zeros_like(b), times, rtol=1e-3, atol=1e-5)[-1]
    return Found(z, torch.ones(len(b), dtype=torch.bool))


def _evaluations(A: Tensor, b: Tensor, _: object) -> int:
    """Of the flow's velocity: each is one product with A, 2m² operations a sample."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        _flow(A, b, None)
    return counter.get_total_flops() // (2 * len(b) * len(A) ** 2)


def _linear(solver: Callable[[], Any]) -> Find:
    return lambda A, b, _: it.linear_equilibrium(A, b, solver=solver(), throw=False)


def _linear_adjoint(A: Tensor, b: Tensor, found: Any, g: Tensor) -> int:
    # Without relu every unit passes its adjoint on, whatever the sign of its state.
    return int(it.adjoint(A, torch.ones_like(found.z), g, solver=_solver(it.Picard)).steps.max())


_CH1, _CH3 = "01_equilibrium_networks", "03_keeping_it_well_posed"
_CH4 = "04_solving_and_differentiating"

#: Every method by the names of its authors, in the order of the years.
SYSTEMS: dict[str, System] = {
    "Chen et al. 2018, Rubanova et al. 2019": System(
        idea="Depth is time: the state flows, and a differential equation's solver chooses the steps.",
        guarantees="A state at any finite time, whatever A; a rest point only if the flow settles.",
        costs="Many products with A, and as many again backward, through every step.",
        objects=("continuous_depth",),
        section=Section(_CH1, "Depth as time"),
        find=_flow,
        forward=_evaluations,
        backward=lambda A, b, found, g: _evaluations(A, b, found),
    ),
    "Dabre & Fujita 2019": System(
        idea="One layer used several times over.",
        guarantees="Always an output; no equilibrium, so no equation that it solves.",
        costs="One product and one stored state a layer, and the error ρᴸ of stopping early.",
        objects=("unrolled",),
        section=Section(_CH1, "How deep is deep enough?"),
        find=_layers,
        forward=lambda A, b, found: LAYERS,
        backward=lambda A, b, found, g: LAYERS,
    ),
    "Bai, Kolter & Koltun 2019": System(
        idea="Solve for the equilibrium by a quasi-Newton method; differentiate through the equation.",
        guarantees="An exact gradient in the memory of one layer, where the solver converges.",
        costs="A solve forward, another backward; their number of sweeps is not bounded as training goes on.",
        objects=("EquilibriumNetwork", "Broyden", "adjoint"),
        section=Section(_CH1, "The gradient, without the layers"),
        find=_solve(it.Broyden),
        backward=_adjoint(it.Broyden),
    ),
    "Winston & Kolter 2020": System(
        idea="Parametrize the strongly monotone A, and solve by operator splitting.",
        guarantees="Exactly one equilibrium and a convergent solver, for every value of the parameters.",
        costs="Two parameters instead of one, and a factorisation in each step.",
        objects=("Monotone", "PeacemanRachford", "ForwardBackward"),
        section=Section(_CH3, "Splitting: when Picard turns in circles"),
        find=_solve(it.PeacemanRachford),
        backward=_adjoint(it.PeacemanRachford),
        constraint=lambda _: it.Monotone(0.1),
    ),
    "El Ghaoui et al. 2021": System(
        idea="Project the rows of A on an ℓ₁ ball, or scale by the Perron root; every deep net is implicit.",
        guarantees="Exactly one equilibrium, found by Picard, for every value of the parameters.",
        costs="Little time. The set is small: wide networks can hardly feed back.",
        objects=("L1Rows", "PerronScaling", "diagonal_rescaling", "as_equilibrium"),
        section=Section(_CH3, "The same run under each remedy"),
        find=_solve(it.Picard),
        backward=_adjoint(it.Picard),
        constraint=lambda _: it.L1Rows(0.9),
    ),
    "Gao et al. 2022, Gao & Gao 2022": System(
        idea="Multiply A by a fixed γ, and let the width do the rest.",
        guarantees="Nothing by itself: a theorem on wide networks keeps γ‖A‖₂ below one in training.",
        costs="Nothing: it is a smaller scale at the start.",
        objects=("FixedScale", "SpectralScaling"),
        section=Section(_CH3, "The same run under each remedy"),
        find=_solve(it.Picard),
        backward=_adjoint(it.Picard),
        constraint=lambda _: it.FixedScale(0.5),
    ),
    "Kawaguchi 2021": System(
        idea="No relu inside: z = Az + b, with softmax columns.",
        guarantees="Exactly one equilibrium, and convergence of training, for a model linear in its state.",
        costs="The nonlinearity; A stays positive, with fixed column sums.",
        objects=("SoftmaxColumns", "linear_equilibrium"),
        section=Section(_CH3, "The same run under each remedy"),
        find=_linear(lambda: _solver(it.Picard)),
        backward=_linear_adjoint,
        exact=_linear(lambda: it.Newton(rtol=1e-12)),
        constraint=softmax,
    ),
    "Bai, Koltun & Kolter 2021": System(
        idea="Add ‖DA‖² to the loss, so that large Jacobians are expensive.",
        guarantees="Nothing; sweeps fall as long as the penalty outweighs the labels.",
        costs="One more product with A (or none, for this layer), and a weight to choose.",
        objects=("jacobian_penalty",),
        section=Section(_CH3, "The same run under each remedy"),
        find=_solve(it.Broyden),
        backward=_adjoint(it.Broyden),
        penalty=PENALTY,
    ),
    "Ramzi et al. 2022": System(
        idea="Reuse the forward solver's approximate inverse in the backward pass.",
        guarantees="A cheaper gradient, not an exact one.",
        costs="No product with A backward; the error shown here.",
        objects=("Shine", "Broyden", "Phantom"),
        section=Section(_CH4, "How far off is a cheaper gradient?"),
        find=_solve(it.Broyden, gradient=it.Shine()),
        backward=lambda A, b, found, g: 0,
    ),
    "Xie et al. 2022": System(
        idea="Choose a convex energy first; the layer minimises it.",
        guarantees="Exactly one equilibrium, the lowest point of an energy; so A is symmetric.",
        costs="No rotation in A; a factorisation in each step.",
        objects=("Symmetric", "energy"),
        section=Section(_CH3, "The energy of a symmetric layer"),
        find=_solve(it.PeacemanRachford),
        backward=_adjoint(it.PeacemanRachford),
        constraint=lambda _: it.Symmetric(0.1),
    ),
    "Bai et al. 2022": System(
        idea="Start from the last equilibrium when the next is near, as between frames of a video.",
        guarantees="The same tolerance from any start; fewer sweeps if little has changed.",
        costs="One stored state a sample. Here: from training step to training step.",
        objects=("solve",),
        section=Section(_CH4, "Starting from the last one"),
        find=_warm,
        backward=_adjoint(it.Broyden),
    ),
}

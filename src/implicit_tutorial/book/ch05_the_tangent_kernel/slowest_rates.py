"""The smallest eigenvalue: the rate of the slowest mode, for choices of what is trained (C11)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import Tensor

from implicit_tutorial.book.ch05_the_tangent_kernel.setting import (
    SCALES,
    WIDTH,
    drawn,
    inputs,
    lambda_min,
    limit,
)
from implicit_tutorial.book.evidence import MEAN_FIELD, measured
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Figure, explorer, style
from implicit_tutorial.kernels import Kernels
from implicit_tutorial.prose import at_most

_INPUTS = "24 at random"
#: What is trained, with the kernel that belongs to it, and its colour.
TRAINED: dict[str, tuple[Callable[[Kernels], Tensor], str]] = {
    "all three": (lambda k: k.full, style.LAYERS["all"]),
    "all but implicit": (lambda k: k.output + k.input, style.SERIES[2]),
    "output alone": (lambda k: k.output, style.LAYERS["output"]),
    "implicit alone": (lambda k: k.implicit, style.LAYERS["implicit"]),
}


def rates(name: str, *, limiting: bool) -> np.ndarray:
    """λ_min at each of the scales, of infinite width or of the network; NaN where that does not settle."""
    kernel, _ = TRAINED[name]
    found = [(limit if limiting else drawn)(scale, _INPUTS) for scale in SCALES]
    return np.array([np.nan if K is None else lambda_min(kernel(K)) for K in found])


@explorer("slowest-rates")
def slowest_rates() -> Figure:
    """λ_min of the kernel against σ_A, for four choices of what is trained."""
    axis = {"y_title": "slowest rate λ<sub>min</sub>", "y_log": True, "y_range": (3e-4, 100)}
    fig = style.figure(x_title="implicit_scale σ<sub>A</sub>", x_range=(0.05, 1.38), **axis, height=380)
    for name, (_, color) in TRAINED.items():
        exact, found = (rates(name, limiting=limiting) for limiting in (True, False))
        fig.add_scatter(x=SCALES, y=exact, **style.theory(None, color), showlegend=False)
        there = np.isfinite(found)
        fig.add_scatter(x=np.array(SCALES)[there], y=found[there], **style.points(name, color))
    fig.add_scatter(x=[None], y=[None], **style.theory("infinite width"))
    return Figure(
        fig,
        tag=MEAN_FIELD | measured(width=WIDTH, seeds=1, samples=len(inputs()[_INPUTS])),
        caption=(
            "The rate at which the most stubborn pattern on 24 random inputs is learned. Points: one "
            f"network of width 512; dashed: infinite width, mean-field. {_what_to_notice()}"
        ),
        alt=(f"Four curves over the implicit scale on a logarithmic axis. {_crossing()}"),
    )


def _at(name: str, scale: float, *, limiting: bool = True) -> float:
    return float(rates(name, limiting=limiting)[SCALES.index(scale)])


def _what_to_notice() -> str:
    early = [SCALES.index(s) for s in SCALES if s <= 0.4]
    lost = max(
        (1 - rates("all but implicit", limiting=x)[early] / rates("all three", limiting=x)[early]).max()
        for x in (True, False)
    )
    alone = [_at("implicit alone", s) / _at("output alone", s) for s in (SCALES[0], SCALES[-1])]
    slower = {name: rates(name, limiting=True) / rates(name, limiting=False) for name in TRAINED}
    last = max(s for s, x in zip(SCALES, slower["all three"], strict=True) if np.isfinite(x))
    late = np.array([s[SCALES.index(1.0) : SCALES.index(last) + 1] for s in slower.values()])
    return " ".join(
        [
            says(
                "**Notice** that up to $\\sigma_A = 0.4$ the network as a whole hardly feels whether its "
                f"implicit layer is trained: without it this rate is at most {at_most(100 * lost)} % lower.",
                lost < 0.08,
            ),
            says(
                "The implicit layer alone tells another story: at infinite width it has "
                f"1/{1 / alone[0]:.0f} of the output layer's rate at ${SCALES[0]:g}$ and "
                f"{alone[1]:.0f} times that rate at ${SCALES[-1]:g}$.",
                alone[0] < 0.1 and alone[1] > 10,
            ),
            says(
                f"From $\\sigma_A = 1$ to ${last:g}$, the last scale at which its layers settle, this "
                f"network is {late.min():.1f} to {late.max():.1f} times slower than infinite width says.",
                late.min() > 1.1,
            ),
        ]
    )


def _crossing() -> str:
    whole = [1 - _at("all but implicit", s) / _at("all three", s) for s in (0.1, 0.5)]
    start = _at("all three", 0.1) / _at("implicit alone", 0.1)
    signs = [
        _at("implicit alone", s, limiting=x) > _at("output alone", s, limiting=x)
        for x in (True, False)
        for s in (0.6, 0.7)
    ]
    end = _at("implicit alone", SCALES[-1]) / _at("all three", SCALES[-1])
    return says(
        "Training all three layers, and all but the implicit layer, start together and are "
        f"{100 * whole[1]:.0f} % apart at 0.5. Training the implicit layer alone starts more than two "
        "hundred times lower than all three, crosses the output layer's curve between 0.6 and 0.7 and ends, "
        f"at infinite width, at {100 * end:.0f} % of the uppermost.",
        whole[0] < 0.01 and start > 200 and signs == [False, True, False, True] and end > 0.8,
    )

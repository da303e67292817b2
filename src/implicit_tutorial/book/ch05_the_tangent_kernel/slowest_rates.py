"""The smallest eigenvalue: the rate of the slowest mode, for choices of what is trained (C11)."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from implicit_tutorial.book.ch05_the_tangent_kernel.setting import SCALES, drawn, lambda_min, limit
from implicit_tutorial.explorer import Figure, explorer, style
from implicit_tutorial.kernels import Kernels

#: What is trained, with the kernel that belongs to it, and its colour.
TRAINED: dict[str, tuple[Callable[[Kernels], Tensor], str]] = {
    "all three": (lambda k: k.full, style.LAYERS["all"]),
    "all but implicit": (lambda k: k.output + k.input, style.SERIES[2]),
    "output alone": (lambda k: k.output, style.LAYERS["output"]),
    "implicit alone": (lambda k: k.implicit, style.LAYERS["implicit"]),
}


@explorer("slowest-rates")
def slowest_rates() -> Figure:
    """λ_min of the kernel against σ_A, for four choices of what is trained."""
    rates = {"y_title": "slowest rate λ<sub>min</sub>", "y_log": True, "y_range": (3e-4, 30)}
    fig = style.figure(x_title="implicit_scale σ<sub>A</sub>", x_range=(0.05, 1.38), **rates, height=380)
    settled = [s for s in SCALES if drawn(s, "24 at random") is not None]
    for name, (kernel, color) in TRAINED.items():
        exact = [lambda_min(kernel(limit(s, "24 at random"))) for s in SCALES]
        fig.add_scatter(x=SCALES, y=exact, **style.theory(None, color), showlegend=False)
        measured = [lambda_min(kernel(drawn(s, "24 at random"))) for s in settled]
        fig.add_scatter(x=settled, y=measured, **style.points(name, color))
    fig.add_scatter(x=[None], y=[None], **style.theory("infinite width"))
    return Figure(
        fig,
        caption=(
            "The rate at which the most stubborn pattern on 24 random inputs is learned. Points: one "
            "network of width 512; dashed: infinite width. **Notice** that up to $\\sigma_A \\approx 0.4$ "
            "the network as a whole hardly feels whether its implicit layer is trained, and that the "
            "implicit layer alone tells another story."
        ),
        alt=(
            "Four curves over the implicit scale on a logarithmic axis. Training all three layers, and all "
            "but the implicit layer, start together and separate only above 0.5. Training the implicit "
            "layer alone starts more than a hundred times lower, crosses the output layer's curve and ends "
            "near the top."
        ),
    )

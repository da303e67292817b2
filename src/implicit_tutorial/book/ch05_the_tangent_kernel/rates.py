"""The smallest eigenvalue: the rate of the slowest mode, layer by layer (C11)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import plotly.graph_objects as go
from torch import Tensor

from implicit_tutorial.book.ch05_the_tangent_kernel.setting import (
    LAYERS,
    SCALES,
    drawn,
    lambda_min,
    limit,
    limit_in_legend,
)
from implicit_tutorial.explorer import Control, Explorer, Figure, explorer, style
from implicit_tutorial.kernels import Kernels

#: What is trained, with the kernel that belongs to it.
TRAINED: dict[str, Callable[[Kernels], Tensor]] = {
    "all three": lambda k: k.full,
    "all but implicit": lambda k: k.output + k.input,
    "output alone": lambda k: k.output,
    "implicit alone": lambda k: k.implicit,
}
_COLORS = (style.SERIES[3], style.SERIES[2], LAYERS["output"], LAYERS["implicit"])


@explorer("slowest-rates")
def slowest_rates() -> Figure:
    """λ_min of the kernel against σ_A, for four choices of what is trained."""
    fig = style.figure(
        x_title="implicit_scale σ<sub>A</sub>", y_title="slowest rate λ<sub>min</sub>", y_log=True,
        x_range=(0.05, 1.38), y_range=(3e-4, 30), height=380,
    )  # fmt: skip
    settled = [s for s in SCALES if drawn(s, "24 at random") is not None]
    for (name, kernel), color in zip(TRAINED.items(), _COLORS, strict=True):
        exact = [lambda_min(kernel(limit(s, "24 at random"))) for s in SCALES]
        fig.add_scatter(x=SCALES, y=exact, **style.theory(None, color), showlegend=False)
        rates = [lambda_min(kernel(drawn(s, "24 at random"))) for s in settled]
        fig.add_scatter(x=settled, y=rates, **style.points(name, color))
    limit_in_legend(fig)
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


@explorer("suffices")
def suffices() -> Explorer:
    """λ_min(K)/λ_min(K_out) against σ_A with the bound σ_A²/(2 − σ_A²) of C11, for sets of inputs."""
    grid = np.linspace(0.05, 1.38, 134)
    choices = ["a single input", "10 at right angles", "24 at random", "circle"]

    def ratio(kernels: Kernels) -> float:
        return lambda_min(kernels.implicit) / lambda_min(kernels.output)

    def draw(inputs: str) -> go.Figure:
        fig = style.figure(
            x_title="implicit_scale σ<sub>A</sub>", y_title="λ<sub>min</sub>, implicit over output",
            x_range=(0.05, 1.38), y_log=True, y_range=(2e-3, 1e4), height=380,
        )  # fmt: skip
        fig.add_scatter(x=[0.05, 1, 1], y=[1, 1, 2e-3], **style.guide("equally fast"))
        fig.add_scatter(
            x=grid,
            y=grid**2 / (2 - grid**2),
            **style.theory("guaranteed: σ<sub>A</sub>² / (2 − σ<sub>A</sub>²)"),
        )
        exact = [ratio(limit(s, inputs)) for s in SCALES]
        fig.add_scatter(x=SCALES, y=exact, **style.theory("infinite width", style.SERIES[0]))
        settled = [s for s in SCALES if drawn(s, inputs) is not None]
        y = [ratio(drawn(s, inputs)) for s in settled]
        fig.add_scatter(x=settled, y=y, **style.points("one network, m = 512"))
        return fig

    def readout(inputs: str) -> str:
        exact = np.array([ratio(limit(s, inputs)) for s in SCALES])
        at_one = f"at σ_A = 1 implicit is {exact[SCALES.index(1.0)]:.3g} times as fast as output."
        if exact[0] > 1:
            return f"Faster from σ_A = {SCALES[0]:g} on; {at_one}"
        # Linear in the logarithms between two positions of the grid.
        crossing = float(np.interp(0, np.log(exact), SCALES))
        return f"Equally fast at σ_A = {crossing:.2f}; {at_one}"

    return Explorer(
        draw,
        [Control("inputs", choices, start="10 at right angles")],
        caption=(
            "How much faster the implicit layer alone learns the most stubborn pattern than the output "
            "layer alone. **Choose** the inputs. **Notice** that with a single one the guarantee, which is "
            "for infinite width, is attained, and that the implicit layer overtakes the earlier, the more "
            "they crowd together."
        ),
        alt=(
            "Ratio of two smallest eigenvalues over the implicit scale, logarithmic. A dashed guarantee "
            "rises through one at scale one; the infinite-width ratio and the points of one network lie on "
            "it for a single input, and above it for all other sets of inputs."
        ),
        readout=readout,
    )

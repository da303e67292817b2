"""How much faster the implicit layer alone learns the slowest mode than the output layer alone (C11)."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from implicit_tutorial.book.ch05_the_tangent_kernel.setting import SCALES, drawn, lambda_min, limit
from implicit_tutorial.explorer import Control, Explorer, explorer, style
from implicit_tutorial.kernels import Kernels


@explorer("suffices")
def suffices() -> Explorer:
    """λ_min(K)/λ_min(K_out) against σ_A with the bound σ_A²/(2 − σ_A²) of C11, for sets of inputs."""
    fine = np.linspace(0.05, 1.38, 134)
    choices = ["a single input", "10 at right angles", "24 at random", "circle"]

    def ratio(kernels: Kernels) -> float:
        return lambda_min(kernels.implicit) / lambda_min(kernels.output)

    def draw(inputs: str) -> go.Figure:
        ratios = {"y_title": "λ<sub>min</sub>, implicit over output", "y_log": True, "y_range": (2e-3, 1e4)}
        fig = style.figure(x_title="implicit_scale σ<sub>A</sub>", x_range=(0.05, 1.38), **ratios, height=380)
        fig.add_scatter(x=[0.05, 1, 1], y=[1, 1, 2e-3], **style.guide("equally fast"))
        guaranteed = style.theory("guaranteed: σ<sub>A</sub>² / (2 − σ<sub>A</sub>²)")
        fig.add_scatter(x=fine, y=fine**2 / (2 - fine**2), **guaranteed)
        exact = [ratio(limit(s, inputs)) for s in SCALES]
        fig.add_scatter(x=SCALES, y=exact, **style.theory("infinite width", style.MEASURED))
        settled = [s for s in SCALES if drawn(s, inputs) is not None]
        y = [ratio(drawn(s, inputs)) for s in settled]
        fig.add_scatter(x=settled, y=y, **style.points("one network, m = 512"))
        return fig

    def readout(inputs: str) -> str:
        exact = np.array([ratio(limit(s, inputs)) for s in SCALES])
        at_one = f"at σ_A = 1 implicit is {exact[SCALES.index(1.0)]:.3g} times as fast as output."
        if exact[0] > 1:
            return f"Faster from σ_A = {SCALES[0]:g} on; {at_one}"
        # Linear in the logarithms between two positions of the slider.
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

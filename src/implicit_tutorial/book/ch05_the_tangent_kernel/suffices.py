"""How much faster the implicit layer alone learns the slowest mode than the output layer alone (C11)."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from implicit_tutorial.book.ch05_the_tangent_kernel.setting import (
    SCALES,
    WIDTH,
    drawn,
    inputs,
    lambda_min,
    limit,
)
from implicit_tutorial.book.evidence import MEAN_FIELD, THEOREM, measured
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style
from implicit_tutorial.kernels import Kernels

_CHOICES = ("a single input", "10 at right angles", "24 at random", "circle")


def ratio(kernels: Kernels) -> float:
    """λ_min of the implicit layer's kernel over that of the output layer's."""
    return lambda_min(kernels.implicit) / lambda_min(kernels.output)


def over_guarantee(which: str, *, limiting: bool) -> dict[float, float]:
    """The ratio over the guaranteed one, at each scale at which there is one."""
    found = {s: limit(s, which) if limiting else drawn(s, which) for s in SCALES}
    return {s: ratio(K) * (2 - s**2) / s**2 for s, K in found.items() if K is not None}


def crossing(which: str) -> float:
    """σ_A at which both layers are equally fast at infinite width, or the first one if implicit is ahead."""
    exact = np.array([ratio(limit(s, which)) for s in SCALES])
    # Linear in the logarithms between two positions of the slider.
    return float(np.interp(0, np.log(exact), SCALES))


@explorer("suffices")
def suffices() -> Explorer:
    """λ_min(K)/λ_min(K_out) against σ_A with the bound σ_A²/(2 − σ_A²) of C11, for sets of inputs."""
    fine = np.linspace(0.05, 1.38, 134)

    def draw(inputs: str) -> go.Figure:
        ratios = {"y_title": "λ<sub>min</sub>, implicit over output", "y_log": True, "y_range": (2e-3, 1e4)}
        fig = style.figure(x_title="implicit_scale σ<sub>A</sub>", x_range=(0.05, 1.38), **ratios, height=380)
        fig.add_scatter(x=[0.05, 1, 1], y=[1, 1, 2e-3], **style.guide("equally fast"))
        guaranteed = style.theory("theorem: σ<sub>A</sub>² / (2 − σ<sub>A</sub>²)")
        fig.add_scatter(x=fine, y=fine**2 / (2 - fine**2), **guaranteed)
        exact = [ratio(limit(s, inputs)) for s in SCALES]
        fig.add_scatter(x=SCALES, y=exact, **style.theory("infinite width", style.MEASURED))
        settled = [s for s in SCALES if drawn(s, inputs) is not None]
        y = [ratio(drawn(s, inputs)) for s in settled]
        fig.add_scatter(x=settled, y=y, **style.points("one network, m = 512"))
        return fig

    def readout(inputs: str) -> str:
        at_one = ratio(limit(1.0, inputs))
        fast = f"at scale 1 implicit is {at_one:.3g} times as fast as output."
        if ratio(limit(SCALES[0], inputs)) > 1:
            return f"Infinite width: implicit is faster from scale {SCALES[0]:g} on; {fast}"
        equal = f"Infinite width: equally fast at scale {crossing(inputs):.2f}"
        return f"{equal}." if abs(at_one - 1) < 1e-6 else f"{equal}; {fast}"

    return Explorer(
        draw,
        [Control("inputs", _CHOICES, start="10 at right angles")],
        tag=THEOREM
        | MEAN_FIELD
        | measured(width=WIDTH, seeds=1, samples=(len(inputs()[c]) for c in _CHOICES)),
        caption=(
            "How much faster the implicit layer alone learns the most stubborn pattern than the output "
            "layer alone: the theorem and the mean-field ratio, both for infinite width, and points measured "
            f"on one network. **Choose** the inputs. {_what_to_notice()}"
        ),
        alt=(
            "Ratio of two smallest eigenvalues over the implicit scale, logarithmic. A dashed guarantee "
            f"rises through one at scale one. {_above()}"
        ),
        readout=readout,
    )


def _nearest(which: str) -> float:
    """The smallest angle between two of the inputs, in degrees."""
    cosines = (inputs()[which] @ inputs()[which].T).numpy()
    return float(np.degrees(np.arccos(cosines[~np.eye(len(cosines), dtype=bool)].max())))


def _what_to_notice() -> str:
    single = np.array(list(over_guarantee("a single input", limiting=True).values()))
    several = _CHOICES[1:]
    crowding = all(np.diff([_nearest(which) for which in several]) < 0)
    earlier = all(np.diff([crossing(which) for which in _CHOICES]) < 0)
    angles = ", ".join(f"{_nearest(which):.0f}°" for which in several)
    return says(
        "**Notice** that with a single one the guarantee is attained, and that the implicit layer overtakes "
        f"the earlier, the closer the nearest two inputs are: {angles} apart in the other three sets.",
        np.abs(single - 1).max() < 1e-6 and crowding and earlier,
    )


def _above() -> str:
    others = [x for which in _CHOICES[1:] for x in over_guarantee(which, limiting=True).values()]
    lowest, under = {}, {}
    for which in _CHOICES:
        found = over_guarantee(which, limiting=False)
        lowest[which], under[which] = min(found.values()), [s for s, x in found.items() if x < 1]
    alone, right = _CHOICES[:2]
    return says(
        "The infinite-width ratio lies on it for a single input, and above it for all other sets. The points "
        "of one network, for which it is no guarantee, scatter: for a single input they lie down to "
        f"{100 * (1 - lowest[alone]):.0f} % below the line, for ten at right angles above it except at "
        f"σ_A = {under[right][0]:g}, by {100 * (1 - lowest[right]):.0f} %, and for the others above it.",
        min(others) > 1.1
        and len(under[alone]) > 1
        and len(under[right]) == 1
        and not any(under[which] for which in _CHOICES[2:]),
    )

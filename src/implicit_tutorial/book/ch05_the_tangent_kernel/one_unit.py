"""A single linear unit, whose three kernels are written down by hand."""

from __future__ import annotations

import numpy as np

from implicit_tutorial.book.evidence import THEOREM
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Figure, explorer, style


def unit_kernels(a: np.ndarray) -> dict[str, np.ndarray]:
    """K(x, x) of z = az + w, f = vz, with w = v = x = 1, for each of its weights a, v and w.

    Here a = σ_A θ with θ = 1, and the implicit kernel is the square of df/dθ.
    """
    z = u = 1 / (1 - a)
    return {"implicit": a**2 * z**2 * u**2, "output": z**2, "input": u**2}


@explorer("one-unit")
def one_unit() -> Figure:
    """The three kernels of the linear unit against its feedback a."""
    a = np.linspace(-1, 0.9, 191)
    kernel = {"y_title": "kernel K(x, x)", "y_log": True, "y_range": (1e-3, 1e4)}
    fig = style.figure(x_title="feedback a", x_range=(-1, 0.9), **kernel)
    kernels = unit_kernels(a)
    ratio = kernels["implicit"] / kernels["output"]
    names = {"implicit": "implicit: a² / (1 − a)⁴", "output": "output, and input: 1 / (1 − a)²"}
    for layer, name in names.items():
        y = np.where(kernels[layer] > 1e-6, kernels[layer], np.nan)
        fig.add_scatter(x=a, y=y, **style.measured(name, style.LAYERS[layer]))
    crossing = style.points("they cross at a = 1/2", style.GUIDE, symbol="circle-open", size=11)
    fig.add_scatter(x=[0.5], y=[4.0], **crossing)
    return Figure(
        fig,
        tag=THEOREM,
        caption=(
            "The kernels of one linear unit. "
            + says(
                "Without feedback the implicit weight has no influence at all; from $a = 1/2$ on it is the "
                "most influential of the three, and as $a \\to 1$ its kernel grows as the *square* of the "
                "others.",
                unit_kernels(np.zeros(1))["implicit"][0] == 0
                and (np.sign(np.round(ratio - 1, 9)) == np.sign(np.round(a - 0.5, 9))).all()
                and abs(_grows() - 2) < 0.01,
            )
        ),
        alt=(
            "Two curves over the feedback a from minus one to 0.9, on a logarithmic axis. "
            + says(
                "The implicit layer's falls to zero at a = 0, crosses the other layers' at one half and ends "
                f"{ratio[-1]:.0f} times as high as they.",
                ratio[-1] > 10,
            )
        ),
    )


def _grows() -> float:
    """The power of the output kernel with which the implicit one grows, close to the pole."""
    near = unit_kernels(1 - np.array([1e-4, 1e-5]))
    return float(np.diff(np.log(near["implicit"]))[0] / np.diff(np.log(near["output"]))[0])

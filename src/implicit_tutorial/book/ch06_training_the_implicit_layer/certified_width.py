"""What the convergence certificate admits as networks widen (C12)."""

from __future__ import annotations

import numpy as np

from implicit_tutorial.book.ch06_training_the_implicit_layer.studies import CERTIFIED_ERROR
from implicit_tutorial.explorer import Figure, explorer, style


def certified_errors(implicit_scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Widths, and the median over networks of the largest certified ‖e₀‖ at κ = 1."""
    frame = CERTIFIED_ERROR.table
    medians = frame[frame.implicit_scale == implicit_scale].groupby("width").largest_error.median()
    return medians.index.to_numpy(), medians.to_numpy()


def required_width(error: float) -> float:
    """The width at which √m growth from the widest networks at σ_A = 0.1 would reach ``error``."""
    widths, errors = certified_errors(0.1)
    return float(widths[-1] * (error / errors[-1]) ** 2)


@explorer("certified-width")
def certified_width() -> Figure:
    """What is certified at κ = 1 against the width, with lines of slope ½."""
    width = {"x_title": "width m", "x_log": True, "x_range": (50, 5300)}
    fig = style.figure(**width, y_title="certified ‖e₀‖", y_log=True, y_range=(1e-6, 10), height=360)
    for scale, color in zip((0.1, 0.2, 0.4), style.SERIES[:5:2], strict=True):
        widths, errors = certified_errors(scale)
        fig.add_scatter(x=widths, y=errors, **style.points(f"σ<sub>A</sub> = {scale:g}", color))
    widths, errors = certified_errors(0.1)
    # Through the points in the logarithms.
    level = np.exp(np.mean(np.log(errors / np.sqrt(widths))))
    fig.add_scatter(x=widths, y=level * np.sqrt(widths), **style.theory("slope 1/2"))
    fig.add_scatter(x=[50, 5300], y=[5**0.5] * 2, **style.guide("five labels of size one"))
    fig.update_xaxes(tickvals=[64, 256, 1024, 4096], ticktext=["64", "256", "1024", "4096"])
    return Figure(
        fig,
        caption=(
            "The largest $\\lVert e_0\\rVert$ that is certified at $\\kappa = 1$ for five inputs: medians of "
            "nine networks. **Notice** the distance to the dotted line, where labels of ordinary size are; "
            "that it shrinks like $\\sqrt m$ at best; and that at $\\sigma_A = 0.4$ these widths are not "
            "there yet."
        ),
        alt=(
            "Certified error over width, logarithmic, for three implicit scales. At 0.1 the points rise like "
            "the square root of the width, at 0.2 more slowly, at 0.4 they fall. All are far below "
            "a dotted line of ordinary labels, by two and a half powers of ten at the least."
        ),
    )

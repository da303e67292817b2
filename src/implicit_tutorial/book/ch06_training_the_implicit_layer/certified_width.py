"""What the convergence certificate admits as networks widen (C12)."""

from __future__ import annotations

import numpy as np

from implicit_tutorial.book.ch06_training_the_implicit_layer.studies import CERTIFIED_ERROR
from implicit_tutorial.book.evidence import THEOREM, stored
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Figure, explorer, style

SCALES, _SAMPLES = (0.1, 0.2, 0.4), 5


def certified_errors(implicit_scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Widths, and the median over networks of the largest certified ‖e₀‖ at κ = 1."""
    frame = CERTIFIED_ERROR.table
    medians = frame[frame.implicit_scale == implicit_scale].groupby("width").largest_error.median()
    return medians.index.to_numpy(), medians.to_numpy()


def required_width(error: float, exponent: float = 0.5) -> float:
    """The width at which m^exponent growth from the widest networks at σ_A = 0.1 would reach ``error``."""
    widths, errors = certified_errors(0.1)
    return float(widths[-1] * (error / errors[-1]) ** (1 / exponent))


def growth(implicit_scale: float) -> float:
    """p of the power law m^p that fits the medians best, in the logarithms, from width 128 on."""
    widths, errors = certified_errors(implicit_scale)
    wide = widths >= 128
    return float(np.polyfit(np.log(widths[wide]), np.log(errors[wide]), 1)[0])


@explorer("certified-width")
def certified_width() -> Figure:
    """What is certified at κ = 1 against the width, with lines of slope ½."""
    width = {"x_title": "width m", "x_log": True, "x_range": (50, 5300)}
    fig = style.figure(**width, y_title="certified ‖e₀‖", y_log=True, y_range=(1e-6, 10), height=360)
    for scale, color in zip(SCALES, style.SERIES[:5:2], strict=True):
        widths, errors = certified_errors(scale)
        fig.add_scatter(x=widths, y=errors, **style.points(f"σ<sub>A</sub> = {scale:g}", color))
    widths, errors = certified_errors(0.1)
    # Through the last point: the slope at which it must end.
    line = errors[-1] * np.sqrt(widths / widths[-1])
    fig.add_scatter(x=widths, y=line, **style.theory("slope 1/2, in the end"))
    fig.add_scatter(x=[50, 5300], y=[5**0.5] * 2, **style.guide("five labels of size one"))
    fig.update_xaxes(tickvals=[64, 256, 1024, 4096], ticktext=["64", "256", "1024", "4096"])
    return Figure(
        fig,
        tag=THEOREM | stored(CERTIFIED_ERROR, samples=_SAMPLES),
        caption=(
            "The largest $\\lVert e_0\\rVert$ that is certified at $\\kappa = 1$ for five inputs: medians of "
            f"nine networks. {_what_to_notice()}"
        ),
        alt=(f"Certified error over width, logarithmic, for three implicit scales. {_slopes()}"),
    )


def _distance() -> float:
    """By how much the largest of all medians falls short of five labels of size one."""
    return 5**0.5 / max(certified_errors(scale)[1].max() for scale in SCALES)


def _what_to_notice() -> str:
    slopes = [growth(scale) for scale in SCALES]
    return says(
        "**Notice** the distance to the dotted line, where labels of ordinary size are: a factor of "
        f"{_distance():.0f} at the least. For large $m$ what is certified grows like $\\sqrt m$, the dashed "
        "line; from width 128 to 4096 the points do not yet: their slopes are "
        f"${slopes[0]:.2f}$, ${slopes[1]:.2f}$ and ${slopes[2]:.2f}$.",
        slopes[2] < 0 < max(slopes) < 0.45 and _distance() > 100,
    )


def _slopes() -> str:
    return says(
        "Beyond width 128 lines through the points at 0.1 and 0.2 rise, less steeply than a dashed one of "
        "slope one half through the last point at 0.1; at 0.4 they fall. All are far below a dotted line of "
        "ordinary labels, by two and a half powers of ten at the least.",
        0 < growth(0.1) < 0.45 and 0 < growth(0.2) < 0.45 and growth(0.4) < 0 and _distance() > 10**2.5,
    )

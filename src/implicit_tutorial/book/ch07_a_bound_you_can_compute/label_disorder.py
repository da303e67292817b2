"""From true labels to random ones: does the bound know the difference? (C15)."""

from __future__ import annotations

from functools import cache

import numpy as np
import plotly.graph_objects as go
import torch

import implicit_tutorial as it
from implicit_tutorial.book.ch07_a_bound_you_can_compute.setting import TERMS
from implicit_tutorial.book.evidence import MEAN_FIELD
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style

N_SAMPLES, N_INPUTS, N_TEST, SEEDS, SCALE = 200, 3, 300, 5, 0.5
SHARES = tuple(round(0.1 * k, 1) for k in range(11))
TARGETS = ("linear", "linear + quadratic", "ReLU teacher")


@cache
def disorder(target: str) -> tuple[np.ndarray, np.ndarray]:
    """(11,) linear term 2ρ√(yᵀK⁻¹y tr K)/n and test loss of K(x,X)K⁻¹y, means over draws of the shuffling."""
    X, X_test = (it.data.sphere(n, N_INPUTS, seed=s) for n, s in ((N_SAMPLES, 0), (N_TEST, 1)))
    y, y_test = it.data.TARGETS[target](X), it.data.TARGETS[target](X_test)
    bound, test = np.zeros(len(SHARES)), np.zeros(len(SHARES))
    for seed in range(SEEDS):
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(N_SAMPLES, generator=generator)
        for k, share in enumerate(SHARES):
            moved = order[: round(share * N_SAMPLES)]
            labels = y.clone()
            # A cyclic shift along a random order: no chosen label keeps its place.
            labels[moved] = y[moved.roll(1)]
            p = it.infinite_width_prediction(X, labels, X_test, implicit_scale=SCALE, centered=True)
            bound[k] += 2 * p.bound / SEEDS
            test[k] += float((p.mean - y_test).abs().clamp(max=1).mean()) / SEEDS
    return bound, test


@explorer("label-disorder")
def label_disorder() -> Explorer:
    """The linear term and the test loss while labels are shuffled (C15)."""

    def draw(target: str) -> go.Figure:
        bound, test = disorder(target)
        loss = {"y_title": "loss", "y_log": True, "y_range": (1e-3, 30)}
        share = {"x_title": "share of the labels that are shuffled", "x_range": (-0.03, 1.03)}
        figure = style.figure(**share, **loss, height=380)
        look = style.theory("linear term of the bound", TERMS["linear"][1]) | {"mode": "lines+markers"}
        figure.add_scatter(x=SHARES, y=bound, **look)
        figure.add_scatter(x=SHARES, y=test, **style.measured("test loss", style.TEST))
        return figure.add_scatter(x=[-0.03, 1.03], y=[1, 1], **style.guide("vacuous above"))

    def readout(target: str) -> str:
        bound, test = disorder(target)
        return (
            f"From none to all: the linear term goes from {bound[0]:.2g} to {bound[-1]:.2g}, the test loss "
            f"from {test[0]:.2g} to {test[-1]:.2g}."
        )

    return Explorer(
        draw,
        [Control("target", TARGETS)],
        tag=MEAN_FIELD.on(seeds=SEEDS, samples=N_SAMPLES),
        caption=(
            f"Infinite width, centered, {N_SAMPLES} inputs in $\\mathbb R^3$, $\\sigma_A = 0.5$; means of "
            f"{SEEDS} shufflings; mean-field. Training error is zero everywhere. **Choose** the target. "
            f"{_what_to_notice()}"
        ),
        alt=(
            "Two curves over the share of shuffled labels, on a logarithmic axis: the linear term of the "
            f"bound, and the test loss. {_above()}"
        ),
        readout=readout,
    )


def _together() -> bool:
    """Whether both rise until nine labels in ten are shuffled, and the test loss to the end."""
    return all(
        (np.diff(bound[:-1]) > 0).all() and (np.diff(test) > 0).all()
        for bound, test in map(disorder, TARGETS)
    )


def _what_to_notice() -> str:
    last = max(1 - bound[-1] / bound[-2] for bound, _ in map(disorder, TARGETS))
    tenth = [(bound[1], test[1] / test[-1]) for bound, test in map(disorder, TARGETS)]
    return " ".join(
        [
            says(
                "**Notice** that bound and test loss rise together until nine labels in ten are shuffled "
                f"(with the last tenth the bound falls again, by up to {100 * last:.1f} %);",
                _together() and 0 < last < 0.02,
            ),
            says(
                "and that one shuffled label in ten makes the bound vacuous, where the test loss is at most "
                f"{100 * max(share for _, share in tenth):.0f} % of what it is in the end.",
                min(bound for bound, _ in tenth) > 1 and max(share for _, share in tenth) < 0.25,
            ),
            says(
                "What they do not do is to order the three targets alike: with true labels the ReLU teacher "
                "has the least bound and the greatest test loss.",
                min(TARGETS, key=lambda t: disorder(t)[0][0]) == "ReLU teacher"
                and max(TARGETS, key=lambda t: disorder(t)[1][0]) == "ReLU teacher",
            ),
        ]
    )


def _above() -> str:
    return says(
        "Both rise until nine labels in ten are shuffled; the bound is above the test loss throughout, and "
        "passes one with the first tenth, the test loss never.",
        _together()
        and all(
            (bound > test).all() and bound[0] < 1 < bound[1] and test.max() < 1
            for bound, test in map(disorder, TARGETS)
        ),
    )

"""What chapter 7 stores: both bounds, term by term, with the test loss or test error that they bound."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial import data
from implicit_tutorial.book.networks import end
from implicit_tutorial.book.study import Study, grid
from implicit_tutorial.book.tasks import task
from implicit_tutorial.generalization import (
    generalization_bound,
    infinite_width_prediction,
    pac_bayes_bound,
    pac_bayes_limit,
)
from implicit_tutorial.training import ExponentialFlow, Record, TrainingStatus, Until, train


def labelled(labels: str, seed: int, *samples: Tensor) -> list[Tensor]:
    """The labels of some samples as they are (``"true"``), or each in random order (``"shuffled"``)."""
    if labels != "shuffled":
        return list(samples)
    generator = torch.Generator().manual_seed(seed)
    return [y[torch.randperm(len(y), generator=generator)] for y in samples]


def trained_to_error(net: it.EquilibriumNetwork, X: Tensor, y: Tensor, error: float) -> str:
    """Train by gradient flow to a mean square error, and say "finished", or how it ended instead."""
    history = train(
        net,
        X,
        y,
        method=ExponentialFlow(rtol=0.1),
        until=Until(loss=len(y) * error / 2, steps=100),
        record=Record(every=1, movement=False, norm=False, spectrum=False),
        throw=False,
    )
    status = history.attrs["status"]
    return "finished" if status == TrainingStatus.LOSS_REACHED else str(status)


def bound_terms(
    *,
    labels: str,
    width: int,
    implicit_scale: float,
    output_scale: float,
    n_samples: int,
    n_inputs: int,
    centered: bool,
    seed: int,
    loss: float = 1e-4,
) -> dict[str, Any]:
    """The terms of C15 after gradient flow on a linear target, or on its labels in random order.

    The grid of radii begins at 2⁻²⁰: a choice made once for all cells, before the data are seen.

    Args:
        labels: ``"true"`` or ``"shuffled"``; the test labels are treated alike.
        loss: mean square training error at which to stop.
    """
    p = task("linear", n_samples=n_samples, n_inputs=n_inputs)
    y, y_test = labelled(labels, seed, p.y, p.y_test)
    scales = {"implicit_scale": implicit_scale, "output_scale": output_scale, "centered": centered}
    net = it.EquilibriumNetwork(n_inputs, width, seed=seed, solver=it.Picard(rtol=1e-7), **scales)
    net0 = copy.deepcopy(net)
    row = {
        "status": trained_to_error(net, p.X, y, loss),
        "infinite_width": 2 * infinite_width_prediction(p.X, y, p.X_test, **scales).bound,
        **end(net, p.X, y),
    }
    if row["status"] == "finished":
        with torch.no_grad():
            test_loss = (net(p.X_test) - y_test).abs().clamp(max=1).mean()
        b = generalization_bound(net0, net, p.X, y, base=2.0**-20)
        row |= {
            "train_loss": b.train_loss,
            "linear": b.linear,
            "remainder": b.remainder,
            "confidence": b.confidence_term,
            "total": b.total,
            "test_loss": test_loss,
            "lazy_linear": 2 * b.lazy_linear,
            "movement": b.movement,
            "radius": b.radius,
            "norm": b.rho0,
        }
    return row


BOUND = Study(
    "bound",
    "What does the computable bound say of a trained network, and where does it say anything?",
    bound_terms,
    grid(
        labels=["true", "shuffled"],
        n_inputs=[3],
        width=[512],
        centered=[True],
        seed=[0],
        implicit_scale=[0.1, 0.2, 0.3, 0.4],
        output_scale=[1.0, 10.0, 1e2, 1e3, 1e4, 1e5],
        n_samples=[200],
    ),
)


def digits_bound(
    *,
    labels: str,
    n_train: int,
    width: int,
    implicit_scale: float,
    output_scale: float,
    seed: int,
    draws: int,
    trained_to: float | None = None,
) -> dict[str, Any]:
    """C21 for even digits against odd ones, centred by 97 other images, and what the same draws measure.

    Args:
        labels: ``"true"`` or ``"shuffled"``; the test labels are treated alike.
        seed: of the network, of the split and of the draws.
        trained_to: mean square training error of the network at the posterior's mean, trained by gradient
            flow; None for the mean that the tangent kernel suggests.
    """
    d = data.digits(n_train=n_train, n_reference=97, seed=seed)
    y, y_test = labelled(labels, seed, d.y, d.y_test)
    scales = {"implicit_scale": implicit_scale, "output_scale": output_scale, "centered": True}
    net0 = it.EquilibriumNetwork(64, width, seed=seed, solver=it.Picard(rtol=1e-6), **scales)
    net, row = None, {"status": "finished"}
    if trained_to is not None:
        net = copy.deepcopy(net0)
        row["status"] = trained_to_error(net, d.X, y, trained_to)
        row |= end(net, d.X, y)
        if row["status"] != "finished":
            return row
    b = pac_bayes_bound(net0, d.X, y, net=net, X_test=d.X_test, y_test=y_test, draws=draws, seed=seed)
    fields = ("total", "training_error", "training_error_at_most", "divergence", "log_determinant", "trace")
    fields += ("price", "choice_term", "sample_term", "scale", "noise", "certified", "unknown")
    fields += ("test_error", "vote_error", "mean_error")
    row |= {name: getattr(b, name) for name in fields}
    # The linear term of C15 for the ramp loss, which lies above the error of the sign.
    return row | {"old_linear": 2 * generalization_bound(net0, net0, d.X, y).lazy_linear}


def digits_limit(*, n_train: int, implicit_scale: float) -> dict[str, Any]:
    """The same at infinite width."""
    d = data.digits(n_train=n_train, n_reference=97)
    b = pac_bayes_limit(d.X, d.y, X_test=d.X_test, y_test=d.y_test, implicit_scale=implicit_scale)
    fields = ("total", "training_error", "divergence", "scale", "noise", "test_error", "mean_error")
    return {name: getattr(b, name) for name in fields}


#: The setting about which one quantity at a time is varied.
CENTRE = {"labels": "true", "n_train": 600, "width": 256, "implicit_scale": 0.5, "output_scale": 3.0}
SIZES = (150, 300, 600, 1200)
VARIED = {
    "n_train": SIZES,
    "output_scale": (0.3, 1.0, 3.0, 10.0, 100.0),
    "implicit_scale": (0.1, 0.2, 0.35, 0.5, 0.65, 0.8),
    "width": (32, 64, 128, 256, 512),
}


def _digits(draws: int, *settings: dict[str, Any], seeds: Iterable[int] = (0,)) -> tuple[dict[str, Any], ...]:
    cells = [{**CENTRE, **setting, "seed": seed, "draws": draws} for setting in settings for seed in seeds]
    return tuple({str(sorted(cell.items())): cell for cell in cells}.values())  # each once


DIGITS_BOUND = Study(
    "digits_bound",
    "What does the bound on the error of the sign say of digits, against n, κ, σ_A and m?",
    digits_bound,
    _digits(
        400,
        *({name: value} for name, values in VARIED.items() for value in values),
        *({"labels": "shuffled", "n_train": n} for n in SIZES),
    ),
)

DIGITS_BOUND_SEEDS = Study(
    "digits_bound_seeds",
    "Is it ever below the error that it bounds, or below one half for shuffled labels?",
    digits_bound,
    _digits(
        100,
        *({"labels": labels, "n_train": n} for labels in ("true", "shuffled") for n in (500, 1200)),
        seeds=range(10),
    ),
)

DIGITS_BOUND_TRAINED = Study(
    "digits_bound_trained",
    "Does a posterior about a trained network pay less than that of the tangent kernel?",
    digits_bound,
    _digits(
        100,
        *(
            {"n_train": 500, "output_scale": kappa, "trained_to": error}
            for kappa in (0.5, 1.0, 3.0, 10.0)
            for error in (None, 0.6, 0.4, 0.2, 0.1)
        ),
    ),
)

DIGITS_LIMIT = Study(
    "digits_limit",
    "And what does it say at infinite width?",
    digits_limit,
    grid(n_train=SIZES, implicit_scale=[0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 1.0, 1.2]),
    rtol=1e-5,
)

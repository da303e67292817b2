"""What chapter 7 stores: the bound on trained networks, term by term, with the test loss that it bounds."""

from __future__ import annotations

import copy
from typing import Any

import torch

import implicit_tutorial as it
from implicit_tutorial.book.study import Study, grid
from implicit_tutorial.book.tasks import task
from implicit_tutorial.generalization import generalization_bound, infinite_width_prediction
from implicit_tutorial.training import ExponentialFlow, Record, TrainingStatus, Until, train


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
    y, y_test = p.y, p.y_test
    if labels == "shuffled":
        generator = torch.Generator().manual_seed(seed)
        y, y_test = (v[torch.randperm(len(v), generator=generator)] for v in (y, y_test))
    scales = {"implicit_scale": implicit_scale, "output_scale": output_scale, "centered": centered}
    net = it.EquilibriumNetwork(n_inputs, width, seed=seed, solver=it.Picard(rtol=1e-7), **scales)
    net0 = copy.deepcopy(net)
    history = train(
        net,
        p.X,
        y,
        method=ExponentialFlow(rtol=0.1),
        until=Until(loss=n_samples * loss / 2, steps=100),
        record=Record(every=1, movement=False, norm=False, spectrum=False),
        throw=False,
    )
    status = history.attrs["status"]
    row = {
        "status": "finished" if status == TrainingStatus.LOSS_REACHED else str(status),
        "infinite_width": 2 * infinite_width_prediction(p.X, y, p.X_test, **scales).bound,
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


_SCALES, _OUTPUT_SCALES = [0.1, 0.2, 0.3, 0.4], [1.0, 10.0, 1e2, 1e3, 1e4, 1e5]

BOUND = Study(
    "bound",
    "What does the computable bound say of a trained network, and where does it say anything?",
    bound_terms,
    tuple(
        cell
        for labels, scales, output_scales, sizes in (
            ("true", _SCALES, _OUTPUT_SCALES, [200]),
            ("shuffled", _SCALES, _OUTPUT_SCALES, [200]),
            ("true", [0.2], [1e2, 1e5], [50, 100, 400, 800, 1600]),
        )
        for cell in grid(
            labels=[labels],
            n_inputs=[3],
            width=[512],
            centered=[True],
            seed=[0],
            implicit_scale=scales,
            output_scale=output_scales,
            n_samples=sizes,
        )
    ),
)

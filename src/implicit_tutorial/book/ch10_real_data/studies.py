"""Real data: digits, learned by the implicit layer alone, by all layers, and by the limit kernel."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial import data
from implicit_tutorial.book.networks import end
from implicit_tutorial.book.study import Study, grid
from implicit_tutorial.generalization import infinite_width_prediction
from implicit_tutorial.training import ExponentialFlow, Record, TrainingStatus, Until, train

#: The sets of layers that are compared, by the names of the table.
LAYERS = {"implicit layer": ("implicit",), "all layers": ("implicit", "output", "input")}


def digits_network(
    *,
    task: str,
    layers: str,
    width: int,
    output_scale: float,
    implicit_scale: float,
    seed: int,
    n_train: int,
    loss: float = 1e-2,
) -> dict[str, Any]:
    """Accuracy on the images that were not trained on, after gradient flow on the named layers.

    Args:
        task: ``"parity"`` or ``"one_vs_rest"``.
        layers: a key of :data:`LAYERS`.
        seed: of the network; the split of the images is the same for all.
        loss: mean square training error, per output, at which to stop.
    """
    d = data.digits(task, n_train=n_train)
    net = it.EquilibriumNetwork(
        64,
        width,
        implicit_scale=implicit_scale,
        output_scale=output_scale,
        n_outputs=None if d.y.ndim == 1 else d.y.shape[1],
        seed=seed,
        solver=it.Picard(rtol=1e-6, max_steps=500),
    )
    history = train(
        net,
        d.X,
        d.y,
        layers=LAYERS[layers],
        method=ExponentialFlow(rtol=0.1),
        until=Until(loss=d.y.numel() * loss / 2, steps=100),
        record=Record(every=1, norm=False, spectrum=False),
        throw=False,
    )
    status = history.attrs["status"]
    row = {
        "status": "finished" if status == TrainingStatus.LOSS_REACHED else str(status),
        "train_error": 2 * history["train_loss"].iloc[-1] / d.y.numel(),
        "movement": history["movement"].iloc[-1],
        "steps": len(history) - 1,
        "n_test": len(d.y_test),
        **end(net, d.X, d.y),
    }
    if row["status"] == "finished":
        with torch.no_grad():
            try:
                row |= _score(net(d.X_test), d.y_test, d.labels_test)
            except it.EquilibriumError:
                row["status"] = "no equilibrium found at a test point"
    return row


def digits_kernel(
    *, task: str, layers: str, output_scale: float, implicit_scale: float, n_train: int
) -> dict[str, Any]:
    """The same at infinite width: accuracy of the mean predictor, and the expected error (C16)."""
    d = data.digits(task, n_train=n_train)
    setting = {"implicit_scale": implicit_scale, "output_scale": output_scale, "layers": LAYERS[layers]}
    prediction = infinite_width_prediction(d.X, d.y, d.X_test, d.y_test, **setting)
    return {
        "n_test": len(d.y_test),
        **_score(prediction.mean, d.y_test, d.labels_test),
        "test_error": prediction.test_error,
        "bias2": prediction.bias2,
        "var": prediction.var,
        "labels_price": prediction.labels_price,
        "bound": prediction.bound,
    }


def _score(f: Tensor, y: Tensor, labels: Tensor) -> dict[str, Any]:
    """Mean square error per output; how many images are right in parity, or in digit, and which are wrong.

    The numbers of the wrong ones are one string: a paired test needs them, and no tolerance applies to them.
    """
    right = (f.sign() == y) if y.ndim == 1 else (f.argmax(dim=1) == labels)
    wrong = (~right).nonzero().flatten().tolist()
    return {
        "test_error": (f - y).square().mean(),
        "correct": int(right.sum()),
        "wrong": " ".join(map(str, wrong)),
    }


NETWORKS = Study(
    "digits",
    "Do the same laws hold on real data?",
    digits_network,
    grid(
        task=["parity"],
        layers=list(LAYERS),
        implicit_scale=[0.5],
        output_scale=[1.0],
        n_train=[500],
        width=[128, 256, 512],
        seed=range(2),
    )
    + grid(
        task=["one_vs_rest"],
        layers=list(LAYERS),
        implicit_scale=[0.5],
        output_scale=[1.0],
        n_train=[150],
        width=[128],
        seed=[0],
    ),
)

KERNELS = Study(
    "digits_kernel",
    "And what does the kernel do on them?",
    digits_kernel,
    grid(
        task=["parity", "one_vs_rest"],
        layers=list(LAYERS),
        implicit_scale=[0.5],
        output_scale=[1.0],
        n_train=[150, 500, 1000],
    ),
    rtol=1e-5,
)

"""The ratios of the table: each measured by a function that returns its rows.

A row holds the ratio as its ``value`` (of a frame its milliseconds), the times or bytes behind it, and
``accuracy``, the error of what was timed. Every function takes its sizes as arguments, so that a test can
run it small.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
import torch

import implicit_tutorial as it
from benchmarks import peers
from benchmarks.frames import SPECTRA, frames
from benchmarks.in_page import in_page
from benchmarks.library import certifying, importing, limit, many_labels, proving
from benchmarks.many import batch, ensemble, flows
from benchmarks.memory import peak
from benchmarks.setting import EVERY_STEP, SPARSE, Setting, Step, medians

Row = dict[str, Any]
WIDTHS = (256, 1024, 2048)


def one_sweep(eta: float, fused: int = 1) -> it.SingleSweep:
    """A method that keeps to one sweep each way as long as a state lags by less than a fifth."""
    return it.SingleSweep(step=eta, fused=fused, tolerance=0.2)


def single_sweep(
    setting: Setting,
    widths: Sequence[int] = WIDTHS,
    *,
    peer: str,
    steps: int = 100,
    peer_steps: int = 100,
    repeats: int = 5,
    fused: Sequence[int] = (1, 2),
    **options: Any,
) -> Iterator[Row]:
    """Seconds of a gradient step of the peer and of SingleSweep, each in a training from the start.

    ``accuracy`` is the relative distance of SingleSweep's loss after all steps from that of gradient descent
    with converged equilibria and adjoints, ``curve`` the largest on the way; ``peer_accuracy`` is the latter
    for the peer. Beside the explicit layer, ``harder`` is the accuracy for a target with a quadratic part.
    """
    X, y = setting.data()
    for width in widths:
        eta = setting.step(width)
        exact = _converged(setting, width, eta, steps)
        losses: dict[str, np.ndarray] = {}

        def ours(count: int, width: int = width, eta: float = eta, losses: dict = losses) -> float:
            run = setting.run(width, one_sweep(eta, count))
            seconds = setting.seconds(lambda: run.advance(it.Until(steps=steps // count)))
            losses[f"fused {count}"] = run.history.train_loss.to_numpy()
            return seconds / (steps // count * count)

        def theirs(width: int = width, eta: float = eta, losses: dict = losses) -> float:
            step: Step = getattr(peers, peer)(setting.network(width), X, y, eta, **options)
            seen: list[torch.Tensor] = []
            seconds = setting.seconds(lambda: seen.extend(step() for _ in range(peer_steps)))
            losses["peer"] = torch.stack(seen).to("cpu", torch.float64).numpy()
            return seconds / peer_steps

        def rounds(ours: Callable = ours, theirs: Callable = theirs) -> dict[str, float]:
            return {"peer": theirs(), **{f"fused {count}": ours(count) for count in fused}}

        times = medians(rounds, repeats)
        for count in fused:
            distance = np.abs(losses[f"fused {count}"] / exact[::count] - 1)
            row = {
                "width": width,
                "fused": count,
                "seconds": times[f"fused {count}"],
                "peer_seconds": times["peer"],
                "accuracy": distance[-1],
                "curve": distance.max(),
            }
            if peer == "explicit":  # another network, with another curve
                other = replace(setting, target="linear_quadratic")
                run = other.run(width, one_sweep(eta, count))
                last = run.advance(it.Until(steps=steps // count)).train_loss.iloc[-1]
                row["harder"] = abs(last / _converged(other, width, eta, steps)[-1] - 1)
            else:
                row["peer_accuracy"] = np.abs(losses["peer"] / exact[:peer_steps] - 1).max()
            mine, other = row["seconds"], row["peer_seconds"]
            yield row | {"value": mine / other if peer == "explicit" else other / mine, **options}


@cache
def _converged(setting: Setting, width: int, eta: float, steps: int) -> np.ndarray:
    """(steps + 1,) losses of gradient descent that solves for every equilibrium and adjoint."""
    run = setting.run(width, it.GradientDescent(step=eta))
    return run.advance(it.Until(steps=steps)).train_loss.to_numpy()


def flow(
    setting: Setting, widths: Sequence[int] = WIDTHS, *, peer_steps: int = 8, repeats: int = 3
) -> Iterator[Row]:
    """Seconds of gradient flow to t = 8/λ_min by torchdeq with steps of 1/λ_max, and by ExponentialFlow.

    ExponentialFlow's tolerances are those that one per cent asks for; the peer's time is that of a step times
    their number. ``accuracy`` is the distance of ExponentialFlow's predictor from a small-step reference's on
    fresh inputs, relative to the latter.
    """
    X, y = setting.data()
    X_new, _ = setting.data(256, seed=1)
    for width in widths:
        values = setting.eigenvalues(width)
        unit, end = 1 / float(values[-1]), 8 / float(values[0])
        runs: list[it.training.Run] = []

        def rounds(width: int = width, unit: float = unit, end: float = end, runs: list = runs) -> dict:
            step = peers.torchdeq(setting.network(width), X, y, unit)
            step()  # the only solve that starts from nothing
            theirs = setting.seconds(lambda: [step() for _ in range(peer_steps)]) / peer_steps
            net = setting.network(width)
            net.solver = it.Picard(rtol=1e-3)
            run = it.training.Run(net, X, y, method=it.ExponentialFlow(rtol=0.07), record=SPARSE)
            runs[:] = [run]
            ours = setting.seconds(lambda: run.advance(it.Until(time=end)))
            return {"peer": theirs, "flow": ours}

        times = medians(rounds, repeats)
        reference = _reference(setting, width, unit, end)
        with torch.no_grad():
            runs[0].net.solver = reference.solver
            here, there = runs[0].net(X_new), reference(X_new)
        count = math.ceil(end / unit)
        yield {
            "width": width,
            "seconds": times["flow"],
            "steps": runs[0].step,
            "peer_seconds": times["peer"] * count,
            "peer_steps": count,
            "accuracy": float((here - there).norm() / there.norm()),
            "value": times["peer"] * count / times["flow"],
        }


def _reference(setting: Setting, width: int, unit: float, end: float) -> it.EquilibriumNetwork:
    """The network after small steps: a twentieth of 1/λ_max while the fast modes decay, then longer ones, all
    with equilibria and adjoints to 1e-3."""
    net, data = setting.network(width), setting.data()
    start = 0.0
    for eta, stop in ((0.05 * unit, 3 * unit), (0.2 * unit, 10 * unit), (0.8 * unit, end)):
        method, until = it.SingleSweep(step=eta, tolerance=1e-3), it.Until(time=min(stop, end) - start)
        it.train(net, *data, method=method, until=until, record=EVERY_STEP)
        start = min(stop, end)
    return net


def memory(setting: Setting, *, width: int = 4096, n_samples: int = 256, steps: int = 3) -> Iterator[Row]:
    """Peak bytes of training, over those of A, its update, and ten n×m arrays."""
    size = torch.empty((), dtype=setting.dtype).element_size()
    allowance = size * (2 * width**2 + 10 * n_samples * width)
    methods = {
        "SingleSweep": it.SingleSweep(),
        "SingleSweep, converged": it.SingleSweep(tolerance=1e-4),
        "GradientDescent": it.GradientDescent(),
    }
    for name, method in methods.items():
        found = peak(setting, width, n_samples, method, steps)
        yield {
            "width": width,
            "n_samples": n_samples,
            "method": name,
            "sweeps": found["sweeps"],
            "bytes": found["bytes"],
            "allowance": allowance,
            "accuracy": found["residual"],
            "value": found["bytes"] / allowance,
        }


def flow_memory(
    setting: Setting, *, n_samples: int = 4000, width: int = 512, steps: int = 3
) -> Iterator[Row]:
    """Peak bytes of some steps of ExponentialFlow, over three n×n arrays; ``accuracy`` is the residual."""
    setting = replace(setting, target="linear_quadratic", dtype=torch.float64)
    found, allowance = peak(setting, width, n_samples, it.ExponentialFlow(), steps), 3 * 8 * n_samples**2
    yield {
        "width": width,
        "n_samples": n_samples,
        "bytes": found["bytes"],
        "allowance": allowance,
        "seconds": found["seconds"],
        "accuracy": found["residual"],
        "value": found["bytes"] / allowance,
    }


def beside_products(setting: Setting, width: int, repeats: int, most: int = 50) -> Row:
    """Seconds of a SingleSweep step, beside three bare n×m×m products on the same tensors."""
    run = setting.run(width, one_sweep(setting.step(width)))
    run.advance(it.Until(steps=3))
    inner = max(1, min(most, 2048**2 // width**2))
    z, p = torch.rand_like(run.problem.injection), torch.zeros_like(run.problem.injection)
    A, out = run.net.Theta.data, torch.empty_like(z)

    def products() -> None:
        torch.mm(z, A.T, out=out)
        torch.mm(z, A, out=out)
        A.addmm_(p.T, z)

    def rounds() -> dict[str, float]:
        until = it.Until(steps=run.step + inner)
        return {
            "step": setting.seconds(lambda: run.advance(until)) / inner,
            "floor": setting.seconds(lambda: [products() for _ in range(inner)]) / inner,
        }

    times = medians(rounds, repeats)
    lag = float(run.history.residual.iloc[-1])
    return {"width": width, "seconds": times["step"], "floor_seconds": times["floor"], "lag": lag}


def scaling(
    setting: Setting, widths: Sequence[int] = (256, 512, 1024, 2048, 4096, 8192), *, repeats: int = 5
) -> Iterator[Row]:
    """The power law of a step's seconds in the width, and how far each time is from it."""
    rows = [beside_products(setting, width, repeats) for width in widths]
    logs = np.log([[row["width"], row["seconds"]] for row in rows])
    exponent, offset = np.polyfit(*logs.T, 1)
    fit = np.exp(offset + exponent * logs[:, 0])
    for row, expected in zip(rows, fit, strict=True):
        yield row | {"accuracy": abs(row["seconds"] / expected - 1), "value": exponent}


def floor(
    setting: Setting, widths: Sequence[int] = (64, 128, 256, 1024, 2048), *, repeats: int = 5
) -> Iterator[Row]:
    """A step over its three products, many in a row, because it is short; ``accuracy`` is the states' lag."""
    for width in widths:
        row = beside_products(setting, width, repeats, most=500)
        yield row | {"accuracy": row["lag"], "value": row["seconds"] / row["floor_seconds"]}


#: What to measure for each ratio of the table, in its order.
RATIOS: dict[str, Callable[[Setting], Iterator[Row]]] = {
    "explicit": partial(single_sweep, peer="explicit"),
    "torchdeq": partial(single_sweep, peer="torchdeq", peer_steps=10, repeats=3),
    "unrolled": partial(single_sweep, peer="unrolled", peer_steps=10, repeats=3),
    "flow": flow,
    "memory": memory,
    "flow memory": flow_memory,
    "ensemble": ensemble,
    "batch": batch,
    "flows": flows,
    "exponent": scaling,
    "page": in_page,
    "frame": frames,
    "spectrum": partial(frames, figures=SPECTRA),
    "floor": floor,
    "labels": many_labels,
    "limit": limit,
    "certify": certifying,
    "prove": proving,
    "import": importing,
}

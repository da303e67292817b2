"""The ratios of many networks at once: to one after the other, and to their bare products."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch

import implicit_tutorial as it
from benchmarks.setting import SPARSE, Setting, medians

Row = dict[str, Any]
#: Networks of 64 units lose their equilibria at κ = 1 (C18), some of them early.
_OUTPUT_SCALE = 4.0


def ensemble(
    setting: Setting, *, width: int = 64, seeds: int = 16, steps: int = 200, repeats: int = 5
) -> Iterator[Row]:
    """Seconds of training many networks by SingleSweep as one batch, and one after the other."""
    setting = replace(setting, output_scale=_OUTPUT_SCALE)
    method = it.SingleSweep(fraction=setting.fraction, tolerance=0.2)

    def networks() -> list[it.EquilibriumNetwork]:
        return [setting.network(width, seed=seed) for seed in range(seeds)]

    yield _beside_one_by_one(setting, networks, method, it.Until(steps=steps), repeats)


def flows(
    setting: Setting, *, width: int = 64, seeds: int = 16, n_samples: int = 60, repeats: int = 3
) -> Iterator[Row]:
    """The same of ExponentialFlow, in float64, for networks of four different pairs of scales."""
    setting = replace(setting, n_samples=n_samples, dtype=torch.float64, target="linear_quadratic")

    def networks() -> list[it.EquilibriumNetwork]:
        scales = [replace(setting, implicit_scale=a, output_scale=k) for a in (0.3, 0.6) for k in (4.0, 8.0)]
        return [scales[seed % 4].network(width, seed=seed) for seed in range(seeds)]

    yield _beside_one_by_one(setting, networks, it.ExponentialFlow(), it.Until(time=5.0), repeats)


def _beside_one_by_one(
    setting: Setting,
    networks: Callable[[], list[it.EquilibriumNetwork]],
    method: it.SingleSweep | it.ExponentialFlow,
    until: it.Until,
    repeats: int,
) -> Row:
    """``accuracy`` is the largest distance of an output that was learned, relative to the labels."""
    X, y = setting.data()
    options = {"method": method, "until": until, "record": SPARSE}
    size = float(y.norm()) / len(y) ** 0.5
    apart: list[float] = []

    def alone(nets: list[it.EquilibriumNetwork]) -> None:
        for net in nets:
            it.train(net, X, y, **options)

    def rounds() -> dict[str, float]:
        first, second = networks(), networks()
        times = {
            "alone": setting.seconds(lambda: alone(first)),
            "together": setting.seconds(lambda: it.train_ensemble(second, X, y, **options)),
        }
        with torch.no_grad():
            apart.extend(float((a(X) - b(X)).abs().max()) / size for a, b in zip(first, second, strict=True))
        return times

    times = medians(rounds, repeats)
    nets = networks()
    return {
        "width": nets[0].width,
        "seeds": len(nets),
        "n_samples": len(X),
        "seconds": times["together"],
        "peer_seconds": times["alone"],
        "accuracy": max(apart),
        "value": times["together"] / times["alone"],
    }


def batch(
    setting: Setting, *, width: int = 64, seeds: int = 16, inner: int = 200, repeats: int = 5
) -> Iterator[Row]:
    """Seconds of a SingleSweep step of many networks over its three batched products.

    ``accuracy`` is the largest lag of a network's states.
    """
    setting = replace(setting, output_scale=_OUTPUT_SCALE)
    X, y = setting.data()
    method = it.SingleSweep(fraction=setting.fraction, tolerance=0.2)
    runs = [it.Run(setting.network(width, seed=s), X, y, method=method, record=SPARSE) for s in range(seeds)]
    with torch.no_grad():
        members = method.start_together([run.problem for run in runs])
        sweeper = members[0].sweeper
        eta = torch.tensor([member.eta for member in members]).to(sweeper.b)
        z, p = torch.rand_like(sweeper.z), torch.zeros_like(sweeper.z)
        A, out = sweeper.Theta.clone(), torch.empty_like(sweeper.z)
        lags: list[float] = []

        def products() -> None:
            torch.bmm(z, A.mT, out=out)
            torch.bmm(z, A, out=out)
            A.baddbmm_(p.mT, z)

        def rounds() -> dict[str, float]:
            return {
                "step": setting.seconds(lambda: [lags.extend(sweeper.step(eta)) for _ in range(inner)]),
                "floor": setting.seconds(lambda: [products() for _ in range(inner)]),
            }

        times = medians(rounds, repeats)
    yield {
        "width": width,
        "seeds": seeds,
        "seconds": times["step"] / inner,
        "floor_seconds": times["floor"] / inner,
        "accuracy": float(np.max(lags)),
        "value": times["step"] / times["floor"],
    }

"""The task that all benchmarks share, and the clock."""

from __future__ import annotations

import os
import shutil
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial.training import Record, Run
from implicit_tutorial.training.descent import stability_limit

#: What a run writes down: the loss, and none of the columns that take time.
SPARSE = Record(movement=False, norm=False, spectrum=False)
EVERY_STEP = replace(SPARSE, every=1)

Step = Callable[[], Tensor]
"""A training step; returns the loss before it, which a device may still be computing."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Inputs on the sphere, a target of the library, and random networks for them."""

    target: str = "linear"

    n_samples: int = 64
    n_inputs: int = 10
    implicit_scale: float = 0.7
    output_scale: float = 1.0
    fraction: float = 0.15
    """Of the stability limit 2/λ_max: a step of 0.3/λ_max."""
    dtype: torch.dtype = torch.float32
    device: str = "cpu"

    def data(self, n_samples: int | None = None, seed: int = 0) -> tuple[Tensor, Tensor]:
        """(n, d) inputs and their (n,) labels."""
        X = it.data.sphere(n_samples or self.n_samples, self.n_inputs, seed=seed, dtype=self.dtype)
        return X.to(self.device), getattr(it.data, self.target)(X).to(self.device)

    def network(self, width: int, seed: int = 1) -> it.EquilibriumNetwork:
        return it.EquilibriumNetwork(
            self.n_inputs,
            width,
            implicit_scale=self.implicit_scale,
            output_scale=self.output_scale,
            seed=seed,
            dtype=self.dtype,
            device=self.device,
        )

    def eigenvalues(self, width: int) -> Tensor:
        """(n,) eigenvalues of the implicit layer's tangent kernel at initialization, ascending."""
        K = it.network_kernels(self.network(width), self.data()[0]).implicit
        return torch.linalg.eigvalsh(K.to(torch.float64)).cpu()

    def step(self, width: int) -> float:
        """η = 0.3/λ_max."""
        X, _ = self.data()
        return self.fraction * stability_limit(it.network_kernels(self.network(width), X).implicit)

    def run(self, width: int, method: object) -> Run:
        """A run that has evaluated its network and not yet taken a step."""
        run = Run(self.network(width), *self.data(), method=method, record=EVERY_STEP)
        run.advance(it.Until(steps=0))
        return run

    def synchronize(self) -> None:
        """Wait until the device has done what was asked of it."""
        if self.device != "cpu":
            torch.cuda.synchronize()

    def seconds(self, work: Callable[[], object]) -> float:
        """How long the work takes."""
        self.synchronize()
        start = time.perf_counter()
        work()
        self.synchronize()
        return time.perf_counter() - start


def medians(rounds: Callable[[], Mapping[str, float]], repeats: int) -> dict[str, float]:
    """The median of each time over the repeats; what is compared is measured in turn, under the same load."""
    measured = [rounds() for _ in range(repeats)]
    return {name: statistics.median(times[name] for times in measured) for name in measured[0]}


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser without a window: Debian's, or that of the variable CHROMIUM."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = os.environ.get("CHROMIUM") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()

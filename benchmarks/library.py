"""The ratios of what is no step of training: importing, infinite width, certificates, many labels."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest import mock

import numpy as np
import torch

import implicit_tutorial as it
from benchmarks.setting import SPARSE, Setting, medians
from implicit_tutorial.equilibrium import spectra
from implicit_tutorial.training import flow

Row = dict[str, Any]


def importing(setting: Setting, *, repeats: int = 7) -> Iterator[Row]:
    """Processor seconds of importing the library and of importing torch, each in a process of its own.

    ``accuracy`` is how far the ratio of one repeat was from the median. The device does not matter.
    """
    if setting.device != "cpu":
        return

    def seconds(name: str) -> float:
        code = f"import time; start = time.process_time(); import {name}; print(time.process_time() - start)"
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        return float(done.stdout)

    seen: list[float] = []

    def rounds() -> dict[str, float]:
        times = {"torch": seconds("torch"), "library": seconds("implicit_tutorial")}
        seen.append(times["library"] / times["torch"])
        return times

    times = medians(rounds, repeats)
    yield {
        "seconds": times["library"],
        "peer_seconds": times["torch"],
        "accuracy": max(abs(ratio / statistics.median(seen) - 1) for ratio in seen),
        "value": times["library"] / times["torch"],
    }


def limit(setting: Setting, *, n_samples: int = 10_000, repeats: int = 3) -> Iterator[Row]:
    """Seconds of the infinitely wide kernels, over 1.5 products of size n·n·d and 40 elementwise passes.

    ``accuracy`` is the largest distance of Π from that in float64, on some of the rows, relative to its
    largest entry.
    """
    X, _ = setting.data(n_samples)
    scale = {"implicit_scale": setting.implicit_scale}
    first, second = (torch.rand(n_samples, n_samples).to(X) for _ in range(2))
    out = torch.empty_like(first)

    def rounds() -> dict[str, float]:
        return {
            "product": setting.seconds(lambda: torch.mm(X, X.T, out=out)),
            "passes": setting.seconds(lambda: [torch.mul(first, second, out=out) for _ in range(40)]),
            "kernels": setting.seconds(lambda: it.limit_kernels(X, **scale).implicit),
        }

    times, some = medians(rounds, repeats), X[:200]
    exact = it.limit_kernels(some.double(), **scale).backward
    error = (it.limit_kernels(some, **scale).backward - exact).abs().max() / exact.max()
    allowance = 1.5 * times["product"] + times["passes"]
    yield {
        "n_samples": n_samples,
        "seconds": times["kernels"],
        "peer_seconds": allowance,
        "accuracy": float(error),
        "value": times["kernels"] / allowance,
    }


def certifying(setting: Setting, *, width: int = 4096, repeats: int = 3) -> Iterator[Row]:
    """Seconds of ``certify`` over those of scipy for the same four numbers, which scipy does not verify.

    ``accuracy`` is how far the two are apart in ‖A‖₂ and λ_max((A + Aᵀ)/2), in float64.
    """
    from scipy.sparse.linalg import eigs, eigsh, svds

    A = replace(setting, dtype=torch.float64).network(width).A.detach()
    M = A.cpu().numpy()
    options = {"k": 1, "return_eigenvectors": False}
    found: dict[str, list[float]] = {}

    def scipys() -> None:
        norm = svds(M, k=1, return_singular_vectors=False)[0]
        monotone = eigsh((M + M.T) / 2, which="LA", **options)[0]
        eigs(np.abs(M), **options)
        spectra._arpack("eigs", M.dot, width, which="LM", tol=1e-6, **options)
        found["scipy"] = [float(norm), float(monotone)]

    def ours() -> None:
        certificate = it.certify(A)
        found["ours"] = [certificate[name].value for name in ("spectral_norm", "monotone")]

    times = medians(lambda: {"scipy": setting.seconds(scipys), "ours": setting.seconds(ours)}, repeats)
    yield {
        "width": width,
        "seconds": times["ours"],
        "peer_seconds": times["scipy"],
        "accuracy": max(abs(a / b - 1) for a, b in zip(found["ours"], found["scipy"], strict=True)),
        "value": times["ours"] / times["scipy"],
    }


def proving(setting: Setting, *, n_samples: int = 200, width: int = 2048, repeats: int = 3) -> Iterator[Row]:
    """Seconds of ``convergence_certificate`` over those of the numbers it is made of, none of them verified.

    The peer takes ‖A‖₂ and λ_max((A + Aᵀ)/2) from scipy or LAPACK, whichever is quicker, and the singular
    values of J from its kernel. ``accuracy`` is how far the two are apart in ‖A‖₂ and σ_min(J).
    """
    from scipy.sparse.linalg import eigsh, svds

    setting = replace(setting, dtype=torch.float64, n_samples=n_samples, implicit_scale=0.4)
    (X, y), net = setting.data(), setting.network(width)
    A = net.A.detach()
    M, found = A.cpu().numpy(), {}

    def krylov() -> None:
        found["norm"] = float(svds(M, k=1, return_singular_vectors=False)[0])
        eigsh((M + M.T) / 2, which="LA", k=1, return_eigenvectors=False)

    def dense() -> None:
        torch.linalg.svdvals(A)
        torch.linalg.eigvalsh((A + A.T) / 2)

    def kernel() -> None:
        # The kernel of Θ is σ_A²/m times JJᵀ.
        K = it.network_kernels(net, X).implicit * width / net.implicit_scale**2
        found["least"] = float(torch.linalg.eigvalsh(K)[0]) ** 0.5

    def ours() -> None:
        found["ours"] = it.convergence_certificate(net, X, y, claim="C12")

    works = {"ours": ours, "krylov": krylov, "dense": dense, "kernel": kernel}
    times = medians(lambda: {name: setting.seconds(work) for name, work in works.items()}, repeats)
    peer = min(times["krylov"], times["dense"]) + times["kernel"]
    pairs = [(found["ours"].rho0, found["norm"]), (found["ours"].s0, found["least"])]
    yield {
        "width": width,
        "n_samples": n_samples,
        "seconds": times["ours"],
        "peer_seconds": peer,
        "accuracy": max(abs(a / b - 1) for a, b in pairs),
        "value": times["ours"] / peer,
    }


def many_labels(
    setting: Setting, *, n_samples: int = 1200, width: int = 512, loss: float = 6.0, repeats: int = 1
) -> Iterator[Row]:
    """Seconds of ExponentialFlow to a loss, over those of the same flow by eigenvectors of its kernels.

    ``accuracy`` is how far the last loss of the one is from that of the other.
    """
    setting = replace(setting, n_samples=n_samples, target="linear_quadratic", dtype=torch.float64)
    last: dict[str, float] = {}

    def trained(name: str, dense: int) -> float:
        net = setting.network(width)
        with mock.patch.object(flow, "_DENSE", dense):
            run = it.Run(net, *setting.data(), method=it.ExponentialFlow(), record=SPARSE)
            seconds = setting.seconds(lambda: run.advance(it.Until(loss=loss)))
        last[name] = run.history.train_loss.iloc[-1]
        return seconds

    def rounds() -> dict[str, float]:
        return {"products": trained("products", 0), "vectors": trained("vectors", n_samples)}

    times = medians(rounds, repeats)
    yield {
        "width": width,
        "n_samples": n_samples,
        "seconds": times["products"],
        "peer_seconds": times["vectors"],
        "accuracy": abs(last["products"] / last["vectors"] - 1),
        "value": times["products"] / times["vectors"],
    }

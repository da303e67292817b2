"""Three relatives of the equilibrium: finitely many tied layers, a flow in time, a feed-forward stack."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from implicit_tutorial.equilibrium.checks import check_finite, check_float, check_problem, check_rows, checked


@checked
def unrolled(A: Tensor, b: Tensor, depth: int) -> Tensor:
    """(n, m) state of ``depth`` layers z ← relu(Az + b) with shared weights, from zero; autograd goes
    through every layer (Dabre & Fujita 2019; C3).

    Args:
        A: (m, m) matrix of every layer.
        b: (n, m) injections, one sample a row.
        depth: number of layers; 0 is the zero state.

    Raises:
        ValueError, TypeError: wrong shape, dtype or device, by name; a negative depth.
    """
    check_problem(A, b=b)
    check_finite(A=A, b=b)
    if depth < 0:
        raise ValueError(f"depth={depth}: a network cannot have fewer than no layers.")
    z = torch.zeros_like(b)
    for _ in range(depth):
        z = torch.relu(torch.addmm(b, z, A.T))
    return z


@checked
def continuous_depth(
    A: Tensor,
    b: Tensor,
    z0: Tensor,
    times: Tensor,
    *,
    time_constant: float = 1.0,
    rtol: float = 1e-6,
    atol: float = 1e-8,
) -> Tensor:
    """(len(times), n, m) solution of τ dz/ds = −z + relu(Az + b) from z0, by adaptive Runge–Kutta steps
    (Chen et al. 2018, Rubanova et al. 2019): its rest points are the equilibria.

    Args:
        A: (m, m) implicit-layer matrix.
        b: (n, m) injections, one sample a row.
        z0: (n, m) states at the first time.
        times: increasing times, those of the result.
        time_constant: τ > 0; a large one makes the state slow to follow b.
        rtol, atol: of each step of the integrator.

    Raises:
        ValueError, TypeError: wrong shape, dtype or device, by name; a time constant that is not positive.
    """
    check_problem(A, b=b, z0=z0)
    check_finite(A=A, b=b, z0=z0)
    if b.shape != z0.shape:
        raise ValueError(
            f"z0 has shape {tuple(z0.shape)}, but b has {tuple(b.shape)}; give one row a sample."
        )
    check_float("times", times)
    if times.ndim != 1 or len(times) == 0 or not bool((torch.isfinite(times[:1]) & (times.diff() > 0)).all()):
        raise ValueError(
            f"times must be a 1-D tensor of increasing times; its shape is {tuple(times.shape)}."
        )
    for name, value in (("time_constant", time_constant), ("rtol", rtol), ("atol", atol)):
        if not 0 < value < math.inf:
            raise ValueError(f"{name}={value}: it must be positive.")
    from torchdiffeq import odeint  # slow to import, and nothing else here needs it

    def velocity(_s: Tensor, z: Tensor) -> Tensor:
        return (torch.relu(torch.addmm(b, z, A.T)) - z) / time_constant

    return odeint(velocity, z0, times, rtol=rtol, atol=atol)


@checked
def as_equilibrium(
    weights: Sequence[Tensor], X: Tensor, *, feedback: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """A and b of the equilibrium network that is relu(W_L ⋯ relu(W_1 x)), the last layer first (El Ghaoui
    et al. 2021; C2).

    Args:
        weights: W_1 (m_1, d), W_2 (m_2, m_1), …, W_L (m_L, m_{L−1}).
        X: (n, d) inputs.
        feedback: (m_1, m_L) weights from the last layer back to the first; none by default.

    Returns:
        A (m, m), block strictly upper triangular without feedback, and b (n, m), with m = m_1 + … + m_L.
    """
    if len(weights) == 0:
        raise ValueError("weights is empty; a network has at least one layer.")
    check_float("X", X)
    check_rows(X, X.shape[-1] if X.ndim else -1, "X", X, row="input", column="input dimension")
    columns, before = X.shape[1], "coordinate of X"
    for k, W in enumerate(weights):
        check_rows(W, columns, f"weights[{k}]", X, row="unit", column=before)
        columns, before = len(W), "unit of the layer before"
    if feedback is not None:
        check_rows(feedback, len(weights[-1]), "feedback", X, row="unit", column="unit of the last layer")
        if len(feedback) != len(weights[0]):
            raise ValueError(
                f"feedback has shape {tuple(feedback.shape)}; it needs one row for each of the "
                f"{len(weights[0])} units of the first layer."
            )
    check_finite(X=X, feedback=feedback, **{f"weights[{k}]": W for k, W in enumerate(weights)})
    sizes = [len(W) for W in weights]
    ends = np.cumsum(sizes[::-1])[::-1].tolist()  # layer k occupies ends[k] − sizes[k] … ends[k]
    where = [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]
    A = X.new_zeros(sum(sizes), sum(sizes))
    for k in range(1, len(weights)):
        A[where[k], where[k - 1]] = weights[k]
    if feedback is not None:
        A[where[0], where[-1]] = feedback
    b = X.new_zeros(len(X), sum(sizes))
    b[:, where[0]] = X @ weights[0].T
    return A, b

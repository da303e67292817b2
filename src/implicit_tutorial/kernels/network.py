"""The kernels of one network, from its states and adjoint states; no Jacobian is ever formed."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.utils import parametrize

from implicit_tutorial.equilibrium.checks import check_finite, check_rows, checked
from implicit_tutorial.equilibrium.solve import adjoint
from implicit_tutorial.kernels.layers import layer_kernels
from implicit_tutorial.kernels.result import Kernels
from implicit_tutorial.network import EquilibriumNetwork


@checked
def network_kernels(net: EquilibriumNetwork, X: Tensor, X2: Tensor | None = None) -> Kernels:
    """K(x, x') = ⟨∂f(x), ∂f(x')⟩ for each layer: κ²σ_A² (z·z'/m)(u·u'/m) for Θ, and its siblings (C9).

    Two solves and two n × n' Gram matrices: O(nm² + nn'm) time, O(nm + nn') memory.

    Args:
        net: the network; with k outputs see :class:`Kernels` for the shapes.
        X: (n, d) inputs.
        X2: (n', d) other inputs; X itself by default.

    Raises:
        ValueError, TypeError: inputs of the wrong shape, dtype or device, or not finite; a
            constrained network.
        EquilibriumError: an equilibrium or an adjoint did not converge.
    """
    if parametrize.is_parametrized(net):
        raise ValueError(
            "this network is constrained, so its tangent kernel is that of other parameters than Θ; these "
            "formulas are for a free Θ."
        )
    if X2 is not None:
        check_rows(X2, net.n_inputs, "X2", net.W, row="input", column="input dimension")
        check_finite(X2=X2)
    with torch.no_grad():
        first = (X, *states(net, X))
        factors = grams(first, first if X2 is None else (X2, *states(net, X2)))
        # One matrix for all outputs: they share the states.
        forward = factors["state"].reshape(len(X), len(X if X2 is None else X2))
        return Kernels(forward, factors["adjoint"], **layer_kernels(net, factors))


def states(net: EquilibriumNetwork, X: Tensor) -> tuple[Tensor, Tensor]:
    """The equilibria (n, m) of X, and their outputs' adjoints: (n, m) for g = v, (n, k, m) for k outputs."""
    A, z = net.A, net.equilibrium(X).z
    u = adjoint(A, *output_rows(net, z), solver=net.solver).u
    return z, u.reshape(len(z), *net.v.shape[1:], net.width)


def output_rows(net: EquilibriumNetwork, z: Tensor) -> tuple[Tensor, Tensor]:
    """(n·k, m) states, and the cotangents of their outputs: a row for each output at each sample."""
    if net.n_outputs is None:
        return z, net.v.expand(z.shape)
    (n, m), k = z.shape, net.n_outputs
    return z.repeat_interleave(k, dim=0), net.v.T.expand(n, k, m).reshape(n * k, m)


def grams(
    first: tuple[Tensor, Tensor, Tensor], second: tuple[Tensor, Tensor, Tensor]
) -> dict[str, float | Tensor]:
    """The Gram matrices that :class:`Layer` names, between two sets of (inputs, states, outputs' adjoints).

    Each is (n, n') for one output, and broadcasts to (n, k, n', k) for k.
    """
    (X, z, u), (X2, z2, u2) = first, second
    m = z.shape[1]
    state, inputs = z @ z2.T / m, X @ X2.T
    if u.ndim == 2:
        return {"adjoint": u @ u2.T / m, "state": state, "input": inputs, "output": 1.0}
    return {
        "adjoint": torch.einsum("iam,jbm->iajb", u, u2) / m,
        "state": state[:, None, :, None],
        "input": inputs[:, None, :, None],
        "output": torch.eye(u.shape[1], dtype=z.dtype, device=z.device)[None, :, None, :],
    }

"""What the figures of chapter 1 share: a network of width 256, and the states of its layers one by one."""

from __future__ import annotations

import torch
from torch import Tensor

import implicit_tutorial as it

WIDTH = 256


def network(scale: float, X: Tensor) -> tuple[it.EquilibriumNetwork, Tensor, Tensor]:
    """The network at a scale, its matrix A (m, m), and its injections b (n, m) of the inputs."""
    net = it.EquilibriumNetwork(X.shape[1], WIDTH, implicit_scale=scale, seed=0)
    return net, net.A.detach(), net.injection(X).detach()


def tied_states(A: Tensor, b: Tensor, depth: int, *, inject: bool = True) -> Tensor:
    """(depth + 1, n, m) states z_k = relu(A z_{k−1} + b), z_0 = 0.

    Without ``inject`` only the first layer sees b.
    """
    states = [torch.zeros_like(b), torch.relu(b)]
    for _ in range(depth - 1):
        states.append(torch.relu(states[-1] @ A.T + (b if inject else 0)))
    return torch.stack(states)

"""The networks with which the chapter begins, and their bounds in words."""

from __future__ import annotations

import copy
from textwrap import fill

from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial.generalization import PacBayesBound


def fit(
    y: Tensor, X: Tensor, *, output_scale: float = 100.0, width: int = 256
) -> tuple[it.EquilibriumNetwork, it.EquilibriumNetwork]:
    """A centered network before and after gradient flow on Θ alone."""
    scales = {"implicit_scale": 0.2, "output_scale": output_scale}
    net = it.EquilibriumNetwork(X.shape[1], width, centered=True, seed=0, **scales)
    before = copy.deepcopy(net)
    it.train(net, X, y, method=it.ExponentialFlow(rtol=0.1), until=it.Until(loss=len(X) * 5e-5))
    return before, net


def wrapped(result: PacBayesBound) -> str:
    """A bound in lines that fit the page."""
    return fill(str(result), 76)

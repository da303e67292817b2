"""What each layer's gradient and tangent kernel are made of (C9)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Layer:
    """∂f/∂θ = κ/√m · rate · left rightᵀ, so K = κ²σ² (left·left') ∘ (right·right') with u·u'/m, z·z'/m.

    ``left`` and ``right`` name vectors of a sample: its ``"adjoint"`` u, ``"state"`` z, ``"input"`` x, and
    ``"output"``, the unit vector of one of the outputs.
    """

    parameter: str
    """θ, an attribute of the network."""
    scale: str | None
    """σ, an attribute of the network; None for one."""
    left: str
    right: str

    def sigma(self, scales: Any) -> float | Tensor:
        """σ, out of a network or of anything that has its scales as attributes."""
        return 1.0 if self.scale is None else getattr(scales, self.scale)

    def rate(self, net: Any) -> float:
        """σ_A/√m for Θ, σ_U for W and 1 for v: a state on the right brings a 1/√m of its own."""
        return self.sigma(net) / (math.sqrt(net.width) if self.right == "state" else 1.0)

    def kernel(self, factor: float | Tensor, grams: Mapping[str, float | Tensor]) -> Tensor:
        """factor² (right·right') ∘ (left·left'), from the Gram matrices of the vectors by name."""
        return factor**2 * grams[self.right] * grams[self.left]


LAYERS = {
    "implicit": Layer("Theta", "implicit_scale", left="adjoint", right="state"),
    "output": Layer("v", None, left="state", right="output"),
    "input": Layer("W", "input_scale", left="adjoint", right="input"),
}


def layer_kernels(
    scales: Any, grams: Mapping[str, float | Tensor], layers: Iterable[str] = tuple(LAYERS)
) -> dict[str, Tensor]:
    """K of each layer by name, from u·u'/m, z·z'/m, x·x' and the identity between the outputs."""
    chosen = {name: LAYERS[name] for name in layers}
    kappa = scales.output_scale
    return {name: layer.kernel(kappa * layer.sigma(scales), grams) for name, layer in chosen.items()}

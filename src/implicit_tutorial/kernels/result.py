"""What both kernel functions return."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from implicit_tutorial.kernels.layers import LAYERS


@dataclass(frozen=True)
class Kernels:
    """The tangent kernel of each layer between two sets of inputs, and its two factors (C9, C10).

    Every field is an (n, n') matrix. For a network with k outputs all fields but ``forward`` are
    (n, k, n', k); ``implicit.reshape(n * k, -1)`` is then the kernel matrix.
    """

    forward: Tensor
    """Q = z·z'/m of the states."""
    backward: Tensor
    """Π = u·u'/m of the outputs' adjoints."""
    implicit: Tensor
    """κ²σ_A² Q ∘ Π: only Θ is trained."""
    output: Tensor
    """κ² Q: only v is trained."""
    input: Tensor
    """κ²σ_U² (x·x') ∘ Π: only W is trained."""

    @cached_property
    def full(self) -> Tensor:
        """implicit + output + input: all three layers are trained."""
        together = vars(self).get("_together")
        return together(tuple(LAYERS)) if together else self.implicit + self.output + self.input

    @classmethod
    def of_factors(
        cls, forward: Tensor, backward: Tensor, together: Callable[[Sequence[str]], Tensor]
    ) -> Kernels:
        """Kernels that are computed, by the names of their layers, when they are read, and kept from then."""
        kernels = cls.__new__(cls)
        vars(kernels).update(forward=forward, backward=backward, _together=together)
        return kernels

    def __getattr__(self, name: str) -> Tensor:
        together = vars(self).get("_together")
        if together is None or name not in LAYERS:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        kernel = vars(self)[name] = together((name,))
        return kernel

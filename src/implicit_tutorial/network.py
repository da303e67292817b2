"""The equilibrium network: three random layers, three scales, one fixed point."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from implicit_tutorial.equilibrium.checks import check_dtype, check_finite, check_rows, check_tensor, checked
from implicit_tutorial.equilibrium.gradient import Gradient
from implicit_tutorial.equilibrium.picard import Picard
from implicit_tutorial.equilibrium.refine import refined
from implicit_tutorial.equilibrium.solution import Solution
from implicit_tutorial.equilibrium.solve import solve
from implicit_tutorial.equilibrium.solver import Solver

#: The attributes that are the same for networks of one kind.
SCALES = ("implicit_scale", "input_scale", "output_scale")
SIZES_AND_SCALES = ("n_inputs", "width", "n_outputs", *SCALES)


class EquilibriumNetwork(nn.Module):
    """f(x) = κ v·z/√m with z = relu(Az + b), A = σ_A Θ/√m, b = σ_U W x, and Θ, W, v i.i.d. standard Gaussian.

    Args:
        n_inputs: d, the dimension of an input.
        width: m, the number of units.
        implicit_scale: σ_A. Below 1/2 the equilibrium is certified by ‖A‖₂ < 1, below 1/√2 by monotonicity
            (C5); Picard converges on typical inputs up to √2 (C6).
        input_scale: σ_U, the scale of the injection.
        output_scale: κ; a large one makes training lazy (C12, C18).
        centered: subtract the output at initialization, f − f₀, at the cost of a second solve and a copy
            of Θ, W, v.
        n_outputs: None for a scalar output of shape (n,); k for k outputs of shape (n, k), v then (m, k).
        seed: of the generator that draws Θ, W, v, always in float64 on the CPU, so that dtype and device do
            not change the draw.
        solver: used by ``net(X)``; ``Picard()`` by default.
        gradient: of ``net(X)``; ``Exact()`` by default.
        dtype, device: of the parameters and of everything computed from them.

    Raises:
        ValueError: a size below one, or a scale that is negative or not finite.
    """

    @checked
    def __init__(
        self,
        n_inputs: int,
        width: int,
        *,
        implicit_scale: float = 0.5,
        input_scale: float = 1.0,
        output_scale: float = 1.0,
        centered: bool = False,
        n_outputs: int | None = None,
        seed: int = 0,
        solver: Solver | None = None,
        gradient: Gradient | None = None,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__()
        for name, size in (("n_inputs", n_inputs), ("width", width), ("n_outputs", n_outputs)):
            if size is not None and size < 1:
                raise ValueError(f"{name}={size}: a network needs at least one.")
        scales = {"implicit_scale": implicit_scale, "input_scale": input_scale, "output_scale": output_scale}
        for name, scale in scales.items():
            if not (math.isfinite(scale) and scale >= 0):
                raise ValueError(f"{name}={scale}: a scale is a finite number, zero or more.")
        self.n_inputs, self.width, self.n_outputs, self.seed = n_inputs, width, n_outputs, seed
        self.implicit_scale, self.input_scale, self.output_scale = implicit_scale, input_scale, output_scale
        self.centered = centered
        self.solver: Solver = Picard() if solver is None else solver
        self.gradient = gradient

        check_dtype(dtype)
        generator = torch.Generator().manual_seed(seed)

        def gaussian(*shape: int) -> nn.Parameter:
            draw = torch.randn(*shape, generator=generator, dtype=torch.float64)
            return nn.Parameter(draw.to(dtype=dtype, device=device))

        self.Theta = gaussian(width, width)
        self.W = gaussian(width, n_inputs)
        self.v = gaussian(width) if n_outputs is None else gaussian(width, n_outputs)
        if centered:
            for name in ("Theta", "W", "v"):
                self.register_buffer(f"initial_{name}", getattr(self, name).detach().clone())

    @property
    def A(self) -> Tensor:
        """(m, m) implicit-layer matrix σ_A Θ/√m."""
        return self.Theta * (self.implicit_scale / math.sqrt(self.width))

    def injection(self, X: Tensor) -> Tensor:
        """(n, m) injections b(x) = σ_U W x of inputs X (n, d)."""
        self._check_inputs(X)
        return self.input_scale * (X @ self.W.T)

    @checked
    def equilibrium(
        self,
        X: Tensor,
        *,
        solver: Solver | None = None,
        z0: Tensor | None = None,
        u0: Tensor | None = None,
        gradient: Gradient | None = None,
        throw: bool = True,
    ) -> Solution:
        """The equilibria z(x) of inputs X (n, d), with residuals and certificates; see :func:`solve`."""
        solver, gradient = solver or self.solver, gradient or self.gradient
        return solve(self.A, self.injection(X), solver=solver, z0=z0, u0=u0, gradient=gradient, throw=throw)

    def output(self, z: Tensor) -> Tensor:
        """κ v·z/√m, of shape (…, n) or (…, n, k), for states z (…, n, m); without centering."""
        check_tensor("z", z)
        check_rows(z.flatten(0, -2) if z.ndim > 2 else z, self.width, "z", self.v, row="state", column="unit")
        return z @ self.v * (self.output_scale / math.sqrt(self.width))

    @checked
    def forward(self, X: Tensor) -> Tensor:
        """f(x) of shape (n,) or (n, k) for inputs X (n, d), differentiable in the layers and in X (C1)."""
        f = self.output(self.equilibrium(X).z)
        return f - self.initial_output(X) if self.centered else f

    @checked
    def initial_output(self, X: Tensor, *, refine: bool = False) -> Tensor:
        """f₀(x), the output at initialization that a centered network subtracts.

        As the network's solver finds it; ``refine`` sweeps on until only rounding is left.
        """
        A, b = self.initial_problem(X)
        z = solve(A, b, solver=self.solver).z
        z = refined(A, b, z) if refine else z
        return z @ self.initial_v * (self.output_scale / math.sqrt(self.width))

    @checked
    def initial_problem(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """A (m, m) and b(x) (n, m) at initialization, whose equilibria give f₀ of a centered network."""
        if not self.centered:
            raise ValueError("this network is not centered, so it keeps no copy of its initialization.")
        self._check_inputs(X)
        # The same operations as in A, injection and output, so that f − f₀ starts at exactly zero.
        A = self.initial_Theta * (self.implicit_scale / math.sqrt(self.width))
        return A, self.input_scale * (X @ self.initial_W.T)

    def get_extra_state(self) -> Tensor:
        """The three scales, without which the parameters say nothing; part of ``state_dict()``."""
        return torch.tensor([getattr(self, name) for name in SCALES], dtype=torch.float64)

    def set_extra_state(self, state: Tensor) -> None:
        """Nothing: scales are compared, not loaded."""

    def _load_from_state_dict(
        self, state_dict, prefix, metadata, strict, missing, unexpected, errors
    ) -> None:
        """Refuse parameters that were drawn for other scales; a state without scales is an older one."""
        key = f"{prefix}_extra_state"
        saved = state_dict[key].tolist() if key in state_dict else self.get_extra_state().tolist()
        found = len(errors)
        for name, theirs in zip(SCALES, saved, strict=True):
            mine = getattr(self, name)
            if not math.isclose(theirs, mine, rel_tol=1e-6):
                errors.append(
                    f"{prefix}{name} is {theirs:g} in the state and {mine:g} in this network, which would "
                    "compute something else with these parameters. Make the network with the same scales, or "
                    f"leave {key!r} out of the state to take the parameters alone."
                )
        if len(errors) == found:
            super()._load_from_state_dict(state_dict, prefix, metadata, strict, missing, unexpected, errors)
            missing[:] = [name for name in missing if name != key]

    def extra_repr(self) -> str:
        return (
            f"n_inputs={self.n_inputs}, width={self.width}, implicit_scale={self.implicit_scale:g}, "
            f"input_scale={self.input_scale:g}, output_scale={self.output_scale:g}, centered={self.centered}"
            + ("" if self.n_outputs is None else f", n_outputs={self.n_outputs}")
        )

    def _check_inputs(self, X: Tensor) -> None:
        check_rows(X, self.n_inputs, "X", self.W, row="input", column="input dimension")
        check_finite(X=X)

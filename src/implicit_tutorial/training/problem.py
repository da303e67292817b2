"""A training problem, and the three products that every method is made of: error, kernel, Jacobian
transpose."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils import parametrize

from implicit_tutorial.equilibrium.checks import check_finite, check_rows
from implicit_tutorial.equilibrium.solve import adjoint, solve
from implicit_tutorial.equilibrium.status import Outcome
from implicit_tutorial.kernels.network import assemble
from implicit_tutorial.network import EquilibriumNetwork

#: The layers by name, and the parameter that each one trains.
LAYERS = {"implicit": "Theta", "output": "v", "input": "W"}


class Problem:
    """Minimise L = ½ Σ ‖f(x_i) − y_i‖² over the chosen layers of a network, in place."""

    def __init__(self, net: EquilibriumNetwork, X: Tensor, y: Tensor, layers: Sequence[str]) -> None:
        if isinstance(layers, str):
            layers = (layers,)
        for layer in layers:
            if layer not in LAYERS:
                raise ValueError(f"unknown layer {layer!r}; choose from {list(LAYERS)}.")
        if not layers or len(set(layers)) != len(layers):
            raise ValueError(f"layers={tuple(layers)}: name at least one layer, each once.")
        check_rows(X, net.n_inputs, "X", net.W, row="input", column="input dimension")
        if X.shape[0] == 0:
            raise ValueError("X holds no sample; training needs at least one.")
        check_labels(net, X, y, "y")
        check_finite(X=X)
        self.net, self.X, self.y, self.layers = net, X, y, tuple(layers)
        self.constrained = parametrize.is_parametrized(net)
        with torch.no_grad():
            #: What κ v·z/√m must equal; a centered network subtracts its first output.
            self.target = y + net.initial_output(X) if net.centered else y.clone()
            self._injection = None if "input" in layers else net.injection(X)

    @property
    def parameters(self) -> dict[str, Tensor]:
        """The trained parameters by layer; writing into them trains the network."""
        return {layer: getattr(self.net, LAYERS[layer]).data for layer in self.layers}

    def require_free(self) -> None:
        """Raise when the parameters are functions of others, which these products know nothing of."""
        if self.constrained:
            raise ValueError(
                "this network is constrained, and this method writes into Θ itself; train it with "
                "Optimizer(…), which follows the gradient of the constrained parameter."
            )

    @property
    def injection(self) -> Tensor:
        return self.net.injection(self.X) if self._injection is None else self._injection

    @property
    def rates(self) -> dict[str, float]:
        """The factor of (κ/√m) before each layer's gradient: σ_A/√m, 1 and σ_U."""
        net = self.net
        return {
            "implicit": net.implicit_scale / math.sqrt(net.width),
            "output": 1.0,
            "input": net.input_scale,
        }

    def error(self, z: Tensor) -> Tensor:
        """e = f − y at states z, of the shape of y."""
        return self.net.output(z) - self.target

    def descend(self, p: Tensor, z: Tensor, w: Tensor) -> None:
        """θ ← θ − J_θᵀ w for every trained layer, where p (n, m) is the adjoint with g_i = v w_i:
        rank-n updates."""
        kappa = self.net.output_scale / math.sqrt(self.net.width)
        for layer, theta in self.parameters.items():
            alpha = -kappa * self.rates[layer]
            if layer == "implicit":
                theta.addmm_(p.T, z, alpha=alpha)
            elif layer == "input":
                theta.addmm_(p.T, self.X, alpha=alpha)
            else:
                theta.add_(z.T @ w, alpha=alpha)

    def gradient(self, p: Tensor, z: Tensor, w: Tensor) -> Tensor:
        """J_θᵀ w of all trained layers as one vector, for methods that keep their own."""
        kappa = self.net.output_scale / math.sqrt(self.net.width)
        left = {"implicit": p.T @ z, "input": p.T @ self.X, "output": z.T @ w}
        return torch.cat([(kappa * self.rates[layer] * left[layer]).flatten() for layer in self.layers])

    def kernel(self, z: Tensor, u: Tensor, z2: Tensor | None = None, u2: Tensor | None = None) -> Tensor:
        """K = J Jᵀ of the trained layers as an (n, n) or (nk, nk) matrix, in float64, from states
        and adjoints."""
        right = (self.X, z, u) if z2 is None else (self.X, z2, u2)
        kernels = assemble(self.net, (self.X, z, u), right)
        size = self.target.numel()
        K = sum(getattr(kernels, layer) for layer in self.layers).reshape(size, size).to(torch.float64)
        return (K + K.T) / 2 if z2 is None else K


class ExactStates:
    """Equilibria and adjoints of the training inputs to the solver's tolerance, each started from
    the last one."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.solver = problem.net.solver
        self.z: Tensor | None = None
        self.forward_sweeps = self.adjoint_sweeps = 0
        self.residual = math.nan
        #: The last adjoints by purpose, as starts; and the outputs' adjoints at the present z, once
        #: asked for.
        self._starts: dict[str, Tensor] = {}
        self._outputs: Tensor | None = None
        self._unpaid = 0

    def forward(self) -> Tensor:
        """Solve for z at the present parameters and return the error e."""
        net, problem = self.problem.net, self.problem
        sol = solve(net.A, problem.injection, solver=self.solver, z0=self.z)
        self.z, self._outputs, self._unpaid = sol.z, None, 0
        self.forward_sweeps += int(sol.steps.max())
        self.residual = relative(sol, sol.z)
        return problem.error(sol.z)

    def outputs(self) -> Tensor:
        """The adjoint of each output at z, (n, m) or (n, k, m): solved once, whoever asks."""
        if self._outputs is None:
            net, (n, m) = self.problem.net, self.z.shape
            if net.n_outputs is None:
                self._outputs, self._unpaid = self._adjoint("output", net.v.expand(n, m), self.z)
            else:
                k = net.n_outputs
                g = net.v.T.expand(n, k, m).reshape(n * k, m)
                u, self._unpaid = self._adjoint("output", g, self.z.repeat_interleave(k, dim=0))
                self._outputs = u.reshape(n, k, m)
        return self._outputs

    def spend(self) -> None:
        """Count the sweeps of ``outputs`` as training; a diagnostic that only looks does not."""
        self.adjoint_sweeps += self._unpaid
        self._unpaid = 0

    def cotangent(self, w: Tensor) -> Tensor:
        """(n, m) adjoints with g_i = v w_i. For one output they are w_i times the output's own,
        which varies less."""
        net = self.problem.net
        if net.n_outputs is None:
            u = self.outputs()
            self.spend()
            return w[:, None] * u
        p, steps = self._adjoint("cotangent", w @ net.v.T, self.z)
        self.adjoint_sweeps += steps
        return p

    def _adjoint(self, purpose: str, g: Tensor, z: Tensor) -> tuple[Tensor, int]:
        net = self.problem.net
        sol = adjoint(net.A, z, g, solver=self.solver, u0=self._starts.get(purpose))
        self._starts[purpose] = sol.u
        return sol.u, int(sol.steps.max())

    def state_dict(self) -> dict:
        return {
            "z": self.z.clone(),
            "starts": {k: v.clone() for k, v in self._starts.items()},
            "outputs": None if self._outputs is None else self._outputs.clone(),
            "counts": [self.forward_sweeps, self.adjoint_sweeps, self._unpaid],
            "residual": self.residual,
        }

    def load_state_dict(self, state: dict) -> None:
        like = self.problem.X
        self.z = state["z"].to(like)
        self._starts = {k: v.to(like) for k, v in state["starts"].items()}
        self._outputs = None if state["outputs"] is None else state["outputs"].to(like)
        self.forward_sweeps, self.adjoint_sweeps, self._unpaid = state["counts"]
        self.residual = state["residual"]


def combine(u: Tensor, w: Tensor) -> Tensor:
    """(n, m) adjoints with g_i = v w_i, out of those of the outputs."""
    return w[:, None] * u if u.ndim == 2 else torch.einsum("ik,ikm->im", w, u)


def relative(outcome: Outcome, state: Tensor) -> float:
    """The largest residual of a sample, relative to its state."""
    size = torch.linalg.vector_norm(state, dim=1).clamp_(min=torch.finfo(state.dtype).tiny)
    return float((outcome.residual / size).max())


def check_labels(net: EquilibriumNetwork, X: Tensor, y: Tensor, name: str) -> None:
    """Raise unless y holds one label, or one row of k labels, for each input."""
    shape = (X.shape[0],) if net.n_outputs is None else (X.shape[0], net.n_outputs)
    if not isinstance(y, Tensor):
        raise TypeError(f"{name} is a {type(y).__name__}; pass a torch tensor, e.g. torch.as_tensor({name}).")
    if tuple(y.shape) != shape:
        raise ValueError(f"{name} has shape {tuple(y.shape)}, but this network and X need {shape}.")
    if y.dtype != net.W.dtype or y.device != net.W.device:
        raise TypeError(
            f"{name} is {y.dtype} on {y.device}, but {net.W.dtype} on {net.W.device} is expected; "
            f"convert it with {name}.to(…)."
        )
    check_finite(**{name: y})

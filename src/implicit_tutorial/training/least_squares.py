"""A network, its samples and their states, and what every method needs of them: error, kernel, Jᵀw."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn.utils import parametrize

from implicit_tutorial.equilibrium.checks import check_finite, check_rows, check_tensor
from implicit_tutorial.equilibrium.solve import adjoint, solve
from implicit_tutorial.equilibrium.status import Outcome
from implicit_tutorial.kernels.layers import LAYERS, layer_kernels
from implicit_tutorial.kernels.network import grams, output_rows
from implicit_tutorial.network import EquilibriumNetwork

#: Of a matrix between labels, computed at once.
_ENTRIES = 512**2


class LeastSquares:
    """Minimise L = ½ Σ ‖f(x_i) − y_i‖² over the chosen layers of a network, in place."""

    def __init__(self, net: EquilibriumNetwork, X: Tensor, y: Tensor, layers: Sequence[str]) -> None:
        if isinstance(layers, str):
            layers = (layers,)
        for layer in layers:
            if layer not in LAYERS:
                raise ValueError(f"layers: unknown layer {layer!r}; choose from {list(LAYERS)}.")
        if not layers or len(set(layers)) != len(layers):
            raise ValueError(f"layers={tuple(layers)}: name at least one layer, each once.")
        check_rows(X, net.n_inputs, "X", net.W, row="input", column="input dimension")
        if X.shape[0] == 0:
            raise ValueError("X holds no sample; training needs at least one.")
        check_labels(net, X, y, "y")
        check_finite(X=X)
        self.net, self.X, self.y, self.layers = net, X, y, tuple(layers)
        #: κ/√m.
        self.kappa = net.output_scale / math.sqrt(net.width)
        self.constrained = parametrize.is_parametrized(net)
        #: Whether f is found up to rounding, and the target has to be.
        self.refine = False
        self.refresh()

    @torch.no_grad()
    def refresh(self) -> None:
        """Compute anew what follows from parameters that are not trained."""
        self.target = target(self.net, self.X, self.y, refine=self.refine)
        self._injection = None if "input" in self.layers else self.net.injection(self.X)

    @property
    def parameters(self) -> dict[str, Tensor]:
        """The trained parameters by layer; writing into them trains the network."""
        return {layer: getattr(self.net, LAYERS[layer].parameter).data for layer in self.layers}

    def require_free(self) -> None:
        """Raise when the parameters are functions of others, whose gradients these are not."""
        if self.constrained:
            raise ValueError(
                "this network is constrained, and this method writes into Θ itself; train it with "
                "Optimizer(…), which follows the gradient of the constrained parameter."
            )

    @property
    def injection(self) -> Tensor:
        return self.net.injection(self.X) if self._injection is None else self._injection

    def error(self, z: Tensor) -> Tensor:
        """e = f − y at states z, of the shape of y."""
        return self.net.output(z) - self.target

    def descend(self, p: Tensor, z: Tensor, w: Tensor) -> None:
        """θ ← θ − J_θᵀ w for every trained layer, of rank n; p (n, m) are the adjoints with g_i = v w_i."""
        for theta, rate, left, right in self._products(p, z, w):
            if right is w:  # one vector for one output, which addmm_ does not take
                theta.add_(left.T @ right, alpha=-rate)
            else:
                theta.addmm_(left.T, right, alpha=-rate)

    def gradient(self, p: Tensor, z: Tensor, w: Tensor) -> Tensor:
        """J_θᵀ w of all trained layers as one vector, for methods that keep their own."""
        products = self._products(p, z, w)
        return torch.cat([(rate * (left.T @ right)).flatten() for _, rate, left, right in products])

    def _products(self, p: Tensor, z: Tensor, w: Tensor) -> Iterator[tuple[Tensor, float, Tensor, Tensor]]:
        """Each trained θ with the factors of J_θᵀ w = rate · leftᵀ right; the weights w are in p already."""
        vectors = {"adjoint": p, "state": z, "input": self.X, "output": w}
        for name, theta in self.parameters.items():
            layer = LAYERS[name]
            yield theta, self.kappa * layer.rate(self.net), vectors[layer.left], vectors[layer.right]

    def kernel(self, z: Tensor, u: Tensor, z2: Tensor | None = None, u2: Tensor | None = None) -> Tensor:
        """K = J Jᵀ of the trained layers, (n, n) or (nk, nk) in float64, from states and adjoints."""
        first, size = (self.X, z, u), self.target.numel()
        second = first if z2 is None else (self.X, z2, u2)
        K = z.new_empty(size, size, dtype=torch.float64)
        # A few samples at a time: no other matrix of this size is made.
        outputs = size // len(z)
        step = max(_ENTRIES // (size * outputs), 1)
        for i in range(0, len(z), step):
            factors = grams(tuple(x[i : i + step] for x in first), second)
            part = sum(layer_kernels(self.net, factors, self.layers).values())
            K[i * outputs : (i + step) * outputs] = part.reshape(-1, size)
        return _symmetrised(K) if z2 is None else K

    def kernel_product(self, z: Tensor, u: Tensor, w: Tensor) -> Tensor:
        """Kw = J(Jᵀw) in float64 for one number a label, without K."""
        w = w.reshape(self.target.shape).to(z.dtype)
        total = torch.zeros_like(w)
        for _, rate, left, right in self._products(combine(u, w), z, w):
            gradient = left.T @ right
            if right is w:
                total.add_(left @ gradient, alpha=rate**2)
            else:
                total.add_(paired(u, right @ gradient.T), alpha=rate**2)
        return total.flatten().to(torch.float64)


class TestSample:
    """The test error, each time from the last equilibria."""

    def __init__(self, net: EquilibriumNetwork, X: Tensor, y: Tensor) -> None:
        check_rows(X, net.n_inputs, "X_test", net.W, row="input", column="input dimension")
        if X.shape[0] == 0:
            raise ValueError("X_test holds no sample; leave X_test and y_test out, or give at least one.")
        check_labels(net, X, y, "y_test")
        check_finite(X_test=X)
        self.net, self.X, self.y = net, X, y
        self.start: Tensor | None = None
        self.refresh()

    def refresh(self) -> None:
        """Compute the target anew."""
        self.target = target(self.net, self.X, self.y)

    def error(self) -> float:
        """Mean of ‖f(x) − y‖²; NaN where an input has no equilibrium, which does not end the training."""
        net = self.net
        sol = solve(net.A, net.injection(self.X), solver=net.solver, z0=self.start, throw=False)
        self.start = sol.z if bool(sol.converged.all()) else None
        if self.start is None:
            return math.nan
        return 2 * half_square(net.output(sol.z) - self.target) / len(self.X)


class ExactStates:
    """Equilibria and adjoints of the training inputs to the solver's tolerance, each solved from the last."""

    def __init__(self, problem: LeastSquares) -> None:
        self.problem = problem
        self.solver = problem.net.solver
        self.z: Tensor | None = None
        self.forward_sweeps = self.adjoint_sweeps = 0
        self.residual = math.nan
        #: The last adjoints by purpose, as starts; the outputs' adjoints at the present z, once computed;
        #: and the sweeps that these took, as long as they are not counted.
        self._starts: dict[str, Tensor] = {}
        self._outputs: Tensor | None = None
        self._uncounted = 0

    def forward(self) -> Tensor:
        """Solve for z at the present parameters and return the error e."""
        net, problem = self.problem.net, self.problem
        sol = solve(net.A, problem.injection, solver=self.solver, z0=self.z)
        self.z, self._outputs, self._uncounted = sol.z, None, 0
        self.forward_sweeps += int(sol.steps.max())
        self.residual = relative(sol, sol.z)
        return problem.error(sol.z)

    def outputs(self) -> Tensor:
        """The adjoint of each output at z, (n, m) or (n, k, m): solved once for each z."""
        if self._outputs is None:
            net = self.problem.net
            u, self._uncounted = self._adjoint("output", *output_rows(net, self.z))
            self._outputs = u.reshape(len(self.z), *net.v.shape[1:], net.width)
        return self._outputs

    def count_outputs(self) -> None:
        """Count the sweeps of ``outputs`` as training; a row of the history does not."""
        self.adjoint_sweeps += self._uncounted
        self._uncounted = 0

    def cotangent(self, w: Tensor) -> Tensor:
        """(n, m) adjoints with g_i = v w_i; for one output w_i times its own adjoint, which varies less."""
        net = self.problem.net
        if net.n_outputs is None:
            u = self.outputs()
            self.count_outputs()
            return w[:, None] * u
        p, steps = self._adjoint("cotangent", self.z, w @ net.v.T)
        self.adjoint_sweeps += steps
        return p

    def _adjoint(self, purpose: str, z: Tensor, g: Tensor) -> tuple[Tensor, int]:
        sol = adjoint(self.problem.net.A, z, g, solver=self.solver, u0=self._starts.get(purpose))
        self._starts[purpose] = sol.u
        return sol.u, int(sol.steps.max())

    def state_dict(self) -> dict:
        return {
            "z": self.z.clone(),
            "starts": {k: v.clone() for k, v in self._starts.items()},
            "outputs": None if self._outputs is None else self._outputs.clone(),
            "counts": [self.forward_sweeps, self.adjoint_sweeps, self._uncounted],
            "residual": self.residual,
        }

    def load_state_dict(self, state: dict) -> None:
        like = self.problem.X
        self.z = state["z"].to(like)
        self._starts = {k: v.to(like) for k, v in state["starts"].items()}
        self._outputs = None if state["outputs"] is None else state["outputs"].to(like)
        self.forward_sweeps, self.adjoint_sweeps, self._uncounted = state["counts"]
        self.residual = state["residual"]


def combine(u: Tensor, w: Tensor) -> Tensor:
    """(n, m) adjoints with g_i = v w_i, out of those of the outputs."""
    return w[:, None] * u if u.ndim == 2 else torch.einsum("ik,ikm->im", w, u)


def paired(u: Tensor, x: Tensor) -> Tensor:
    """u_i·x_i for the adjoint of each output, the transpose of :func:`combine`."""
    return (u * x).sum(dim=1) if u.ndim == 2 else torch.einsum("ikm,im->ik", u, x)


def _symmetrised(K: Tensor) -> Tensor:
    """(K + Kᵀ)/2, in place."""
    side = math.isqrt(_ENTRIES)
    for i in range(0, len(K), side):
        for j in range(i, len(K), side):
            rows, columns = slice(i, i + side), slice(j, j + side)
            mean = (K[rows, columns] + K[columns, rows].T) / 2
            K[rows, columns], K[columns, rows] = mean, mean.T
    return K


def relative(outcome: Outcome, state: Tensor) -> float:
    """The largest residual of a sample, relative to its state."""
    size = torch.linalg.vector_norm(state, dim=1).clamp_(min=torch.finfo(state.dtype).tiny)
    return float((outcome.residual / size).max())


@torch.no_grad()
def target(net: EquilibriumNetwork, X: Tensor, y: Tensor, *, refine: bool = False) -> Tensor:
    """What κ v·z/√m must equal; a centered network subtracts its first output.

    As its solver finds it: what the solver leaves of f and of f₀ is nearly the same while A moves little, and
    cancels. ``refine`` is for a method that finds f itself up to rounding.
    """
    return y + net.initial_output(X, refine=refine) if net.centered else y.clone()


def check_labels(net: EquilibriumNetwork, X: Tensor, y: Tensor, name: str) -> None:
    """Raise unless y holds one label, or one row of k labels, for each input."""
    shape = (X.shape[0],) if net.n_outputs is None else (X.shape[0], net.n_outputs)
    check_tensor(name, y)
    if tuple(y.shape) != shape:
        raise ValueError(f"{name} has shape {tuple(y.shape)}, but this network and X need {shape}.")
    if y.dtype != net.W.dtype or y.device != net.W.device:
        raise TypeError(
            f"{name} is {y.dtype} on {y.device}, but {net.W.dtype} on {net.W.device} is expected; "
            f"convert it with {name}.to(…)."
        )
    check_finite(**{name: y})


def half_square(e: Tensor) -> float:
    """½ Σ e², summed in float64."""
    return float(torch.linalg.vector_norm(e, dtype=torch.float64)) ** 2 / 2

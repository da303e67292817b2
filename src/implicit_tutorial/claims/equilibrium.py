"""C1 … C7: the equilibrium, its gradient, and when it is there."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from implicit_tutorial.claims.registry import Measurement, above, below, claim, close
from implicit_tutorial.claims.solvers import acceleration
from implicit_tutorial.equilibrium.anderson import Anderson
from implicit_tutorial.equilibrium.certificates import certify
from implicit_tutorial.equilibrium.counting import count_equilibria, is_p_matrix
from implicit_tutorial.equilibrium.picard import Picard
from implicit_tutorial.equilibrium.solve import solve
from implicit_tutorial.network import EquilibriumNetwork

_FIRST, _SECOND = "01_equilibrium_networks", "02_well_posedness"


@claim(
    "C1",
    "The gradient through an equilibrium is ∂f/∂A = (κ/√m) u zᵀ with u = D(Aᵀu + v): one adjoint solve, in "
    "memory that does not grow with the depth.",
    chapter=_FIRST,
    subject=solve,
)
def implicit_gradient(solve: Callable) -> Iterator[Measurement]:
    """Against autograd through 200 unrolled layers, central differences, and the bytes that each keeps."""
    m, n = 64, 8
    A, b, v = _gaussian(m, 0.7, seed=1), _normal(n, m, seed=2), _normal(m, seed=3) / math.sqrt(m)
    A.requires_grad_()
    tight = Picard(rtol=1e-13)

    def f(A: Tensor) -> Tensor:
        return (_unrolled(A, b, 200) @ v).sum()

    (implicit,) = torch.autograd.grad((solve(A, b, solver=tight).z @ v).sum(), A)
    (unrolled,) = torch.autograd.grad(f(A), A)
    yield above("digits shared with unrolled autograd", _digits(implicit, unrolled, cap=9), 7)

    direction = _normal(m, m, seed=4)
    with torch.no_grad():
        central = (f(A + 1e-6 * direction) - f(A - 1e-6 * direction)) / 2e-6
    yield above(
        "digits shared with central differences", _digits((implicit * direction).sum(), central, cap=6), 4
    )

    kept = [_kept_bytes(lambda r=r: solve(A, b, solver=Picard(rtol=r)).z) for r in (1e-1, 1e-13)]
    yield close("bytes kept at 30 times the depth, as a ratio", kept[1] / kept[0], 1, rtol=0.01)
    yield above("bytes kept by 200 unrolled layers, as a ratio", _kept_bytes(lambda: f(A)) / kept[1], 10)


@claim(
    "C2",
    "A feed-forward ReLU network of L layers is an equilibrium network with a nilpotent A: Picard reaches "
    "its equilibrium exactly in L steps, and step L + 1 confirms it.",
    chapter=_FIRST,
    subject=solve,
)
def feed_forward_is_nilpotent(solve: Callable) -> Iterator[Measurement]:
    """Eight layers with weights of norm about four: no contraction, and still exact."""
    L, width, n = 8, 16, 5
    weights = [2 * _gaussian(width, 1.0, seed=k) for k in range(L)]
    biases = [_normal(width, seed=20 + k) for k in range(L)]
    x = _normal(n, width, seed=40)
    layers = [torch.relu(x @ weights[0].T + biases[0])]
    for W, c in zip(weights[1:], biases[1:], strict=True):
        layers.append(torch.relu(layers[-1] @ W.T + c))

    A = torch.zeros(L * width, L * width, dtype=torch.float64)
    for k in range(1, L):
        A[k * width : (k + 1) * width, (k - 1) * width : k * width] = weights[k]
    b = torch.cat(biases).repeat(n, 1)
    b[:, :width] += x @ weights[0].T

    sol = solve(A, b)
    yield close(f"sweeps, of which the last confirms {L} layers", sol.steps.double().mean(), L + 1, rtol=0.01)
    yield above(
        "digits shared with the network, layer by layer", _digits(sol.z, torch.cat(layers, dim=1), cap=12), 11
    )
    short = solve(A, b, solver=Picard(max_steps=L), throw=False)
    missing = (short.residual / torch.linalg.vector_norm(sol.z, dim=1)).min()
    yield above(f"relative residual one step before, after {L - 1}", missing, 0.01)


@claim(
    "C3",
    "The output of a weight-tied network of L layers misses that of its equilibrium by about ρ^L, where "
    "ρ = σ_A/√2.",
    chapter=_FIRST,
    subject=solve,
)
def truncated_depth(solve: Callable) -> Iterator[Measurement]:
    """The fitted rate of the output's error between 4 and 16 layers, for three scales."""
    m, n = 640, 16
    Theta, b, V = _gaussian(m, 1.0, seed=5), _normal(n, m, seed=6), _normal(m, 8, seed=7)
    for scale in (0.4, 0.7, 1.0):
        exact = _unrolled(scale * Theta, b, 60) @ V
        depths = torch.arange(4, 17, 3, dtype=torch.float64)
        errors = []
        for L in depths.int().tolist():
            # Of L + 1 sweeps the last one only measures the residual of the state after L layers.
            z = solve(scale * Theta, b, solver=Picard(max_steps=L + 1), throw=False).z
            errors.append(torch.linalg.matrix_norm(z @ V - exact))
        slope = torch.linalg.lstsq(
            torch.stack([depths, torch.ones_like(depths)], dim=1), torch.stack(errors).log()[:, None]
        ).solution[0]
        yield close(f"rate at scale {scale:g}", slope.exp(), scale / math.sqrt(2), rtol=0.035)


@claim(
    "C4",
    "z = relu(Az + b) has exactly one solution for every b if and only if I − A is a P-matrix.",
    chapter=_SECOND,
    subject=count_equilibria,
)
def p_matrix_decides(count: Callable) -> Iterator[Measurement]:
    """Sixty matrices: forty injections for a P-matrix, for another one an injection built to break it."""
    m = 5
    unique, several, solved, agree = [], [], [], []
    for seed in range(60):
        A = _gaussian(m, 0.8 + 0.02 * seed, seed=100 + seed)
        M = torch.eye(m, dtype=A.dtype) - A
        minor = _nonpositive_block(M)
        agree.append(bool(is_p_matrix(M)) == (minor is None))
        b = _normal(40, m, seed=seed) if minor is None else _breaking_injection(A, *minor)
        counted = count(A, b)
        (unique if minor is None else several).append(counted.counts)
        for row, solutions in zip(b, counted.solutions, strict=True):
            solved.append((torch.relu(solutions @ A.T + row) - solutions).abs().amax(dim=1))
    yield close("equilibria for each b of a P-matrix, on average", torch.cat(unique).mean(), 1, rtol=1e-6)
    yield above("fewest equilibria for the b built in the proof", torch.cat(several).min(), 1.5)
    yield above(
        "digits to which a solution solves", _digits(1 + torch.cat(solved), torch.ones(()), cap=10), 7
    )
    yield close("share of is_p_matrix that agrees with the minors", sum(agree) / len(agree), 1, rtol=1e-6)
    yield above("matrices of the rarer kind", min(len(unique), len(several)), 10)


@claim(
    "C5",
    "‖A‖₂ < 1, λ_max((A + Aᵀ)/2) < 1, ρ(|A|) < 1, ‖A‖_∞ < 1, a symmetric A with λ_max(A) < 1, or nonnegative "
    "columns that sum to less than 1, each make I − A a P-matrix; ρ(A) < 1 neither implies it nor follows.",
    chapter=_SECOND,
    subject=certify,
)
def ladder_of_conditions(certify: Callable) -> Iterator[Measurement]:
    """The Gaussian thresholds at m = 768, small matrices against their P-matrix test, two counterexamples."""
    m = 768
    Theta = _gaussian(m, 1.0, seed=8)
    names = ("spectral_norm", "monotone", "perron_frobenius", "spectral_radius")
    values = certify(Theta, conditions=names)
    # Every condition is linear in the scale, so its threshold is one over its value at scale one.
    for name, limit, rtol in zip(
        names,
        (1 / 2, 1 / math.sqrt(2), math.sqrt(math.pi / 2 / m), 1.0),
        (0.03, 0.03, 0.02, 0.08),
        strict=True,
    ):
        yield close(f"largest σ_A of {values[name].formula}", 1 / values[name].value, limit, rtol=rtol)

    certified = []
    for seed in range(80):
        A = _gaussian(4, 0.1 + 0.02 * seed, seed=200 + seed)
        A = (A, (A + A.T) / 2, A.abs() / 2)[seed % 3]
        for condition in certify(A).conditions:
            if condition.sufficient and condition.holds:
                certified.append(float(bool(is_p_matrix(torch.eye(4, dtype=A.dtype) - A))))
    yield above("certificates given to small matrices", len(certified), 50)
    yield close("share of them that are P-matrices", sum(certified) / max(len(certified), 1), 1, rtol=1e-6)

    small_radius = torch.tensor([[2.0, -3.0], [1.5, -2.2]], dtype=torch.float64)  # λ² + 0.2 λ + 0.1
    large_radius = torch.tensor([[-2.0]], dtype=torch.float64)
    yield close(
        "ρ(A) where I − A has a negative minor",
        certify(small_radius)["spectral_radius"].value,
        math.sqrt(0.1),
        rtol=0.01,
    )
    yield close("smallest pivot of that I − A", -certify(small_radius)["p_matrix"].value, -1, rtol=0.01)
    yield close(
        "ρ(A) where I − A is a P-matrix", certify(large_radius)["spectral_radius"].value, 2, rtol=0.01
    )
    yield close("smallest pivot of that one", -certify(large_radius)["p_matrix"].value, 3, rtol=0.01)


@claim(
    "C6",
    "At initialization half the units are active and Picard contracts by σ_A/√2: about ln ε / ln(σ_A/√2) "
    "steps to relative residual ε, of which acceleration saves next to none.",
    chapter=_SECOND,
    subject=EquilibriumNetwork,
)
def typical_rate(network: Callable) -> Iterator[Measurement]:
    """Steps to 1e-12 and the share of active units of wide networks at three scales, and Anderson's steps."""
    m, d, n, eps = 1536, 8, 16, 1e-12
    X = torch.nn.functional.normalize(_normal(n, d, seed=9), dim=1)
    for scale in (0.4, 0.7, 1.0):
        sol = network(d, m, implicit_scale=scale, seed=10).equilibrium(X, solver=Picard(rtol=eps))
        predicted = math.log(eps) / math.log(scale / math.sqrt(2))
        # The first sweep from zero makes the state, the last one only measures its residual.
        yield close(f"steps at scale {scale:g}", sol.steps.double().mean() - 1, predicted, rtol=0.04)
        yield close(f"share of active units at scale {scale:g}", (sol.z > 0).double().mean(), 0.5, rtol=0.02)
    # Mixing at every sweep from the first on: by default it is left to Picard, and nothing would be tested.
    yield from acceleration(partial(Anderson, start_gain=0, period=1))


@claim(
    "C7",
    "‖z − z*‖ ≤ ‖relu(Az + b) − z‖/(1 − ‖A‖₂), and ≤ (‖I − A‖₂ + 1)/μ · ‖relu(Az + b) − z‖ with "
    "μ = 1 − λ_max((A + Aᵀ)/2): the residual certifies the error.",
    chapter=_SECOND,
    subject=solve,
)
def certified_error(solve: Callable) -> Iterator[Measurement]:
    """True error over bound, for loose solves and for random states; both must stay below one."""
    m, n = 96, 24
    for scale, case in ((0.4, "‖A‖₂ < 1"), (0.62, "the monotone case")):
        A, b = _gaussian(m, scale, seed=11), _normal(n, m, seed=12)
        exact = _unrolled(A, b, 400)
        ratios = []
        for rtol in (1e-2, 1e-5, 1e-8):
            sol = solve(A, b, solver=Picard(rtol=rtol))
            ratios.append(torch.linalg.vector_norm(sol.z - exact, dim=1) / sol.error_bound)
            moved = sol.z + rtol * _normal(n, m, seed=13)
            bound = sol.certificate.error_bound(sol.A, sol.b, moved)
            ratios.append(torch.linalg.vector_norm(moved - exact, dim=1) / bound)
        yield below(f"largest error over bound, {case}", torch.cat(ratios).max(), 1)
        if scale < 0.5:
            L = float(torch.linalg.matrix_norm(A, 2))
            before, after = (solve(A, b, solver=Picard(max_steps=k), throw=False).z for k in (8, 9))
            bound = L / (1 - L) * torch.linalg.vector_norm(after - before, dim=1)
            ratio = (torch.linalg.vector_norm(after - exact, dim=1) / bound).max()
            yield below("largest error over ‖A‖₂/(1 − ‖A‖₂) times the last step", ratio, 1)
    # A = I/2 attains the bound, so that none smaller would be true.
    A, b = torch.eye(4, dtype=torch.float64) / 2, torch.ones(1, 4, dtype=torch.float64)
    sol = solve(A, b, solver=Picard(rtol=1e-3))
    error = torch.linalg.vector_norm(sol.z - 2 * b, dim=1)
    yield close("error over bound for A = I/2", (error / sol.error_bound).max(), 1, rtol=0.02)


def _normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _gaussian(m: int, scale: float, *, seed: int) -> Tensor:
    return _normal(m, m, seed=seed) * (scale / math.sqrt(m))


def _unrolled(A: Tensor, b: Tensor, layers: int) -> Tensor:
    """The weight-tied network in plain torch: the reference that no part of the library enters."""
    z = torch.zeros_like(b)
    for _ in range(layers):
        z = torch.relu(z @ A.T + b)
    return z


def _digits(x: Tensor, reference: Tensor, *, cap: int) -> float:
    """Decimal digits that two tensors share, rounded down, at most ``cap``: rounding must not show."""
    error = float((x - reference).abs().max() / reference.abs().max())
    return float(cap if error == 0 else min(cap, math.floor(-math.log10(error))))


def _kept_bytes(run: Callable[[], Tensor]) -> int:
    """Bytes of the distinct tensors that autograd keeps for the backward pass of run()."""
    kept: dict[int, int] = {}

    def pack(x: Tensor) -> Tensor:
        kept[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        alive = run()
    del alive
    return sum(kept.values())


def _nonpositive_block(M: Tensor) -> tuple[list[int], Tensor] | None:
    """S and an eigenvector of M_SS with a negative eigenvalue, None when all principal minors are > 0."""
    m = M.shape[0]
    for code in range(1, 2**m):
        S = [i for i in range(m) if code >> i & 1]
        block = M[S][:, S]
        if float(torch.linalg.det(block)) <= 0:
            values, vectors = torch.linalg.eig(block)
            k = int(torch.where(values.imag.abs() < 1e-12, values.real, math.inf).argmin())
            return S, vectors[:, k].real
    return None


def _breaking_injection(A: Tensor, S: list[int], vector: Tensor) -> Tensor:
    """b with two equilibria, x⁺ and x⁻, where x is a vector whose signs M = I − A reverses (proof of C4)."""
    x = torch.zeros(A.shape[0], dtype=A.dtype)
    x[S] = vector
    M = torch.eye(A.shape[0], dtype=A.dtype) - A
    return (M @ torch.relu(x) - torch.relu(M @ x))[None]

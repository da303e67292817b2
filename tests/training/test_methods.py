"""One minimisation by independent routes: descent, single sweeps, exponential flow, Runge–Kutta, autograd."""

import math
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial.training import Record
from implicit_tutorial.training.sweeper import Sweeper

PLAIN = Record(every=1, norm=False, spectrum=False)
LAYERS = [("implicit",), ("output",), ("input",), ("implicit", "output", "input")]
NAMES = {"implicit": "Theta", "output": "v", "input": "W"}


def problem(n=8, d=4, *, n_outputs=None, dtype=torch.float64):
    X = it.data.sphere(n, d, seed=0, dtype=dtype)
    y = it.data.linear_quadratic(X)
    if n_outputs:
        y = torch.stack([it.data.linear(X, seed=s) for s in range(n_outputs)], dim=1)
    return X, y


def network(m=48, d=4, **options):
    return it.EquilibriumNetwork(d, m, **{"implicit_scale": 0.5, "seed": 1, **options})


def train(net, data, method, steps, layers=("implicit",)):
    return it.train(net, *data, method=method, layers=layers, until=it.Until(steps=steps), record=PLAIN)


def gap(a, b, start):
    """Distance of two trained networks, relative to the way that one has gone."""
    way = sum(torch.dist(getattr(b, p), getattr(start, p)).item() ** 2 for p in NAMES.values())
    apart = sum(torch.dist(getattr(a, p), getattr(b, p)).item() ** 2 for p in NAMES.values())
    return math.sqrt(apart / way)


@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("n_outputs", [None, 3])
@pytest.mark.parametrize("centered", [False, True])
@pytest.mark.parametrize("method", [it.GradientDescent, it.SingleSweep])
def test_first_step_is_the_autograd_gradient(layers, n_outputs, centered, method):
    X, y = data = problem(n_outputs=n_outputs)
    scales = {"input_scale": 1.2, "output_scale": 0.8, "centered": centered, "n_outputs": n_outputs}
    net, other = network(**scales), network(**scales)
    train(net, data, method(step=0.1), 1, layers)
    loss = (other(X) - y).square().sum() / 2
    gradients = torch.autograd.grad(loss, [getattr(other, NAMES[layer]) for layer in layers])
    for layer, gradient in zip(layers, gradients, strict=True):
        moved = getattr(other, NAMES[layer]) - getattr(net, NAMES[layer])
        torch.testing.assert_close(moved, 0.1 * gradient, rtol=1e-7, atol=1e-10)
    for name in set(NAMES.values()) - {NAMES[layer] for layer in layers}:
        assert torch.equal(getattr(net, name), getattr(other, name))


@pytest.mark.parametrize("n_outputs", [None, 2])
def test_full_batch_sgd_is_gradient_descent(n_outputs):
    data = problem(n_outputs=n_outputs)
    a, b, start = (network(n_outputs=n_outputs) for _ in range(3))
    train(a, data, it.GradientDescent(step=0.02), 5, LAYERS[-1])
    train(b, data, it.Optimizer("SGD", lr=0.02), 5, LAYERS[-1])
    assert gap(a, b, start) < 1e-8


@pytest.mark.parametrize("n_outputs", [None, 2])
def test_converged_single_sweeps_are_gradient_descent(n_outputs):
    data = problem(n_outputs=n_outputs)
    a, b, start = (network(n_outputs=n_outputs) for _ in range(3))
    train(a, data, it.GradientDescent(step=0.1), 20)
    train(b, data, it.SingleSweep(step=0.1, tolerance=1e-11), 20)
    assert gap(b, a, start) < 1e-8


def test_single_sweep_stays_within_a_percent_of_the_converged_curve():
    data = problem(48, 10, dtype=torch.float32)
    single, converged = (
        train(network(768, 10, implicit_scale=0.7, dtype=torch.float32), data, method, 60)
        for method in (it.SingleSweep(), it.SingleSweep(tolerance=1e-5))
    )
    assert (single.train_loss / converged.train_loss - 1).abs().max() < 0.01
    assert converged.train_loss.iloc[-1] < 0.1 * converged.train_loss.iloc[0]
    spent = single.adjoint_sweeps.iloc[-1] - single.adjoint_sweeps.iloc[0]
    assert spent < 75
    assert single.forward_sweeps.iloc[-1] - single.forward_sweeps.iloc[0] == 60
    assert converged.forward_sweeps.iloc[-1] > 3 * single.forward_sweeps.iloc[-1]


def test_a_growing_residual_calls_for_more_sweeps():
    history = train(network(), problem(), it.SingleSweep(fraction=0.9, tolerance=0.02), 3)
    assert history.residual.iloc[1] > 0.02
    assert history.forward_sweeps.iloc[-1] - history.forward_sweeps.iloc[0] > 3


def test_a_mini_batch_estimates_the_whole_gradient():
    X, y = data = problem(6)
    net, other = network(), network()
    train(net, data, it.Optimizer("SGD", lr=0.1, batch_size=2, seed=3), 1)
    rows = torch.randperm(6, generator=torch.Generator().manual_seed(3))[:2]
    loss = 3 * (other(X[rows]) - y[rows]).square().sum() / 2
    (gradient,) = torch.autograd.grad(loss, other.Theta)
    torch.testing.assert_close(other.Theta - net.Theta, 0.1 * gradient, rtol=1e-7, atol=1e-10)


def test_fused_steps_follow_the_same_curve():
    X, _ = problem(32, 8, dtype=torch.float32)
    y = 2 * torch.ones(32)  # along the fastest mode, where two steps at constant K are not one long one
    nets = [network(1024, 8, dtype=torch.float32) for _ in range(2)]
    fused = train(nets[0], (X, y), it.SingleSweep(fraction=0.1, fused=2), 12)
    plain = train(nets[1], (X, y), it.SingleSweep(fraction=0.1), 24)
    assert fused.time.to_numpy() == pytest.approx(plain.time.iloc[::2].to_numpy(), rel=1e-5, abs=0)
    ratio = fused.train_loss.to_numpy() / plain.train_loss.iloc[::2].to_numpy()
    assert abs(ratio - 1).max() < 0.01


def test_three_integrators_follow_one_flow():
    X, y = problem(6)
    until = it.Until(time=4.0)
    methods = [
        it.GradientDescent(step=0.005),
        it.ExponentialFlow(rtol=0.004),
        it.ExponentialFlow(steps=40),
        it.ReferenceFlow(rtol=1e-3),
    ]
    nets = [network() for _ in methods]
    histories = [
        it.train(net, X, y, method=method, until=until, record=Record(norm=False, spectrum=False))
        for net, method in zip(nets, methods, strict=True)
    ]
    for history in histories:
        assert history.time.iloc[-1] == pytest.approx(4.0, rel=1e-12)
        assert history.train_loss.iloc[-1] == pytest.approx(histories[0].train_loss.iloc[-1], rel=0.01)
    assert histories[0].train_loss.iloc[-1] < 0.7 * histories[0].train_loss.iloc[0]
    for net in nets[1:]:
        assert gap(net, nets[0], network()) < 0.01
    assert histories[1].step.iloc[-1] < 100


def test_exponential_flow_is_exact_where_the_kernel_is_constant():
    """The output layer alone is a linear model: e(t) = exp(−Kt) e₀, and at t = ∞ the least-norm solution."""
    X, y = problem()
    net = network()
    K = it.network_kernels(net, X).output
    with torch.no_grad():
        e0 = net(X) - y
    flow = {"method": it.ExponentialFlow(), "layers": ("output",)}
    it.train(net, X, y, **flow, until=it.Until(time=3.0))
    with torch.no_grad():
        torch.testing.assert_close(net(X) - y, torch.linalg.matrix_exp(-3.0 * K) @ e0, rtol=1e-8, atol=1e-9)
    history = it.train(net, X, y, **flow, until=it.Until(time=math.inf))
    assert history.train_loss.iloc[-1] < 1e-16
    with torch.no_grad():
        start = network()
        Z = start.equilibrium(X).z / math.sqrt(48)
        expected = start.v - torch.linalg.pinv(Z) @ e0
    torch.testing.assert_close(net.v.detach(), expected, rtol=1e-7, atol=1e-8)


def test_a_unit_near_its_kink_does_not_stop_the_flow():
    """The predictor's few digits put this unit on the wrong side, however short the step."""
    net = network(64, 6, output_scale=0.358, solver=it.Newton(rtol=1e-7), seed=0)
    history = train(net, problem(60, 6), it.ExponentialFlow(rtol=0.05), 3)
    assert history["step"].iloc[-1] == 3
    assert history["train_loss"].is_monotonic_decreasing


@pytest.mark.parametrize("n_outputs", [None, 2])
def test_exponential_flow_reaches_infinity(n_outputs):
    X, y = problem(6, n_outputs=n_outputs)
    net = network(128, n_outputs=n_outputs, output_scale=2.0)
    history = it.train(net, X, y, method=it.ExponentialFlow(rtol=0.05), until=it.Until(time=math.inf))
    assert history.time.iloc[-1] == math.inf
    assert history.train_loss.iloc[-1] < 1e-15 * history.train_loss.iloc[0]
    assert history.step.iloc[-1] < 80


def test_mini_batches_of_the_digits():
    digits = it.data.digits(n_train=120, n_test=60, dtype=torch.float32)
    net = it.EquilibriumNetwork(64, 96, implicit_scale=0.5, dtype=torch.float32)
    history = it.train(
        net,
        digits.X,
        digits.y,
        method=it.Optimizer("Adam", lr=0.02, batch_size=32, options={"betas": (0.8, 0.99)}),
        layers=("implicit", "output"),
        until=it.Until(steps=40),
        X_test=digits.X_test,
        y_test=digits.y_test,
        record=Record(norm=False),
    )
    assert history.train_loss.iloc[-1] < 0.4 * history.train_loss.iloc[0]
    with torch.no_grad():
        test_error = (net(digits.X_test) - digits.y_test).square().mean()
    assert history.test_error.iloc[-1] == pytest.approx(test_error.item(), rel=1e-3)


def test_a_constrained_network_is_trained_through_its_constraint_or_not_at_all():
    X, y = problem()
    net = it.constrain(network(), it.SpectralScaling(0.5))
    with pytest.raises(ValueError, match="constrained"):
        it.train(net, X, y, until=it.Until(steps=1))
    history = it.train(net, X, y, method=it.Optimizer("SGD", lr=0.2), until=it.Until(steps=10))
    assert history.train_loss.iloc[-1] < history.train_loss.iloc[0]
    assert history.norm_A.max() < 0.5 + 1e-6


def test_single_sweep_allocates_no_matrix():
    """A step needs the buffers of size n·m that it has: no m × m gradient, no graph, no state that is new."""
    from implicit_tutorial.training.least_squares import LeastSquares

    n, m = 8, 512
    X, y = problem(n)
    net = network(m)
    with torch.no_grad():
        stepper = it.SingleSweep().start(LeastSquares(net, X, y, ("implicit",)))
        stepper.advance(math.inf)
        with torch.profiler.profile(profile_memory=True) as profile:
            stepper.advance(math.inf)
    allocated = [event.self_cpu_memory_usage for event in profile.events()]
    assert max(allocated) < 8 * n * m


@pytest.mark.parametrize("rtol", [0.3, 0.1, 0.03])
def test_the_flow_is_as_accurate_as_it_is_asked_to_be(rtol, fine_flow):
    """Where a step is worth rejecting: its error is below the tolerance, and not far below for no reason."""
    data, network, fine, start = fine_flow
    net = network()
    run = it.Run(net, *data, method=it.ExponentialFlow(rtol=rtol), record=PLAIN)
    run.advance(it.Until(time=40.0))
    assert gap(net, fine, start) <= 0.8 * rtol
    assert rtol == 0.3 or run.stepper.rejected > 0


@pytest.fixture(scope="module")
def fine_flow():
    """A rich run, with a network at its end that a tolerance of 1e-3 leads to."""
    X = it.data.sphere(4, 3, seed=1)
    data = X, it.data.linear(X)

    def network():
        options = {"implicit_scale": 0.5, "output_scale": 0.5, "solver": it.Picard(rtol=1e-11)}
        return it.EquilibriumNetwork(3, 64, **options, seed=1)

    fine = network()
    method = it.ExponentialFlow(rtol=1e-3)
    it.train(fine, *data, method=method, until=it.Until(time=40.0), record=PLAIN)
    return data, network, fine, network()


def test_the_flows_corrector_is_of_third_order_at_any_length():
    """Where no unit switches, one step to the limit leaves an error of the third order in the way to go.

    The kernel of the start alone, or a step without a corrector, would leave one of the second.
    """
    X = torch.tensor([[1.0, 0.2], [0.3, 1.0]]).double()
    left = []
    for way in (0.1, 0.05):
        net = it.EquilibriumNetwork(2, 12, implicit_scale=0.2, solver=it.Picard(rtol=1e-14, max_steps=3000))
        with torch.no_grad():
            net.W.abs_().add_(1.0)
            y = net(X) + way * torch.tensor([1.0, -0.5]).double()
            it.train(net, X, y, method=it.ExponentialFlow(steps=1), until=it.Until(time=1e9), record=PLAIN)
            assert (net.equilibrium(X).z > 0).all()
            left.append(torch.linalg.vector_norm(net(X) - y).item())
    assert left[0] / left[1] > 6.5


@dataclass(frozen=True, kw_only=True)
class Counting(it.Picard):
    """Notes the sweeps of each solve of the network, and of each adjoint one."""

    forward: list = field(default_factory=list, compare=False)
    adjoint: list = field(default_factory=list, compare=False)

    def run(self, problem, z0):
        result = super().run(problem, z0)
        (self.forward if problem.mask is None else self.adjoint).append(int(result.steps.max()))
        return result


@pytest.mark.parametrize(
    "method", [it.GradientDescent(step=0.1), it.ExponentialFlow(), it.ReferenceFlow(rtol=0.1), it.Optimizer()]
)
@pytest.mark.parametrize("layers", [("implicit",), ("implicit", "output", "input")])
@pytest.mark.parametrize("n_outputs", [None, 2])
def test_a_history_counts_the_sweeps_that_were_made(method, layers, n_outputs):
    data = problem(n_outputs=n_outputs)
    net = network(n_outputs=n_outputs, solver=Counting())
    history = train(net, data, method, 3, layers)
    forward, adjoint = net.solver.forward, net.solver.adjoint
    if isinstance(method, it.Optimizer):
        # Every other solve is of a loss that is written down, and the backward pass does not say.
        forward, adjoint = forward[1::2], []
    assert history.forward_sweeps.iloc[-1] == sum(forward)
    assert history.adjoint_sweeps.iloc[-1] == sum(adjoint)
    assert history.forward_sweeps.is_monotonic_increasing


def test_single_sweeps_are_counted_too(monkeypatch):
    made = {"_forward": 0, "_adjoint": 0}
    for name in made:
        known = getattr(Sweeper, name)

        def once(self, part, name=name, known=known):
            made[name] += 1
            return known(self, part)

        monkeypatch.setattr(Sweeper, name, once)
    history = train(network(), problem(), it.SingleSweep(), 5)
    assert history.forward_sweeps.iloc[-1] == made["_forward"] > 5
    assert history.adjoint_sweeps.iloc[-1] == made["_adjoint"] > 5


def test_a_recorded_residual_is_the_greatest_of_all_samples():
    data, solver = problem(), it.Picard(rtol=1e-2)
    net = network(solver=solver)
    sol = net.equilibrium(data[0])
    relative = sol.residual / torch.linalg.vector_norm(sol.z, dim=1)
    assert relative.max() > 1.2 * relative.min()
    history = train(net, data, it.GradientDescent(step=0.1), 1)
    assert history.residual.iloc[0] == pytest.approx(relative.max().item(), rel=1e-9)


@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("n_outputs", [None, 2])
def test_gauss_newton_interpolates_in_a_few_steps_with_any_layers(layers, n_outputs):
    """Each step squares the error, and the first is the shortest that fits the linearised outputs."""
    X, y = data = problem(n=8, n_outputs=n_outputs)
    net, start = (network(m=96, n_outputs=n_outputs, output_scale=3.0) for _ in range(2))
    train(net, data, it.GaussNewton(), 1, layers)
    J = torch.cat([j.flatten(y.ndim) for j in jacobian(start, X, layers)], dim=-1).reshape(y.numel(), -1)
    step = torch.linalg.pinv(J) @ (y - start(X)).flatten().detach()
    moved = [(getattr(net, NAMES[k]) - getattr(start, NAMES[k])).detach().flatten() for k in layers]
    torch.testing.assert_close(torch.cat(moved), step, rtol=1e-6, atol=1e-8)
    history = train(net, data, it.GaussNewton(), 20, layers)
    assert history.attrs["status"] == "settled"
    assert history.step.iloc[-1] <= 7
    assert history.train_loss.iloc[-1] < 1e-24
    error = (2 * history.train_loss).pow(0.5)
    before, after = error[:-1].to_numpy(), error[1:].to_numpy()
    quadratic = after[after > 1e-10] / before[after > 1e-10] ** 2
    assert (quadratic < 10).all()


def jacobian(net, X, layers):
    """∂f/∂θ of each layer, by autograd."""
    names = [NAMES[layer] for layer in layers]

    def f(*parameters):
        return torch.func.functional_call(net, dict(zip(names, parameters, strict=True)), (X,))

    found = torch.func.jacrev(f, argnums=tuple(range(len(names))))(*(getattr(net, k).detach() for k in names))
    return [j.detach() for j in found]


def test_gauss_newton_halves_a_step_that_does_not_help_and_ends_where_none_does():
    X, y = problem(n=12)
    net = network(m=24, output_scale=0.3)
    history = train(net, (X, 4 * y), it.GaussNewton(), 30)
    assert history.train_loss.is_monotonic_decreasing
    falls = (history.train_loss / history.train_loss.shift()).dropna() ** 0.5
    assert (falls.iloc[:2] > 0.5).any(), "Not every step is a whole one."
    # The same input twice with two labels: the best fit is the mean, and no step lowers the loss there.
    twice = X[[0, 0, 1]]
    history = train(network(), (twice, torch.tensor([1.0, 2.0, 0.5]).double()), it.GaussNewton(), 50)
    assert history.attrs["status"] == "settled"
    assert history.train_loss.iloc[-1] == pytest.approx(0.25, rel=1e-6)


@pytest.mark.parametrize("certified", [None, True])
def test_gauss_newton_goes_from_one_equilibrium_to_the_next(monkeypatch, certified):
    """Where there may be several, sweeps could lead to another than the one that Newton's method follows."""
    data, every = problem(n=60, d=6), []
    for claim in (False, certified):
        if claim is not None:
            known = SimpleNamespace(well_posed=claim)
            monkeypatch.setattr(
                "implicit_tutorial.training.gauss_newton.certify", lambda *_, known=known, **__: known
            )
        else:
            monkeypatch.undo()
        every.append(network(m=24, d=6, output_scale=0.548, seed=0, solver=it.Newton()))
        train(every[-1], data, it.GaussNewton(), 12)
    apart = torch.dist(every[0].Theta, every[1].Theta) / torch.linalg.vector_norm(every[0].Theta)
    assert apart > 0.1 if certified else apart < 1e-8


def test_gauss_newton_reports_lost_equilibria():
    X, y = problem()
    net = network(m=4, output_scale=0.01, implicit_scale=0.9)
    history = it.train(net, X, y, method=it.GaussNewton(halvings=0), until=it.Until(steps=50), throw=False)
    assert history.attrs["status"] in ("left the well-posed region", "settled")

"""One minimisation by independent routes: descent, single sweeps, exponential flow, Runge–Kutta, autograd."""

import math

import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial.training import Record

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
    """A step needs buffers of size n·m at most: no m × m gradient, no graph."""
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
    assert max(allocated) <= 8 * n * m
    assert sum(a for a in allocated if a > 0) < 3 * 8 * n * m

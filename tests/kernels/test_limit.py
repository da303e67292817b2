"""C10: the infinitely wide network's kernels against reference numbers, Monte Carlo, and calculus."""

import dataclasses
import math
import statistics
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial.kernels import LargestScaleError
from implicit_tutorial.kernels import limit as limit_module


def three_points():
    X = np.random.RandomState(0).randn(3, 5)
    return torch.tensor(X / np.linalg.norm(X, axis=1, keepdims=True))


def entries(K):
    return [K[0, 0].item(), K[0, 1].item(), K[0, 2].item(), K[1, 2].item()]


def test_reference_numbers():
    kernels = it.limit_kernels(three_points(), implicit_scale=0.8)
    assert entries(kernels.forward) == pytest.approx(
        [0.73529412, 0.22319053, 0.44382590, 0.48204073], abs=1e-8
    )
    assert entries(kernels.implicit) == pytest.approx(
        [0.34602076, 0.04155487, 0.11967812, 0.13722933], abs=1e-8
    )
    assert entries(kernels.full) == pytest.approx([1.81660900, 0.21043103, 0.74860228, 0.85395503], abs=1e-8)


def test_solves_the_fixed_point_it_is_defined_by_for_inputs_of_any_norm():
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(40, 4, generator=generator, dtype=torch.float64) * torch.linspace(0.1, 3, 40)[:, None]
    sigma_A, sigma_U = 1.1, 0.7
    kernels = it.limit_kernels(X, implicit_scale=sigma_A, input_scale=sigma_U)
    k = sigma_A**2 * kernels.forward + sigma_U**2 * X @ X.T
    scale = torch.sqrt(k.diag()[:, None] * k.diag())
    theta = torch.arccos((k / scale).clamp(-1, 1)).fill_diagonal_(0)
    Q = scale / (2 * math.pi) * (torch.sin(theta) + (math.pi - theta) * torch.cos(theta))
    slope = (math.pi - theta) / (2 * math.pi)
    torch.testing.assert_close(kernels.forward, Q, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(kernels.backward, slope / (1 - sigma_A**2 * slope), rtol=1e-12, atol=1e-14)


NORMS = [(torch.float32, e) for e in (-20, -10, 0, 10, 20)] + [
    (torch.float64, e) for e in (-150, -20, 20, 150)
]


@pytest.mark.parametrize(("dtype", "power"), NORMS)
def test_angles_do_not_depend_on_the_size_of_the_inputs(dtype, power):
    unit = torch.cat([three_points(), torch.eye(5).double(), -torch.eye(5).double()[:1]])
    right = it.limit_kernels(unit, implicit_scale=0.8)
    size = 10.0**power
    kernels = it.limit_kernels((size * unit).to(dtype), implicit_scale=0.8)
    tolerance = {"rtol": 2e-5 if dtype == torch.float32 else 1e-12, "atol": 1e-6}
    torch.testing.assert_close(kernels.backward.double(), right.backward, **tolerance)
    for name in ("forward", "output", "implicit"):
        # Exact where the dtype holds it; beyond, infinite or zero, and never anything else.
        limit = torch.finfo(dtype)
        found, expected = getattr(kernels, name).double(), getattr(right, name) * size * size
        Q = right.forward * size * size
        inside = (limit.max > Q) & (expected > limit.tiny)
        assert torch.isinf(found[expected > limit.max]).all()
        assert (found[expected < limit.tiny] <= limit.tiny).all()
        torch.testing.assert_close(found[inside] / size / size, getattr(right, name)[inside], **tolerance)
        assert torch.equal(getattr(kernels, name), getattr(kernels, name).T)
    # A small σ_U brings a large input back.
    back = it.limit_kernels((size * unit).to(dtype), implicit_scale=0.8, input_scale=1 / size)
    torch.testing.assert_close(back.forward.double(), right.forward, **tolerance)


def test_the_kernel_of_large_inputs_is_not_constant():
    X = (1e20 * torch.tensor([[1.0, 0.0, 0.0], [-0.2, 1.0, 0.0], [0.6, 0.0, 0.8]])).float()
    backward = it.limit_kernels(X, implicit_scale=0.8).backward
    assert backward[0, 0] == pytest.approx(0.5 / (1 - 0.32), rel=1e-6)
    assert backward[0].unique().numel() == 3


def test_gaussian_integrals_by_monte_carlo():
    """Q and Σ̇ are expectations of relu·relu and of 1·1 over Gaussian pre-activations with covariance k."""
    X = three_points()
    sigma_A = 0.8
    kernels = it.limit_kernels(X, implicit_scale=sigma_A)
    k = sigma_A**2 * kernels.forward + X @ X.T
    generator = torch.Generator().manual_seed(0)
    h = torch.randn(400_000, 3, generator=generator, dtype=torch.float64) @ torch.linalg.cholesky(k).T
    z, D = torch.relu(h), (h > 0).double()
    slope = D.T @ D / len(h)
    torch.testing.assert_close(kernels.forward, z.T @ z / len(h), rtol=0.01, atol=0)
    torch.testing.assert_close(kernels.backward, slope / (1 - sigma_A**2 * slope), rtol=0.01, atol=0)


def test_diagonal_is_exact_and_matrix_symmetric():
    X = it.data.sphere(300, 6, seed=0)
    sigma_A, sigma_U, kappa = 0.9, 1.3, 2.0
    kernels = it.limit_kernels(X, implicit_scale=sigma_A, input_scale=sigma_U, output_scale=kappa)
    one = torch.ones(300, dtype=torch.float64)
    free = 2 - sigma_A**2
    torch.testing.assert_close(kernels.forward.diag(), one * sigma_U**2 / free, rtol=1e-15, atol=0)
    torch.testing.assert_close(kernels.backward.diag(), one / free, rtol=1e-15, atol=0)
    expected = one * (kappa * sigma_A * sigma_U / free) ** 2
    torch.testing.assert_close(kernels.implicit.diag(), expected, rtol=1e-14, atol=0)
    for K in (kernels.forward, kernels.backward, kernels.implicit, kernels.output, kernels.input):
        assert torch.equal(K, K.T)
    rectangle = it.limit_kernels(
        X[:80], X[70:], implicit_scale=sigma_A, input_scale=sigma_U, output_scale=kappa
    )
    torch.testing.assert_close(rectangle.full, kernels.full[:80, 70:], rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("angle", [1e-12, 1e-9, 1e-6, 1e-3])
def test_no_digits_are_lost_at_small_angles(angle):
    """Π falls linearly in θ, and θ → φ as both vanish: an arccos would return noise of size 1e-8."""
    sigma_A = 0.8
    Y = torch.tensor([[1.0, 0.0], [math.cos(angle), math.sin(angle)]], dtype=torch.float64)
    Pi = it.limit_kernels(Y, implicit_scale=sigma_A).backward
    drop = (Pi[0, 0] - Pi[0, 1]).item()
    # dΠ/dΣ̇ = 1/(1 − σ²/2)², dΣ̇/dθ = −1/2π, θ = φ(1 − O(φ)).
    expected = angle / (2 * math.pi) / (1 - sigma_A**2 / 2) ** 2
    assert drop == pytest.approx(expected, rel=2 * angle, abs=4e-16)


def test_opposite_inputs_share_nothing_when_the_layer_is_off():
    X = it.data.sphere(20, 3, seed=1)
    off = it.limit_kernels(X, -X, implicit_scale=0.0)
    assert off.forward.diag().abs().max() < 1e-16
    assert off.backward.diag().abs().max() == 0
    on = it.limit_kernels(X, -X, implicit_scale=0.5)
    assert on.forward.diag().min() > 0


@pytest.mark.parametrize("rest", [1e-9, 1e-6, 1e-3])
def test_no_digits_are_lost_near_opposite_inputs(rest):
    """Π falls to zero like (π − θ)/2π, and without the layer θ is the inputs' angle."""
    angle = math.pi - rest
    Y = torch.tensor([[1.0, 0.0], [math.cos(angle), math.sin(angle)]], dtype=torch.float64)
    Pi = it.limit_kernels(Y, implicit_scale=0.0).backward
    assert Pi[0, 1].item() == pytest.approx(rest / (2 * math.pi), rel=1e-6)


def test_gradients_in_the_scales_to_second_order():
    X = three_points()
    scales = torch.tensor([0.8, 1.0, 1.3], dtype=torch.float64, requires_grad=True)

    def full(s):
        return it.limit_kernels(X, implicit_scale=s[0], input_scale=s[1], output_scale=s[2]).full

    assert torch.autograd.gradcheck(full, scales)
    assert torch.autograd.gradgradcheck(full, scales)


NAMES = ("forward", "backward", "implicit", "output", "input", "full")


@pytest.mark.parametrize("implicit_scale", [0.0, 0.01, 0.7, 1.3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tiles_fit_together(monkeypatch, implicit_scale, dtype):
    """Inputs near and far, some equal and some opposite, in one tile and in many."""
    X = it.data.sphere(50, 3, seed=0, dtype=dtype)
    X = torch.cat([X, X[:3], -X[:3], X[:4] + 1e-6]) * torch.linspace(0.5, 2, 60, dtype=dtype)[:, None]
    whole = it.limit_kernels(X, implicit_scale=implicit_scale)
    expected = [getattr(whole, name) for name in NAMES]
    monkeypatch.setattr(limit_module, "_SIDE", 7)
    tiled = it.limit_kernels(X, implicit_scale=implicit_scale)
    rectangle = it.limit_kernels(X[:20], X[15:], implicit_scale=implicit_scale)
    for name, right in zip(NAMES, expected, strict=True):
        tolerance = {"rtol": 0, "atol": 100 * torch.finfo(dtype).eps * float(right.abs().max())}
        torch.testing.assert_close(getattr(tiled, name), right, **tolerance)
        torch.testing.assert_close(getattr(rectangle, name), right[:20, 15:], **tolerance)
        assert torch.equal(getattr(tiled, name), getattr(tiled, name).T)


def test_a_kernel_is_computed_when_it_is_read():
    kernels = it.limit_kernels(three_points(), implicit_scale=0.8)
    assert not {"implicit", "output", "input", "full"} & set(vars(kernels))
    assert kernels.implicit is kernels.implicit
    assert "output" not in vars(kernels)
    torch.testing.assert_close(kernels.full, kernels.implicit + kernels.output + kernels.input)
    other = dataclasses.replace(kernels, implicit=2 * kernels.implicit)
    torch.testing.assert_close(other.full - kernels.full, kernels.implicit)
    with pytest.raises(AttributeError, match="no attribute 'explicit'"):
        _ = kernels.explicit


@pytest.mark.parametrize("implicit_scale", [0.0, 0.5, 0.7, 1.0, 1.2])
def test_newton_starts_so_near_that_one_step_or_two_are_enough(monkeypatch, implicit_scale):
    X = it.data.sphere(30, 10, seed=0)
    it.limit_kernels(X, implicit_scale=implicit_scale)  # interpolates once
    steps, evaluate = [], limit_module._half_angles
    monkeypatch.setattr(limit_module, "_half_angles", lambda t: steps.append(t.shape) or evaluate(t))
    it.limit_kernels(X, implicit_scale=implicit_scale)
    assert 1 <= steps.count((30, 30)) <= 2


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads a process's peak from /proc")
@pytest.mark.parametrize("name", ["implicit", "full"])
def test_memory_is_that_of_the_factors_and_of_the_kernel_that_is_read(name):
    """n² numbers each, and tiles: all kernels at once, or whole matrices of angles, would be many more."""
    n = 3000
    code = f"""
import pathlib, implicit_tutorial as it
def peak():
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
getattr(it.limit_kernels(it.data.sphere(300, 10, seed=0), implicit_scale=0.7), {name!r})
X = it.data.sphere({n}, 10, seed=0)
before = peak()
getattr(it.limit_kernels(X, implicit_scale=0.7), {name!r})
print((peak() - before) / (8 * {n}**2))
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert 2 < float(done.stdout) < 3.3


def test_time_is_that_of_some_dozens_of_elementwise_passes():
    """1.5 products and 40 passes, in processor time in turn; twice that is room for a busy machine."""
    X = it.data.sphere(2000, 10, seed=0)
    first, second, out = (torch.rand(2000, 2000, dtype=X.dtype) for _ in range(3))

    def seconds(work):
        start = time.process_time()
        work()
        return time.process_time() - start

    rounds = [
        (
            seconds(lambda: torch.mm(X, X.T, out=out)),
            seconds(lambda: [torch.mul(first, second, out=out) for _ in range(10)]) / 10,
            seconds(lambda: it.limit_kernels(X, implicit_scale=0.7)),
        )
        for _ in range(5)
    ]
    product, one_pass, ours = (statistics.median(times) for times in zip(*rounds, strict=True))
    assert ours < 2 * (1.5 * product + 40 * one_pass)


def test_refuses_by_name():
    X = three_points()
    with pytest.raises(LargestScaleError, match="below √2"):
        it.limit_kernels(X, implicit_scale=math.sqrt(2))
    with pytest.raises(ValueError, match="input_scale=-1"):
        it.limit_kernels(X, implicit_scale=0.5, input_scale=-1.0)
    with pytest.raises(ValueError, match="output_scale=nan"):
        it.limit_kernels(X, implicit_scale=0.5, output_scale=math.nan)
    with pytest.raises(ValueError, match="zero in row 1"):
        it.limit_kernels(X * torch.tensor([[1.0], [0.0], [1.0]], dtype=X.dtype), implicit_scale=0.5)
    with pytest.raises(ValueError, match="X2 has shape"):
        it.limit_kernels(X, X[:, :4], implicit_scale=0.5)
    with pytest.raises(ValueError, match="requires a gradient"):
        it.limit_kernels(X.clone().requires_grad_(), implicit_scale=0.5)
    with pytest.raises(ValueError, match="2-D"):
        it.limit_kernels(X[0], implicit_scale=0.5)
    with pytest.raises(TypeError, match="floating-point"):
        it.limit_kernels(torch.ones(3, 2, dtype=torch.int64), implicit_scale=0.5)


def test_a_fixed_point_that_does_not_settle_is_not_returned(monkeypatch):
    monkeypatch.setattr(limit_module, "_MAX_STEPS", 1)
    with pytest.raises(RuntimeError, match="still moved"):
        it.limit_kernels(three_points(), implicit_scale=1.39)  # no start is near enough for one step

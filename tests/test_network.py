"""The network: its three scales, its initialization, its output, and what it refuses."""

from __future__ import annotations

import copy
import io
import math

import pytest
import torch

import implicit_tutorial as it


@pytest.fixture
def X() -> torch.Tensor:
    X = torch.randn(6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return X / X.norm(dim=1, keepdim=True)


def test_output_is_that_of_its_definition(X):
    net = it.EquilibriumNetwork(3, 40, implicit_scale=0.6, input_scale=1.5, output_scale=2.5, seed=4)
    A, b = 0.6 * net.Theta / math.sqrt(40), 1.5 * X @ net.W.T
    z = torch.zeros(6, 40).double()
    for _ in range(200):
        z = torch.relu(z @ A.T + b)
    torch.testing.assert_close(net.A, A)
    torch.testing.assert_close(net.injection(X), b)
    torch.testing.assert_close(net.equilibrium(X).z, z, rtol=1e-8, atol=1e-9)
    torch.testing.assert_close(net(X), 2.5 * z @ net.v / math.sqrt(40), rtol=1e-8, atol=1e-9)


def test_initialization_is_standard_gaussian():
    net = it.EquilibriumNetwork(50, 400)
    for p in net.parameters():
        count = p.numel()
        assert abs(p.mean().item()) < 4 / math.sqrt(count)
        assert p.std().item() == pytest.approx(1, abs=4 / math.sqrt(2 * count))
    assert net.Theta.shape == (400, 400)
    assert net.W.shape == (400, 50)
    assert net.v.shape == (400,)
    pairs = [(net.Theta[:, 0], net.v), (net.W[:, 0], net.v), (net.Theta[:, 0], net.W[:, 0])]
    for p, q in pairs:
        assert abs(torch.dot(p, q).item()) / 400 < 0.2, "two layers share their random numbers"


def test_seed_decides_the_draw_and_dtype_does_not():
    first, again, other = (it.EquilibriumNetwork(3, 20, seed=s) for s in (1, 1, 2))
    single = it.EquilibriumNetwork(3, 20, seed=1, dtype=torch.float32)
    for name, p in first.named_parameters():
        assert torch.equal(p, again.get_parameter(name))
        assert not torch.equal(p, other.get_parameter(name))
        assert single.get_parameter(name).dtype == torch.float32
        assert torch.equal(p.float(), single.get_parameter(name))


def test_drawing_a_network_leaves_the_global_generator_alone():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    it.EquilibriumNetwork(3, 20, seed=7, centered=True)
    assert torch.equal(torch.rand(3), expected)


def test_single_precision_network(X):
    double, single = it.EquilibriumNetwork(3, 50), it.EquilibriumNetwork(3, 50, dtype=torch.float32)
    out = single(X.float())
    assert out.dtype == torch.float32
    torch.testing.assert_close(out.double(), double(X), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("n_outputs", [None, 1, 4])
def test_shapes(X, n_outputs):
    net = it.EquilibriumNetwork(3, 10, n_outputs=n_outputs)
    assert net(X).shape == ((6,) if n_outputs is None else (6, n_outputs))
    assert net(X[:0]).shape == ((0,) if n_outputs is None else (0, n_outputs))
    assert net(X[:1]).shape[0] == 1


def test_one_unit_one_input():
    net = it.EquilibriumNetwork(1, 1, implicit_scale=0.3)
    f = net(torch.tensor([[1.0], [-1.0]]).double())
    assert (f == 0).sum() == 1, "a single unit is on for one of x, −x and off for the other"


@pytest.mark.parametrize("width", [7, 45, 138])
@pytest.mark.parametrize("scale", [0.3, 0.7])
def test_a_centered_network_starts_at_exactly_zero_and_moves_away(X, width, scale):
    scales = {"implicit_scale": scale, "input_scale": 1.1, "output_scale": 0.7}
    net = it.EquilibriumNetwork(3, width, **scales, centered=True)
    assert net(X).tolist() == [0.0] * 6
    plain = it.EquilibriumNetwork(3, width, **scales)
    assert torch.equal(net.initial_output(X), plain(X))
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(0.9)
        for p in plain.parameters():
            p.mul_(0.9)
    torch.testing.assert_close(net(X), plain(X) - net.initial_output(X))
    assert net(X).abs().max() > 1e-3
    restored = it.EquilibriumNetwork(3, width, **scales, centered=True, seed=9)
    restored.load_state_dict(net.state_dict())
    assert torch.equal(restored(X), net(X))


def test_scales_act_where_they_should(X):
    def net(**scales):
        return it.EquilibriumNetwork(3, 30, solver=it.Picard(rtol=1e-13), **scales)

    f = net()(X)
    torch.testing.assert_close(net(input_scale=3.0)(X), 3 * f)  # equilibria are positively homogeneous
    torch.testing.assert_close(net(output_scale=3.0)(X), 3 * f)
    torch.testing.assert_close(net(implicit_scale=0)(X), torch.relu(X @ net().W.T) @ net().v / math.sqrt(30))
    assert not torch.allclose(net(implicit_scale=0.6)(X), f, rtol=1e-2)


def test_mean_squared_state_at_initialization_is_that_of_infinite_width(X):
    """C10's diagonal: ‖z‖²/m → σ_U²/(2 − σ_A²)."""
    for scale in (0.4, 1.0):
        net = it.EquilibriumNetwork(3, 1000, implicit_scale=scale, input_scale=1.5)
        q = (net.equilibrium(X).z ** 2).mean().item()
        assert q == pytest.approx(1.5**2 / (2 - scale**2), rel=0.1)


def test_solver_can_be_chosen_for_the_network_and_for_a_call(X):
    net = it.EquilibriumNetwork(3, 20, solver=it.Newton())
    assert net.equilibrium(X).solver == it.Newton()
    loose = net.equilibrium(X, solver=it.Picard(rtol=1e-2))
    assert loose.solver == it.Picard(rtol=1e-2)
    assert loose.residual.max() > 1e-8
    warm = net.equilibrium(X, solver=it.Picard(), z0=net.equilibrium(X).z.detach())
    assert warm.steps.max() == 1


def test_divergence_reaches_the_caller():
    net = it.EquilibriumNetwork(3, 60, implicit_scale=3.0)
    X = torch.eye(3).double()
    with pytest.raises(it.EquilibriumError, match="diverged"):
        net(X)
    assert not net.equilibrium(X, throw=False).converged.any()


def test_a_network_is_a_module(X):
    net = it.EquilibriumNetwork(3, 12, implicit_scale=0.4, centered=True, n_outputs=2)
    assert set(dict(net.named_parameters())) == {"Theta", "W", "v"}
    assert torch.equal(copy.deepcopy(net)(X), net(X))
    assert net.float()(X.float()).dtype == torch.float32
    assert "width=12" in repr(net)
    assert "implicit_scale=0.4" in repr(net)
    assert "n_outputs=2" in repr(net)


@pytest.mark.parametrize("scale", ["implicit_scale", "input_scale", "output_scale"])
def test_parameters_do_not_go_to_a_network_of_other_scales(X, scale):
    net, other = it.EquilibriumNetwork(3, 12), it.EquilibriumNetwork(3, 12, seed=1, **{scale: 0.25})
    before = other(X)
    with pytest.raises(RuntimeError, match=rf"{scale} is .* in the state and 0\.25 in this network"):
        other.load_state_dict(net.state_dict())
    assert torch.equal(other(X), before), "nothing is loaded"
    with pytest.raises(RuntimeError, match=rf"0\.{scale} is"):
        torch.nn.Sequential(other).load_state_dict(torch.nn.Sequential(net).state_dict())
    other.load_state_dict({k: v for k, v in net.state_dict().items() if k != "_extra_state"})
    assert torch.equal(other.Theta, net.Theta)


def test_states_of_before_the_scales_were_in_them_still_load(X):
    net, other = it.EquilibriumNetwork(3, 12), it.EquilibriumNetwork(3, 12, seed=1)
    old = {name: value.clone() for name, value in net.state_dict().items() if name in ("Theta", "W", "v")}
    other.load_state_dict(old)
    assert torch.equal(other(X), net(X))
    with pytest.raises(RuntimeError, match="Missing key"):
        other.load_state_dict({"W": old["W"]})
    torch.nn.Sequential(other).load_state_dict({f"0.{name}": value for name, value in old.items()})


def test_a_state_survives_a_file_and_single_precision(X):
    net, other = (
        it.EquilibriumNetwork(3, 12, implicit_scale=0.3),
        it.EquilibriumNetwork(3, 12, implicit_scale=0.3),
    )
    file = io.BytesIO()
    torch.save({name: value.float() for name, value in net.state_dict().items()}, file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    torch.testing.assert_close(other(X), net(X), rtol=1e-5, atol=1e-5)


REFUSED = {
    "no inputs": ({"n_inputs": 0}, r"n_inputs=0: a network needs at least one"),
    "no width": ({"width": 0}, r"width=0"),
    "no outputs": ({"n_outputs": 0}, r"n_outputs=0"),
    "negative scale": ({"implicit_scale": -0.5}, r"implicit_scale=-0\.5"),
    "infinite scale": ({"output_scale": math.inf}, r"output_scale=inf"),
    "scale not a number": ({"input_scale": math.nan}, r"input_scale=nan"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_construction_refused_by_name(name):
    arguments, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        it.EquilibriumNetwork(**{"n_inputs": 3, "width": 3} | arguments)


@pytest.mark.parametrize("method", ["__call__", "equilibrium", "injection", "initial_output"])
@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (lambda X: X[0], ValueError, r"X has shape \(3,\); it must be 2-D, one input a row\. .*X\[None, :\]"),
        (lambda X: X.T, ValueError, r"X has shape \(3, 6\); .*one for each input dimension\. .*pass X\.T"),
        (lambda X: X[:, :2], ValueError, r"X has shape \(6, 2\); each row must hold 3 entries"),
        (lambda X: X.float(), TypeError, r"X is torch\.float32 on cpu, but torch\.float64"),
        (lambda X: (10 * X).long(), TypeError, r"X is torch\.int64"),
        (lambda X: X.numpy(), TypeError, r"X is a ndarray; pass a torch tensor"),
        (lambda X: X / 0, ValueError, r"X holds a non-finite value, first in row 0"),
    ],
)
def test_inputs_refused_by_name(X, method, bad, error, message):
    net = it.EquilibriumNetwork(3, 5, centered=True)
    with pytest.raises(error, match=message):
        getattr(net, method)(bad(X))


def test_only_a_centered_network_remembers_its_initialization(X):
    with pytest.raises(ValueError, match="not centered"):
        it.EquilibriumNetwork(3, 5).initial_output(X)

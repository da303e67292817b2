"""Many flows at once: each is the flow of its own network, with its own scales, steps and end."""

from __future__ import annotations

import math

import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial.training.history import Record
from implicit_tutorial.training.stopping import TrainingError

SCALES = [(0.3, 2.0), (0.6, 2.0), (0.5, 6.0), (0.8, 4.0)]


def networks(dtype: torch.dtype = torch.float64, width: int = 48) -> list[it.EquilibriumNetwork]:
    return [
        it.EquilibriumNetwork(
            5, width, implicit_scale=a, output_scale=k, centered=s % 2 == 0, seed=s, dtype=dtype
        )
        for s, (a, k) in enumerate(SCALES)
    ]


def sample(dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor]:
    X = it.data.sphere(12, 5, seed=1)
    return X.to(dtype), it.data.linear_quadratic(X).to(dtype)


def test_each_takes_the_steps_of_its_own_flow(monkeypatch):
    """With predictors that are as exact as all else: rough ones are not the same to the last digit."""
    for module in ("flow", "flows"):
        monkeypatch.setattr(f"implicit_tutorial.training.{module}._SHORT", math.inf)
    (X, y), together, alone = sample(), networks(), networks()
    flow, until = it.ExponentialFlow(), it.Until(time=1.0, loss=0.5)
    history = it.train_ensemble(together, X, y, method=flow, until=until, X_test=X, y_test=y)
    ends = set()
    for i, (net, mine) in enumerate(zip(alone, together, strict=True)):
        single = it.train(net, X, y, method=flow, until=until, X_test=X, y_test=y)
        part = history[history.network == i]
        assert part.step.tolist() == single.step.tolist()
        for column in ("time", "train_loss", "test_error", "movement", "norm_A", "lambda_min"):
            assert part[column].to_numpy() == pytest.approx(single[column].to_numpy(), rel=1e-5), column
        torch.testing.assert_close(mine.Theta, net.Theta, rtol=1e-6, atol=1e-7)
        assert part.residual.max() < 1e-8
        assert history.attrs["status"][i] == single.attrs["status"]
        ends.add(single.attrs["status"])
    assert ends == {"loss reached", "time reached"}
    # Afterwards each network stands on its own again.
    before = together[1].Theta.clone()
    together[0].Theta.data.zero_()
    assert torch.equal(together[1].Theta, before)


def test_the_error_of_a_flow_is_what_it_asks_for():
    """Against a flow ten times as exact: the parameters are within the tolerance, at two of them."""
    X, y = sample()
    until, starts = it.Until(time=2.0), networks()
    fine = networks()
    it.train_ensemble(fine, X, y, method=it.ExponentialFlow(rtol=1e-4), until=until)
    for rtol in (0.03, 0.003):
        coarse = networks()
        it.train_ensemble(coarse, X, y, method=it.ExponentialFlow(rtol=rtol), until=until)
        for rough, exact, start in zip(coarse, fine, starts, strict=True):
            moved = torch.dist(exact.Theta, start.Theta)
            assert torch.dist(rough.Theta, exact.Theta) < 2 * rtol * moved


def test_a_flow_fails_alone():
    """The faint narrow one leaves the well-posed region; what happens to the others does not change."""
    X, y = sample()
    flow, until = {"method": it.ExponentialFlow()}, it.Until(time=1e6, loss=1e-2)

    def faint() -> it.EquilibriumNetwork:
        return it.EquilibriumNetwork(5, 48, implicit_scale=0.8, output_scale=0.02, centered=True, seed=9)

    nets, others = [networks()[0], faint(), networks()[2]], [networks()[0], networks()[2]]
    history = it.train_ensemble(nets, X, y, **flow, until=until, throw=False)
    assert history.attrs["status"] == ["loss reached", "left the well-posed region", "loss reached"]
    assert "Likely cause" in history.attrs["message"][1]
    it.train_ensemble(others, X, y, **flow, until=until)
    torch.testing.assert_close(nets[0].Theta, others[0].Theta, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(nets[2].Theta, others[1].Theta, rtol=1e-12, atol=1e-12)
    with pytest.raises(TrainingError, match="1 of 2 networks failed"):
        it.train_ensemble([networks()[0], faint()], X, y, **flow, until=until)


def test_an_ensemble_of_flows_stops_where_each_end_is_proved():
    X, y = sample()
    nets = [it.EquilibriumNetwork(5, 64, output_scale=k, centered=True, seed=s) for s, k in ((0, 2), (1, 8))]
    until = it.Until(certified=True, steps=200)
    history = it.train_ensemble(nets, X, y, method=it.ExponentialFlow(), until=until)
    assert history.attrs["status"] == ["certified", "certified"]
    assert all(it.convergence_certificate(net, X, y).holds for net in nets)


def test_in_single_precision_it_is_the_same_flow():
    until = it.Until(time=1.0)
    ends = []
    for dtype in (torch.float32, torch.float64):
        nets = networks(dtype)
        it.train_ensemble(nets, *sample(dtype), method=it.ExponentialFlow(rtol=0.01), until=until)
        ends.append([net.Theta.detach().double() for net in nets])
    for one, other, start in zip(*ends, networks(), strict=True):
        assert torch.dist(one, other) < 0.02 * torch.dist(other, start.Theta)


def test_what_only_one_flow_can_do_is_refused_by_name():
    X, y = sample()
    nets, flow, one = networks(), it.ExponentialFlow(), it.Until(time=1.0)

    def train(nets=nets, y=y, method=flow, until=one, **options):
        return it.train_ensemble(nets, X, y, method=method, until=until, **options)

    with pytest.raises(ValueError, match=r"layers is \('output',\), but an ensemble of flows needs"):
        train(layers="output")
    with pytest.raises(ValueError, match=r"method\.steps is 5"):
        train(method=it.ExponentialFlow(steps=5))
    with pytest.raises(ValueError, match="n_outputs is 2"):
        train([it.EquilibriumNetwork(5, 48, n_outputs=2)], y=torch.stack([y, y], dim=1))
    with pytest.raises(ValueError, match=r"differ in width: .*only seeds and scales may differ"):
        train([*nets, it.EquilibriumNetwork(5, 49)])
    with pytest.raises(ValueError, match=r"differ in implicit_scale: .*only seeds may differ"):
        train(method=it.SingleSweep())
    with pytest.raises(ValueError, match="time=inf is never reached"):
        train(until=it.Until(time=math.inf))
    with pytest.raises(it.EquilibriumError, match=r"networks \[4\] of the ensemble"):
        train([*nets, it.EquilibriumNetwork(5, 48, implicit_scale=4.0)])
    with pytest.raises(ValueError, match="nothing can be learned"):
        train([*nets, it.EquilibriumNetwork(5, 48, implicit_scale=0.0)])
    bound = it.EquilibriumNetwork(5, 48)
    it.constrain(bound, it.SpectralScaling(0.9))
    with pytest.raises(ValueError, match="this network is constrained"):
        train([bound])
    assert all(torch.equal(a.Theta, b.Theta) for a, b in zip(nets, networks(), strict=True))


def test_two_inputs_that_are_one_leave_a_mode_that_does_not_decay():
    """Its eigenvalue is rounding, and must not set the step; labels alike, a single flow gets there, too."""
    X, y = sample()
    X, y = torch.cat([X, X[:1]]), torch.cat([y, y[:1]])
    together, alone, until = networks()[2], networks()[2], it.Until(time=20.0)
    it.train_ensemble([together], X, y, method=it.ExponentialFlow(), until=until)
    it.train(alone, X, y, method=it.ExponentialFlow(), until=until)
    assert torch.dist(together.Theta, alone.Theta) < 0.02 * torch.dist(alone.Theta, networks()[2].Theta)


def test_rows_are_written_when_they_are_due():
    X, y = sample()
    record = Record(every=3, norm=False, movement=False)
    until = it.Until(steps=7)
    history = it.train_ensemble(networks(), X, y, method=it.ExponentialFlow(), until=until, record=record)
    assert history.groupby("network").step.apply(list).tolist() == [[0, 3, 6, 7]] * len(SCALES)

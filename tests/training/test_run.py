"""What surrounds the steps: stopping, histories, failures, interruption, resuming, ensembles."""

import io
import math
import signal

import pandas as pd
import pytest
import torch

import implicit_tutorial as it
import implicit_tutorial.training.run as run_module
from implicit_tutorial.equilibrium.spectra import NormEstimate
from implicit_tutorial.training import Record, Run, TrainingError, TrainingInterrupted, TrainingStatus
from implicit_tutorial.training.history import COLUMNS
from implicit_tutorial.training.method import Method, Stepper

METHODS = [
    it.GradientDescent(step=0.2),
    it.SingleSweep(step=0.2),
    it.SingleSweep(step=0.1, fused=2),
    it.ExponentialFlow(),
    it.ReferenceFlow(rtol=0.1),
    it.GaussNewton(),
    it.Optimizer("Adam", lr=0.02, batch_size=3),
]


def problem(n=8, d=3, *, n_outputs=None):
    X = it.data.sphere(n, d, seed=0)
    y = it.data.linear(X)
    return (X, y) if n_outputs is None else (X, torch.stack([y, -y], dim=1))


def network(m=32, d=3, **options):
    return it.EquilibriumNetwork(d, m, **{"implicit_scale": 0.5, **options})


def test_history_says_what_happened():
    X, y = problem()
    net, start = network(), network()
    history = it.train(
        net, X, y, method=it.GradientDescent(step=0.2), until=it.Until(steps=30), X_test=X, y_test=y
    )
    assert tuple(history.columns) == COLUMNS
    assert history.step.tolist()[:21] == [*range(21)]
    assert history.step.is_monotonic_increasing
    assert history.step.iloc[-1] == 30
    assert len(history) < 31
    last = history.iloc[-1]
    assert last.time == pytest.approx(6.0)
    with torch.no_grad():
        e = net(X) - y
    assert last.train_loss == pytest.approx(e.square().sum().item() / 2, rel=1e-8)
    assert last.test_error == pytest.approx(e.square().mean().item(), rel=1e-8)
    assert last.movement == pytest.approx(torch.linalg.matrix_norm(net.A - start.A).item(), rel=1e-10)
    assert last.norm_A == pytest.approx(torch.linalg.matrix_norm(net.A, ord=2).item(), rel=1e-6)
    K = it.network_kernels(net, X).implicit
    assert last.lambda_min == pytest.approx(torch.linalg.eigvalsh(K)[0].item(), rel=1e-6)
    assert last.residual < 1e-9
    assert history.forward_sweeps.is_monotonic_increasing
    assert history.attrs["status"] == "steps done"
    assert "step 30" in history.attrs["message"]


def test_norm_estimate_above_the_dense_widths():
    A = network(200).A.detach()
    estimate = NormEstimate()
    for _ in range(2):  # cold, and from the last singular vector
        assert estimate(A) == pytest.approx(torch.linalg.matrix_norm(A, ord=2).item(), rel=1e-5)


def test_stops_at_the_first_of_loss_time_and_steps():
    X, y = problem()

    def run(**until):
        return it.train(network(), X, y, method=it.GradientDescent(step=0.3), until=it.Until(**until))

    by_time = run(time=1.0, steps=100)
    assert by_time.time.iloc[-1] == pytest.approx(1.0, rel=1e-12)
    assert by_time.step.iloc[-1] == 4
    assert by_time.attrs["status"] == "time reached"
    by_loss = run(loss=1.0, steps=1000)
    assert by_loss.attrs["status"] == "loss reached"
    assert by_loss.train_loss.iloc[-1] <= 1.0 < by_loss.train_loss.iloc[-2]
    assert run(loss=0.0, steps=2).step.iloc[-1] == 2
    assert run(loss=1e9, steps=2).step.iloc[-1] == 0


def test_leaving_the_well_posed_region_is_said_with_step_and_certificate():
    """A tiny output scale asks for a movement that a narrow network cannot make (C18)."""
    X, y = problem()
    for method in (it.GradientDescent(fraction=0.02), it.SingleSweep(fraction=0.02), it.ExponentialFlow()):
        net = network(16, output_scale=0.1, solver=it.Picard(max_steps=200))
        history = it.train(net, X, y, method=method, until=it.Until(loss=1e-8, steps=5000), throw=False)
        assert history.attrs["status"] == TrainingStatus.LEFT_WELL_POSED
        message = history.attrs["message"]
        assert "step " in message
        assert "‖A‖₂ < 1 (" in message
        assert "What to change" in message
        assert len(history) > 1
        assert (history.train_loss.diff().dropna() < 0).any()
    slow, until = it.GradientDescent(fraction=0.02), it.Until(loss=1e-8, steps=5000)
    with pytest.raises(TrainingError, match="left the well-posed region") as caught:
        it.train(network(16, output_scale=0.1), X, y, method=slow, until=until)
    assert len(caught.value.history) > 1
    assert caught.value.status == TrainingStatus.LEFT_WELL_POSED


def test_a_step_above_the_limit_is_unstable_not_endless():
    X, y = problem()
    method, until = it.GradientDescent(fraction=3.0), it.Until(loss=1e-8)
    with pytest.raises(TrainingError, match="stability limit"):
        it.train(network(), X, y, method=method, layers=("output",), until=until)


@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("n_outputs", [None, 2])
def test_resume_loses_not_a_bit(method, n_outputs):
    if n_outputs and getattr(method, "fused", 1) > 1:
        pytest.skip("fused steps are for one output")
    X, y = problem(n_outputs=n_outputs)

    def fresh():
        net = network(centered=True, n_outputs=n_outputs)
        return Run(net, X, y, method=method, layers=("implicit", "input"), X_test=X, y_test=y)

    straight = fresh()
    straight.advance(it.Until(steps=8))
    first = fresh()
    first.advance(it.Until(steps=4))
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second = fresh()
    second.load_state_dict(torch.load(file, weights_only=True))
    second.advance(it.Until(steps=8))
    for name in ("Theta", "W", "v"):
        assert torch.equal(getattr(straight.net, name), getattr(second.net, name))
    pd.testing.assert_frame_equal(straight.history, second.history, check_exact=True)


@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("centered", [False, True])
@pytest.mark.parametrize("begun", [False, True])
def test_a_state_brings_its_network_along(method, centered, begun):
    """A run on a network of another seed keeps nothing of that: no injections, no targets, no states."""
    X, y = problem()

    def fresh(seed):
        return Run(network(seed=seed, centered=centered), X, y, method=method, X_test=X, y_test=y)

    straight = fresh(0)
    straight.advance(it.Until(steps=8))
    first = fresh(0)
    first.advance(it.Until(steps=4))
    second = fresh(1)
    if begun:
        second.advance(it.Until(steps=2))
    second.load_state_dict(first.state_dict())
    second.advance(it.Until(steps=8))
    pd.testing.assert_frame_equal(straight.history, second.history, check_exact=True)
    with torch.no_grad():
        loss = (second.net(X) - y).square().sum().item() / 2
    assert second.history.train_loss.iloc[-1] == pytest.approx(
        loss, rel=0.05 if "Sweep" in repr(method) else 1e-6
    )


def test_a_network_may_change_before_its_run_begins():
    X, y = problem()
    run = Run(network(seed=1, centered=True), X, y, method=it.GradientDescent(step=0.2))
    run.net.load_state_dict(network(centered=True).state_dict())
    straight = it.train(network(centered=True), X, y, method=run.method, until=it.Until(steps=3))
    pd.testing.assert_series_equal(run.advance(it.Until(steps=3)).train_loss, straight.train_loss)


OTHERS = {
    "width": ({"width": 16}, {}, "another width: 32 there, 16 here"),
    "implicit_scale": ({"implicit_scale": 0.4}, {}, r"another implicit_scale: 0\.5 there, 0\.4 here"),
    "output_scale": ({"output_scale": 2.0}, {}, "another output_scale"),
    "centered": ({"centered": True}, {}, "another centered: False there, True here"),
    "dtype": ({"dtype": torch.float32}, {}, r"another dtype: torch\.float64 there"),
    "layers": ({}, {"layers": ("input",)}, r"another layers: \['implicit'\] there, \['input'\] here"),
    "method": ({}, {"method": it.SingleSweep()}, r"another method: GradientDescent\(.* there, SingleSweep"),
    "step": ({}, {"method": it.GradientDescent(step=0.1)}, "another method"),
    "X": ({}, {"X": -problem()[0]}, "another X: other values"),
    "y": ({}, {"y": 2 * problem()[1]}, "another y: other values"),
    "number of samples": ({}, {"X": problem(5)[0], "y": problem(5)[1]}, "another X"),
    "no test sample": ({}, {"X_test": None, "y_test": None}, "another X_test"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_state_of_another_run_is_refused_by_name(name):
    scales, arguments, message = OTHERS[name]
    X, y = problem()
    same = {"X": X, "y": y, "X_test": X, "y_test": y, "method": it.GradientDescent(step=0.2)}
    first = Run(network(), **same)
    first.advance(it.Until(steps=2))
    arguments, dtype = same | arguments, scales.get("dtype", X.dtype)
    arguments = {k: v.to(dtype) if isinstance(v, torch.Tensor) else v for k, v in arguments.items()}
    options = {"m": scales.get("width", 32), **{k: v for k, v in scales.items() if k != "width"}}
    other = Run(network(**options), **arguments)
    before = other.net.Theta.clone()
    with pytest.raises(ValueError, match=message):
        other.load_state_dict(first.state_dict())
    assert torch.equal(other.net.Theta, before)
    assert other.rows == []


@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
def test_a_run_uses_nothing_of_a_method_but_the_protocol(method):
    def through(subject, protocol):
        """An object of which only the protocol can be reached."""

        def member(name):
            def value(_):
                found = getattr(subject, name)
                return (lambda problem: through(found(problem), Stepper)) if name == "start" else found

            return property(value)

        assert isinstance(subject, protocol)
        names = {*vars(protocol), *protocol.__annotations__}
        members = {name: member(name) for name in names if name[0] != "_"}
        return type("Through", (), {**members, "__getattr__": lambda _, name: pytest.fail(name)})()

    X, y = problem()
    runs = [Run(network(), X, y, method=m, record=Record(every=2)) for m in (method, through(method, Method))]
    for run in runs:
        run.advance(it.Until(steps=3))
        run.load_state_dict(run.state_dict())
    pd.testing.assert_frame_equal(*[run.history for run in runs], check_exact=True)


def test_looking_does_not_change_training():
    X, y = problem()
    nets = [network() for _ in range(2)]
    for net, every in zip(nets, (1, 7), strict=True):
        record = Record(every=every)
        it.train(net, X, y, method=it.GradientDescent(step=0.2), until=it.Until(steps=10), record=record)
    assert torch.equal(nets[0].Theta, nets[1].Theta)


def test_the_bar_counts_the_steps_also_after_a_resume(monkeypatch):
    bars = []

    class Bar(run_module.tqdm):
        def __init__(self, **options):
            super().__init__(**options, file=io.StringIO())
            bars.append(self)

    monkeypatch.setattr(run_module, "tqdm", Bar)
    run = Run(network(), *problem(), method=it.GradientDescent(step=0.1), progress=True)
    run.advance(it.Until(steps=3))
    run.advance(it.Until(steps=8))
    assert [(bar.initial, bar.n, bar.total) for bar in bars] == [(0, 3, 3), (3, 8, 8)]
    run.advance(it.Until(loss=0.0, time=1.0, steps=100))
    assert bars[-1].n == run.step < 100


@pytest.fixture
def keyboard():
    """Ctrl-C raises KeyboardInterrupt; in a job that a shell put in the background it would be ignored."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


@pytest.mark.usefixtures("keyboard")
def test_interrupt_waits_for_the_step_and_resumes():
    X, y = problem()

    class Pressed(Record):
        def due(self, step):
            if step == 4:
                signal.raise_signal(signal.SIGINT)
            return super().due(step)

    net, other = network(), network()
    run = Run(net, X, y, method=it.SingleSweep(), record=Pressed())
    with pytest.raises(TrainingInterrupted) as caught:
        run.advance(it.Until(steps=9))
    assert caught.value.run is run
    assert run.step == 4
    handler = signal.getsignal(signal.SIGINT)
    run.record = Record()
    run.advance(it.Until(steps=9))
    assert signal.getsignal(signal.SIGINT) is handler is signal.default_int_handler
    straight = it.train(other, X, y, method=it.SingleSweep(), until=it.Until(steps=9))
    assert torch.equal(net.Theta, other.Theta)
    pd.testing.assert_frame_equal(run.history, straight, check_exact=True)


@pytest.mark.parametrize("n_outputs", [None, 2])
def test_an_ensemble_is_its_members(n_outputs):
    X, y = problem(n_outputs=n_outputs)
    method = it.SingleSweep(tolerance=0.01)
    together = [network(seed=s, n_outputs=n_outputs) for s in range(4)]
    alone = [network(seed=s, n_outputs=n_outputs) for s in range(4)]
    until = it.Until(time=5.0, loss=0.5)
    history = it.train_ensemble(together, X, y, method=method, until=until, X_test=X, y_test=y)
    for i, net in enumerate(alone):
        single = it.train(net, X, y, method=method, until=until, X_test=X, y_test=y)
        part = history[history.network == i]
        torch.testing.assert_close(together[i].Theta, net.Theta, rtol=1e-9, atol=1e-10)
        assert part.step.tolist() == single.step.tolist()
        for column in ("time", "train_loss", "test_error", "movement", "lambda_min"):
            assert part[column].to_numpy() == pytest.approx(single[column].to_numpy(), rel=1e-6)
        assert history.attrs["status"][i] == single.attrs["status"]
    # Afterwards each network stands on its own again.
    before = together[1].Theta.clone()
    together[0].Theta.data.zero_()
    assert torch.equal(together[1].Theta, before)


def test_a_member_fails_alone():
    X, y = problem()
    nets = [network(12, output_scale=0.05, seed=s) for s in range(4)]
    history = it.train_ensemble(nets, X, y, until=it.Until(loss=1e-3, steps=3000), throw=False)
    assert all(status in ("left the well-posed region", "unstable") for status in history.attrs["status"])
    assert history.groupby("network").step.max().nunique() > 1
    easy = [network(64, output_scale=2.0, seed=s) for s in range(2)]
    assert it.train_ensemble(easy, X, y, until=it.Until(loss=1e-3)).attrs["status"] == ["loss reached"] * 2
    nets = [network(12, output_scale=0.05, seed=s) for s in range(4)]
    with pytest.raises(TrainingError, match="of 4 networks failed"):
        it.train_ensemble(nets, X, y, until=it.Until(loss=1e-3, steps=3000))


def test_refuses_by_name():
    X, y = problem()
    net = network()
    one = it.Until(steps=1)
    with pytest.raises(ValueError, match="never stops"):
        it.Until()
    with pytest.raises(ValueError, match="loss=-1"):
        it.Until(loss=-1)
    with pytest.raises(ValueError, match="unknown layer 'hidden'"):
        it.train(net, X, y, layers=("hidden",), until=one)
    with pytest.raises(ValueError, match="at least one layer"):
        it.train(net, X, y, layers=(), until=one)
    with pytest.raises(ValueError, match="y has shape"):
        it.train(net, X, y[:, None], until=one)
    with pytest.raises(TypeError, match="float32"):
        it.train(net, X, y.float(), until=one)
    with pytest.raises(ValueError, match="y holds a non-finite value"):
        it.train(net, X, y * math.nan, until=one)
    with pytest.raises(ValueError, match="X_test and y_test together"):
        it.train(net, X, y, X_test=X, until=one)
    with pytest.raises(ValueError, match="y_test has shape"):
        it.train(net, X, y, X_test=X, y_test=y[:3], until=one)
    with pytest.raises(ValueError, match="no gradient-flow time"):
        it.train(net, X, y, method=it.Optimizer(), until=it.Until(time=1.0))
    with pytest.raises(ValueError, match="time=inf is never reached"):
        it.train(net, X, y, until=it.Until(time=math.inf))
    with pytest.raises(ValueError, match="needs an end"):
        it.train(net, X, y, method=it.ExponentialFlow(steps=5), until=one)
    with pytest.raises(ValueError, match="no optimizer 'Adm'"):
        it.Optimizer("Adm")
    with pytest.raises(ValueError, match="nothing can be learned"):
        it.train(network(implicit_scale=0.0), X, y, until=one)
    with pytest.raises(ValueError, match="fused=2 needs a network with one output"):
        it.train(network(n_outputs=1), X, y[:, None], method=it.SingleSweep(fused=2), until=one)
    with pytest.raises(ValueError, match="differ in width"):
        it.train_ensemble([network(8), network(9)], X, y, until=one)
    with pytest.raises(TypeError, match="not by GradientDescent"):
        it.train_ensemble([net], X, y, method=it.GradientDescent(), until=one)


def nearly():
    """A run that certifies itself on the way."""
    X, y = problem(6, 4)
    return X, y, network(64, 4, output_scale=2.0, seed=3, solver=it.Picard(rtol=1e-12))


def test_a_run_stops_where_its_end_is_proved():
    X, y, net = nearly()
    method, until = it.GradientDescent(), it.Until(certified=True, steps=20_000)
    history = it.train(net, X, y, method=method, until=until, record=Record(every=20))
    assert history.attrs["status"] == "certified"
    assert history.certified.iloc[:-1].eq(0).all()
    assert history.certified.iloc[-1] == 1
    found = it.convergence_certificate(net, X, y)
    assert found.holds
    *_, again = nearly()
    last = int(history.step.iloc[-2])
    it.train(again, X, y, method=method, until=it.Until(steps=last), record=Record(every=20))
    assert not it.convergence_certificate(again, X, y).holds, "It stopped at the first row that it could."


def test_the_history_says_from_when_on_the_end_is_proved():
    X, y, net = nearly()
    history = it.train(
        net, X, y, method=it.GaussNewton(), until=it.Until(steps=9), record=Record(certified=True)
    )
    assert history.certified.iloc[0] == 0
    assert history.certified.iloc[-1] == 1
    assert history.certified.is_monotonic_increasing
    plain = it.train(nearly()[2], X, y, method=it.GaussNewton(), until=it.Until(steps=9))
    assert plain.certified.isna().all()
    assert plain.train_loss.equals(history.train_loss), "Asking changes nothing."


def test_a_run_that_was_not_asked_can_be_asked_at_its_end():
    X, y, net = nearly()
    run = Run(net, X, y, method=it.GaussNewton())
    assert run.advance(it.Until(steps=20)).attrs["status"] == "settled"
    assert run.advance(it.Until(certified=True)).attrs["status"] == "certified"
    assert run.history.certified.iloc[-1] == 1


@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
def test_every_method_can_be_asked(method):
    X, y = problem()
    history = it.train(network(), X, y, method=method, until=it.Until(steps=2, certified=True))
    assert history.certified.isin([0.0, 1.0]).all()


def test_an_ensemble_stops_where_each_end_is_proved():
    X, y, _ = nearly()
    nets = [network(64, 4, output_scale=2.0, seed=s, solver=it.Picard(rtol=1e-12)) for s in (3, 4)]
    until = it.Until(certified=True, steps=20_000)
    method = it.SingleSweep(tolerance=1e-12)
    history = it.train_ensemble(nets, X, y, method=method, until=until, record=Record(every=50))
    assert history.attrs["status"] == ["certified", "certified"]
    assert all(it.convergence_certificate(net, X, y).holds for net in nets)


def test_what_cannot_be_certified_is_refused_before_the_first_step():
    X, y = problem()
    until = it.Until(certified=True)
    with pytest.raises(ValueError, match="implicit layer alone"):
        it.train(network(), X, y, layers=("implicit", "output"), until=until)
    many = network(n_outputs=2)
    with pytest.raises(ValueError, match="one output"):
        it.train(many, *problem(n_outputs=2), until=until)

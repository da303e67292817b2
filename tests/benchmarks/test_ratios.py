"""Each benchmark, run small: it measures what its row says, at that accuracy; times are not judged."""

import math
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import torch

import implicit_tutorial as it
from benchmarks import in_page, peers, ratios
from benchmarks.setting import Setting
from implicit_tutorial.book import explorers
from implicit_tutorial.book.benchmarks import BENCHMARKS

SMALL = Setting(n_samples=8, n_inputs=4, dtype=torch.float64, implicit_scale=0.5)
ETA = 0.05


def one_step(make, **options):
    """The change of A that a peer's step makes, and the loss that it reports."""
    X, y = SMALL.data()
    net = SMALL.network(32)
    step = make(net, X, y, ETA, **options)
    layer = next(c.cell_contents for c in step.__closure__ if isinstance(c.cell_contents, peers._Layer))
    before = layer.A.detach().clone()
    loss = step()
    return layer.A.detach() - before, loss.item()


def expected_step():
    X, y = SMALL.data()
    net = SMALL.network(32)
    loss = (net(X) - y).square().sum() / 2
    (gradient,) = torch.autograd.grad(loss, net.Theta)
    return -ETA * gradient * net.implicit_scale / math.sqrt(net.width), loss.item()


def test_unrolling_tends_to_the_exact_step():
    change, loss = one_step(peers.unrolled, depth=60)
    exact, exact_loss = expected_step()
    torch.testing.assert_close(change, exact, rtol=1e-7, atol=1e-9)
    assert loss == pytest.approx(exact_loss, rel=1e-8)


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_torchdeq_takes_the_exact_step():
    pytest.importorskip("torchdeq")
    change, loss = one_step(peers.torchdeq)
    exact, exact_loss = expected_step()
    torch.testing.assert_close(change, exact, rtol=1e-4, atol=1e-6)
    assert loss == pytest.approx(exact_loss, rel=1e-5)


def test_the_explicit_layer_descends_on_its_own_loss():
    X, y = SMALL.data()
    net = SMALL.network(32)
    change, loss = one_step(peers.explicit)
    A = net.A.detach().requires_grad_()
    hidden = torch.relu(net.injection(X)).detach()
    exact = ((torch.relu(hidden @ A.T) @ net.v.detach() / math.sqrt(32) - y) ** 2).sum() / 2
    (gradient,) = torch.autograd.grad(exact, A)
    torch.testing.assert_close(change, -ETA * net.implicit_scale**2 / 32 * gradient)
    assert loss == pytest.approx(exact.item())


def check(name, rows):
    rows = list(rows)
    assert rows
    for row in rows:
        assert math.isfinite(row["value"])
        assert math.isfinite(row["accuracy"])
        assert BENCHMARKS[name].case(row)
    return rows


@pytest.mark.parametrize("peer", ["explicit", "unrolled", "torchdeq"])
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_a_step_beside_a_peer(peer):
    if peer == "torchdeq":
        pytest.importorskip("torchdeq")
    rows = check(
        peer, ratios.single_sweep(SMALL, [256], peer=peer, steps=8, peer_steps=4, repeats=1, fused=(1, 2))
    )
    assert [row["fused"] for row in rows] == [1, 2]
    for row in rows:
        times = row["seconds"], row["peer_seconds"]
        assert row["value"] == pytest.approx(
            times[0] / times[1] if peer == "explicit" else times[1] / times[0]
        )
        assert 0 < row["accuracy"] <= row["curve"] < 0.1
        if peer != "explicit":
            assert row["peer_accuracy"] < 1e-3


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_flow_to_the_end():
    pytest.importorskip("torchdeq")
    (row,) = check("flow", ratios.flow(SMALL, [64], peer_steps=2, repeats=1))
    assert row["accuracy"] < 0.05
    values = SMALL.eigenvalues(64)
    assert row["peer_steps"] == math.ceil(float(8 * values[-1] / values[0]))


def test_the_reference_of_the_flow_is_the_flow():
    """Against torchdiffeq, which shares nothing with it but the gradient."""
    values = SMALL.eigenvalues(64)
    unit, end = 1 / float(values[-1]), 1 / float(values[0])
    net = SMALL.network(64)
    it.train(net, *SMALL.data(), method=it.ReferenceFlow(rtol=1e-2), until=it.Until(time=end))
    reference = ratios._reference(SMALL, 64, unit, end)
    moved = (net.Theta - SMALL.network(64).Theta).norm()
    assert (net.Theta - reference.Theta).norm() < 0.02 * moved


def test_memory_of_a_process():
    rows = check("memory", ratios.memory(SMALL, width=256, n_samples=16, steps=2))
    assert [row["method"] for row in rows] == ["SingleSweep", "SingleSweep, converged", "GradientDescent"]
    single, converged, _ = rows
    assert converged["sweeps"] > single["sweeps"]
    matrix = 8 * 256**2
    for row in rows:
        assert row["allowance"] == 2 * matrix + 10 * 8 * 16 * 256
        assert row["bytes"] > 0.9 * matrix  # it holds A


def test_memory_of_a_flow():
    (row,) = check("flow memory", ratios.flow_memory(SMALL, n_samples=600, width=64, steps=2))
    assert row["allowance"] == 3 * 8 * 600**2
    assert row["bytes"] > 8 * 600**2  # it holds a kernel
    assert row["seconds"] > 0


def test_ensemble_beside_single_runs():
    setting = Setting(n_samples=8, n_inputs=4, implicit_scale=0.5, dtype=torch.float64)
    (row,) = check("ensemble", ratios.ensemble(setting, width=32, seeds=3, steps=5, repeats=1))
    assert row["accuracy"] < 1e-8
    assert row["value"] == pytest.approx(row["seconds"] / row["peer_seconds"])


def test_flows_beside_single_flows():
    setting = Setting(n_inputs=4)
    (row,) = check("flows", ratios.flows(setting, width=24, seeds=4, n_samples=8, repeats=1))
    assert row["accuracy"] < 0.05
    assert row["value"] == pytest.approx(row["seconds"] / row["peer_seconds"])


def test_a_batch_beside_its_products():
    setting = Setting(n_samples=8, n_inputs=4, implicit_scale=0.5, dtype=torch.float64)
    (row,) = check("batch", ratios.batch(setting, width=16, seeds=3, inner=5, repeats=1))
    assert 0 < row["accuracy"] < 0.2
    assert row["value"] == pytest.approx(row["seconds"] / row["floor_seconds"])


@pytest.mark.browser
def test_a_step_in_the_page_is_that_of_numpy_and_torch():
    state = in_page.start(5, 8)
    arrays = [t[0].numpy() for t in state.values()]
    for _ in range(3):
        state |= in_page.step(**state)
        arrays[:4] = in_page.in_numpy(*arrays)
    for name, array in zip("Azue", arrays, strict=False):
        np.testing.assert_allclose(array, state[name][0].numpy(), rtol=1e-12, atol=1e-14)
    with ThreadPoolExecutor(1) as thread:  # in this one a browser of other tests may be open
        measure = partial(in_page.in_page, SMALL, [32], n_samples=4, rounds=1)
        (row,) = thread.submit(lambda: check("page", measure())).result()
    assert row["accuracy"] < 1e-12
    assert row["value"] == pytest.approx(row["seconds"] / row["peer_seconds"])


@pytest.mark.browser
def test_a_frame_is_timed_from_its_handle_in_a_page(tmp_path):
    """Where the book is not built there is nothing to time."""
    with pytest.raises(SystemExit, match="`make book` first"):
        list(ratios.frames(SMALL, pages=tmp_path))
    explorers()["cobweb"]().save(tmp_path / "cobweb.html")
    with ThreadPoolExecutor(1) as thread:
        measure = partial(ratios.frames, SMALL, ["cobweb"], pages=tmp_path, moves=20)
        (row,) = thread.submit(lambda: check("frame", measure())).result()
    assert 0 < row["value"] <= row["accuracy"]
    assert row["peer_value"] > 0


def test_exponent_is_that_of_the_times():
    rows = check("exponent", ratios.scaling(SMALL, [16, 32, 64], repeats=2))
    slope = np.polyfit(np.log([16, 32, 64]), np.log([row["seconds"] for row in rows]), 1)[0]
    assert all(row["value"] == pytest.approx(slope) for row in rows)


def test_a_step_beside_its_products():
    rows = check("floor", ratios.floor(SMALL, [16, 32], repeats=1))
    for row in rows:
        assert row["value"] == pytest.approx(row["seconds"] / row["floor_seconds"])
        assert 0 < row["accuracy"] < 0.1


def test_importing_beside_torch():
    """That the library takes longer than torch alone is no matter of chance: see tests/test_imports.py."""
    (row,) = check("import", ratios.importing(SMALL, repeats=1))
    assert row["value"] == row["seconds"] / row["peer_seconds"]
    assert min(row["seconds"], row["peer_seconds"]) > 0.1


def test_importing_is_the_library_over_torch(monkeypatch):
    def run(command, **_):
        (name,) = re.findall(r"; import (\w+);", command[-1])
        return subprocess.CompletedProcess(command, 0, stdout={"torch": "2", "implicit_tutorial": "3"}[name])

    monkeypatch.setattr(subprocess, "run", run)
    (row,) = ratios.importing(SMALL, repeats=3)
    assert row == {"seconds": 3, "peer_seconds": 2, "accuracy": 0, "value": 1.5}


def test_infinite_width_beside_elementwise_passes():
    (row,) = check("limit", ratios.limit(Setting(n_inputs=4), n_samples=300, repeats=1))
    assert row["value"] == pytest.approx(row["seconds"] / row["peer_seconds"])
    assert 0 < row["accuracy"] < 1e-5


def test_a_certificate_beside_scipys_numbers():
    (row,) = check("certify", ratios.certifying(SMALL, width=300, repeats=1))
    assert row["accuracy"] < 1e-6
    assert row["value"] == pytest.approx(row["seconds"] / row["peer_seconds"])


def test_a_proof_beside_the_numbers_it_is_made_of():
    (row,) = check("prove", ratios.proving(SMALL, n_samples=8, width=256, repeats=1))
    assert row["accuracy"] < 1e-6
    assert row["value"] == pytest.approx(row["seconds"] / row["peer_seconds"])


def test_many_labels_beside_eigenvectors():
    (row,) = check("labels", ratios.many_labels(SMALL, n_samples=24, width=96, loss=0.5))
    assert row["accuracy"] < 1e-5
    assert row["value"] == pytest.approx(row["seconds"] / row["peer_seconds"])

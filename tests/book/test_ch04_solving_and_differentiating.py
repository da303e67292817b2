"""The figures of chapter 4 show what the mathematics says, checked by routes that the figures do not take."""

from __future__ import annotations

import dataclasses
import math
import random
from itertools import pairwise

import numpy as np
import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial.book.ch04_solving_and_differentiating.cheaper_gradients import (
    error,
    errors,
    network,
    predicted,
    target,
    training,
)
from implicit_tutorial.book.ch04_solving_and_differentiating.comparison import measured
from implicit_tutorial.book.ch04_solving_and_differentiating.first_distances import first_distances
from implicit_tutorial.book.ch04_solving_and_differentiating.rotating_digit import (
    DIGIT,
    film,
    screening,
    turned,
)
from implicit_tutorial.book.ch04_solving_and_differentiating.rotating_digit import network as film_network
from implicit_tutorial.book.ch04_solving_and_differentiating.setting import (
    GRADIENTS,
    SOLVERS,
    gradient,
    inputs,
    problems,
)
from implicit_tutorial.book.ch04_solving_and_differentiating.solver_plane import (
    norm_boundary,
    stored,
    typical_boundary,
)
from implicit_tutorial.book.ch04_solving_and_differentiating.spectrum import RACERS, WIDTH, matrix, race
from implicit_tutorial.book.ch04_solving_and_differentiating.spectrum import predicted as best_rate
from implicit_tutorial.book.ch04_solving_and_differentiating.studies import (
    GRADIENT_DESCENT,
    GRADIENT_SCALES,
    PLANE,
    SOLVER_TIMES,
    WARM_TRAINING,
    plane_matrix,
    plane_parts,
    plane_sweeps,
)
from implicit_tutorial.book.ch04_solving_and_differentiating.warm_training import descent
from implicit_tutorial.book.oracles import gaussian, normal

# ---- the table ----


def two_unit_paths(turn: float, sweeps: int) -> dict[str, list[torch.Tensor]]:
    """The six methods written down once more, for one sample and two units."""
    A = torch.tensor([[0.0, turn], [-turn, 0.0]], dtype=torch.float64)
    b, eye = 1 - A.sum(dim=1), torch.eye(2, dtype=torch.float64)
    zero = torch.zeros(2, dtype=torch.float64)

    def g(z):
        return torch.relu(A @ z + b) - z

    paths = {name: [zero] for name in SOLVERS}
    forward, reflect = it.ForwardBackward().step_for(A), it.PeacemanRachford().step_for(A)
    s = reflect * b
    J = -eye
    for k in range(1, sweeps):
        z = paths["Picard"][-1]
        paths["Picard"].append(z + g(z))
        z = paths["ForwardBackward"][-1]
        paths["ForwardBackward"].append(torch.relu(z + forward * ((A - eye) @ z + b)))
        z = paths["Newton"][-1]
        D = torch.diag((A @ z + b > 0).double())
        paths["Newton"].append(torch.linalg.solve(eye - D @ A, D @ b))
        y = s.abs()
        w = torch.linalg.solve(eye + reflect * (eye - A), y + reflect * b)
        # What is returned is the image of the state that solves the linear part.
        paths["PeacemanRachford"].append(torch.relu(A @ w + b))
        s = 2 * w - y
        zs = paths["Anderson"]
        gs = [g(x) for x in zs]
        image = torch.relu(A @ zs[-1] + b)
        if k == 1:
            step = zs[-1] + gs[-1]
        else:
            dG = torch.stack([y - x for x, y in pairwise(gs)], dim=1)
            dZ = torch.stack([y - x for x, y in pairwise(zs)], dim=1)
            gamma = torch.linalg.lstsq(dG, gs[-1][:, None], driver="gelsd").solution[:, 0]
            step = zs[-1] + gs[-1] - (dZ + dG) @ gamma
        zs.append(torch.where(image > 0, torch.relu(step), 0))
        zs = paths["Broyden"]
        if k > 1:
            moved = zs[-1] - zs[-2]
            J = J + torch.outer(g(zs[-1]) - g(zs[-2]) - J @ moved, moved) / (moved @ moved)
        image = torch.relu(A @ zs[-1] + b)
        step = zs[-1] - torch.linalg.solve(J, g(zs[-1]))
        zs.append(torch.where(image > 0, torch.relu(step), 0))
    return paths


def test_each_solver_is_the_one_that_runs():
    """The table of first states against each method written down a second time."""
    paths = two_unit_paths(1.5, 4)
    rows = {line.split()[0]: line.split()[1:] for line in first_distances(4).splitlines()[2:]}
    assert set(rows) == set(paths)
    for name, path in paths.items():
        expected = [float(torch.linalg.vector_norm(z - 1)) for z in path]
        assert [float(x) for x in rows[name]] == pytest.approx(expected, abs=6e-5), name
    assert len({tuple(row) for row in rows.values()}) == len(rows)


def test_sweeps_in_the_table_are_those_of_a_plain_loop():
    A, b = problems()["σ_A = 0.8"]
    z, steps = torch.zeros_like(b), torch.zeros(len(b))
    for _ in range(60):
        image = torch.relu(z @ A.T + b)
        steps += (image - z).norm(dim=1) > 1e-10 * image.norm(dim=1)
        z = image
    assert measured("σ_A = 0.8", "Picard")[0] == pytest.approx(float(steps.mean()) + 1)


@pytest.mark.parametrize("matrix", ["σ_A = 0.4", "monotone"])
def test_certified_digits_are_true(matrix):
    A, b = problems()[matrix]
    exact = it.solve(A, b, solver=it.Newton(rtol=1e-14)).z
    z = it.solve(A, b, solver=it.Anderson()).z
    error = ((z - exact).norm(dim=1) / exact.norm(dim=1)).max()
    assert 8 < measured(matrix, "Anderson")[1] <= -math.log10(float(error))


def test_the_table_says_who_fails_and_who_refuses():
    A = problems()["monotone"][0]
    assert float(torch.linalg.matrix_norm(A, 2)) > 1
    assert measured("monotone", "Picard") == "fails"
    for name in ("σ_A = 0.8", "σ_A = 1.2", "trained"):
        assert not it.certify(problems()[name][0])["monotone"].holds
        assert measured(name, "ForwardBackward") == measured(name, "PeacemanRachford") == "refuses"
        assert math.isnan(measured(name, "Newton")[1])


def test_stored_times_belong_to_the_solves_of_the_table():
    for row in SOLVER_TIMES.table.to_dict("records"):
        found = measured(row["matrix"], row["solver"])
        assert math.isnan(row["seconds"]) == isinstance(found, str)
        if not math.isnan(row["seconds"]):
            assert row["sweeps"] == pytest.approx(found[0], rel=0.03)
            assert row["seconds"] > 0


def test_training_gives_an_outlier_on_which_acceleration_pays():
    picard, anderson = (measured("trained", name)[0] for name in ("Picard", "Anderson"))
    assert anderson < 0.6 * picard
    before, after = (measured("σ_A = 0.8", name)[0] for name in ("Picard", "Anderson"))
    assert after > 0.85 * before


# ---- the spectrum ----


@pytest.mark.parametrize("degree", [1, 3, 8])
def test_no_polynomial_is_smaller_on_the_disc(degree):
    """The proposition on random polynomials with p(1) = 1, on the circle |λ| = ρ."""
    rng = np.random.default_rng(degree)
    circle = 0.8 * np.exp(2j * np.pi * np.arange(720) / 720)
    for _ in range(200):
        p = np.polynomial.Polynomial(rng.standard_normal(degree + 1) * rng.random(degree + 1) ** 4)
        assert np.abs(p(circle) / p(1)).max() >= 0.8**degree * (1 - 1e-12)


@pytest.mark.parametrize("shape", ["disc", "interval", "outlier"])
def test_the_shape_is_what_its_name_says(shape):
    run = race(shape, 0.7)
    size = np.sort(np.abs(run.eigenvalues))
    assert size[-1] == pytest.approx(0.7, rel=0.06)
    if shape == "interval":
        assert np.isrealobj(run.eigenvalues) or not run.eigenvalues.imag.any()
    else:
        rest = size[:-1] if shape == "outlier" else size
        # A uniform disc: half of the eigenvalues within 1/√2 of its radius.
        assert np.median(rest) == pytest.approx(rest[-1] / math.sqrt(2), rel=0.08)
    if shape == "outlier":
        assert size[-2] < 0.48


def test_recorded_residuals_are_those_of_the_solver():
    A, b = matrix("interval", 0.5), normal(1, WIDTH, seed=2)
    run = race("interval", 0.5)
    for name, solver in RACERS.items():
        kept = run.residuals[name]
        full = it.solve(A, b, solver=solver)
        assert len(kept) == int(full.steps)
        short = it.solve(A, b, solver=dataclasses.replace(solver, max_steps=7), throw=False)
        assert kept[6] * float(full.z.norm()) == pytest.approx(float(short.residual), rel=1e-6)


@pytest.mark.parametrize(("shape", "within"), [("disc", 0.13), ("interval", 0.05), ("outlier", 0.05)])
def test_anderson_has_the_rate_of_the_best_polynomial(shape, within):
    run = race(shape, 0.7)
    k = np.arange(5, len(run.residuals["Anderson"]) + 1)
    measured = np.polyfit(k, np.log(run.residuals["Anderson"][4:]), 1)[0]
    line = best_rate(shape, run, np.array([1.0, 2.0]))
    assert measured == pytest.approx(math.log(line[1] / line[0]), rel=within)
    picard = np.log(run.residuals["Picard"])
    assert (picard[-1] - picard[-11]) / 10 == pytest.approx(math.log(run.radius), rel=0.1)


# ---- the plane ----


def test_stored_cells_of_the_plane_are_computed_again():
    rng = random.Random()
    for name in SOLVERS:
        for _ in range(3):
            i, j = rng.randrange(25), rng.randrange(25)
            again = plane_sweeps(name, PLANE[j], PLANE[i])
            kept = stored(name)[i, j]
            if math.isnan(kept) or again is None or kept > 100:
                continue  # close to a boundary rounding decides
            assert again == pytest.approx(kept, rel=0.1, abs=1), (name, i, j)


def test_the_boundaries_are_where_the_conditions_change():
    for s, a in zip(*norm_boundary(), strict=True):
        assert float(torch.linalg.matrix_norm(plane_matrix(s, a), 2)) == pytest.approx(1)
    S = plane_parts()[0]
    assert float(torch.linalg.eigvalsh(S)[-1]) == pytest.approx(1)
    # The elliptic law, on a wide matrix with a random half of the units.
    m = 1000
    G = gaussian(m, seed=5)
    half = torch.randperm(m, generator=torch.Generator().manual_seed(0))[: m // 2]
    S, K = (G + G.T) / (2 * math.sqrt(2)), (G - G.T) / (2 * math.sqrt(2))
    x, y = typical_boundary()
    for i in (0, 30, 60, 90):
        block = (x[i] * S + y[i] * K)[half][:, half]
        assert float(torch.linalg.eigvals(block).abs().max()) == pytest.approx(1, rel=0.05)


def test_solvers_stop_where_the_theory_says():
    grid = np.array(PLANE)
    s, a = np.meshgrid(grid, grid)
    for name in ("ForwardBackward", "PeacemanRachford"):
        assert not np.isfinite(stored(name)[s >= 1]).any()
    assert np.isfinite(stored("PeacemanRachford")[s < 0.95]).all()
    limit = np.maximum(s**2, a**2) / np.sqrt(2 * (s**2 + a**2) + 1e-12)
    picard = np.isfinite(stored("Picard"))
    assert picard[limit < 0.7].mean() > 0.97
    assert not picard[limit > 1.15].any()
    anderson = np.isfinite(stored("Anderson"))
    assert anderson[(limit > 1.15) & (s < 1)].all()
    stretched = anderson[s == 1.5]  # with more and more turning
    assert not stretched[:7].any()
    assert stretched[7:11].all()


# ---- gradients ----


@pytest.mark.parametrize(
    ("name", "column", "products"), [("phantom, 5 steps", "phantom", 4), ("SHINE", "shine", 0)]
)
def test_errors_are_those_of_autograd(name, column, products):
    net, X, y = network(0.7), inputs(), target()
    exact = gradient(net, X, y, GRADIENTS["exact"], rtol=1e-13)[1]
    other = gradient(net, X, y, GRADIENTS[name])[1]
    angle = math.degrees(math.acos(float((exact * other).sum() / exact.norm() / other.norm())))
    relative = float((exact - other).norm() / exact.norm())
    found = getattr(errors(0.7), column)[products]
    assert found == pytest.approx([relative, angle], rel=1e-4)


@pytest.mark.parametrize("scale", [0.5, 1.0])
def test_the_mean_field_error_of_a_wide_network(scale):
    net = it.EquilibriumNetwork(5, 2000, implicit_scale=scale, seed=3)
    with torch.no_grad():
        A, X = net.A, inputs()[:8]
        z = net.equilibrium(X).z
        exact = it.adjoint(A, z, net.v).u
        u = torch.zeros_like(z)
        for k in range(4):
            u = (z > 0) * (u @ A + net.v)
            relative, angle = predicted(scale, np.array([k]))
            found = error(u, exact)
            assert found[0] == pytest.approx(relative[0], rel=0.06)
            assert found[1] == pytest.approx(angle[0], rel=0.06)


def test_training_is_plain_descent():
    """Three steps through unrolled autograd."""
    net, X, y = it.EquilibriumNetwork(5, 64, implicit_scale=0.4, seed=0), inputs(), target()
    K = it.network_kernels(net, X).implicit.detach()
    rate = 0.5 * len(X) / float(torch.linalg.eigvalsh(K)[-1])
    for k in range(3):
        z = torch.zeros(len(X), 64, dtype=torch.float64)
        for _ in range(40):
            z = torch.relu(z @ net.A.T + net.injection(X))
        loss = (net.output(z) - y).square().mean() / 2
        assert training("exact", 0.4)[k] == pytest.approx(float(loss.detach()), rel=1e-4)
        net.Theta.data -= rate * torch.autograd.grad(loss, net.Theta)[0]


@pytest.mark.parametrize("name", GRADIENTS)
def test_every_gradient_trains(name):
    run = training(name, 0.4)
    assert len(run) == 41
    assert run[-1] < 0.2 * run[0]


@pytest.mark.parametrize("scale", GRADIENT_SCALES)
def test_shine_trains_better_than_a_single_step(scale):
    assert training("exact", scale)[-1] < training("SHINE", scale)[-1] < training("one step", scale)[-1]


@pytest.mark.parametrize("study", [GRADIENT_DESCENT, WARM_TRAINING], ids=lambda study: study.name)
def test_near_the_end_of_each_run_a_minimum_is_proved(study):
    assert set(study.table["end"]) == {"minimum proved"}


# ---- reuse ----


def test_the_film_turns_the_digit():
    angles, images, b = film(10)
    assert angles.tolist() == [0, 10, 20, 30]
    np.testing.assert_allclose(turned(images[0], 90), np.rot90(images[0], -1), atol=1e-9)
    # The centre of mass of a spot off the centre turns with the image, clockwise.
    x, y = np.meshgrid(np.arange(8) - 3.5, 3.5 - np.arange(8))
    spot = np.exp(-((x - 1.5) ** 2) - (y - 1) ** 2)
    centre = [(image * (x + 1j * y)).sum() / image.sum() for image in (turned(spot, a) for a in angles)]
    np.testing.assert_allclose(np.array(centre) / centre[0], np.exp(-1j * np.deg2rad(angles)), atol=0.03)
    data = it.data.digits("one_vs_rest")
    first = int(torch.nonzero(data.labels == DIGIT)[0])
    torch.testing.assert_close(b[0], film_network().injection(data.X[first : first + 1])[0].detach())


def test_warm_starts_save_the_predicted_number_whatever_the_tolerance():
    saved = {}
    for step in (0.5, 1):
        for tolerance in (1e-4, 1e-10):
            run = screening(step, tolerance)
            assert run.predicted.mean() == pytest.approx(run.warm[1:].mean(), rel=0.12)
            saved[step, tolerance] = (run.cold - run.warm)[1:].mean()
        assert saved[step, 1e-4] == pytest.approx(saved[step, 1e-10], abs=1)
    # Half the step: one more factor of two.
    more = saved[0.5, 1e-10] - saved[1, 1e-10]
    assert more == pytest.approx(math.log(2) / -math.log(0.8 / math.sqrt(2)), abs=0.5)


def test_training_with_warm_starts_is_training():
    """The cold sweeps of the figure's run are those along descent by autograd."""
    X = inputs()
    net = it.EquilibriumNetwork(5, 128, implicit_scale=0.8, seed=0)
    y = it.data.linear_quadratic(X)
    rate = 0.3 * len(X) / float(torch.linalg.eigvalsh(it.network_kernels(net, X).implicit.detach())[-1])
    run = descent(1e-10)
    for k in range(6):
        assert run.forward[0][k] == pytest.approx(float(net.equilibrium(X).steps.double().mean()), abs=0.1)
        loss = (net(X) - y).square().mean() / 2
        net.Theta.data -= rate * torch.autograd.grad(loss, net.Theta)[0]
    for cold, warm in (run.forward, run.adjoint):
        assert warm[0] == cold[0]
        assert warm[1:].sum() < 0.9 * cold[1:].sum()

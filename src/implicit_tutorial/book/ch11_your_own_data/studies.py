"""Is the advice any good? Five tasks, ten splits each, beside a grid search, defaults, and other methods."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GridSearchCV
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial.advice.candidates import Candidate, Sample, candidates
from implicit_tutorial.book.networks import end
from implicit_tutorial.book.study import Study, grid
from implicit_tutorial.book.tasks import Task, circle_target, on_circle
from implicit_tutorial.generalization import infinite_width_prediction
from implicit_tutorial.training import ExponentialFlow, Record, TrainingStatus, Until, train

TASKS = ("breast cancer", "diabetes", "digits", "linear on the sphere", "circle")
METHODS = ("advised", "default", "grid", "linear", "kernel ridge")
#: The networks of the map: what is compared at one width, on the two tables.
MAP_SCALES, MAP_OUTPUTS, MAP_WIDTH = (0.1, 0.3, 0.5, 0.7, 0.9), (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0), 256
#: A grid search as one would do it: three scales of each kind, and the best time along each run.
_GRID = tuple((sigma, kappa) for sigma in (0.1, 0.4, 0.7) for kappa in (0.5, 2.0, 8.0))
GRID_WIDTH, _DEFAULT_ERROR = 256, 1e-2
_SOLVER = it.Picard(rtol=1e-6, max_steps=500)
_RECORD = Record(every=1, movement=True, norm=False, spectrum=False)


def data_of(task: str, seed: int) -> Task:
    """One split: training inputs in their own units, labels, and the same of the test sample."""
    rng = np.random.default_rng(seed)
    if task in TASKS[:2]:
        bunch, n_train = (
            (load_breast_cancer(), 200) if task == TASKS[0] else (load_diabetes(scaled=False), 221)
        )
        X, y = torch.tensor(bunch.data), torch.tensor(bunch.target, dtype=torch.float64)
        y = 1 - 2 * y if task == TASKS[0] else y  # malignant is +1
        order = torch.as_tensor(rng.permutation(len(y)))
        train, test = order[:n_train], order[n_train:]
        return Task(X[train], y[train], X[test], y[test])
    if task == "digits":
        d = it.data.digits(n_train=200, n_test=1000, seed=seed)
        return Task(d.X, d.y, d.X_test, d.y_test)
    if task == "circle":
        angles = rng.uniform(0, 360, 540)
        X, y = on_circle(angles), torch.as_tensor(circle_target(angles))
        return Task(X[:40], y[:40], X[40:], y[40:])
    X = it.data.sphere(560, 6, seed=seed)
    y = it.data.linear(X)
    return Task(X[:60], y[:60], X[60:], y[60:])


def compare(*, task: str, method: str, seed: int) -> dict[str, Any]:
    """The test error of a method, in units of the training labels' variance.

    ``grid`` gives two: at what a quarter of the training sample chooses, and ``best_error``, the least along
    all runs, which only the test sample knows. Of two classes, how many are told right.
    """
    sample = data_of(task, seed)
    return {"advised": _advised, "default": _default, "grid": _grid_search}.get(method, _sklearn)(
        sample, seed=seed, method=method
    ) | {"n_test": len(sample.y_test)}


def _advised(sample: Task, *, seed: int, method: str) -> dict[str, Any]:
    advice = it.advise(sample.X, sample.y)
    Z, Z_test = advice.scaling(sample.X), advice.scaling(sample.X_test)
    y, y_test = (advice.scaling.labels(labels) for labels in (sample.y, sample.y_test))
    net = advice.network(seed=seed, solver=_SOLVER)
    history = train(
        net, Z, y, method=ExponentialFlow(rtol=0.1), until=advice.until, record=_RECORD, throw=False
    )
    scales = {
        name: advice.choices[name].value for name in ("implicit_scale", "output_scale", "time", "centered")
    }
    limit = infinite_width_prediction(Z, y, Z_test, y_test, **scales)
    return {
        **_outcome(history),
        **_score(net, Z_test, y_test, sample),
        **end(net, Z, y),
        "held_out_error": advice.held_out_error,
        "standard_error": advice.standard_error,
        "infinite_error": limit.bias2,
        "offset": advice.offset.value,
        "implicit_scale": advice.implicit_scale.value,
        "output_scale": advice.output_scale.value,
        "width": advice.width.value,
        "lazy_movement": advice.output_scale.used["lazy movement"],
    }


def _default(sample: Task, *, seed: int, method: str) -> dict[str, Any]:
    """Scaled inputs and labels, the network's own defaults, trained until one per cent is left."""
    scaling = it.fit_scaling(sample.X, sample.y)
    net = it.EquilibriumNetwork(scaling.n_inputs, GRID_WIDTH, seed=seed, solver=_SOLVER)
    Z, y = scaling(sample.X), scaling.labels(sample.y)
    until = Until(loss=len(y) * _DEFAULT_ERROR / 2, steps=200)
    history = train(net, Z, y, method=ExponentialFlow(rtol=0.1), until=until, record=_RECORD, throw=False)
    found = _score(net, scaling(sample.X_test), scaling.labels(sample.y_test), sample)
    return _outcome(history) | found | end(net, Z, y)


def _grid_search(sample: Task, *, seed: int, method: str) -> dict[str, Any]:
    part = len(sample.y) - len(sample.y) // 4
    chosen, time, least = None, math.nan, math.inf
    for scales, history, _ in _paths(
        sample.X[:part], sample.y[:part], sample.X[part:], sample.y[part:], seed
    ):
        row = history.loc[history["test_error"].idxmin()]
        if row["test_error"] < least:
            chosen, time, least = scales, row["time"], row["test_error"]
    best = math.inf
    for scales, history, proved in _paths(*sample, seed):
        best = min(best, history["test_error"].min())
        if scales == chosen:
            then = history[history["time"] >= time]
            found = (then if len(then) else history.tail(1)).iloc[0]
            ended = proved()
    sigma, kappa = chosen
    return {
        "status": "finished",
        "test_error": found["test_error"],
        "best_error": best,
        "implicit_scale": sigma,
        "output_scale": kappa,
        **ended,
    }


def _paths(X: Tensor, y: Tensor, X_test: Tensor, y_test: Tensor, seed: int) -> Iterator[tuple]:
    """Each pair of scales with the history of a centered network that has them, and what its end proves."""
    scaling = it.fit_scaling(X, y)
    Z, labels = scaling(X), scaling.labels(y)
    test = {"X_test": scaling(X_test), "y_test": scaling.labels(y_test)}
    until = Until(loss=len(y) * 2e-3 / 2, steps=40)
    for sigma, kappa in _GRID:
        scales = {"implicit_scale": sigma, "output_scale": kappa, "centered": True}
        net = it.EquilibriumNetwork(scaling.n_inputs, GRID_WIDTH, **scales, seed=seed, solver=_SOLVER)
        flow = ExponentialFlow(rtol=0.2)
        history = train(net, Z, labels, method=flow, until=until, record=_RECORD, throw=False, **test)
        yield (sigma, kappa), history, partial(end, net, Z, labels)


def _sklearn(sample: Task, *, seed: int, method: str) -> dict[str, Any]:
    """Ridge regression, linear or with a Gaussian kernel, on standardised columns, and cross-validated."""
    mean, scale = sample.X.mean(dim=0), sample.X.std(dim=0)
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    S, S_test = (((x - mean) / scale).numpy() for x in (sample.X, sample.X_test))
    center, unit = float(sample.y.mean()), float(sample.y.std())
    ridges = np.logspace(-4, 3, 15)
    if method == "linear":
        model = RidgeCV(alphas=ridges)
    else:
        widths = {"alpha": ridges, "gamma": np.logspace(-2, 1, 7) / S.shape[1]}
        model = GridSearchCV(KernelRidge(kernel="rbf"), widths, cv=5, scoring="neg_mean_squared_error")
    model.fit(S, (sample.y.numpy() - center) / unit)
    f = torch.as_tensor(model.predict(S_test))
    return {"status": "finished", **_errors(f, (sample.y_test - center) / unit, sample)}


def _outcome(history: Any) -> dict[str, Any]:
    status = history.attrs["status"]
    done = status in (TrainingStatus.LOSS_REACHED, TrainingStatus.TIME_REACHED)
    return {"status": "finished" if done else str(status), "movement": history["movement"].iloc[-1]}


def _score(net: it.EquilibriumNetwork, Z: Tensor, y: Tensor, sample: Task) -> dict[str, Any]:
    try:
        with torch.no_grad():
            return _errors(net(Z), y, sample)
    except it.EquilibriumError:
        return {"status": "no equilibrium found at a test point"}


def _errors(f: Tensor, y: Tensor, sample: Task) -> dict[str, Any]:
    """Mean square error, and of two classes how many are nearer to their own label."""
    found = {"test_error": (f - y).square().mean()}
    if set(sample.y.tolist()) == {-1.0, 1.0}:
        middle = -float(sample.y.mean() / sample.y.std())
        found["correct"] = int(((f > middle) == (sample.y_test > 0)).sum())
    return found


def mapped(*, task: str, implicit_scale: float, output_scale: float, seed: int) -> dict[str, Any]:
    """A centered network on the first split of a table, trained for the time that its kernel's error asks."""
    sample = data_of(task, 0)
    scaled = Sample.of(sample.X, sample.y, 0.0)
    chosen = best_candidate(scaled, implicit_scale)
    scales = {"implicit_scale": implicit_scale, "output_scale": output_scale, "centered": True}
    net = it.EquilibriumNetwork(scaled.scaling.n_inputs, MAP_WIDTH, **scales, seed=seed, solver=_SOLVER)
    until = Until(time=1 / (chosen.ridge * output_scale**2), loss=len(sample.y) * chosen.error / 200)
    flow = ExponentialFlow(rtol=0.1)
    history = train(net, scaled.Z, scaled.y, method=flow, until=until, record=_RECORD, throw=False)
    Z_test, y_test = scaled.scaling(sample.X_test), scaled.scaling.labels(sample.y_test)
    return {
        **_outcome(history),
        **_score(net, Z_test, y_test, sample),
        **end(net, scaled.Z, scaled.y),
        "monotone": it.certify(net.A, conditions=("monotone",))["monotone"].value,
    }


def best_candidate(sample: Sample, implicit_scale: float) -> Candidate:
    """The time with the least held-out error at one σ_A."""
    return min(candidates(sample, [implicit_scale]), key=lambda c: c.error)


ADVICE = Study(
    "advice",
    "How good is the advice, beside a grid search, defaults, and kernel ridge regression?",
    compare,
    grid(task=TASKS, method=METHODS, seed=range(10)),
)

SCALE_MAP = Study(
    "own_scales",
    "On a table of one's own: how do error and movement depend on the two scales?",
    mapped,
    grid(task=TASKS[:2], implicit_scale=MAP_SCALES, output_scale=MAP_OUTPUTS, seed=range(2)),
)

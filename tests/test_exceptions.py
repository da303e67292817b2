"""Whatever the package raises survives the way to another process, with all that it carries."""

from __future__ import annotations

import copy
import importlib
import inspect
import multiprocessing
import pickle
import pkgutil
from collections.abc import Callable, Iterator

import pandas as pd
import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial.training import Run, TrainingStatus


def exceptions() -> Iterator[type[BaseException]]:
    """All exception classes that the package defines."""
    for module in pkgutil.walk_packages(it.__path__, f"{it.__name__}."):
        if not module.name.endswith("__main__"):
            for value in vars(importlib.import_module(module.name)).values():
                own = isinstance(value, type) and value.__module__ == module.name
                if own and issubclass(value, BaseException):
                    yield value


EXCEPTIONS = {kind.__name__: kind for kind in exceptions()}


def run() -> Run:
    X = it.data.sphere(4, 3, seed=0)
    training = Run(it.EquilibriumNetwork(3, 64), X, it.data.linear(X), method=it.SingleSweep(step=0.1))
    training.advance(it.Until(steps=2))
    return training


#: A value for each argument by which some exception is made.
ARGUMENTS: dict[str, Callable[[], object]] = {
    "message": lambda: "what happened",
    "result": lambda: it.solve(torch.eye(2).double() / 2, torch.ones(3, 2).double()),
    "status": lambda: TrainingStatus.UNSTABLE,
    "history": lambda: pd.DataFrame({"time": [0.0, 1.0]}),
    "step": lambda: 0.5,
    "limit": lambda: 0.25,
    "run": run,
}


def made(kind: type[BaseException]) -> BaseException:
    if "__init__" not in vars(kind):
        return kind("what happened")
    parameters = list(inspect.signature(kind).parameters.values())
    by_name = {p.name: ARGUMENTS[p.name]() for p in parameters}
    keywords = {p.name: by_name.pop(p.name) for p in parameters if p.kind is p.KEYWORD_ONLY}
    return kind(*by_name.values(), **keywords)


def test_the_search_finds_those_that_are_known() -> None:
    known = {
        "EquilibriumError",
        "TrainingError",
        "TrainingInterrupted",
        "UnsafeStepError",
        "ClaimRefutedError",
    }
    assert known < set(EXCEPTIONS)


@pytest.mark.parametrize("name", EXCEPTIONS)
@pytest.mark.parametrize("travel", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy])
def test_an_exception_travels(name: str, travel: Callable) -> None:
    error = made(EXCEPTIONS[name])
    other = travel(error)
    assert type(other) is type(error)
    assert str(other) == str(error)
    assert vars(other).keys() == vars(error).keys()
    assert other.args == error.args


def test_what_it_carries_is_whole() -> None:
    def sent(name: str) -> BaseException:
        return pickle.loads(pickle.dumps(made(EXCEPTIONS[name])))

    assert torch.equal(sent("EquilibriumError").result.z, ARGUMENTS["result"]().z)
    assert sent("TrainingError").history.equals(ARGUMENTS["history"]())
    assert sent("TrainingError").status is TrainingStatus.UNSTABLE
    assert (sent("UnsafeStepError").step, sent("UnsafeStepError").limit) == (0.5, 0.25)


@pytest.mark.parametrize("method", [it.SingleSweep(step=0.1), it.GradientDescent(step=0.1), it.Optimizer()])
def test_a_run_that_was_sent_goes_on_as_if_it_had_stayed(method) -> None:
    X = it.data.sphere(4, 3, seed=0)
    y = it.data.linear(X)
    here = Run(it.EquilibriumNetwork(3, 64), X, y, method=method, X_test=X, y_test=y)
    here.advance(it.Until(steps=2))
    there = pickle.loads(pickle.dumps(here))
    here.advance(it.Until(steps=4))
    there.advance(it.Until(steps=4))
    assert torch.equal(here.net.Theta, there.net.Theta)
    pd.testing.assert_frame_equal(here.history, there.history, check_exact=True)


def fail(_: int) -> None:
    it.solve(3 * torch.eye(2).double(), torch.ones(1, 2).double())


def test_a_pool_raises_what_a_worker_raised() -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pending = pool.map_async(fail, [0])
        with pytest.raises(it.EquilibriumError, match="diverged") as caught:
            pending.get(timeout=120)
    assert caught.value.result.z.shape == (1, 2)

"""A stored cell is that of the same experiment: whatever its result depends on tells experiments apart."""

from __future__ import annotations

import functools
import itertools
import logging
import math
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial.identity import Digest

WIDTH = 8
TABLE = {"width": [8]}
HELD = torch.zeros(3)
LOG = logging.getLogger("a logger, which pickles by its name")


def area(seed: int, width: int = 8) -> dict[str, float]:
    return {"v": seed + width}


def by_global(seed: int) -> dict[str, float]:
    LOG.debug("seen")
    return {"v": seed + WIDTH}


def by_table(seed: int) -> dict[str, float]:
    return {"v": seed + sum(TABLE["width"][0] for _ in range(1))}


def by_tensor(seed: int) -> dict[str, float]:
    return {"v": seed + float(HELD.sum())}


def by_constant_of_a_module(seed: int) -> dict[str, float]:
    return {"v": seed + it.data.math.tau}


def helper() -> int:
    return WIDTH


def by_helper(seed: int) -> dict[str, float]:
    return {"v": seed + helper()}


def closure(width: Any) -> Callable:
    def experiment(seed: int) -> dict[str, Any]:
        return {"v": seed + width}

    return experiment


def scaled(factor: float) -> Callable:
    def decorate(function: Callable) -> Callable:
        @functools.wraps(function)
        def wrapper(seed: int) -> dict[str, float]:
            return {"v": factor * function(seed)["v"]}

        return wrapper

    return decorate


class Holder:
    factor = 1

    def __init__(self, width: int) -> None:
        self.width = width

    def __call__(self, seed: int) -> dict[str, float]:
        return {"v": self.factor * (seed + self.width)}

    def method(self, seed: int) -> dict[str, float]:
        return {"v": seed + self.width}


@dataclass(frozen=True)
class Frozen:
    width: int
    solver: Any = None

    def __call__(self, seed: int) -> dict[str, float]:
        return {"v": seed + self.width}


class Doubled:
    """A wrapper that changes the result, and says of itself what ``functools`` makes it say."""

    def __init__(self, function: Callable) -> None:
        functools.update_wrapper(self, function)

    def __call__(self, seed: int) -> dict[str, float]:
        return {"v": 2 * self.__wrapped__(seed)["v"]}


class Watching(Doubled):
    """A wrapper that only watches."""

    transparent = True

    def __call__(self, seed: int) -> dict[str, float]:
        return self.__wrapped__(seed)


def digest(function: Callable) -> str:
    return Digest(function).of(function)


def swapped(name: str, value: Any) -> Callable[[Callable], Iterator[str]]:
    """The digests before and while a global of this module has another value."""

    def around(function: Callable) -> Iterator[str]:
        yield digest(function)
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(globals(), name, value)
            yield digest(function)

    return around


DIFFERENT: dict[str, list[Callable]] = {
    "keywords of a partial": [functools.partial(area, width=w) for w in (8, 16)],
    "arguments of a partial": [functools.partial(lambda w, seed: {"v": w}, w) for w in (8, 16)],
    "function of a partial": [functools.partial(f, seed=0) for f in (area, by_global)],
    "closures": [closure(8), closure(16)],
    "closures over floats": [closure(0.1), closure(math.nextafter(0.1, 1))],
    "closures over kinds": [closure(1), closure(1.0), closure(True), closure("1")],
    "closures over long tensors": [
        closure(torch.arange(5000.0) + (torch.arange(5000) == i)) for i in (2500, 9)
    ],
    "closures over dtypes": [closure(torch.ones(2, dtype=d)) for d in (torch.float32, torch.float64)],
    "closures over arrays": [closure(np.zeros(3)), closure(np.zeros((3, 1))), closure(np.ones(3))],
    "closures over frames": [closure(pd.DataFrame({"a": [1, x]})) for x in (2, 3)],
    "closures over networks": [closure(it.EquilibriumNetwork(2, 3, seed=s)) for s in (0, 1)],
    "closures over scales": [closure(it.EquilibriumNetwork(2, 3, output_scale=s)) for s in (1.0, 2.0)],
    "closures over solvers": [closure(s) for s in (it.Picard(), it.Picard(rtol=1e-6), it.Anderson())],
    "closures over functions": [closure(area), closure(by_global), closure(lambda x: x)],
    "closures over nested closures": [closure(closure(8)), closure(closure(16))],
    "decorators": [area, scaled(2.0)(area), scaled(3.0)(area)],
    "lambdas on one line": [lambda seed: {"v": 8}, lambda seed: {"v": 16}, lambda seed: {"v": seed}],
    "defaults": [lambda seed, w=w: {"v": w} for w in (8, 16)],
    "keyword defaults": [lambda seed, *, w=w: {"v": w} for w in (8, 16)],
    "callable objects": [Holder(8), Holder(16)],
    "callable dataclasses": [Frozen(8), Frozen(16), Frozen(8, it.Newton())],
    "bound methods": [Holder(8).method, Holder(16).method, Holder(8)],
    "wrapper objects": [area, Doubled(area), Doubled(by_global)],
    "watched functions": [Watching(area), Watching(by_global)],
    "nested code": [lambda seed: [8 for _ in "a"], lambda seed: [16 for _ in "a"]],
    "cells of their own": [functools.partial(area, width=it.Until(steps=s)) for s in (1, 2)],
}

CHANGED: dict[str, tuple[Callable, str, Any]] = {
    "a number": (by_global, "WIDTH", 16),
    "a table": (by_table, "TABLE", {"width": [16]}),
    "a tensor": (by_tensor, "HELD", torch.ones(3)),
    "what a helper uses": (by_helper, "WIDTH", 16),
    "the helper": (by_helper, "helper", lambda: 16),
    "in a lambda": (lambda seed: {"v": WIDTH}, "WIDTH", 16),
    "in a partial": (functools.partial(by_global, seed=0), "WIDTH", 16),
}


@pytest.mark.parametrize("kind", DIFFERENT)
def test_different_experiments_are_told_apart(kind: str) -> None:
    digests = [digest(f) for f in DIFFERENT[kind]]
    assert len(set(digests)) == len(digests)


@pytest.mark.parametrize("kind", CHANGED)
def test_a_changed_global_is_another_experiment(kind: str) -> None:
    function, name, value = CHANGED[kind]
    before, changed = swapped(name, value)(function)
    assert before != changed
    assert before == digest(function), "and the first one again when it is changed back"


def test_a_changed_constant_of_a_module_is_another_experiment(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest(by_constant_of_a_module)
    monkeypatch.setattr(math, "tau", 3.0)
    assert digest(by_constant_of_a_module) != before


def test_a_changed_class_is_another_experiment(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest(Holder(8)), digest(Holder(8).method)
    monkeypatch.setattr(Holder, "factor", 2)
    assert digest(Holder(8)) != before[0]
    monkeypatch.undo()
    monkeypatch.setattr(Holder, "method", lambda self, seed: {"v": 0})
    assert digest(Holder(8)) != before[0]
    assert digest(Holder(8).method) != before[1]


@pytest.mark.parametrize(
    "make",
    [
        lambda: functools.partial(area, width=8),
        lambda: closure({"a": [1, {2, 3}], "b": torch.ones(2)}),
        lambda: closure(it.EquilibriumNetwork(2, 3)),
        lambda: closure(it.ForwardBackward()),
        lambda: closure(pd.DataFrame({"a": [1, 2]})),
        lambda: Holder(8),
        lambda: Holder(8).method,
        lambda: scaled(2.0)(area),
        lambda: eval("lambda seed: {'v': seed}"),
    ],
)
def test_the_same_experiment_made_again_is_the_same(make: Callable[[], Callable]) -> None:
    assert digest(make()) == digest(make())


def test_what_only_watches_counts_as_what_it_watches() -> None:
    assert digest(Watching(area)) == digest(area)
    assert Digest(Watching(area)).name == Digest(functools.partial(area, width=3)).name == "area"


def test_what_a_solver_remembers_of_its_last_matrix_does_not_count() -> None:
    solver = it.ForwardBackward()
    before = digest(closure(solver))
    it.solve(torch.eye(2).double() / 2, torch.ones(1, 2).double(), solver=solver)
    assert digest(closure(solver)) == before


def test_it_does_not_depend_on_the_process() -> None:
    """Sets have another order there, and the module is a script."""
    code = (
        "import runpy, sys; names = runpy.run_path(sys.argv[1], run_name='__main__'); d = names['digest'];"
        "print(d(names['by_helper']), d(names['closure']({'b', 'a', 'c'})), d(names['Holder'](8)))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code, __file__],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    here = f"{digest(by_helper)} {digest(closure({'a', 'b', 'c'}))} {digest(Holder(8))}\n"
    assert outputs == {here}


@pytest.mark.parametrize(
    ("held", "kind"),
    [(threading.Lock(), "lock"), (open(__file__), "TextIOWrapper")],  # noqa: SIM115
)
def test_what_cannot_be_told_apart_is_refused(tmp_path: Path, held: Any, kind: str) -> None:
    with pytest.raises(
        TypeError, match=rf"'width' of '.*closure.*' is a .*{kind}, whose state cannot be told"
    ):
        it.run_grid({"seed": [0]}, closure(held), cache_dir=tmp_path, n_jobs=1)
    with pytest.raises(TypeError, match="What to change: make what matters of it a setting"):
        it.run_grid({"seed": [0]}, Holder(held), cache_dir=tmp_path, n_jobs=1)


# ---- on a grid ----


def test_each_partial_has_cells_of_its_own(tmp_path: Path) -> None:
    found = [
        it.run_grid({"seed": [0]}, functools.partial(area, width=w), cache_dir=tmp_path, n_jobs=1).v[0]
        for w in (8, 16, 8)
    ]
    assert found == [8, 16, 8]
    assert len(list(tmp_path.rglob("*.json"))) == 2


@pytest.mark.parametrize("kind", ["closures", "callable objects", "bound methods", "lambdas on one line"])
def test_each_experiment_has_results_of_its_own(tmp_path: Path, kind: str) -> None:
    for function in DIFFERENT[kind]:
        row = it.run_grid({"seed": [3]}, function, cache_dir=tmp_path, n_jobs=1).loc[0]
        assert row.v == function(3)["v"]


SETTINGS = {
    "seed": [0, 1],
    "width": [8, 16],
    "scale": [0.5, 0.25],
    "flag": [True, False],
    "name": ["a", "b"],
    "layers": [("implicit",), ("implicit", "input")],
    "solver": [it.Picard(), it.Newton()],
    "X": [torch.zeros(2000), torch.eye(2000)[1000]],
    "nothing": [None, 0],
}


def seen(**cell: Any) -> dict[str, str]:
    return {"seen": repr([cell[k] if k != "X" else float(cell[k].sum()) for k in sorted(cell)])}


@pytest.mark.parametrize("ignored", SETTINGS)
def test_no_setting_is_ignored(tmp_path: Path, ignored: str) -> None:
    fixed = {name: values[:1] for name, values in SETTINGS.items()}
    frame = it.run_grid({**fixed, ignored: SETTINGS[ignored]}, seen, cache_dir=tmp_path, n_jobs=1)
    assert (frame["status"] == "finished").all(), frame["status"].tolist()
    assert frame["seen"].nunique() == len(list(tmp_path.rglob("*.json"))) == 2


def test_all_combinations_have_cells_of_their_own(tmp_path: Path) -> None:
    grid = {name: SETTINGS[name] for name in ("seed", "width", "scale", "flag", "name")}
    frame = it.run_grid(grid, seen, cache_dir=tmp_path, n_jobs=1)
    assert frame["seen"].nunique() == len(frame) == 2 ** len(grid)
    swapped = it.run_grid(
        [{"a": x, "b": y} for x, y in itertools.permutations((1, 2))], seen, cache_dir=tmp_path
    )
    assert swapped["seen"].nunique() == 2


def test_a_changed_source_is_computed_anew(tmp_path: Path) -> None:
    """What stands in a file is edited between two sessions; a comment more changes nothing."""
    module, cache = tmp_path / "lab.py", tmp_path / "cache"
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); sys.dont_write_bytecode = True\n"
        "import implicit_tutorial as it, lab\n"
        f"print(*it.run_grid({{'x': [1]}}, lab.experiment, cache_dir={str(cache)!r}, n_jobs=1).v)"
    )
    sources = [
        "def part(x):\n    return x\ndef experiment(x):\n    return {'v': part(x) + 1}\n",
        "def part(x):\n    return x\ndef experiment(x):\n    # said\n    return {'v': part(x) + 1}\n",
        "def part(x):\n    return x\ndef experiment(x):\n    return {'v': part(x) + 2}\n",
        "def part(x):\n    return -x\ndef experiment(x):\n    return {'v': part(x) + 2}\n",
    ]
    seen, stored = [], []
    for source in sources:
        module.write_text(source)
        run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        seen.append(run.stdout.strip())
        stored.append(len(list(cache.rglob("*.json"))))
    assert seen == ["2", "2", "3", "1"]
    assert stored == [1, 1, 2, 3]

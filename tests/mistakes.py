"""What users pass instead of what is meant, kind by kind: the tables of wrong arguments are made of these."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

import implicit_tutorial as it

X = it.data.sphere(6, 3, seed=0)
Y = it.data.linear(X)
A = torch.eye(4, dtype=torch.float64) / 2
B = torch.ones(3, 4, dtype=torch.float64)
NET = it.EquilibriumNetwork(3, 16, implicit_scale=0.3)
ONE = it.Until(steps=1)


class Wrong(NamedTuple):
    """A mistake, and what it is called."""

    what: str
    value: Any


def bad_tensors(good: torch.Tensor) -> list[Wrong]:
    nan, infinite = good.clone(), good.clone()
    nan.view(-1)[-1], infinite.view(-1)[0] = math.nan, math.inf
    return [
        Wrong("a list", good.tolist()),
        Wrong("numpy", good.numpy()),
        Wrong("a number", 1.0),
        Wrong("a string", "X"),
        Wrong("a class", torch.Tensor),
        Wrong("integers", good.long()),
        Wrong("complex", good.cfloat()),
        Wrong("half precision", good.half()),
        Wrong("nan", nan),
        Wrong("infinity", infinite),
        Wrong("sparse", good.to_sparse()),
        Wrong("one dimension more", good[None]),
        Wrong("0-D", good.flatten()[0]),
    ]


def bad_matrices(good: torch.Tensor) -> list[Wrong]:
    return [
        *bad_tensors(good),
        Wrong("1-D", good[0]),
        Wrong("empty", good[:0, :0]),
        Wrong("not square", good[:2]),
    ]


def bad_rows(good: torch.Tensor) -> list[Wrong]:
    return [
        *bad_tensors(good),
        Wrong("1-D", good[0]),
        Wrong("too narrow", good[:, :-1]),
        Wrong("too wide", wide(good)),
    ]


def wide(good: torch.Tensor) -> torch.Tensor:
    return torch.cat([good, good], dim=1)


def bad_labels(good: torch.Tensor) -> list[Wrong]:
    other_dtype = [Wrong("float32", good.float())]
    return [
        *bad_tensors(good),
        *other_dtype,
        Wrong("too few", good[:-1]),
        Wrong("a column", good[:, None, None]),
    ]


#: What is no object of any of the package's classes.
NO_OBJECTS = [
    Wrong("a string", "anderson"),
    Wrong("a number", 100),
    Wrong("a list", [1]),
    Wrong("a dict", {"rtol": 1e-3}),
    Wrong("a class of another kind", torch.nn.Linear),
    Wrong("numpy", np.ones(2)),
    Wrong("a tensor", X),
    Wrong("a function", it.solve),
    Wrong("a module", torch),
    Wrong("a truth value", True),
]

NO_INTEGERS = [
    Wrong("a string", "3"),
    Wrong("a float", 2.5),
    Wrong("a whole float", 3.0),
    Wrong("a list", [3]),
    Wrong("a truth value", True),
    Wrong("nan", math.nan),
    Wrong("a class", int),
    Wrong("an array", np.array([3, 4])),
    Wrong("a float tensor", torch.tensor(3.0)),
    Wrong("a bool tensor", torch.tensor(True)),
    Wrong("complex", 3j),
]
NO_NUMBERS = [
    Wrong("a string", "0.5"),
    Wrong("a list", [0.5]),
    Wrong("a truth value", True),
    Wrong("nan", math.nan),
    Wrong("numpy nan", np.float64("nan")),
    Wrong("a class", float),
    Wrong("an array", np.array([0.5, 0.5])),
    Wrong("a tensor", torch.ones(2)),
    Wrong("complex", 0.5j),
    Wrong("a dict", {}),
]
NO_FLAGS = [
    Wrong("a string", "False"),
    Wrong("an integer", 1),
    Wrong("zero", 0),
    Wrong("a number", 0.5),
    Wrong("a list", []),
    Wrong("a class", bool),
    Wrong("an array", np.array([True, False])),
    Wrong("a tensor", torch.tensor([True, False])),
    Wrong("a dict", {}),
    Wrong("a function", it.solve),
]
NO_STRINGS = [
    Wrong("a number", 3),
    Wrong("a list", ["Adam"]),
    Wrong("bytes", b"Adam"),
    Wrong("a class", torch.optim.Adam),
    Wrong("a truth value", True),
    Wrong("a tensor", X),
    Wrong("a tuple", ("Adam",)),
    Wrong("a dict", {}),
    Wrong("a function", it.solve),
    Wrong("unknown", "no such thing"),
]
NO_LAYERS = [
    Wrong("unknown", ("hidden",)),
    Wrong("empty", ()),
    Wrong("a number", 1),
    Wrong("numbers", (1, 2)),
    Wrong("a class", str),
    Wrong("a dict of others", {"hidden": 1}),
    Wrong("a truth value", True),
    Wrong("an unknown word", "hidden"),
    Wrong("a parameter", ("Theta",)),
    Wrong("None in it", (None,)),
]
NO_DTYPES = [
    Wrong("a word", "float64"),
    Wrong("numpy's", np.float64),
    Wrong("a class", float),
    Wrong("64", 64),
]
NO_DTYPES += [Wrong("integers", torch.int64), Wrong("complex", torch.cfloat), Wrong("bool", torch.bool)]
NO_DTYPES += [Wrong("half", torch.float16), Wrong("bfloat", torch.bfloat16), Wrong("a tensor", X)]
NO_DEVICES = [
    Wrong("unknown", "gpu"),
    Wrong("a list", ["cpu"]),
    Wrong("a number", 1.5),
    Wrong("a class", str),
]
NO_DEVICES += [Wrong("a dtype", torch.float64), Wrong("an empty word", ""), Wrong("None in a list", [None])]
NO_DEVICES += [Wrong("a dict", {}), Wrong("a tensor", X), Wrong("a tuple", ("cpu", 0))]


class Kind(NamedTuple):
    """What an argument may not be; None neither, unless it is ``optional``."""

    wrong: list[Wrong]
    optional: bool = False

    def also(self, *values: Any) -> Kind:
        return Kind([*self.wrong, *(Wrong(repr(v), v) for v in values)], self.optional)

    def but(self, *names: str) -> Kind:
        return Kind([w for w in self.wrong if w.what not in names], self.optional)

    @property
    def or_none(self) -> Kind:
        return Kind(self.wrong, True)


def instance(*classes: type) -> Kind:
    """An object of a class of the package: the class itself is the first mistake."""
    return Kind([*(Wrong(f"the class {c.__name__}", c) for c in classes), *NO_OBJECTS])


COUNT = Kind(NO_INTEGERS).also(0, -1)
NATURAL = Kind(NO_INTEGERS).also(-1)
SEED = Kind(NO_INTEGERS).also(2**64, -(2**70))
POSITIVE = Kind(NO_NUMBERS).also(0.0, -1.0, math.inf)
TIME = Kind(NO_NUMBERS).also(-1.0)
SCALE = Kind(NO_NUMBERS).also(-1.0, math.inf)
SHARE = Kind(NO_NUMBERS).also(0.0, 1.0, -0.5, 2.0, math.inf)
FLAG = Kind(NO_FLAGS)
WORD = Kind(NO_STRINGS)
LAYERS = Kind(NO_LAYERS)
SOLVER = instance(it.Picard, it.Newton).or_none
GRADIENT = instance(it.Exact).or_none
NETWORK = instance(it.EquilibriumNetwork)
METHOD = instance(it.GradientDescent, it.SingleSweep).or_none.but("a module")
MATRIX = Kind(bad_matrices(A))
ROWS = Kind(bad_rows(B))
START = Kind([*bad_rows(B), Wrong("too few rows", B[:2])]).or_none
INPUTS = Kind(bad_rows(X))
LABELS = Kind(bad_labels(Y))
SPREADS = Kind(
    [
        Wrong("a word", "large"),
        Wrong("a number", 0.5),
        Wrong("words", ["0.5"]),
        Wrong("empty", ()),
        Wrong("zero", [0.0]),
        Wrong("negative", [0.5, -0.1]),
        Wrong("infinite", [math.inf]),
        Wrong("nan", [math.nan]),
        Wrong("a class", list),
        Wrong("a list of lists", [[0.5]]),
        Wrong("None in it", [None]),
        Wrong("a truth value", True),
    ]
)
#: Inputs of a network may be of another sample size, those of training hold at least one sample.
SAMPLE = INPUTS.also(X[:0])
TRAINING = {
    "net": NETWORK,
    "X": SAMPLE,
    "y": LABELS,
    "method": METHOD,
    "layers": LAYERS,
    "X_test": SAMPLE.or_none,
    "y_test": LABELS.or_none,
    "record": instance(it.Record).or_none,
}
TRAINED = {"X": X, "y": Y, "X_test": X, "y_test": Y}
SOLVERS = {
    "rtol": Kind(NO_NUMBERS).or_none,
    "atol": Kind(NO_NUMBERS).also(-1.0, math.inf),
    "max_steps": COUNT,
}
TARGET = {"X": Kind(bad_tensors(X)), "seed": SEED}


class Call(NamedTuple):
    """A function, arguments with which it works, and the kind of each argument that it has."""

    right: dict[str, Any]
    kinds: dict[str, Kind]


def mistakes(calls: Mapping[str, Call]) -> Iterator[Any]:
    """Each mistake with each argument of the calls, as a test's parameters: (name, argument, value)."""
    for name, (_, kinds) in calls.items():
        for argument, kind in kinds.items():
            none = [] if kind.optional else [Wrong("None", None)]
            for wrong in {w.what: w for w in [*none, *kind.wrong]}.values():
                yield pytest.param(name, argument, wrong.value, id=f"{name}-{argument}-{wrong.what}")

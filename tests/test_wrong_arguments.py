"""Every argument of every public function, with the mistakes that are made: each is refused by its name.

One table says how each function is called rightly and of which kind each argument is; another one what is
likely to be passed instead of that kind.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
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


def experiment(x: int) -> dict[str, int]:
    return {"y": x}


#: Every function and class of ``it.__all__`` and ``it.data`` that a user calls.
CALLS: dict[str, Call] = {
    "Picard": Call({}, SOLVERS),
    "Newton": Call({}, SOLVERS),
    "Anderson": Call(
        {},
        {
            **SOLVERS,
            "window": COUNT,
            "damping": Kind(NO_NUMBERS).also(0.0, 1.5),
            "regularization": Kind(NO_NUMBERS).or_none.also(-1.0, 1.0),
            "period": COUNT,
            "start_gain": Kind(NO_NUMBERS).also(-1.0),
        },
    ),
    "Broyden": Call({}, {**SOLVERS, "memory": COUNT}),
    "ForwardBackward": Call({}, {**SOLVERS, "step": POSITIVE.or_none, "check": FLAG}),
    "PeacemanRachford": Call({}, {**SOLVERS, "step": POSITIVE.or_none, "check": FLAG}),
    "Exact": Call({}, {}),
    "Phantom": Call({}, {"steps": COUNT, "damping": Kind(NO_NUMBERS).also(0.0, 1.5)}),
    "Shine": Call({}, {"refine": NATURAL}),
    "EquilibriumNetwork": Call(
        {"n_inputs": 3, "width": 4},
        {
            "n_inputs": COUNT,
            "width": COUNT,
            "implicit_scale": SCALE,
            "input_scale": SCALE,
            "output_scale": SCALE,
            "centered": FLAG,
            "n_outputs": COUNT.or_none,
            "seed": SEED,
            "solver": SOLVER,
            "gradient": GRADIENT,
            "dtype": Kind(NO_DTYPES),
            "device": Kind(NO_DEVICES),
        },
    ),
    "FixedScale": Call({"gamma": 0.5}, {"gamma": POSITIVE}),
    "L1Rows": Call(
        {"limit": 0.5},
        {"limit": SHARE, "weights": (Kind(bad_tensors(B[0])).also(-B[0])).or_none},
    ),
    "Monotone": Call({}, {"margin": SHARE}),
    "Symmetric": Call({}, {"margin": SHARE}),
    "PerronScaling": Call({"limit": 0.5}, {"limit": SHARE, "always": FLAG}),
    "SpectralScaling": Call({"limit": 0.5}, {"limit": SHARE, "always": FLAG}),
    "SoftmaxColumns": Call({"limit": 0.5}, {"limit": SHARE, "temperature": POSITIVE}),
    "constrain": Call(
        {"net": it.EquilibriumNetwork(2, 3), "constraint": it.Monotone()},
        {"net": NETWORK, "constraint": instance(it.Monotone)},
    ),
    "solve": Call(
        {"A": A, "b": B},
        {
            "A": MATRIX,
            "b": ROWS,
            "solver": SOLVER,
            "z0": START,
            "u0": START,
            "adjoint_solver": SOLVER,
            "gradient": GRADIENT,
            "throw": FLAG,
        },
    ),
    "adjoint": Call(
        {"A": A, "z": B, "g": B},
        {"A": MATRIX, "z": ROWS, "g": START.but("1-D"), "solver": SOLVER, "u0": START, "throw": FLAG},
    ),
    "linear_equilibrium": Call(
        {"A": A, "b": B}, {"A": MATRIX, "b": ROWS, "solver": SOLVER, "z0": START, "throw": FLAG}
    ),
    "certify": Call(
        {"A": A},
        {
            "A": MATRIX,
            "conditions": Kind(
                [
                    Wrong("a word", "spectral_norm"),
                    Wrong("unknown", ["norm"]),
                    Wrong("a number", 3),
                    Wrong("numbers", [3]),
                    Wrong("a truth value", True),
                    Wrong("a class", list),
                    Wrong("None in it", [None]),
                    Wrong("a function", it.solve),
                    Wrong("bytes", b"monotone"),
                    Wrong("a solver", it.Picard()),
                ]
            ).or_none,
        },
    ),
    "count_equilibria": Call({"A": A, "b": B}, {"A": MATRIX, "b": ROWS}),
    "is_p_matrix": Call({"M": A}, {"M": MATRIX}),
    "unrolled": Call({"A": A, "b": B, "depth": 3}, {"A": MATRIX, "b": ROWS, "depth": NATURAL}),
    "continuous_depth": Call(
        {"A": A, "b": B, "z0": B, "times": torch.linspace(0, 1, 3).double()},
        {
            "A": MATRIX,
            "b": ROWS,
            "z0": Kind(START.wrong),
            "times": Kind(bad_tensors(torch.linspace(0, 1, 3).double())).also(
                torch.zeros(3).double(), -torch.arange(3).double(), torch.zeros(0).double()
            ),
            "time_constant": POSITIVE,
            "rtol": POSITIVE,
            "atol": POSITIVE,
        },
    ),
    "as_equilibrium": Call(
        {"weights": [torch.ones(2, 3).double(), torch.ones(4, 2).double()], "X": X},
        {
            "weights": Kind(
                [
                    *(
                        Wrong(w.what, [torch.ones(2, 3).double(), w.value])
                        for w in bad_rows(torch.ones(4, 2).double())
                    ),
                    Wrong("one tensor", torch.ones(2, 3).double()),
                    Wrong("empty", []),
                ]
            ),
            "X": INPUTS,
            "feedback": Kind(bad_rows(torch.ones(2, 4).double())).or_none.also(torch.ones(3, 4).double()),
        },
    ),
    "diagonal_rescaling": Call(
        {"A": A}, {"A": MATRIX, "limit": Kind(NO_NUMBERS).or_none.also(0.0, -1.0, 0.25, math.inf)}
    ),
    "energy": Call({"A": A, "b": B, "z": B}, {"A": MATRIX, "b": ROWS, "z": Kind(START.wrong)}),
    "jacobian_penalty": Call(
        {"A": A, "z": B},
        {
            "A": MATRIX,
            "z": ROWS.also(B[:0]),
            "probes": COUNT.or_none,
            "generator": instance(torch.Generator).or_none,
        },
    ),
    "limit_kernels": Call(
        {"X": X, "implicit_scale": 0.5},
        {
            "X": Kind(bad_tensors(X)).also(0 * X, X[0]),
            "X2": INPUTS.or_none.also(0 * X),
            "implicit_scale": SCALE.also(1.5),
            "input_scale": SCALE,
            "output_scale": SCALE,
        },
    ),
    "network_kernels": Call({"net": NET, "X": X}, {"net": NETWORK, "X": INPUTS, "X2": INPUTS.or_none}),
    "convergence_certificate": Call(
        {"net": NET, "X": X, "y": Y},
        {"net": NETWORK, "X": SAMPLE, "y": LABELS, "claim": WORD.or_none, "z0": START},
    ),
    "global_minimum": Call({"net": NET, "X": X, "y": Y}, {"net": NETWORK, "X": SAMPLE, "y": LABELS}),
    "generalization_bound": Call(
        {"net0": NET, "net": NET, "X": X, "y": Y},
        {
            "net0": NETWORK,
            "net": NETWORK,
            "X": SAMPLE,
            "y": LABELS,
            "confidence": SHARE,
            "loss": WORD.but("a truth value").also(True, None),
            "base": POSITIVE,
        },
    ),
    "infinite_width_prediction": Call(
        {**TRAINED, "implicit_scale": 0.5},
        {
            "X": SAMPLE.but("too narrow", "too wide"),
            "y": LABELS,
            "X_test": SAMPLE,
            "y_test": LABELS.or_none,
            "implicit_scale": SCALE,
            "input_scale": SCALE,
            "output_scale": POSITIVE,
            "centered": FLAG,
            "time": TIME,
            "layers": LAYERS,
        },
    ),
    "train": Call(
        {"net": NET, **TRAINED, "until": ONE},
        {**TRAINING, "until": instance(it.Until), "progress": FLAG, "throw": FLAG},
    ),
    "Run": Call({"net": NET, **TRAINED}, {**TRAINING, "progress": FLAG}),
    "train_ensemble": Call(
        {"nets": [NET], **TRAINED, "until": ONE},
        {
            **{name: kind for name, kind in TRAINING.items() if name != "net"},
            "nets": Kind(
                [*NO_OBJECTS, Wrong("one network", NET), Wrong("empty", []), Wrong("classes", [type(NET)])]
            ),
            "method": instance(it.SingleSweep).or_none.also(it.GradientDescent()),
            "until": instance(it.Until),
            "throw": FLAG,
        },
    ),
    "GradientDescent": Call({}, {"step": POSITIVE.or_none, "fraction": POSITIVE}),
    "SingleSweep": Call(
        {},
        {
            "step": POSITIVE.or_none,
            "fraction": POSITIVE,
            "fused": COUNT,
            "tolerance": Kind(NO_NUMBERS).also(0.0, -1.0),
            "max_sweeps": COUNT,
        },
    ),
    "GaussNewton": Call({}, {"halvings": NATURAL}),
    "ExponentialFlow": Call({}, {"rtol": SHARE, "steps": COUNT.or_none, "max_rejections": COUNT}),
    "ReferenceFlow": Call({}, {"rtol": SHARE, "method": WORD, "per_decade": COUNT}),
    "Optimizer": Call(
        {},
        {
            "name": WORD,
            "lr": POSITIVE,
            "batch_size": COUNT.or_none,
            "options": Kind(NO_OBJECTS).but("a dict").also(None),
            "seed": SEED,
        },
    ),
    "Record": Call(
        {},
        {
            "every": COUNT.or_none,
            **dict.fromkeys(("movement", "norm", "certified"), FLAG),
            "spectrum": FLAG.or_none,
        },
    ),
    "Until": Call(
        {"steps": 1}, {"loss": TIME.or_none, "time": TIME.or_none, "steps": NATURAL, "certified": FLAG}
    ),
    "run_grid": Call(
        {"grid": {"x": [1]}, "experiment": experiment, "n_jobs": 1},
        {
            "grid": Kind(
                [
                    Wrong("a string", "x"),
                    Wrong("a number", 3),
                    Wrong("a class", dict),
                    Wrong("scalars", {"x": 3}),
                    Wrong("a word as values", {"x": "abc"}),
                    Wrong("numbers", [1, 2]),
                    Wrong("words", ["x"]),
                    Wrong("a function", experiment),
                    Wrong("None", None),
                    Wrong("None as values", {"x": None}),
                    Wrong("numbers as names", {1: [2]}),
                ]
            ),
            "experiment": Kind([w for w in NO_OBJECTS if not callable(w.value)]).also(None, "square"),
            "cache_dir": Kind(NO_OBJECTS).but("a string").also(None),
            "n_jobs": Kind(NO_INTEGERS).also(0),
            "threads": COUNT,
            "progress": FLAG,
            "reusable": Kind([w for w in NO_OBJECTS if not callable(w.value)]).or_none.also("yes", 0.5),
        },
    ),
    "verify": Call({}, {"label": WORD.but("unknown").also(1.5)}),
    "data.sphere": Call(
        {"n_samples": 3, "n_inputs": 2, "seed": 0},
        {"n_samples": COUNT, "n_inputs": COUNT, "seed": SEED, "dtype": Kind(NO_DTYPES)},
    ),
    "data.circle": Call({"angles": Y}, {"angles": Kind(bad_tensors(Y))}),
    "data.linear": Call({"X": X}, TARGET),
    "data.linear_quadratic": Call({"X": X}, TARGET),
    "data.harmonic": Call({"X": X, "degree": 2}, {**TARGET, "degree": NATURAL}),
    "data.relu_teacher": Call({"X": X}, {**TARGET, "width": COUNT}),
    "data.noise": Call({"X": X}, TARGET),
    "data.digits": Call(
        {"n_train": 10, "n_test": 10},
        {
            "task": WORD,
            "n_train": COUNT.also(10**6),
            "n_test": NATURAL.or_none.also(10**6),
            "seed": SEED.also(-1),
            "dtype": Kind(NO_DTYPES),
        },
    ),
}
#: What the package returns or raises, or another name for what is above.
NOT_CALLED = {"ConvergenceCertificate", "EquilibriumError", "GlobalMinimum", "Kernels", "Solution", "Status"}
NOT_CALLED |= {"TrainingError", "UnsafeStepError", "sweep", "data"}


def function(name: str) -> Callable:
    found: Any = it
    for part in name.split("."):
        found = getattr(found, part)
    return found


def call(name: str, tmp_path: Path, **arguments: Any) -> Any:
    extra = {"cache_dir": tmp_path} if name == "run_grid" and "cache_dir" not in arguments else {}
    return function(name)(**{**CALLS[name].right, **extra, **arguments})


def mistakes() -> Iterator[Any]:
    for name, (_, kinds) in CALLS.items():
        for argument, kind in kinds.items():
            none = [] if kind.optional else [Wrong("None", None)]
            for wrong in {w.what: w for w in [*none, *kind.wrong]}.values():
                yield pytest.param(name, argument, wrong.value, id=f"{name}-{argument}-{wrong.what}")


def test_every_public_function_and_argument_is_in_the_table() -> None:
    public = {n for n in it.__all__ if n not in NOT_CALLED}
    own = (f for f in vars(it.data).values() if inspect.isfunction(f) and f.__module__ == it.data.__name__)
    public |= {f"data.{f.__name__}" for f in own if not f.__name__.startswith("_")}
    assert public == set(CALLS)
    for name, (_, kinds) in CALLS.items():
        assert set(inspect.signature(function(name)).parameters) == set(kinds), name
        assert all(len(kind.wrong) >= 10 for kind in kinds.values()), name


@pytest.mark.parametrize("name", [name for name in CALLS if name != "verify"])
def test_the_right_arguments_are_accepted(name: str, tmp_path: Path) -> None:
    call(name, tmp_path)


@pytest.mark.parametrize(
    "argument", ["X", "y", "method", "until", "solver", "A", "record", "layers", "n_jobs"]
)
def test_what_the_table_says_is_what_users_see(argument: str) -> None:
    """The mistakes that were reported: each sentence says what it is, and what to pass."""
    said = {
        "solver": (
            lambda: it.solve(A, B, solver=it.Picard),
            "solver is the class Picard, not an object; pass a solver",
        ),
        "until": (
            lambda: it.train(NET, X, Y, until=100),
            "until=100 is an int; pass Until(loss=…, time=…, steps=…)",
        ),
        "method": (
            lambda: it.train(NET, X, Y, method="SGD", until=ONE),
            "method='SGD' is a str; pass a training",
        ),
        "record": (lambda: it.Run(NET, X, Y, record=it.Record), "record is the class Record, not an object"),
        "y": (
            lambda: it.train(NET, X, Y.numpy(), until=ONE),
            "y is a ndarray; pass a torch tensor, e.g. torch.as",
        ),
        "X": (
            lambda: it.train(NET, X[0], Y[:1], until=ONE),
            "X has shape (3,); it must be 2-D, one input a row",
        ),
        "A": (lambda: it.solve(A.to_sparse(), B), "A is sparse (torch.sparse_coo); pass A.to_dense()"),
        "layers": (
            lambda: it.Run(NET, X, Y, layers=("Theta",)),
            "layers: unknown layer 'Theta'; choose from",
        ),
        "n_jobs": (
            lambda: it.run_grid({"x": [1]}, experiment, cache_dir=".", n_jobs=0),
            "n_jobs=0: give a number",
        ),
    }
    run, sentence = said[argument]
    with pytest.raises((TypeError, ValueError), match=re.escape(sentence)):
        run()


def of_kind(wrong: list[Wrong]) -> list[tuple[str, str]]:
    """All arguments that are of a kind: a function and a name."""
    return [(n, a) for n, (_, kinds) in CALLS.items() for a, k in kinds.items() if k.wrong[0] is wrong[0]]


@pytest.mark.parametrize(("name", "argument"), of_kind(NO_INTEGERS))
@pytest.mark.parametrize(
    "kind", [np.int64, np.int32, np.uint8, torch.tensor, np.array], ids=lambda k: k.__name__
)
def test_an_integer_of_numpy_or_torch_is_an_integer(name, argument, kind, tmp_path: Path) -> None:
    plain, other = (call(name, tmp_path, **{argument: value}) for value in (1, kind(1)))
    for field, value in vars(plain).items() if hasattr(plain, "__dict__") else ():
        if field == argument:
            assert type(getattr(other, field)) is type(value) is int
    if isinstance(plain, torch.Tensor) and name != "jacobian_penalty":  # which is random
        assert torch.equal(plain, other)
    if isinstance(plain, it.EquilibriumNetwork):
        assert torch.equal(plain.Theta, other.Theta)
        assert torch.equal(plain.W, other.W)


@pytest.mark.parametrize(("name", "argument"), [x for x in of_kind(NO_NUMBERS) if x[0] != "limit_kernels"])
@pytest.mark.parametrize("kind", [np.float64, np.float32, torch.tensor, np.array], ids=lambda k: k.__name__)
def test_a_number_of_numpy_or_torch_is_a_number(name, argument, kind, tmp_path: Path) -> None:
    plain, other = (call(name, tmp_path, **{argument: value}) for value in (0.75, kind(0.75)))
    if hasattr(plain, argument):
        assert type(getattr(other, argument)) is float
        assert getattr(plain, argument) == getattr(other, argument)


@pytest.mark.parametrize(("name", "argument", "value"), list(mistakes()))
def test_a_mistake_is_refused_by_name(name: str, argument: str, value: Any, tmp_path: Path) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        call(name, tmp_path, **{argument: value})
    assert argument in str(caught.value), str(caught.value)
    assert len(str(caught.value)) > len(argument) + 15

"""Every argument of every public function, with the mistakes that are made: each is refused by its name.

One table says how each function is called rightly and of which kind each argument is; another one what is
likely to be passed instead of that kind.
"""

from __future__ import annotations

import enum
import inspect
import math
import pkgutil
import re
import tempfile
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial.constraints import CONSTRAINTS
from tests.mistakes import (
    COUNT,
    FLAG,
    GRADIENT,
    INPUTS,
    LABELS,
    LAYERS,
    MATRIX,
    NATURAL,
    NET,
    NETWORK,
    NO_DEVICES,
    NO_DTYPES,
    NO_INTEGERS,
    NO_NUMBERS,
    NO_OBJECTS,
    ONE,
    POSITIVE,
    ROWS,
    SAMPLE,
    SCALE,
    SEED,
    SHARE,
    SOLVER,
    SOLVERS,
    SPREADS,
    START,
    TARGET,
    TIME,
    TRAINED,
    TRAINING,
    WORD,
    A,
    B,
    Call,
    Kind,
    Wrong,
    X,
    Y,
    bad_labels,
    bad_rows,
    bad_tensors,
    instance,
    mistakes,
)

CENTERED = it.EquilibriumNetwork(3, 16, implicit_scale=0.3, centered=True)
STATES = NET.equilibrium(X).z.detach()


#: A sample in units of its own, as large as advice wants it.
OWN_X = it.data.sphere(12, 3, seed=1)
OWN_Y = it.data.linear(OWN_X)
OWN_ROWS = Kind(bad_rows(OWN_X)).but("too narrow", "too wide").also(OWN_X[:1], OWN_X[:1].expand(12, 3))
OWN_LABELS = Kind(bad_labels(OWN_Y)).also(0 * OWN_Y, OWN_Y[:, None])
SCALING = it.fit_scaling(OWN_X, OWN_Y)
NEW_LABELS = Kind(bad_labels(OWN_Y)).but("too few")


def experiment(x: int) -> dict[str, int]:
    return {"y": x}


def table_file() -> Path:
    """Any file with two columns."""
    path = Path(tempfile.mkdtemp()) / "table.csv"
    path.write_text("a,b\n1,2\n3,4\n", encoding="utf-8")
    return path


TABLE = table_file()


#: Every public function and class of the library that a user calls, and the methods that users call.
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
    "global_minimum": Call({"net": NET, "X": X, "y": Y}, {"net": NETWORK, "X": SAMPLE, "y": LABELS}),
    "convergence_certificate": Call(
        {"net": NET, "X": X, "y": Y},
        {"net": NETWORK, "X": SAMPLE, "y": LABELS, "claim": WORD.or_none, "z0": START},
    ),
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
    "pac_bayes_bound": Call(
        {"net0": NET, "X": X, "y": Y, "X_test": X, "y_test": Y, "draws": 2},
        {
            "net0": NETWORK,
            "X": SAMPLE,
            "y": LABELS,
            "net": NETWORK.or_none,
            "X_test": SAMPLE,
            "y_test": LABELS,
            "confidence": SHARE,
            "scales": SPREADS.or_none,
            "draws": COUNT,
            "seed": SEED,
        },
    ),
    "pac_bayes_limit": Call(
        {"X": X, "y": Y, "X_test": X, "y_test": Y, "implicit_scale": 0.5},
        {
            "X": SAMPLE,
            "y": LABELS,
            "implicit_scale": POSITIVE.also(1.5),
            "input_scale": POSITIVE,
            "X_test": SAMPLE,
            "y_test": LABELS,
            "confidence": SHARE,
            "spreads": SPREADS,
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
            "method": instance(it.SingleSweep, it.ExponentialFlow).or_none.also(it.GradientDescent()),
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
    "equilibrium.spectral_norm": Call({"A": A}, {"A": MATRIX}),
    "equilibrium.monotone_constant": Call({"A": A}, {"A": MATRIX}),
    "equilibrium.spectral_radius": Call({"A": A}, {"A": MATRIX}),
    "equilibrium.perron_root": Call({"A": A}, {"A": MATRIX, "rtol": POSITIVE}),
    "equilibrium.Certificate.error_bound": Call(
        {"self": it.certify(A), "A": A, "b": B, "z": B},
        # The state of a solve that failed may hold anything, and its bound says so.
        {"A": MATRIX, "b": ROWS, "z": ROWS.but("nan", "infinity")},
    ),
    "EquilibriumNetwork.forward": Call({"self": NET, "X": X}, {"X": INPUTS}),
    "EquilibriumNetwork.injection": Call({"self": NET, "X": X}, {"X": INPUTS}),
    "EquilibriumNetwork.initial_output": Call({"self": CENTERED, "X": X}, {"X": INPUTS, "refine": FLAG}),
    "EquilibriumNetwork.initial_problem": Call({"self": CENTERED, "X": X}, {"X": INPUTS}),
    "EquilibriumNetwork.output": Call(
        {"self": NET, "z": STATES},
        {"z": Kind(bad_rows(STATES)).but("nan", "infinity", "one dimension more")},
    ),
    "EquilibriumNetwork.equilibrium": Call(
        {"self": NET, "X": X},
        {
            "X": INPUTS,
            "solver": SOLVER,
            "z0": Kind(bad_rows(STATES)).or_none,
            "u0": Kind(bad_rows(STATES)).or_none,
            "gradient": GRADIENT,
            "throw": FLAG,
        },
    ),
    "Run.advance": Call(
        {"self": it.Run(NET, X, Y), "until": ONE}, {"until": instance(it.Until), "throw": FLAG}
    ),
    "Run.load_state_dict": Call(
        {"self": it.Run(NET, X, Y), "state": it.Run(NET, X, Y).state_dict()}, {"state": Kind(NO_OBJECTS)}
    ),
    "fit_scaling": Call({"X": OWN_X}, {"X": OWN_ROWS, "y": OWN_LABELS.or_none, "offset": SCALE}),
    "Scaling.__call__": Call({"self": SCALING, "X": X}, {"X": INPUTS}),
    "Scaling.labels": Call({"self": SCALING, "y": OWN_Y}, {"y": NEW_LABELS}),
    "Scaling.outputs": Call({"self": SCALING, "f": OWN_Y}, {"f": NEW_LABELS}),
    "advise": Call(
        {"X": OWN_X, "y": OWN_Y},
        {
            "X": OWN_ROWS.also(OWN_X[:9], OWN_X.repeat(251, 1)),
            "y": OWN_LABELS,
            "columns": Kind(
                [
                    Wrong("a word", "abc"),
                    Wrong("too few", ["a"]),
                    Wrong("empty", []),
                    Wrong("numbers", [1, 2, 3]),
                    Wrong("None in it", [None, "a", "b"]),
                    Wrong("a number", 3),
                    Wrong("a class", list),
                    Wrong("a truth value", True),
                    Wrong("a function", experiment),
                    Wrong("a dict", {"a": 1}),
                    Wrong("bytes", b"abc"),
                ]
            ).or_none,
            "movement": POSITIVE,
            "largest_width": COUNT,
        },
    ),
    "verify": Call({}, {"label": WORD.but("unknown").also(1.5)}),
    "data.read_csv": Call(
        {"path": TABLE, "target": "b"},
        {
            "path": Kind(NO_OBJECTS).but("a string").also(None, b"table.csv", 0.5),
            "target": WORD,
            "dtype": Kind(NO_DTYPES),
        },
    ),
    "data.Table.split": Call(
        {"self": it.data.read_csv(TABLE, target="b"), "n_train": 1},
        {"n_train": COUNT.also(2, 100), "seed": SEED},
    ),
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
            "n_reference": NATURAL.also(10**6),
            "seed": SEED.also(-1),
            "dtype": Kind(NO_DTYPES),
        },
    ),
}
#: What the package returns, what a class of one's own derives from, and another name for what is above.
NOT_CALLED = {"AdjointSolution", "BoundedLoss", "Certificate", "Condition", "ConvergenceCertificate"}
NOT_CALLED |= {"EquilibriumCount", "GeneralizationBound", "GlobalMinimum", "Kernels", "LinearEquilibrium"}
NOT_CALLED |= {"PMatrix", "PacBayesBound"}
NOT_CALLED |= {"Prediction", "Solution", "Constraint", "data.Digits", "data.Table", "sweep"}
NOT_CALLED |= {"Advice", "Choice", "Scaling"}
#: Packages with tables of their own.
ELSEWHERE = {"explorer"}


def call(name: str, tmp_path: Path, **arguments: Any) -> Any:
    extra = {"cache_dir": tmp_path} if name == "run_grid" and "cache_dir" not in arguments else {}
    return attrgetter(name)(it)(**{**CALLS[name].right, **extra, **arguments})


def to_call(package: Any) -> dict[str, Any]:
    """What a package offers and a user can call, by name: no module, exception, or word of an enumeration."""
    own = [n for n, f in vars(package).items() if getattr(f, "__module__", "") == package.__name__]
    named = {n: getattr(package, n) for n in getattr(package, "__all__", own) if n[0] != "_"}
    given = (enum.Enum, BaseException)
    return {
        n: x for n, x in named.items() if callable(x) and not (inspect.isclass(x) and issubclass(x, given))
    }


def test_every_public_function_and_argument_is_in_the_table() -> None:
    public = set(to_call(it)) | {f"data.{name}" for name in to_call(it.data)}
    known = [getattr(it, name) for name in it.__all__]
    for module in pkgutil.iter_modules(it.__path__):
        package = import_module(f"{it.__name__}.{module.name}")
        if hasattr(package, "__all__") and module.name not in ELSEWHERE:
            new = {n for n, x in to_call(package).items() if not any(x is y for y in known)}
            public |= {n if n in NOT_CALLED else f"{module.name}.{n}" for n in new}
    methods = {name for name, (right, _) in CALLS.items() if "self" in right}
    assert public - NOT_CALLED == set(CALLS) - methods
    assert public >= NOT_CALLED, "no longer there"
    for name, (_, kinds) in CALLS.items():
        assert set(inspect.signature(attrgetter(name)(it)).parameters) - {"self"} == set(kinds), name
        assert all(len(kind.wrong) >= 10 for kind in kinds.values()), name


def test_every_method_of_a_network_is_in_the_table() -> None:
    """But for those that torch calls."""
    methods = {n for n, f in vars(it.EquilibriumNetwork).items() if inspect.isfunction(f) and n[0] != "_"}
    methods -= {"get_extra_state", "set_extra_state", "extra_repr"}
    assert {f"EquilibriumNetwork.{name}" for name in methods} <= set(CALLS)


@pytest.mark.parametrize("name", CONSTRAINTS)
@pytest.mark.parametrize("wrong", MATRIX.but("nan", "infinity").wrong, ids=lambda wrong: wrong.what)
def test_a_constraint_refuses_what_is_no_matrix_by_name(name: str, wrong: Any) -> None:
    """In training the parameters may become infinite: the solve with them says so."""
    constraint = CONSTRAINTS[name](0.5)
    if constraint.rectangular and wrong.what in ("not square", "empty"):
        return
    names = list(inspect.signature(constraint.forward).parameters)
    for k, argument in enumerate(names):
        with pytest.raises((TypeError, ValueError), match=rf"\b{argument}\b"):
            constraint(*(wrong.value if i == k else A for i in range(len(names))))


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


@pytest.mark.parametrize(("name", "argument", "value"), list(mistakes(CALLS)))
def test_a_mistake_is_refused_by_name(name: str, argument: str, value: Any, tmp_path: Path) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        call(name, tmp_path, **{argument: value})
    assert argument in str(caught.value), str(caught.value)
    assert len(str(caught.value)) > len(argument) + 15

"""Input checks: what is of the wrong kind or shape is refused by name before anything is computed."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
import numbers
import operator
import sys
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, get_args, get_origin

import numpy as np
import torch
from torch import Tensor

F = TypeVar("F", bound=Callable)

_HALF = (torch.float16, torch.bfloat16)

#: What to pass where a class is asked for, by its name.
_EXAMPLES = {
    "Solver": "a solver, e.g. Picard()",
    "Gradient": "a gradient, e.g. Exact()",
    "Method": "a training method, e.g. GradientDescent()",
    "Until": "Until(loss=…, time=…, steps=…)",
    "Record": "a Record(…)",
    "EquilibriumNetwork": "an EquilibriumNetwork",
    "Constraint": "a constraint, e.g. SpectralScaling(0.9)",
    "Generator": "a torch.Generator",
    "Mapping": "a mapping",
    "Iterable": "a list",
    "Sequence": "a list",
    "Callable": "a function",
    "Path": "the path of a folder",
    "dtype": "a torch dtype, e.g. torch.float64",
    "str": "a string",
    "bool": "True or False",
    "int": "an integer",
    "float": "a number",
}


def checked(function: F) -> F:
    """A function that refuses arguments of another kind than their annotations say, by name.

    Integers and numbers of NumPy and torch are passed on as Python's. ``torch.compile`` leaves the function
    as it is: how many sweeps a solver makes depends on what it computes, and no graph holds such a loop.
    """
    parameters = inspect.signature(function).parameters
    kinds = {p.name: _kinds(p.annotation, function.__globals__) for p in parameters.values()}
    positional = list(parameters)

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        if torch.compiler.is_compiling():
            return torch.compiler.disable(checked_call)(*args, **options)
        return checked_call(*args, **options)

    def checked_call(*args: Any, **options: Any) -> Any:
        args = (
            tuple(_fitting(name, x, kinds[name]) for name, x in zip(positional, args, strict=False))
            + args[len(positional) :]
        )
        for name, x in options.items():
            if name in kinds:
                options[name] = _fitting(name, x, kinds[name])
        return function(*args, **options)

    return call


def check_fields(x: Any) -> None:
    """The same for the fields of a frozen dataclass, when it is made."""
    for field in dataclasses.fields(x):
        if field.init:
            kinds = _kinds(field.type, vars(sys.modules[type(x).__module__]))
            object.__setattr__(x, field.name, _fitting(field.name, getattr(x, field.name), kinds))


def _kinds(annotation: str, names: Mapping[str, Any]) -> tuple[Any, ...]:
    """What an annotation allows; nothing where it does not say, or cannot be checked."""
    if not isinstance(annotation, str):
        return ()
    found = eval(annotation, dict(names))
    return _kinds_of(get_args(found) if isinstance(found, types.UnionType) else (found,))


def _kinds_of(kinds: tuple[Any, ...]) -> tuple[Any, ...]:
    kinds = tuple(kind.__bound__ if isinstance(kind, TypeVar) else kind for kind in kinds)
    known = all(isinstance(get_origin(kind) or kind, type) and kind is not Any for kind in kinds)
    return kinds if known else ()


def _fitting(name: str, x: Any, kinds: tuple[Any, ...]) -> Any:
    """x as one of the kinds; refuses it by name where it is of none."""
    if not kinds:
        return x
    for kind in kinds:
        if kind is Tensor:
            if isinstance(x, Tensor) and (float not in kinds or x.ndim == 0):
                check_tensor(name, x)
                return x
        elif kind is int:
            if _whole(x):
                return _seed(name, operator.index(x))
        elif kind is float:
            if _real(x) and not (Tensor in kinds and isinstance(x, Tensor)):
                return _number(name, x)
        elif kind is bool:
            if isinstance(x, bool | np.bool_):
                return bool(x)
        elif kind is torch.device:
            _check_device(name, x)
            return x
        elif _is_one(x, kind):
            if get_origin(kind) is Sequence:
                for i, item in enumerate(x):
                    _fitting(f"{name}[{i}]", item, _kinds_of(get_args(kind)))
            return x
    raise TypeError(_mistaken(name, x, kinds))


def _whole(x: Any) -> bool:
    """Whether x is an integer, of Python, NumPy or torch; a truth value is not."""
    if (
        isinstance(x, bool)
        or not hasattr(x, "__index__")
        or getattr(x, "dtype", None) in (torch.bool, np.bool_)
    ):
        return False
    try:
        operator.index(x)
    except TypeError:
        return False
    return True


def _real(x: Any) -> bool:
    if isinstance(x, np.ndarray | Tensor):
        return x.ndim == 0 and x.dtype not in (torch.bool, np.bool_) and not _complex(x)
    return isinstance(x, numbers.Real) and not isinstance(x, bool)


def _seed(name: str, x: int) -> int:
    if name == "seed" and not -(2**63) <= x < 2**64:
        raise ValueError(f"seed={x}: torch takes seeds of at most 64 bits.")
    return x


def _complex(x: Any) -> bool:
    return x.is_complex() if isinstance(x, Tensor) else np.iscomplexobj(x)


def _number(name: str, x: Any) -> float:
    if isinstance(x, Tensor) and x.requires_grad:
        raise ValueError(f"{name} requires a gradient, but here it is a constant; pass {name}.item().")
    x = float(x)
    if math.isnan(x):
        raise ValueError(f"{name}=nan is not a number.")
    return x


def _is_one(x: Any, kind: Any) -> bool:
    """Whether x is an object of a kind; a class is no object, and a string no list."""
    origin = get_origin(kind) or kind
    if origin is type(None):
        return x is None
    if isinstance(x, type) and origin is not Callable:
        return False
    if isinstance(x, str | bytes) and origin in (Sequence, Iterable):
        return False
    return isinstance(x, origin)


def _mistaken(name: str, x: Any, kinds: tuple[Any, ...]) -> str:
    """The sentence that says what x is, and what to pass."""
    names = [(get_origin(kind) or kind).__name__ for kind in kinds]
    wanted = [_EXAMPLES.get(n, f"a {n}") for n in names if n not in ("NoneType", "Tensor")]
    if Tensor in kinds:
        wanted.insert(0, f"a torch tensor, e.g. torch.as_tensor({name})")
    if isinstance(x, type):
        happened = f"{name} is the class {x.__name__}, not an object"
    elif isinstance(x, str | bool | numbers.Number):
        happened = f"{name}={x!r} is {'an' if type(x) is int else 'a'} {type(x).__name__}"
    elif x is None:
        happened = f"{name} is None"
    else:
        happened = f"{name} is a {type(x).__name__}"
    return f"{happened}; pass {' or '.join(wanted)}."


def _check_device(name: str, device: Any) -> None:
    try:
        torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"{name}={device!r} is not a device; for example 'cpu' or 'cuda:0'.") from error


def check_least(least: int, **values: float | None) -> None:
    """Raise unless each of the values is at least so large."""
    for name, value in values.items():
        if value is not None and not value >= least:
            raise ValueError(f"{name}={value}: it must be {least} or more.")


def check_tensor(name: str, x: Tensor) -> None:
    """Raise unless x is a dense tensor, and is not computed with in half precision."""
    if not isinstance(x, Tensor):
        raise TypeError(_mistaken(name, x, (Tensor,)))
    if x.layout != torch.strided:
        raise TypeError(f"{name} is sparse ({x.layout}); pass {name}.to_dense().")
    if x.dtype in _HALF:
        raise TypeError(
            f"{name} is {x.dtype}: in half precision no residual gets small enough to call a state an "
            f"equilibrium. Compute in float32, e.g. {name}.float()."
        )
    if x.dtype == torch.float32 and torch.is_autocast_enabled(x.device.type):
        raise ValueError(
            f"torch.autocast is on, and would compute with {name} in half precision, where no residual gets "
            "small enough to call a state an equilibrium. Put this call under "
            f"torch.autocast({x.device.type!r}, enabled=False), or use float64."
        )


def check_dtype(dtype: torch.dtype) -> None:
    """Raise unless it is one of floating-point numbers that this package computes with."""
    if not dtype.is_floating_point or dtype in _HALF:
        raise TypeError(f"dtype={dtype} is not for equilibria; use torch.float64 or torch.float32.")


def check_float(name: str, x: Tensor) -> None:
    """Raise unless x is a dense tensor of floating-point numbers."""
    check_tensor(name, x)
    if not x.is_floating_point():
        raise TypeError(f"{name} has dtype {x.dtype}; pass floating-point values, e.g. {name}.double().")


def check_matrix(A: Tensor, name: str = "A") -> None:
    """Raise unless A is a square floating-point matrix."""
    check_float(name, A)
    if A.ndim != 2 or A.shape[0] != A.shape[1]:
        raise ValueError(
            f"{name} has shape {tuple(A.shape)}; the implicit layer needs a square (m, m) matrix."
        )
    if A.shape[0] == 0:
        raise ValueError(f"{name} has shape (0, 0); the implicit layer needs at least one unit.")


def check_problem(A: Tensor, **rows: Tensor | None) -> None:
    """Raise unless A is a matrix and each of the others, injections b or states, has rows that fit it."""
    check_matrix(A)
    for name, x in rows.items():
        if x is not None:
            check_rows(x, A.shape[0], name, A, row="injection" if name == "b" else "state", column="unit")


def check_rows(x: Tensor, columns: int, name: str, like: Tensor, *, row: str, column: str) -> None:
    """Raise unless x holds one {row} a row, ``columns`` {column}s wide, in like's dtype and on its device."""
    check_tensor(name, x)
    if x.ndim == 1:
        raise ValueError(
            f"{name} has shape {tuple(x.shape)}; it must be 2-D, one {row} a row. "
            f"For a single {row} pass {name}[None, :]."
        )
    if x.ndim != 2:
        raise ValueError(f"{name} has shape {tuple(x.shape)}; it must be 2-D, one {row} a row.")
    if x.shape[1] != columns:
        hint = f" It looks transposed: pass {name}.T." if x.shape[0] == columns else ""
        raise ValueError(
            f"{name} has shape {tuple(x.shape)}; each row must hold {columns} entries, one for each {column}."
            f"{hint}"
        )
    if x.dtype != like.dtype or x.device != like.device:
        raise TypeError(
            f"{name} is {x.dtype} on {x.device}, but {like.dtype} on {like.device} is expected; "
            f"convert it with {name}.to(…)."
        )


def check_finite(**tensors: Tensor | None) -> None:
    """Raise naming the first tensor that holds an infinity or a NaN, and the row where it is.

    Inside a ``torch.func`` transform values cannot be looked at; there the solvers check what reaches them.
    """
    for name, x in tensors.items():
        if x is None or x.numel() == 0 or torch._C._functorch.is_functorch_wrapped_tensor(x):
            continue
        x = x.detach()
        # Both bounds are NaN where anything is; this way no copy of x is made.
        if math.isfinite(x.amin()) and math.isfinite(x.amax()):
            continue
        row = int(torch.nonzero(~torch.isfinite(x))[0, 0])
        raise ValueError(
            f"{name} holds a non-finite value, first in row {row}; clean the data or lower the scales."
        )

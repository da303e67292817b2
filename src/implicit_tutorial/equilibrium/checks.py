"""Input checks: a wrong shape is refused by name before anything is computed."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def check_matrix(A: Tensor, name: str = "A") -> None:
    """Raise unless A is a square floating-point matrix."""
    if not isinstance(A, Tensor):
        raise TypeError(f"{name} is a {type(A).__name__}; pass a torch tensor, e.g. torch.as_tensor({name}).")
    if not A.is_floating_point():
        raise TypeError(f"{name} has dtype {A.dtype}; pass floating-point values, e.g. {name}.double().")
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
    if not isinstance(x, Tensor):
        raise TypeError(f"{name} is a {type(x).__name__}; pass a torch tensor, e.g. torch.as_tensor({name}).")
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

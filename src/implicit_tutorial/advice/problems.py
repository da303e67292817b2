"""What can be wrong with a sample: refused where no number would mean anything, else said in a sentence."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from implicit_tutorial.advice.held_out import standard_error
from implicit_tutorial.equilibrium.checks import check_float, check_rows
from implicit_tutorial.prose import powers

#: Inputs on the sphere this near to one another are one input.
SAME = 1e-7
#: A standard deviation below this share of the largest entry is rounding.
_ROUNDING = 1e-12
#: Columns whose standard deviations differ by more than this factor are said to have different units.
_UNITS = 10
#: Below so many samples the held-out error is little known.
_FEW = 50


def named(column: int, columns: Sequence[str] | None) -> str:
    """How a sentence speaks of a column."""
    return f"column {column}" if columns is None else f"column {columns[column]!r}"


def moments(X: Tensor) -> tuple[Tensor, Tensor]:
    """(d,) means and standard deviations of columns, also where sums or squares over- or underflow."""
    # By powers of two, which round nothing.
    unit = torch.ldexp(torch.ones_like(X[0]), torch.frexp(X.abs().amax(dim=0)).exponent - 1)
    return (X / unit).mean(dim=0) * unit, (X / unit).std(dim=0) * unit


def constant_columns(X: Tensor) -> Tensor:
    """(d,) whether a column never changes, up to rounding."""
    return moments(X)[1] <= _ROUNDING * X.abs().amax(dim=0)


def check_sample(
    X: Tensor,
    y: Tensor | None,
    *,
    least: int = 2,
    most: int | None = None,
    columns: Sequence[str] | None = None,
) -> None:
    """Raise, by row and column, unless X and y are a sample that something can be computed from."""
    check_float("X", X)
    check_rows(X, X.shape[1] if X.ndim == 2 else -1, "X", X, row="input", column="column")
    if columns is not None and len(columns) != X.shape[1]:
        raise ValueError(f"columns has {len(columns)} names, but X has {X.shape[1]} columns.")
    if X.shape[1] == 0:
        raise ValueError("X has no columns; an input has at least one.")
    if len(X) < least:
        raise ValueError(f"X holds {len(X)} samples; at least {least} are needed here.")
    if most is not None and len(X) > most:
        raise ValueError(
            f"X holds {len(X)} samples, too many to decompose matrices as large as that again and again; "
            f"give a random part, e.g. X[rows] and y[rows] with rows = torch.randperm(len(X))[:{most}]."
        )
    bad = torch.nonzero(~torch.isfinite(X))
    if len(bad):
        row, column = bad[0].tolist()
        more = f", and in {len(bad) - 1} more places" if len(bad) > 1 else ""
        raise ValueError(
            f"X holds {float(X[row, column])} in row {row}, {named(column, columns)}{more}; fill in what is "
            "missing, or leave those rows out."
        )
    if bool(constant_columns(X).all()):
        raise ValueError("X never changes: all of its rows are the same input.")
    if y is None:
        return
    check_float("y", y)
    if y.ndim != 1 or len(y) != len(X):
        raise ValueError(f"y has shape {tuple(y.shape)}; give one label for each of {len(X)} inputs.")
    if y.dtype != X.dtype or y.device != X.device:
        raise TypeError(f"y is {y.dtype} on {y.device}, and X {X.dtype} on {X.device}; use y.to(X).")
    bad = torch.nonzero(~torch.isfinite(y))
    if len(bad):
        raise ValueError(f"y holds {float(y[int(bad[0])])} in row {int(bad[0])}; leave such rows out.")
    if bool(constant_columns(y[:, None])):
        raise ValueError(f"y is {float(y[0]):g} in every row; there is nothing to learn.")


def same_inputs(Z: Tensor) -> Tensor:
    """(n,) the number of the group of each row of Z; rows nearer than rounding can tell share one."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    near = torch.cdist(Z, Z, compute_mode="donot_use_mm_for_euclid_dist") < SAME
    _, groups = connected_components(csr_array(near.numpy()), directed=False)
    return torch.as_tensor(groups.astype(np.int64))


def about_columns(X: Tensor, columns: Sequence[str] | None) -> Iterator[str]:
    """Sentences on columns that never change, and on different units."""
    constant = constant_columns(X)
    never = torch.nonzero(constant)[:, 0].tolist()
    if never:
        more = f", and so are {len(never) - 1} more columns" if len(never) > 1 else ""
        yield (
            f"{named(never[0], columns).capitalize()} is {float(X[0, never[0]]):g} in every row{more}. What "
            "never changes is left out, and another value in new data goes unnoticed."
        )
    scale = moments(X)[1].masked_fill(constant, math.nan)
    low, high = (int(np.nanargmin(scale)), int(np.nanargmax(scale)))
    if scale[high] > _UNITS * scale[low]:
        yield (
            f"The columns have different units: standard deviations reach from {powers(float(scale[low]))} "
            f"({named(low, columns)}) to {powers(float(scale[high]))} ({named(high, columns)}). Each column "
            "is divided by its own."
        )


def about_copies(X: Tensor, y: Tensor, groups: Tensor) -> Iterator[str]:
    """Sentences on rows that are one input after scaling, and on labels that no function fits."""
    order = torch.argsort(groups, stable=True)
    pairs = [(i, j) for i, j in pairwise(order) if groups[i] == groups[j]]
    if not pairs:
        return
    count = torch.bincount(groups)
    mean = torch.zeros(len(count), dtype=y.dtype).index_add_(0, groups, y) / count
    rest = float((y - mean[groups]).square().mean())
    differing = [(i, j) for i, j in pairs if y[i] != y[j]]
    (i, j), *_ = differing or pairs
    what = "are the same input" if torch.equal(X[i], X[j]) else "have the same direction after scaling"
    others = f", and so do {len(pairs) - 1} more pairs" if len(pairs) > 1 else ""
    yield (
        f"Rows {int(i)} and {int(j)} {what}{others}. Such rows are held out together, since the error at a "
        "row whose copy was seen says nothing."
    )
    if differing:
        yield (
            f"Rows {int(i)} and {int(j)} are one input with the labels {float(y[i]):g} and {float(y[j]):g}. "
            f"No function fits such labels: the mean square training error stays above {powers(rest)}."
        )


def about_kernel(Z: Tensor, eigenvalues: Tensor) -> str:
    """A sentence on a kernel matrix that is nearly singular, and on the inputs that make it so."""
    distance = torch.cdist(Z, Z, compute_mode="donot_use_mm_for_euclid_dist")
    distance.fill_diagonal_(math.inf)[distance < SAME] = math.inf
    i, j = divmod(int(distance.argmin()), len(Z))
    least, largest, apart = (powers(float(x)) for x in (eigenvalues[0], eigenvalues[-1], distance[i, j]))
    return (
        f"The kernel matrix is nearly singular: its smallest eigenvalue is {least}, its largest {largest}. "
        f"The nearest inputs are rows {i} and {j}, at a distance of {apart} on the sphere. Training stops "
        "before it tells them apart."
    )


def about_size(n: int, error: float, standard_error: float) -> Iterator[str]:
    """A sentence on a sample that is small."""
    if n < _FEW:
        yield (
            f"There are only {n} samples, so the held-out error {powers(error)} is known to "
            f"± {powers(2 * standard_error)}, two standard errors."
        )


def about_noise(y: Tensor, errors: Tensor, groups: Tensor) -> Iterator[str]:
    """A sentence where the labels are predicted no better than by their mean."""
    gain, error = y.square() - errors.square(), float(errors.square().mean())
    spread = 2 * standard_error(gain, groups)
    if float(gain.mean()) <= spread:
        yield (
            f"Nothing to learn was found: at samples left out the error is {powers(error)} of the labels' "
            f"variance, and predicting their mean is as good, within ± {powers(spread)}. What follows fits "
            "noise."
        )

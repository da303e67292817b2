"""From columns in their own units to inputs on the unit sphere, and from labels to ones of variance one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from implicit_tutorial.advice.problems import check_sample, constant_columns, moments
from implicit_tutorial.equilibrium.checks import check_finite, check_float, check_rows, checked


class NoDirectionError(ValueError):
    """An input that is the mean of the training inputs, and has no direction to normalise."""


#: A standardised input this much shorter than the others has no direction: it is the mean up to rounding.
_NO_DIRECTION = 1e-9


@dataclass(frozen=True)
class Scaling:
    """x ↦ (s, offset)/‖(s, offset)‖ with s = (x − mean)/(scale·√d), and y ↦ (y − label_mean)/label_scale.

    Every number comes from the training sample, so what is done to new data has not seen them. Without an
    offset the norm of s is lost; with one it is kept, as the angle to the last coordinate.
    """

    mean: Tensor
    """(d,) means of the training columns."""
    scale: Tensor
    """(d,) their standard deviations; infinite for a column that never changes, which becomes zero."""
    offset: float
    """The constant last coordinate, where the others have a mean square norm of one; 0 for none."""
    label_mean: float
    label_scale: float
    """Mean and standard deviation of the training labels; 0 and 1 where none were given."""

    @property
    def n_inputs(self) -> int:
        """Coordinates of a scaled input: one more than columns where there is an offset."""
        return len(self.mean) + (self.offset > 0)

    @checked
    def __call__(self, X: Tensor) -> Tensor:
        """(n, n_inputs) scaled inputs of norm one.

        Raises:
            ValueError, TypeError: X of another width or dtype, not finite, or a row without a direction.
        """
        check_rows(X, len(self.mean), "X", self.mean, row="input", column="column of the training sample")
        check_finite(X=X)
        S = (X - self.mean) / self.scale / math.sqrt(int(self.scale.isfinite().sum()))
        if self.offset > 0:
            S = torch.cat([S, S.new_full((len(S), 1), self.offset)], dim=1)
        norm = torch.linalg.vector_norm(S, dim=1, keepdim=True)
        lost = torch.nonzero(norm[:, 0] < _NO_DIRECTION)
        if lost.numel():
            raise NoDirectionError(
                f"X is the mean of the training inputs in row {int(lost[0])}, which has no direction to "
                "normalise; use an offset, e.g. fit_scaling(X, y, offset=1.0)."
            )
        return S / norm

    @checked
    def labels(self, y: Tensor) -> Tensor:
        """(n,) labels in units of the training labels' standard deviation, about their mean."""
        self._check("y", y)
        return (y - self.label_mean) / self.label_scale

    @checked
    def outputs(self, f: Tensor) -> Tensor:
        """(n,) outputs of a network that learned such labels, in the units of y: undoes ``labels``."""
        self._check("f", f)
        return f * self.label_scale + self.label_mean

    def _check(self, name: str, x: Tensor) -> None:
        check_float(name, x)
        if x.ndim != 1 or x.dtype != self.mean.dtype:
            raise ValueError(f"{name} is {x.dtype} of shape {tuple(x.shape)}; give (n,) {self.mean.dtype}.")
        check_finite(**{name: x})


@checked
def fit_scaling(X: Tensor, y: Tensor | None = None, *, offset: float = 0.0) -> Scaling:
    """Centre each column, divide it by its standard deviation, and put each input on the unit sphere.

    The network is homogeneous: f(cx) = c f(x), so without this the longest inputs and the column with the
    largest unit decide. What normalising loses is the norm; ``offset`` keeps it as an angle.

    Args:
        X: (n, d) training inputs, one column a quantity, in any units.
        y: (n,) labels, to be centred and divided by their standard deviation too.
        offset: a constant coordinate beside the standardised ones, in units of their root mean square norm.

    Raises:
        ValueError, TypeError: what is not finite, by row and column; fewer than two samples; columns or
            labels none of which ever changes; a negative or infinite offset.
    """
    check_sample(X, y)
    if not 0 <= offset < math.inf:
        raise ValueError(f"offset={offset}: the constant coordinate is a finite number, zero or more.")
    mean, scale = moments(X)
    scale[constant_columns(X)] = math.inf
    labels = (0.0, 1.0) if y is None else map(float, moments(y[:, None]))
    return Scaling(mean, scale, offset, *labels)

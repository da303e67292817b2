"""What is recommended, with the numbers that decided and the words on how firmly they stand."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from implicit_tutorial.advice.scaling import Scaling
from implicit_tutorial.network import EquilibriumNetwork
from implicit_tutorial.prose import powers
from implicit_tutorial.training.stopping import Until

if TYPE_CHECKING:
    import pandas as pd

#: How firmly a recommendation can stand, the firmest first.
BASES = ("theorem", "mean-field", "rule of thumb")
#: Where the training error is this share of the held-out one, more training changes nothing that is seen.
ENOUGH = 0.01


@dataclass(frozen=True)
class Choice:
    """A recommended value, the numbers that it rests on, the reason, and where that comes from."""

    value: float | int | bool
    used: Mapping[str, float]
    """The numbers that decided, by what they are."""
    reason: str
    basis: str
    """``"theorem"``; ``"mean-field"``: exact at infinite width or for lazy training; ``"rule of thumb"``."""


@dataclass(frozen=True)
class Advice:
    """What :func:`advise` recommends, in the order in which it is found.

    Errors are in units of the labels' variance, so that predicting the mean has the error 1.
    """

    scaling: Scaling
    """What makes inputs and labels of the training sample, and new ones, fit for the network."""
    offset: Choice
    """The last coordinate of a scaled input, which keeps the norm; 0 for none."""
    implicit_scale: Choice
    time: Choice
    """When to stop gradient flow, with the recommended output_scale."""
    centered: Choice
    output_scale: Choice
    width: Choice
    certified_scale: Choice
    """The output_scale from which the network of seed 0 is proved to train (C12); not the recommended one."""
    held_out_error: float
    """Of the infinitely wide network with this scaling, implicit_scale and time, at samples left out."""
    standard_error: float
    """Of the held-out error."""
    labels_price: float
    shuffled_price: float
    """What the labels cost to fit in the end, and what they would on average if shuffled."""
    notes: tuple[str, ...]
    """What is wrong with the data, or should be known of them."""
    table: pd.DataFrame
    """What was compared: for each offset and implicit_scale the best time."""

    @property
    def choices(self) -> dict[str, Choice]:
        """The recommendations by name, in the order in which they are made."""
        names = ("offset", "implicit_scale", "time", "centered", "output_scale", "width")
        return {name: getattr(self, name) for name in names}

    def network(self, seed: int = 0, **options: Any) -> EquilibriumNetwork:
        """A network with the recommended scales and width; options of EquilibriumNetwork override them."""
        names = ("width", "implicit_scale", "output_scale", "centered")
        chosen = {name: self.choices[name].value for name in names}
        like = {"dtype": self.scaling.mean.dtype, "device": self.scaling.mean.device}
        return EquilibriumNetwork(
            **{"n_inputs": self.scaling.n_inputs, **chosen, **like, "seed": seed, **options}
        )

    @property
    def until(self) -> Until:
        """The recommended time, or a training error so far below the held-out one that more is not seen."""
        error = ENOUGH * self.held_out_error
        return Until(time=self.time.value, loss=error * self.time.used["samples"] / 2)

    def __str__(self) -> str:
        lines = [line for note in self.notes for line in textwrap.wrap(f"! {note}", 76)]
        for name, choice in {**self.choices, "certified_scale": self.certified_scale}.items():
            lines.append(f"{name} = {_written(choice.value)}  [{choice.basis}]")
            lines += textwrap.wrap(choice.reason, 76, initial_indent="    ", subsequent_indent="    ")
        error, spread = powers(self.held_out_error), powers(2 * self.standard_error, 1)
        lines.append(f"held-out error: {error} ± {spread} of the labels' variance")
        lines.append(f"labels' price: {powers(self.labels_price)}; shuffled: {powers(self.shuffled_price)}")
        return "\n".join(lines)


def _written(value: float | int | bool) -> str:
    """A recommended value as in print."""
    if isinstance(value, int):
        return str(value)
    return powers(value) if math.isfinite(value) else "none"

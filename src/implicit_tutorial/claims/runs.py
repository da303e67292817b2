"""How the experiments of the claims on generalization train."""

from __future__ import annotations

from implicit_tutorial.equilibrium import Newton
from implicit_tutorial.training import Record

#: Only what costs nothing is written down.
PLAIN = Record(every=1, movement=False, norm=False, spectrum=False)


def solver(width: int) -> Newton | None:
    """Newton's method follows a narrow network to where its equilibrium is lost; None is the default."""
    return Newton() if width <= 64 else None

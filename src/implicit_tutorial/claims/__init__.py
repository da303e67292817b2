"""C1, C2, …: the statements of the book, each with an experiment that could refute it."""

from implicit_tutorial.claims import (  # noqa: F401  (each registers its claims)
    bound,
    equilibrium,
    kernels,
    scale,
    solvers,
    training,
)
from implicit_tutorial.claims.registry import CLAIMS, Claim, ClaimRefutedError, Measurement, Verdict, verify

__all__ = ["CLAIMS", "Claim", "ClaimRefutedError", "Measurement", "Verdict", "verify"]

# Modules are imported in the order of the alphabet; claims are listed in that of the book.
for _label in sorted(CLAIMS, key=lambda label: int(label[1:])):
    CLAIMS[_label] = CLAIMS.pop(_label)

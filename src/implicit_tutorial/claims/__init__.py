"""C1, C2, …: the statements of the book, each with an experiment that could refute it."""

from implicit_tutorial.claims import equilibrium, solvers  # noqa: F401  (registers C1 … C8)
from implicit_tutorial.claims.registry import CLAIMS, Claim, ClaimRefutedError, Measurement, Verdict, verify

__all__ = ["CLAIMS", "Claim", "ClaimRefutedError", "Measurement", "Verdict", "verify"]

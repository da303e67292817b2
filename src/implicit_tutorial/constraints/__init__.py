"""Keeping the equilibrium well-posed: parametrizations of A that carry a certificate, and a penalty (C8)."""

from implicit_tutorial.constraints.base import CONSTRAINTS, Constraint, constrain
from implicit_tutorial.constraints.columns import LinearEquilibrium, SoftmaxColumns, linear_equilibrium
from implicit_tutorial.constraints.monotone import Monotone, Symmetric, energy
from implicit_tutorial.constraints.penalty import jacobian_penalty
from implicit_tutorial.constraints.rows import L1Rows, diagonal_rescaling
from implicit_tutorial.constraints.scaling import FixedScale, PerronScaling, SpectralScaling

__all__ = [
    "CONSTRAINTS",
    "Constraint",
    "FixedScale",
    "L1Rows",
    "LinearEquilibrium",
    "Monotone",
    "PerronScaling",
    "SoftmaxColumns",
    "SpectralScaling",
    "Symmetric",
    "constrain",
    "diagonal_rescaling",
    "energy",
    "jacobian_penalty",
    "linear_equilibrium",
]

"""ReLU equilibrium networks: equilibria, their gradients and certificates.

>>> import implicit_tutorial as it
>>> net = it.EquilibriumNetwork(n_inputs=3, width=64, implicit_scale=0.5)
"""

from implicit_tutorial import data
from implicit_tutorial.claims import verify
from implicit_tutorial.equilibrium import (
    EquilibriumError,
    Newton,
    Picard,
    Solution,
    Status,
    adjoint,
    certify,
    count_equilibria,
    is_p_matrix,
    solve,
)
from implicit_tutorial.generalization import sweep
from implicit_tutorial.kernels import Kernels, limit_kernels, network_kernels
from implicit_tutorial.network import EquilibriumNetwork

__version__ = "0.1.0"

__all__ = [
    "EquilibriumError",
    "EquilibriumNetwork",
    "Kernels",
    "Newton",
    "Picard",
    "Solution",
    "Status",
    "adjoint",
    "certify",
    "count_equilibria",
    "data",
    "is_p_matrix",
    "limit_kernels",
    "network_kernels",
    "solve",
    "sweep",
    "verify",
]

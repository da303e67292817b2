"""ReLU equilibrium networks: equilibria, their gradients and certificates.

>>> import implicit_tutorial as it
>>> net = it.EquilibriumNetwork(n_inputs=3, width=64, implicit_scale=0.5)
"""

from implicit_tutorial import data
from implicit_tutorial.claims import verify
from implicit_tutorial.constraints import (
    FixedScale,
    L1Rows,
    Monotone,
    PerronScaling,
    SoftmaxColumns,
    SpectralScaling,
    Symmetric,
    constrain,
    diagonal_rescaling,
    energy,
    jacobian_penalty,
    linear_equilibrium,
)
from implicit_tutorial.equilibrium import (
    Anderson,
    Broyden,
    EquilibriumError,
    Exact,
    ForwardBackward,
    Newton,
    PeacemanRachford,
    Phantom,
    Picard,
    Shine,
    Solution,
    Status,
    UnsafeStepError,
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
    "Anderson",
    "Broyden",
    "EquilibriumError",
    "EquilibriumNetwork",
    "Exact",
    "FixedScale",
    "ForwardBackward",
    "Kernels",
    "L1Rows",
    "Monotone",
    "Newton",
    "PeacemanRachford",
    "PerronScaling",
    "Phantom",
    "Picard",
    "Shine",
    "SoftmaxColumns",
    "Solution",
    "SpectralScaling",
    "Status",
    "Symmetric",
    "UnsafeStepError",
    "adjoint",
    "certify",
    "constrain",
    "count_equilibria",
    "data",
    "diagonal_rescaling",
    "energy",
    "is_p_matrix",
    "jacobian_penalty",
    "limit_kernels",
    "linear_equilibrium",
    "network_kernels",
    "solve",
    "sweep",
    "verify",
]

"""One fixed point: solvers, their result, exact gradients, certificates, counting."""

from implicit_tutorial.equilibrium.anderson import Anderson
from implicit_tutorial.equilibrium.broyden import Broyden
from implicit_tutorial.equilibrium.certificates import CONDITIONS, Certificate, Condition, certify
from implicit_tutorial.equilibrium.counting import EquilibriumCount, PMatrix, count_equilibria, is_p_matrix
from implicit_tutorial.equilibrium.depth import as_equilibrium, continuous_depth, unrolled
from implicit_tutorial.equilibrium.gradient_choices import Exact, Phantom, Shine
from implicit_tutorial.equilibrium.newton import Newton
from implicit_tutorial.equilibrium.picard import Picard
from implicit_tutorial.equilibrium.solution import AdjointSolution, Solution
from implicit_tutorial.equilibrium.solve import adjoint, solve
from implicit_tutorial.equilibrium.solver import SOLVERS
from implicit_tutorial.equilibrium.spectra import (
    monotone_constant,
    perron_root,
    spectral_norm,
    spectral_radius,
)
from implicit_tutorial.equilibrium.splitting import ForwardBackward, PeacemanRachford
from implicit_tutorial.equilibrium.status import EquilibriumError, Status
from implicit_tutorial.equilibrium.steps import UnsafeStepError

__all__ = [
    "CONDITIONS",
    "SOLVERS",
    "AdjointSolution",
    "Anderson",
    "Broyden",
    "Certificate",
    "Condition",
    "EquilibriumCount",
    "EquilibriumError",
    "Exact",
    "ForwardBackward",
    "Newton",
    "PMatrix",
    "PeacemanRachford",
    "Phantom",
    "Picard",
    "Shine",
    "Solution",
    "Status",
    "UnsafeStepError",
    "adjoint",
    "as_equilibrium",
    "certify",
    "continuous_depth",
    "count_equilibria",
    "is_p_matrix",
    "monotone_constant",
    "perron_root",
    "solve",
    "spectral_norm",
    "spectral_radius",
    "unrolled",
]

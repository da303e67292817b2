"""Every stored sweep: its grid, and the experiment that fills a cell."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from implicit_tutorial.experiments.bound import bound_terms
from implicit_tutorial.experiments.comparison import output_layer, two_layer
from implicit_tutorial.experiments.digits import LAYERS, digits_kernel, digits_network
from implicit_tutorial.experiments.kernel import infinite_width
from implicit_tutorial.experiments.networks import equilibrium_network, phase_cell
from implicit_tutorial.experiments.training import (
    CHOICES,
    INTEGRATORS,
    certified_error,
    integration,
    reference_flow,
    trained_layers,
)
from implicit_tutorial.experiments.watching import (
    CIRCLE_OUTPUT,
    CIRCLE_WIDTHS,
    MODES_OUTPUT,
    MODES_WIDTHS,
    circle_flow,
    mode_flow,
)

TARGETS = ("linear", "linear + quadratic", "ReLU teacher", "degree 3", "noise")
#: The setting of C16.
_REFERENCE = {"target": ["linear + quadratic"], "implicit_scale": [0.5]}


@dataclass(frozen=True)
class Sweep:
    """A grid as a list of cells, and the experiment to call on each."""

    name: str
    question: str
    experiment: Callable[..., Any]
    cells: tuple[dict[str, Any], ...]

    @property
    def settings(self) -> list[str]:
        """Names of all arguments that some cell gives."""
        return list(dict.fromkeys(key for cell in self.cells for key in cell))


def _grid(**values: Sequence[Any]) -> list[dict[str, Any]]:
    return [dict(zip(values, point, strict=True)) for point in itertools.product(*values.values())]


def _widths(**values: Sequence[Any]) -> list[dict[str, Any]]:
    """All widths; the narrowest, which mostly fail, and the wide ones, which cost, with fewer seeds."""
    widths = (16, 32, 64, 128, 256, 512, 1024)
    seeds = {16: 3, 1024: 4}
    return [cell for m in widths for cell in _grid(**values, width=[m], seed=range(seeds.get(m, 5)))]


def _log_spaced(low: float, high: float, count: int) -> list[float]:
    return [float(f"{x:.3g}") for x in np.geomspace(low, high, count)]


def _phase_seeds(scale: float, width: int) -> int:
    """Seeds for a cell of the phase diagram: the edge is where κ and m are small."""
    return 1 if width >= 512 else 2 if scale > 1.5 else 3


SWEEPS: dict[str, Sweep] = {
    s.name: s
    for s in (
        Sweep(
            "phase",
            "Where in (κ, m) does training leave the well-posed region, and where do the features move?",
            phase_cell,
            tuple(
                cell
                for scale in _log_spaced(0.1, 3, 9)
                for width in (8, 16, 24, 32, 48, 64, 128, 256, 512)
                for cell in _grid(
                    **_REFERENCE,
                    loss=[1e-3],
                    n_test=[200],
                    output_scale=[scale],
                    width=[width],
                    seed=range(_phase_seeds(scale, width)),
                )
            ),
        ),
        Sweep(
            "bound",
            "What does the computable bound say of a trained network, and where does it say anything?",
            bound_terms,
            tuple(
                cell
                for labels, scales, output_scales, sizes in (
                    ("true", [0.1, 0.2, 0.3, 0.4], [1.0, 10.0, 1e2, 1e3, 1e4, 1e5], [200]),
                    ("shuffled", [0.1, 0.2, 0.3, 0.4], [1.0, 10.0, 1e2, 1e3, 1e4, 1e5], [200]),
                    ("true", [0.2], [1e2, 1e5], [50, 100, 400, 800, 1600]),
                )
                for cell in _grid(
                    labels=[labels],
                    n_inputs=[3],
                    width=[512],
                    centered=[True],
                    seed=[0],
                    implicit_scale=scales,
                    output_scale=output_scales,
                    n_samples=sizes,
                )
            ),
        ),
        Sweep(
            "width",
            "How does the test error approach its infinite-width value?",
            equilibrium_network,
            (
                *_widths(target=TARGETS[:2], implicit_scale=[0.5], output_scale=[0.5, 1.0, 3.0]),
                *_grid(
                    target=TARGETS[2:],
                    implicit_scale=[0.5],
                    output_scale=[1.0],
                    width=[32, 64, 128, 256, 512],
                    seed=range(4),
                ),
            ),
        ),
        Sweep(
            "output_scale",
            "Do networks follow bias² + κ² var, and is the movement 1/(κ√m)?",
            equilibrium_network,
            tuple(
                cell
                for width, centered, seeds in (
                    (128, False, 3),
                    (512, False, 2),
                    (128, True, 1),
                    (512, True, 1),
                )
                for cell in _grid(
                    **_REFERENCE,
                    output_scale=[0.2, 0.4, 0.8, 1.5, 3.0, 6.0, 12.0],
                    width=[width],
                    seed=range(seeds),
                    centered=[centered],
                )
            ),
        ),
        Sweep(
            "explicit_network",
            "What do the same parameters buy in an explicit network?",
            two_layer,
            tuple(
                _grid(
                    target=TARGETS,
                    output_scale=[1.0],
                    width=[16, 64, 256, 1024, 4096, 16384],
                    seed=range(2),
                )
            ),
        ),
        Sweep(
            "output_layer",
            "And when only the output layer is trained?",
            output_layer,
            tuple(
                _grid(
                    target=TARGETS,
                    implicit_scale=[0.5],
                    output_scale=[1.0],
                    width=[16, 32, 64, 128, 256, 512, 1024],
                    seed=range(3),
                )
            ),
        ),
        Sweep(
            "kernel_learning_curve",
            "The kernel's exact learning curve.",
            infinite_width,
            tuple(
                _grid(
                    target=TARGETS,
                    implicit_scale=[0.5],
                    n_samples=[8, 16, 32, 64, 128, 256, 512, 1024],
                    data_seed=range(5),
                )
            ),
        ),
        Sweep(
            "digits_kernel",
            "And what does the kernel do on them?",
            digits_kernel,
            tuple(
                _grid(
                    task=["parity", "one_vs_rest"],
                    layers=list(LAYERS),
                    implicit_scale=[0.5],
                    output_scale=[1.0],
                    n_train=[150, 500, 1000],
                )
            ),
        ),
        Sweep(
            "learning_curve",
            "Do n, m and κ together make the error small?",
            equilibrium_network,
            tuple(
                cell
                for width, seeds in ((128, 2), (512, 1))
                for cell in _grid(
                    target=["linear", "linear + quadratic"],
                    implicit_scale=[0.5],
                    n_samples=[16, 32, 64, 128, 256],
                    output_scale=[0.3, 1.0],
                    width=[width],
                    seed=range(seeds),
                )
            ),
        ),
        Sweep(
            "width_implicit_scale",
            "Does the law of the width depend on σ_A?",
            equilibrium_network,
            tuple(
                _grid(
                    target=_REFERENCE["target"],
                    implicit_scale=[0.3, 0.8, 1.1],
                    output_scale=[1.0],
                    width=[32, 128, 512],
                    seed=range(3),
                )
            ),
        ),
        Sweep(
            "width_noise",
            "Does it depend on noise in the labels, or on the number of samples?",
            equilibrium_network,
            tuple(
                cell
                for target, noise, n_samples in (
                    ("linear", 0.5, 60),
                    ("linear + quadratic", 0.0, 30),
                    ("linear + quadratic", 0.0, 200),
                )
                for cell in _grid(
                    target=[target],
                    implicit_scale=[0.5],
                    output_scale=[1.0],
                    noise=[noise],
                    n_samples=[n_samples],
                    width=[32, 128, 512],
                    seed=range(3),
                )
            ),
        ),
        Sweep(
            "digits",
            "Do the same laws hold on real data?",
            digits_network,
            (
                *_grid(
                    task=["parity"],
                    layers=list(LAYERS),
                    implicit_scale=[0.5],
                    output_scale=[1.0],
                    n_train=[500],
                    width=[128, 256, 512],
                    seed=range(2),
                ),
                *_grid(
                    task=["one_vs_rest"],
                    layers=list(LAYERS),
                    implicit_scale=[0.5],
                    output_scale=[1.0],
                    n_train=[150],
                    width=[128],
                    seed=[0],
                ),
            ),
        ),
        Sweep(
            "wide",
            "Are very wide networks where the prediction is?",
            equilibrium_network,
            (
                *_grid(**_REFERENCE, output_scale=[1.0], width=[2048], seed=range(3)),
                *_grid(**_REFERENCE, output_scale=[1.0], width=[4096], seed=[0]),
            ),
        ),
        Sweep(
            "reference_flow",
            "Where does the gradient flow lead?",
            reference_flow,
            ({"inputs": "circle"}, {"inputs": "sphere"}),
        ),
        Sweep(
            "integration",
            "How exactly does each method follow the flow, and at what cost?",
            integration,
            # The dearest first, so that no process is left with one while the others have nothing to do.
            tuple(
                {"inputs": inputs, "method": method, "parameter": parameter}
                for inputs in ("circle", "sphere")
                for method, (_, parameters) in INTEGRATORS.items()
                for parameter in reversed(parameters)
            ),
        ),
        Sweep(
            "certified_error",
            "Which ‖e₀‖ does the certificate admit at κ = 1, and how does it grow with the width?",
            certified_error,
            tuple(
                _grid(
                    width=[64, 128, 256, 512, 1024, 2048, 4096], implicit_scale=[0.1, 0.2, 0.4], seed=range(9)
                )
            ),
        ),
        Sweep(
            "trained_layers",
            "How fast does each layer alone learn, and how well does it generalize?",
            trained_layers,
            tuple(_grid(layers=list(CHOICES), implicit_scale=[0.3, 0.7, 1.1], seed=range(3))),
        ),
        Sweep(
            "circle_flow",
            "Which function on the circle does a network show at each time?",
            circle_flow,
            tuple(_grid(width=CIRCLE_WIDTHS, output_scale=CIRCLE_OUTPUT)),
        ),
        Sweep(
            "mode_flow",
            "How does each mode of the error decay?",
            mode_flow,
            tuple(_grid(width=MODES_WIDTHS, output_scale=MODES_OUTPUT)),
        ),
    )
}

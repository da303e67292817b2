"""Chapter 05: the tangent kernels of the three layers, as products, limits, spectra and rates."""

from collections.abc import Callable

from implicit_tutorial.explorer import Explorer
from implicit_tutorial.figures.tangent_kernel.common import drawn, inputs, lambda_min, limit
from implicit_tutorial.figures.tangent_kernel.frequencies import eigenfunction, eigenvalue, kernel_spectrum
from implicit_tutorial.figures.tangent_kernel.product import angle, factors
from implicit_tutorial.figures.tangent_kernel.rates import slowest_rates, suffices
from implicit_tutorial.figures.tangent_kernel.unit import one_unit, unit_kernels
from implicit_tutorial.figures.tangent_kernel.width import (
    WIDTHS,
    fitted_exponent,
    kernel_errors,
    width_error,
)

#: The chapter's explorers by the name they have on the page, so that tests can compute again what it shows.
EXPLORERS: dict[str, Callable[[], Explorer]] = {
    "slowest-rates": slowest_rates,
    "one-unit": one_unit,
    "factors": factors,
    "angle": angle,
    "width-error": width_error,
    "kernel-spectrum": kernel_spectrum,
    "suffices": suffices,
}

__all__ = [
    "EXPLORERS",
    "WIDTHS",
    "angle",
    "drawn",
    "eigenfunction",
    "eigenvalue",
    "factors",
    "fitted_exponent",
    "inputs",
    "kernel_errors",
    "kernel_spectrum",
    "lambda_min",
    "limit",
    "one_unit",
    "slowest_rates",
    "suffices",
    "unit_kernels",
    "width_error",
]

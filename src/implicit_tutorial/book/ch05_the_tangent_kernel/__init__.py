"""Chapter 5, The tangent kernel (C9 … C11): kernels as products, their limits, spectra and rates."""

from implicit_tutorial.book.ch05_the_tangent_kernel.angle import angle
from implicit_tutorial.book.ch05_the_tangent_kernel.factors import factors
from implicit_tutorial.book.ch05_the_tangent_kernel.kernel_spectrum import kernel_spectrum
from implicit_tutorial.book.ch05_the_tangent_kernel.one_unit import one_unit, unit_kernels
from implicit_tutorial.book.ch05_the_tangent_kernel.setting import LAYERS, SCALES
from implicit_tutorial.book.ch05_the_tangent_kernel.slowest_rates import slowest_rates
from implicit_tutorial.book.ch05_the_tangent_kernel.suffices import crossing, suffices
from implicit_tutorial.book.ch05_the_tangent_kernel.width_error import (
    WIDTHS,
    fitted_exponent,
    kernel_errors,
    width_error,
)
from implicit_tutorial.explorer import number

# In the order of the text.
number(
    5,
    "slowest-rates",
    "one-unit",
    "factors",
    "angle",
    "width-error",
    "kernel-spectrum",
    "suffices",
)

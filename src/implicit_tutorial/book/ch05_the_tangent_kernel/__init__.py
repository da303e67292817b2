"""Chapter 05: the tangent kernels of the three layers, as products, limits, spectra and rates."""

from implicit_tutorial.book.ch05_the_tangent_kernel.kernel_spectrum import kernel_spectrum
from implicit_tutorial.book.ch05_the_tangent_kernel.one_unit import one_unit, unit_kernels
from implicit_tutorial.book.ch05_the_tangent_kernel.product import angle, factors
from implicit_tutorial.book.ch05_the_tangent_kernel.rates import slowest_rates, suffices
from implicit_tutorial.book.ch05_the_tangent_kernel.width_error import (
    WIDTHS,
    fitted_exponent,
    kernel_errors,
    width_error,
)

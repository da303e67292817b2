"""The tangent kernels of the three layers, at infinite width and of a network."""

from implicit_tutorial.kernels.limit import LargestScaleError, limit_kernels
from implicit_tutorial.kernels.network import network_kernels
from implicit_tutorial.kernels.result import Kernels

__all__ = ["Kernels", "LargestScaleError", "limit_kernels", "network_kernels"]

"""Generalization: the bound and its terms, the infinite-width prediction, sweeps."""

from implicit_tutorial.generalization.sweep import sweep

__all__ = ["sweep"]

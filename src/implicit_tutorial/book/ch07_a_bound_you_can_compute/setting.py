"""What the figures of the chapter share: how a term looks, and the loss of knowing nothing."""

from __future__ import annotations

from implicit_tutorial.explorer import style

#: Each column of the stored table that is drawn: what it is called, and its colour.
TERMS = {
    "train_loss": ("training", style.TRAIN),
    "linear": ("linear", style.SERIES[0]),
    "remainder": ("remainder", style.SERIES[3]),
    "confidence": ("confidence", style.SERIES[5]),
    "total": ("bound", style.BOUND),
    "test_loss": ("test loss", style.TEST),
}
#: The summands of the bound in the order of the formula.
SUMMANDS = tuple(TERMS)[:4]


def nothing_learned() -> float:
    """E min(|y|, 1) for the linear target on the sphere of R³, where y is uniform on [−√3, √3]."""
    return 1 - 1 / (2 * 3**0.5)

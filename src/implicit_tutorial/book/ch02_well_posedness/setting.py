"""What the figures of chapter 2 share: the conditions of the ladder, and the colours of a count."""

from __future__ import annotations

from typing import Any

from implicit_tutorial.explorer import style

#: Conditions in the order of the ladder: name in the library, formula, colour, and a dash for each.
LADDER = {
    "perron_frobenius": ("ρ(|A|) < 1", style.SERIES[3], "dot"),
    "row_sum": ("‖A‖<sub>∞</sub> < 1", style.SERIES[6], "dashdot"),
    "spectral_norm": ("‖A‖₂ < 1", style.SERIES[0], "solid"),
    "monotone": ("λ<sub>max</sub>((A + Aᵀ)/2) < 1", style.SERIES[1], "longdash"),
    "spectral_radius": ("ρ(A) < 1", style.GUIDE, "dash"),
    "p_matrix": ("P-matrix (exact)", style.HOLDS, "solid"),
}

#: The colour of "no, one, two, three, more equilibria".
COUNT_COLORS = {
    0: style.FAILURE,
    1: style.HOLDS,
    2: style.SERIES[0],
    3: style.SERIES[3],
    4: style.SERIES[6],
}
#: What tells the two ends of the count apart where hues do not: the pattern of "none", and of "more".
COUNT_PATTERNS = {0: "/", 4: "x"}


def equilibria(size: int) -> dict[str, Any]:
    """Arguments of the trace that shows all equilibria; a full circle is one that Picard returns to."""
    marks = style.points("equilibrium", style.HOLDS, size=size, line={"width": 2.5, "color": style.HOLDS})
    return marks | {"showlegend": False, "cliponaxis": False}

"""Which σ_A and κ for a table: what is known before training, and what networks then do (C5, C16, C18)."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from implicit_tutorial.advice.candidates import IMPLICIT_SCALES, margin
from implicit_tutorial.book.ch11_your_own_data.setting import TABLES, held_out, split
from implicit_tutorial.book.ch11_your_own_data.studies import MAP_OUTPUTS, MAP_SCALES, MAP_WIDTH, SCALE_MAP
from implicit_tutorial.book.evidence import MEAN_FIELD, stored
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style
from implicit_tutorial.prose import at_most

_GRID = np.geomspace(0.2, 20, 25)
_ERRORS = {TABLES[0]: (0.05, 0.3), TABLES[1]: (0.4, 1.0)}


def lazy_movement(table: str, implicit_scale: float, output_scale: float) -> float:
    """σ_A√price/(κ√m): how far lazy training moves A until the time that the held-out error chooses (C18)."""
    return implicit_scale * math.sqrt(held_out(table, implicit_scale).price / MAP_WIDTH) / output_scale


@cache
def networks(
    table: str, implicit_scale: float | None = None, output_scale: float | None = None
) -> pd.DataFrame:
    """The stored networks of a table with one of the scales, or both."""
    frame = SCALE_MAP.table
    chosen = frame["task"] == table
    for name, value in (("implicit_scale", implicit_scale), ("output_scale", output_scale)):
        chosen &= True if value is None else frame[name] == value
    return frame[chosen]


def mean_errors(table: str) -> pd.DataFrame:
    """Mean test error of the stored networks, over κ (rows) and σ_A (columns)."""
    return networks(table).pivot_table("test_error", "output_scale", "implicit_scale")


def spread(errors: pd.DataFrame) -> float:
    """By what share the largest entry of a row is above its smallest, at the most."""
    return float((errors.max(axis=1) / errors.min(axis=1)).max() - 1)


@explorer("which-scales")
def which_scales() -> Explorer:
    """Held-out error against σ_A, movement against κ, and what the trained matrix still satisfies."""

    def draw(table: str, implicit_scale: float, output_scale: float) -> list[go.Figure]:
        return [
            _error(table, implicit_scale, output_scale),
            _movement(table, implicit_scale, output_scale),
            _condition(table, implicit_scale, output_scale),
        ]

    def readout(table: str, implicit_scale: float, output_scale: float) -> str:
        moved, spare = lazy_movement(table, implicit_scale, output_scale), margin(implicit_scale)
        rows = networks(table, implicit_scale, output_scale)
        kept, near = rows["monotone"].max(), int((rows["end"] != "nothing proved").sum())
        certified = int((rows["monotone"] < 1).sum())
        safe = {len(rows): "well-posed", 0: "none certified"}.get(certified, "not all certified")
        return (
            f"Lazy training moves A by {moved:.2f}, {_beside(moved, spare)}. The networks end at {kept:.3f} "
            f"or below, {safe}; mean test error {rows['test_error'].mean():.3f}. "
            f"A global minimum is proved near {near} of {len(rows)}."
        )

    facts = _facts()
    return Explorer(
        draw,
        [
            Control("table", TABLES),
            Control("implicit_scale", MAP_SCALES, start=0.5, label="implicit_scale $\\sigma_A$", fmt="g"),
            Control("output_scale", MAP_OUTPUTS, start=1.0, label="output_scale $\\kappa$", fmt="g"),
        ],
        tag=MEAN_FIELD | stored(SCALE_MAP, width=MAP_WIDTH, samples=[len(split(t).y) for t in TABLES]),
        caption="First: the error at samples left out, at infinite width (dashed, mean-field; dotted, one "
        "standard error), and the test errors of networks with the chosen $\\kappa$. Second: how far $A$ "
        "moves at the chosen $\\sigma_A$; dashed, the lazy law; dotted, the $1 - \\sqrt2\\,\\sigma_A$ that "
        "the monotone condition has to spare, if anything. Third: its value $\\lambda_{\\max}\\bigl((A + "
        "A^\\top)/2\\bigr)$ after training, which must stay below 1. Rings: the choice. **Move** "
        "$\\sigma_A$, then $\\kappa$. " + facts[0],
        alt="Three plots. " + facts[1],
        readout=readout,
    )


def _facts() -> tuple[str, str]:
    """What the caption and the description say of all states."""
    frame = SCALE_MAP.table
    flat = [
        max(held_out(t, s).error for s in MAP_SCALES[:4]) / min(held_out(t, s).error for s in MAP_SCALES[:4])
        for t in TABLES
    ]
    within = frame.apply(
        lambda row: (
            lazy_movement(row["task"], row["implicit_scale"], row["output_scale"])
            <= margin(row["implicit_scale"])
        ),
        axis=1,
    )
    kept = frame["monotone"] < 1
    beyond = int((kept & ~within).sum())
    lazy = frame["movement"] / [
        lazy_movement(row.task, row.implicit_scale, row.output_scale) for row in frame.itertuples()
    ]
    large = lazy[frame["output_scale"] >= 8]
    below = [
        np.mean([row.test_error < held_out(t, row.implicit_scale).error for row in networks(t).itertuples()])
        for t in TABLES
    ]
    caption = says(
        f"**Notice** that from $\\sigma_A = 0.1$ to $0.7$ the dashed error changes by less than "
        f"{at_most(100 * max(flat) - 100)} %, so that it nearly leaves the choice to the second plot; ",
        max(flat) < 1.05,
    ) + says(
        "that each network whose lazy movement is below the dotted line ends below 1 in the third plot, as "
        f"do {beyond} of {int((~within).sum())} others. ",
        bool(kept[within].all()) and beyond > 0,
    )
    caption += says(
        "A global minimum is proved near all networks with $\\kappa \\ge 1$.",
        (frame["end"] != "nothing proved")[frame["output_scale"] >= 1].all(),
    )
    alt = (
        says(
            "First, a dashed line between two dotted ones, nearly level; over all output scales "
            "together, the points of the tumours lie on both sides of it, those of diabetes below it but "
            "for a few. ",
            max(flat) < 1.05 and 0.3 < below[0] < 0.7 and below[1] > 0.95,
        )
        + says(
            "Second, on log-log axes a falling dashed line with points near it where the output scale is "
            "large and below it where it is small. ",
            large.between(0.7, 1.35).all() and (lazy[frame["output_scale"] == 0.25] < 1).all(),
        )
        + says(
            "Third, points that fall with the output scale until they keep their level, and a dotted line at "
            "one.",
            all(
                group.sort_values("output_scale")["monotone"].diff().max() < 1e-3
                for _, group in frame.groupby(["task", "implicit_scale", "seed"])
            ),
        )
    )
    return caption, alt


def _error(table: str, implicit_scale: float, output_scale: float) -> go.Figure:
    found = [held_out(table, s) for s in IMPLICIT_SCALES]
    error, spread = (np.array([getattr(c, name) for c in found]) for name in ("error", "standard_error"))
    x = {"x_title": "implicit_scale σ<sub>A</sub>", "x_range": (0, 1.3)}
    fig = style.figure(title="error", **x, y_range=_ERRORS[table], height=360, legend_rows=2)
    fig.add_scatter(x=IMPLICIT_SCALES, y=error, **style.theory("held out, infinite width"))
    for side in (-1, 1):
        fig.add_scatter(x=IMPLICIT_SCALES, y=error + side * spread, **style.guide(), showlegend=False)
    rows = networks(table, output_scale=output_scale)
    fig.add_scatter(x=rows["implicit_scale"], y=rows["test_error"], **style.points("networks", style.TEST))
    return _ring(fig, implicit_scale, held_out(table, implicit_scale).error)


def _movement(table: str, implicit_scale: float, output_scale: float) -> go.Figure:
    x = {"x_title": "output_scale κ", "x_log": True, "x_range": (0.2, 20), "x_ticks": (0.25, 1, 4, 16)}
    y = {"y_log": True, "y_range": (0.008, 10)}
    fig = style.figure(title="movement ‖A − A₀‖", **x, **y, height=360, legend_rows=2)
    law = [lazy_movement(table, implicit_scale, k) for k in _GRID]
    fig.add_scatter(x=_GRID, y=law, **style.theory("lazy law"))
    rows, spare = networks(table, implicit_scale), margin(implicit_scale)
    fig.add_scatter(x=rows["output_scale"], y=rows["movement"], **style.points("networks"))
    level = spare if spare > 0 else math.nan
    fig.add_scatter(x=[0.2, 20], y=[level, level], **style.guide("to spare", style.BOUND))
    return _ring(fig, output_scale, lazy_movement(table, implicit_scale, output_scale))


def _condition(table: str, implicit_scale: float, output_scale: float) -> go.Figure:
    x = {"x_title": "output_scale κ", "x_log": True, "x_range": (0.2, 20), "x_ticks": (0.25, 1, 4, 16)}
    fig = style.figure(
        title="λ<sub>max</sub> of the symmetric part", **x, y_range=(0, 1.7), height=360, legend_rows=2
    )
    rows = networks(table, implicit_scale)
    fig.add_scatter(x=rows["output_scale"], y=rows["monotone"], **style.points("networks"))
    fig.add_scatter(x=[0.2, 20], y=[1, 1], **style.guide("must stay below", style.FAILURE))
    here = networks(table, implicit_scale, output_scale)["monotone"].mean()
    return _ring(fig, output_scale, float(here)).update_layout(showlegend=False)


def _ring(fig: go.Figure, x: float, y: float) -> go.Figure:
    look = style.points(None, style.SERIES[1], symbol="circle-open", size=18, line={"width": 3})
    return fig.add_scatter(x=[x], y=[y], **look, showlegend=False, hoverinfo="skip")


def _beside(moved: float, spare: float) -> str:
    """A movement and what there is to spare, in words."""
    if spare <= 0:
        return "with nothing to spare"
    return f"{'within' if moved <= spare else 'beyond'} the {spare:.2g} to spare"

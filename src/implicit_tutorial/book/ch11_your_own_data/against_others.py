"""The advised networks beside what a grid search, the defaults and other methods reach, on five tasks."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from implicit_tutorial.book.ch11_your_own_data.setting import advised, errors, split
from implicit_tutorial.book.ch11_your_own_data.studies import ADVICE, GRID_WIDTH, TASKS
from implicit_tutorial.book.evidence import stored
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style

#: The rows of the figure from the top, by the columns of :func:`errors`.
ROWS = {
    "advised": "advised network",
    "limit": "the same, infinitely wide",
    "grid": "grid search",
    "best": "its best, seen afterwards",
    "default": "default scales",
    "kernel ridge": "Gaussian kernel",
    "linear": "linear",
}
_RANGE = {
    "breast cancer": (0.05, 0.5),
    "diabetes": (0.3, 1.5),
    "digits": (0.1, 0.5),
    "linear on the sphere": (1e-13, 1),
    "circle": (1e-8, 2),
}
_WORDS = ("none", "one", "two", "three")


def ratios(column: str, other: str = "advised") -> dict[str, float]:
    """By task, the geometric mean of error of ``other``/error of ``column``: below 1 where it is better."""
    return {t: float(np.exp(np.log(errors(t)[other] / errors(t)[column]).mean())) for t in TASKS}


def wins(column: str, task: str) -> int:
    """On how many of the splits of a task the advised network errs less."""
    return int((errors(task)["advised"] < errors(task)[column]).sum())


@explorer("against-others")
def against_others() -> Explorer:
    """The test errors of ten splits for each method, and their mean."""

    def draw(task: str) -> go.Figure:
        x = {
            "x_title": "error ÷ labels' variance",
            "x_log": True,
            "x_range": _RANGE[task],
        }
        fig = style.figure(**x, y_range=(-0.6, len(ROWS) - 0.4), height=420)
        frame, names = errors(task), list(ROWS.values())[::-1]
        for k, column in enumerate(reversed(ROWS)):
            values = frame[column].to_numpy()
            color = style.LAYERS["implicit"] if column == "advised" else style.GUIDE
            fig.add_scatter(
                x=values, y=np.full(len(values), k), **style.points(ROWS[column], color, size=6, opacity=0.6)
            )
            mean = style.points(None, color, symbol="line-ns-open", size=18, line={"width": 3})
            fig.add_scatter(
                x=[np.exp(np.log(values).mean())], y=[k], **mean, showlegend=False, hoverinfo="skip"
            )
        fig.update_yaxes(tickvals=list(range(len(names))), ticktext=names)
        return fig.update_layout(showlegend=False)

    def readout(task: str) -> str:
        n = len(errors(task))
        beaten = [f"{ROWS[c]} {wins(c, task)}" for c in ("grid", "default", "kernel ridge", "linear")]
        return f"Of {n} splits the advised network errs less than {', '.join(beaten)} times."

    grid, default = ratios("grid"), ratios("default")
    worse = [task for task, ratio in grid.items() if ratio > 1]
    return Explorer(
        draw,
        [Control("task", TASKS)],
        tag=stored(
            ADVICE,
            where="method in ['advised', 'default', 'grid']",
            width={GRID_WIDTH, *advised()["width"].astype(int)},
            samples=[len(split(t).y) for t in TASKS],
        ),
        caption="Test errors on ten splits (points) and their geometric mean (bar), on a logarithmic axis. "
        "The grid search tries nine networks of width 256, and a quarter of the training sample is put "
        "aside to choose by; its best is what looking at the test sample would have chosen. **Choose** the "
        "task. "
        + says(
            "**Notice** that the advised network errs less than the one with default scales on each task, on "
            "average, and that the grid search, which trains nine networks to choose and nine again, is "
            "better on "
            f"{_WORDS[len(worse)]} of the five.",
            max(default.values()) < 1 and len(worse) < len(_WORDS),
        ),
        alt="Seven rows of ten points each on a logarithmic axis of the test error, one row a method, with a "
        "bar at their geometric mean.",
        readout=readout,
    )

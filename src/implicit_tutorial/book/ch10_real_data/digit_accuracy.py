"""Accuracy with its interval: two sets of trained layers, networks and the limit kernel."""

from __future__ import annotations

import plotly.graph_objects as go

from implicit_tutorial.book.ch10_real_data.setting import COLORS, TASKS, accuracy, kernels, networks
from implicit_tutorial.book.drawing import intervals
from implicit_tutorial.explorer import Control, Explorer, explorer, style

_RANGE = {"even or odd": (93, 100), "ten classes": (86, 100)}


@explorer("digit-accuracy")
def digit_accuracy() -> Explorer:
    """Accuracy on the unseen images against the number of training images, by task."""

    def draw(task: str) -> go.Figure:
        x = {"x_title": "training images", "x_log": True, "x_range": (110, 1400), "x_ticks": (150, 500, 1000)}
        fig = style.figure(**x, y_title="right on unseen images (%)", y_range=_RANGE[task], height=400)
        for side, (layers, color) in zip((0.985, 1.015), COLORS.items(), strict=True):
            for frame, look, shift in (
                (kernels(), style.theory(f"{layers}, infinite width", color), side),
                (networks(), style.points(f"{layers}, networks", color), side**5),
            ):
                rows = frame[(frame["task"] == TASKS[task]) & (frame["layers"] == layers)]
                found = [accuracy(row) * 100 for _, row in rows.iterrows()]
                bars = intervals(found, color=color, thickness=1.2, width=3)
                fig.add_scatter(x=rows["n_train"] * shift, y=[a.value for a in found], error_y=bars, **look)
        return fig

    def readout(task: str) -> str:
        said = []
        for layers in COLORS:
            rows = kernels()
            row = rows[(rows["task"] == TASKS[task]) & (rows["layers"] == layers)].iloc[-1]
            a = accuracy(row) * 100
            said.append(f"{layers} {a.value:.1f} % [{a.low:.1f}, {a.high:.1f}]")
        return f"Infinite width, 1000 images: {'; '.join(said)}."

    return Explorer(
        draw,
        [Control("task", list(TASKS))],
        caption=(
            "Share of the unseen images that are classified right, each with its 95 % interval; points are "
            "set apart sideways to be told apart. **Choose** the task. **Notice** that the intervals of the "
            "two colours overlap everywhere, and at ten classes those of the networks and of the kernel do "
            "not."
        ),
        alt=(
            "Accuracy over the number of training images. Two dashed lines, for the implicit layer alone "
            "and for all layers, lie on each other within their error bars and rise; points of networks are "
            "at or below."
        ),
        readout=readout,
    )

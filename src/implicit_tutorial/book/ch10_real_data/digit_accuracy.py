"""Accuracy with its interval: two sets of trained layers, networks and the limit kernel."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from implicit_tutorial.book.ch10_real_data.setting import COLORS, TASKS, accuracy, kernels, networks, pairs
from implicit_tutorial.book.ch10_real_data.studies import NETWORKS
from implicit_tutorial.book.drawing import intervals
from implicit_tutorial.book.evidence import MEAN_FIELD, stored
from implicit_tutorial.book.says import says
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
        pair = pairs()[pairs()["task"] == TASKS[task]].iloc[-1]
        return (
            f"Infinite width, 1000 images: {'; '.join(said)}; only one of the two is right on "
            f"{pair['only_implicit'] + pair['only_all']} images."
        )

    keys = ["task", "n_train", "kind"]
    overlap, apart, below, rising = [], [], [], []
    for _, group in pd.concat([networks().assign(kind="network"), kernels().assign(kind="mean")]).groupby(
        keys
    ):
        mine, other = ([accuracy(r) for _, r in group[group["layers"] == k].iterrows()] for k in COLORS)
        overlap += [a.low < b.high and b.low < a.high for a in mine for b in other]
    for _, row in networks().iterrows():
        same = kernels()[(kernels()["task"] == row["task"]) & (kernels()["layers"] == row["layers"])]
        limit = accuracy(same[same["n_train"] == row["n_train"]].iloc[0])
        below.append(accuracy(row).value < limit.value)
        if row["task"] == TASKS["ten classes"]:
            apart.append(accuracy(row).high < limit.low)
    for _, group in kernels().groupby(["task", "layers"]):
        rising.append((group["correct"] / group["n_test"]).is_monotonic_increasing)

    return Explorer(
        draw,
        [Control("task", list(TASKS))],
        tag=MEAN_FIELD | stored(NETWORKS),
        caption="Share of the unseen images that are classified right, each with its 95 % interval; dashed: "
        "the mean predictor at infinite width. Points are set apart sideways to be told apart. "
        + says(
            "**Choose** the task. **Notice** that the intervals of the two colours overlap, networks with "
            "networks and predictors with predictors, which is not yet a test: they saw the same images; ",
            all(overlap),
        )
        + says(
            "and that at ten classes those of the networks and of the mean predictors do not overlap.",
            all(apart),
        ),
        alt="Accuracy over the number of training images. "
        + says(
            "Two dashed lines, for the implicit layer alone and for all layers, are within each other's "
            "error bars and rise; ",
            all(overlap) and all(rising),
        )
        + says("each point of a network is below its line.", all(below)),
        readout=readout,
    )

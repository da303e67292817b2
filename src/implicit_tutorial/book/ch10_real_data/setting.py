"""What the figures of the chapter share: the images, the stored runs, and the limit kernel's predictor."""

from __future__ import annotations

from functools import cache

import pandas as pd

from implicit_tutorial import data
from implicit_tutorial.book.analysis import Estimate, proportion_interval
from implicit_tutorial.book.ch10_real_data.studies import KERNELS, LAYERS, NETWORKS
from implicit_tutorial.explorer import style
from implicit_tutorial.generalization import infinite_width_prediction
from implicit_tutorial.generalization.prediction import Prediction

#: The tasks by the name that a reader sees.
TASKS = {"even or odd": "parity", "ten classes": "one_vs_rest"}
COLORS = {"implicit layer": style.SERIES[0], "all layers": style.SERIES[1]}
IMPLICIT_SCALE, N_TRAIN = 0.5, 500


@cache
def networks() -> pd.DataFrame:
    """The stored networks, one row a task, set of layers, width and seed."""
    return NETWORKS.table


@cache
def kernels() -> pd.DataFrame:
    """The same at infinite width, one row a task, set of layers and number of training images."""
    return KERNELS.table


@cache
def images(task: str = "parity", n_train: int = N_TRAIN) -> data.Digits:
    """The split that all experiments use."""
    return data.digits(task, n_train=n_train)


@cache
def prediction(layers: str = "implicit layer", output_scale: float = 1.0) -> Prediction:
    """What infinite width says of even against odd, learned from 500 images (C16)."""
    d = images()
    return infinite_width_prediction(
        d.X,
        d.y,
        d.X_test,
        d.y_test,
        implicit_scale=IMPLICIT_SCALE,
        output_scale=output_scale,
        layers=LAYERS[layers],
    )


def accuracy(row: pd.Series) -> Estimate:
    """Share of the test images that are right, with Wilson's 95 % interval."""
    return proportion_interval(row["correct"], row["n_test"])


def table(task: str | None = None) -> str:
    """The stored rows as text: task, layers, images, width, accuracy with its interval, mean square error."""
    head = ("task", "trained", "images", "width", "accuracy", "95 % interval", "test error")
    lines = [head]
    frame = pd.concat([networks(), kernels().assign(width=float("inf"))])
    for title, key in TASKS.items():
        if task not in (None, title):
            continue
        group = frame[frame["task"] == key].sort_values(["n_train", "layers", "width"], kind="stable")
        for _, row in group.iterrows():
            a = accuracy(row)
            width = "∞" if row["width"] == float("inf") else f"{row['width']:.0f}"
            interval = f"{100 * a.low:.1f} … {100 * a.high:.1f} %"
            error = f"{row['test_error']:.3f}"
            lines.append(
                (title, row["layers"], str(row["n_train"]), width, f"{100 * a.value:.1f} %", interval, error)
            )
    sizes = [max(len(line[k]) for line in lines) for k in range(len(head))]
    text = ["  ".join(x.ljust(s) for x, s in zip(line, sizes, strict=True)).rstrip() for line in lines]
    return "\n".join([text[0], "─" * max(map(len, text)), *text[1:]])

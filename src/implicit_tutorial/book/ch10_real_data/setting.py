"""What the figures of the chapter share: the images, the stored runs, and the limit kernel's predictor."""

from __future__ import annotations

from functools import cache

import pandas as pd

from implicit_tutorial import data
from implicit_tutorial.book.analysis import Estimate, proportion_interval
from implicit_tutorial.book.ch10_real_data.studies import KERNELS, LAYERS, NETWORKS
from implicit_tutorial.book.tables import aligned
from implicit_tutorial.explorer import style
from implicit_tutorial.generalization import infinite_width_prediction
from implicit_tutorial.generalization.prediction import Prediction

#: The tasks by the name that a reader sees.
TASKS = {"even or odd": "parity", "ten classes": "one_vs_rest"}
COLORS = {"implicit layer": style.LAYERS["implicit"], "all layers": style.LAYERS["all"]}
IMPLICIT_SCALE, N_TRAIN = 0.5, 500


def networks() -> pd.DataFrame:
    """The stored networks, one row a task, set of layers, width and seed."""
    return NETWORKS.table


def kernels() -> pd.DataFrame:
    """The same at infinite width, one row a task, set of layers and number of training images."""
    return KERNELS.table


@cache
def images(task: str = "parity", n_train: int = N_TRAIN) -> data.Digits:
    """The split that all studies use."""
    return data.digits(task, n_train=n_train)


@cache
def prediction(layers: str = "implicit layer", output_scale: float = 1.0) -> Prediction:
    """What infinite width says of even against odd, learned from 500 images (C16)."""
    d = images()
    setting = {"implicit_scale": IMPLICIT_SCALE, "output_scale": output_scale, "layers": LAYERS[layers]}
    return infinite_width_prediction(d.X, d.y, d.X_test, d.y_test, **setting)


def accuracy(row: pd.Series) -> Estimate:
    """Share of the test images that are right, with Wilson's 95 % interval."""
    return proportion_interval(row["correct"], row["n_test"])


def table(task: str | None = None) -> str:
    """The stored rows as text: task, layers, images, width, accuracy with its interval, mean square error."""
    lines = [("task", "trained", "images", "width", "accuracy", "95 % interval", "test error")]
    frame = pd.concat([networks(), kernels().assign(width=float("inf"))])
    for title, key in TASKS.items():
        if task not in (None, title):
            continue
        group = frame[frame["task"] == key].sort_values(["n_train", "layers", "width"], kind="stable")
        for _, row in group.iterrows():
            a = accuracy(row) * 100
            width = "∞" if row["width"] == float("inf") else f"{row['width']:.0f}"
            measured = (f"{a.value:.1f} %", f"{a.low:.1f} … {a.high:.1f} %", f"{row['test_error']:.3f}")
            lines.append((title, row["layers"], str(row["n_train"]), width, *measured))
    return aligned(lines)

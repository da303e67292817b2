"""What the figures of the chapter share: the images, the stored runs, and the limit kernel's predictor."""

from __future__ import annotations

from functools import cache

import pandas as pd
from scipy import stats

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


def wrong(row: pd.Series) -> set[str]:
    """The numbers of the test images that a stored row gets wrong."""
    return set(row["wrong"].split())


def sign_test(only_first: int, only_second: int) -> float:
    """McNemar's exact test: how often fair coins, one an image on which two differ, are as uneven as this."""
    differing = only_first + only_second
    return float(stats.binomtest(only_first, differing).pvalue) if differing else 1.0


@cache
def pairs() -> pd.DataFrame:
    """The implicit layer alone against all layers on the same images, all else equal; p by :func:`sign_test`.

    One row a pair of networks of one task, number of images, width and seed, and then of predictors at
    infinite width, whose width is infinite and whose seed is −1.
    """
    rows = []
    keys = ["task", "n_train", "width", "seed"]
    frame = pd.concat([networks(), kernels().assign(width=float("inf"), seed=-1)])
    for key, group in frame.groupby(keys, sort=False):
        both = [group[group["layers"] == name].iloc[0] for name in COLORS]
        implicit, every = map(wrong, both)
        alone, together = len(every - implicit), len(implicit - every)
        right = (accuracy(row).value for row in both)
        rows.append([*key, *right, alone, together, sign_test(alone, together)])
    return pd.DataFrame(rows, columns=[*keys, "implicit", "all", "only_implicit", "only_all", "p"])


def pair_table() -> str:
    """The pairs as text: how many images each gets right, on how many only one of the two is right, and p."""
    lines = [("task", "images", "width", "seed", "alone", "all", "only alone", "only all", "p")]
    titles = {key: title for title, key in TASKS.items()}
    for row in pairs().itertuples():
        wide = row.width == float("inf")
        which = ("∞", "–") if wide else (f"{row.width:.0f}", str(row.seed))
        right = (f"{100 * share:.1f} %" for share in (row.implicit, row.all))
        counts = (str(row.only_implicit), str(row.only_all), f"{row.p:.3f}")
        lines.append((titles[row.task], str(row.n_train), *which, *right, *counts))
    return aligned(lines)

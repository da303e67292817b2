"""What the figures of the chapter share: the images, the stored runs, and the limit kernel's predictor."""

from __future__ import annotations

from functools import cache

import pandas as pd
import torch
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
        implicit, every = (wrong(group[group["layers"] == name].iloc[0]) for name in COLORS)
        alone, together = len(every - implicit), len(implicit - every)
        rows.append([*key, alone, together, sign_test(alone, together)])
    return pd.DataFrame(rows, columns=[*keys, "only_implicit", "only_all", "p"])


def pair_table() -> str:
    """The pairs as text: on how many images only one of the two is right, and p."""
    lines = [("task", "images", "width", "seed", "only implicit right", "only all right", "p")]
    titles = {key: title for title, key in TASKS.items()}
    for row in pairs().itertuples():
        wide = row.width == float("inf")
        which = ("∞", "–") if wide else (f"{row.width:.0f}", str(row.seed))
        counts = (str(row.only_implicit), str(row.only_all), f"{row.p:.3f}")
        lines.append((titles[row.task], str(row.n_train), *which, *counts))
    return aligned(lines)


@cache
def single_accuracy(title: str, layers: str, n_train: int) -> float:
    """Expected share of right images of *one* infinitely wide network, with the f₀ that it starts from.

    From 400 draws at each image: its outputs are independent Gaussians about those of the mean predictor.
    """
    d = images(TASKS[title], n_train)
    setting = {"implicit_scale": IMPLICIT_SCALE, "output_scale": 1.0, "layers": LAYERS[layers]}
    p = infinite_width_prediction(d.X, d.y, d.X_test, d.y_test, **setting)
    generator = torch.Generator().manual_seed(0)
    deviation = p.variance.sqrt() if p.mean.ndim == 1 else p.variance.sqrt()[:, None]
    right = 0.0
    for _ in range(400):
        f = p.mean + deviation * torch.randn(p.mean.shape, generator=generator, dtype=p.mean.dtype)
        hits = f.sign() == d.y_test if f.ndim == 1 else f.argmax(dim=1) == d.labels_test
        right += float(hits.double().mean()) / 400
    return right


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

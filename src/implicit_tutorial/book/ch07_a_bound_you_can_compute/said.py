"""The numbers of the text, a function a section, each beside the sentences that it must bear out."""

from __future__ import annotations

import pandas as pd
import torch
from scipy import stats

import implicit_tutorial as it
from implicit_tutorial.book.ch07_a_bound_you_can_compute.bound_terms import least, row
from implicit_tutorial.book.ch07_a_bound_you_can_compute.circle_bound import SIZES, bound
from implicit_tutorial.book.ch07_a_bound_you_can_compute.digits_bound import digits_row, digits_rows, limit
from implicit_tutorial.book.ch07_a_bound_you_can_compute.first_networks import fit
from implicit_tutorial.book.ch07_a_bound_you_can_compute.posterior_means import (
    OUTPUTS,
    distance,
    tangent,
    trained,
)
from implicit_tutorial.book.ch07_a_bound_you_can_compute.setting import nothing_learned
from implicit_tutorial.book.ch07_a_bound_you_can_compute.spread_price import N_SAMPLES, best, prices
from implicit_tutorial.book.ch07_a_bound_you_can_compute.studies import DIGITS_BOUND, DIGITS_BOUND_SEEDS
from implicit_tutorial.book.says import says
from implicit_tutorial.prose import at_least, at_most

Numbers = dict[str, object]


def the_first_networks() -> Numbers:
    """Of two networks that learn labels in order and shuffled ones."""
    X, X_test = it.data.sphere(60, 3, seed=0), it.data.sphere(500, 3, seed=1)
    y, y_test = it.data.linear(X), it.data.linear(X_test)
    shuffled = y[torch.randperm(60, generator=torch.Generator().manual_seed(0))]
    test, movement = [], []
    for labels in (y, shuffled):
        before, after = fit(labels, X)
        with torch.no_grad():
            training = (after(X) - labels).abs().mean()
            test.append(float((after(X_test) - y_test).abs().clamp(max=1).mean()))
        movement.append(float(torch.linalg.matrix_norm(after.A.detach() - before.A.detach())))
        says("nearly zero training loss", float(training) < 0.005)
    parameters = before.Theta.numel()
    says("a thousand times as many parameters as samples", 900 < parameters / len(X) < 1200)
    says("only one of them knows more than f = 0", test[0] < nothing_learned() / 10 < test[1])
    return {
        "parameters": f"{parameters:,}",
        "test": test[0],
        "test_shuffled": test[1],
        "nothing": nothing_learned(),
        "movement": movement[0],
        "movement_shuffled": movement[1],
        "ratio": movement[1] / movement[0],
        "norm": float(torch.linalg.matrix_norm(before.A.detach())),
    }


def the_worst_network() -> Numbers:
    """Of the terms of C15."""
    one, far = (row("true", 0.2, kappa) for kappa in (1.0, 1e5))
    says("the remainder makes it vacuous", one["remainder"] > 100 * one["linear"])
    says("the linear term stays", far["linear"] < 2.1 * one["linear"] < 4.5 * far["linear"])
    says("vacuous everywhere, in the end by a hair", 1 <= least("true", "total") < 1.1)
    return {
        "remainder_one": f"{one['remainder']:,.0f}",
        "remainder_far": float(far["remainder"]),
        "linear_one": float(one["linear"]),
        "total_least": least("true", "total"),
        "test_one": f"{one['test_loss']:.3f}",
        "test_far": f"{far['test_loss']:.3f}",
    }


def the_price_of_a_spread() -> Numbers:
    """Of the two numbers that are ours to choose."""
    close, good = best(0.25), best(1.0)
    says("closer labels, fewer training errors", close["training"] < good["training"])
    says("and a worse bound", close["bound"] > good["bound"])
    narrow = prices(1.0).iloc[0]
    says("a narrow prior errs more", narrow["training"] > 1.5 * good["training"])
    return {
        "spread_narrow": f"{100 * narrow['training']:.0f}",
        "spread_best": float(good["spread"]),
        "spread_close": float(close["training"]),
        "spread_close_bound": float(close["bound"]),
        "spread_training": float(good["training"]),
        "spread_bound": float(good["bound"]),
        "spread_directions": float(good["directions"]),
        "spread_samples": N_SAMPLES,
    }


def the_digits() -> Numbers:
    """Of the bound on digits against everything that one chooses."""
    n, m, kappa = (digits_rows(name).set_index(name) for name in ("n_train", "width", "output_scale"))
    says("it falls with n", n["total"].is_monotonic_decreasing)
    says("more parameters do not make it worse", m["total"].iloc[-1] < 0.8 * m["total"].iloc[0])
    says("it is already below one half at the fewest images", n["total"].iloc[0] < 0.5)
    says("the best is at a large κ", kappa["total"].idxmin() == 100)
    above = kappa["total"] / limit("width")["total"].iloc[0]
    says(
        "κ = 1 and below leave the dashed line", above[0.3] > above[1.0] > 1.2 > 1.15 > above.loc[3.0:].max()
    )
    shuffled = digits_rows("n_train", "shuffled")["total"]
    every = DIGITS_BOUND_SEEDS.table
    true, other = (every[every["labels"] == labels] for labels in ("true", "shuffled"))
    spread = true.groupby("n_train")["total"].agg(lambda totals: totals.max() - totals.min())
    says("no more than another seed", m["total"][512] - m["total"][256] < spread.max())
    says("never below the test error", (DIGITS_BOUND.table["total"] > DIGITS_BOUND.table["test_error"]).all())
    says("nor for ten seeds", (true["total"] > true["test_error"]).all())
    says("shuffled labels say nothing", min(shuffled.min(), other["total"].min()) > 0.5)
    most, centre = digits_row(n_train=1200), digits_row()
    far = float(limit("width")["total"].iloc[0])
    seeds = true[true["n_train"] == 1200]
    totals = {
        "first": n["total"].iloc[0],
        "most": most["total"],
        "centre": centre["total"],
        "narrow": m["total"].iloc[0],
        "wide": m["total"].iloc[-1],
        "one": kappa["total"][1.0],
        "quiet": kappa["total"].iloc[0],
        "best": kappa["total"].min(),
        "limit": far,
        "seeds_high": seeds["total"].max(),
    }
    numbers = {
        "test": most["test_error"],
        "factor": most["total"] / most["test_error"],
        "seeds_low": at_least(seeds["total"].min(), 3),
        "shuffled": at_least(min(shuffled.min(), other["total"].min())),
    }
    draws = {
        "draws_hundred": _cost(seeds),
        "draws_more": _cost(digits_rows("n_train")),
    }
    guaranteed = {name: at_most(total, 3) for name, total in totals.items()}
    told = {f"digits_{k}": v for k, v in (numbers | guaranteed).items()}
    return told | draws | {"held_out": at_most(_held_out(600), 3)}


def _cost(rows: pd.DataFrame) -> float:
    """What finitely many draws add to the training error, in the mean."""
    return float((rows["training_error_at_most"] - rows["training_error"]).mean())


def _held_out(n: int, observed: float = 0.1, delta: float = 0.05) -> float:
    """Clopper and Pearson's upper limit for an error that is observed on n samples set aside."""
    k = round(observed * n)
    return float(stats.beta.ppf(1 - delta, k + 1, n - k))


def the_trained_means() -> Numbers:
    """Of posteriors about trained networks."""
    best = {k: trained(k)["total"].min() for k in OUTPUTS}
    excess = {k: float(best[k] - tangent(k)["total"]) for k in OUTPUTS}
    says("the tangent's mean is never beaten", min(excess.values()) > 0)
    small, large = 0.5, 10.0
    ends = {k: trained(k).iloc[-1] for k in (small, large)}
    says("the draws are far better", ends[small]["test_error"] < 0.3 * tangent(small)["test_error"])
    shorter = float(distance(small)[0.1] / distance(large)[0.1])
    says("features shorten the way", shorter < 0.8)
    return {
        "mean_least": min(excess.values()),
        "mean_most": max(excess.values()),
        "mean_rich": float(ends[small]["test_error"]),
        "mean_tangent": float(tangent(small)["test_error"]),
        "mean_rich_bound": at_most(ends[small]["total"], 3),
        "mean_shorter": 100 * (1 - shorter),
    }


def on_the_circle() -> Numbers:
    """Of the problem on the circle."""
    return {"circle_first": next(n for n in SIZES if not bound(n).vacuous)}

"""Scales and width for given data, each with the numbers that it rests on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from implicit_tutorial.advice import problems
from implicit_tutorial.advice.candidates import (
    OFFSETS,
    Candidate,
    Sample,
    candidates,
    margin,
)
from implicit_tutorial.advice.result import ENOUGH, Advice, Choice
from implicit_tutorial.advice.scaling import fit_scaling
from implicit_tutorial.equilibrium.checks import check_least, checked
from implicit_tutorial.network import EquilibriumNetwork
from implicit_tutorial.prose import powers
from implicit_tutorial.training.certificate import convergence_certificate

if TYPE_CHECKING:
    import pandas as pd

#: Samples; matrices as large as their number are decomposed once for each offset and σ_A.
_LEAST, _MOST = 10, 2000
#: The narrowest network that is recommended, and the draws that are averaged at each width.
_NARROWEST, _SEEDS = 128, (0, 1)


@checked
def advise(
    X: Tensor,
    y: Tensor,
    *,
    columns: Sequence[str] | None = None,
    movement: float = 1.0,
    largest_width: int = 512,
) -> Advice:
    """Scaling, σ_A, κ, width and stopping time for a training sample, each with the number that it rests on.

    At a sample that is left out the infinitely wide network errs by (Ry)_i/R_ii, R = (K + 1/t)⁻¹. Of the
    settings within one standard error of the least such error (the one-standard-error rule), the one with the
    least lazy movement σ_A√price/(κ√m) of a centered network (C18), relative to the 1 − √2σ_A that the
    monotone condition has to spare (C5); κ lets it use up ``movement`` times that. Width: there the kernel of
    a drawn network predicts as the limit's does, up to a standard error. The ridge 1/t stands for gradient
    flow until t, whose risk is at most 1.69 times as large (Ali, Kolter, Tibshirani 2019). Deterministic.

    Args:
        X: (n, d) training inputs in their own units, 10 ≤ n ≤ 2000 (1500 take a minute); no test data.
        y: (n,) labels; of two classes, two numbers.
        columns: names of the columns, for the sentences.
        movement: above 1, κ is smaller and training richer, and no longer kept well-posed by the lazy law.
        largest_width: the widest network to recommend.

    Raises:
        ValueError, TypeError: entries that are not finite, by row and column; too few samples, or too many;
            labels that never change, or of several outputs; arguments out of their range.
    """
    problems.check_sample(X, y, least=_LEAST, most=_MOST, columns=columns)
    if not 0 < movement < math.inf:
        raise ValueError(f"movement={movement}: the share of the margin that training may use is positive.")
    check_least(1, largest_width=largest_width)

    raw, labels = (x.detach().to("cpu", torch.float64) for x in (X, y))
    samples = [s for offset in OFFSETS if (s := Sample.of(raw, labels, offset)) is not None]
    tried = [c for sample in samples for c in candidates(sample)]
    safe = [c for c in tried if c.certified]
    best = min(safe, key=lambda c: c.error)
    alike = [c for c in safe if c.error - best.error <= c.difference(best)]
    chosen = min(alike, key=lambda c: c.needed)

    width = _width(chosen, largest_width)
    kappa = chosen.needed / (movement * math.sqrt(width.value))
    offset = chosen.sample.scaling.offset
    table = _table(tried)
    return Advice(
        scaling=fit_scaling(X, y, offset=offset),
        offset=_offset(chosen, table),
        implicit_scale=_implicit_scale(chosen, best, alike),
        time=_time(chosen, kappa),
        centered=_centered(chosen, kappa),
        output_scale=_output_scale(chosen, kappa, width.value, movement),
        width=width,
        certified_scale=_certified_scale(chosen, kappa, width.value),
        held_out_error=chosen.error,
        standard_error=chosen.standard_error,
        labels_price=chosen.final_price,
        shuffled_price=chosen.shuffled_price,
        notes=tuple(_notes(raw, labels, columns, chosen, samples, tried)),
        table=table,
    )


def _offset(chosen: Candidate, table: pd.DataFrame) -> Choice:
    errors = table.groupby("offset")["held_out_error"].min()
    said = ", ".join(f"{powers(e, 3)} with offset {o:g}" for o, e in errors.items())
    kept = chosen.sample.scaling.offset > 0
    return Choice(
        chosen.sample.scaling.offset,
        {f"held-out error with offset {o:g}": e for o, e in errors.items()},
        f"The least held-out errors are {said}. "
        + ("The norm of an input is kept, as an angle." if kept else "The norm of an input is left out."),
        "rule of thumb",
    )


def _implicit_scale(chosen: Candidate, best: Candidate, alike: Sequence[Candidate]) -> Choice:
    sigmas = sorted({c.implicit_scale for c in alike})
    used = {
        "held-out error": chosen.error,
        "least held-out error": best.error,
        "standard error of their difference": chosen.difference(best),
        "margin": margin(chosen.implicit_scale),
    }
    if len(sigmas) == 1:
        said = (
            "At other scales the held-out error is larger, by more than one standard error of the difference."
        )
    else:
        said = (
            f"At scales from {sigmas[0]:g} to {sigmas[-1]:g} the held-out error is the least, up to one "
            f"standard error of the difference. Of these {chosen.implicit_scale:g} asks for the least "
            "output_scale."
        )
    said += f" A may move by {powers(used['margin'])} before the monotone condition can fail."
    return Choice(chosen.implicit_scale, used, said, "rule of thumb")


def _time(chosen: Candidate, kappa: float) -> Choice:
    n, time = len(chosen.sample.y), 1 / (chosen.ridge * kappa**2)
    return Choice(
        time,
        {"ridge": chosen.ridge, "samples": n},
        f"Gradient flow until then does what a ridge of {powers(chosen.ridge)} does, the one chosen by the "
        "held-out error, with at most 1.69 times its risk. Training ends sooner where its error falls to "
        f"1/{1 / ENOUGH:.0f} of the held-out one.",
        "rule of thumb",
    )


def _centered(chosen: Candidate, kappa: float) -> Choice:
    initial = kappa**2 * chosen.initialization_price
    return Choice(
        True,
        {"price": chosen.price, "initialization_price": initial},
        "It takes the initial function out of the error, and out of the way that A must go: of the squared "
        f"way {powers(initial)} + {powers(chosen.price)} the second part is left.",
        "mean-field",
    )


def _output_scale(chosen: Candidate, kappa: float, width: int, movement: float) -> Choice:
    moved = chosen.implicit_scale * math.sqrt(chosen.price / width) / kappa
    used = {"price": chosen.price, "margin": margin(chosen.implicit_scale), "lazy movement": moved}
    return Choice(
        kappa,
        used,
        f"Until that time the labels cost {powers(chosen.price)}, so lazy training moves A by "
        f"{powers(moved)}, {movement:g} times the margin. A larger output_scale is lazier, a smaller one "
        "richer.",
        "mean-field" if movement <= 1 else "rule of thumb",
    )


def _width(chosen: Candidate, largest: int) -> Choice:
    """The narrowest width whose kernel predicts as the limit's, up to the error's standard error."""
    noise, width = chosen.standard_error, min(_NARROWEST, largest)
    while True:
        deviation = sum(chosen.deviation(width, seed) for seed in _SEEDS) / len(_SEEDS)
        if deviation <= noise or 2 * width > largest:
            break
        width *= 2
    used = {"deviation": deviation, "standard error": noise, "needed": max(width, width * deviation / noise)}
    said = "Drawn kernels of this width predict the samples left out as the limit's does, up to "
    said += f"{powers(deviation)} in mean square"
    if deviation <= noise:
        said += f"; the held-out error has the standard error {powers(noise)}."
    else:
        said += (
            f", more than the standard error {powers(noise)}. That falls like 1/width, "
            f"so {powers(used['needed'])} units would be enough; largest_width allows {width}."
        )
    return Choice(width, used, said, "mean-field")


def _certified_scale(chosen: Candidate, kappa: float, width: int) -> Choice:
    Z, y = chosen.sample.Z, chosen.sample.y
    scales = {"implicit_scale": chosen.implicit_scale, "output_scale": kappa, "centered": True}
    certificate = convergence_certificate(EquilibriumNetwork(Z.shape[1], width, **scales), Z, y, claim="C12")
    largest = certificate.largest_error
    # s₀ and Δ are proportional to κ, and the largest radius does not depend on it.
    value = kappa * certificate.initial_error / largest if largest > 0 else math.inf
    return Choice(
        value,
        {"initial error": certificate.initial_error, "certified up to": largest},
        f"From {powers(value)} on, convergence is proved before training (C12) for the network of seed 0, "
        f"which is lazy then. The recommended output_scale certifies an initial error of {powers(largest)}; "
        f"that of the labels is {powers(certificate.initial_error)}."
        if largest > 0
        else "The certificate (C12) holds at no output_scale: it needs a spectral norm below one, and a "
        "kernel matrix that is not singular to rounding.",
        "theorem",
    )


def _notes(
    X: Tensor,
    y: Tensor,
    columns: Sequence[str] | None,
    chosen: Candidate,
    samples: Sequence[Sample],
    tried: Sequence[Candidate],
) -> Iterator[str]:
    sample, best = chosen.sample, min(tried, key=lambda c: c.error)
    yield from problems.about_columns(X, columns)
    if len(samples) < len(OFFSETS):
        yield "An input is the mean of all inputs, and has no direction without an offset."
    yield from problems.about_copies(X, y, sample.groups)
    if chosen.eigenvalues[0] < chosen.smallest_ridge:
        yield problems.about_kernel(sample.Z, chosen.eigenvalues)
    yield from problems.about_size(len(X), chosen.error, chosen.standard_error)
    yield from problems.about_noise(sample.y, chosen.errors, sample.groups)
    if chosen.error - best.error > 2 * chosen.difference(best):
        less, more = powers(best.error, 3), powers(chosen.error, 3)
        yield (
            f"At implicit_scale {best.implicit_scale:g} the held-out error is {less}, lower than {more} by "
            "more than two standard errors. No condition makes the equilibrium unique there, so it is not "
            "recommended."
        )


def _table(tried: Sequence[Candidate]) -> pd.DataFrame:
    """For each offset and implicit_scale the ridge with the least held-out error."""
    import pandas as pd

    best: dict[tuple[float, float], Candidate] = {}
    for c in tried:
        key = (c.sample.scaling.offset, c.implicit_scale)
        if key not in best or c.error < best[key].error:
            best[key] = c
    least = min(best.values(), key=lambda c: c.error)
    rows = [
        {
            "offset": offset,
            "implicit_scale": sigma,
            "ridge": c.ridge,
            "held_out_error": c.error,
            "standard_error": c.standard_error,
            "above_least": c.error - least.error,
            "its_standard_error": c.difference(least),
            "price": c.price,
            "labels_price": c.final_price,
            "shuffled_price": c.shuffled_price,
            "margin": margin(sigma),
            "scale_times_root_width": c.needed,
        }
        for (offset, sigma), c in best.items()
    ]
    return pd.DataFrame(rows)

"""A network of the map that a page trains: the steps of `ExponentialFlow`, as functions without checks."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from implicit_tutorial.book.circle_training import flow_of
from implicit_tutorial.equilibrium.problem import Problem
from implicit_tutorial.explorer.computed import loop, settled
from implicit_tutorial.explorer.eigenvalues import eigenvalues
from implicit_tutorial.training.arithmetic import descended, implicit_kernel

#: The network's weights before its scales, as `Computation.draws` has them.
DRAWS = {"G": ("width", "width"), "W": ("width", 6), "v": ("width",)}
#: As the stored runs: the error of a step relative to the movement, and the mean square error at the end.
_RTOL, _LOSS = 0.05, 1e-3
_EXACTLY, _ROUGHLY, _SWEEPS = 1e-6, 5e-4, 1000
#: Of what is only drawn: less than half a pixel.
_SEEN = 1e-4
#: A step this short, in units of 1/λ_max, that still fails means that the equilibrium itself is lost.
_SHORTEST = 1e-4
#: Below this step, in the same units, a kink would look like an effect of the step if a state were rough.
_SHORT = 1e-2
#: Added to what may be zero and is divided by, or has a logarithm.
_TINY = 1e-300
#: Steps of the power method on DA, shifted to the right, that tell the inputs near a fold from the others.
POWERS, _SHIFT = 30, 0.3


def begin(
    G: Tensor, W: Tensor, v: Tensor, X: Tensor, y: Tensor, circle: Tensor,
    width: Tensor, implicit_scale: Tensor, output_scale: Tensor,
) -> dict[str, Tensor]:  # fmt: skip
    """A network at its initialization; one step of the clock is one that the flow tries."""
    A, b = G * (implicit_scale / torch.sqrt(width)), X @ W.T
    kappa = output_scale / torch.sqrt(width)
    z, u, _ = _linearised(A, b, v, torch.zeros_like(b), torch.zeros_like(b), _EXACTLY)
    K = implicit_kernel(z, u, z, u, kappa, implicit_scale, width)
    zero, number = 0 * kappa, torch.arange(y.shape[0], dtype=y.dtype)
    return {
        "one": torch.where(number[:, None] == number, 1 + zero, zero),
        "A": A, "A0": A, "b": b, "kappa": kappa, "z": z, "z0": z, "u": u, "e": kappa * (z @ v) - y,
        "b_circle": circle @ W.T, "h": 1 / _bound(K), "time_now": zero, "lost": zero, "step": zero + 1,
    }  # fmt: skip


def advance(
    A: Tensor, z: Tensor, u: Tensor, e: Tensor, h: Tensor, time_now: Tensor, lost: Tensor, A0: Tensor,
    b: Tensor, v: Tensor, y: Tensor, one: Tensor, kappa: Tensor, implicit_scale: Tensor,
    output_scale: Tensor, width: Tensor,
) -> dict[str, Tensor]:  # fmt: skip
    """Predict, correct, compare; a step that errs too much is not taken, and the next one is shorter."""
    rate, root = kappa * implicit_scale**2 / width, torch.sqrt(width) / implicit_scale

    def kernel(z: Tensor, u: Tensor, z2: Tensor, u2: Tensor) -> Tensor:
        return implicit_kernel(z, u, z2, u2, kappa, implicit_scale, width)

    def moved(A: Tensor, z: Tensor, u: Tensor, w: Tensor) -> Tensor:
        return descended(A[None], (u * w[:, None] * rate)[None], z[None], 1)[0]

    goes = (lost == 0) & (_error(e) > _LOSS)
    here = kernel(z, u, z, u)
    largest = _bound(here)
    tried = torch.where(goes, h, 0 * h)
    w = _integrated(here, tried, e, one)
    close = torch.where(tried * largest > _SHORT, _ROUGHLY + 0 * h, _EXACTLY + 0 * h)
    most = _SWEEPS * goes  # at a fold, where no more steps are taken, all would be in vain
    z_there, u_there, found = _linearised(moved(A, z, u, w), b, v, z, u, close, most)
    there, across = kernel(z_there, u_there, z_there, u_there), kernel(z, u, z_there, u_there)
    mean = _integrated((here + there) / 2, tried, e, one) / 2
    A_new = moved(moved(A, z, u, mean), z_there, u_there, mean)
    # The distance between predictor and corrector, from Gram matrices.
    off = mean - w
    square = off @ (here @ off) + 2 * (off @ (across @ mean)) + mean @ (there @ mean)
    movement = root * torch.linalg.vector_norm(A_new - A0) + _TINY
    wrong = torch.sqrt(torch.clamp(square, min=0)) / (_RTOL * movement)
    good = found & (wrong <= 1)
    A_new = torch.where(good, A_new, A)
    z_new, u_new, found = _linearised(
        A_new, b, v, torch.where(good, z_there, z), torch.where(good, u_there, u), _EXACTLY, most
    )
    taken = good & found & goes
    factor = 0.8 / torch.sqrt(wrong + _TINY)
    longer, shorter = torch.clamp(factor, max=10), torch.clamp(factor, min=0.2, max=0.8)
    shorter = torch.where(good | ~(wrong > 1), 0.25 + 0 * h, shorter)
    next_h = torch.where(goes, h * torch.where(taken, longer, shorter), h)
    return {
        "A": torch.where(taken, A_new, A),
        "z": torch.where(taken, z_new, z),
        "u": torch.where(taken, u_new, u),
        "e": torch.where(taken, kappa * (z_new @ v) - y, e),
        "h": next_h,
        "time_now": time_now + torch.where(taken, tried, 0 * h) * output_scale**2,
        "lost": torch.maximum(lost, goes * ~taken * (next_h * largest < _SHORTEST) * torch.ones_like(h)),
    }


def seen(
    A: Tensor, z: Tensor, z0: Tensor, u: Tensor, e: Tensor, lost: Tensor, v: Tensor, b_circle: Tensor,
    kappa: Tensor,
) -> dict[str, Tensor]:  # fmt: skip
    """Its function on the great circle, the eigenvalues of DA at the input nearest to a fold, its numbers."""
    there, found = settled(Problem(A, b_circle), torch.zeros_like(b_circle), close=_SEEN, most=_SWEEPS)
    one = torch.ones_like(kappa)
    nothing = 0 * kappa / (0 * kappa)
    active = nearest_to_a_fold(A, z, u) > 0
    values = eigenvalues(torch.where(active[:, None], A, 0 * A))
    norm = torch.linalg.vector_norm
    return {
        "f": torch.where(found, kappa * (there @ v), nothing),
        "found": found * one,
        "values": torch.where((values == 0).all(1, keepdim=True), nothing, values),  # units that are off
        "rightmost": values[:, 0].amax(),
        "moved": norm(z - z0) / norm(z0),
        "train_error": _error(e),
        "end": torch.where(lost > 0, 2 * one, (_error(e) <= _LOSS) * one),
    }


def nearest_to_a_fold(A: Tensor, z: Tensor, u: Tensor) -> Tensor:
    """(m,) the state of the input whose DA has the rightmost eigenvalue, where that lies apart."""
    active = (z > 0) * torch.ones((), dtype=z.dtype)

    def once(w: Tensor, _before: Tensor, left: Tensor) -> tuple[Tensor, ...]:
        return (w @ A) * active + _SHIFT * w, w.clone(), left - 1

    start = (u.clone(), u.clone(), torch.full((), float(POWERS), dtype=u.dtype))
    w, before, _ = loop(lambda w, before, left: left > 0.5, once, start)
    growth = (w * before).sum(1) / ((before * before).sum(1) + _TINY)
    return ((growth == growth.amax()) * torch.ones_like(growth)) @ z


def _error(e: Tensor) -> Tensor:
    return torch.mean(e * e)


def _bound(K: Tensor) -> Tensor:
    """At least λ_max."""
    return torch.amax(K.abs().sum(1))


def _linearised(
    A: Tensor, b: Tensor, v: Tensor, z: Tensor, u: Tensor, close: Tensor | float,
    most: Tensor | int = _SWEEPS,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """State and adjoint, from what they were nearby, and whether both were found."""
    z, there = settled(Problem(A, b), z, close=close, most=most)
    active = (z > 0) * torch.ones((), dtype=z.dtype)
    u, back = settled(Problem(A.T, v.expand(z.shape), active), u, close=close, most=most)
    return z, u, there & back


def _integrated(K: Tensor, h: Tensor, e: Tensor, one: Tensor) -> Tensor:
    """∫₀ʰ e^{−Kt} e dt: by its series for a short time, which is then doubled."""
    halvings = torch.clamp(-torch.floor(-torch.log(h * _bound(K) + _TINY) / math.log(2)), min=0)
    M = K * (h * torch.exp(-halvings * math.log(2)))

    def doubled(M: Tensor, series: Tensor, left: Tensor) -> tuple[Tensor, ...]:
        return 2 * M, series - series @ (M @ series) / 2, left - 1

    _, series, _ = loop(lambda M, series, left: left > 0.5, doubled, (M, flow_of(M, one), halvings))
    return h * (series @ e)

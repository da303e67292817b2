"""C9 … C11 hold, and each says no when one part of its subject is broken."""

from __future__ import annotations

import dataclasses

import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial.claims import claims, close

MINE = {label: claims()[label] for label in ("C9", "C10", "C11")}


def scaled(function, **factors):
    """The kernels with some fields multiplied."""

    def broken(*args, **kwargs):
        found = function(*args, **kwargs)
        return dataclasses.replace(found, **{k: f * getattr(found, k) for k, f in factors.items()})

    return broken


def without_adjoint(net, X):
    """The derivative of one sweep: u = Dv."""
    found = it.network_kernels(net, X)
    D = (net.equilibrium(X).z > 0).to(X.dtype)
    u = D * net.v.detach()
    backward = u @ u.T / net.width
    return dataclasses.replace(found, backward=backward, implicit=found.implicit / found.backward * backward)


def at_another_scale(X, *, implicit_scale, **kwargs):
    return it.limit_kernels(X, implicit_scale=0.98 * implicit_scale, **kwargs)


def arc_cosine_of_the_inputs(X, *, implicit_scale, **kwargs):
    """One layer's kernel, as if the fixed point were reached at once."""
    found = it.limit_kernels(X, implicit_scale=implicit_scale, **kwargs)
    first = it.limit_kernels(X, implicit_scale=0.0, **kwargs)
    Q = first.forward * (found.forward[0, 0] / first.forward[0, 0])
    return dataclasses.replace(found, forward=Q, implicit=found.implicit / found.forward * Q)


def forgets_the_loop(X, *, implicit_scale, **kwargs):
    """The forward kernel of one hidden layer, of the right size: it confuses opposite inputs."""
    found = it.limit_kernels(X, implicit_scale=implicit_scale, **kwargs)
    Q = arc_cosine_of_the_inputs(X, implicit_scale=implicit_scale, **kwargs).forward
    backward = torch.full_like(Q, 1 / (2 - implicit_scale**2))
    return dataclasses.replace(
        found, forward=Q, backward=backward, output=Q, implicit=implicit_scale**2 * Q * backward
    )


def not_a_number(X, **kwargs):
    return scaled(it.limit_kernels, forward=torch.nan, implicit=torch.nan)(X, **kwargs)


BROKEN = {
    "C9": [
        scaled(it.network_kernels, implicit=1.001),
        scaled(it.network_kernels, output=1.001),
        scaled(it.network_kernels, input=0.999),
        without_adjoint,
    ],
    "C10": [at_another_scale, arc_cosine_of_the_inputs, scaled(it.limit_kernels, backward=1.05)],
    "C11": [
        scaled(it.limit_kernels, implicit=1.001),
        scaled(it.limit_kernels, output=1.001),
        at_another_scale,
        forgets_the_loop,
    ],
}


@pytest.mark.parametrize("label", MINE)
def test_claim_holds(label):
    verdict = MINE[label].check()
    assert verdict.holds, verdict.measurements
    assert 0 < verdict.margin <= 1
    assert MINE[label].chapter == "05_the_tangent_kernel"


@pytest.mark.parametrize(
    ("label", "subject"), [(label, subject) for label, subjects in BROKEN.items() for subject in subjects]
)
def test_claim_is_refuted_by_a_broken_subject(label, subject):
    assert not MINE[label].check(subject).holds


def test_nothing_that_is_not_a_number_holds():
    assert not close("{}", *[float("nan")], 1.0, rtol=0.1).margin > 0
    with pytest.raises(torch.linalg.LinAlgError):
        MINE["C11"].check(not_a_number)

"""C12 … C14, C20 and C22 hold, and each says no when one part of its subject is broken."""

from __future__ import annotations

import dataclasses

import pytest

import implicit_tutorial as it
from implicit_tutorial.claims import claims


def certificate(**factors):
    """A certificate with some of its quantities multiplied."""

    def broken(net, X, y):
        found = it.convergence_certificate(net, X, y, claim="C12")
        return dataclasses.replace(found, **{k: f * getattr(found, k) for k, f in factors.items()})

    return broken


def ending(**factors):
    """The certificate at any point with some of its quantities multiplied."""

    def broken(net, X, y, claim=None):
        found = it.convergence_certificate(net, X, y, claim=claim)
        return dataclasses.replace(found, **{k: f * getattr(found, k) for k, f in factors.items()})

    return broken


def of_other_labels(net, X, y, claim=None):
    """Knows no error: the certificate of a network that fits."""
    return it.convergence_certificate(net, X, 1.001 * y, claim=claim)


def absolute_certificate(net, X, y):
    """What is certified does not know of κ."""
    found = it.convergence_certificate(net, X, y, claim="C12")
    return dataclasses.replace(found, largest_error=5.0)


def spectrum(factor):
    def train(*args, **kwargs):
        history = it.train(*args, **kwargs)
        history.lambda_min *= factor
        return history

    return train


def other_labels(net, X, y, **kwargs):
    return it.train(net, X, y.flip(0), **kwargs)


def limit(**factors):
    def kernels(*args, **kwargs):
        found = it.limit_kernels(*args, **kwargs)
        return dataclasses.replace(found, **{k: f * getattr(found, k) for k, f in factors.items()})

    return kernels


def output_layer(*args, **kwargs):
    found = it.limit_kernels(*args, **kwargs)
    return dataclasses.replace(found, implicit=found.output)


BROKEN = {
    "C12": [
        certificate(lambda0=1.01),
        certificate(r_star=0.4),
        certificate(Delta=1e-4),
        certificate(Delta=2.0),
        certificate(s0=0.5),
        absolute_certificate,
    ],
    "C20": [
        ending(gamma=0.95),
        ending(kink=0.95),
        ending(r_star=0.95),
        ending(lambda0=1.1),
        of_other_labels,
    ],
    "C22": [
        ending(largest_step=1.1),
        ending(largest_step=0.5),
        ending(stable_step=0.95),
        ending(stable_step=1.05),
    ],
    "C13": [spectrum(1.1), spectrum(0.9), other_labels],
    "C14": [limit(implicit=1.2), output_layer],
}


@pytest.mark.parametrize("label", BROKEN)
def test_claim_holds(label):
    verdict = claims()[label].check()
    assert verdict.holds, verdict.measurements
    assert 0 < verdict.margin <= 1


@pytest.mark.some(6)
@pytest.mark.parametrize(
    ("label", "subject"), [(label, subject) for label, subjects in BROKEN.items() for subject in subjects]
)
def test_claim_is_refuted_by_a_broken_subject(label, subject):
    assert not claims()[label].check(subject).holds

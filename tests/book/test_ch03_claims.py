"""C8 and what C6 says of accelerated solvers hold, and are refuted by shortcuts and by broken parts."""

from __future__ import annotations

import dataclasses
from functools import partial

import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial.book.ch02_well_posedness.claims import acceleration
from implicit_tutorial.book.ch03_keeping_it_well_posed.claims import Remedies, staying_well_posed
from implicit_tutorial.claims import claims
from tests.solvers.conftest import MIXING


class BehindAutograd(it.SpectralScaling):
    """The right matrix, with the gradient of an unconstrained one."""

    def forward(self, A):
        return A + (super().forward(A) - A).detach()


class BallTooLarge(it.L1Rows):
    """Rows in an l1 ball that is one percent larger than was promised."""

    def forward(self, A):
        return 1.01 * super().forward(A)


class TooSmallAMargin(it.Symmetric):
    """Half the promised margin: still well-posed, but not by as much as was said."""

    def forward(self, P):
        return super().forward(P) + self.margin / 2 * torch.eye(len(P), dtype=P.dtype)


def norm_of_the_whole(A, z, **kwargs):
    """‖A‖_F²/m, whichever units are on."""
    return A.square().sum() / len(A)


class NormHeldFixed(it.SpectralScaling):
    """Right values, with the gradient of a projection that forgets its own."""

    def forward(self, A):
        return A * (super().forward(A) / A).detach()


class FivePercentOver(it.SpectralScaling):
    def forward(self, A):
        return 1.05 * super().forward(A)


class RowsScaled(it.L1Rows):
    def forward(self, A):
        return 1.001 * super().forward(A)


class PerronOfTheSignedMatrix(it.PerronScaling):
    def forward(self, A):
        return A * self.limit / torch.linalg.eigvals(A).abs().max()


class SoftmaxRows(it.SoftmaxColumns):
    def forward(self, B):
        return super().forward(B.T).T


class HalfTheMargin(it.Monotone):
    def forward(self, P, S):
        return super().forward(P, S) + self.margin / 2 * torch.eye(len(P), dtype=P.dtype)


class NotQuiteSymmetric(it.Symmetric):
    def forward(self, P):
        return super().forward(P).triu() * 1.01 + super().forward(P).tril(-1)


class OfAnotherMatrix(it.PeacemanRachford):
    """The resolvent of 0.99 A, as if A had been trained since it was factored."""

    def run(self, problem, z0):
        return super().run(problem._replace(M=0.99 * problem.M), z0)


def overstepping(*, step=None, **kwargs):
    return it.ForwardBackward(step=step and 40 * step, check=False, **kwargs)


def penalty_without_the_pattern(A, z, **kwargs):
    return it.jacobian_penalty(A, torch.ones_like(z), **kwargs)


#: Parts of the subject that are wrong, each by what is wrong with it.
PARTS = {
    "norm held fixed": {"spectral": NormHeldFixed},
    "scaled five percent over": {"spectral": FivePercentOver},
    "rows not quite projected": {"rows": RowsScaled},
    "ρ(A) in place of ρ(|A|)": {"perron": PerronOfTheSignedMatrix},
    "softmax over rows": {"softmax": SoftmaxRows},
    "half the margin": {"monotone": HalfTheMargin},
    "not symmetric": {"symmetric": NotQuiteSymmetric},
    "step beyond the limit": {"forward_backward": overstepping},
    "resolvent of another matrix": {"peaceman_rachford": OfAnotherMatrix},
    "penalty of inactive units": {"penalty": penalty_without_the_pattern},
}
#: The shortcuts that the chapter warns of.
BROKEN = {
    "C8": [
        dataclasses.replace(Remedies(), spectral=BehindAutograd),
        dataclasses.replace(Remedies(), rows=BallTooLarge),
        dataclasses.replace(Remedies(), symmetric=TooSmallAMargin),
        dataclasses.replace(Remedies(), penalty=norm_of_the_whole),
    ]
}


def refuted(measurements) -> bool:
    try:
        return not all(m.margin > 0 for m in measurements)
    except (ValueError, it.EquilibriumError):
        return True


def test_staying_well_posed_holds():
    measurements = list(staying_well_posed(Remedies()))
    assert len(measurements) > 15
    assert all(0 < m.margin <= 1 for m in measurements), [m for m in measurements if not 0 < m.margin <= 1]


@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS)
def test_staying_well_posed_is_refuted(parts):
    assert refuted(staying_well_posed(dataclasses.replace(Remedies(), **parts)))


@pytest.mark.parametrize("Solver", [MIXING, it.Broyden])
def test_acceleration_gains_where_the_theory_says(Solver):
    assert all(m.margin > 0 for m in acceleration(Solver))


@pytest.mark.parametrize("Solver", [it.Picard, partial(MIXING, damping=0.5), partial(MIXING, window=1)])
def test_acceleration_is_refuted(Solver):
    assert refuted(acceleration(Solver))


@pytest.mark.parametrize("subject", BROKEN["C8"], ids=["spectral", "rows", "symmetric", "penalty"])
def test_a_shortcut_is_noticed(subject):
    verdict = claims()["C8"].check(subject)
    assert not verdict.holds
    assert repr(verdict).startswith("C8 fails: ")


def test_the_claim_holds_and_says_the_same_each_time():
    verdict = it.verify("C8")
    assert verdict.holds
    assert 0 < verdict.margin <= 1
    assert claims()["C8"].check() == verdict

"""C8 as chapter 3 states it: refuted by the shortcuts that the chapter warns of."""

from __future__ import annotations

import dataclasses

import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial.book.ch03_keeping_it_well_posed.claims import Remedies
from implicit_tutorial.claims import claims


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


BROKEN = {
    "C8": [
        dataclasses.replace(Remedies(), spectral=BehindAutograd),
        dataclasses.replace(Remedies(), rows=BallTooLarge),
        dataclasses.replace(Remedies(), symmetric=TooSmallAMargin),
        dataclasses.replace(Remedies(), penalty=norm_of_the_whole),
    ]
}


@pytest.mark.parametrize("subject", BROKEN["C8"], ids=["spectral", "rows", "symmetric", "penalty"])
def test_a_shortcut_is_noticed(subject):
    verdict = claims()["C8"].check(subject)
    assert not verdict.holds
    assert repr(verdict).startswith("✗ C8: ")


def test_the_claim_holds_and_says_the_same_each_time():
    verdict = it.verify("C8")
    assert verdict.holds
    assert 0 < verdict.margin <= 1
    assert claims()["C8"].check() == verdict

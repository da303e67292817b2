"""Bad input is refused by name before anything is computed."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import implicit_tutorial as it

A = torch.eye(4, dtype=torch.float64) / 2
B = torch.ones(3, 4, dtype=torch.float64)
NAN = B.clone()
NAN[1, 2] = math.nan
INFINITE = A.clone()
INFINITE[3, 0] = math.inf

SOLVE = {
    "A list": (lambda: it.solve([[0.5]], B), TypeError, r"A is a list; pass a torch tensor"),
    "A array": (lambda: it.solve(np.eye(4), B), TypeError, r"A is a ndarray; .*torch\.as_tensor\(A\)"),
    "A integer": (lambda: it.solve(A.long(), B), TypeError, r"A has dtype torch\.int64; pass floating-point"),
    "A complex": (lambda: it.solve(A.cfloat(), B), TypeError, r"A has dtype torch\.complex64"),
    "A not square": (lambda: it.solve(A[:3], B), ValueError, r"A has shape \(3, 4\); .* square"),
    "A 1-D": (lambda: it.solve(A[0], B), ValueError, r"A has shape \(4,\); .* square"),
    "A batched": (lambda: it.solve(A[None], B), ValueError, r"A has shape \(1, 4, 4\)"),
    "A empty": (
        lambda: it.solve(A[:0, :0], B[:, :0]),
        ValueError,
        r"A has shape \(0, 0\); .* at least one unit",
    ),
    "A infinite": (lambda: it.solve(INFINITE, B), ValueError, r"A holds a non-finite value, first in row 3"),
    "b list": (lambda: it.solve(A, [1.0]), TypeError, r"b is a list"),
    "b 1-D": (lambda: it.solve(A, B[0]), ValueError, r"b has shape \(4,\); .*pass b\[None, :\]"),
    "b 3-D": (lambda: it.solve(A, B[None]), ValueError, r"b has shape \(1, 3, 4\); it must be 2-D"),
    "b transposed": (lambda: it.solve(A, B.T), ValueError, r"b has shape \(4, 3\); .*transposed: pass b\.T"),
    "b too wide": (
        lambda: it.solve(A, torch.ones(3, 5).double()),
        ValueError,
        r"each row must hold 4 entries, one for each unit\.$",
    ),
    "b float32": (
        lambda: it.solve(A, B.float()),
        TypeError,
        r"b is torch\.float32 on cpu, but torch\.float64 on cpu",
    ),
    "b integer": (lambda: it.solve(A, B.long()), TypeError, r"b is torch\.int64"),
    "b elsewhere": (lambda: it.solve(A, B.to("meta")), TypeError, r"b is torch\.float64 on meta"),
    "b not a number": (lambda: it.solve(A, NAN), ValueError, r"b holds a non-finite value, first in row 1"),
    "z0 shape": (lambda: it.solve(A, B, z0=B[:2]), ValueError, r"z0 has shape \(2, 4\), but b has \(3, 4\)"),
    "z0 transposed": (lambda: it.solve(A, B, z0=B.T), ValueError, r"z0 has shape \(4, 3\); .*pass z0\.T"),
    "z0 float32": (lambda: it.solve(A, B, z0=B.float()), TypeError, r"z0 is torch\.float32"),
    "z0 not a number": (
        lambda: it.solve(A, B, z0=NAN),
        ValueError,
        r"z0 holds a non-finite value, first in row 1",
    ),
    "u0 not a number": (
        lambda: it.solve(A, B, u0=NAN),
        ValueError,
        r"u0 holds a non-finite value, first in row 1",
    ),
    "u0 shape": (lambda: it.solve(A, B, u0=B[:1]), ValueError, r"u0 has shape \(1, 4\), but b has \(3, 4\)"),
    "rtol for dtype": (
        lambda: it.solve(A.float(), B.float(), solver=it.Picard(rtol=1e-8)),
        ValueError,
        r"rtol=1e-08 cannot be used in torch\.float32: .* at least 1\.2e-06",
    ),
    "rtol of zero": (
        lambda: it.solve(A, B, solver=it.Newton(rtol=0.0)),
        ValueError,
        r"rtol=0 cannot be used",
    ),
    "rtol of one": (lambda: it.solve(A, B, solver=it.Picard(rtol=1.0)), ValueError, r"must be below 1"),
    "rtol not a number": (lambda: it.solve(A, B, solver=it.Picard(rtol=math.nan)), ValueError, r"rtol=nan"),
    "no step": (lambda: it.Picard(max_steps=0), ValueError, r"max_steps=0: a solver needs at least one step"),
    "negative atol": (
        lambda: it.Newton(atol=-1.0),
        ValueError,
        r"atol=-1\.0: a tolerance cannot be negative",
    ),
    "adjoint z": (lambda: it.adjoint(A, NAN, B), ValueError, r"z holds a non-finite value"),
    "adjoint A": (lambda: it.adjoint(INFINITE, B, B), ValueError, r"A holds a non-finite value"),
    "adjoint g": (lambda: it.adjoint(A, B, NAN), ValueError, r"gradient holds a non-finite value"),
    "adjoint g rows": (
        lambda: it.adjoint(A, B, B[:2]),
        ValueError,
        r"g has shape \(2, 4\), but z has \(3, 4\)",
    ),
    "adjoint g 1-D": (lambda: it.adjoint(A, B, B[0, :3]), ValueError, r"g has shape \(3,\)"),
    "adjoint g list": (lambda: it.adjoint(A, B, [1.0]), TypeError, r"g is a list"),
    "certify list": (lambda: it.certify([[0.5]]), TypeError, r"A is a list"),
    "certify shape": (lambda: it.certify(A[:2]), ValueError, r"square"),
    "certify infinite": (
        lambda: it.certify(INFINITE),
        ValueError,
        r"A holds a non-finite value, first in row 3",
    ),
    "certify name": (
        lambda: it.certify(A, conditions=["norm"]),
        ValueError,
        r"unknown condition 'norm'; choose from \['perron_frobenius'",
    ),
    "certify wide": (
        lambda: it.certify(torch.eye(17).double(), conditions=["p_matrix"]),
        ValueError,
        r"2\^17 minors; it is offered up to m = 16",
    ),
    "certificate key": (lambda: it.certify(A)["norm"], KeyError, r"no condition 'norm'"),
    "count wide": (
        lambda: it.count_equilibria(torch.eye(21).double(), torch.ones(1, 21).double()),
        ValueError,
        r"2\^21 activation patterns.*use certify",
    ),
    "count nan": (lambda: it.count_equilibria(A, NAN), ValueError, r"b holds a non-finite value"),
    "count 1-D": (lambda: it.count_equilibria(A, B[0]), ValueError, r"pass b\[None, :\]"),
    "p-matrix wide": (lambda: it.is_p_matrix(torch.eye(21).double()), ValueError, r"width 21"),
    "p-matrix shape": (lambda: it.is_p_matrix(B), ValueError, r"M has shape \(3, 4\)"),
}


@pytest.mark.parametrize("name", SOLVE)
def test_refused_by_name(name):
    call, error, message = SOLVE[name]
    with pytest.raises(error, match=message):
        call()


def test_a_failed_gradient_of_the_loss_is_named():
    b = B.clone().requires_grad_()
    z = it.solve(A, b).z
    with pytest.raises(ValueError, match="gradient holds a non-finite value, first in row 0"):
        (z * math.nan).sum().backward()

"""How far the equilibria of a point go on as A moves, sample by sample (C20)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import torch
from torch import Tensor

from implicit_tutorial.equilibrium.spectra import rounding, row_norm
from implicit_tutorial.training.enclosure import Enclosure, Point
from implicit_tutorial.training.region import OFF, Region
from implicit_tutorial.training.states import FEW

#: Units of a sample, those nearest to their kink, whose sensitivity is computed and not only bounded.
_NEAREST = 16
#: At most so many units are free to pass their kinks: in all samples; in one, where each doubles the work.
FREE, _FREE_IN_ONE = 127, 6


class Sample:
    """One sample, its units that are free to pass their kinks, and what is true on all sides of these.

    T are the units that are active, or free; a side leaves out some of the free ones, O, and B = I − A_SS is
    I − A on the others, S = T∖O.
    """

    def __init__(self, point: Point, i: int) -> None:
        self.point, self.i = point, i
        self.free: list[int] = []
        self._compared = -1

    def compare(self) -> None:
        """Take all sides of the free units' kinks."""
        if self._compared == len(self.free):
            return
        self._compared, point = len(self.free), self.point
        D = point.D[self.i].clone()
        D[self.free] = True
        T = torch.nonzero(D).flatten()
        M = torch.eye(len(T), dtype=point.A.dtype) - point.A.index_select(0, T).index_select(1, T)
        factors = torch.linalg.lu_factor_ex(M)[:2] if len(T) else None
        #: ‖B⁻¹‖₂ on every side, from above.
        self.gamma = 0.0  # where nothing is active, z = 0 stays where it is
        if factors is not None:
            self.gamma = point.resolvent(M, factors, on_all_sides=bool(self.free))
        self.t = torch.where(D, self.gamma, (1 + (self.gamma * point.rows).square()).sqrt()) * point.more
        #: The adjoints on the sides, their mean, how far they are from it, and their greatest norm.
        self.sides, self.u_error = torch.zeros(1, len(D), dtype=M.dtype), 0.0
        if factors is not None and self.gamma < math.inf:
            self._solve(T, M, factors, D)
        self.u = self.sides.mean(dim=0)
        off = point.more * float(row_norm(self.sides - self.u).max()) + 2 * self.u_error
        self.spread = off if self.free else 0.0
        self.norm_u = point.more * float(row_norm(self.sides).max()) + self.u_error

    def kinks(self) -> Tensor:
        """(m,) upper bounds on ‖∇_A h_r‖_F/|h_r|; zero for a free unit."""
        point, i = self.point, self.i
        size = point.more * row_norm(point.z[i : i + 1])[0] + self.gamma * point.z_defect[i]
        away = point.away(i, self.gamma)
        found = torch.where(away > 0, point.more * size * self.t / away.clamp(min=1e-300), math.inf)
        found[self.free] = 0.0
        return found

    def _solve(self, T: Tensor, M: Tensor, factors: tuple[Tensor, Tensor], D: Tensor) -> None:
        """u = B⁻ᵀv on each side, and t ≥ ‖∇_A h_r‖_F/‖z‖ for the units that are nearest to their kinks.

        t_r is ‖B⁻ᵀe_r‖ on an active unit, else √(1 + ‖B⁻ᵀa_r‖²); at first by ‖B⁻ᵀx‖ ≤ γ‖x‖. On a side without
        O, with K = M⁻ᵀE_O and Y = M⁻ᵀx, it is B⁻ᵀx = Y − K K_OO⁻¹ Y_O, which a residual then checks.
        """
        point, free = self.point, torch.tensor(self.free, dtype=torch.int64)
        steep = self.t / point.away(self.i, self.gamma).clamp(min=1e-300)
        steep[free] = 0.0
        nearest = torch.topk(steep, min(_NEAREST, len(D))).indices
        unit = (T[None, :] == torch.cat([nearest, free])[:, None]).to(M.dtype)
        x = torch.where(D[nearest, None], unit[: len(nearest)], point.A[nearest].index_select(1, T))
        x = torch.cat([point.v[T][None], x])
        y = torch.linalg.lu_solve(*factors, torch.cat([x, unit[len(nearest) :]]).T, adjoint=True).T
        Y, K = y[: len(x)], y[len(x) :]
        places = torch.searchsorted(T, free)
        sides, errors, norms = [], [], []
        for out in itertools.product((False, True), repeat=len(free)):
            out = torch.tensor(out, dtype=torch.bool)
            off, b = places[out], Y
            if len(off):
                b = Y - torch.linalg.solve(K[out][:, off].T, Y[:, off].T).T @ K[out]
                b[:, off] = 0.0
            rest, noise = x - b @ M, rounding(len(T) + FEW) * (b.abs() @ M.abs() + x.abs())
            rest[:, off], noise[:, off] = 0.0, 0.0
            size = row_norm(b)
            error = self.gamma * (row_norm(rest) + row_norm(noise) + point.more * point.A_noise * (1 + size))
            side = torch.zeros_like(point.v)
            side[T] = b[0]
            sides.append(side)
            errors.append(point.more * float(error[0]))
            norms.append(size[1:] + error[1:])
        norm = torch.stack(norms).amax(dim=0)
        exact = torch.where(D[nearest], norm, (1 + norm.square()).sqrt()) * point.more
        self.t[nearest] = torch.minimum(self.t[nearest], torch.nan_to_num(exact, nan=math.inf))
        self.sides, self.u_error = torch.stack(sides), max(errors)


class Branch(Region):
    """C20: all units but the free ones keep their side of the kink; each sample has its own resolvent."""

    def __init__(self, point: Point, samples: list[Sample]) -> None:
        def each(name: str) -> Tensor:
            return torch.tensor([getattr(sample, name) for sample in samples], dtype=torch.float64)

        _compare(samples)
        self.scale, self.gamma, self.norm_u = point.scale, each("gamma"), each("norm_u")
        self.norm_z = point.more * row_norm(point.z) + self.gamma * point.z_defect
        self.spread = each("spread")
        #: (n, m) how steeply each unit approaches its kink; the first of all comes at 1/max.
        self.kinks = torch.stack([sample.kinks() for sample in samples])
        self.kink = self.kinks.amax(dim=1)
        steepest = float((self.gamma + self.kink).max())
        self.reach = (1 - OFF) / steepest if steepest > 0 else math.inf
        self.free = sum(len(sample.free) for sample in samples)
        if self.free:
            self.reach = min(self.reach, 1 - point.monotone - OFF)
        self.known = self._enclosed(point, samples, each("u_error"))

    def bounds(self, r: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(ζ, spread, ω, δ), each (n,), at radius r on each side of free kinks; infinite from ``reach``."""
        if not r < self.reach:
            infinite = torch.full_like(self.norm_z, math.inf)
            return infinite, self.spread, infinite, infinite
        g = r * self.gamma / (1 - self.gamma * r - OFF)
        zeta, omega = g * self.norm_z, g * self.norm_u
        delta = self.scale * (omega * (self.norm_z + zeta) + self.norm_u * zeta)
        return zeta, self.spread, omega, delta

    def _enclosed(self, point: Point, samples: list[Sample], u_error: Tensor) -> Enclosure:
        """What is known at A₀ of every J whose rows are averages over the sides of the free units' kinks.

        With J⁰ the matrix of the mean rows and Π the projection on them, σ_min(J) ≥ σ_min(J⁰) − ‖Π(J − J⁰)ᵀ‖.
        The last is small, because a flip changes a row in a direction that is nearly new. For a row d of
        J − J⁰, an average itself, ‖Πd‖² = cᵀ(J⁰J⁰ᵀ)⁻¹c with c = J⁰d.
        """
        u = torch.stack([sample.u for sample in samples])
        known, inside, across = point.enclosed(self.gamma, u, u_error), 0.0, 0.0
        if not known.least > 0:
            return known
        for i, sample in enumerate(samples):
            if sample.free:
                off = sample.sides - sample.u
                c = point.scale**2 * (point.z @ point.z[i])[:, None] * (u @ off.T)
                y = torch.linalg.solve(known.gram, c)
                size, rest = (
                    row_norm(c.T),
                    row_norm((c - known.gram @ y).T) + known.gram_error * row_norm(y.T),
                )
                projected = ((c * y).sum(dim=0).abs() + size * rest / known.least**2).max().sqrt()
                # Of the states and adjoints in c, and of its sums.
                factor = self.scale**2 * self.norm_z[i] * self.norm_z
                error = factor * (2 * sample.u_error * self.norm_u + u_error * sample.spread)
                error += factor * rounding(2 * len(point.v) + FEW) * self.norm_u * sample.spread
                drift = known.z_error * self.norm_z[i] + known.z_error[i] * self.norm_z
                error += self.scale**2 * drift * self.norm_u * sample.spread
                off_c = torch.linalg.vector_norm(error)
                inside += float(projected + off_c / known.least) ** 2
                across += float(size.max() + off_c) ** 2
        self.apart = point.more * self.scale * float(torch.linalg.vector_norm(self.spread * self.norm_z))
        self.cross = 2 * point.more * (math.sqrt(across) + self.apart**2)
        return replace(
            known,
            least=max(known.least - point.more * math.sqrt(inside), 0.0),
            largest=point.more * (known.largest + self.apart),
        )


def _compare(samples: list[Sample]) -> None:
    """Each sample by one thread: blocks of m/2 units are too small for several."""
    threads = torch.get_num_threads()
    if threads == 1:
        for sample in samples:
            sample.compare()
        return
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        list(pool.map(Sample.compare, samples))


def branches(point: Point) -> Iterator[Branch]:
    """C20 at a point with no unit free, then with 1, 3, 7, … of those nearest to their kinks."""
    samples = [Sample(point, i) for i in range(len(point.z))]
    while True:
        branch = Branch(point, samples)
        yield branch
        if not (branch.free < FREE and branch.known.least > 0 and point.monotone < 1):
            return
        order = torch.argsort((branch.gamma[:, None] + branch.kinks).flatten(), descending=True)
        for place in order[: branch.free + 1].tolist():
            i, unit = divmod(place, branch.kinks.shape[1])
            if unit in samples[i].free:  # of a small network all may be
                continue
            if len(samples[i].free) == _FREE_IN_ONE:
                break
            samples[i].free.append(unit)
        if branch.free == sum(len(sample.free) for sample in samples):
            return

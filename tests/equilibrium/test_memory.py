"""C1: what a solve keeps, and what it needs while it runs, does not depend on the number of sweeps."""

from __future__ import annotations

import gc
import weakref
from collections import Counter

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import implicit_tutorial as it


class PeakBytes(TorchDispatchMode):
    """Bytes of all storages made inside the block that are alive at once, at most."""

    def __init__(self) -> None:
        super().__init__()
        self.owners: Counter[int] = Counter()
        self.bytes: dict[int, int] = {}
        self.peak = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        for x in tree_leaves(out):
            if isinstance(x, torch.Tensor):
                storage = x.untyped_storage()
                key = storage.data_ptr()
                self.owners[key] += 1
                self.bytes[key] = storage.nbytes()
                weakref.finalize(x, self.release, key)
        self.peak = max(self.peak, sum(self.bytes.values()))
        return out

    def release(self, key: int) -> None:
        self.owners[key] -= 1
        if not self.owners[key]:
            self.bytes.pop(key, None)


def saved_bytes(run) -> int:
    """Bytes of the distinct storages that autograd keeps for the backward pass of run()."""
    kept: dict[int, int] = {}

    def pack(x: torch.Tensor) -> torch.Tensor:
        kept[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        alive = run()
    del alive
    return sum(kept.values())


def unrolled(A, b, sweeps):
    z = torch.zeros_like(b)
    for _ in range(sweeps):
        z = torch.relu(z @ A.T + b)
    return z


@pytest.fixture
def problem(make):
    return make.gaussian(48, 1.0).requires_grad_(), make.injections(24, 48).requires_grad_()


def test_saved_tensors_are_the_matrix_and_the_state(problem, solver):
    A, b = problem
    m, n = 48, 24
    assert saved_bytes(lambda: it.solve(A, b, solver=solver).z) <= 8 * (m * m + n * m) + n


def test_saved_tensors_do_not_grow_with_the_sweeps(problem):
    A, b = problem
    kept, steps = [], []
    for rtol in (1e-1, 1e-13):
        steps.append(int(it.solve(A, b, solver=it.Picard(rtol=rtol)).steps.max()))
        kept.append(saved_bytes(lambda r=rtol: it.solve(A, b, solver=it.Picard(rtol=r)).z))
    assert steps[1] > 10 * steps[0]
    assert kept[0] == kept[1]
    # The counter counts: the same network written out as layers keeps a state for each.
    assert saved_bytes(lambda: unrolled(A, b, 100)) > 5 * saved_bytes(lambda: unrolled(A, b, 10))


def test_peak_of_forward_and_backward_does_not_grow_with_the_sweeps(problem):
    A, b = problem
    peaks = []
    for rtol in (1e-1, 1e-13):
        with PeakBytes() as memory:
            it.solve(A, b, solver=it.Picard(rtol=rtol)).z.sum().backward()
        peaks.append(memory.peak)
        A.grad = b.grad = None
    assert abs(peaks[1] - peaks[0]) <= 8 * b.numel(), "the peaks differ by less than one state"
    unrolled_peaks = []
    for sweeps in (10, 100):
        with PeakBytes() as memory:
            unrolled(A, b, sweeps).sum().backward()
        unrolled_peaks.append(memory.peak)
        A.grad = b.grad = None
    assert unrolled_peaks[1] > 4 * unrolled_peaks[0]


@pytest.mark.parametrize("throw", [True, False])
def test_a_dropped_solution_is_freed_without_the_garbage_collector(make, solver, throw):
    A, b = make.gaussian(12, 0.5).requires_grad_(), make.injections(3, 12)
    gc.disable()
    try:
        sol = it.solve(A, b, solver=solver, throw=throw)
        node, state = weakref.ref(sol.z.grad_fn), weakref.ref(sol.z)
        sol.z.sum().backward()
        del sol
        assert state() is None
        assert node() is None
    finally:
        gc.enable()

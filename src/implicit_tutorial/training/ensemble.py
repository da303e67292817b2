"""Many networks on one sample as one batched computation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from implicit_tutorial.equilibrium.checks import checked
from implicit_tutorial.equilibrium.status import EquilibriumError
from implicit_tutorial.network import SCALES, SIZES_AND_SCALES, EquilibriumNetwork
from implicit_tutorial.training.flow import ExponentialFlow
from implicit_tutorial.training.flows import FlowMember, Flows
from implicit_tutorial.training.history import Record, frame
from implicit_tutorial.training.method import Method
from implicit_tutorial.training.run import Run
from implicit_tutorial.training.single_sweep import SingleSweep
from implicit_tutorial.training.stopping import TrainingError, TrainingStatus, Until

if TYPE_CHECKING:
    import pandas as pd

_SIZES = tuple(name for name in SIZES_AND_SCALES if name not in SCALES)


@torch.no_grad()
@checked
def train_ensemble(
    nets: Sequence[EquilibriumNetwork],
    X: Tensor,
    y: Tensor,
    *,
    method: Method | None = None,
    layers: str | Sequence[str] = ("implicit",),
    until: Until,
    X_test: Tensor | None = None,
    y_test: Tensor | None = None,
    record: Record | None = None,
    throw: bool = True,
) -> pd.DataFrame:
    """Train networks of the same sizes, all at once: what ``train`` does to each, but faster.

    Every network keeps its own step, stops when its own loss, time or number of steps is reached,
    and fails alone. This is faster where networks are small, because a step of all of them has little
    more overhead than a step of one; wide networks (m in the thousands) are as fast one by one.

    Args:
        nets: networks of the same sizes, trained in place. For ``SingleSweep`` they differ in their seeds
            only; for ``ExponentialFlow`` also in their scales.
        X, y, method, layers, until, X_test, y_test, record: as in :func:`train`, for two methods:
            ``SingleSweep``, which with ``tolerance=1e-10`` is gradient descent with exact gradients; and
            ``ExponentialFlow``, for the implicit layer, one output, finite times, and ``steps=None``.
        throw: raise when a network fails; with ``throw=False`` look at ``history.attrs["status"]``, a list.

    Returns:
        The histories of all networks, one under the other, with a first column ``network`` (their
        place in ``nets``) and ``seed``. Sweeps are those of the whole ensemble.

    Raises:
        ValueError, TypeError: networks that differ in more than they may, a method or layers for which there
            is no ensemble, or data that :func:`train` refuses.
        TrainingError: a network failed; it carries the histories of all.
    """
    method = SingleSweep() if method is None else method
    if not isinstance(method, SingleSweep | ExponentialFlow):
        raise TypeError(
            f"method={method!r}: an ensemble is trained by SingleSweep or ExponentialFlow, not by "
            f"{type(method).__name__}; train one network at a time."
        )
    if len(nets) == 0:
        raise ValueError("nets is empty; an ensemble needs at least one network.")
    flows = isinstance(method, ExponentialFlow)
    for name in _SIZES if flows else SIZES_AND_SCALES:
        values = {getattr(net, name) for net in nets}
        if len(values) > 1:
            may = "seeds and scales" if flows else "seeds"
            raise ValueError(
                f"the networks differ in {name}: {sorted(values, key=str)}; only {may} may differ."
            )
    if flows:
        _check_flows(nets[0], method, layers)
    until.check(has_time=True, reaches_infinity=False)
    runs = [
        Run(net, X, y, method=method, layers=layers, X_test=X_test, y_test=y_test, record=record)
        for net in nets
    ]
    try:
        (_flow_together if flows else _advance_together)(runs, method, until)
    finally:
        for net in nets:
            for parameter in (net.Theta, net.W, net.v):
                parameter.data = parameter.data.clone()  # no longer a view of the ensemble's
    history = frame(
        [row for run in runs for row in run.rows],
        status=[str(run.status) for run in runs],
        message=[run.message for run in runs],
    )
    counts = [len(run.rows) for run in runs]
    history.insert(0, "seed", np.repeat([run.net.seed for run in runs], counts))
    history.insert(0, "network", np.repeat(range(len(runs)), counts))
    failed = [run for run in runs if run.status.failed]
    if failed and throw:
        message = f"{len(failed)} of {len(runs)} networks failed; the first: {failed[0].message}"
        raise TrainingError(message, failed[0].status, history)
    return history


def _check_flows(net: EquilibriumNetwork, method: ExponentialFlow, layers: str | Sequence[str]) -> None:
    """Refuse what only a single flow can do."""
    found = (layers,) if isinstance(layers, str) else tuple(layers)
    for name, value, only in (
        ("layers", found, ("implicit",)),
        ("n_outputs", net.n_outputs, None),
        ("method.steps", method.steps, None),
    ):
        if value != only:
            raise ValueError(
                f"{name} is {value!r}, but an ensemble of flows needs {only!r}; train one network at a time."
            )


def _flow_together(runs: list[Run], method: ExponentialFlow, until: Until) -> None:
    flows = Flows([run.problem for run in runs], method)
    for s, run in enumerate(runs):
        run.watch(until)
        run.begin(FlowMember(flows, s))
    active = [s for s, run in enumerate(runs) if not run.finished(until)]
    while active:
        taken = flows.advance(active, [runs[s].remaining(until) for s in active])
        for s, yes in zip(tuple(active), taken, strict=True):
            run = runs[s]
            if yes:
                run.after_step()
                if not run.finished(until):
                    continue
                run.end()
            elif flows.lost(s):
                run.fail(TrainingStatus.LEFT_WELL_POSED, flows.cause(s))
            else:
                continue
            active.remove(s)


def _advance_together(runs: list[Run], method: SingleSweep, until: Until) -> None:
    members = method.start_together([run.problem for run in runs])
    sweeper = members[0].sweeper
    for run, member in zip(runs, members, strict=True):
        run.watch(until)
        run.begin(member)
    active = [i for i, run in enumerate(runs) if not run.finished(until)]
    step, goal = 0, -math.inf if until.loss is None else until.loss
    eta: list[float] = []
    settled, uncounted = False, 0

    def uneventful(i: int, losses: list[float]) -> bool:
        return sweeper.alive[i] and goal < losses[i] <= runs[i].largest_loss

    while active:
        if not settled:
            eta = [0.0] * len(runs)
            for i in active:
                eta[i] = min(members[i].eta, runs[i].remaining(until) / method.fused)
            steps = torch.tensor(eta, dtype=sweeper.b.dtype, device=sweeper.b.device)
        lags = sweeper.step(steps)
        losses = sweeper.losses()
        step += 1
        uncounted += 1
        # On most steps nothing happens to any network; they are counted together, because Python is slow.
        eventful = runs[0].record.due(step) or step == until.steps
        if settled and not eventful and all(uneventful(i, losses) for i in active):
            continue
        still = []
        for i in active:
            run, member = runs[i], members[i]
            member.time += uncounted * eta[i] * method.fused
            member.residual = lags[i]
            run.step += uncounted - 1
            if not eventful and uneventful(i, losses) and (until.time is None or member.time < until.time):
                run.step += 1
                still.append(i)
                continue
            try:
                member.check()
                run.after_step()
            except EquilibriumError as error:
                run.fail(TrainingStatus.LEFT_WELL_POSED, str(error))
                continue
            if run.finished(until):
                run.end()
            else:
                still.append(i)
        uncounted = 0
        # Steps stay as they are until a network stops, or has to end at a given time.
        settled = until.time is None and len(still) == len(active)
        active = still

"""A run: a method advancing a network through its training, recorded, interruptible, resumable."""

from __future__ import annotations

import hashlib
import math
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import is_dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from tqdm import tqdm

from implicit_tutorial.equilibrium.certificates import certify
from implicit_tutorial.equilibrium.checks import check_tensor, checked
from implicit_tutorial.equilibrium.spectra import NormEstimate
from implicit_tutorial.equilibrium.status import EquilibriumError, Portable
from implicit_tutorial.network import SIZES_AND_SCALES, EquilibriumNetwork
from implicit_tutorial.training.descent import GradientDescent
from implicit_tutorial.training.history import Record, frame
from implicit_tutorial.training.least_squares import LeastSquares, TestSample, half_square
from implicit_tutorial.training.method import Method, Stepper
from implicit_tutorial.training.prover import Prover
from implicit_tutorial.training.stopping import TrainingError, TrainingStatus, Until

if TYPE_CHECKING:
    import pandas as pd

#: A loss that has grown by this factor ends the run.
_EXPLOSION = 1e8


class TrainingInterrupted(Portable, KeyboardInterrupt):
    """Ctrl-C, held back to the end of the step; ``run.advance(until)`` goes on from there."""

    def __init__(self, run: Run) -> None:
        super().__init__(f"training interrupted after step {run.step}; go on with .run.advance(until)")
        self.run = run


@checked
def train(
    net: EquilibriumNetwork,
    X: Tensor,
    y: Tensor,
    *,
    method: Method | None = None,
    layers: str | Sequence[str] = ("implicit",),
    until: Until,
    X_test: Tensor | None = None,
    y_test: Tensor | None = None,
    record: Record | None = None,
    progress: bool = False,
    throw: bool = True,
) -> pd.DataFrame:
    """Minimise L = ½ Σ (f(x_i) − y_i)² over the chosen layers, in place, and return the history.

    Args:
        net: the network, changed in place.
        X: (n, d) inputs. y: (n,) labels, or (n, k) for k outputs.
        method: ``GradientDescent()`` by default; or ``SingleSweep``, ``ExponentialFlow``, ``GaussNewton``,
            ``Optimizer``, ``ReferenceFlow``.
        layers: any of ``"implicit"`` (Θ), ``"output"`` (v), ``"input"`` (W); Θ alone by default.
        until: when to stop.
        X_test, y_test: a test sample for the column ``test_error``.
        record: which rows to write, and which of the columns that take time.
        progress: show a bar.
        throw: raise when training fails. With ``throw=False`` look at ``history.attrs["status"]``.

    Returns:
        A frame with a row for each recorded step, the first before any training: ``time`` t of the
        gradient flow (NaN for an ``Optimizer``), ``step``, ``train_loss`` L, ``test_error`` the
        mean of (f − y)² over the test sample (summed over outputs), ``movement`` ‖A − A₀‖_F,
        ``norm_A`` ‖A‖₂, ``lambda_min`` of the trained layers' tangent kernel K (C9),
        ``forward_sweeps`` and ``adjoint_sweeps`` since the start of training, ``residual``, the
        largest relative residual of an equilibrium, and ``certified``, whether the flow from there is
        proved to converge (C12, C20; NaN where it is not asked). Its ``attrs`` hold status and message.

    Raises:
        ValueError, TypeError: wrong shapes, dtypes, names, or non-finite data, by name.
        TrainingError: training left the region where an equilibrium can be found, or the loss exploded;
            it carries the history, and the network is left where that happened.
        TrainingInterrupted: Ctrl-C; carries a run that can go on.
    """
    test = {"X_test": X_test, "y_test": y_test}
    run = Run(net, X, y, method=method, layers=layers, **test, record=record, progress=progress)
    return run.advance(until, throw=throw)


class Run:
    """Training that can be stopped and taken up again: ``train`` is ``Run(…).advance(until)``.

    ``state_dict()`` and ``load_state_dict()`` hold everything: a run that is saved, loaded into a
    run made with the same arguments, and continued, takes the same steps to the last bit as one
    that never stopped.
    """

    @checked
    def __init__(
        self,
        net: EquilibriumNetwork,
        X: Tensor,
        y: Tensor,
        *,
        method: Method | None = None,
        layers: str | Sequence[str] = ("implicit",),
        X_test: Tensor | None = None,
        y_test: Tensor | None = None,
        record: Record | None = None,
        progress: bool = False,
    ) -> None:
        self.method = GradientDescent() if method is None else method
        self.problem = LeastSquares(net, X, y, layers)
        self.net, self.progress = net, progress
        if record is None:
            record = Record(every=1) if self.method.every_step else Record()
        self.record = record
        self.spectrum = self.problem.target.numel() <= 256 if record.spectrum is None else record.spectrum
        if self.problem.constrained:
            self.spectrum = False  # C9 is the kernel of a free Θ
        if (X_test is None) != (y_test is None):
            raise ValueError("give X_test and y_test together, or neither.")
        self._test = None if X_test is None else TestSample(net, X_test, y_test)
        self._norm = NormEstimate()
        self._prover: Prover | None = None
        self._initial_Theta = None
        if record.movement and "implicit" in self.problem.layers:
            self._initial_Theta = net.Theta.detach().clone()
        self.step = 0
        #: What ``history`` shows: a tuple for each recorded step.
        self.rows: list[tuple[float, ...]] = []
        self.status, self.message = TrainingStatus.RUNNING, "not started"
        self.stepper: Stepper | None = None
        self.largest_loss = math.inf

    @property
    def history(self) -> pd.DataFrame:
        """What has been recorded so far; see :func:`train`."""
        return frame(self.rows, status=str(self.status), message=self.message)

    @torch.no_grad()
    @checked
    def advance(self, until: Until, *, throw: bool = True) -> pd.DataFrame:
        """Go on until ``until`` says so, and return the whole history; raises as :func:`train` does."""
        if self.status.failed:
            raise ValueError(f"this run has failed ({self.message}) and cannot go on; start a new one.")
        check_tensor("X", self.problem.X)
        until.check(has_time=self.method.has_time, reaches_infinity=self.method.reaches_infinity)
        self.watch(until)
        self.status = TrainingStatus.RUNNING
        try:
            if self.stepper is None:
                self._refresh()  # the network may have changed since this run was made
                self.begin(self.method.start(self.problem))
            self._loop(until)
        except EquilibriumError as error:
            self.fail(TrainingStatus.LEFT_WELL_POSED, str(error))
        if self.status.failed and throw:
            raise TrainingError(self.message, self.status, self.history)
        return self.history

    def watch(self, until: Until) -> None:
        """Ask in each row from now on whether the end is proved, if someone wants to know."""
        wanted = until.certified or self.record.certified
        self._prover = (self._prover or Prover(self.problem)) if wanted else None
        if self.rows and self.rows[-1][1] == self.step and math.isnan(self.rows[-1][-1]):
            self.rows[-1] = (*self.rows[-1][:-1], self._proved())

    def _loop(self, until: Until) -> None:
        options = {"total": until.steps, "initial": self.step, "disable": not self.progress}
        bar = tqdm(**options, desc="training", unit="step")
        with _deferred_interrupt() as interrupted, bar:
            while not self.finished(until):
                self.stepper.advance(self.remaining(until))
                self.after_step()
                bar.update(1)
                bar.set_postfix_str(f"loss {self.rows[-1][2]:.3g}", refresh=False)
                if interrupted.is_set():
                    raise TrainingInterrupted(self)
        self.end()

    def begin(self, stepper: Stepper) -> None:
        """Take a stepper at the network's present parameters, and record them."""
        self.stepper = stepper
        if not self.rows:
            self._write()
        self._limit_loss()

    def remaining(self, until: Until) -> float:
        return math.inf if until.time is None else until.time - self.stepper.time

    def after_step(self) -> None:
        """Count the step that the stepper has just made, and record it when it is due."""
        self.step += 1
        if not self._exploded() and self.record.due(self.step):
            self._write()

    def end(self) -> None:
        """Record where a run stops."""
        if self.rows[-1][1] != self.step and not self.status.failed:
            self._write()

    def finished(self, until: Until) -> bool:
        """Whether the run must stop here, and its status then."""
        loss = self.stepper.loss()
        if self._exploded():
            pass
        elif loss is not None and until.loss is not None and loss <= until.loss:
            self.status = TrainingStatus.LOSS_REACHED
        elif self.stepper.time >= (math.inf if until.time is None else until.time):
            self.status = TrainingStatus.TIME_REACHED
        elif until.certified and self.rows[-1][1] == self.step and self.rows[-1][-1] == 1:
            self.status = TrainingStatus.CERTIFIED
        elif until.steps is not None and self.step >= until.steps:
            self.status = TrainingStatus.STEPS_DONE
        elif self.stepper.settled:
            self.status = TrainingStatus.SETTLED
        else:
            return False
        if not self.status.failed:
            self.message = f"{self.status} at step {self.step}"
        return True

    def _limit_loss(self) -> None:
        """The loss above which the run ends."""
        self.largest_loss = _EXPLOSION * max(self.rows[0][2], half_square(self.problem.target))

    def _exploded(self) -> bool:
        """Whether the loss is above its limit; NaN is."""
        if self.status.failed:
            return True
        loss = self.stepper.loss()
        if loss is None or loss <= self.largest_loss:
            return False
        self.fail(
            TrainingStatus.UNSTABLE,
            f"the loss has grown to {loss:.3g}. Likely cause: a step above the stability limit 2/λ_max(K) of "
            "the kernel as it is by now. What to change: a shorter step, or one chosen automatically",
        )
        return True

    def _write(self) -> None:
        s, net = self.stepper, self.net
        loss = s.evaluate()
        test_error = math.nan if self._test is None else self._test.error()
        movement = 0.0 if "implicit" not in self.problem.layers else math.nan
        if self._initial_Theta is not None:
            moved = torch.dist(net.Theta, self._initial_Theta)
            movement = float(moved) * net.implicit_scale / math.sqrt(net.width)
        norm = self._norm(net.A) if self.record.norm else math.nan
        smallest = float(torch.linalg.eigvalsh(s.kernel())[0]) if self.spectrum else math.nan
        row = (s.time, self.step, loss, test_error, movement, norm, smallest)
        self.rows.append((*row, s.forward_sweeps, s.adjoint_sweeps, s.residual, self._proved()))

    def _proved(self) -> float:
        return math.nan if self._prover is None else float(self._prover(self.stepper.z))

    def fail(self, status: TrainingStatus, cause: str) -> None:
        """End the run with the conditions of C5 that its matrix has lost."""
        self.status = status
        where = f"training failed at step {self.step + 1}: {status}. "
        conditions = ""
        if bool(torch.isfinite(self.net.Theta).all()):
            certificate = certify(self.net.A, conditions=("spectral_norm", "monotone"))
            lost = [f"{c.formula} ({c.value:.3f})" for c in certificate.conditions if not c.holds]
            kept = [f"{c.formula} ({c.value:.3f})" for c in certificate.conditions if c.holds]
            conditions = (
                f" Conditions lost there: {', '.join(lost) or 'none'}; kept: {', '.join(kept) or 'none'}."
            )
        self.message = f"{where}{cause.rstrip('.')}.{conditions}"

    def state_dict(self) -> dict[str, Any]:
        """Everything that the run has changed, as tensors, numbers and lists, for ``torch.save``."""
        return {
            "made_with": self._made_with(),
            "net": {name: value.clone() for name, value in self.net.state_dict().items()},
            "stepper": None if self.stepper is None else self.stepper.state_dict(),
            "initial_Theta": self._initial_Theta,
            "test_start": None if self._test is None else self._test.start,
            "norm_vector": self._norm.vector,
            "step": self.step,
            "rows": list(self.rows),
            "status": str(self.status),
            "message": self.message,
        }

    @checked
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go back to a saved state; this run must have been made with the same arguments, but for the seed.

        Raises:
            ValueError: the state is that of another network, method or sample, by name; nothing is loaded.
        """
        if missing := self.state_dict().keys() - {"made_with"} - state.keys():
            raise ValueError(
                f"state is not that of a run: it lacks {sorted(missing)}; pass run.state_dict()."
            )
        mine = self._made_with()
        for name, saved in state.get("made_with", mine).items():
            if saved != mine[name]:
                values = f"{saved} there, {mine[name]} here" if name not in _SAMPLES else "other values"
                raise ValueError(
                    f"this state is of a run with another {name}: {values}. Load it into a run made with the "
                    "same arguments."
                )
        self.net.load_state_dict(state["net"])
        self._refresh()
        self.stepper, failed = None, TrainingStatus(state["status"]).failed
        if state["stepper"] is not None and not failed:
            with torch.no_grad():
                self.stepper = self.method.start(self.problem)
            # Starting evaluates, and a method may touch the network then: load its parameters again.
            self.net.load_state_dict(state["net"])
            self.stepper.load_state_dict(state["stepper"])
        self._initial_Theta = state["initial_Theta"]
        if self._test is not None:
            self._test.start = state["test_start"]
        self._norm.vector = state["norm_vector"]
        self.step, self.rows = state["step"], [tuple(row) for row in state["rows"]]
        self.status, self.message = TrainingStatus(state["status"]), state["message"]
        if self.rows:
            self._limit_loss()

    def __reduce__(self) -> tuple:
        # A stepper shares memory with the network, which a pickle of both would tear apart.
        options = {"method": self.method, "layers": self.problem.layers, "record": self.record}
        if self._test is not None:
            options |= {"X_test": self._test.X, "y_test": self._test.y}
        return _restored, (self.net, self.problem.X, self.problem.y, options, self.state_dict())

    def _refresh(self) -> None:
        self.problem.refresh()
        if self._test is not None:
            self._test.refresh()

    def _made_with(self) -> dict[str, Any]:
        """What two runs must share so that one can go on where the other stopped, by name."""
        net, problem, test, method = self.net, self.problem, self._test, self.method
        return {
            **{name: getattr(net, name) for name in (*SIZES_AND_SCALES, "centered")},
            "dtype": str(net.W.dtype),
            "layers": list(problem.layers),
            "method": repr(method) if is_dataclass(method) else type(method).__qualname__,
            "X": _digest(problem.X),
            "y": _digest(problem.y),
            "X_test": None if test is None else _digest(test.X),
            "y_test": None if test is None else _digest(test.y),
        }


def _restored(net: EquilibriumNetwork, X: Tensor, y: Tensor, options: dict, state: dict) -> Run:
    run = Run(net, X, y, **options)
    run.load_state_dict(state)
    return run


#: What of a run is compared by its digest.
_SAMPLES = ("X", "y", "X_test", "y_test")


def _digest(x: Tensor) -> str:
    return hashlib.sha256(x.detach().cpu().contiguous().numpy().tobytes()).hexdigest()


@contextmanager
def _deferred_interrupt() -> Iterator[threading.Event]:
    """Hold Ctrl-C back until the step is complete; a second one is not held back."""
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield pressed
        return
    previous = signal.getsignal(signal.SIGINT)

    def handle(number: int, stack: Any) -> None:
        pressed.set()
        signal.signal(signal.SIGINT, previous)

    signal.signal(signal.SIGINT, handle)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, previous)

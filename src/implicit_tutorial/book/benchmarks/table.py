"""The benchmarks beside their targets, as a table of the run that ``make bench`` stored."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

from implicit_tutorial.book.study import FOLDER
from implicit_tutorial.prose import powers

Row = Mapping[str, Any]

PATH = FOLDER / "benchmarks.json"
#: Everything is trained on so many inputs.
SAMPLES = 64


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """One of them: a ratio of measurements, or a frame's time, and what it should not exceed, or reach."""

    name: str
    title: str
    target: float
    at_most: bool
    case: Callable[[Row], str]
    """What tells its rows apart."""
    accuracy: str
    """What the accuracy beside the value is."""
    tolerance: float | None = None
    """The accuracy at which the speed counts; None where it is only reported."""
    at_width: Mapping[int, float] = field(default_factory=dict)
    """Other targets of some widths; infinite where a figure is only said."""

    def aim(self, row: Row) -> float:
        """The target of a row."""
        return self.at_width.get(row.get("width"), self.target)

    def goal(self, row: Row) -> str:
        """The target of a row in print."""
        target = self.aim(row)
        return f"{'≤' if self.at_most else '≥'} {target:.3g}" if math.isfinite(target) else "–"

    def met(self, row: Row) -> bool:
        """Whether the value reaches the target at an accuracy that counts."""
        enough = row["value"] <= self.aim(row) if self.at_most else row["value"] >= self.aim(row)
        return enough and (self.tolerance is None or row["accuracy"] <= self.tolerance)

    def mark(self, row: Row) -> str:
        """Reached or missed, in one sign; nothing where there is no target."""
        return ("✓" if self.met(row) else "✗") if math.isfinite(self.aim(row)) else ""

    def missed_by(self, row: Row) -> float:
        """How much is missing, as a fraction of the target; negative where there is some to spare."""
        gap = row["value"] / self.aim(row) - 1
        return gap if self.at_most else -gap


def _sweeps(row: Row) -> str:
    return f"m = {row['width']}, fused={row['fused']}"


_CURVE = "loss after 100 steps against converged descent"

#: All of them in the order of the table.
BENCHMARKS: dict[str, Benchmark] = {
    b.name: b
    for b in (
        Benchmark(
            name="explicit",
            title="SingleSweep step ÷ one explicit hidden layer's step with autograd",
            target=1.0,
            at_most=True,
            case=_sweeps,
            accuracy=_CURVE,
            tolerance=0.01,
        ),
        Benchmark(
            name="torchdeq",
            title="torchdeq step ÷ SingleSweep step",
            target=20,
            at_most=False,
            case=_sweeps,
            accuracy=_CURVE,
            tolerance=0.01,
        ),
        Benchmark(
            name="unrolled",
            title="unrolled 20-layer autograd step ÷ SingleSweep step",
            target=15,
            at_most=False,
            case=_sweeps,
            accuracy=_CURVE,
            tolerance=0.01,
        ),
        Benchmark(
            name="flow",
            title="torchdeq with descent at 1/λ_max to t = 8/λ_min ÷ ExponentialFlow to the same t",
            target=30,
            at_most=False,
            case=lambda row: f"m = {row['width']}",
            accuracy="predictor against a small-step reference",
            tolerance=0.01,
        ),
        Benchmark(
            name="memory",
            title="peak memory of training ÷ (A + its update + ten n×m arrays)",
            target=1.3,
            at_most=True,
            case=lambda row: f"{row['method']}, {row['sweeps']} sweeps",
            accuracy="relative residual of the equilibria",
        ),
        Benchmark(
            name="flow memory",
            title="peak memory of three steps of ExponentialFlow ÷ three n×n arrays",
            target=1.0,
            at_most=True,
            case=lambda row: f"n = {row['n_samples']}, m = {row['width']}, float64",
            accuracy="relative residual of the equilibria",
        ),
        Benchmark(
            name="ensemble",
            title="ensemble of 16 seeds at m = 64 ÷ 16 single runs",
            target=1 / 3,
            at_most=True,
            case=lambda row: f"m = {row['width']}, {row['seeds']} seeds",
            accuracy="largest distance of an output from the single run's, relative to the labels",
            tolerance=0.01,
        ),
        Benchmark(
            name="batch",
            title="SingleSweep step of many networks ÷ its three batched products",
            target=1.1,
            at_most=True,
            case=lambda row: f"m = {row['width']}, {row['seeds']} seeds",
            accuracy="largest lag of a network's states, relative to their norm",
        ),
        Benchmark(
            name="flows",
            title="ExponentialFlow of 16 networks of four scales at once ÷ one after the other",
            target=0.25,
            at_most=True,
            case=lambda row: f"m = {row['width']}, n = {row['n_samples']}, {row['seeds']} networks",
            accuracy="largest distance of an output from the single run's, relative to the labels",
            tolerance=0.05,
        ),
        Benchmark(
            name="exponent",
            title="exponent of a SingleSweep step's time in m",
            target=2.1,
            at_most=True,
            case=lambda row: "m = 256 … 8192",
            accuracy="largest distance of a time from the power law",
        ),
        Benchmark(
            name="page",
            title="a training step in the page, n = 32, ÷ the same in numpy",
            target=4,
            at_width={512: 5},
            at_most=True,
            case=lambda row: f"m = {row['width']}",
            accuracy="A after ten steps, beside torch",
            tolerance=1e-10,
        ),
        Benchmark(
            name="frame",
            title="from a dragged point to its frame in a page of the book, in milliseconds",
            target=16,
            at_most=True,
            case=lambda row: row["figure"],
            accuracy="95th percentile, in milliseconds",
            tolerance=50,
        ),
        Benchmark(
            name="spectrum",
            title="from a slider to the frame of a spectrum, in milliseconds",
            target=50,
            at_most=True,
            case=lambda row: row["figure"],
            accuracy="95th percentile, in milliseconds",
        ),
        Benchmark(
            name="floor",
            title="SingleSweep step ÷ its three products",
            target=1.08,
            at_width={64: math.inf, 128: 1.6, 256: 1.2},
            at_most=True,
            case=lambda row: f"m = {row['width']}",
            accuracy="lag of the states, relative to their norm",
        ),
        Benchmark(
            name="labels",
            title="ExponentialFlow to loss 6 by products with its kernels ÷ by their eigenvectors",
            target=0.5,
            at_most=True,
            case=lambda row: f"n = {row['n_samples']}, m = {row['width']}",
            accuracy="last loss of the one against the other's",
            tolerance=0.01,
        ),
        Benchmark(
            name="limit",
            title="kernels at infinite width ÷ (1.5 products of size n·n·d + 40 elementwise passes)",
            target=1.0,
            at_most=True,
            case=lambda row: f"n = {row['n_samples']}",
            accuracy="largest distance of Π from that in float64",
            tolerance=1e-5,
        ),
        Benchmark(
            name="certify",
            title="certify ÷ scipy's svds, eigsh and eigs for the same numbers, not verified",
            target=0.5,
            at_most=True,
            case=lambda row: f"m = {row['width']}, float64",
            accuracy="distance of ‖A‖₂ and of the monotone constant",
            tolerance=1e-4,
        ),
        Benchmark(
            name="prove",
            title="convergence_certificate ÷ its numbers by scipy or LAPACK, not verified",
            target=0.5,
            at_most=True,
            case=lambda row: f"n = {row['n_samples']}, m = {row['width']}, float64",
            accuracy="distance of ‖A‖₂ and of σ_min(J)",
            tolerance=1e-4,
        ),
        Benchmark(
            name="import",
            title="import of implicit_tutorial ÷ import of torch",
            target=1.15,
            at_most=True,
            case=lambda row: "processor time",
            accuracy="largest distance of a repeat from the median",
        ),
    )
}


@dataclass(frozen=True)
class Table:
    """The stored rows beside their targets; shown as a table on the page and in a terminal."""

    run: Mapping[str, Any]

    @property
    def devices(self) -> list[str]:
        """The devices that the run measured, the CPU first."""
        return sorted({row["device"] for rows in self.run["rows"].values() for row in rows})

    def measured(self, name: str, device: str = "cpu") -> list[dict[str, Any]]:
        """The stored rows of a benchmark on a device."""
        return [row for row in self.run["rows"].get(name, []) if row["device"] == device]

    def rows(self, name: str, device: str = "cpu") -> list[dict[str, Any]]:
        """The rows of a benchmark as the table shows them; the exponent, shared by its rows, once."""
        rows = self.measured(name, device)
        if name == "exponent" and rows:
            return [rows[0] | {"accuracy": max(row["accuracy"] for row in rows)}]
        return rows

    def row(self, name: str, **case: Any) -> dict[str, Any]:
        """The first row of a benchmark on the CPU with these entries."""
        rows = (row for row in self.rows(name) if case.items() <= row.items())
        return next(rows)

    def missed(self) -> list[tuple[Benchmark, dict[str, Any]]]:
        """Every row, on whatever device, that does not reach its target."""
        return [
            (benchmark, row)
            for name, benchmark in BENCHMARKS.items()
            for device in self.devices
            for row in self.rows(name, device)
            if not benchmark.met(row)
        ]

    @property
    def circumstances(self) -> str:
        """Machine, versions, and threads in a sentence."""
        versions, machine = self.run["versions"], self.run["machine"]
        gpu = f", {machine['gpu']}" if machine["gpu"] else ""
        return (
            f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, "
            f"{machine['kernels']}{gpu}; torch {versions['torch']}, threads: {self.run['threads']}; "
            f"torchdeq {versions['torchdeq']}, numpy {versions['numpy']}, Python {versions['python']}"
        )

    def _lines(self) -> list[tuple[Benchmark, str, dict[str, dict[str, Any]]]]:
        """A line for each case of a benchmark: its row on each device."""
        lines = []
        for name, benchmark in BENCHMARKS.items():
            cases: dict[str, dict[str, Any]] = {}
            for device in self.devices:
                for row in self.rows(name, device):
                    cases.setdefault(benchmark.case(row), {})[device] = row
            lines += [(benchmark, case, found) for case, found in cases.items()]
        return lines

    def __repr__(self) -> str:
        text, title = [self.circumstances], None
        for benchmark, case, found in self._lines():
            if benchmark.title != title:
                title = benchmark.title
                text.append(f"\n{title}   [accuracy: {benchmark.accuracy}]")
            shown = "   ".join(
                f"{device} {powers(row['value'], 3):>7s} {benchmark.mark(row):1s} ({powers(row['accuracy'])})"
                for device, row in found.items()
            )
            goal = benchmark.goal(next(iter(found.values())))
            text.append(f"  {case:34s} {goal:8s} {shown}")
        missing = [b.title for name, b in BENCHMARKS.items() if name not in self.run["rows"]]
        return "\n".join([*text, *(f"\n{title}: not measured in this run" for title in missing)])

    def _repr_html_(self) -> str:
        head = "".join(
            f'<th scope="col">{label}</th><th scope="col">Accuracy</th>'
            for label in ({"cpu": "CPU", "cuda": "GPU"}[device] for device in self.devices)
        )
        body, title = [], None
        for benchmark, case, found in self._lines():
            if benchmark.title != title:
                title = benchmark.title
                body.append(
                    f'<tr><th scope="rowgroup" colspan="{2 + 2 * len(self.devices)}">{escape(title)}'
                    f"<br><small>accuracy: {escape(benchmark.accuracy)}</small></th></tr>"
                )
            cells = "".join(_cells(benchmark, found.get(device)) for device in self.devices)
            goal = benchmark.goal(next(iter(found.values())))
            body.append(f'<tr><th scope="row">{escape(case)}</th><td>{goal}</td>{cells}</tr>')
        return (
            f'<table class="it-ledger it-benchmarks">\n<caption>{escape(self.circumstances)}.</caption>\n'
            f'<thead><tr><th scope="col">Case</th><th scope="col">Target</th>{head}</tr></thead>\n'
            f"<tbody>\n{chr(10).join(body)}\n</tbody>\n</table>"
        )


def _cells(benchmark: Benchmark, row: Row | None) -> str:
    if row is None:
        return "<td></td><td></td>"
    mark, label = benchmark.mark(row), "reached" if benchmark.met(row) else "missed"
    shown = f' <span role="img" aria-label="{label}">{mark}</span>' if mark else ""
    return f"<td>{powers(row['value'], 3)}{shown}</td><td>{powers(row['accuracy'])}</td>"


def table() -> Table:
    """The stored run."""
    return Table(json.loads(PATH.read_text(encoding="utf-8")))

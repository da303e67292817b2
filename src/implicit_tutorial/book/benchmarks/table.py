"""The benchmarks beside their targets, as a table of the run that ``make bench`` stored."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from implicit_tutorial.book.study import FOLDER

Row = Mapping[str, Any]

PATH = FOLDER / "benchmarks.json"
#: Everything is trained on so many inputs.
SAMPLES = 64


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """One of them: a ratio of measurements, and the value that it should not exceed, or should reach."""

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

    @property
    def goal(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {self.target:.3g}"

    def met(self, row: Row) -> bool:
        """Whether the value reaches the target at an accuracy that counts."""
        enough = row["value"] <= self.target if self.at_most else row["value"] >= self.target
        return enough and (self.tolerance is None or row["accuracy"] <= self.tolerance)

    def missed_by(self, row: Row) -> float:
        """How much is missing, as a fraction of the target; negative where there is some to spare."""
        gap = row["value"] / self.target - 1
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
            name="ensemble",
            title="ensemble of 16 seeds at m = 64 ÷ 16 single runs",
            target=1 / 3,
            at_most=True,
            case=lambda row: f"m = {row['width']}, {row['seeds']} seeds",
            accuracy="largest distance of a loss from the single run's",
            tolerance=0.01,
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
            at_most=True,
            case=lambda row: f"m = {row['width']}",
            accuracy="A after ten steps in float64, beside torch",
            tolerance=1e-10,
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
                text.append(f"\n{title}: {benchmark.goal}   [accuracy: {benchmark.accuracy}]")
            shown = "   ".join(
                f"{device} {row['value']:7.3g} {'✓' if benchmark.met(row) else '✗'} ({row['accuracy']:.2g})"
                for device, row in found.items()
            )
            text.append(f"  {case:34s} {shown}")
        return "\n".join(text)

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
            body.append(f'<tr><th scope="row">{escape(case)}</th><td>{benchmark.goal}</td>{cells}</tr>')
        return (
            f'<table class="it-ledger it-benchmarks">\n<caption>{escape(self.circumstances)}.</caption>\n'
            f'<thead><tr><th scope="col">Case</th><th scope="col">Target</th>{head}</tr></thead>\n'
            f"<tbody>\n{chr(10).join(body)}\n</tbody>\n</table>"
        )


def _cells(benchmark: Benchmark, row: Row | None) -> str:
    if row is None:
        return "<td></td><td></td>"
    met = benchmark.met(row)
    mark = f'<span role="img" aria-label="{"reached" if met else "missed"}">{"✓" if met else "✗"}</span>'
    return f"<td>{row['value']:.3g} {mark}</td><td>{row['accuracy']:.2g}</td>"


def table() -> Table:
    """The stored run."""
    return Table(json.loads(PATH.read_text(encoding="utf-8")))

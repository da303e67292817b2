"""What a step of each method costs above the least that any could cost."""

from __future__ import annotations

from implicit_tutorial.book.benchmarks.table import SAMPLES, table
from implicit_tutorial.book.evidence import measured
from implicit_tutorial.explorer import Figure, explorer, style


@explorer("above-the-floor")
def above_the_floor() -> Figure:
    """Time of a step of each method in units of the floor, three products of size n·m·m."""
    run = table()
    floor = {row["width"]: row["floor_seconds"] for row in run.measured("exponent")}
    times = {
        label: {row["width"]: row["peer_seconds"] for row in run.measured(name)}
        for name, label in (
            ("explicit", "explicit layer"),
            ("unrolled", "20 layers"),
            ("torchdeq", "torchdeq"),
        )
    }
    for row in run.measured("explicit"):
        label = "SingleSweep" if row["fused"] == 1 else f"{row['fused']} fused"
        times.setdefault(label, {})[row["width"]] = row["seconds"]
    widths = sorted(times["SingleSweep"])
    logs = {"x_log": True, "x_range": (220, 2400), "x_ticks": widths, "y_log": True}
    fig = style.figure(x_title="width m", y_title="time of a step ÷ three products", **logs, height=380)
    for (label, found), k in zip(times.items(), (3, 4, 1, 0, 2), strict=True):
        y = [found[m] / floor[m] for m in widths]
        look = style.points(label, style.SERIES[k]) | {"mode": "lines+markers"}
        fig.add_scatter(x=widths, y=y, **look)
    fig.add_scatter(x=[220, 2400], y=[1, 1], **style.guide("the floor"))
    fig.update_yaxes(dtick=1)
    return Figure(
        fig,
        tag=measured(width=widths, seeds=1, samples=SAMPLES),
        caption=(
            "A gradient step of each method in units of three products of size $n \\cdot m \\cdot m$. Notice "
            "that fused steps go below the floor: they share one update and one pair of sweeps between two "
            "gradient steps."
        ),
        alt=(
            "Step time over three bare products, logarithmic, against width. Unrolling and torchdeq lie ten "
            "to a hundred times above one, SingleSweep just above one, and SingleSweep with two fused steps "
            "below."
        ),
    )

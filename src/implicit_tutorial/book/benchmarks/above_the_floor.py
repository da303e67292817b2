"""What a step of each method costs above the least that any could cost."""

from __future__ import annotations

from implicit_tutorial.book.benchmarks.table import SAMPLES, table
from implicit_tutorial.book.evidence import measured
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Figure, explorer, style


@explorer("above-the-floor")
def above_the_floor() -> Figure:
    """Time of a step of each method in units of the floor, three products of size n·m·m."""
    run = table()
    floor, sweep = (
        {row["width"]: row[key] for row in run.measured("exponent")} for key in ("floor_seconds", "seconds")
    )
    times = {
        label: {row["width"]: row["peer_seconds"] for row in run.measured(name)}
        for name, label in (
            ("explicit", "explicit layer"),
            ("unrolled", "20 layers"),
            ("torchdeq", "torchdeq"),
        )
    }
    fused = {row["width"]: row["seconds"] for row in run.measured("explicit") if row["fused"] == 2}
    widths = sorted(fused)
    # The times and the floor of the figure before, which were measured in turn.
    times |= {"SingleSweep": {m: sweep[m] for m in widths}, "2 fused": fused}
    logs = {"x_log": True, "x_range": (220, 2400), "x_ticks": widths, "y_log": True}
    fig = style.figure(x_title="width m", y_title="time of a step ÷ three products", **logs, height=380)
    ratios = {label: [found[m] / floor[m] for m in widths] for label, found in times.items()}
    for (label, y), k in zip(ratios.items(), (3, 4, 1, 0, 2), strict=True):
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
        alt="Step time over three bare products, logarithmic, against width. "
        + says(
            "Unrolling and torchdeq lie more than ten times above one. SingleSweep comes down to it as the "
            "width grows, and with two fused steps lies below.",
            min(min(ratios["torchdeq"]), min(ratios["20 layers"])) > 10
            and ratios["SingleSweep"] == sorted(ratios["SingleSweep"], reverse=True)
            and 1 < ratios["SingleSweep"][-1] < 1.1
            and max(ratios["2 fused"]) < 1,
        ),
    )

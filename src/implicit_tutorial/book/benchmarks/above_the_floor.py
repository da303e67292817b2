"""What a step of each method costs above the least that any could cost."""

from __future__ import annotations

from implicit_tutorial.book.benchmarks.table import SAMPLES, table
from implicit_tutorial.book.evidence import measured
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Figure, explorer, style


@explorer("above-the-floor")
def above_the_floor() -> Figure:
    """Time of a step of each method in units of a step of `SingleSweep`, from the ratios of the table."""
    run = table()

    def ratio(name: str, fused: int = 1) -> dict[int, float]:
        return {row["width"]: row["value"] for row in run.measured(name) if row.get("fused", 1) == fused}

    explicit, fused = ratio("explicit"), ratio("explicit", 2)
    widths = sorted(explicit)
    ratios = {
        "explicit layer": [1 / explicit[m] for m in widths],
        "20 layers": [ratio("unrolled")[m] for m in widths],
        "torchdeq": [ratio("torchdeq")[m] for m in widths],
        "2 fused": [fused[m] / explicit[m] for m in widths],
        "three products": [1 / ratio("floor")[m] for m in widths],
    }
    logs = {"x_log": True, "x_range": (220, 2400), "x_ticks": widths, "y_log": True}
    fig = style.figure(x_title="width m", y_title="time ÷ SingleSweep's", **logs, height=380)
    for (label, y), k in zip(ratios.items(), (3, 4, 1, 2, 0), strict=True):
        look = style.points(label, style.SERIES[k]) | {"mode": "lines+markers"}
        fig.add_scatter(x=widths, y=y, **look)
    fig.add_scatter(x=[220, 2400], y=[1, 1], **style.guide("SingleSweep"))
    fig.update_yaxes(dtick=1)
    return Figure(
        fig,
        tag=measured(width=widths, seeds=1, samples=SAMPLES),
        caption=(
            "A gradient step of each method in units of one of `SingleSweep`, which were measured in turn: "
            "the ratios of the table. Notice that of all that train fused steps are the cheapest: they share "
            "one update and one pair of sweeps between two gradient steps."
        ),
        alt="Time of a step over that of SingleSweep, logarithmic, against width. "
        + says(
            "Unrolling and torchdeq lie more than ten times above it, an explicit layer and two fused steps "
            "below. Three products alone lie far below it in the narrowest layers, and within a fifth of it "
            "in the widest.",
            min(ratios["torchdeq"] + ratios["20 layers"]) > 10
            and max(ratios["explicit layer"] + ratios["2 fused"]) < 1
            and ratios["three products"][0] < 0.5
            and abs(ratios["three products"][-1] - 1) < 0.2,
        ),
    )

"""The numbers of the text, a function a section, each beside the sentences that it must bear out."""

from __future__ import annotations

from implicit_tutorial.book.ch09_the_scale_of_the_initialization.circle_scale import circle_means
from implicit_tutorial.book.ch09_the_scale_of_the_initialization.existence_map import both
from implicit_tutorial.book.ch09_the_scale_of_the_initialization.kappa_law import ratios, runs
from implicit_tutorial.book.ch09_the_scale_of_the_initialization.learning_curves import (
    TARGETS,
    apart,
    bound_curve,
    slope,
)
from implicit_tutorial.book.ch09_the_scale_of_the_initialization.phase_diagram import border_slope, edge, run
from implicit_tutorial.book.ch09_the_scale_of_the_initialization.setting import RICH
from implicit_tutorial.book.ch09_the_scale_of_the_initialization.studies import PHASE
from implicit_tutorial.book.circle import in_the_gap
from implicit_tutorial.book.says import says
from implicit_tutorial.prose import at_most, signed

Numbers = dict[str, object]


def the_map() -> Numbers:
    """Of the map and its lines."""
    table, found, (border, predicted) = PHASE.table, edge(), border_slope()
    says("more than two hundred networks", len(table) > 200)
    says(
        "the dashed line is steepest and the edge of the crosses flattest",
        predicted < border < found.low < 0,
    )
    says("it is near the border of rich and lazy", border - predicted < 0.3 < found.low - border)
    says("the interval excludes −2", found.low > -2)
    near, lost = run(0.234, 128), run(0.1, 24)  # stops of the map's handles, in a notebook too
    says(
        "a rich run ends short of the fold, one that fails closer to it",
        near["status"] == "finished" != lost["status"] and near["rightmost"] < lost["rightmost"] < 1,
    )
    ends = (table[table["status"] != "finished"]["rightmost"] - 1).abs()
    rich = table[(table["status"] == "finished") & (table["feature_movement"] > RICH)]
    trained = table[table["status"] == "finished"]
    error = trained.groupby(["width", "output_scale"])["test_error"].mean()
    wide = (128, 256, 512)
    says(
        "at three widths the error falls with κ down to 0.548",
        all(error[m].loc[0.54:].is_monotonic_increasing for m in wide),
    )
    says(
        "64 units are worse than 128",
        all(error[64, k] > error[128, k] for k in error[64].index if k < 1.5),
    )
    says("from 64 on the lowest error is at a small κ", all(error[m].idxmin() < 0.6 for m in (64, *wide)))
    line = table[table["output_scale"] == 0.1]["infinite_error"].max()
    share = [float(error[m, 0.1] / line) for m in wide]
    slopes = {"edge": found.value, "edge_low": found.low, "edge_high": found.high}
    slopes |= {"border": border, "border_predicted": predicted}
    return {name: signed(2)(value) for name, value in slopes.items()} | {
        "rich_end": float(near["rightmost"]),
        "lost_end": float(lost["rightmost"]),
        "lost_most": at_most(float(ends.max())),
        "rich_last": float(rich["rightmost"].max()),
        "share_low": min(share),
        "share_high": max(share),
        "narrow": float(error[64, 0.1]),
        "wide": float(error[128, 0.1]),
    }


def the_way_and_the_goal() -> Numbers:
    """Of minima that are proved to exist."""
    t = both()
    lost = t["status_flow"] != "finished"
    arrived = t[t["exists"] & ~lost]
    further = arrived["within"] / arrived["movement"]
    says("further than the flow goes", further.median() > 1.3 and (further > 1).mean() > 0.95)
    wide, narrow = arrived[arrived["width"] >= 256], arrived[arrived["width"] <= 64]
    way = further[arrived["width"] == 512].groupby(arrived["output_scale"]).median()
    says("furthest where κ is small", way.idxmax() < 0.3 and way.loc[0.3:].is_monotonic_decreasing)
    says("each of the wide ones errs less", (wide["test_error"] < wide["test_error_flow"]).all())
    return {
        "goal_runs": len(t),
        "goal_exist": int(t["exists"].sum()),
        "goal_lost": int(lost.sum()),
        "goal_beyond": int((t["exists"] & lost).sum()),
        "goal_open": int((~t["exists"] & ~lost).sum()),
        "goal_further": float(further.median()),
        "goal_lazy": float(way.iloc[-1]),
        "goal_rich": float(way.max()),
        "goal_worse": 100 * float((narrow["test_error"] > narrow["test_error_flow"]).mean()),
        "goal_share": float((wide["test_error"] / wide["test_error_flow"]).median()),
    }


def the_law_of_the_scale() -> Numbers:
    """Of error and movement against κ, as drawn and centered."""
    drawn = ratios(512, centered=False)["error"]
    near = drawn.loc[1.5:]
    says("nearest where κ is large, and below", near.max() < 1 and near.min() > drawn.loc[:0.8].max())
    says("it comes nearer", near.is_monotonic_increasing)
    every = [runs(m, centered=c) for m in (128, 512) for c in (False, True)]
    small = [f[f["output_scale"] <= 0.4] for f in every]
    few = max((f["test_error"] / f["infinite_error"]).max() for f in small)
    says("every network with κ ≤ 0.4 errs less than the law says", few < 0.7)
    centered = {m: ratios(m, centered=True)["test_error"] for m in (128, 512)}
    says("centered, it rises with κ", all(c.is_monotonic_increasing for c in centered.values()))
    late = max(c[12.0] / c[3.0] for c in centered.values())
    says("but it does not run away", late < 1.1)
    numbers = {"near_low": near.min(), "near_high": near.max(), "law_off": at_most(100 * (1 - near.min()), 3)}
    numbers |= {"few": few, "late": at_most(100 * (late - 1))}
    numbers |= {"centered_small": centered[512][0.2], "centered_large": centered[512][12.0]}
    return {name: float(value) for name, value in numbers.items()}


def as_small_as_you_like() -> Numbers:
    """Of the bound and the error that it bounds, against n."""
    slopes: dict[str, list[float]] = {"total": [], "test_error": []}
    for target in TARGETS:
        curve = bound_curve(target)
        says("the bound falls at each doubling", curve["total"].is_monotonic_decreasing)
        says("and stays above the error", (curve["total"] > curve["test_error"]).all())
        n = curve.index.to_numpy(dtype=float)
        for column, found in slopes.items():
            found.append(slope(n[2:], curve[column].to_numpy()[2:]))
    least, most = (f([bound_curve(t)["total"][1024] for t in TARGETS]) for f in (min, max))
    return {
        "bound_slopes": " and ".join(map(signed(2), slopes["total"])),
        "error_slopes": " and ".join(map(signed(2), slopes["test_error"])),
        "bound_off": at_most(100 * apart()),
        "bound_least": at_most(least, 3),
        "bound_most": at_most(most, 3),
    }


def on_the_circle() -> Numbers:
    """Of the problem on the circle."""
    features = [(k, e) for m in (128, 256, 512) for k, e in circle_means(m, "features").items()]
    says("up to κ = 1 moving features cost", all(e.value > 0 for k, e in features if k <= 1))
    says("at 5 and 10 they save", all(e.value < 0 for k, e in features if k >= 5))
    deep, limit, target = in_the_gap(512, 0.1)
    says("each fills the gap deeper than the limit does", (deep < limit).all() and limit < target)
    wide = circle_means(512)
    return {
        "circle_best": min(wide, key=lambda k: wide[k].value),
        "circle_moved": 100 * circle_means(512, "feature_movement")[0.1].value,
    }


def the_step() -> Numbers:
    """Of how far the kernel grows on the way of the flow, where descent breaks."""
    cell = PHASE.table.query("width == 128 and output_scale == 0.153")
    says("all three flows train", (cell["status"] == "finished").all() and len(cell) == 3)
    growth = cell["kernel_movement"]
    says("their kernels grow by more than twenty times", growth.min() > 20)
    return {"growth_least": float(growth.min()), "growth_most": float(growth.max())}

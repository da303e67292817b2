"""The numbers of the text, a function a section, each beside the sentences that it must bear out."""

from __future__ import annotations

from implicit_tutorial.book.ch08_generalization_error_against_width.circle_width import circle_means
from implicit_tutorial.book.ch08_generalization_error_against_width.constants import laws
from implicit_tutorial.book.ch08_generalization_error_against_width.error_against_width import movement
from implicit_tutorial.book.ch08_generalization_error_against_width.same_parameters import WAYS, spent
from implicit_tutorial.book.ch08_generalization_error_against_width.setting import (
    finished,
    infinite,
    lost,
    mean_error,
    rows,
)
from implicit_tutorial.book.circle import (
    CIRCLE_SEEDS,
    CIRCLE_WIDTHS,
    circle_prediction,
    circle_runs,
    in_the_gap,
)
from implicit_tutorial.book.says import says
from implicit_tutorial.book.tasks import TARGETS

_FIRST = "linear + quadratic, κ = 1"

Numbers = dict[str, object]


def the_wrong_thing() -> Numbers:
    """Of four widths at the reference setting."""
    errors, draws = mean_error(_FIRST), finished(_FIRST).groupby("width").size()
    mean = {m: e.value for m, e in errors.items()}
    says("five draws at each width", (draws.loc[[64, 128, 256, 512]] == 5).all())
    says("from 128 on it rises", mean[64] > mean[128] < mean[256] < mean[512])
    says("the intervals overlap", errors[64].high > errors[512].low)
    # What a reader sees is the difference of two rounded numbers.
    fall = round(mean[64], 4) - round(mean[128], 4)
    return {"fall": f"{fall:.4f}", "second": f"{mean[128]:.3f}", "last": f"{mean[512]:.3f}"}


def against_the_line() -> Numbers:
    """Of the main figure."""
    errors, frozen, line = mean_error(_FIRST), mean_error(_FIRST, "frozen_error"), infinite(_FIRST)
    mean, runs = {m: e.value for m, e in errors.items()}, rows(_FIRST)
    says("from 64 on every mean is below", all(mean[m] < line for m in mean if m >= 64))
    says("at 32 it is above", mean[32] > line)
    failed = runs[runs["status"] != "finished"]["width"]
    says("at 16 all fail", set(failed) == {16} and len(failed) == (runs["width"] == 16).sum())
    says("at 2048 the interval contains the line", errors[2048].low < line < errors[2048].high)
    noise = [e.value for _, e in sorted(mean_error("pure noise").items())]
    says(
        "noise is above the line at every width, and comes down",
        noise == sorted(noise, reverse=True) and noise[-1] > infinite("pure noise"),
    )
    faint = {m: e.value for m, e in mean_error("linear + quadratic, κ = 0.5").items()}
    best = min(faint, key=lambda m: faint[m])
    says(
        "at κ = 0.5 narrow networks are lost, and the best width is one in between",
        min(faint) < best < max(faint) and lost("linear + quadratic, κ = 0.5"),
    )
    says("at σ_A = 1.1 few finish", "linear + quadratic, implicit scale 1.1" not in laws())
    numbers = {"infinite": line, "below_64": line - mean[64], "below_2048": line - mean[2048]}
    numbers["many"] = infinite("linear + quadratic, n = 200")
    return {name: f"{value:.3f}" for name, value in numbers.items()} | {
        "lost": lost(_FIRST),
        "thin": sum(e.value > line for e in frozen.values()),
        "widths": len(frozen),
        "best_width": best,
    }


def which_of_the_two() -> Numbers:
    """Of the signs of C, as a whole and in its two parts, and of the summary."""
    whole, kernel, features = (
        {name: law.C.sign for name, law in laws(part).items()}
        for part in ("total", "fluctuation", "features")
    )
    whole_signs, told, moves = list(whole.values()), list(kernel.values()), list(features.values())
    says(
        "moving features raise it for pure noise only",
        [name for name, sign in features.items() if sign > 0] == ["pure noise"],
    )
    says(
        "the undecided one has noisy labels",
        [name for name, sign in features.items() if sign == 0] == ["linear, noise 0.5"],
    )
    says("a finite kernel mostly raises it, where it can be told", told.count(1) > told.count(-1))
    says("for noise it does", kernel["pure noise"] > 0)
    says("above is pure noise", [name for name, sign in whole.items() if sign > 0] == ["pure noise"])
    wide = [rows(name).query("width >= 256")["status"] for name in whole]
    says("from 256 on no run fails", all((status == "finished").all() for status in wide))
    means = {name: mean_error(name) for name in whole}
    widest = [name for name, e in means.items() if min(e, key=lambda m, e=e: e[m].value) == max(e)]
    says("the widest are best with noise only", widest == ["pure noise", "linear, noise 0.5"])
    approach = [name for name, law in laws().items() if law.exponent.low > 0]
    return {
        "settings": len(whole),
        "below": whole_signs.count(-1),
        "open": whole_signs.count(0),
        "raised": told.count(1),
        "lowered": told.count(-1),
        "untold": told.count(0),
        "told": len(told) - told.count(0),
        "moving": moves.count(-1),
        "not_widest": len(means) - len(widest),
        "approach": len(approach),
        "approach_names": ", ".join(f"“{name}”" for name in approach),
    }


def on_the_circle() -> Numbers:
    """Of the problem on the circle."""
    half = {m: e.value for m, e in circle_means(0.5).items()}
    says("at κ = 0.5 the widest are best", min(half, key=lambda m: half[m]) == max(half))
    says("it rises up to 128", half[32] < half[64] < half[128] > half[256])
    says("of the narrowest half do not finish", 2 * len(circle_runs(32, 0.5)) == len(CIRCLE_SEEDS))
    harm = [circle_means(k, "features")[m] for k in (0.5, 1.0) for m in CIRCLE_WIDTHS]
    says("at 0.5 and 1 moving features raise the mean at every width", all(e.value > 0 for e in harm))
    gain = circle_means(5.0, "features")
    says("at 5 they lower it at every width", all(gain[m].value < 0 for m in CIRCLE_WIDTHS))
    gap = [in_the_gap(m, 0.5) for m in CIRCLE_WIDTHS]
    says(
        "in the gap the limit is too low, and the networks at κ = 0.5 are lower still, on average",
        all(f.mean() < limit < target for f, limit, target in gap),
    )
    loud = circle_prediction(5.0)
    says("at κ = 5 the initial function's part is the larger", loud.test_error > 2 * loud.bias2)
    return {"harm": sum(e.sign > 0 for e in harm), "harm_of": len(harm)}


def the_exponent() -> Numbers:
    """Of the fits with a free exponent."""
    exponents = [law.exponent for law in laws().values()]
    slow = laws()["linear + quadratic, κ = 0.5"]
    says("no approach at all", slow.exponent.low < 0 < slow.exponent.high < 0.2)
    says("between 64 and 1024", (slow.widths[0], slow.widths[-1]) == (64, 1024))
    says("none lies above one", not any(e.low > 1 for e in exponents))
    return {
        "contains": sum(e.low <= 1 <= e.high for e in exponents),
        "zero": sum(e.low <= 0 <= e.high for e in exponents),
        "slow": sum(e.high < 1 for e in exponents),
        "flat": str(slow.exponent).replace("-", "−"),
        "feature": f"{100 * movement('linear + quadratic, κ = 0.5')[512]:.0f}",
    }


def the_parameters() -> Numbers:
    """Of other ways to spend them: no number, two sentences."""
    implicit, *others = WAYS
    smooth = ("linear", "linear + quadratic", "ReLU teacher")
    ours, theirs = ({t: [spent(w, t) for w in ways] for t in TARGETS} for ways in ([implicit], others))
    says(
        "on the smooth targets both others reach less error, with fewer parameters",
        all(
            e.min() < ours[t][0].min() and e.idxmin() < ours[t][0].idxmin() for t in smooth for e in theirs[t]
        ),
    )
    first = [t for t in TARGETS if ours[t][0].min() < min(e.min() for e in theirs[t])]
    says("the implicit layer comes first on degree 3 only", first == ["degree 3"])
    return {}

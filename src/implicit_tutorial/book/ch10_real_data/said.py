"""The numbers of the text, a function a section, each beside the sentences that it must bear out."""

from __future__ import annotations

from implicit_tutorial.book.analysis import mean_interval
from implicit_tutorial.book.ch10_real_data.circle_and_digits import SHUFFLED, compared
from implicit_tutorial.book.ch10_real_data.digit_laws import lazy_movement, runs
from implicit_tutorial.book.ch10_real_data.digit_mistakes import clear, ranked
from implicit_tutorial.book.ch10_real_data.label_modes import CHOICES, price, spectrum
from implicit_tutorial.book.ch10_real_data.setting import COLORS, accuracy, networks, pairs, prediction
from implicit_tutorial.book.says import says

Numbers = dict[str, object]


def the_same_laws() -> Numbers:
    """Of error and movement against the width."""
    frames = {layers: runs(layers) for layers in COLORS}
    over = {layers: f["test_error"] / prediction(layers).test_error for layers, f in frames.items()}
    every = [ratio for ratios in over.values() for ratio in ratios]
    says("all of them err more", min(every) > 1)
    excess = mean_interval(every)
    error = {layers: f.groupby("width")["test_error"].mean() for layers, f in frames.items()}
    says("on average they come down", all(e.is_monotonic_decreasing for e in error.values()))
    left = [100 * (e[512] / prediction(layers).test_error - 1) for layers, e in error.items()]
    share = {
        layers: f["movement"] / [lazy_movement(m, layers) for m in f["width"]] for layers, f in frames.items()
    }
    alone, together = share.values()
    says("A moves less than the lazy law says", max(alone.max(), together.max()) < 1)
    moved = [f.groupby("width")["movement"].mean() for f in frames.values()]
    halved = [float(m[128] / m[512]) for m in moved]
    says("like one over the root of the width, nearly", all(1.8 < h < 2.1 for h in halved))
    says("with all layers about a tenth as far", (moved[1] / moved[0]).between(0.09, 0.11).all())
    one = prediction()
    return {
        "networks": len(every),
        "excess": excess.value,
        "excess_low": excess.low,
        "excess_high": excess.high,
        "left_low": float(min(left)),
        "left_high": float(max(left)),
        "share_low": float(alone.min()),
        "share_high": float(alone.max()),
        "all_low": float(together.min()),
        "all_high": float(together.max()),
        "halved": halved[0],
        "halved_all": halved[1],
        "bias2": one.bias2,
        "var": one.var,
        "start": 100 * one.var / one.test_error,
    }


def why_digits_can_be_learned() -> Numbers:
    """Of the prices of labels."""
    rates = spectrum()[0]
    average = float((1 / rates).sum())
    times = price(CHOICES[2]) / price(CHOICES[0])
    says("many times as much", times > 5)
    says("they pay the average of 1/λ", abs(price(CHOICES[2]) / average - 1) < 0.05)
    slow = float((1 / rates[len(rates) // 2 :]).sum()) / average
    says("which the slow modes dominate", slow > 2 / 3)
    mean = compared()[SHUFFLED][1]
    says("about as much on average over all orders", round(times) == round(mean))
    return {"times": f"{times:.1f}", "about": f"{mean:.0f}", "slow": f"{100 * slow:.0f}"}


def what_it_gets_wrong() -> Numbers:
    """Of the mistakes of the mean predictor."""
    says("one bar stays clear of zero", len(clear()) == 1)
    return {"mistakes": len(ranked())}


def the_same_images() -> Numbers:
    """Of the implicit layer alone against all layers."""
    first = networks().query("task == 'parity' and width == 128").set_index(["seed", "layers"])
    alone, every = COLORS
    right = first["correct"]
    differ = [right[seed, alone] - right[seed, every] for seed in (0, 1)]
    says("it wins by a hair, and loses by more", 0 < differ[0] < -differ[1])
    shares = {key: accuracy(row) for key, row in first.iterrows()}
    says(
        "both times the intervals overlap",
        all(
            shares[seed, alone].high > shares[seed, every].low
            and shares[seed, every].high > shares[seed, alone].low
            for seed in (0, 1)
        ),
    )
    found = pairs()
    trained, limits = found[found["seed"] >= 0], found[found["seed"] < 0]
    told = trained[trained["p"] < 0.05]
    gain = told["only_all"] - told["only_implicit"]
    says("both of seed 1, all layers better, by as much", (told["seed"] == 1).all() and gain.nunique() == 1)
    says("all layers better", gain.iloc[0] > 0)
    says("at infinite width none can be told apart", (limits["p"] > 0.05).all())
    corrected = len(trained) * told["p"].min()
    says("corrected, it is no longer below the level", corrected >= 0.05)
    n_test = int(first["n_test"].iloc[0])
    return {
        "test": n_test,
        "pairs": len(trained),
        "told": len(told),
        "open": len(trained) - len(told),
        "gain": int(gain.iloc[0]),
        "told_share": f"{100 * gain.iloc[0] / n_test:.0f}",
        "limits": len(limits),
        "p_least": f"{told['p'].min():.4f}",
        "p_corrected": f"{corrected:.4f}",
    }


def on_the_circle() -> Numbers:
    """Of what carries over to the digits: no number, five sentences."""
    circle, digits = zip(*compared().values(), strict=True)
    for narrow, middle, wide, *_ in (circle, digits):
        says("at 128 and 256 above infinite width", min(narrow, middle) > 1)
        says("and coming down as the width grows", narrow > middle > wide)
    says("A moves farther than its law on the circle, less far on the digits", circle[3] > 1 > digits[3])
    says("shuffled labels cost more than three times as much", min(circle[4], digits[4]) > 3)
    says("half of the labels in less than a quarter of the modes", max(circle[5], digits[5]) < 0.25)
    return {}

"""The images that the infinitely wide network gets wrong, and how sure it was."""

from __future__ import annotations

from functools import cache

import numpy as np
import plotly.graph_objects as go

from implicit_tutorial import data
from implicit_tutorial.book.ch10_real_data.setting import COLORS, N_TRAIN, images, prediction
from implicit_tutorial.book.drawing import picture
from implicit_tutorial.book.evidence import MEAN_FIELD
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style


@cache
def pictures() -> np.ndarray:
    """(n, 8, 8) the test images as they are, in the order of the split."""
    total = N_TRAIN + len(images().y_test)
    return data.digits(n_train=total, n_test=0).images[N_TRAIN:]


@cache
def ranked() -> list[int]:
    """Test images that the mean predictor gets wrong, the one it is most sure of first."""
    f, y = prediction().mean, images().y_test
    wrong = np.flatnonzero((f * y < 0).numpy())
    return wrong[np.argsort(-np.abs(f.numpy()[wrong]), kind="stable")].tolist()


def clear() -> list[int]:
    """The ranks of the mistakes whose bar of two deviations does not cross zero."""
    f, deviation = prediction().mean.numpy(), prediction().variance.sqrt().numpy()
    return [rank for rank, i in enumerate(ranked(), 1) if abs(f[i]) > 2 * deviation[i]]


@explorer("digit-mistakes")
def digit_mistakes() -> Explorer:
    """One wrong image at a time, with the predictor's mean and the spread over initializations."""
    f, deviation = prediction().mean.numpy(), prediction().variance.sqrt().numpy()
    total = len(ranked())

    def draw(rank: int) -> list[go.Figure]:
        i = ranked()[rank - 1]
        image = style.blank(title="the image", height=330)
        image.add_heatmap(**picture(pictures()[i]))
        output = {"x_title": "← odd: −1      output f(x)      even: +1 →", "x_range": (-2.2, 2.2)}
        options = output | {"y_range": (-1, 1), "height": 330, "legend_rows": 3}
        said = style.figure(title="what the network says of it", **options)
        said.add_scatter(x=[0, 0], y=[-1, 1], **style.guide("undecided"))
        said.add_scatter(x=[float(images().y_test[i])], y=[0], **style.points("label", style.TARGET, size=13))
        color = COLORS["implicit layer"]
        spread = {"type": "data", "array": [2 * deviation[i]], "color": color, "thickness": 2}
        look = style.points("mean, ± 2 deviations", color)
        said.add_scatter(x=[f[i]], y=[0.4], error_x=spread, **look)
        return [image, said.update_yaxes(visible=False)]

    def readout(rank: int) -> str:
        i = ranked()[rank - 1]
        digit = int(images().labels_test[i])
        article = "an" if digit == 8 else "a"
        return (
            f"Mistake {rank} of {total}: {article} {digit}; output {f[i]:.2f} ± "
            f"{2 * deviation[i]:.2f}, label {int(images().y_test[i]):+d}."
        ).replace("-", "−")

    return Explorer(
        draw,
        [Control("rank", tuple(range(1, total + 1)), label="mistake")],
        tag=MEAN_FIELD.on(samples=N_TRAIN),
        caption="The unseen images that the mean predictor at infinite width, $\\sigma_A = 1/2$, gets "
        "wrong, that with the output farthest from zero first. The bar is two standard deviations over the "
        "draw of the initial function. "
        + says(
            "**Move** to the later ones. **Notice** that every bar but the first crosses zero: there an "
            "initialization that is right lies within two deviations.",
            clear() == [1],
        ),
        alt=(
            "First, an 8 by 8 image of a handwritten digit. Second, a point for the label at minus or plus "
            "one, and above it the predictor's mean on the other side of zero, with a bar for its spread."
        ),
        readout=readout,
    )

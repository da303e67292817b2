"""An infinitely deep network with equal layers is one layer with a loop."""

from __future__ import annotations

from implicit_tutorial.book.evidence import DEFINITION
from implicit_tutorial.explorer import Figure, explorer, style


@explorer("unrolled-and-loop")
def unrolled_and_loop() -> Figure:
    """A weight-tied network drawn layer by layer, and the same network as one layer with a loop."""
    fig = style.blank(height=210)
    fig.update_xaxes(range=[-0.2, 11.4])
    fig.update_yaxes(range=[-1.75, 1.75], scaleanchor=None)

    inside, source, out = (style.LAYERS[layer] for layer in ("implicit", "input", "output"))
    pointing = {"showarrow": True, "arrowhead": 2, "arrowwidth": 1.6, "text": ""}
    in_data_units = {"xref": "x", "yref": "y", "axref": "x", "ayref": "y"}

    def arrow(x0: float, y0: float, x1: float, y1: float, color: str) -> None:
        fig.add_annotation(x=x1, y=y1, ax=x0, ay=y0, arrowcolor=color, **pointing, **in_data_units)

    def label(x: float, y: float, text: str, color: str, size: int = 13) -> None:
        fig.add_annotation(x=x, y=y, text=text, showarrow=False, font={"size": size, "color": color})

    def layer(x: float, text: str) -> None:
        frame = {"line": {"color": inside, "width": 2}}
        fig.add_shape(type="rect", x0=x - 0.42, x1=x + 0.42, y0=-0.42, y1=0.42, **frame)
        label(x, 0, text, inside)
        arrow(x, -1.15, x, -0.46, source)
        label(x, -1.45, "x", source)

    for k, (x, end) in enumerate(((0.5, 1.84), (2.3, 3.64), (4.1, 5.4)), start=1):
        layer(x, f"z<sub>{k}</sub>")
        arrow(x + 0.44, 0, end, 0, inside)
        label(x + 0.9, 0.3, "A", inside)
    label(5.75, 0, "⋯", inside, 18)
    label(7.35, 0, "=", style.GUIDE, 26)
    layer(9.2, "z")
    for half in ("M 9.62 0.15 C 10.8 0.4 10.4 1.45 9.2 1.3", "M 9.2 1.3 C 8.1 1.2 8.05 0.75 8.45 0.35"):
        fig.add_shape(type="path", path=half, line={"color": inside, "width": 1.8})
    arrow(8.45, 0.35, 8.76, 0.15, inside)
    label(9.2, 1.58, "A", inside)
    arrow(9.64, -0.15, 10.65, -0.15, out)
    label(10.95, -0.15, "f", out)
    return Figure(
        fig,
        tag=DEFINITION,
        caption=(
            "Infinitely many layers with the same weights $A$, each of which sees the input $x$, are one "
            "layer whose output is its own input."
        ),
        alt=(
            "Left of an equals sign, boxes z1, z2, z3 and so on, linked by arrows labelled A, with an "
            "arrow from the input x into each. Right of it, a single box z with an arrow from x, a loop "
            "labelled A from z to itself, and an arrow to the output f."
        ),
    )

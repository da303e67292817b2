"""The live explorer: ipywidgets that call `draw` in the running kernel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import ipywidgets as widgets
import plotly.graph_objects as go

from implicit_tutorial.explorer.control import Control
from implicit_tutorial.explorer.frames import check_same_build
from implicit_tutorial.explorer.page import inline
from implicit_tutorial.explorer.style import template
from implicit_tutorial.explorer.tree import Panel, fingerprint, panels_of


def live_widget(
    draw: Callable[..., Any],
    controls: Sequence[Control],
    readout: Callable[..., str] | None,
    caption: str,
) -> widgets.VBox:
    """Panels, sliders, readout and caption; each move of a slider calls `draw` and sends what changed."""
    shown = panels_of(draw(**{c.name: c.start for c in controls}))
    figures = [_figure_widget(panel) for panel in shown]
    handles = {c.name: _handle(c) for c in controls}
    line = widgets.HTML()

    def values() -> dict[str, Any]:
        return {name: handle.value for name, handle in handles.items()}

    def say() -> None:
        line.value = "" if readout is None else escape(str(readout(**values())))

    def redraw(_change: Any = None) -> None:
        try:
            panels = panels_of(draw(**values()))
            check_same_build(panels, shown, values())
            for p, (figure, panel) in enumerate(zip(figures, panels, strict=True)):
                _update(figure, shown[p], panel)
                shown[p] = panel
            say()
        except (
            Exception
        ) as error:  # ipywidgets would swallow it and leave a figure that belongs to other values
            line.value = (
                f"<strong>{escape(type(error).__name__)}: {escape(str(error))}</strong><br>"
                "The figure still shows the previous values."
            )

    for handle in handles.values():
        handle.observe(redraw, names="value")
    say()
    # Side by side where there is room, as in the page.
    columns = "repeat(auto-fit, minmax(min(100%, 19rem), 1fr))"
    row = widgets.GridBox(figures, layout=widgets.Layout(width="100%", grid_template_columns=columns))
    text = widgets.HTMLMath(f"<small>{inline(caption, math='${}$')}</small>")
    return widgets.VBox([row, *handles.values(), line, text])


def _figure_widget(panel: Panel) -> go.FigureWidget:
    figure = go.FigureWidget(
        data=panel["data"], layout=panel["layout"] | {"template": template(), "autosize": True}
    )
    figure._config = figure._config | {"displayModeBar": False, "responsive": True}
    figure.layout.height = panel["layout"].get("height", 340)
    return figure


def _handle(control: Control) -> widgets.Widget:
    options = list(zip(control.texts, control.values, strict=True))
    kind = widgets.Dropdown if control.is_choice else widgets.SelectionSlider
    more = {} if control.is_choice else {"continuous_update": True}
    return kind(
        options=options,
        value=control.start,
        description=control.label,
        style={"description_width": "11em"},
        layout=widgets.Layout(width="100%", max_width="36em"),
        **more,
    )


def _update(figure: go.FigureWidget, old: Panel, new: Panel) -> None:
    """Send the attributes that differ, in one message."""
    with figure.batch_update():
        for trace, before, after in zip(figure.data, old["data"], new["data"], strict=True):
            _assign(trace, before, after)
        _assign(figure.layout, old["layout"], new["layout"])


def _assign(target: Any, before: dict[str, Any], after: dict[str, Any]) -> None:
    for key in before.keys() | after.keys():
        if fingerprint(before.get(key)) != fingerprint(after.get(key)):
            target[key] = after.get(key)

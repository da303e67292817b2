"""The live explorer: the page's own figure, whose frames the running kernel draws.

The browser side is the page's script and style sheet with `live.js` behind them. It asks in custom messages:

- `{"ask": "frame", "position": [2, 0]}`: answered by a new `frame`, the widget's state; one that is
  `unfinished` shows a part of the way, and is asked for again;
- `{"ask": "plotly"}`: answered by `{"plotly": true}` and plotly.js in a buffer.

Messages wait until the kernel has run the cells that are queued. Therefore the first widget of a kernel
brings plotly.js along in its state; to ask for it is for a page that has not got that widget.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import anywidget
import traitlets

from implicit_tutorial.explorer.control import Control
from implicit_tutorial.explorer.frames import check_same_build
from implicit_tutorial.explorer.mathml import mathml
from implicit_tutorial.explorer.page import element
from implicit_tutorial.explorer.save import plotly_js
from implicit_tutorial.explorer.scripts import SAVING, served
from implicit_tutorial.explorer.stored import Pool, handles
from implicit_tutorial.explorer.style import SHEETS, STATIC, TEMPLATE
from implicit_tutorial.explorer.tree import Panel, fingerprint, panels_of

#: A module: what it shares with a page, and its end.
LIVE_SCRIPTS = ("frames.js", "moving.js", "explorer.js", "play.js", SAVING, "live.js")


class Live(anywidget.AnyWidget):
    """Panels, controls, readout and caption as in the page; a position of the controls is drawn on demand.

    `values` moves the controls, also from Python. `panels` and `readout` are what the figure shows, `error`
    says why it does not show `values`, where `draw` fails.
    """

    _esm = "\n".join(served(STATIC / script) for script in LIVE_SCRIPTS)
    _css = "\n".join((STATIC / sheet).read_text("utf-8") for sheet in SHEETS)

    spec = traitlets.Dict().tag(sync=True)  # what never changes
    frame = traitlets.Dict().tag(sync=True)
    plotly = traitlets.Bytes().tag(sync=True)
    _brought = False  # whether a widget of this kernel has plotly.js in its state

    def __init__(
        self,
        draw: Callable[..., Any],
        controls: Sequence[Control],
        readout: Callable[..., str] | None,
        name: str,
        caption: str,
        alt: str,
        heading: str = "",
        unfinished: Callable[[], bool] = lambda: False,
        folded: tuple[str, Sequence[str]] = ("", ()),
        clock: str = "",
    ) -> None:
        self._draw, self._readout, self.controls = draw, readout, tuple(controls)
        self._unfinished = unfinished
        self._lock = threading.RLock()  # Jupyter may deliver messages in a thread of their own
        self._position = [c.start_index for c in controls]
        self._drawn = list(self._position)
        self.panels: list[Panel] = panels_of(draw(**self.values))
        while unfinished():  # what a saved notebook shows without a kernel is whole
            self.panels = panels_of(draw(**self.values))
        self.readout = self._line()
        self.error = ""
        self._keys = [0] * len(self.panels)
        # An error needs the line below the controls, too.
        about = {"heading": heading, "math": mathml, "folded": folded, "clock": clock}
        html = element(name, controls, self.panels, self.readout, caption, alt, **about)
        code = b"" if Live._brought else plotly_js()
        Live._brought = True
        super().__init__(
            spec={
                "name": name,
                "controls": handles(controls),
                "clock": clock,
                "template": TEMPLATE,
                "html": html,
            },
            frame=self._frame(),
            plotly=code,
        )
        self.on_msg(self._answer)

    @property
    def values(self) -> dict[str, Any]:
        """Where the controls stand. Assign some or all of them to move there; a figure is drawn at once."""
        return {c.name: c.values[i] for c, i in zip(self.controls, self._position, strict=True)}

    @values.setter
    def values(self, values: dict[str, Any]) -> None:
        if unknown := values.keys() - {c.name for c in self.controls}:
            raise ValueError(f"No control {sorted(unknown)}; there are {[c.name for c in self.controls]}.")
        wanted = self.values | values
        for control in self.controls:
            if wanted[control.name] not in control.values:
                raise ValueError(
                    f"Control {control.name!r} cannot be {wanted[control.name]!r}; "
                    f"its values are {list(control.values)}."
                )
        position = [c.values.index(wanted[c.name]) for c in self.controls]
        self._move(position)
        while self.frame["unfinished"]:
            self._move(position)

    def _move(self, position: list[int]) -> None:
        with self._lock:
            self._position = position
            try:
                panels = panels_of(self._draw(**self.values))
                check_same_build(panels, self.panels, self.values)
                line = self._line()
            except Exception as error:  # said under the figure, which goes on showing other values
                self.error = f"{type(error).__name__}: {error}"
            else:
                for p, (new, old) in enumerate(zip(panels, self.panels, strict=True)):
                    self._keys[p] += fingerprint(new) != fingerprint(old)
                self.panels, self.readout, self.error, self._drawn = panels, line, "", position
            self.frame = self._frame()

    def _line(self) -> str:
        return "" if self._readout is None else str(self._readout(**self.values))

    def _frame(self) -> dict[str, Any]:
        """The state of the browser side; a panel is drawn anew where its key changes."""
        pool = Pool(exact=True)
        return {
            "number": self.frame.get("number", 0) + 1,
            "position": self._position,
            "drawn": self._drawn,
            "readout": self.readout,
            "error": self.error,
            "unfinished": not self.error and self._unfinished(),
            "keys": list(self._keys),
            "panels": pool.tree(self.panels),
            "arrays": pool.raw("f8"),
        }

    def _answer(self, _widget: Any, content: dict[str, Any], _buffers: list) -> None:
        if content.get("ask") == "frame":
            self._move(list(content["position"]))
        elif content.get("ask") == "plotly":
            self.send({"plotly": True}, [plotly_js()])

"""Interactive figures: one Python function, live in JupyterLab and precomputed in the rendered book.

>>> from implicit_tutorial.explorer import Control, Explorer, style
>>> def draw(depth):
...     return style.figure(x_title="depth").add_scatter(x=[0, depth], y=[0, 1], **style.measured("state"))
>>> explorer = Explorer(draw, [Control("depth", [1, 2])], name="depth", caption="…", alt="…")

As the last line of a cell, `explorer` shows sliders that call `draw` (under a Jupyter server), or a page
fragment that holds every frame `draw` returns (in the book, in tests, in stored notebooks).
"""

from implicit_tutorial.explorer import style
from implicit_tutorial.explorer.control import Control
from implicit_tutorial.explorer.core import Explorer, Figure, live
from implicit_tutorial.explorer.registry import EXPLORERS, explorer, number
from implicit_tutorial.explorer.stored import Frame, decode
from implicit_tutorial.explorer.style import STATIC

__all__ = [
    "EXPLORERS",
    "STATIC",
    "Control",
    "Explorer",
    "Figure",
    "Frame",
    "decode",
    "explorer",
    "live",
    "number",
    "style",
]

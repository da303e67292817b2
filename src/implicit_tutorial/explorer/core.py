"""`Explorer` and `Figure`: what a notebook cell ends with."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from implicit_tutorial.equilibrium.checks import checked
from implicit_tutorial.explorer.control import Control
from implicit_tutorial.explorer.frames import Frames
from implicit_tutorial.explorer.mathml import mathml
from implicit_tutorial.explorer.native import native_figure
from implicit_tutorial.explorer.page import element, figure_html, mathjax
from implicit_tutorial.explorer.save import page, picture
from implicit_tutorial.explorer.table import table
from implicit_tutorial.explorer.tree import Panel, panels_of

Drawn = go.Figure | Sequence[go.Figure]

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def live() -> bool:
    """Whether explorers are live: as `IMPLICIT_TUTORIAL_LIVE` says (1, 0), else under a Jupyter server.

    jupyter_server names its session in the kernel's environment; the book build, nbval and nbclient do not.
    """
    forced = os.environ.get("IMPLICIT_TUTORIAL_LIVE")
    return forced != "0" if forced is not None else "JPY_SESSION_NAME" in os.environ


def _slug(draw: Callable) -> str:
    """The name of a function, as that of an explorer."""
    return re.sub("[^a-z0-9]+", "-", getattr(draw, "__name__", "explorer").lower()).strip("-")


def check_name(name: str) -> None:
    """Refuse the name of an explorer that does not fit into an address."""
    if not _SLUG.fullmatch(name):
        raise ValueError(f"Explorer name {name!r} is no slug; use lower-case letters, digits and hyphens.")


class Explorer:
    """A figure with controls: live widgets under a Jupyter server, a page with all frames stored elsewhere.

    Arguments:
        draw: called with one keyword argument a control; returns a figure, or a list, shown side by side.
            Only *values* may change between frames, not the number of panels or traces or a trace's type.
        controls: the handles; their grid is the set of frames.
        name: lower-case letters, digits and hyphens, unique on a page; it is the key in the page's address.
            The book's get theirs from :func:`explorer`; without one it is that of `draw`.
        caption: one or two sentences: which handle to move, what to notice; `code`, *emphasis*, $math$ work.
        alt: what the figure shows as it opens, for readers who do not see it.
        readout: called like `draw`; returns the line of text under the controls.
        tag: what kind of truth the figure shows, and on what it rests; it stands before the caption.

    Raises:
        ValueError: for a bad name, an empty caption or alt text, or two controls of one name or label.
        TypeError: for arguments of another kind, by name.
    """

    @checked
    def __init__(
        self,
        draw: Callable[..., Drawn],
        controls: Sequence[Control],
        *,
        caption: str,
        alt: str,
        name: str | None = None,
        readout: Callable[..., str] | None = None,
        tag: object = "",
    ) -> None:
        self.name = name = _slug(draw) if name is None else name
        for what, text in (("caption", caption), ("alt", alt)):
            if not text.strip():
                raise ValueError(
                    f"Explorer {name!r} needs a {what}: say what to notice, and what the figure shows."
                )
        for what in ("name", "label"):
            found = [getattr(c, what) for c in controls]
            if len(set(found)) < len(found):
                raise ValueError(f"Explorer {name!r} has two controls of one {what}: {found}.")
        self.draw = draw
        self.controls = tuple(controls)
        self.caption = caption
        self.alt = alt
        self.readout = readout
        self.tag = str(tag)
        self.number = ""

    @property
    def name(self) -> str:
        """The key in the page's address."""
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        check_name(name)
        self._name = name

    @property
    def heading(self) -> str:
        """What stands before the caption: the figure's number, as in "Figure 6.3", and its tag."""
        return " · ".join(filter(None, [self.number and f"Figure {self.number}", self.tag]))

    @property
    def start(self) -> dict[str, Any]:
        """The arguments of the frame shown first."""
        return {c.name: c.start for c in self.controls}

    def panels(self, **values: Any) -> list[Panel]:
        """What `draw` returns at `values` (default: the start), as plain `{"data": […], "layout": {…}}`."""
        return panels_of(self.draw(**(self.start | values)))

    @cached_property
    def frames(self) -> Frames:
        """Every frame; computed on first use."""
        return Frames.compute(self.draw, self.controls, self.readout)

    def html(self, math: Callable[[str], str] = mathjax) -> str:
        """The page fragment; without the scripts and the style sheet of `STATIC` it shows still pictures."""
        more = {"heading": self.heading, "math": math}
        return figure_html(self.name, self.controls, self.frames, self.caption, self.alt, **more)

    def native(self) -> dict[str, Any]:
        """Plotly JSON of the first panel with the first control as plotly's own slider."""
        return native_figure(self.controls, self.frames)

    def widget(self) -> Any:
        """The live widget: the page's figure, drawn anew by this process at every move of a handle."""
        return self._live(self.draw, self.readout)

    def _live(self, draw: Callable[..., Drawn], readout: Callable[..., str] | None, **options: Any) -> Any:
        # Imported here: a book build needs no widgets.
        from implicit_tutorial.explorer.widgets import Live

        text = {"caption": self.caption, "alt": self.alt, "heading": self.heading}
        return Live(draw, self.handles, readout, self.name, **text, **options)

    @property
    def handles(self) -> tuple[Control, ...]:
        """What moves the live widget."""
        return self.controls

    @checked
    def save(self, path: str | os.PathLike[str], **values: Any) -> Path:
        """Write the figure where its controls stand at `values` (default: the start).

        The ending of `path` says in which form:

        - .html: a page that stands alone, with all frames; it opens at `values`, and its handles move;
        - .csv: one row for each point or cell, in full precision (columns panel, trace, x, y, …);
        - .svg, .png: the picture, drawn by Chromium or Chrome; BROWSER_PATH names one that is not found.

        Returns:
            The file.

        Raises:
            ValueError: for another ending, for a control that there is not, or for a page that is to open at
                a value that its control does not take.
            RuntimeError: for a picture, if there is no browser.
        """
        path = Path(path)
        if unknown := values.keys() - {c.name for c in self.controls}:
            raise ValueError(f"No control {sorted(unknown)}; there are {[c.name for c in self.controls]}.")
        if path.suffix == ".csv":
            table(self.panels(**values)).to_csv(path, index=False)
        elif path.suffix == ".html":
            path.write_text(page(self._standing(values).html(math=mathml), self.name), "utf-8")
        elif path.suffix in (".svg", ".png"):
            one = self._standing(values, alone=True).html(math=mathml)
            path.write_bytes(picture(lambda script: page(one, self.name, script), path))
        else:
            raise ValueError(
                f"{path.name} ends in none of .html, .csv, .svg and .png: name the file by its form."
            )
        return path

    def _standing(self, values: dict[str, Any], alone: bool = False) -> Explorer:
        """The same explorer with its controls at `values`, which are the only ones where it is `alone`."""
        at = self.start | values
        controls = [
            replace(c, values=[at[c.name]] if alone else c.values, start=at[c.name]) for c in self.controls
        ]
        other = copy.copy(self)
        other.controls = tuple(controls)
        other.__dict__.pop("frames", None)
        return other

    def __repr__(self) -> str:
        handles = f" [{', '.join(c.name for c in self.controls)}]" if self.controls else ""
        return f"{type(self).__name__} {self.name}{handles}: {self.alt}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict | tuple[dict, dict]:
        """What a cell shows; with a widget, also what its host must know to show it."""
        text = {"text/plain": repr(self)}
        if live():
            self._shown = self.widget()  # kept, or the kernel would collect it while the page shows it
            view, how = self._shown._repr_mimebundle_()
            # What a notebook shows that has been saved without the widget's state, and is exported.
            line = self._shown.readout if self.readout else None
            about = {"heading": self.heading, "math": mathml, "pictures": True, "moving": False}
            kept = element(
                self.name, self.controls, self._shown.panels, line, self.caption, self.alt, **about
            )
            return view | text | {"text/html": kept}, how
        return text | {"text/html": self.html(), "application/vnd.plotly.v1+json": self.native()}


class Figure(Explorer):
    """A figure without controls, with the caption, alt text, theme and page behaviour of an explorer.

    Arguments:
        figures: a plotly figure, or a list of them shown side by side.
        name, caption, alt, tag: as for `Explorer`.
    """

    @checked
    def __init__(
        self, figures: Drawn, *, caption: str, alt: str, name: str = "figure", tag: object = ""
    ) -> None:
        if isinstance(figures, Sequence) and not figures:
            raise ValueError("figures is empty; give one figure, or those that stand side by side.")
        super().__init__(lambda: figures, [], caption=caption, alt=alt, name=name, tag=tag)

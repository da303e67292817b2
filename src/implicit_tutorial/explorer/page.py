"""The page fragment of an explorer: what a reader without a kernel sees."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from html import escape, unescape
from typing import Any
from urllib.parse import quote

from implicit_tutorial.explorer.control import Control
from implicit_tutorial.explorer.frames import Frames
from implicit_tutorial.explorer.still import still
from implicit_tutorial.explorer.stored import encode
from implicit_tutorial.explorer.style import TEMPLATE
from implicit_tutorial.explorer.tree import Panel

DEFAULT_HEIGHT = 340
#: Said where the handles are dead: a notebook exported as a page, or opened without a kernel.
STILL = "The handles move in the book, and wherever a kernel runs."

_INLINE = re.compile(r"`([^`]+)`|\$([^$]+)\$|\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*")


def mathjax(tex: str) -> str:
    """Mathematics for the page's own typesetter, which reads Sphinx's mark-up."""
    return f'<span class="math notranslate nohighlight">\\({escape(tex, quote=False)}\\)</span>'


def inline(text: str, math: Callable[[str], str] = mathjax) -> str:
    """Caption text as HTML: `code`, *emphasis*, **strong** and $mathematics$; everything else is escaped."""

    def mark(match: re.Match) -> str:
        code, tex, strong, emphasis = match.groups()
        if code:
            return f"<code>{code}</code>"
        if tex:
            return math(unescape(tex))
        return f"<strong>{strong}</strong>" if strong else f"<em>{emphasis}</em>"

    return _INLINE.sub(mark, escape(text, quote=False))


def figure_html(
    name: str,
    controls: Sequence[Control],
    frames: Frames,
    caption: str,
    alt: str,
    *,
    heading: str = "",
    computed: dict[str, Any] | None = None,
    math: Callable[[str], str] = mathjax,
) -> str:
    """The `<figure>` element with its plots, controls, caption and stored frames."""
    start = [c.start_index for c in controls]
    readout = None if frames.readout is None else frames.readout.at(start, frames.shape)
    spec = encode(name, controls, frames, TEMPLATE, computed)
    off = f"This figure needs JavaScript to move, which is off. It shows: {escape(alt)}"
    stored = [
        f"<noscript><p>{off}</p></noscript>",
        f'<script type="application/json" class="it-spec">{spec}</script>',
    ]
    # Between the stops a page can only be that computes, and it has a time if something runs.
    more: dict[str, Any] = {"heading": heading, "math": math, "source": stored, "pictures": True}
    if computed is not None:
        more |= {"continuous": True, "clock": computed["clock"], "points": computed["points"]}
    return element(name, controls, frames.at(start), readout, caption, alt, **more)


def element(
    name: str,
    controls: Sequence[Control],
    panels: Sequence[Panel],
    readout: str | None,
    caption: str,
    alt: str,
    *,
    heading: str = "",
    math: Callable[[str], str] = mathjax,
    source: Iterable[str] = (),
    continuous: bool = False,
    clock: str = "",
    points: Sequence[dict[str, Any]] = (),
    pictures: bool = False,
    moving: bool = True,
    folded: tuple[str, Sequence[str]] = ("", ()),
) -> str:
    """The `<figure>` element of a page or of a live widget; `source` is where a page's frames come from.

    `clock` is the control that a button plays, `points` are what is dragged. With `pictures` something is
    seen without any script and style sheet, which hide it. What is not `moving` has no handles. `folded`
    controls, the last ones, are behind the word that is given with their names.
    """
    # Beside one of this class the book's theme folds its table of contents away, as beside a note.
    wide = " full-width" if len(panels) > 2 else ""
    parts = [f'<figure class="it-explorer{wide}" id="fig-{name}" data-name="{name}">']
    # Handles move what is seen, and not what is said of it: that is the readout's part.
    shows = f"As it opens, unless another state is named: {alt}" if controls else alt
    parts.append(_plots(panels, shows, pictures))
    if controls:
        parts.append('<div class="it-desk">')
    if controls and moving:
        word, hidden = folded
        each = {c.name: control_row(name, c, math, continuous) for c in controls}
        rows = "".join(row for one, row in each.items() if one not in hidden)
        if hidden:
            inner = "".join(each[one] for one in hidden)
            rows += f"<details><summary>{escape(word)}</summary><div>{inner}</div></details>"
        button = _PLAY if clock else ""
        # The handles appear with the style sheet, which comes with the script that moves them.
        parts.append(f'<div class="it-controls" style="display:none">{button}{rows}</div>')
    if readout is not None:
        parts.append(f'<p class="it-readout" aria-live="polite">{escape(readout)}</p>')
    if controls:
        parts.append("</div>")
    if controls or points:
        parts.append(_state(controls, points, math))
        parts += [f'<p class="it-still">{STILL}</p>'] if pictures else []
    parts += source
    tag = heading and f'<span class="it-tag">{inline(heading, math)}</span>'
    parts.append(f"<figcaption>{tag}{inline(caption, math)}</figcaption></figure>")
    return "\n".join(parts)


def _plots(panels: Sequence[Panel], alt: str, pictures: bool) -> str:
    """One box a panel, with its height reserved so that the page does not jump when plotly arrives."""
    count = len(panels)
    heights = [panel["layout"].get("height", DEFAULT_HEIGHT) for panel in panels]
    leads = count == 3 and heights[0] > max(heights[1:])
    boxes = []
    for p, height in enumerate(heights):
        label = alt if count == 1 else f"{alt} (panel {p + 1} of {count})"
        lead = " it-lead" if leads and p == 0 else ""
        boxes.append(
            f'<div class="it-plot{lead}" role="img" aria-label="{escape(label)}" style="height:{height}px">'
            f"{_picture(panels[p]) if pictures else ''}</div>"
        )
    led = " it-led" if leads else ""
    return f'<div class="it-panels it-of-{count}{led}">{"".join(boxes)}</div>'


def _picture(panel: Panel) -> str:
    """The panel as an image that the page carries along; nothing, where it cannot be drawn without plotly."""
    svg = still(panel)
    if svg is None:
        return ""
    address = "data:image/svg+xml," + quote(svg.replace('"', "'"), safe=" '=:;,/()+-.")
    return f'<img class="it-still" alt="" loading="lazy" style="max-width:100%" src="{address}">'


def _state(controls: Sequence[Control], points: Sequence[dict[str, Any]], math: Callable[[str], str]) -> str:
    """Where the handles stand, in words: for paper, on which they mean nothing."""
    said = [(inline(c.label, math), c.text(c.start)) for c in controls]
    own = {c.name for c in controls}
    said += [
        (inline(p["label"], math), ", ".join(f"{v:g}" for v in p["start"][: len(p["at"])]))
        for p in points
        if not own.issuperset(p["at"])
    ]
    words = (f'{label} <span class="it-value">{escape(text)}</span>' for label, text in said)
    return f'<p class="it-state">{"; ".join(words)}</p>'


_PLAY = '<button type="button" class="it-play" aria-pressed="false"><span>Play</span></button>'


def control_row(name: str, control: Control, math: Callable[[str], str], continuous: bool = False) -> str:
    """A labelled slider, switch or list."""
    target = f"fig-{name}-{control.name}"
    if control.is_switch and (control.is_choice or not continuous):
        return _switch(target, control, math)
    label = f'<label for="{target}">{inline(control.label, math)}</label>'
    if control.is_choice:
        options = "".join(
            f'<option value="{i}"{" selected" if i == control.start_index else ""}>{escape(text)}</option>'
            for i, text in enumerate(control.texts)
        )
        return (
            f'<div class="it-control">{label}'
            f'<select id="{target}" autocomplete="off">{options}</select></div>'
        )
    step = "any" if continuous else 1
    text, width = control.text(control.start), max(map(len, control.texts))
    return (
        f'<div class="it-control">{label}'
        f'<input type="range" id="{target}" min="0" max="{len(control.values) - 1}" step="{step}" '
        f'value="{control.start_index}" aria-valuetext="{escape(text)}" autocomplete="off">'
        f'<output for="{target}" aria-live="off" style="min-width:{width}ch">{escape(text)}</output></div>'
    )


def _switch(target: str, control: Control, math: Callable[[str], str]) -> str:
    """All values side by side, one of them chosen."""
    stops = "".join(
        f'<label><input type="radio" name="{target}" value="{i}" autocomplete="off"'
        f"{' checked' if i == control.start_index else ''}><span>{escape(text)}</span></label>"
        for i, text in enumerate(control.texts)
    )
    return (
        f'<div class="it-control"><span class="it-label" id="{target}-label">'
        f"{inline(control.label, math)}</span>"
        f'<div class="it-switch" id="{target}" role="radiogroup" aria-labelledby="{target}-label">'
        f"{stops}</div></div>"
    )

"""The page fragment of an explorer: what a reader without a kernel sees."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from implicit_tutorial.explorer.control import Control
from implicit_tutorial.explorer.frames import Frames
from implicit_tutorial.explorer.stored import encode
from implicit_tutorial.explorer.style import TEMPLATE

DEFAULT_HEIGHT = 340

_INLINE = re.compile(r"`([^`]+)`|\$([^$]+)\$|\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*")


def inline(text: str, math: str = '<span class="math notranslate nohighlight">\\({}\\)</span>') -> str:
    """Caption text as HTML: `code`, *emphasis*, **strong** and $mathematics$; everything else is escaped."""

    def mark(match: re.Match) -> str:
        code, tex, strong, emphasis = match.groups()
        if code:
            return f"<code>{code}</code>"
        if tex:
            return math.format(tex)
        return f"<strong>{strong}</strong>" if strong else f"<em>{emphasis}</em>"

    return _INLINE.sub(mark, escape(text, quote=False))


def figure_html(name: str, controls: Sequence[Control], frames: Frames, caption: str, alt: str) -> str:
    """The `<figure>` element with its plots, controls, caption and stored frames."""
    start = [c.start_index for c in controls]
    parts = [f'<figure class="it-explorer" id="fig-{name}" data-name="{name}">', _plots(frames, alt)]
    if controls:
        rows = "".join(_control(name, c) for c in controls)
        parts.append(f'<div class="it-controls">{rows}</div>')
    if frames.readout is not None:
        line = frames.readout.at(start, frames.shape)
        parts.append(f'<p class="it-readout" aria-live="polite">{escape(line)}</p>')
    parts.append(
        f"<noscript><p>This figure needs JavaScript, which is off. It shows: {escape(alt)}</p></noscript>"
    )
    spec = encode(name, controls, frames, TEMPLATE)
    parts.append(f'<script type="application/json" class="it-spec">{spec}</script>')
    parts.append(f"<figcaption>{inline(caption)}</figcaption></figure>")
    return "\n".join(parts)


def _plots(frames: Frames, alt: str) -> str:
    """One box a panel, with its height reserved so that the page does not jump when plotly arrives."""
    count = len(frames.panels)
    boxes = []
    for p, panel in enumerate(frames.panels):
        label = alt if count == 1 else f"{alt} (panel {p + 1} of {count})"
        height = panel["layout"].get("height", DEFAULT_HEIGHT)
        boxes.append(
            f'<div class="it-plot" role="img" aria-label="{escape(label)}" style="height:{height}px"></div>'
        )
    return f'<div class="it-panels">{"".join(boxes)}</div>'


def _control(name: str, control: Control) -> str:
    target = f"fig-{name}-{control.name}"
    label = f'<label for="{target}">{inline(control.label)}</label>'
    if control.is_choice:
        options = "".join(
            f'<option value="{i}"{" selected" if i == control.start_index else ""}>{escape(text)}</option>'
            for i, text in enumerate(control.texts)
        )
        return (
            f'<div class="it-control">{label}'
            f'<select id="{target}" autocomplete="off">{options}</select></div>'
        )
    text, width = control.text(control.start), max(map(len, control.texts))
    return (
        f'<div class="it-control">{label}'
        f'<input type="range" id="{target}" min="0" max="{len(control.values) - 1}" step="1" '
        f'value="{control.start_index}" aria-valuetext="{escape(text)}" autocomplete="off">'
        f'<output for="{target}" aria-live="off" style="min-width:{width}ch">{escape(text)}</output></div>'
    )

"""What a stored notebook must not contain, because no test could compare it or no page could show it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nbformat import NotebookNode

WIDGET = "application/vnd.jupyter.widget-view+json"
PLOTLY = "application/vnd.plotly.v1+json"

SOURCE = {
    r"\bclear_output\b": "clears its output, which a stored page cannot",
    r"\b(display_id|update_display)\b": "updates a display in place, which no comparison sees",
    r"^\s*%{1,2}(time|timeit)\b": "prints a time, which is never the same twice",
    r"\b(perf_counter|process_time|monotonic|time\.time)\b": "measures time; load a stored result",
    r"\bNBVAL_|\bPYTEST_VALIDATE_": "asks to be compared otherwise than all cells",
    r";\s*\Z": "ends in a semicolon, which hides an output in some front ends only; write _ = …",
}
TEXT = {
    r"\b0x[0-9a-f]{6,}\b": "prints a memory address",
    r"(?<![\w.])/(?:home|root|tmp|Users|usr|opt|mnt|var)/": "prints a path of one machine",
}

#: So many characters fit into the box of an output at a width of 1280 pixels.
COLUMNS = 82


def violations(notebook: NotebookNode) -> list[str]:
    """One sentence for each thing in `notebook` that is not allowed."""
    found = []
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        found.append("the kernel is not python3")
    code = [(n, c) for n, c in enumerate(notebook.cells) if c.cell_type == "code" and c.source.strip()]
    if [c.execution_count for _, c in code] != list(range(1, len(code) + 1)):
        found.append("its cells were not run once each, from the first to the last")
    for number, cell in code:
        found += [f"cell {number} {what}" for what in (*_source(cell.source), *_outputs(cell.outputs))]
        if "execution" in cell.metadata:
            found.append(f"cell {number} holds the times of its execution")
    return found


def _source(source: str) -> Iterator[str]:
    return (what for pattern, what in SOURCE.items() if re.search(pattern, source, re.M))


def _outputs(outputs: list) -> Iterator[str]:
    for output in outputs:
        if output.output_type == "stream":
            if output.name == "stderr":
                yield f"writes to stderr: {output.text.strip()[:80]!r}"
            if max(map(len, output.text.splitlines()), default=0) > COLUMNS:
                yield "prints a line that runs out of its box; break it, as textwrap.fill does"
            yield from _text(output.text)
            continue
        data = output.get("data", {})
        html = data.get("text/html", "")
        explorer = "it-explorer" in html
        if WIDGET in data:
            yield "shows a bare widget, which is dead in a page; use an Explorer"
        if PLOTLY in data and not explorer:
            yield "shows a bare plotly figure, which no page can show; wrap it in Figure"
        if any(mime.startswith("image/") for mime in data):
            yield "shows an image, whose pixels depend on the machine; use Figure"
        yield from _text(data.get("text/plain", ""))
        if not explorer:  # an explorer's packed numbers spell anything
            yield from _text(html)


def _text(text: str) -> Iterator[str]:
    return (what for pattern, what in TEXT.items() if re.search(pattern, text))

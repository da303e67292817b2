"""The book's notebooks hold nothing that no test compares or no page shows; the rules catch such things."""

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tests.notebooks.rules import PLOTLY, WIDGET, violations

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_stored_notebook(path):
    assert violations(nbformat.read(path, as_version=4)) == []


def notebook(source="1 + 1", outputs=(), count=1, kernel="python3", **metadata):
    cell = new_code_cell(source, outputs=list(outputs), execution_count=count, metadata=metadata)
    return new_notebook(cells=[cell], metadata={"kernelspec": {"name": kernel, "display_name": ""}})


def shown(**data):
    return [new_output("display_data", data={k.replace("__", "/"): v for k, v in data.items()})]


def test_an_honest_notebook_is_left_alone():
    outputs = [
        new_output("stream", text="C6 holds: 49 steps, 48.5 predicted\n"),
        *shown(text__plain="0.5 / 2"),
    ]
    explorer = {"text/html": '<figure class="it-explorer">0xabcdef0', PLOTLY: {}, "text/plain": "Explorer"}
    outputs.append(new_output("execute_result", data=explorer))
    assert violations(notebook(outputs=outputs)) == []
    assert violations(notebook(source="", count=None)) == []


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        (notebook(count=None), "not run once each"),
        (notebook(count=7), "not run once each"),
        (notebook(kernel="julia"), "kernel"),
        (notebook(execution={"iopub.execute_input": "2020"}), "times of its execution"),
        (notebook("from IPython.display import clear_output"), "clears"),
        (notebook("h = display(1, display_id=True)"), "in place"),
        (notebook("%%time\nnet(X)"), "never the same twice"),
        (notebook("t = time.perf_counter()"), "measures time"),
        (notebook("# NBVAL_IGNORE_OUTPUT\n1"), "compared otherwise"),
        (notebook("plt.plot(x);"), "semicolon"),
        (notebook(outputs=[new_output("stream", name="stderr", text="Warning")]), "stderr"),
        (notebook(outputs=[new_output("stream", text="a\n" + 83 * "b")]), "out of its box"),
        (notebook(outputs=[new_output("stream", text="<object at 0x7f0011223344>")]), "address"),
        (notebook(outputs=shown(text__plain="read /home/me/x.csv")), "path of one machine"),
        (notebook(outputs=shown(**{PLOTLY: {}})), "bare plotly"),
        (notebook(outputs=shown(**{WIDGET: {}})), "bare widget"),
        (notebook(outputs=shown(image__png="iVBOR")), "image"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_notebook_that_breaks_a_rule(bad, complaint):
    assert any(complaint in sentence for sentence in violations(bad)), violations(bad)

"""A pytest plugin for nbval: every output of every notebook is compared, numbers within a tolerance.

    python -m pytest -p tests.notebooks.tolerance --nbval notebooks

The kernels are those of Binder's environment, where a notebook may take so much memory and no more; with
``--nbval-current-env`` they are those of the present one.

A cell may ask for another tolerance with a tag, which readers do not see: ``rtol-1e-2``, ``atol-1e-8``.

A notebook with a cell that was never run, or whose output is to be ignored, is an error of collection: it
would otherwise pass whatever it printed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import nbval.plugin as nbval
import pytest

from tests.binder.environment import binder_kernels
from tests.notebooks.compare import Tolerance, output_difference, text_difference

#: Bytes that Binder has for a kernel.
MEMORY = 1.5e9
OVERRIDE = re.compile(r"(rtol|atol)-(.+)")


def pytest_configure(config: pytest.Config) -> None:
    if config.option.nbval or config.option.nbval_lax:
        # Kernels inherit it: outputs are the book's, also when the tests are started from a notebook server.
        os.environ["IMPLICIT_TUTORIAL_LIVE"] = "0"


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> Iterator[None]:
    """Put our notebooks in the place of those that nbval collects."""
    collected = yield
    return [
        NotebookFile.from_parent(parent, path=c.path) if isinstance(c, nbval.IPyNbFile) else c
        for c in collected
    ]


def tolerance_of(tags: Iterable[str]) -> Tolerance:
    """The tolerance that a cell asks for by its tags."""
    asked = filter(None, map(OVERRIDE.fullmatch, tags))
    return Tolerance(**{found[1]: float(found[2]) for found in asked})


class NotebookFile(nbval.IPyNbFile):
    """A notebook all of whose cells were run and are compared."""

    def setup(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            if not self.config.option.nbval_current_env:
                patch.setenv("JUPYTER_PATH", str(binder_kernels()))
            super().setup()

    def collect(self) -> Iterator[pytest.Item]:
        for item in super().collect():
            where = f"{self.path.name}, code cell {item.cell_num}"
            if item.options["skip"] or not item.options["check"]:
                raise self.CollectError(f"{where}: its output would be ignored; remove the marker.")
            if item.cell.execution_count is None and item.cell.source.strip():
                raise self.CollectError(f"{where}: stored without a run; execute it and store it again.")
            yield NotebookCell.from_parent(
                self, name=item.name, cell_num=item.cell_num, cell=item.cell, options=item.options
            )
        yield NotebookMemory.from_parent(self, name="memory")


class NotebookCell(nbval.IPyNbCell):
    """A cell whose new outputs must be the stored ones."""

    def compare_outputs(self, test: list, ref: list, skip_compare: Any = None) -> bool:
        difference = self.difference(ref, test)
        self.comparison_traceback = [difference] if difference else []
        return not difference

    def difference(self, stored: list, new: list) -> str | None:
        """The first difference between two lists of outputs: printed text first, then the rest in order."""
        tol = tolerance_of(self.cell.metadata.get("tags", ()))
        old_text, new_text = _streams(stored), _streams(new)
        for stream in ("stdout", "stderr"):
            pair = self.sanitize(old_text[stream]), self.sanitize(new_text[stream])
            if difference := text_difference(*pair, tol):
                return f"{stream}: {difference}"
        old_rich, new_rich = ([o for o in outs if o.output_type != "stream"] for outs in (stored, new))
        kinds = [o.output_type for o in old_rich], [o.output_type for o in new_rich]
        if kinds[0] != kinds[1]:
            return f"stored outputs {kinds[0]}, now {kinds[1]}"
        for number, (old, now) in enumerate(zip(old_rich, new_rich, strict=True)):
            if difference := self._output_difference(_forms(old), _forms(now), tol):
                return f"output {number}, {difference}"
        return None

    def _output_difference(self, stored: dict, new: dict, tol: Tolerance) -> str | None:
        if stored.keys() != new.keys():
            return f"forms: stored {sorted(stored)}, now {sorted(new)}"
        for mime in stored:
            pair = stored[mime], new[mime]
            if mime != "text/html":  # a pattern must not reach into an explorer's packed numbers
                pair = self.sanitize(pair[0]), self.sanitize(pair[1])
            if difference := output_difference(mime, *pair, tol):
                return f"{mime}: {difference}"
        return None


class NotebookMemory(pytest.Item):
    """What the kernel has taken at its highest, after the last cell."""

    def runtest(self) -> None:
        # Resident memory by name: what the system calls a child's peak begins with its parent's.
        status = Path(f"/proc/{self.parent.kernel.km.provisioner.pid}/status")
        if not status.exists():
            pytest.skip("only Linux tells how much memory another process has taken")
        peak = 1024 * int(re.search(r"VmHWM:\s*(\d+) kB", status.read_text())[1])
        assert 1e8 < peak < MEMORY, (
            f"the kernel took {peak / 1e9:.2f} GB, and Binder has {MEMORY / 1e9:.1f} GB"
        )

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, f"{self.path.name}: memory"


def _streams(outputs: list) -> dict[str, str]:
    """All that was printed, by stream; the order of the two streams is the kernel's accident."""
    text = {"stdout": "", "stderr": ""}
    for output in outputs:
        if output.output_type == "stream":
            text[output.name] += output.text
    return text


def _forms(output: Any) -> dict[str, Any]:
    """The forms of a rich output, or name and message of an error."""
    if output.output_type == "error":
        return {"ename": output.ename, "evalue": output.evalue}
    return dict(output.data)

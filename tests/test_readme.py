"""What the README shows is what there is: its code runs, and its picture is the book's figure of today."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import readme_picture


def test_its_code_runs(root: Path, capsys: pytest.CaptureFixture) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (root / "README.md").read_text("utf-8"), re.S)
    exec(compile(code, "README.md", "exec"), {})
    shown = capsys.readouterr().out
    assert "→ well-posed" in shown
    assert "C7 holds: " in shown


def test_its_picture_is_small_and_there(root: Path) -> None:
    assert str(readme_picture.PICTURE.relative_to(root)) in (root / "README.md").read_text("utf-8")
    assert readme_picture.PICTURE.stat().st_size < 60_000


def curves(svg: str) -> list[np.ndarray]:
    """The lines of a drawing, each as the numbers of its path."""
    paths = re.findall(r'<path class="js-line" d="([^"]+)"', svg)
    return [np.array(re.findall(r"-?[\d.]+", path), dtype=float) for path in paths]


@pytest.mark.browser
def test_its_picture_is_the_figure_of_today(browser) -> None:
    """But for a few pixels, by which another system's letters move everything."""
    kept, drawn = (
        curves(svg) for svg in (readme_picture.PICTURE.read_text("utf-8"), readme_picture.svg(browser))
    )
    assert [len(line) for line in kept] == [len(line) for line in drawn] != []
    for line, other in zip(kept, drawn, strict=True):
        assert np.abs(line - other).max() < 4, "run: python tools/readme_picture.py"

"""The formatter of the chapters' code: ruff's rules for notebooks; the text around the cells is untouched."""

from pathlib import Path

import format_chapters
import pytest

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "notebooks").glob("[0-9]*.md"))
TEXT = """---
file_format: mystnb
---

# Title

Some   text with `x=1`.

```python
untouched( 1,2 )
```

```{code-cell} ipython3
:tags: [remove-cell]

import torch
import math
value = math.some_function_with_a_name(first_argument_of_it, torch.argument_of_it, third)
```

````{solution} ex
```{code-cell} ipython3
x   = 1
x
```
````
"""


@pytest.fixture
def chapter(tmp_path):
    """A chapter in a folder with the project's rules."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (folder / "ruff.toml").write_text((ROOT / "notebooks" / "ruff.toml").read_text())
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    path = folder / "01_a.md"
    path.write_text(TEXT)
    return path


def test_cells_are_formatted_to_the_width_of_the_page_and_the_text_is_left(chapter):
    assert format_chapters.main([str(chapter)]) == 0
    lines = chapter.read_text().splitlines()
    assert lines[:12] == TEXT.splitlines()[:12]
    cell = lines[lines.index(":tags: [remove-cell]") + 2 :]
    assert cell[:3] == ["import math", "", "import torch"]
    assert cell[4:7] == [
        "value = math.some_function_with_a_name(",
        "    first_argument_of_it, torch.argument_of_it, third",
        ")",
    ]
    assert lines[-5:] == ["```{code-cell} ipython3", "x = 1", "x", "```", "````"]
    before = chapter.read_text()
    assert format_chapters.main([str(chapter)]) == 0
    assert chapter.read_text() == before


def test_a_cell_that_is_no_python_is_named_and_nothing_is_written(chapter, capsys):
    broken = TEXT.replace("x   = 1", "x = = 1")
    chapter.write_text(broken)
    assert format_chapters.main([str(chapter)]) == 1
    assert "01_a: ruff cannot read a cell" in capsys.readouterr().err
    assert chapter.read_text() == broken


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_the_chapters_code_is_formatted(path):
    text = path.read_text("utf-8")
    assert text.count("{code-cell}") == len(list(format_chapters.CELL.finditer(text)))
    assert format_chapters.formatted(text, path) == text, f"run `make format`: {path.name} is not formatted"

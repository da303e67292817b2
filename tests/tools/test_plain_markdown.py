"""MyST said without MyST: boxes, folds, headings, references, citations and numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
from book_labels import Labels
from myst_text import Directive, directives, parse
from plain_markdown import PlainMarkdown

ONE = """---
file_format: mystnb
---
# Beginnings

:::{prf:theorem} First
:label: T1
Text.
:::

```{code-cell} ipython3
x = ":::{prf:theorem}"
```

:::{prf:observation}
:label: O1
Seen.
:::
"""
TWO = """---
file_format: mystnb
---
# Ends

:::{prf:theorem} Second {cite:p}`two`
:label: T2
:::

:::{prf:theorem} Third
:label: T3
:::

````{exercise} Try
:label: try
````
"""
BIBLIOGRAPHY = """
@book{one, author = {Bai, Shaojie}, title = {T}, publisher = {P}, year = {2019}, url = {https://one.example}}
@book{two, author = {A, B and van der C, D}, title = {T}, publisher = {P}, year = {2020}, doi = {10.1/2}}
@book{many, author = {A, B and C, D and E, F}, title = {T}, publisher = {P}, year = {2021a}}
"""


@pytest.fixture
def plain(tmp_path: Path) -> PlainMarkdown:
    for folder in ("notebooks", "book"):
        (tmp_path / folder).mkdir()
    (tmp_path / "notebooks" / "01_one.md").write_text(ONE)
    (tmp_path / "notebooks" / "02_two.md").write_text(TWO)
    (tmp_path / "book" / "notation.md").write_text("# Notation\n")
    (tmp_path / "book" / "references.bib").write_text(BIBLIOGRAPHY)
    return PlainMarkdown("02_two", Labels(tmp_path), {"x": "3.14159", "n": "7", "word": "'−2'"})


def sources(plain: PlainMarkdown, text: str) -> list[str]:
    return [cell.source for cell in plain.cells(text)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{glue:text}`x:.2f` of {glue:text}`n`, {glue:text}`word`", "3.14 of 7, −2"),
        ("{prf:ref}`T1`", "[Theorem 1.1](01_one.ipynb#T1)"),
        ("{prf:ref}`O1`", "[Observation 1.1](01_one.ipynb#O1)"),
        ("{prf:ref}`T3`", "[Theorem 2.2](#T3)"),
        ("{prf:ref}`as said <T1>`", "[as said](01_one.ipynb#T1)"),
        ("{doc}`01_one`", "[Beginnings](01_one.ipynb)"),
        ("{doc}`the start <../notebooks/01_one>`", "[the start](01_one.ipynb)"),
        (
            "{doc}`../book/notation`, {doc}`/book/notation`",
            ", ".join(["[Notation](../book/notation.md)"] * 2),
        ),
        ("{cite:t}`one` says", "Bai [[2019](https://one.example)] says"),
        ("{cite:t}`two,many`", "A and van der C [[2020](https://doi.org/10.1/2)], A et al. [2021a]"),
        ("so {cite:p}`one, many`.", "so [A et al., 2021a, [Bai, 2019](https://one.example)]."),
        ("$\\{x\\}$ and `{code}` stay", "$\\{x\\}$ and `{code}` stay"),
    ],
)
def test_inline(plain: PlainMarkdown, text: str, said: str) -> None:
    assert sources(plain, text) == [said]


def test_boxes_and_folds_keep_their_markdown_between_blank_lines(plain: PlainMarkdown) -> None:
    text = ":::{admonition} Predict\n:class: tip\nWhy?\n\n```{dropdown} Answer\n$1$\n```\n:::"
    (source,) = sources(plain, text)
    head, *lines = source.split("\n")
    assert head.startswith("<blockquote style=")
    assert "\n".join(lines) == (
        "\n**Predict**\n\nWhy?\n\n"
        '<details style="margin: 1em 0">\n<summary><b>Answer</b></summary>\n\n$1$\n\n</details>\n\n'
        "</blockquote>"
    )


def test_a_theorem_bears_its_number_and_can_be_linked_to(plain: PlainMarkdown) -> None:
    (source,) = sources(plain, TWO[TWO.index(":::") : TWO.index(":::\n\n:::") + 3])
    assert source.startswith('<blockquote id="T2" style=')
    assert "**Theorem 2.1** (Second [[A and van der C, 2020](https://doi.org/10.1/2)])" in source


def test_headings_are_numbered_as_on_the_page(plain: PlainMarkdown) -> None:
    said = [line for text in ("# T", "## A", "### B", "## C", "### D") for line in sources(plain, text)]
    assert said == ["# 2. T", "## 2.1. A", "### 2.1.1. B", "## 2.2. C", "### 2.2.1. D"]


def test_a_solution_is_folded_and_ends_where_it_ends(plain: PlainMarkdown) -> None:
    begin = (
        "## Exercises\n\n````{exercise} Try\n:label: try\nDo.\n````\n\n````{solution-start} try\n````\n\nSo."
    )
    cells = plain.cells(begin)
    assert [c.source for c in cells] == [
        "## 2.1. Exercises",
        "### Exercise 2.1 (Try)\n\nDo.",
        "#### Solution to Exercise 2.1 (Try)",
        "So.",
    ]
    assert [c.folded for c in cells] == [False, False, True, False]
    end = "And so.\n\n````{solution-end}\n````\n\n## Summary"
    assert sources(plain, end) == ["And so.", "## 2.2. Summary"]
    with pytest.raises(ValueError, match="a heading must stand"):
        plain.cells("````{solution-end}\n````\n\nMore text, which the fold would swallow.")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{glue:text}`y`", "names the number 'y'"),
        ("{ref}`somewhere`", "no plain form is known for the role"),
        (":::{tab-set}\n:::", "no plain form is known for the directive 'tab-set'"),
        (":::{admonition} Open", "never closed"),
        ("- item\n  ```{dropdown} Answer\n  ```", "indented"),
        ("```{dropdown} $x$\n```", "plain text"),
    ],
)
def test_what_cannot_be_said_is_refused(plain: PlainMarkdown, text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        plain.cells(text)


def test_a_label_of_nothing_is_refused(plain: PlainMarkdown) -> None:
    with pytest.raises(KeyError, match="T9"):
        plain.cells("{prf:ref}`T9`")


def test_nested_directives_and_code_are_told_apart() -> None:
    text = "a\n\n::::{outer} arg\n:key: value\n:::{inner}\n```\n:::{no}\n```\n:::\nb\n::::\n"
    first, outer = parse(text)
    assert first == "a"
    assert outer == Directive(
        "outer", "arg", {"key": "value"}, [Directive("inner", body=["```\n:::{no}\n```"]), "b"]
    )
    assert [d.name for d in directives([first, outer])] == ["outer", "inner"]


def test_two_theorems_of_one_label_are_refused(plain: PlainMarkdown) -> None:
    file = plain.labels.root / "notebooks" / "02_two.md"
    file.write_text(file.read_text().replace("T3", "T2"))
    with pytest.raises(ValueError, match="needs a label of its own"):
        _ = plain.labels.numbered

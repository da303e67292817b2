"""Scripts as they are served: smaller than their sources, and with the same words."""

from __future__ import annotations

import re

import pytest

from implicit_tutorial.explorer import STATIC
from implicit_tutorial.explorer.scripts import OPERATION, SAVING, SCRIPTS, scripts_of, served
from tests.explorer.documents import pages

pytest.importorskip("minify", reason="no minifier for this machine; scripts are served as they are")


def size(names: tuple[str, ...]) -> int:
    return sum(len(served(STATIC / name).encode()) for name in names)


def test_scripts_are_served_at_about_half_their_size() -> None:
    assert size(SCRIPTS) < 0.55 * sum((STATIC / name).stat().st_size for name in SCRIPTS)


def test_what_a_page_loads_at_once_is_small() -> None:
    """Beside plotly, whatever its figures compute. What saves them is fetched by who saves one."""
    heaviest = max(map(scripts_of, pages()), key=size)
    assert "program.js" in heaviest
    assert set(OPERATION) & set(heaviest)
    assert SAVING not in heaviest
    assert size(heaviest) <= 40_000


def test_a_page_loads_what_its_programs_call() -> None:
    """The scripts behind single operations, by the names under which program.js knows them."""
    code = (STATIC / "program.js").read_text("utf-8")
    for name, operation in OPERATION.items():
        [shared] = re.findall(r"^var (\w+) =", (STATIC / name).read_text("utf-8"), flags=re.M)
        uses = [line.split(":")[0].strip() for line in code.splitlines() if shared in line]
        assert uses == [operation]
        assert name in scripts_of(f'{{"steps":[[1,"{operation}","0"]]}}')
        assert name not in scripts_of("<p>linalg_eig and _linalg_eigh</p>")


@pytest.mark.parametrize("name", [*SCRIPTS, SAVING, "live.js"])
def test_what_a_reader_is_told_is_served_as_it_is_written(name: str) -> None:
    """All strings of several words, and the names by which scripts know each other."""
    source, text = (STATIC / name).read_text("utf-8"), served(STATIC / name)
    code = re.sub(r"/\*.*?\*/|(?<![:\"'`\\])//.*", "", source, flags=re.M)
    said = set(re.findall(r'"([A-Za-z][^"\n\\]* [^"\n\\]*)"', code)) - {"use strict"}
    assert {words for words in said if words not in text} == set()
    assert "sourceMappingURL" not in text
    for shared in re.findall(r"^var (\w+) =", source, flags=re.M):
        assert re.search(rf"\bvar {shared}=", text)


def test_a_template_within_a_template_keeps_its_spaces(tmp_path) -> None:
    script = tmp_path / "nested.js"
    script.write_text('const said = (c) => `a, b ${c ? `one,  two = 3` : ""} d`;')
    assert "`one,  two = 3`" in served(script)

"""Scripts as they are served: smaller than their sources, and with the same words."""

from __future__ import annotations

import re

import pytest

from implicit_tutorial.explorer import STATIC
from implicit_tutorial.explorer.scripts import served
from implicit_tutorial.explorer.style import SCRIPTS

pytest.importorskip("minify", reason="no minifier for this machine; scripts are served as they are")


def test_scripts_are_served_at_about_half_their_size() -> None:
    sizes = [((STATIC / name).stat().st_size, len(served(STATIC / name).encode())) for name in SCRIPTS]
    assert sum(after for _, after in sizes) < 45_000
    assert sum(after for _, after in sizes) < 0.55 * sum(before for before, _ in sizes)


@pytest.mark.parametrize("name", [*SCRIPTS, "live.js"])
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

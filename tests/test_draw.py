"""What a commit draws: some cases, others for another commit, all when asked for, none lost in between."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import draw

CASES = list(range(10))
FILE = """
import pytest

@pytest.mark.some(3)
@pytest.mark.parametrize("case", range(10))
def test_dear(case): pass

def test_cheap(): pass
"""


def test_a_draw_is_the_commits_and_keeps_the_order(monkeypatch):
    def of(commit: str, what: str = "a test") -> list[int]:
        monkeypatch.setattr(draw, "commit", lambda: commit)
        return draw.drawn(CASES, 3, what)

    monkeypatch.setattr(draw, "EVERYTHING", False)
    draws = [of(str(k)) for k in range(40)]
    assert all(len(set(found)) == 3 and found == sorted(found) for found in draws)
    assert of("7") == draws[7]
    assert len(set(map(tuple, draws))) > 20, "another commit draws others"
    assert {case for found in draws for case in found} == set(CASES), "each has its turn"
    assert any(of(str(k), "another test") != draws[k] for k in range(3))
    monkeypatch.setattr(draw, "EVERYTHING", True)
    assert of("7") == CASES


@pytest.mark.parametrize(
    ("options", "environment", "dear"),
    [((), {}, 3), (("-k", "4"), {}, 1), ((), {"IMPLICIT_TUTORIAL_DRAW": "all"}, 10)],
)
def test_a_marked_test_runs_so_many_cases(root: Path, tmp_path: Path, options, environment, dear) -> None:
    """And the one that is asked for by name."""
    (tmp_path / "test_it.py").write_text(FILE)
    (tmp_path / "conftest.py").write_text("from tests.conftest import pytest_collection_modifyitems\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = some(count)\n")
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--collect-only", *options],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(root), **environment},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert found.count("::test_dear[") == dear
    assert found.count("::test_cheap") == (not options)

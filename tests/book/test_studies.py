"""Stored studies are what the code makes today: its fingerprint is the same, and some cells are run again."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from implicit_tutorial.book import fingerprint, study
from implicit_tutorial.book.study import Study, disagreements, grid, studies
from tests.draw import EVERYTHING, drawn

#: Cells that took longer when they were stored, in seconds, are left alone.
SHORT = 10.0
LONG = ("wide", "reference_flow")


def rows_to_run(chosen: Study) -> list[int]:
    """A short cell, drawn by the commit; where there is no training, one in six."""
    if EVERYTHING:
        return list(chosen.table.index)
    exact = chosen.rtol < 1e-3
    cells = list(chosen.table.index) if exact else chosen.quick(SHORT)
    return drawn(cells, max(len(cells) // 6, 4) if exact else 1, chosen.name)


@pytest.mark.parametrize("name", studies())
def test_the_stored_table_holds_the_whole_grid(name: str) -> None:
    chosen = studies()[name]
    assert chosen.stored["study"] == name
    assert chosen.stored["command"] == f"python -m implicit_tutorial.book {name}"
    assert set(chosen.stored["versions"]) >= {"python", "torch"}
    assert chosen.stored["machine"]["system"]
    assert len(chosen.table) == len(chosen.cells)
    for stored, cell in zip(chosen.table.to_dict("records"), chosen.cells, strict=True):
        for key, value in cell.items():
            assert pd.isna(stored[key]) if value is None else stored[key] == value, "stored for another grid"
    if "status" in chosen.table:
        assert not chosen.table["status"].str.startswith("failed").any()
    assert chosen.path.stat().st_size < 300_000


@pytest.mark.parametrize("name", studies())
def test_the_code_that_made_it_is_todays(name: str) -> None:
    chosen = studies()[name]
    assert len(chosen.stored["code"]) > 3
    assert not chosen.changed, f"made by other code; run: make studies, or {chosen.command}"


@pytest.mark.some(12)
@pytest.mark.parametrize("name", [name for name, s in studies().items() if not s.machine_bound])
def test_cells_come_out_as_stored(name: str) -> None:
    chosen = studies()[name]
    rows = rows_to_run(chosen)
    assert rows or name in LONG
    wrong = {row: disagreements(chosen, row, dict(chosen.compute(row))) for row in rows}
    assert not any(wrong.values()), {row: found for row, found in wrong.items() if found}


def test_a_changed_figure_is_noticed() -> None:
    chosen = studies()["kernel_learning_curve"]
    fresh = dict(chosen.compute(0))
    assert not disagreements(chosen, 0, fresh)
    assert disagreements(chosen, 0, fresh | {"test_error": 1.06 * fresh["test_error"]})
    assert disagreements(chosen, 0, fresh | {"status": "other"})
    many = studies()["solver_plane"]
    sweeps = many.compute(3)["sweeps"]
    assert not disagreements(many, 3, {"sweeps": sweeps})
    assert disagreements(many, 3, {"sweeps": [1.1 * sweeps[0], *sweeps[1:]]})
    assert disagreements(many, 3, {"sweeps": sweeps[1:]})


@pytest.mark.parametrize(
    ("name", "total", "parts"),
    [
        ("kernel_learning_curve", "test_error", ["bias2", "var"]),
        ("digits_kernel", "test_error", ["bias2", "var"]),
        ("bound", "total", ["train_loss", "linear", "remainder", "confidence"]),
    ],
)
def test_the_parts_of_a_stored_sum_make_it(name: str, total: str, parts: list[str]) -> None:
    """A single number that is off by two per cent is noticed, whatever it costs to compute."""
    table = studies()[name].table.dropna(subset=[total])
    assert len(table) >= 12
    assert table[parts].sum(axis=1).to_numpy() == pytest.approx(table[total].to_numpy(), rel=1e-4)


def test_every_stored_file_belongs_to_a_study() -> None:
    stored = {path.stem for path in study.FOLDER.glob("*.json")}
    assert stored == {*studies(), "benchmarks"}


def test_studies_come_after_those_that_they_need() -> None:
    order = list(studies())
    for name, chosen in studies().items():
        assert all(order.index(other.name) < order.index(name) for other in chosen.needs)
    assert any(s.needs for s in studies().values())
    assert sum(s.machine_bound for s in studies().values()) == 5


# ---- a study of a test's own ----


def half(*, width: int) -> dict[str, float]:
    """Any experiment that runs through the package."""
    return {"half": len(grid(width=range(width))) / 2, "curve": [0.5 * width]}


def timed(*, width: int) -> dict:
    return {"run": lambda: grid(width=range(width))} if width else {}


@pytest.fixture
def small(tmp_path, monkeypatch) -> Study:
    monkeypatch.setattr(study, "FOLDER", tmp_path)
    return Study("small", "How much is a half?", half, grid(width=[3, 8]))


def test_what_is_run_is_stored_with_the_code_that_made_it(small, tmp_path) -> None:
    small.run(cache_dir=tmp_path / "cells", n_jobs=1)
    assert small.table["half"].tolist() == [1.5, 4.0]
    assert small.table["curve"].tolist() == [[1.5], [4.0]]
    assert small.at(width=8)["half"] == 4.0
    assert "book.study:grid" in small.stored["code"]
    assert small.changed == []
    with pytest.raises(KeyError, match="0 cells"):
        small.at(width=5)


def test_a_changed_function_is_named_and_its_cells_are_run_again(small, tmp_path, monkeypatch) -> None:
    small.run(cache_dir=tmp_path / "cells", n_jobs=1)
    monkeypatch.setattr(study, "changes", lambda code: [name for name in code if name == "book.study:grid"])
    assert small.changed == ["book.study:grid"]
    asked, run_grid = [], study.run_grid

    def recorded(*args, reusable, **options):
        asked.append(reusable)
        return run_grid(*args, reusable=reusable, **options)

    monkeypatch.setattr(study, "run_grid", recorded)
    small.run(cache_dir=tmp_path / "cells", n_jobs=1)
    assert not asked[0]({"code": {"book.study:grid": "00000000"}})
    assert asked[0]({"code": {"book.study:other": "00000000"}})


def test_cells_that_agree_confirm_a_table_and_others_do_not(small, tmp_path) -> None:
    rows = small.run(cache_dir=tmp_path / "cells", n_jobs=1)
    small.write(
        rows, {"code": {"gone:f": "00000000"}, "command": "", "versions": {}, "machine": {}, "threads": 1}
    )
    assert small.changed == ["gone:f"]
    assert small.confirm([1], cache_dir=tmp_path / "cells", n_jobs=1) == []
    assert small.changed == []
    assert small.stored["confirmed"]["cells"] == 1
    small.write(rows.assign(half=[1.0, 2.0]), small.stored)
    assert small.confirm([1], cache_dir=tmp_path / "cells", n_jobs=1) == ["row 1: half: stored 2.0, now 4.0"]


def test_times_are_taken_of_what_there_is_to_time(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(study, "FOLDER", tmp_path)
    clocked = Study(
        "clocked", "How long?", timed, grid(width=[2, 0]), clock=lambda runs: [0.25 for _ in runs]
    )
    clocked.run(cache_dir=tmp_path)
    assert clocked.machine_bound
    assert clocked.table["seconds"].fillna(-1).tolist() == [0.25, -1]
    assert "book.study:grid" in clocked.stored["code"]


# ---- fingerprints ----


def module(tmp_path: Path, monkeypatch, source: str) -> dict[str, str]:
    """The digests of a module's functions."""
    monkeypatch.setattr(fingerprint, "PACKAGE", tmp_path)
    for known in (fingerprint.digest, fingerprint._module):
        known.cache_clear()
    (tmp_path / "m.py").write_text(source)
    return {name: fingerprint.digest(f"m:{name}") for name in ("f", "C.g", "none")}


SOURCE = '''
LIMIT = 3
OTHER = 5
class C:
    step: float = 0.1
    def g(self): return self.step
def f(x):
    """Says something."""
    return x + LIMIT
'''


@pytest.fixture(autouse=True)
def _forget():
    yield
    for known in (fingerprint.digest, fingerprint._module):
        known.cache_clear()


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ("x + LIMIT", "x - LIMIT", {"f"}),
        ("LIMIT = 3", "LIMIT = 4", {"f"}),
        ("OTHER = 5", "OTHER = 6", set()),
        ("0.1", "0.2", {"C.g"}),
        ("def f(x):", "def f(x: float) -> float:  # a comment", set()),
        ("Says something", "Says it better", set()),
        ("return x + LIMIT", "return (\\n        x + LIMIT\\n    )".replace("\\\\n", "\\n"), set()),
        ("def f(", "def renamed(", {"f"}),
        ("def f(", "@checked\\ndef f(", set()),
        ("def f(", "@doubled\\ndef f(", {"f"}),
    ],
)
def test_a_digest_tells_what_a_function_does(tmp_path, monkeypatch, before, after, changed) -> None:
    first = module(tmp_path, monkeypatch, SOURCE)
    second = module(tmp_path, monkeypatch, SOURCE.replace(before, after.replace("\\n", "\n")))
    assert first["none"] == "gone"
    assert {name for name in first if first[name] != second[name]} == changed

"""A grid computes each cell once, survives being killed, and keeps failures as rows."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import textwrap
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import torch

import implicit_tutorial as it
import implicit_tutorial.grid as grid_module


def _visit(folder: str, name: str) -> int:
    """Leave a mark for every computation, so that computing a cell twice is seen."""
    mark = Path(folder) / name
    mark.mkdir(exist_ok=True)
    (mark / f"{os.getpid()}-{time.monotonic_ns()}").touch()
    return len(list(mark.iterdir()))


def square(x: int, folder: str) -> dict[str, int]:
    _visit(folder, str(x))
    return {"square": x * x}


def counted(x: int, folder: str) -> dict[str, int]:
    return {"visit": _visit(folder, str(x))}


def fragile(x: int, folder: str) -> dict[str, int]:
    if _visit(folder, str(x)) == 1 and x == 2:
        raise RuntimeError("the first try of this cell fails")
    return {"square": x * x}


def deadly(x: int, folder: str) -> dict[str, int]:
    """Kills the process that computes cell 3, once."""
    if _visit(folder, str(x)) == 1 and x == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05)
    return {"square": x * x, "worker": os.getpid()}


def clashing(x: int) -> dict[str, int]:
    return {"x": x}


def visits(folder: Path) -> dict[str, int]:
    return {d.name: len(list(d.iterdir())) for d in folder.iterdir()}


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    (tmp_path / "marks").mkdir()
    return tmp_path / "marks"


@pytest.fixture
def run(tmp_path: Path, marks: Path) -> Callable[..., pd.DataFrame]:
    """An experiment on these values of x, with the cells of one cache."""

    def on_grid(experiment: Callable, x: list[int], n_jobs: int = 1, **options: Any) -> pd.DataFrame:
        grid = {"x": x, "folder": [str(marks)]}
        return it.run_grid(grid, experiment, cache_dir=tmp_path / "cache", n_jobs=n_jobs, **options)

    return on_grid


def test_rows_follow_the_grid_and_say_what_made_them(run: Callable) -> None:
    frame = run(square, [3, 1, 2], n_jobs=2)
    assert frame["x"].tolist() == [3, 1, 2]
    assert frame["square"].tolist() == [9, 1, 4]
    assert (frame["status"] == "finished").all()
    assert {"seconds", "torch_version", "package_version"} <= set(frame.columns)


def test_a_finished_cell_is_not_computed_again(run: Callable, marks: Path) -> None:
    first, larger = run(square, [1, 2]), run(square, [1, 2, 5], n_jobs=2)
    assert visits(marks) == {"1": 1, "2": 1, "5": 1}
    pd.testing.assert_frame_equal(first, larger.iloc[:2])


def test_a_stored_cell_that_is_not_reusable_is_computed_and_stored_anew(run: Callable, marks: Path) -> None:
    run(counted, [1, 2], reusable=lambda row: False)  # asked about stored cells only, and there are none
    again = run(counted, [1, 2], reusable=lambda row: row["x"] != 2 and row["visit"] == 1)
    assert again["visit"].tolist() == run(counted, [1, 2])["visit"].tolist() == [1, 2]
    assert visits(marks) == {"1": 1, "2": 2}


def test_the_former_name_still_works_and_says_the_new_one(tmp_path: Path, marks: Path) -> None:
    grid = {"x": [3], "folder": [str(marks)]}
    with pytest.warns(DeprecationWarning, match="run_grid"):
        assert it.sweep(grid, square, cache_dir=tmp_path, n_jobs=1)["square"].tolist() == [9]


def test_a_failure_is_a_row_and_is_tried_again(run: Callable, marks: Path) -> None:
    first, second = run(fragile, [1, 2]), run(fragile, [1, 2])
    assert first["status"].tolist() == ["finished", "failed: RuntimeError: the first try of this cell fails"]
    assert second["square"].tolist() == [1, 4]
    assert visits(marks) == {"1": 1, "2": 2}


def test_an_outcome_may_not_overwrite_a_setting(tmp_path: Path) -> None:
    frame = it.run_grid({"x": [1]}, clashing, cache_dir=tmp_path, n_jobs=1)
    assert "settings of the grid" in frame["status"][0]


def test_a_grid_of_scalars_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="give a list of values"):
        it.run_grid({"x": 3}, clashing, cache_dir=tmp_path)


def test_the_bar_counts_the_cells(run: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    bars = []

    class Bar(grid_module.tqdm):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options, file=io.StringIO())
            bars.append(self)

    monkeypatch.setattr(grid_module, "tqdm", Bar)
    run(square, [1, 2], progress=True)
    run(fragile, [1, 2, 3], progress=True)
    assert [(bar.n, bar.total) for bar in bars] == [(2, 2), (3, 3)]


def test_a_killed_worker_costs_no_cell(run: Callable, marks: Path) -> None:
    frame = run(deadly, list(range(8)), n_jobs=2)
    assert frame["square"].tolist() == [x * x for x in range(8)]
    seen = visits(marks)
    assert seen["3"] == 2
    assert sum(seen.values()) <= 8 + 2, "only the cells under way are computed again"
    run(deadly, list(range(8)), n_jobs=2)
    assert visits(marks) == seen


def lethal(x: int, folder: str) -> dict[str, int]:
    """Kills every process that computes cell 3."""
    _visit(folder, str(x))
    if x == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"square": x * x}


def test_a_cell_that_kills_its_process_is_a_row(run: Callable, tmp_path: Path) -> None:
    frame = run(lethal, list(range(6)), n_jobs=2)
    assert frame["status"].eq("finished").tolist() == [x != 3 for x in range(6)]
    assert "the process that computed this cell was killed" in frame["status"][3]
    assert "What to change" in frame["status"][3]
    assert not list((tmp_path / "cache").rglob("*.begun"))


@pytest.mark.parametrize("damage", ["", "{", '{"square": 9', "[]", "{}", "\\xff\\xfe"])
def test_a_damaged_cell_is_computed_again(run: Callable, marks: Path, tmp_path: Path, damage: str) -> None:
    run(square, [3])
    (file,) = (tmp_path / "cache").rglob("*.json")
    file.write_bytes(damage.encode("latin-1"))
    assert run(square, [3])["square"].tolist() == run(square, [3])["square"].tolist() == [9]
    assert visits(marks) == {"3": 2}


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (None, "returned None; return a mapping"),
        (3.0, "returned 3.0; return a mapping"),
        ({"curve": torch.ones(3)}, "'curve' as a Tensor; return numbers, strings, or lists"),
        ({"net": object()}, "'net' as a object"),
    ],
)
def test_an_outcome_that_cannot_be_stored_is_said(tmp_path: Path, outcome: Any, said: str) -> None:
    frame = it.run_grid({"x": [1]}, lambda x: outcome, cache_dir=tmp_path, n_jobs=1)
    assert said in frame["status"][0]


def test_a_row_is_the_same_computed_and_read(tmp_path: Path) -> None:
    def mixed(x: int) -> dict[str, Any]:
        return {
            "a": np.float32(0.5),
            "b": torch.tensor(2),
            "c": (1, 2.5),
            "d": None,
            "e": "text",
            "f": np.nan,
        }

    first, second = (it.run_grid({"x": [1]}, mixed, cache_dir=tmp_path, n_jobs=1) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)
    assert first["status"][0] == "finished"


def test_the_package_need_not_be_installed(tmp_path: Path) -> None:
    """On the path alone it has no metadata, which must not cost the results."""
    script = (
        "import importlib.metadata as m\n"
        "def missing(name): raise m.PackageNotFoundError(name)\n"
        "m.version = missing\n"
        "import implicit_tutorial as it\n"
        f"frame = it.run_grid({{'x': [1]}}, lambda x: {{'y': x}}, cache_dir={str(tmp_path)!r}, n_jobs=1)\n"
        "print(*frame.status, *frame.package_version)\n"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["finished", it.__version__]


def test_the_version_is_that_of_the_distribution(root: Path) -> None:
    assert tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"] == it.__version__


def test_a_killed_run_resumes(run: Callable, tmp_path: Path, marks: Path) -> None:
    """The whole process group dies in mid-run; the next call computes only what is missing."""
    script = textwrap.dedent(
        f"""
        import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
        import implicit_tutorial as it
        from test_grid import slow
        grid = {{"x": list(range(6)), "folder": [{str(marks)!r}]}}
        it.run_grid(grid, slow, cache_dir={str(tmp_path / "cache")!r}, n_jobs=1)
        """
    )
    process = subprocess.Popen([sys.executable, "-c", script], start_new_session=True)
    deadline = time.monotonic() + 60
    while len(list((tmp_path / "cache").rglob("*.json"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    stored = len(list((tmp_path / "cache").rglob("*.json")))
    assert 2 <= stored < 6
    before = sum(visits(marks).values())
    frame = run(slow, list(range(6)))
    assert frame["square"].tolist() == [x * x for x in range(6)]
    assert sum(visits(marks).values()) - before == 6 - stored


def slow(x: int, folder: str) -> dict[str, int]:
    _visit(folder, str(x))
    time.sleep(0.2)
    return {"square": x * x}


def test_the_same_call_runs_on_a_cluster_that_loses_a_worker(run: Callable, marks: Path) -> None:
    distributed = pytest.importorskip("distributed")
    folder = str(Path(__file__).parent)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        client.run(lambda: sys.path.insert(0, folder))
        with joblib.parallel_config("dask"):
            frame = run(deadly, list(range(8)), n_jobs=-1)
    assert frame["square"].tolist() == [x * x for x in range(8)]
    assert visits(marks)["3"] == 2, "the cell whose worker died was computed again"
    assert frame["worker"].nunique() >= 2

"""A grid computes each cell once, survives being killed, and keeps failures as rows."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
import pytest

import implicit_tutorial as it


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


def test_a_killed_worker_loses_no_finished_cell(run: Callable, tmp_path: Path, marks: Path) -> None:
    with pytest.raises(Exception, match="worker process"):
        run(deadly, list(range(8)), n_jobs=2)
    stored = len(list((tmp_path / "cache").rglob("*.json")))
    before = visits(marks)
    frame = run(deadly, list(range(8)), n_jobs=2)
    assert frame["square"].tolist() == [x * x for x in range(8)]
    again = sum(visits(marks).values()) - sum(before.values())
    assert again == 8 - stored, "the second call computes exactly the cells that were not stored"


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

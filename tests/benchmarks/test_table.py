"""The table of the book: every benchmark with its target, made from the stored rows, and able to say no."""

import copy
import json
import re
import sys
from importlib.metadata import PackageNotFoundError

import pytest
from bs4 import BeautifulSoup

from benchmarks import __main__ as command
from benchmarks import ratios, stored
from implicit_tutorial.book import benchmarks as book
from implicit_tutorial.prose import powers

#: The targets, written down a second time.
TARGETS = {
    "explicit": ("≤", 1.0),
    "torchdeq": ("≥", 20),
    "unrolled": ("≥", 15),
    "flow": ("≥", 30),
    "memory": ("≤", 1.3),
    "flow memory": ("≤", 1.0),
    "ensemble": ("≤", 1 / 3),
    "batch": ("≤", 1.1),
    "flows": ("≤", 0.25),
    "exponent": ("≤", 2.1),
    "page": ("≤", 4),
    "frame": ("≤", 16),
    "spectrum": ("≤", 50),
    "floor": ("≤", 1.08),
    "labels": ("≤", 0.5),
    "limit": ("≤", 1.0),
    "certify": ("≤", 0.5),
    "prove": ("≤", 0.5),
    "import": ("≤", 1.15),
}


@pytest.fixture
def table():
    return book.table()


def test_every_benchmark_has_its_target(table):
    assert list(book.BENCHMARKS) == list(ratios.RATIOS) == list(TARGETS)
    assert list(table.run["rows"]) == [name for name in TARGETS if name in table.run["rows"]]
    for name, (sign, target) in TARGETS.items():
        benchmark = book.BENCHMARKS[name]
        assert benchmark.goal({}) == f"{sign} {target:.3g}"
        assert benchmark.target == target
        assert benchmark.title in repr(table)
        for row in table.rows(name):
            assert benchmark.goal(row) in repr(table)
        unmeasured = f"{benchmark.title}: not measured in this run"
        assert (unmeasured in repr(table)) == (name not in table.run["rows"])


def test_some_widths_have_targets_of_their_own():
    page = book.BENCHMARKS["page"]
    assert [page.goal({"width": width}) for width in (128, 256, 512)] == ["≤ 4", "≤ 4", "≤ 5"]
    floor = book.BENCHMARKS["floor"]
    goals = {width: floor.goal({"width": width}) for width in (64, 128, 256, 1024, 2048)}
    assert goals == {64: "–", 128: "≤ 1.6", 256: "≤ 1.2", 1024: "≤ 1.08", 2048: "≤ 1.08"}
    assert floor.mark({"width": 64, "value": 6.0, "accuracy": 0.0}) == ""
    assert floor.met({"width": 256, "value": 1.19, "accuracy": 0.0})
    assert not floor.met({"width": 1024, "value": 1.19, "accuracy": 0.0})


def test_the_stored_run_has_every_width_and_says_where_it_was_made(table):
    for name in ("explicit", "torchdeq", "unrolled", "flow"):
        assert {row["width"] for row in table.run["rows"][name]} == {256, 1024, 2048}
    assert [row["width"] for row in table.run["rows"]["exponent"]] == [2**k for k in range(8, 14)]
    assert {row["width"] for row in table.run["rows"]["memory"]} == {4096}
    assert table.run["threads"] >= 1
    for part in ("torch", "torchdeq", "cores", "thread", table.run["machine"]["processor"]):
        assert part in table.circumstances


def test_the_table_shows_the_stored_rows(table):
    page = BeautifulSoup(table._repr_html_(), "html.parser")
    assert table.circumstances in page.caption.get_text()
    cells = [[cell.get_text() for cell in row.find_all("td")] for row in page.tbody.find_all("tr")]
    shown = [row for row in cells if row]
    expected = [(b, row) for name, b in book.BENCHMARKS.items() for row in table.rows(name)]
    assert len(shown) == len(expected)
    for (goal, value, accuracy), (benchmark, row) in zip(shown, expected, strict=True):
        assert goal == benchmark.goal(row)
        assert value == f"{powers(row['value'], 3)} {benchmark.mark(row)}".strip()
        assert benchmark.mark(row) in ("✓" if benchmark.met(row) else "✗")
        assert accuracy == powers(row["accuracy"])
    assert not re.search(r"\de[+-]?\d", f"{table}{page.get_text()}"), "numbers as in print"


def test_ratios_are_those_of_the_stored_times(table):
    rows = table.run["rows"]
    for name in ("explicit", "ensemble"):
        for row in rows[name]:
            assert row["value"] == pytest.approx(row["seconds"] / row["peer_seconds"], rel=1e-2)
    for name in ("torchdeq", "unrolled", "flow"):
        for row in rows[name]:
            assert row["value"] == pytest.approx(row["peer_seconds"] / row["seconds"], rel=1e-2)
    for row in rows["memory"]:
        assert row["value"] == pytest.approx(row["bytes"] / row["allowance"], rel=1e-2)


def test_a_worse_run_misses(table):
    run = copy.deepcopy(table.run)
    for name, rows in run["rows"].items():
        benchmark = book.BENCHMARKS[name]
        rows[:] = [row for row in rows if benchmark.goal(row) != "–"]
        for row in rows:
            row["value"] = benchmark.aim(row) * (1.01 if benchmark.at_most else 0.99)
    worse = book.Table(run)
    assert len(worse.missed()) == sum(len(worse.rows(name)) for name in book.BENCHMARKS)
    assert "✓" not in repr(worse)
    for benchmark, row in worse.missed():
        assert benchmark.missed_by(row) == pytest.approx(0.01)


def test_a_fast_step_off_the_curve_misses(table):
    row = dict(table.rows("explicit")[0], value=0.1, accuracy=0.011)
    assert not book.BENCHMARKS["explicit"].met(row)
    assert book.BENCHMARKS["explicit"].met(row | {"accuracy": 0.009})


def test_a_gpu_has_columns_of_its_own(table):
    run = copy.deepcopy(table.run)
    run["machine"]["gpu"] = "a GPU"
    run["rows"]["flow"] += [dict(row, device="cuda", value=77.0) for row in run["rows"]["flow"]]
    both = book.Table(run)
    assert both.devices == ["cpu", "cuda"]
    page = BeautifulSoup(both._repr_html_(), "html.parser")
    head = [cell.get_text() for cell in page.thead.find_all("th")]
    assert head == ["Case", "Target", "CPU", "Accuracy", "GPU", "Accuracy"]
    assert repr(both).count("cuda") == len(run["rows"]["flow"]) / 2
    assert "77.0 ✓" in page.get_text()


def test_a_benchmark_measured_again_replaces_its_rows_only(tmp_path, monkeypatch):
    path, machine = tmp_path / "run.json", {"threads": 1}
    monkeypatch.setattr(stored, "provenance", lambda *_: dict(machine))
    stored.replace("flow", [{"value": 1.0}], seconds=1, path=path)
    stored.replace("memory", [{"value": 2.0}], seconds=1, path=path)
    stored.replace("flow", [{"value": 3.0}], seconds=1, path=path)
    assert json.loads(path.read_text())["rows"] == {"flow": [{"value": 3.0}], "memory": [{"value": 2.0}]}
    machine["threads"] = 2  # rows of other circumstances do not share a table
    stored.replace("flow", [{"value": 4.0}], seconds=1, path=path)
    assert json.loads(path.read_text())["rows"] == {"flow": [{"value": 4.0}]}


def test_a_peer_that_is_missing_is_named_before_anything_is_measured(monkeypatch):
    def version(*_):
        raise PackageNotFoundError("torchdeq")

    monkeypatch.setattr(stored, "provenance", version)
    monkeypatch.setitem(command.RATIOS, "import", lambda *_: pytest.fail("measured"))
    monkeypatch.setattr(sys, "argv", ["benchmarks", "import"])
    with pytest.raises(SystemExit, match=r"torchdeq is not installed: `make bench`"):
        command.main()


def test_figures_are_drawn_from_the_stored_rows(table):
    steps = book.step_cost().panels()[0]["data"][0]
    assert list(steps["x"]) == [row["width"] for row in table.run["rows"]["exponent"]]
    assert list(steps["y"]) == pytest.approx([1e3 * row["seconds"] for row in table.run["rows"]["exponent"]])
    traces = book.above_the_floor().panels()[0]["data"]
    shown = {trace["name"]: dict(zip(trace["x"], trace["y"], strict=True)) for trace in traces}
    # A point over another, or over one, is a ratio of the table: nothing is said twice with two values.
    for row in table.run["rows"]["torchdeq"]:
        if row["fused"] == 1:
            assert shown["torchdeq"][row["width"]] == pytest.approx(row["value"])
    for row in table.run["rows"]["explicit"]:
        ours = 1 if row["fused"] == 1 else shown["2 fused"][row["width"]]
        assert ours / shown["explicit layer"][row["width"]] == pytest.approx(row["value"])
    for row in table.run["rows"]["floor"]:
        if row["width"] in shown["three products"]:
            assert 1 / shown["three products"][row["width"]] == pytest.approx(row["value"])

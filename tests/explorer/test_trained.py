"""The figures of the book that train, or take a spectrum: a page computes the numbers that torch computes."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from implicit_tutorial.book import explorers
from implicit_tutorial.explorer import STATIC
from implicit_tutorial.explorer.computed import Computed
from implicit_tutorial.explorer.scripts import served
from tests.browser import reader
from tests.draw import drawn
from tests.explorer.documents import computed

pytestmark = pytest.mark.skipif(
    not hasattr(torch.compiler, "is_exporting"),
    reason="this torch exports no loops; pages are made with a later one",
)

#: Two of those that train, drawn by the commit, and the other.
TRAINED = drawn(["learning-circle", "mode-decay", "circle-width", "phase-diagram"], 2, "trained")
NAMES = [*TRAINED, "initialization-scale"]
#: Without WebAssembly one of them shows it.
PLAIN = [(name, False) for name in drawn(TRAINED, 1, "trained, plain")]
SCRIPTS = ("product.js", "eigenvalues.js", "program.js", "computed.js")

SHOWN = """([document, values, options]) => {
  const computation = new implicitComputed.Computation(document, options);
  computation.begin(values);
  computation.advance(computation.steps(values[document.clock]), 1e9);
  const shown = computation.observe();
  const texts = ([name, { data = [] }]) => [name, Array.from(data, String)];
  return Object.fromEntries(Object.entries(shown).map(texts));
}"""
STATE = """([document, values, count, options]) => {
  const computation = new implicitComputed.Computation(document, options);
  computation.begin(values);
  computation.advance(count, 1e9);
  const text = (name) => [name, Array.from(computation.state[name].data, String)];
  return Object.fromEntries(computation.carried.map(text));
}"""
#: One step with 32 bits after so many with 64, which make the beginning too: it solves to a tolerance that
#: 32 bits never meet.
STEP = """([document, values, before]) => {
  const computation = new implicitComputed.Computation(document);
  computation.begin(values);
  computation.advance(before, 1e9);
  computation.programs.advance = new implicitProgram.Program(document.programs.advance, { bits: 32 });
  computation.loaded = false;
  computation.advance(before + 1, 1e9);
  return Array.from(computation.state.A.data, String);
}"""


@cache
def made(name: str) -> Computed:
    return explorers()[name]()


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    """A page that holds the scripts that compute and nothing else, read from the disk."""
    file = tmp_path_factory.mktemp("trained") / "index.html"
    scripts = "".join(f"<script>{served(STATIC / s)}</script>" for s in SCRIPTS)
    file.write_text(f"<!doctype html><meta charset=utf-8><title>Training</title>{scripts}")
    with reader(browser, file.as_uri()) as tab:
        tab.goto(file.as_uri())
        yield tab


def stops(name: str, count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Some of the places of the stored frames, the points where they start; the start is the first."""
    draw, explorer = random.Random(seed), made(name)
    chosen = [{c.name: draw.choice(c.values) for c in explorer.controls} for _ in range(count - 1)]
    return [explorer._starts | values for values in (explorer.start, *chosen)]


def between(name: str, count: int, seed: int = 1) -> list[dict[str, Any]]:
    """Places off the stops, and points that have been dragged."""
    draw, explorer, found = random.Random(seed), made(name), []
    for _ in range(count):
        values = {p: v + draw.uniform(-0.2, 0.2) for p, v in explorer._starts.items()}
        for c in explorer.controls:
            if isinstance(c.start, str):
                values[c.name] = draw.choice(c.values)
                continue
            k = draw.randrange(len(c.values) - 1)
            value = draw.uniform(c.values[k], c.values[k + 1])
            whole = all(isinstance(v, int) for v in c.values)
            values[c.name] = round(value) if whole else value
        found.append(values)
    return found


def assert_close(found: list[str], wanted: torch.Tensor, what: str) -> None:
    got, wanted = np.array(found, dtype=float), wanted.double().flatten().numpy()
    scale = np.max(np.abs(wanted), initial=0, where=np.isfinite(wanted))
    np.testing.assert_allclose(got, wanted, rtol=1e-10, atol=1e-10 * scale + 1e-13, err_msg=what)


@pytest.mark.parametrize(("name", "wasm"), [*((name, True) for name in NAMES), *PLAIN])
def test_a_page_shows_what_torch_computes(page, name, wasm) -> None:
    for values in [*stops(name, 2 if wasm else 1), *between(name, 2 if wasm else 1)]:
        found = page.evaluate(SHOWN, [computed(name), values, {"wasm": wasm}])
        expected = made(name).computation.run(values)
        shown = [key for key in expected if "/" in key or key in made(name).computation.line]
        assert shown
        for key in shown:
            if key in found:
                assert_close(found[key], expected[key], f"{key} at {values}")
        assert {key for key in shown if "/" in key} <= set(found)


@pytest.mark.parametrize("name", TRAINED)
def test_a_single_step_in_single_precision(page, name) -> None:
    """The first step that moves A: a flow looks for its equilibria and its kernel before it takes one."""
    computation = made(name).computation
    (values,) = between(name, 1, seed=5)
    step = float(computation.run(values | {computation.clock: 0.0})["step"])

    @cache
    def matrix(steps: int) -> np.ndarray:
        return computation.run(values | {computation.clock: steps * step})["A"].double().flatten().numpy()

    before = next(k for k in range(200) if (matrix(k + 1) != matrix(0)).any())
    found = page.evaluate(STEP, [computed(name), values, before])
    got, wanted = np.array(found, dtype=float), matrix(before + 1)
    assert (got == got.astype(np.float32)).all()
    largest = np.abs(wanted).max()
    assert np.abs(wanted - matrix(0)).max() > 5e-4 * largest, "the step is too small to be seen"
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-5 * largest)


@pytest.mark.parametrize(("name", "wasm"), [*((name, True) for name in TRAINED), *PLAIN])
def test_two_hundred_steps_lead_where_torch_is_led(page, name, wasm) -> None:
    computation = made(name).computation
    (values,) = between(name, 1, seed=5)
    values |= {computation.clock: 0.0}
    step = float(computation.run(values)["step"])
    end = computation.run(values | {computation.clock: 200 * step})
    found = page.evaluate(STATE, [computed(name), values, 200, {"wasm": wasm}])
    assert "A" in found
    for key, entries in found.items():
        assert_close(entries, end[key], key)

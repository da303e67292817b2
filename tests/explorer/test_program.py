"""The page computes what torch computes: each operation, whole functions, with and without WebAssembly."""

import itertools
import json
import math
from functools import cache

import pytest
import torch
from torch._higher_order_ops.while_loop import while_loop

from implicit_tutorial.explorer import STATIC
from implicit_tutorial.explorer.eigenvalues import eigenvalues
from implicit_tutorial.explorer.program import OPERATIONS, UnknownOperationError, export_program
from tests.browser import reader

pytestmark = pytest.mark.skipif(
    not hasattr(torch.compiler, "is_exporting"),
    reason="this torch exports no loops; pages are made with a later one",
)

aten = torch.ops.aten


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed + 1))


x, y, row, column, scalar = normal(4, 5), normal(4, 5, seed=1), normal(5), normal(4, 1), normal()
cube = normal(3, 4, 5)
square = normal(5, 5)


def picard(A, b, z, tolerance):
    """z ← relu(Az + b) until it stops moving; the second state is the first one's predecessor."""

    def moving(z, before, step):
        return (torch.linalg.vector_norm(z - before) > tolerance) & (step < 500)

    def sweep(z, before, step):
        return torch.relu(torch.addmm(b, z, A.T)), z.clone(), step + 1

    end, before, steps = while_loop(moving, sweep, (z, z + 1, torch.zeros((), dtype=torch.int64)))
    return {"z": end, "before": before, "steps": steps}


def exchange(p, q):
    """A loop whose states change places, which must not overwrite one another."""

    def go_on(k, p, q):
        return k < 5

    def swap(k, p, q):
        return k + 1, q * 2, p + 1

    _, p, q = while_loop(go_on, swap, (torch.zeros((), dtype=torch.int64), p, q))
    return {"p": p, "q": q}


def around(x, y):
    """A loop that reads many values from around it, some of which bear the numbers of its own."""
    kept = [torch.sin(x + k) for k in range(4)]

    def go_on(k, z):
        return k < 3

    def step(k, z):
        for value in kept:
            z = (z * value - y) / 2
        return k + 1, z

    _, z = while_loop(go_on, step, (torch.zeros((), dtype=torch.int64), x.clone()))
    return {"z": z}


def outside(p, q):
    """A loop that takes many values from outside, whose numbers are those of others inside."""
    a, b, c = p + 1, p * 2, q - 3
    d, e = a * b, b / c

    def step(k, p):
        return k + 1, torch.sin((p * a + b - c) / (d.abs() + 1) + e.abs())

    _, r = while_loop(lambda k, p: k < 4, step, (torch.zeros((), dtype=torch.int64), p * 1))
    return {"r": r + a + e}


#: Functions and their inputs, such that each operation occurs, with shapes that broadcast.
CASES = {
    "arithmetic": (lambda x, row, s: {"r": (x + row) * s - x / row + 2 * x - 1 - row / 3}, (x, row, scalar)),
    "alpha": (lambda x, row: {"r": torch.add(x, row, alpha=0.3), "q": torch.sub(x, row, alpha=2)}, (x, row)),
    "powers": (lambda x, c: {"r": x**2 + x**3, "q": x.abs() ** c.abs(), "s": x.square()}, (x, column)),
    "larger": (lambda x, c: {"r": torch.maximum(x, c), "q": torch.minimum(x, c)}, (x, column)),
    "angles": (
        lambda x, y: {"r": torch.atan2(x, y), "q": torch.remainder(x, 0.7), "s": torch.remainder(x, y)},
        (x, y),
    ),
    "comparisons": (
        lambda x, r: {
            "a": (x <= r) * 1.0, "b": (x < r) * 1.0, "c": (x >= r) * 1.0, "d": (x > r) * 1.0,
            "e": (x == x) * 1.0, "f": (x != r) * 1.0, "g": (x > 0.2) * 1.0, "h": (x <= 0) * 1.0,
        },
        (x, row),
    ),
    "logic": (
        lambda x, y: {
            "a": torch.logical_and(x > 0, y > 0) * 1.0, "b": torch.logical_or(x > 0, y > 0) * 1.0,
            "c": torch.logical_not(x > 0) * 1.0, "d": ((x > 0) & (y > 0)) * 1.0,
            "e": ((x > 0) | (y > 0)) * 1.0, "f": (~(x > 0)) * 1.0,
        },
        (x, y),
    ),
    "one argument": (
        lambda x: {
            "a": -x, "b": x.abs(), "c": torch.relu(x), "d": x.abs().sqrt(), "e": x.reciprocal(),
            "f": x.exp(), "g": x.abs().log(), "h": x.sin(), "i": x.cos(), "j": x.floor(),
        },
        (x,),
    ),
    "choices": (
        lambda x, r: {
            "a": torch.where(x > r, x, r), "b": torch.clamp(x, -0.5, 0.5), "c": torch.clamp(x, min=0.1),
            "d": torch.clamp(x, max=0.1), "e": aten.threshold_backward(x, r.expand(4, 5), 0.0),
        },
        (x, row),
    ),
    "made of numbers": (
        lambda x: {
            "a": torch.arange(x.shape[1], dtype=x.dtype) * x, "b": torch.zeros_like(x) + 1,
            "c": torch.full((4, 5), 2.5, dtype=x.dtype) + x, "d": torch.tensor([1.0, 2.0], dtype=x.dtype) * 3,
            "e": torch.ones((), dtype=x.dtype) + x, "f": x * math.inf,
        },
        (x,),
    ),
    "views": (
        lambda x, c: {
            "a": x.T + 1, "b": c.permute(2, 0, 1), "c": x[:, None] * x[None], "d": c[:, 1], "e": c[..., -1],
            "f": x[1:3, ::2], "g": c[:, :, 1:-1].sum(0), "h": x[:, :1].squeeze(1), "i": x.T.reshape(10, 2),
            "j": x[0].expand(3, 5) * 1, "k": (x * 2).T + (x * 3).T, "l": x[:4, :4] + 1,
            "m": c.reshape(12, 5)[3], "n": x.contiguous(), "o": x.unsqueeze(-1),
        },
        (x, cube),
    ),
    "joined": (
        lambda x, y: {
            "a": torch.cat([x, y.T[:4, :4]], 1), "b": torch.stack([x, y * 2]), "c": torch.cat([x, y]),
        },
        (x, y),
    ),
    "long copies": (
        lambda z: {
            "a": torch.cat([z, z[3:], 2 * z]), "b": torch.cat([z[:, 7:], z[:, 1:30]], 1),
            "c": torch.cat([z[2], z[1]]), "d": z[1:].reshape(-1), "e": z.T.reshape(-1),
        },
        (normal(4, 120),),
    ),
    "sums": (
        lambda x, c: {
            "a": x.sum(), "b": x.sum(0), "c": c.sum((0, 2), keepdim=True), "d": x.T.mean(1), "e": x.mean(),
            "f": x.amax(1), "g": c.amin((0, 1)), "h": (x > 1).any() * 1.0, "i": (x > 1).any(1) * 1.0,
            "j": torch.linalg.vector_norm(x), "k": torch.linalg.vector_norm(x.T, dim=1),
            "l": torch.linalg.vector_norm(x, 1), "m": torch.linalg.vector_norm(x, math.inf, dim=0),
            "n": (x[:, None] * x).sum(2), "o": (x * 2).sum(-1) + x[:, 0],
        },
        (x, cube),
    ),
    "products": (
        lambda x, y, s, c: {
            "a": x @ y.T, "b": x.T @ y, "c": x @ s, "d": x @ s.T, "e": torch.addmm(y, x, s.T, alpha=0.5),
            "f": torch.bmm(c, c.mT), "g": torch.baddbmm(c, c, s.expand(3, 5, 5), beta=2), "h": s @ s[0],
            "i": x[:, 1:4] @ s[1:4], "j": x[:1] @ s, "k": s[0] @ s[:, 0], "l": (x + y) @ (s * 2),
            "m": x[1:2] @ s.T, "n": torch.bmm(c[:, 2:3], c.mT), "o": torch.bmm(c[:, :1, 1:4], c[:, 1:, :2]),
        },
        (x, y, square, cube),
    ),
    "systems": (
        lambda s, x: {"a": torch.linalg.solve_ex(s, x.T)[0], "b": torch.linalg.solve_ex(s.T, x.T[:, :1])[0]},
        (square, x),
    ),
    "symmetric": (
        lambda s: {"a": torch.linalg.eigvalsh(s @ s.T), "b": torch.linalg.eigvalsh((s + s.T)[1:, 1:])},
        (square,),
    ),
    "spectra": (lambda s: {"a": eigenvalues(s), "b": eigenvalues(s.T)[:, 1] * 2}, (square,)),
    "sizes": (
        lambda x: {"a": x.sum() / x.shape[0], "b": x.reshape(x.shape[0] * x.shape[1]) + x.shape[1]},
        (x,),
    ),
    "loops": (picard, (square / 6, normal(4, 5, seed=2), normal(4, 5) * 0, torch.tensor(1e-13).double())),
    "taken from outside": (outside, (normal(3), normal(3, seed=5))),
    "exchanged": (exchange, (normal(3), normal(3, seed=5))),
    "around a loop": (around, (x, y)),
    "no numbers": (lambda x: {"a": torch.where(x > 0, x, math.nan), "b": x / math.inf - math.inf}, (x,)),
}  # fmt: skip


def named(function, inputs):
    """The inputs by the names of the function's arguments."""
    return dict(zip(function.__code__.co_varnames, inputs, strict=False))


@cache
def exported(name):
    function, inputs = CASES[name]
    return export_program(function, named(function, inputs))


def written(tensors):
    return {k: {"shape": list(t.shape), "data": t.flatten().tolist()} for k, t in tensors.items()}


CALL = """([document, inputs, options]) => {
  const program = new implicitProgram.Program(document, options).call(inputs);
  return Object.fromEntries(document.outputs.map((name) => [name, Array.from(program.get(name), String)]));
}"""


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    """A page that holds the scripts of a program and nothing else, read from the disk."""
    file = tmp_path_factory.mktemp("program") / "index.html"
    names = ("product.js", "eigenvalues.js", "symmetric.js", "program.js")
    scripts = "".join(f"<script>{(STATIC / s).read_text()}</script>" for s in names)
    file.write_text(f"<!doctype html><meta charset=utf-8><title>Programs</title>{scripts}")
    with reader(browser, file.as_uri()) as tab:
        tab.goto(file.as_uri())
        yield tab


def run(page, document, inputs, **options):
    """What the page computes, by name."""
    found = page.evaluate(CALL, [document, written(inputs), options])
    return {
        name: torch.tensor([float(v) for v in values], dtype=torch.float64) for name, values in found.items()
    }


def assert_same(found, expected, rtol):
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        wanted = tensor.flatten().to(torch.float64)
        got = found[name].to(torch.float64)
        scale = float(wanted.where(wanted.isfinite(), 0).abs().max())
        torch.testing.assert_close(
            got,
            wanted,
            rtol=rtol,
            atol=rtol * scale,
            equal_nan=True,
            msg=lambda m, n=name: f"{n}: {m}",
        )


@pytest.mark.parametrize("wasm", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_each_operation_gives_what_torch_gives(page, name, wasm):
    function, inputs = CASES[name]
    inputs = named(function, inputs)
    assert_same(run(page, exported(name), inputs, wasm=wasm), function(**inputs), 1e-12)


@pytest.mark.parametrize("name", [name for name in CASES if name != "loops"])  # which end by rounding
def test_each_operation_in_single_precision(page, name):
    function, inputs = CASES[name]
    inputs = named(function, inputs)
    found = run(page, exported(name), inputs, bits=32)
    assert_same(found, function(**inputs), 2e-5)
    assert all(torch.equal(t.float().double().nan_to_num(), t.nan_to_num()) for t in found.values())


def operations(document):
    """The names of the operations of a program, also of those in loops."""
    for _, name, *arguments in document["steps"]:
        yield name
        if name == "while":
            yield from itertools.chain(*map(operations, arguments[:2]))


def test_every_known_operation_is_among_the_cases_and_known_to_the_page(page):
    tried = set(itertools.chain(*(operations(exported(name)) for name in CASES)))
    known = set(OPERATIONS.values()) | {"while"}
    sizes = {"size", "int_add", "int_sub", "int_mul", "int_div"}  # only where sizes may vary, below
    assert known - sizes <= tried
    assert known <= set(page.evaluate("implicitProgram.operations"))


def test_sizes_may_vary(page):
    def step(A, z, b):
        n, m = z.shape
        new = torch.relu(torch.addmm(b, z, A.T)) / (n + m * 2 - n // 2)
        return {"z": new, "flat": new.reshape(n * m) * (m - 1)}

    inputs = {"A": square, "z": x, "b": y}
    names = {"A": ("m", "m"), "z": ("n", "m"), "b": ("n", "m")}
    document = export_program(step, inputs, names)
    for n, m in [(4, 5), (2, 9), (33, 17), (64, 130)]:
        inputs = {"A": normal(m, m), "z": normal(n, m), "b": normal(n, m, seed=3)}
        assert_same(run(page, document, inputs), step(**inputs), 1e-12)


def test_a_program_keeps_its_memory_and_carries_its_results(page):
    def turn(z, A):
        return {"z": z @ A.T, "sum": z.sum()}

    inputs = {"z": x, "A": square / 3}
    document = export_program(turn, inputs)
    steps = """([document, inputs, count]) => {
      const program = new implicitProgram.Program(document).call(inputs);
      for (let k = 1; k < count; k++) program.carry(["z"]).run();
      return Array.from(program.get("z"));
    }"""
    found = torch.tensor(page.evaluate(steps, [document, written(inputs), 7]), dtype=torch.float64)
    expected = x @ torch.linalg.matrix_power(square.T / 3, 7)
    torch.testing.assert_close(found.reshape(4, 5), expected, rtol=1e-12, atol=1e-14)


def test_two_inputs_that_begin_as_one_tensor_are_two(page):
    document = export_program(lambda p, q: {"r": p - 2 * q}, {"p": x, "q": x})
    inputs = {"p": x, "q": y}
    assert_same(run(page, document, inputs), {"r": x - 2 * y}, 1e-12)


def test_an_operation_that_the_page_does_not_know_is_named():
    def spectrum(A):
        return {"values": torch.linalg.svdvals(A)}

    with pytest.raises(UnknownOperationError, match=r"spectrum uses aten\._linalg_svd.*does not know"):
        export_program(spectrum, {"A": square})


def test_a_missing_input_and_a_wrong_length_are_named(page):
    document = exported("sizes")
    for inputs, said in (({}, "no x"), ({"x": {"shape": [4, 5], "data": [1.0]}}, "x has 1 entries, not 20")):
        with pytest.raises(Exception, match=said):
            page.evaluate(CALL, [document, inputs, {}])


def test_a_function_stays_small():
    assert len(json.dumps(exported("loops"))) < 4000

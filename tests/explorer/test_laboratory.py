"""The laboratory trains what torch trains, on the reader's own data, and no file breaks its page."""

from __future__ import annotations

import base64
import re
import shutil
import time
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial.book.laboratory import SCRIPTS, SHEET, STATIC, Laboratory
from implicit_tutorial.book.laboratory.arithmetic import advance, begin, limit, observe
from implicit_tutorial.book.laboratory.examples import EXAMPLES
from implicit_tutorial.book.laboratory.programs import programs
from implicit_tutorial.explorer.computed import call
from implicit_tutorial.explorer.reading import number
from implicit_tutorial.explorer.scripts import served
from tests.browser import INSPECT, reader
from tests.draw import drawn
from tests.explorer.conftest import write_page

pytestmark = pytest.mark.skipif(
    not hasattr(torch.compiler, "is_exporting"),
    reason="this torch exports no loops; pages are made with a later one",
)

AXE = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
#: How near the page comes to the library, whose states of test rows are solved to 1e-10.
NEAR = 1e-8
COMPARED = ["time", "train_loss", "test_error", "movement", "lambda_min"]


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    """The laboratory in a page on the disk."""
    folder = tmp_path_factory.mktemp("laboratory")
    shutil.copy(STATIC / SHEET, folder)
    for name in SCRIPTS:
        (folder / name).write_text(served(STATIC / name), "utf-8")
    page = write_page(folder, f"<main><h1>Laboratory</h1>{Laboratory().html()}</main>")
    more = "".join(f'<script defer src="{name}"></script>' for name in SCRIPTS)
    sheet = f'<link rel="stylesheet" href="{SHEET}">'
    page.write_text(page.read_text("utf-8").replace("</head>", f"{sheet}{more}</head>"), "utf-8")
    return page


@pytest.fixture
def tab(browser, path):
    with reader(browser, "file:", viewport={"width": 1280, "height": 900}) as opened:
        opened.goto(path.as_uri())
        settled(opened)
        yield opened


def give(tab, text: str | bytes, name: str = "mine.csv", *, dropped: bool = False) -> None:
    """Hand a file to the page, with the button or by dropping it."""
    data = text if isinstance(text, bytes) else text.encode()
    if not dropped:
        tab.set_input_files("#lab-file", {"name": name, "mimeType": "text/csv", "buffer": data})
        return
    transfer = tab.evaluate_handle(
        """([name, data]) => {
          const transfer = new DataTransfer();
          const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
          transfer.items.add(new File([bytes], name, { type: "text/csv" }));
          return transfer;
        }""",
        [name, base64.b64encode(data).decode()],
    )
    tab.dispatch_event(".it-drop", "drop", {"dataTransfer": transfer})


def settled(tab) -> None:
    """Wait until the network of the present choice is there."""
    tab.wait_for_selector(".it-laboratory:not([aria-busy])")


def choose(tab, **settings: float) -> None:
    """Put sliders to these values."""
    for name, value in settings.items():
        tab.evaluate(
            """([name, value]) => {
              const bench = implicitLaboratory.benches[0];
              const input = document.querySelector(`#fig-laboratory-${name}`);
              const k = bench.controls[name].values.indexOf(value);
              if (k < 0) throw new Error(`${name} has no ${value}`);
              const target = input.matches("[type=range]") ? input : input.querySelectorAll("input")[k];
              if (target === input) input.value = k; else target.checked = true;
              target.dispatchEvent(new Event("input", { bubbles: true }));
            }""",
            [name, value],
        )
    settled(tab)


def trained(tab, steps: int) -> pd.DataFrame:
    """The history after so many steps, without waiting for its rows to be drawn."""
    tab.evaluate(
        """async (steps) => {
          const bench = implicitLaboratory.benches[0];
          while (!bench.done && bench.rows.at(-1).step < steps) bench.arrived(await bench.worker.ask("next"));
          bench.show(bench.rows.length - 1);
        }""",
        steps,
    )
    with tab.expect_download() as download:
        tab.click("#lab-history")
    return pd.read_csv(download.value.path())


def in_python(tab, capsys) -> dict:
    """What the Python of the page leaves behind."""
    found: dict = {}
    exec(tab.inner_text("#lab-python"), found)
    capsys.readouterr()
    return found


def assert_same(shown: pd.DataFrame, history: pd.DataFrame) -> None:
    assert list(shown.step) == list(history.step)
    for name in COMPARED:
        np.testing.assert_allclose(shown[name], history[name], rtol=NEAR, atol=1e-12, err_msg=name)
    np.testing.assert_allclose(shown.norm_A, history.norm_A, rtol=1e-5)  # six digits there


# ---------------------------------------------------------------- the arithmetic


def test_the_page_draws_what_torch_draws(tab):
    sizes = [289, 17, 16, 1600, 35]
    generator = torch.Generator().manual_seed(7)
    wanted = [torch.randn(n, generator=generator, dtype=torch.float64) for n in sizes]
    found = tab.evaluate(
        """(sizes) => {
          const generator = new implicitRandom.Generator(7);
          return sizes.map((n) => Array.from(implicitRandom.normals(generator, n)));
        }""",
        sizes,
    )
    for x, y in zip(wanted, found, strict=True):
        np.testing.assert_allclose(y, x, rtol=1e-13, atol=1e-15)
    order = tab.evaluate("implicitRandom.permutation(new implicitRandom.Generator(3), 1000)")
    assert order == torch.randperm(1000, generator=torch.Generator().manual_seed(3)).tolist()
    with pytest.raises(Exception, match="fewer than 16"):
        tab.evaluate("implicitRandom.normals(new implicitRandom.Generator(0), 15)")


def experiment(example, width=48, implicit_scale=0.7, output_scale=2.0, seed=3):
    """The same state that the page begins with."""
    X, y, X_test, y_test = example.tensors().values()
    net = it.EquilibriumNetwork(X.shape[1], width, seed=seed)
    state = {name: getattr(net, name).data for name in ("Theta", "W", "v")}
    state |= {
        "X": X,
        "y": y,
        "seen": X_test,
        "y_seen": y_test,
        "part": torch.full_like(y_test, 1 / len(y_test)),
    }
    numbers = {"width": width, "implicit_scale": implicit_scale, "output_scale": output_scale}
    state |= {name: torch.tensor(float(v), dtype=torch.float64) for name, v in numbers.items()}
    state["other"] = y[torch.randperm(len(y), generator=torch.Generator().manual_seed(0))]
    return state, numbers | {"seed": seed}


RUN = """([programs, sample, settings, steps, options]) => {
  const one = new implicitExperiment.Experiment(programs, sample, settings, options);
  const rows = [one.begin()];
  const limit = one.limit();
  while (rows.at(-1).step < steps && !rows.at(-1).lost) rows.push(one.next());
  const list = (v) => (v?.length ? Array.from(v) : v);
  const plain = (row) => Object.fromEntries(Object.entries(row).map(([name, v]) => [name, list(v)]));
  return { rows: rows.map(plain), limit: plain(limit) };
}"""


#: Without WebAssembly one of them, drawn by the commit, shows it.
WAYS = [(e, True) for e in EXAMPLES] + [(e, False) for e in drawn(EXAMPLES, 1, "laboratory")]


@pytest.mark.some(2)
@pytest.mark.parametrize(("example", "wasm"), WAYS, ids=[f"{e.name}-{wasm}" for e, wasm in WAYS])
def test_fifty_steps_are_those_of_torch(tab, example, wasm):
    state, settings = experiment(example)
    sample = {name: state[name].tolist() for name in ("X", "y", "seen", "y_seen")}
    sample["tests"] = len(sample["seen"])
    found = tab.evaluate(RUN, [programs(), sample, settings, 50, {"wasm": wasm}])
    compare(found["limit"], call(limit, state))
    rows = {row["step"]: row for row in found["rows"]}
    assert 50 in rows or max(rows) > 50
    state |= call(begin, state)
    for step in range(max(rows) + 1):
        if step:
            state |= call(advance, state)
        if step in rows:
            seen = call(observe, state)
            state |= seen
            compare(rows[step], seen)


def compare(found: dict, wanted: dict) -> None:
    for name, tensor in wanted.items():
        if name == "z_seen":  # a state, which the page keeps to itself
            continue
        y = np.asarray(tensor, float)
        np.testing.assert_allclose(
            found[name], y, rtol=1e-10, atol=1e-10 * np.abs(y).max() + 1e-13, err_msg=name
        )


def test_a_function_that_is_off_by_one_per_mille_is_noticed(tab, monkeypatch):
    example = EXAMPLES[0]
    state, settings = experiment(example)
    sample = {name: state[name].tolist() for name in ("X", "y", "seen", "y_seen")} | {"tests": 48}
    broken = programs()
    eta = [k for k, step in enumerate(broken["begin"]["steps"]) if step[-1] == 0.3 or 0.3 in step]
    assert len(eta) == 1  # η is 2·0.15 of 1/λ_max
    changed = [list(step) for step in broken["begin"]["steps"]]
    changed[eta[0]] = [v * 1.001 if v == 0.3 else v for v in changed[eta[0]]]
    found = tab.evaluate(
        RUN, [broken | {"begin": broken["begin"] | {"steps": changed}}, sample, settings, 3, {}]
    )
    state |= call(begin, state)
    state |= call(advance, state)
    with pytest.raises(AssertionError):
        compare(found["rows"][1], call(observe, state))


# ---------------------------------------------------------------- the bench


def test_a_column_that_cannot_be_learned_leaves_nothing_of_the_last_one(tab):
    table = "a,b,word\n" + "\n".join(f"{k},{k * k % 7},{'xyz'[k % 3]}" for k in range(20))
    give(tab, NAMED.assign(word="x").drop(columns="word").to_csv(index=False), "good.csv")
    settled(tab)
    tab.evaluate("(text) => (implicitLaboratory.benches[0].source.table = implicitTable.read(text))", table)
    tab.evaluate("implicitLaboratory.benches[0].restart()")
    settled(tab)
    assert "has 3 different words" in tab.inner_text("#lab-complaint")
    for name in ("before", "said", "found", "table", "python"):
        assert tab.text_content(f"#lab-{name}").strip() == "", name
    assert tab.evaluate("implicitLaboratory.benches[0].rows.length") == 0
    # A table that can be learned brings all of it back.
    give(tab, NAMED.to_csv(index=False), "good.csv")
    settled(tab)
    assert tab.inner_text("#lab-complaint") == ""
    for name in ("before", "said", "found", "table", "python"):
        assert tab.text_content(f"#lab-{name}").strip(), name


def test_the_axis_of_steps_begins_at_zero(tab):
    settled(tab)
    ranges = "implicitLaboratory.benches[0].plots.boxes.slice(1).map((plot) => plot._fullLayout.xaxis.range)"
    tab.wait_for_function("implicitLaboratory.benches[0].plots.boxes.every((plot) => plot._fullLayout)")
    assert tab.evaluate(ranges) == [[0, 1]] * 3
    # The first row is seen, although a line of it would not be.
    assert tab.locator(".it-graph:nth-of-type(3) .scatterlayer .point").count() == 2


def test_nothing_is_trained_before_the_reader_says_so(tab):
    tab.wait_for_timeout(500)
    assert tab.evaluate("implicitLaboratory.benches[0].rows.length") == 1
    assert tab.inner_text("#lab-said").startswith("Step 0,")
    said = tab.inner_text("#lab-before")
    price = it.infinite_width_prediction(
        *list(EXAMPLES[0].tensors().values())[:3], implicit_scale=0.5, centered=True
    ).labels_price
    assert f"the labels cost {price:.3g};" in said
    assert tab.locator("#lab-conditions li").count() == 3


@pytest.mark.some(1)
@pytest.mark.parametrize("wait", [0, 100, 300])
def test_play_that_comes_before_the_network_is_not_lost(tab, wait):
    settled(tab)
    tab.locator("#fig-laboratory-output_scale").press("ArrowRight")
    tab.wait_for_timeout(wait)
    tab.click("#lab-play")
    tab.wait_for_function("implicitLaboratory.benches[0].rows.length > 2", timeout=20_000)
    assert tab.get_attribute("#lab-play", "aria-pressed") == "true"
    tab.click("#lab-play")
    assert tab.get_attribute("#lab-play", "aria-pressed") == "false"


def test_a_column_of_any_size_is_taken_as_it_is(tab, capsys, monkeypatch, tmp_path):
    """Sums and squares of such numbers are beyond double precision, their mean and deviation are not."""
    monkeypatch.chdir(tmp_path)
    sizes = pd.DataFrame({"far": 1e200 * NAMED["size"], "near": 1e-220 * NAMED["size"] ** 2, "y": NAMED["y"]})
    sizes.to_csv("mine.csv", index=False)
    give(tab, Path("mine.csv").read_bytes())
    choose(tab, width=32)
    assert "never change" not in tab.inner_text("#lab-found")
    assert_same(trained(tab, 5), in_python(tab, capsys)["history"])


def test_play_pause_and_scrub_by_keyboard(tab):
    tab.focus("#lab-play")
    tab.keyboard.press("Enter")
    tab.wait_for_function("implicitLaboratory.benches[0].cursor >= 5")
    tab.keyboard.press("Enter")
    assert tab.get_attribute("#lab-play", "aria-pressed") == "false"
    rows = tab.evaluate("implicitLaboratory.benches[0].rows.length")
    tab.focus("#lab-scrub")
    tab.keyboard.press("Home")
    assert tab.inner_text("#lab-said").startswith("Step 0,")
    tab.keyboard.press("ArrowRight")
    assert tab.inner_text("#lab-said").startswith("Step 1,")
    assert tab.evaluate("implicitLaboratory.benches[0].rows.length") in (rows, rows + 1)


def test_where_motion_is_unwelcome_a_row_a_second_is_shown(browser, path):
    with reader(browser, "file:", reduced_motion="reduce") as tab:
        tab.goto(path.as_uri())
        settled(tab)
        begun = time.monotonic()
        tab.click("#lab-play")
        tab.wait_for_function("implicitLaboratory.benches[0].cursor >= 3")
        assert time.monotonic() - begun > 1.9, "the first may come at once"


@pytest.mark.some(2)
@pytest.mark.parametrize("which", range(len(EXAMPLES)))
def test_the_python_of_an_example_gives_the_pages_numbers(tab, capsys, which):
    tab.select_option("#lab-source", str(which))
    choose(tab, width=64, implicit_scale=0.7, output_scale=2, seed=4)
    shown = trained(tab, 50)
    found = in_python(tab, capsys)
    assert_same(shown, found["history"])
    assert f"the labels cost {number(found['limit'].labels_price, '.3g')};" in tab.inner_text("#lab-before")


def test_a_network_that_loses_its_equilibrium_says_so(tab, capsys):
    choose(tab, width=32, implicit_scale=0.9, output_scale=0.1)
    shown = trained(tab, 2000)
    assert "the sweeps no longer settle on the samples" in tab.inner_text("#lab-said")
    history = in_python(tab, capsys)["history"]
    assert history.attrs["status"] == "left the well-posed region"
    assert list(shown.step) == list(history.step[: len(shown)])
    choose(tab, implicit_scale=1.3, width=128, output_scale=1)
    assert "From the start the sweeps of this network do not settle" in tab.inner_text("#lab-said")
    assert "the labels cost" in tab.inner_text("#lab-before"), "the infinitely wide network is there"
    assert tab.inner_text("#lab-conditions").count(": not measured") == 3
    assert tab.inner_text("#lab-play") == "Play"


def test_a_row_without_a_function_says_so(tab):
    """At the samples the sweeps still settle, at other angles no longer."""
    choose(tab, width=64, implicit_scale=0.5, output_scale=0.1, seed=0)
    shown = trained(tab, 3)
    assert np.isnan(shown.test_error.iloc[-1])
    assert np.isfinite(shown.train_loss.iloc[-1])
    assert "there is no function" in tab.inner_text("#lab-said")


def test_the_experiments_of_the_text_show_what_it_asks_for(tab):
    """Noise costs more; a large κ is lazy, a small one ahead of that; the smallest loses it all."""
    price = "implicitLaboratory.benches[0].limit.price"
    function = tab.evaluate(price)
    tab.select_option("#lab-source", label="noise on the circle")
    settled(tab)
    assert tab.evaluate(price) > 2 * function
    tab.select_option("#lab-source", label="the function on the circle")
    choose(tab, output_scale=10)
    rows = trained(tab, 100).query("step > 0")
    assert (rows.train_loss / rows.lazy_loss).between(0.8, 1.25).all()
    choose(tab, output_scale=0.3)
    rows = trained(tab, 20).query("step == 20")
    assert (rows.train_loss < 0.75 * rows.lazy_loss).all()
    choose(tab, output_scale=0.1)
    trained(tab, 2000)
    assert tab.evaluate("Boolean(implicitLaboratory.benches[0].lost)")


# ---------------------------------------------------------------- the reader's own tables

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(40, 3)).round(4)
NAMED = pd.DataFrame(ROWS, columns=["size", "weight, in kg", "y"])
TWELVE = pd.DataFrame(RNG.normal(size=(500, 12)) * 10.0 ** np.arange(-3, 9), columns=list("abcdefghijkl"))
TWELVE["kind"] = np.where(TWELVE.a > 0, "yes", "no")


def semicolons(frame: pd.DataFrame, **options) -> str:
    return frame.to_csv(sep=";", decimal=",", index=False, **options)


#: Tables that are understood: the text, and what the page says of it.
GOOD = {
    "commas and quotes": (NAMED.to_csv(index=False), "40 rows and 3 columns, separated by commas; the first"),
    "a mark of UTF-8": ("\ufeff" + NAMED.to_csv(index=False), "separated by commas; the first"),
    "semicolons, decimal commas": (semicolons(NAMED), "semicolons and decimal commas; the first"),
    "semicolons, no names": (semicolons(NAMED, header=False), "decimal commas; without a line of names"),
    "tabs, Windows lines": (NAMED.to_csv(sep="\t", index=False, lineterminator="\r\n"), "by tabs; the first"),
    "spaces": ("\n".join("  ".join(map(str, row)) for row in ROWS), "by spaces; without"),
    "two words": (NAMED.assign(y=np.where(NAMED.y > 0, "ja", "nein")).to_csv(index=False), "by commas"),
    "two words in no language": (
        NAMED.assign(y=np.where(NAMED.y > 0, "größer", "kleiner")).to_csv(index=False).encode("cp1252"),
        "by commas",
    ),
    "two words, no names": (
        NAMED.assign(y=np.where(NAMED.y > 0, "ja", "nein")).to_csv(index=False, header=False),
        "without a line of names",
    ),
    "row numbers, a constant": (
        NAMED.assign(c=3.0)[["size", "c", "y"]].to_csv(),
        "“c” never changes and is left out",
    ),
    "a quotation over two lines": (NAMED.rename(columns={"y": "y\n2"}).to_csv(index=False), "by commas"),
}


def test_a_table_gives_the_same_numbers_in_python(tab, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    choose(tab, width=32)
    for name, (text, understood) in GOOD.items():
        data = text if isinstance(text, bytes) else text.encode()
        Path("mine.csv").write_bytes(data)
        give(tab, data, dropped=True)
        settled(tab)
        assert tab.inner_text("#lab-complaint") == "", name
        assert understood in tab.inner_text("#lab-found"), name
        assert_same(trained(tab, 50), in_python(tab, capsys)["history"])


@pytest.mark.parametrize("offset", [0, 2])
def test_pasted_numbers_go_into_the_python(tab, capsys, offset):
    tab.click(".it-drop summary")
    tab.fill("#lab-text", semicolons(NAMED.rename(columns={"size": 'a "large" one'})))
    tab.click("#lab-use")
    choose(tab, width=32, offset=offset, held=0.4)
    shown = trained(tab, 50)
    assert_same(shown, in_python(tab, capsys)["history"])


def test_one_column_is_drawn_over_itself(tab):
    give(tab, NAMED[["size", "y"]].to_csv(index=False))
    settled(tab)
    tab.wait_for_function("document.querySelector('.it-graph')._fullLayout?.xaxis.title.text === 'size'")
    x = tab.evaluate(
        "Array.from(document.querySelector('.it-graph').data.find((t) => t.name === 'network').x)"
    )
    assert (x[0], x[-1]) == (pytest.approx(NAMED["size"].min()), pytest.approx(NAMED["size"].max()))


def test_five_hundred_rows_and_twelve_columns_leave_the_page_alone(tab, capsys, monkeypatch, tmp_path):
    """While the worker makes the network and takes steps, the page goes on drawing frames."""
    monkeypatch.chdir(tmp_path)
    TWELVE.to_csv("mine.csv", index=False)
    give(tab, Path("mine.csv").read_bytes())
    settled(tab)
    frames = tab.evaluate("""async () => {
      const bench = implicitLaboratory.benches[0];
      let frames = 0, longest = 0, before = performance.now(), going = true;
      const count = (now) => {
        longest = Math.max(longest, now - before);
        before = now;
        frames++;
        if (going) requestAnimationFrame(count);
      };
      requestAnimationFrame(count);
      const begun = performance.now();
      for (let k = 0; k < 3; k++) bench.arrived(await bench.worker.ask("next"));
      going = false;
      return [frames, longest, performance.now() - begun];
    }""")
    assert frames[0] >= 5
    assert frames[1] < frames[2] / 2  # no frame waits for a whole training
    shown = trained(tab, 20)
    assert "are told right (+1: yes)" in tab.inner_text("#lab-said")
    assert_same(shown, in_python(tab, capsys)["history"])


def test_the_results_are_tables(tab):
    give(tab, NAMED.to_csv(index=False))
    settled(tab)
    history = trained(tab, 10)
    assert list(history.columns[:4]) == ["step", "time", "train_loss", "lazy_loss"]
    assert history.notna().all().all()
    with tab.expect_download() as download:
        tab.click("#lab-predictions")
    found = pd.read_csv(download.value.path())
    assert found.part.value_counts().to_dict() == {"train": 28, "test": 12}
    train, test = it.data.Table(
        torch.tensor(ROWS[:, :2]), torch.tensor(ROWS[:, 2]), ("size", "weight"), None
    ).split(28, seed=0)
    assert found.label.tolist() == [*train.y.tolist(), *test.y.tolist()]
    y, f = (found[found.part == "test"][name] for name in ("label", "network"))
    error = ((f - y) ** 2).mean() / float(train.y.std()) ** 2
    assert error == pytest.approx(history.test_error.iloc[-1], rel=1e-10)


FEW = "\n".join(f"{k},{k * k}" for k in range(5))
LONG = "\n".join(f"{k},{k * k % 7},{k}" for k in range(20))


def with_line(line: str, at: int = 7) -> str:
    """Twenty good rows, and this one as line 7."""
    rows = LONG.split("\n")
    return "\n".join(["a,b,c", *rows[: at - 2], line, *rows[at - 1 :]])


#: What cannot be used, and what the page says.
BAD: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "There is nothing in it"),
    "blank": ("\n \n", "There is nothing in it"),
    "only names": ("a,b,c\n", "a line of names and no row; at least 10"),
    "few rows": (FEW, "only 5 rows of numbers; at least 10"),
    "one column": ("a\n" + "\n".join(map(str, range(20))), "one column only, which begins with “a”"),
    "a short row": (with_line("1,2"), "Line 7 has 2 entries, and line 1 has 3 (separated by commas)"),
    "a long row": (with_line("1,2,3,"), "Line 7 has 4 entries.*A separator at the end of a line counts"),
    "a word": (with_line("1,many,3"), "In line 7, column “b” holds “many”, which is no number. Leave"),
    "a date": (with_line("2026-11-29,2,3"), "In line 7, column “a” holds “2026-11-29”, which is no number"),
    "a gap": (with_line("1,,3"), "In line 7, column “b” is empty. Fill in"),
    "gaps": (with_line("1,NA,3").replace("\n0,0,0", "\n0,NA,0"), "“b” says “NA”, and so is one more entry"),
    "a gap in the first row": ("NA,2,3\n" + LONG, "In line 1, column “column 1” says “NA”"),
    "no number in the first row": ("1,-inf,3\n" + LONG, "In line 1, column “column 2” holds “-inf”"),
    "too large, first row": ("1e999,2,3\n" + LONG, "In line 1, column “column 1” holds “1e999”"),
    "no finite number": (with_line("1,inf,3"), "In line 7, column “b” holds “inf”, which is not finite"),
    "too large a number": (with_line("1,1e999,3"), "column “b” holds “1e999”, which is not finite"),
    "commas between thousands": (with_line('1,"1,234",3'), "“1,234”.*commas between thousands are not"),
    "an open quotation": (with_line('1,"2,3'), "A quotation mark is opened in line 7 and never closed"),
    "two names alike": ("a,a,c\n" + LONG, "Columns 1 and 2 are both called “a”"),
    "labels alike": ("a,b\n" + "\n".join(f"{k},7" for k in range(20)), "Column “b” is 7 in every row"),
    "inputs alike": ("a,b\n" + "\n".join(f"7,{k}" for k in range(20)), "No column but the one to learn ever"),
    "one word beside numbers": (
        "a,b,c\n" + "\n".join(f"{k},red,{k * k % 7}" for k in range(20)),
        "holds “red”, which is no number. Leave",
    ),
    "one word": ("a,b\n" + "\n".join(f"{k},yes" for k in range(20)), "Column “b” says “yes” in every row"),
    "three words": ("a,b\n" + "\n".join(f"{k},{'xyz'[k % 3]}" for k in range(20)), "has 3 different words"),
    "too many rows": ("\n".join(f"{k},{k % 7}" for k in range(1001)), "1001 rows, and this page takes 1000"),
    "too many columns": ("\n".join([",".join(["1.5"] * 102)] * 12), "102 columns, and this page takes 101"),
    "too large": ("1,2\n" * 600_000, "This file has 2.4 MB"),
    "a spreadsheet": (b"PK\x03\x04" + bytes(100), "a spreadsheet or an archive"),
    "bytes": (b"a,b\x00\x01\n1,2\n", "no text file"),
    "UTF-16": ("a,b\n1,2\n".encode("utf-16"), "UTF-16. Save it as “CSV UTF-8”"),
    "a web page": ("<!doctype html><p>1,2", "a web page or XML"),
    "JSON": ('[{"a": 1}]', "looks like JSON"),
    "decimal commas and points": (
        "a;b\n" + "\n".join(f"{k}.5;{k}" for k in range(12)) + "\n1,5;2", "In line 14, column “a” holds “1,5”"
    ),
}  # fmt: skip


def test_a_bad_file_gets_a_sentence_and_nothing_is_lost(tab):
    give(tab, NAMED.to_csv(index=False), "good.csv")
    settled(tab)
    before = tab.inner_text("#lab-found"), tab.inner_text("#lab-before")
    for name, (text, said) in BAD.items():
        give(tab, text, "bad.csv", dropped=True)
        settled(tab)
        found = tab.inner_text("#lab-complaint")
        pattern = ".*".join(map(re.escape, said.split(".*")))
        assert re.search(pattern, found), f"{name}: {found}"
        assert found.startswith("bad.csv: "), name
        assert found.endswith("below is still good.csv."), name
        assert (tab.inner_text("#lab-found"), tab.inner_text("#lab-before")) == before, name
        tab.evaluate("implicitLaboratory.benches[0].complain('')")
    tab.select_option("#lab-source", "0")
    settled(tab)
    give(tab, "", "bad.csv", dropped=True)
    settled(tab)
    assert tab.inner_text("#lab-complaint").endswith("below is still the function on the circle.")
    tab.select_option("#lab-source", "own")
    settled(tab)
    trained(tab, 3)  # and the bench goes on
    give(tab, NAMED.to_csv(index=False), "again.csv")
    settled(tab)
    assert tab.inner_text("#lab-found").startswith("again.csv: ")


def test_two_rows_that_are_one_input_are_named(tab, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    twice = pd.concat([NAMED, NAMED.iloc[:1].assign(y=5.0)])
    twice.to_csv("mine.csv", index=False)
    give(tab, Path("mine.csv").read_bytes())
    choose(tab, width=32)
    said = tab.inner_text("#lab-before")
    assert "are the same input once they are on the sphere" in said
    shown = trained(tab, 20)
    assert_same(shown, in_python(tab, capsys)["history"])  # which does not ask for the price


MARKUP = "<img src=x onerror=alert(1)>"


def test_nothing_in_a_file_is_markup(tab):
    tab.on("dialog", lambda dialog: pytest.fail(dialog.message))
    frame = NAMED.rename(columns={"size": MARKUP, "y": f"<b>y</b>{MARKUP}"})
    give(tab, frame.to_csv(index=False), f"{MARKUP.replace('/', '')}.csv")
    settled(tab)
    tab.click(".it-own summary")
    assert MARKUP in tab.inner_text("#lab-table")
    assert MARKUP in tab.inner_text("#lab-python")
    assert MARKUP in tab.inner_text("#lab-found")
    trained(tab, 2)
    give(tab, with_line(f'1,"{MARKUP}",3'))
    settled(tab)
    assert MARKUP[:20] in tab.inner_text("#lab-complaint")
    one = pd.DataFrame({MARKUP: ROWS[:, 0], "y": ROWS[:, 1]})  # a name that becomes the title of an axis
    give(tab, one.to_csv(index=False))
    settled(tab)
    tab.wait_for_timeout(500)
    words = [f"{MARKUP}a", f"{MARKUP}b"]
    give(tab, one.assign(y=np.where(one.y > 0, *words)).to_csv(index=False))
    settled(tab)
    trained(tab, 2)
    assert tab.locator(".it-laboratory :is(img, b)").count() == 0


# ---------------------------------------------------------------- the page


@pytest.mark.some(1)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_is_whole_on_a_phone_and_for_a_reader_of_any_kind(browser, path, theme):
    with reader(browser, "file:", viewport={"width": 375, "height": 800}) as tab:
        tab.add_init_script(path=INSPECT)
        tab.goto(path.as_uri())
        tab.evaluate("(theme) => (document.documentElement.dataset.theme = theme)", theme)
        settled(tab)
        give(tab, TWELVE.head(60).to_csv(index=False))
        settled(tab)
        for summary in tab.locator(".it-bench summary").all():
            summary.click()
        trained(tab, 5)
        tab.wait_for_function("document.querySelectorAll('.it-plot .main-svg').length >= 4")
        for width in (375, 1280):
            tab.set_viewport_size({"width": width, "height": 800})
            tab.wait_for_function("(width) => document.documentElement.scrollWidth <= width", arg=width)
        assert min(tab.evaluate("inspect.plotContrasts()")) >= 4.5
        tab.evaluate(AXE)
        found = tab.evaluate("inspect.axe()")
        assert found["passes"]
        tab.emulate_media(media="print")
        tab.wait_for_function("document.documentElement.classList.contains('it-paper')")
        assert tab.evaluate("inspect.onPaper()") == []
        tab.emulate_media(media="screen")
        assert [(v["id"], [n["html"][:120] for n in v["nodes"]]) for v in found["violations"]] == []
        small = """() => [...document.querySelectorAll(".it-bench :is(button, .it-button)")]
          .filter((b) => b.checkVisibility() && b.getBoundingClientRect().height < 44)
          .map((b) => b.textContent)"""
        assert tab.evaluate(small) == []


def test_without_scripts_the_page_says_so(browser, path):
    with reader(browser, "file:", java_script_enabled=False) as tab:
        tab.goto(path.as_uri())
        assert "with JavaScript, which is off" in tab.inner_text(".it-laboratory")


def test_the_scripts_stay_small():
    pytest.importorskip("minify")
    assert sum(len(served(STATIC / name).encode()) for name in SCRIPTS) < 32_000
    assert len(Laboratory().html()) < 100_000

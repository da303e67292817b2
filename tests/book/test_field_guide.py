"""The field guide names every system, leads somewhere, and measures what it says, by other routes."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
import torch
from bs4 import BeautifulSoup
from torch.utils.flop_counter import FlopCounterMode

import implicit_tutorial as it
from implicit_tutorial.book.descent import RATE, STEPS, descend, task
from implicit_tutorial.book.field_guide import FieldGuide, pages
from implicit_tutorial.book.field_guide.measure import SCALE, measure, network_of
from implicit_tutorial.book.field_guide.studies import FIELD_GUIDE_COST
from implicit_tutorial.book.field_guide.systems import LAYERS, SYSTEMS

ROOT = Path(__file__).resolve().parents[2]
FIELD = {
    "El Ghaoui et al. 2021",
    "Bai, Kolter & Koltun 2019",
    "Bai, Koltun & Kolter 2021",
    "Bai et al. 2022",
    "Dabre & Fujita 2019",
    "Chen et al. 2018, Rubanova et al. 2019",
    "Ramzi et al. 2022",
    "Kawaguchi 2021",
    "Winston & Kolter 2020",
    "Xie et al. 2022",
    "Gao et al. 2022, Gao & Gao 2022",
}
PROMISED = {
    "El Ghaoui et al. 2021": "row_sum",
    "Kawaguchi 2021": "simplex",
    "Winston & Kolter 2020": "monotone",
    "Xie et al. 2022": "symmetric",
}


@pytest.fixture(scope="module")
def guide() -> FieldGuide:
    return FieldGuide()


def soup(table: pages.Table) -> BeautifulSoup:
    return BeautifulSoup(table._repr_html_(), "html.parser")


def headings(chapter: str) -> list[str]:
    lines = (ROOT / "notebooks" / f"{chapter}.md").read_text().split("\n")
    return [line.lstrip("#").strip() for line in lines if line.startswith("##")]


def test_every_system_has_a_row_in_both_tables(guide):
    assert set(SYSTEMS) == FIELD
    for table in (guide.promises(), guide.measurements()):
        rows = [r.find("th") for r in soup(table).select("tbody tr")]
        assert len(rows) == len(SYSTEMS)
        for name, header in zip(SYSTEMS, rows, strict=True):
            assert header.get_text().startswith(name)


@pytest.mark.parametrize("name", SYSTEMS)
def test_named_objects_are_exported_and_the_section_is_in_the_chapter(name):
    system = SYSTEMS[name]
    assert system.objects
    for public in system.objects:
        assert public in it.__all__
        assert (getattr(it, public).__doc__ or "").strip()
    assert system.section.title in headings(system.section.chapter)


def test_each_row_links_to_the_library_and_to_the_chapter(guide):
    for system, row in zip(SYSTEMS.values(), soup(guide.promises()).select("tbody tr"), strict=True):
        links = [a["href"] for a in row.find_all("a")]
        expected = [f"api.html#implicit_tutorial.{name}" for name in system.objects]
        assert links == [system.section.address, *expected]
        assert all(urlsplit(link).fragment for link in links)


def test_what_was_measured_says_on_what(guide):
    said = soup(guide.measurements()).select_one("caption .it-tag").get_text()
    net, (X, *_) = network_of(next(iter(SYSTEMS.values()))), task()
    assert said == f"measured · m = {net.width}, one seed, n = {len(X)}"


def test_on_a_phone_each_cell_says_what_it_is(guide):
    for table in (guide.promises(), guide.measurements()):
        for row in soup(table).select("tbody tr"):
            assert [cell["data-label"] for cell in row.find_all("td")] == list(table.columns[1:])


TO_DIFFERENTIATE = [name for name, s in SYSTEMS.items() if s.constraint or name == "Dabre & Fujita 2019"]


@pytest.mark.parametrize("name", TO_DIFFERENTIATE)
def test_the_first_gradient_is_as_wrong_as_finite_differences_say(name):
    """Along the method's own first gradient the loss of the exact model falls by their product."""
    system = SYSTEMS[name]
    X, y, _, _ = task()
    net = network_of(system)
    b = net.injection(X).detach()
    (first,) = descend(network_of(system), X, y, system.find, steps=0)
    free = [p for n, p in net.named_parameters() if n not in ("W", "v")]
    start = net.output(system.exact(net.A, b, None).z).detach()

    def loss(h):
        with torch.no_grad():
            for p, slope in zip(free, first.gradient, strict=True):
                p += h * slope
            value = float((net.output(system.exact(net.A, b, None).z) - start - y).square().mean() / 2)
            for p, slope in zip(free, first.gradient, strict=True):
                p -= h * slope
        return value

    h = 1e-6
    slope = (loss(h) - loss(-h)) / (2 * h)
    square = sum(float(g.square().sum()) for g in first.gradient)
    # ⟨g, exact⟩ differs from ‖g‖² by at most ‖g‖ ‖g − exact‖.
    assert abs(slope / square - 1) <= 1.3 * measure(name).gradient_error + 1e-5
    assert (measure(name).gradient_error > 0.01) == (name == "Dabre & Fujita 2019")


def test_shine_points_elsewhere_and_costs_no_product():
    shine, exact = measure("Ramzi et al. 2022"), measure("Bai, Kolter & Koltun 2019")
    assert shine.backward_sweeps == 0 < exact.backward_sweeps
    assert exact.gradient_error < 1e-4 < 0.05 < shine.gradient_error < 1


def test_the_baseline_is_descent_with_the_adjoint_of_linear_algebra():
    """Forty steps by hand: Newton's equilibrium, and (I − DA)⁻ᵀ for the gradient."""
    X, y, X_test, y_test = task()
    net = it.EquilibriumNetwork(5, 64, implicit_scale=SCALE, seed=0)
    unit = SCALE / 64**0.5
    A, v = net.A.detach().clone(), net.v.detach() / 8
    b, b_test = (net.injection(x).detach() for x in (X, X_test))
    eye = torch.eye(64, dtype=A.dtype)
    start = it.solve(A, b, solver=it.Newton()).z @ v, it.solve(A, b_test, solver=it.Newton()).z @ v
    for _ in range(STEPS):
        z = it.solve(A, b, solver=it.Newton()).z
        D = (z > 0).double()
        u = torch.linalg.solve(eye - D[:, :, None] * A.T, D * v)  # u = D(Aᵀu + v)
        e = (z @ v - start[0] - y) / len(y)
        A -= RATE * unit**2 * (e[:, None] * u).T @ z
    loss = (it.solve(A, b, solver=it.Newton()).z @ v - start[0] - y).square().mean() / 2
    test = (it.solve(A, b_test, solver=it.Newton()).z @ v - start[1] - y_test).square().mean() / 2
    shown = measure("Bai, Kolter & Koltun 2019")
    assert shown.steps == STEPS
    assert shown.loss == pytest.approx(float(loss), rel=1e-3)
    assert shown.test == pytest.approx(float(test), rel=1e-3)
    warm = measure("Bai et al. 2022")
    assert (warm.loss, warm.test) == pytest.approx((shown.loss, shown.test), rel=1e-3)
    assert warm.last_sweeps < shown.last_sweeps


@pytest.mark.parametrize("name", ["El Ghaoui et al. 2021", "Dabre & Fujita 2019"])
def test_a_sweep_is_a_product_with_a(name):
    """Counted by the operations that torch carries out, for the slowest sample alone."""
    system = SYSTEMS[name]
    X, _, _, _ = task()
    net = network_of(system)
    A, b = net.A.detach(), net.injection(X).detach()
    work = []
    for row in b:
        with FlopCounterMode(display=False) as counter:
            system.find(A, row[None], None)
        work.append(counter.get_total_flops() / (2 * len(A) ** 2))
    assert max(work) == measure(name).first_sweeps
    assert measure("Dabre & Fujita 2019").first_sweeps == LAYERS


def test_certificates_are_those_promised_and_hold_after_training(guide):
    frame = guide.frame
    for name, condition in PROMISED.items():
        assert frame.certificate[name].name == condition
        assert frame.certificate[name].holds
    assert frame.certificate["Bai, Kolter & Koltun 2019"] is None
    assert frame.certificate["Gao et al. 2022, Gao & Gao 2022"].name == "spectral_norm"
    assert frame.loc[list(PROMISED), "last_sweeps"].max() < 40


def test_what_the_page_says_below_the_table(guide):
    frame = guide.frame
    by_size = ["El Ghaoui et al. 2021", "Gao et al. 2022, Gao & Gao 2022", "Kawaguchi 2021"]
    assert set(frame.loss.nlargest(3).index) == set(by_size)
    assert all(frame.certificate[name].holds for name in by_size)
    assert set(frame.test.nsmallest(2).index) == {"Winston & Kolter 2020", "Xie et al. 2022"}
    exact = frame.loc["Bai, Kolter & Koltun 2019"]
    for name in ("Ramzi et al. 2022", "Dabre & Fujita 2019"):
        assert frame.gradient_error[name] > 0.1
        assert frame.test[name] < exact.test
        assert exact.loss < frame.loss[name] < 1.5 * exact.loss
    A = network_of(SYSTEMS["Bai, Kolter & Koltun 2019"]).A.detach()
    assert {c.name for c in it.certify(A).conditions if c.sufficient and c.holds} == {"monotone"}
    assert exact.certificate is None


def test_stored_times_are_of_one_thread_and_order_the_methods_as_expected():
    assert FIELD_GUIDE_COST.stored["threads"] == 1
    time = {name: pages.stored_time(name) for name in SYSTEMS}
    assert time["Dabre & Fujita 2019"] < time[pages.BASELINE] < time["Chen et al. 2018, Rubanova et al. 2019"]
    assert time["Ramzi et al. 2022"] < time[pages.BASELINE]

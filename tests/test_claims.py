"""Every claim holds, and its check says no when the thing it checks is slightly wrong."""

from __future__ import annotations

import ast
import dataclasses
import re
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from book_labels import CODE_CELL

import implicit_tutorial as it
from implicit_tutorial.claims import (
    Claim,
    ClaimRefutedError,
    Measurement,
    above,
    below,
    claim,
    claims,
    close,
)
from implicit_tutorial.prose import plain

LABELS = ["C1", "C2", "C3", "C4", "C5", "C6", "C7"]


def five_percent(function):
    """The function at a matrix that is five percent too large."""
    return lambda A, *args, **kwargs: function(1.05 * A, *args, **kwargs)


def one_step_gradient(A, b, **kwargs):
    """The right state with the gradient of one sweep only, the usual cheap substitute."""
    sol = it.solve(A.detach(), b.detach(), **kwargs)
    return SimpleNamespace(z=torch.relu(sol.z @ A.T + b), steps=sol.steps)


def unrolled_gradient(A, b, *, solver):
    """The right state and the right gradient, in memory that grows with the depth."""
    z = torch.zeros_like(b)
    for _ in range(int(it.solve(A.detach(), b, solver=solver).steps.max())):
        z = torch.relu(z @ A.T + b)
    return SimpleNamespace(z=z)


def with_feedback(A, b, **kwargs):
    """A faint connection from the last layer back to the first."""
    A = A.clone()
    A[:16, -16:] = 1e-3
    return it.solve(A, b, **kwargs)


def one_layer_short(A, b, *, solver, **kwargs):
    return it.solve(A, 1.05 * b, solver=solver, **kwargs)


def drops_a_tie(A, b):
    """Counts only states whose units are all strictly on or strictly off."""
    counted = it.count_equilibria(A, b)
    strict = [
        z[((z @ A.T + row).abs() > 1e-9).all(dim=1)] for z, row in zip(counted.solutions, b, strict=True)
    ]
    return SimpleNamespace(counts=torch.tensor([float(len(z)) for z in strict]).double(), solutions=strict)


def trusts_the_spectral_radius(A, **kwargs):
    certificate = it.certify(A, **kwargs)
    rows = tuple(dataclasses.replace(c, sufficient=True) for c in certificate.conditions)
    return dataclasses.replace(certificate, conditions=rows)


def tightened_bound(A, b, **kwargs):
    """An error bound five percent below the one that is proved."""
    sol = it.solve(A, b, **kwargs)
    return SimpleNamespace(z=sol.z, A=A, b=b, certificate=sol.certificate, error_bound=0.95 * sol.error_bound)


def wider_initialization(*args, implicit_scale, **kwargs):
    return it.EquilibriumNetwork(*args, implicit_scale=1.05 * implicit_scale, **kwargs)


def more_active(*args, **kwargs):
    """A network whose injection has a small positive mean."""
    net = it.EquilibriumNetwork(*args, **kwargs)
    injection = net.injection
    net.injection = lambda X: injection(X) + 0.05
    return net


BROKEN = {
    "C1": [five_percent(it.solve), one_step_gradient, unrolled_gradient],
    "C2": [five_percent(it.solve), with_feedback],
    "C3": [five_percent(it.solve), one_layer_short],
    "C4": [five_percent(it.count_equilibria), drops_a_tie],
    "C5": [five_percent(it.certify), trusts_the_spectral_radius],
    "C6": [wider_initialization, more_active],
    "C7": [five_percent(it.solve), tightened_bound],
}


@cache
def verdict_of(label):
    return it.verify(label)


@pytest.mark.parametrize("label", LABELS)
def test_claim_holds(label):
    verdict = verdict_of(label)
    assert verdict.label == label
    assert verdict.holds
    assert verdict.measurements, "a claim without a measurement holds vacuously"
    assert verdict.margin > 0
    assert verdict.margin <= 1
    assert repr(verdict).startswith(f"{label} holds: ")


@pytest.mark.parametrize("label", LABELS)
def test_claim_is_refuted_by_a_broken_subject(label):
    for subject in BROKEN[label]:
        verdict = claims()[label].check(subject)
        assert not verdict.holds, f"{label} did not notice {subject}"
        assert repr(verdict).startswith(f"{label} fails: ")


@pytest.mark.parametrize("label", LABELS)
def test_verdict_is_the_same_each_time(label):
    """But for rounding: where an array lies in memory decides how the processor's sums are grouped."""
    one, other = claims()[label].check(), verdict_of(label)
    assert repr(one) == repr(other)
    for mine, theirs in zip(one.measurements, other.measurements, strict=True):
        assert (mine.words, mine.expected) == (theirs.words, theirs.expected)
        assert mine.measured == pytest.approx(theirs.measured, rel=1e-6)


@pytest.mark.parametrize("label", claims())
def test_statement_is_one_readable_line(label):
    entry = claims()[label]
    assert re.fullmatch(r"\d\d_[a-z_]+", entry.chapter)
    assert entry.statement.endswith(".")
    assert not set("\n$\\{}`") & set(plain(entry.statement))
    # On the page it is typeset: what is outside of $…$ holds no sign of mathematics.
    assert not set("^_=<>≤‖√λρσκ") & set(re.sub(r"\$[^$]+\$", "", entry.statement))


def test_the_registry_is_in_the_order_of_the_book():
    assert list(claims()) == sorted(claims(), key=lambda label: int(label[1:]))


def test_each_claim_has_a_broken_subject_that_refutes_it(root):
    """Every label is a key of a table BROKEN in some test module, which runs it as this one does."""
    keys = set()
    for path in (root / "tests").rglob("test_*claims.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and [ast.unparse(t) for t in node.targets] == ["BROKEN"]:
                keys |= {ast.literal_eval(key) for key in node.value.keys if key is not None}
    assert set(claims()) <= keys, f"no broken subject for {sorted(set(claims()) - keys)}"


# ---- the text and the registry ----

_PROOF = re.compile(
    r"^[`:]{3,}\{prf:(?:theorem|proposition|lemma|corollary|definition|conjecture|observation|property)\}"
    r"[^\n]*\n(?:[ \t]*:[^\n]*\n)*?[ \t]*:label:[ \t]*(C\d+)[ \t]*$",
    re.MULTILINE,
)


def text_of(path: Path) -> str:
    return CODE_CELL.sub("", path.read_text())


def code_of(path: Path) -> str:
    return "\n".join(CODE_CELL.findall(path.read_text()))


def chapters(root: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted((root / "notebooks").glob("*.md"))}


def test_each_claim_is_stated_once_and_in_its_chapter(root):
    stated = [
        (label, path.stem)
        for path in (*chapters(root).values(), *sorted((root / "book").glob("*.md")))
        for label in _PROOF.findall(text_of(path))
    ]
    assert sorted(stated) == sorted((label, entry.chapter) for label, entry in claims().items())


def test_each_chapter_verifies_the_claims_that_it_states(root):
    for name, path in chapters(root).items():
        verified = set(re.findall(r"verify\(\s*[\"'](C\d+)[\"']\s*\)", code_of(path)))
        assert verified == {label for label, entry in claims().items() if entry.chapter == name}, name


def test_no_text_refers_to_a_claim_that_does_not_exist(root):
    for path in (*chapters(root).values(), *sorted((root / "book").glob("*.md"))):
        referred = set(re.findall(r"\{prf:ref\}`(?:[^`<]*<)?(C\d+)>?`", text_of(path)))
        assert referred <= set(claims()), f"{path.name} refers to {sorted(referred - set(claims()))}"


# ---- the registry itself ----


def test_margins():
    assert below("it is {}", 1.0, 4.0).margin == 0.75
    assert below("it is {}", 5.0, 4.0).margin < 0
    assert above("it is {}", 8.0, 2.0).margin == 0.75
    assert above("it is {}", 1.0, 2.0).margin < 0
    assert above("it is {}", -1.0, 2.0).margin < 0
    assert close("it is {}", 1.01, 1.0, rtol=0.02).margin == pytest.approx(0.5)
    assert close("it is {}", 0.9, 1.0, rtol=0.02).margin < 0


def test_a_measurement_is_told_in_words():
    said = {
        "it took 31.2 sweeps; 30.5 was expected, give or take 4 %": close(
            "it took {} sweeps", 31.2, 30.5, rtol=0.04
        ),
        "50 % of them failed; less than 30 % was expected": below("{} % of them failed", 0.5, 0.3),
        "it is off by 2.00·10⁻⁷; less than 10⁻⁵ was expected": below("it is off by {}", 2e-7, 1e-5),
        "it reached ∞; more than 1 was expected": above("it reached {}", float("inf"), 1),
        "it falls like −0.478; −0.5 was expected, give or take 20 %": close(
            "it falls like {}", -0.478, -0.5, rtol=0.2
        ),
        "there are 2; 2 was expected, up to rounding": close("there are {}", 2.0, 2.0, rtol=1e-6),
        "it is not a number; less than 0.02 was expected": below("it is {}", float("nan"), 0.02),
    }
    assert list(said) == [measurement.sentence for measurement in said.values()]


@pytest.mark.parametrize("words", ["sweeps", "{} of {} sweeps", ""])
def test_words_without_a_place_for_the_value_are_refused(words):
    with pytest.raises(ValueError, match=r"told in words, with .* where its value stands"):
        below(words, 1.0, 2.0)


def test_what_is_not_a_number_refutes():
    entry = Claim(
        "C0",
        "x.",
        "00",
        None,
        lambda _: [close("x is {}", float("nan"), 1.0, rtol=0.1), below("y is {}", 0.0, 1.0)],
    )
    verdict = entry.check()
    assert not verdict.holds
    assert verdict.tightest.words == "x is {}"
    told = "C0 fails: x is not a number; 1 was expected, give or take 10 % (1 of 2 measurements)."
    assert repr(verdict) == told


def test_the_tightest_measurement_is_the_one_shown():
    words = ("the *{}* of $\\lVert x\\rVert_2$", "the norm $\\lVert y\\rVert_2$ is {}")
    verdict = Claim(
        "C0", "x.", "00", 2.0, lambda s: [below(words[0], s, 4.0), below(words[1], s, 2.5)]
    ).check()
    assert verdict.measured == 2.0
    told = "C0 holds: the norm ‖y‖₂ is 2; less than 2.5 was expected (the tightest of 2 measurements)."
    assert repr(verdict) == told
    verdict = Claim("C0", "x.", "00", 2.0, lambda s: [below(words[1], s, 2.5)]).check()
    assert repr(verdict) == "C0 holds: the norm ‖y‖₂ is 2; less than 2.5 was expected."
    assert verdict._repr_html_() == f"<p>{verdict!r}</p>"


def test_a_label_can_be_registered_once():
    with pytest.raises(ValueError, match="claim C1 is registered twice"):
        claim("C1", "Again.", subject=None)(lambda _: [Measurement("{}", 0.0, "0", 1.0)])


def test_verify_refuses_an_unknown_label():
    with pytest.raises(KeyError, match="no claim 'C99'; choose from"):
        it.verify("C99")


def test_verify_raises_when_a_claim_is_refuted(monkeypatch):
    broken = dataclasses.replace(claims()["C2"], subject=five_percent(it.solve))
    monkeypatch.setitem(claims(), "C2", broken)
    with pytest.raises(ClaimRefutedError, match="C2 fails: "):
        it.verify("C2")

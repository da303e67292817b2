"""What axe-core finds on an open page beyond what the theme itself violates."""

from __future__ import annotations

from importlib import resources
from typing import Any

# Rule, part of the selector, and why it is not ours to mend.
KNOWN = [
    ("label-content-name-mismatch", "search-button", "the theme's search button is named by its tooltip"),
    ("label-content-name-mismatch", "theme-switch", "the theme's light/dark button is named by its tooltip"),
    ("region", "skip-link", "the theme puts its skip link outside of all landmarks"),
    ("region", "logo__title", "the theme puts the book's name outside of all landmarks"),
    ("empty-table-header", "<th></th>", "pandas leaves the corner above its row names empty"),
    ("empty-table-header", '<th class="head">', "Markdown has no table without a row of headers"),
    ("aria-required-children", "citation-list", "docutils marks a bibliography with an obsolete role"),
    ("aria-deprecated-role", "citation", "docutils marks a bibliography entry with an obsolete role"),
    ("aria-allowed-role", "citation", "docutils marks a bibliography entry with an obsolete role"),
]


AXE = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


def violations(tab: Any) -> list[str]:
    """All rules are run; what they find is named by rule, place and reason."""
    tab.evaluate(AXE)
    result = tab.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert result["passes"], "axe ran no rule at all"
    return [
        f"{violation['id']} ({violation['impact']}) at {target}: {violation['help']}"
        for violation in result["violations"]
        for node in violation["nodes"]
        for target in [" ".join(map(str, node["target"])) + " " + node["html"][:160]]
        if not any(violation["id"] == rule and part in target for rule, part, _ in KNOWN)
    ]

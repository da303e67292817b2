"""Write into README.md the badges that open the first chapter on Binder and in Colab.

    python tools/badges.py

They lead to the repository that the git remote `origin` names, so each copy of this one has badges of its
own: run it once after a fork. Without such a remote, or on a host that neither knows, there are none.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "_ext"))

from repository_links import Repository, find_repository  # noqa: E402

BEGIN, END = "<!-- badges: python tools/badges.py -->", "<!-- end of badges -->"
CHAPTER = "notebooks/01_equilibrium_networks.ipynb"
IMAGES = {
    "Binder": "https://mybinder.org/badge_logo.svg",
    "Colab": "https://colab.research.google.com/assets/colab-badge.svg",
}


def badges(repository: Repository | None, ref: str) -> list[str]:
    """A line of Markdown for each of the two that can open a notebook of this repository."""
    if repository is None:
        return []
    links = {"Binder": repository.binder(ref, CHAPTER), "Colab": repository.colab(ref, CHAPTER)}
    return [f"[![Open in {name}]({IMAGES[name]})]({url})" for name, url in links.items() if url]


def main(root: Path = ROOT) -> int:
    readme = root / "README.md"
    before, _, rest = readme.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    lines = badges(*find_repository(str(root)))
    readme.write_text("\n".join([before + BEGIN, *lines, END + after]), encoding="utf-8")
    print(
        "\n".join(lines)
        or "no badges: the git remote `origin` names no repository on github.com or gitlab.com"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

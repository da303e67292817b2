"""The badges of the README lead to the repository that holds it, and there are none where it is nowhere."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import badges
import pytest
from repository_links import Repository


@pytest.fixture
def clone(root: Path, tmp_path: Path):
    """A copy of the README in a repository with this remote."""
    (tmp_path / "README.md").write_text((root / "README.md").read_text("utf-8"), "utf-8")

    def git(*arguments: str) -> None:
        subprocess.run(["git", "-C", tmp_path, *arguments], check=True, capture_output=True)

    def clone(remote: str) -> str:
        if not (tmp_path / ".git").exists():
            git("init", "--initial-branch", "main")
            git("remote", "add", "origin", remote)
        git("remote", "set-url", "origin", remote)
        assert badges.main(tmp_path) == 0
        return (tmp_path / "README.md").read_text("utf-8")

    return clone


def test_they_lead_to_the_repository_that_holds_the_clone(clone, root: Path) -> None:
    text = clone("git@github.com:reader/copy.git")
    links = re.findall(r"\[!\[Open in \w+\]\(https://[^)]+\.svg\)\]\(([^)]+)\)", text)
    assert [re.findall("reader/copy", link) for link in links] == [["reader/copy"]] * 2
    chapter = "notebooks/01_equilibrium_networks.ipynb"
    assert all(chapter in link for link in links)
    assert (root / chapter).exists()
    # A fork of the copy has its own, once each; a clone of a folder has none.
    again = clone("https://github.com/other/fork")
    assert again == text.replace("reader/copy", "other/fork")
    assert "https://" not in clone("/srv/git/book.git")


def test_a_host_that_colab_does_not_read_has_one() -> None:
    (line,) = badges.badges(Repository("gitlab.com", "group/book"), "main")
    assert line.startswith("[![Open in Binder]")
    assert badges.badges(Repository("git.example.org", "owner/book"), "main") == []


def test_the_readme_names_no_repository_of_its_own(root: Path) -> None:
    """It cannot know where it lies, and an invented address leads nowhere."""
    before, _, rest = (root / "README.md").read_text("utf-8").partition(badges.BEGIN)
    assert rest
    assert not re.search(r"https?://", before + rest.partition(badges.END)[2])

"""The buttons follow the git remote, in every form that git accepts."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
import repository_links as links


@pytest.mark.parametrize(
    ("remote", "url"),
    [
        ("https://github.com/owner/book.git", "https://github.com/owner/book"),
        ("https://github.com/owner/book/", "https://github.com/owner/book"),
        ("http://GitHub.com/owner/book", "https://github.com/owner/book"),
        ("git@github.com:owner/book.git", "https://github.com/owner/book"),
        ("github.com:owner/book", "https://github.com/owner/book"),
        ("ssh://git@github.com/owner/book.git", "https://github.com/owner/book"),
        ("ssh://git@git.example.org:2222/group/sub/book.git", "https://git.example.org/group/sub/book"),
        ("git://github.com/owner/book.git", "https://github.com/owner/book"),
        ("https://user:secret@gitlab.com/group/sub/book.git", "https://gitlab.com/group/sub/book"),
    ],
)
def test_every_form_of_remote_becomes_one_address(remote: str, url: str) -> None:
    assert links.parse_remote(remote).url == url


@pytest.mark.parametrize(
    "remote",
    ["", "/srv/git/book.git", "../book", "file:///srv/git/book.git", "C:\\git\\book", "https://host/"],
)
def test_a_folder_is_no_address(remote: str) -> None:
    assert links.parse_remote(remote) is None


def test_binder_opens_the_notebook_in_jupyterlab() -> None:
    where = links.Repository("github.com", "owner/book").binder("feature/x", "notebooks/01_a.ipynb")
    assert where == "https://mybinder.org/v2/gh/owner/book/feature%2Fx?urlpath=lab/tree/notebooks/01_a.ipynb"
    where = links.Repository("gitlab.com", "group/sub/book").binder("main", "a.ipynb")
    assert where == "https://mybinder.org/v2/gl/group%2Fsub%2Fbook/main?urlpath=lab/tree/a.ipynb"
    assert links.Repository("git.example.org", "owner/book").binder("main", "a.ipynb") is None


def test_colab_opens_the_notebook_of_a_github_repository() -> None:
    where = links.Repository("github.com", "owner/book").colab("feature/x", "notebooks/01_a.ipynb")
    assert where == "https://colab.research.google.com/github/owner/book/blob/feature/x/notebooks/01_a.ipynb"
    assert links.Repository("gitlab.com", "group/book").colab("main", "a.ipynb") is None


def test_the_archive_is_the_hosts_own() -> None:
    zipped = links.Repository("github.com", "owner/book").archive("main")
    assert zipped == "https://github.com/owner/book/archive/main.zip"
    zipped = links.Repository("gitlab.com", "group/book").archive("main")
    assert zipped == "https://gitlab.com/group/book/-/archive/main/book-main.zip"
    assert links.Repository("git.example.org", "owner/book").archive("main") is None


def test_remote_and_branch_are_read_from_git(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(["git", "-C", tmp_path, *arguments], check=True, capture_output=True)

    git("init", "--initial-branch", "trunk")
    assert links.find_repository(str(tmp_path)) == (None, "trunk")
    git("remote", "add", "origin", "git@github.com:owner/book.git")
    assert links.find_repository(str(tmp_path)) == (links.Repository("github.com", "owner/book"), "trunk")


@pytest.fixture
def buttons(tmp_path: Path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "01_a.ipynb").write_text("{}")

    def buttons(repository: links.Repository | None, page: str = "notebooks/01_a") -> list[dict]:
        app = SimpleNamespace(repository=repository, repository_ref="main", srcdir=str(tmp_path))
        downloads = {"type": "group", "label": "download-buttons", "buttons": []}
        context = {"header_buttons": [downloads] if repository else []}
        links.add_buttons(app, page, "page.html", context, doctree=object())
        return context["header_buttons"]

    return buttons


def test_a_chapter_gets_binder_colab_downloads_and_its_repository(buttons) -> None:
    binder, colab, downloads, repository = buttons(links.Repository("github.com", "owner/book"))
    assert colab["url"].endswith("/github/owner/book/blob/main/notebooks/01_a.ipynb")
    assert binder["url"].endswith("/gh/owner/book/main?urlpath=lab/tree/notebooks/01_a.ipynb")
    assert [b["url"] for b in downloads["buttons"]] == ["https://github.com/owner/book/archive/main.zip"]
    assert repository["url"] == "https://github.com/owner/book"


def test_where_colab_does_not_read_there_is_no_button_for_it(buttons) -> None:
    labels = [b["label"] for b in buttons(links.Repository("gitlab.com", "group/book"))]
    assert labels == ["launch-binder", "download-buttons", "source-repository-button"]


def test_a_text_page_gets_no_binder(buttons) -> None:
    labels = [b["label"] for b in buttons(links.Repository("github.com", "owner/book"), page="book/intro")]
    assert labels == ["download-buttons", "source-repository-button"]


def test_the_notebook_that_a_page_offers_is_the_one_beside_its_text(tmp_path: Path) -> None:
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "a.ipynb").write_text("a notebook")
    app = SimpleNamespace(srcdir=str(tmp_path), outdir=str(tmp_path / "html"))
    for page, offered in (("book/a", "book/a.ipynb"), ("book/b", None)):
        context: dict = {}
        links.offer_notebook(app, page, "page.html", context, doctree=object())
        assert context.get("ipynb_source") == offered
    assert (tmp_path / "html" / "_sources" / "book" / "a.ipynb").read_text() == "a notebook"


def test_without_a_remote_there_are_no_buttons(buttons) -> None:
    assert buttons(None) == []
    config = SimpleNamespace(html_theme_options={})
    app = SimpleNamespace(confdir="/")
    links.read_remote(app, config)
    assert config.html_theme_options["use_download_button"] is False

"""Sphinx extension: the buttons of a page point to the repository that this clone came from.

The address is read from the git remote `origin`, whatever its form. A clone with no remote, or one whose
remote is a folder, gets no such buttons: a link that leads nowhere is worse than none.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from sphinx.application import Sphinx
from sphinx.config import Config

BINDER = "https://mybinder.org/v2"
COLAB = "https://colab.research.google.com/github"
ICONS = {"github.com": "fab fa-github", "gitlab.com": "fab fa-gitlab", "bitbucket.org": "fab fa-bitbucket"}
SCP_FORM = re.compile(r"^(?:[\w.-]+@)?(?P<host>[\w.-]+\.[a-z]{2,}):(?!//)(?P<path>[^\\]+)$", re.IGNORECASE)


@dataclass(frozen=True)
class Repository:
    """A hosted repository: `https://{host}/{path}`."""

    host: str
    path: str

    @property
    def url(self) -> str:
        return f"https://{self.host}/{self.path}"

    @property
    def icon(self) -> str:
        return ICONS.get(self.host, "fas fa-code-branch")

    def binder(self, ref: str, document: str) -> str | None:
        """Where Binder opens `document` in JupyterLab; None for a host that Binder has no short form for."""
        if self.host == "github.com":
            where = f"gh/{self.path}"
        elif self.host == "gitlab.com":
            where = f"gl/{quote(self.path, safe='')}"
        else:
            return None
        return f"{BINDER}/{where}/{quote(ref, safe='')}?urlpath=lab/tree/{quote(document)}"

    def colab(self, ref: str, document: str) -> str | None:
        """Where Colab opens `document`; None for a host that it does not read."""
        if self.host != "github.com":
            return None
        return f"{COLAB}/{self.path}/blob/{quote(ref)}/{quote(document)}"

    def archive(self, ref: str) -> str | None:
        """The whole repository as one zip file, where the host's address for it is known."""
        if self.host == "github.com":
            return f"{self.url}/archive/{quote(ref)}.zip"
        if self.host == "gitlab.com":
            return (
                f"{self.url}/-/archive/{quote(ref)}/{self.path.rsplit('/', 1)[-1]}-{quote(ref, safe='')}.zip"
            )
        return None


def parse_remote(remote: str) -> Repository | None:
    """Read a git remote in any network form; user names, passwords and ports are dropped."""
    remote = remote.strip()
    if scp := SCP_FORM.match(remote):
        host, path = scp["host"], scp["path"]
    else:
        parts = urlsplit(remote)
        if parts.scheme not in ("https", "http", "ssh", "git", "git+ssh") or not parts.hostname:
            return None
        host, path = parts.hostname, parts.path
    path = path.strip("/").removesuffix(".git").strip("/")
    return Repository(host.lower(), path) if path.count("/") >= 1 else None


def _git(folder: str, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def find_repository(folder: str) -> tuple[Repository | None, str]:
    """The repository behind `origin` and the branch checked out (HEAD, the default branch, when detached)."""
    return parse_remote(_git(folder, "remote", "get-url", "origin")), (
        _git(folder, "symbolic-ref", "--short", "-q", "HEAD") or "HEAD"
    )


def read_remote(app: Sphinx, config: Config) -> None:
    app.repository, app.repository_ref = find_repository(app.confdir)
    config.html_theme_options["use_download_button"] = app.repository is not None


def notebook_beside(app: Sphinx, pagename: str) -> Path | None:
    """The notebook that a learner opens for this page, if it is a chapter."""
    notebook = Path(app.srcdir) / f"{pagename}.ipynb"
    return notebook if notebook.exists() else None


def offer_notebook(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: object) -> None:
    """Put a chapter's notebook where the theme's download button looks for it."""
    notebook = notebook_beside(app, pagename)
    if doctree is not None and notebook is not None:
        target = Path(app.outdir) / "_sources" / f"{pagename}.ipynb"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(notebook, target)
        context["ipynb_source"] = f"{pagename}.ipynb"


def add_buttons(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: object) -> None:
    """Binder and Colab for notebooks, the whole repository among the downloads, and the repository itself."""
    repository, ref = app.repository, app.repository_ref
    if repository is None or doctree is None:
        return
    buttons = context["header_buttons"]
    if notebook_beside(app, pagename):
        document = f"{pagename}.ipynb"
        launch = {
            "launch-binder": (
                repository.binder(ref, document),
                "Run this chapter on Binder",
                "fas fa-rocket",
            ),
            "launch-colab": (
                repository.colab(ref, document),
                "Open this chapter in Colab, where its first cell says what to install",
                "fas fa-infinity",
            ),
        }
        buttons[:0] = [
            {"type": "link", "url": url, "tooltip": tooltip, "icon": icon, "label": label}
            for label, (url, tooltip, icon) in launch.items()
            if url
        ]
    if archive := repository.archive(ref):
        for group in buttons:
            if group.get("label") == "download-buttons":
                group["buttons"].append(
                    {
                        "type": "link",
                        "url": archive,
                        "text": "all (.zip)",
                        "tooltip": "Download the whole repository",
                        "icon": "fas fa-file-archive",
                        "label": "download-repository-button",
                    }
                )
    buttons.append(
        {
            "type": "link",
            "url": repository.url,
            "tooltip": "Source repository",
            "icon": repository.icon,
            "label": "source-repository-button",
        }
    )


def setup(app: Sphinx) -> dict:
    app.connect("config-inited", read_remote)
    app.connect("html-page-context", offer_notebook)  # before the theme makes its buttons
    app.connect("html-page-context", add_buttons, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

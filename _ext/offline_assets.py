"""Sphinx extension: every built page asks nothing of any server but its own.

MathJax and plotly.js are copied from installed Python packages, the explorer's script and style come from the
package itself, and what the theme and the notebook reader would fetch from elsewhere is taken out.
"""

from __future__ import annotations

import importlib.util
import shutil
from html import escape
from pathlib import Path

from docutils.nodes import document, raw
from sphinx.application import Sphinx
from sphinx.config import Config

MATHJAX_FONTS = "output/chtml/fonts/woff-v2"


def package_folder(name: str) -> Path:
    """Where a package lies, without importing it (one of them has a name that cannot be imported)."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(f"the package {name} is not installed; `make book` sets everything up")
    return Path(next(iter(spec.submodule_search_locations)))


def own_scripts() -> list[Path]:
    """The folders of the package from which pages get scripts and style sheets."""
    package = package_folder("implicit_tutorial")
    return [package / "explorer" / "static", package / "book" / "laboratory" / "static"]


def add_explorer_files(app: Sphinx, config: Config) -> None:
    """Serve the scripts and style sheets of figures out of the package: one copy, whatever the page."""
    config.html_static_path = [*config.html_static_path, *map(str, own_scripts())]


def add_scripts(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: object) -> None:
    """Every page loads the scripts of figures; those of single operations where a figure has them."""
    from implicit_tutorial.explorer.scripts import scripts_of  # here, for it takes a second

    for script in scripts_of(context.get("body", "")):
        app.add_js_file(script, loading_method="defer")


def add_laboratory(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: object) -> None:
    """The page that has the laboratory loads its scripts; no other one does."""
    if 'class="it-laboratory"' not in context.get("body", ""):
        return
    from implicit_tutorial.book.laboratory import SCRIPTS, SHEET  # here, for it takes a second

    app.add_css_file(SHEET)
    for script in SCRIPTS:
        app.add_js_file(script, loading_method="defer")


def tidy_theme(app: Sphinx, config: Config) -> None:
    """The book's name beside its logo; one search field, not two."""
    config.html_theme_options |= {"logo": {"text": config.html_title}, "navbar_persistent": []}


def copy_vendor(app: Sphinx, exception: Exception | None) -> None:
    """Put MathJax (with its fonts), plotly.js and the scripts as they are served beside the pages.

    They must not lie in the root's _static folder: Jupyter Book links every script there from every page.
    """
    if exception is not None or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    mathjax = package_folder("sphinx-mathjax-offline") / "static" / "mathjax"
    (static / "mathjax").mkdir(parents=True, exist_ok=True)
    shutil.copy(mathjax / "tex-chtml.js", static / "mathjax")
    shutil.copytree(mathjax / MATHJAX_FONTS, static / "mathjax" / MATHJAX_FONTS, dirs_exist_ok=True)
    shutil.copy(package_folder("plotly") / "package_data" / "plotly.min.js", static)
    from implicit_tutorial.explorer.scripts import served  # here, for it takes a second

    for folder in own_scripts():
        for script in folder.glob("*.js"):
            (static / script.name).write_text(served(script), "utf-8")


def complete_redirect(app: Sphinx, exception: Exception | None) -> None:
    """The page that leads on to the first one names its icon, or a browser asks for one that is not there."""
    index = Path(app.outdir) / "index.html"
    if exception is not None or app.builder.format != "html" or "icon" in index.read_text("utf-8"):
        return
    refresh = index.read_text("utf-8").strip()
    index.write_text(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(app.config.html_title)}</title>"
        f'<link rel="icon" href="_static/{Path(app.config.html_favicon).name}">{refresh}</head></html>\n',
        "utf-8",
    )


def drop_widget_state(app: Sphinx, doctree: object) -> None:
    """A widget's saved state is megabytes a figure, and useless here: the page has its own sliders."""
    metadata = getattr(app.env, "nb_metadata", {})
    metadata.get(app.env.docname, {}).pop("js_files", None)


def typeset_outputs(app: Sphinx, doctree: document) -> None:
    """A page loads MathJax also where only what its cells show has mathematics; Sphinx looks at the text."""
    if any('class="math' in output.astext() for output in doctree.findall(raw)):
        app.env.get_domain("math").data["has_equations"][app.env.docname] = True


def name_figures(app: Sphinx, doctree: document) -> None:
    """A figure brings its own colours and space: it is none of the theme's ``text_html``."""
    for output in doctree.findall(raw):
        if "text_html" in output["classes"] and 'class="it-explorer' in output.astext():
            output["classes"] = ["output", "it-output"]


def drop_thebe(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: object) -> None:
    """Jupyter Book links thebe twice on every page (a script error) and thebe itself needs a network."""

    def is_thebe(script: object) -> bool:
        body = str(getattr(script, "attributes", {}).get("body", ""))
        return "THEBE" in body or "sphinx-thebe" in str(getattr(script, "filename", script))

    for files in (context["script_files"], context["css_files"]):
        files[:] = [file for file in files if not is_thebe(file)]


def setup(app: Sphinx) -> dict:
    app.connect("config-inited", add_explorer_files)
    app.connect("config-inited", tidy_theme)
    app.connect("doctree-read", drop_widget_state)
    app.connect("doctree-read", typeset_outputs)
    app.connect("doctree-read", name_figures)
    app.connect("html-page-context", add_scripts)
    app.connect("html-page-context", add_laboratory)  # its scripts come behind
    app.connect("html-page-context", drop_thebe, priority=900)
    app.connect("build-finished", copy_vendor)
    app.connect("build-finished", complete_redirect, priority=900)  # when the redirect has been written
    from implicit_tutorial.explorer.style import SHEETS  # here, for it takes a second

    for sheet in SHEETS:
        app.add_css_file(sheet)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

# The library of this book does the work; where it is missing, this cell says how to get it.
import sys
from importlib.util import find_spec
from pathlib import Path


class LibraryMissing(Exception):
    def _render_traceback_(self):  # what Jupyter prints in the place of a traceback
        return str(self).split("\n")


if find_spec("implicit_tutorial") is None:
    here = Path("../pyproject.toml").exists()
    raise LibraryMissing(
        "This notebook needs the book's own library, implicit_tutorial, and this Python does not have it:\n"
        f"    {sys.executable}\n"
        "Run the following line in a cell of its own, restart the kernel, and run all cells again:\n"
        f"    %pip install {'..' if here else 'FOLDER'}\n"
        + ("" if here else "FOLDER is a copy of the book's whole repository, or git+ and its address.\n")
        + "It needs Python 3.11 or newer, and brings PyTorch, plotly and ipywidgets with it."
    )

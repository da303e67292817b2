# Run all cells (menu Run), and the figures follow their handles.
# This one looks for the book's library.
from importlib.util import find_spec
from pathlib import Path

from IPython.core.error import UsageError

if find_spec("implicit_tutorial") is None:
    here = Path("../pyproject.toml").exists()
    folder = ".." if here else "FOLDER"
    raise UsageError(
        "this notebook needs the book's own library, which this Python lacks.\n"
        f"Run  %pip install {folder}  in a cell of its own, restart the\n"
        "kernel, and run all cells again.\n"
        f"({folder} is a copy of the book's whole repository; git+ and its\n"
        "address will also do. It takes Python 3.11 or newer, and brings\n"
        "PyTorch, plotly and ipywidgets with it.)"
    )

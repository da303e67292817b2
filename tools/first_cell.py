# Run all cells (menu Run), and the figures follow their handles. This one looks for the book's library.
from importlib.util import find_spec
from pathlib import Path

from IPython.core.error import UsageError

if find_spec("implicit_tutorial") is None:
    folder = ".." if Path("../pyproject.toml").exists() else "FOLDER"
    raise UsageError(
        "this notebook needs the book's own library, and this Python does not have it.\n"
        f"Run  %pip install {folder}  in a cell of its own, restart the kernel, and run all cells again.\n"
        f"({folder} is a copy of the book's whole repository; git+ and its address will also do.\n"
        "It takes Python 3.11 or newer, and brings PyTorch, plotly and ipywidgets with it.)"
    )

"""Run notebooks here as Binder would, and print the largest memory that a kernel took, in bytes."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import nbclient
import nbformat

for name in sys.argv[1:]:
    notebook = nbformat.read(name, as_version=4)
    nbclient.NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": Path(name).parent}}
    ).execute()
unit = 1 if sys.platform == "darwin" else 1024
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit)

"""nbval at work on notebooks made for a test."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def judged(folder: Path) -> tuple[dict[str, dict[str, str]], str]:
    """What our plugin says of each item of each notebook, empty for one that passes; and the log."""
    report = folder / "report.xml"
    plugins = ["-p", "no:cacheprovider", "-p", "tests.notebooks.tolerance"]
    nbval = ["--nbval", "--nbval-current-env", "--continue-on-collection-errors", f"--junitxml={report}"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugins, *nbval, str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1, run.stdout
    found: dict[str, dict[str, str]] = {}
    for case in ET.parse(report).getroot().iter("testcase"):
        name = case.get("classname").removesuffix(".ipynb").rpartition(".")[2]
        message = "".join(e.get("message", "") + (e.text or "") for e in case)
        found.setdefault(name, {})[case.get("name")] = message
    return found, run.stdout

"""What Binder would build: valid files, and our pins. (nbval runs the notebooks in it.)"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path


def pins(file: Path) -> dict[str, str]:
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s#]+)", file.read_text(), re.MULTILINE)
    return {name.lower().replace("_", "-"): version for name, version in found}


def test_repo2docker_takes_the_binder_folder(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "repo2docker", "--no-build", "--debug", str(root)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    dockerfile = done.stdout + done.stderr
    assert done.returncode == 0, dockerfile[-2000:]
    for step in ('-r "binder/requirements.txt"', "./binder/postBuild", "environment for python=3.11"):
        assert step in dockerfile, step


def test_binder_pins_are_those_of_the_book(root: Path) -> None:
    ours, binders = pins(root / "requirements.txt"), pins(root / "binder" / "requirements.txt")
    assert binders.pop("torch") == ours["torch"] + "+cpu"
    assert len(binders) > 5
    assert binders == {name: ours[name] for name in binders}


def test_binder_installs_what_the_package_needs_and_no_more(root: Path) -> None:
    """So the notebooks, which nbval runs with Binder's list, also run after `pip install .` alone."""
    wanted = tomllib.loads((root / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.split(r"[<>=!~ ]", line)[0].lower() for line in wanted} - {"ipython"}  # comes with Jupyter
    assert names == set(pins(root / "binder" / "requirements.txt"))


def test_post_build_can_be_executed(root: Path) -> None:
    assert os.access(root / "binder" / "postBuild", os.X_OK)

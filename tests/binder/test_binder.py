"""What Binder would build: valid files, our pins, and notebooks that run in it within its memory."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

MEMORY = 1.5e9


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


def test_binder_installs_what_the_package_needs(root: Path) -> None:
    import tomllib

    wanted = tomllib.loads((root / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.split(r"[<>=!~ ]", line)[0].lower() for line in wanted} - {"ipython"}  # comes with JupyterLab
    assert names <= set(pins(root / "binder" / "requirements.txt"))


def test_post_build_can_be_executed(root: Path) -> None:
    assert os.access(root / "binder" / "postBuild", os.X_OK)


@pytest.fixture(scope="module")
def binder_python(root: Path) -> Path:
    """The interpreter of a fresh environment with Binder's own list, kept until the list changes.

    The foreign index is left out, so that the environment can be made where that cannot be reached; the plain
    pin then takes whatever build of the same version there is.
    """
    listed = (root / "binder" / "requirements.txt").read_text()
    lines = [line for line in listed.splitlines() if line and not line.startswith(("#", "--extra-index-url"))]
    wanted = "\n".join(lines).replace("+cpu", "") + "\n"
    post_build = (root / "binder" / "postBuild").read_text() + (root / "pyproject.toml").read_text()
    digest = hashlib.sha256((wanted + post_build + sys.version).encode()).hexdigest()
    folder = root / ".venv-binder"
    with FileLock(root / ".venv-binder.lock"):
        stamp = folder / "made-from"
        if not stamp.exists() or stamp.read_text() != digest:
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            (folder / "requirements.txt").write_text(wanted)
            pip = [
                folder / "bin" / "python",
                "-m",
                "pip",
                "--quiet",
                "--disable-pip-version-check",
                "install",
            ]
            subprocess.run([*pip, "-r", folder / "requirements.txt"], check=True)
            path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
            subprocess.run(["binder/postBuild"], cwd=root, check=True, env=os.environ | {"PATH": path})
            stamp.write_text(digest)
    return folder / "bin" / "python"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_notebooks_run_in_binders_environment_within_memory(binder_python: Path, root: Path) -> None:
    notebooks = sorted((root / "notebooks").glob("*.ipynb"))
    assert notebooks
    environment = {k: v for k, v in os.environ.items() if not k.startswith("IMPLICIT_TUTORIAL")}
    environment |= {
        "JPY_SESSION_NAME": "binder",  # as under a Jupyter server: live figures
        "PATH": f"{binder_python.parent}{os.pathsep}{os.environ['PATH']}",
    }
    runner = Path(__file__).with_name("run_notebooks.py")
    done = subprocess.run(
        [binder_python, runner, *notebooks], env=environment, capture_output=True, text=True, cwd=root
    )
    assert done.returncode == 0, done.stderr[-3000:]
    peak = float(done.stdout.split()[-1])
    assert 1e8 < peak < MEMORY, f"the largest kernel took {peak / 1e9:.2f} GB"

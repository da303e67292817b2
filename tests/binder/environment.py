"""A fresh environment with Binder's own list of packages, and a kernel in it."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from filelock import FileLock

ROOT = Path(__file__).resolve().parents[2]


def binder_kernels() -> Path:
    """A folder for JUPYTER_PATH whose kernel ``python3`` is that of Binder's environment.

    The environment is kept until Binder's list changes. The foreign index is left out, so that it can be made
    where that cannot be reached; the plain pin then takes whatever build of the same version there is.
    """
    listed = (ROOT / "binder" / "requirements.txt").read_text()
    lines = [line for line in listed.splitlines() if line and not line.startswith(("#", "--extra-index-url"))]
    # Binder brings JupyterLab and with it the kernel.
    lines += re.findall("^ipykernel==.*", (ROOT / "requirements.txt").read_text(), re.M)
    wanted = "\n".join(lines).replace("+cpu", "") + "\n"
    others = (ROOT / "binder" / "postBuild", ROOT / "pyproject.toml", Path(__file__))
    made_from = wanted + sys.version + "".join(file.read_text() for file in others)
    digest = hashlib.sha256(made_from.encode()).hexdigest()
    folder = ROOT / ".venv-binder"
    with FileLock(ROOT / ".venv-binder.lock"):
        stamp = folder / "made-from"
        if not stamp.exists() or stamp.read_text() != digest:
            shutil.rmtree(folder, ignore_errors=True)
            _make(folder, wanted)
            stamp.write_text(digest)
    return folder / "share" / "jupyter"


def _make(folder: Path, wanted: str) -> None:
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    (folder / "requirements.txt").write_text(wanted)
    python = folder / "bin" / "python"
    # Compiled as they are imported: most of the packages' files never are.
    options = ["--quiet", "--disable-pip-version-check", "--no-compile"]
    subprocess.run([python, "-m", "pip", "install", *options, "-r", folder / "requirements.txt"], check=True)
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(["binder/postBuild"], cwd=ROOT, check=True, env=os.environ | {"PATH": path})
    # The kernel that the packages bring starts whatever Python asks for it; this one names its own.
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([python, "-m", "ipykernel", "install", "--prefix", folder], **quiet)

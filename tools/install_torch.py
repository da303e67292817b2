"""Install PyTorch here: the CPU build where its index answers, the plain one where not.

On Linux a plain `pip install torch` brings several gigabytes of CUDA libraries that this book does not need.
The CPU build lies on PyTorch's own index, which not every network reaches, so one short probe decides.
`gpu` asks for the plain build, which on Linux is the CUDA one.
"""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable

VERSION = "2.13.0"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
PROBE_SECONDS = 3.0


def reachable(url: str, seconds: float = PROBE_SECONDS) -> bool:
    """Does `url` answer within `seconds`?  Name look-up included, which a socket's timeout does not cover."""
    answered = threading.Event()

    def ask() -> None:
        try:
            with urllib.request.urlopen(url, timeout=seconds):
                answered.set()
        except (OSError, ValueError):
            pass

    threading.Thread(target=ask, daemon=True).start()
    return answered.wait(seconds)


def satisfied(build: str, installed: str | None) -> bool:
    """Is what is installed good enough?  Any build of that version runs on a CPU; `gpu` excludes +cpu."""
    if installed is None or installed.partition("+")[0] != VERSION:
        return False
    return build == "cpu" or not installed.endswith("+cpu")


def pip_arguments(build: str, platform: str, probe: Callable[[str], bool]) -> list[str]:
    """What to hand to `pip install`.  Only Linux has a plain build that is not already the CPU one."""
    plain = [f"torch=={VERSION}"]
    if build == "cpu" and platform.startswith("linux") and probe(CPU_INDEX + "/torch/"):
        return [*plain, "--index-url", CPU_INDEX]
    return plain


def main(build: str) -> int:
    if build not in ("cpu", "gpu"):
        print(f"install_torch: TORCH={build!r} is not a build; use TORCH=cpu (the default) or TORCH=gpu")
        return 2
    try:
        installed = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        installed = None
    if satisfied(build, installed):
        print(f"torch {installed} is in place")
        return 0
    pip = [sys.executable, "-m", "pip"]
    if installed is not None:  # pip takes 2.13.0+cpu for 2.13.0 and would change nothing
        subprocess.run([*pip, "uninstall", "--quiet", "--yes", "torch"], check=True)
    arguments = pip_arguments(build, sys.platform, reachable)
    print("installing", *arguments, flush=True)
    install = [*pip, "install", "--quiet", "--disable-pip-version-check"]
    code = subprocess.run([*install, *arguments]).returncode
    if code and "--index-url" in arguments:
        print("the CPU index answered but did not deliver; trying the plain build", flush=True)
        code = subprocess.run([*install, f"torch=={VERSION}"]).returncode
    return code


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1] if len(sys.argv) > 1 else "cpu"))

"""Build the book: throw away what is stale, run Jupyter Book with warnings as errors, check the pages.

Jupyter Book's cache of executed notebooks looks at the notebooks only. Here the outputs also depend on the
library, so what they were made from is fingerprinted, and a change clears them.

    python tools/build_book.py            the pages of a run of all cells
    python tools/build_book.py --stored   the chapters with the outputs stored in their notebooks

The second is for the tests: nbval runs those cells anyway, and refuses outputs that are not theirs.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import yaml
from kernel_environment import kernel_environment

ROOT = Path(__file__).resolve().parent.parent
# What the outputs of a notebook depend on, what the look of every page depends on, and the pages themselves.
LOOK = ("src/**/*.js", "src/**/*.css")
CODE = ("src/**/*", "requirements.txt", "tools/kernel_environment.py")
FRAME = (*LOOK, "_ext/*.py", "_static/*", "_config.yml", "_toc.yml", "tools/build_book.py")
NOTEBOOKS = ("notebooks/*.ipynb",)
PAGES = ("book/**/*", "notebooks/*", "tools/check_book.py")

RUN = "a run of all cells"


def fingerprint(root: Path, patterns: Iterable[str], without: Iterable[str] = (), extra: str = "") -> str:
    """One hash for the names and contents of all files that match `patterns` and not `without`."""
    digest = hashlib.sha256(extra.encode())
    left_out = {path for pattern in without for path in root.glob(pattern)}
    found = {path for pattern in patterns for path in root.glob(pattern) if path.is_file()}
    for path in sorted(found - left_out):
        if not {"__pycache__", ".ipynb_checkpoints"}.intersection(path.parts):
            digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def current_state(root: Path, stored: bool = False) -> dict[str, str]:
    git = ["git", "-C", str(root), "remote", "get-url", "origin"]  # the pages' buttons point there
    origin = subprocess.run(git, capture_output=True, text=True).stdout
    return {
        "code": fingerprint(root, CODE, without=LOOK),
        "outputs": fingerprint(root, NOTEBOOKS) if stored else RUN,
        "frame": fingerprint(root, FRAME, extra=origin),
        "pages": fingerprint(root, PAGES),
    }


def stale_folders(old: dict[str, str], new: dict[str, str]) -> list[str]:
    """Which folders of _build no longer tell the truth."""
    if old.get("code") != new["code"] or old.get("outputs") != new["outputs"]:
        return [".jupyter_cache", "jupyter_execute", ".doctrees", "html"]
    if old.get("frame") != new["frame"]:
        return [".doctrees", "html"]
    return []


def take_stored_outputs(root: Path) -> None:
    """Fill Jupyter Book's cache with what the chapters' notebooks hold; one that is stale is run instead."""
    from jupyter_cache import get_cache
    from jupyter_cache.base import CacheBundleIn
    from make_notebooks import stored_run

    cache = get_cache(str(root / "_build" / ".jupyter_cache"))
    for source in sorted((root / "notebooks").glob("*.md")):
        with contextlib.suppress(RuntimeError):
            cache.cache_notebook_bundle(CacheBundleIn(stored_run(source), str(source)), overwrite=True)


def execute_in_parallel(root: Path) -> None:
    """Fill Jupyter Book's cache, one notebook a core; by itself it runs them one after the other.

    A notebook that fails is left out: Jupyter Book runs it again, and says which cell failed.
    """
    # Imported here, for they take a second, and most of the time the book is up to date.
    from jupyter_cache import get_cache
    from jupyter_cache.executors import load_executor

    cache = get_cache(str(root / "_build" / ".jupyter_cache"))
    for path in sorted((*(root / "notebooks").glob("*.md"), *(root / "book").glob("*.md"))):
        if "file_format: mystnb" in path.read_text(encoding="utf-8"):
            cache.add_nb_to_project(str(path), read_data={"type": "plugin", "name": "myst_nb_md"})
    timeout = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))["execute"]["timeout"]
    load_executor("local-parallel", cache).run_and_cache(timeout=timeout)


def main(stored: bool = False, root: Path = ROOT) -> int:
    build = root / "_build"
    record = build / "fingerprint.json"
    index = build / "html" / "index.html"
    old = json.loads(record.read_text()) if record.exists() else {}
    new = current_state(root, stored)
    if index.exists() and old in (new, new | {"outputs": RUN}):
        print(f"The book is up to date. Open:\n  {index}")
        return 0
    for name in stale_folders(old, new):
        shutil.rmtree(build / name, ignore_errors=True)
    record.unlink(missing_ok=True)  # an interrupted or failed build is never taken for a finished one

    start = time.monotonic()
    bin_folder = Path(sys.executable).parent
    os.environ["PATH"] = f"{bin_folder}{os.pathsep}{os.environ['PATH']}"  # the kernel is this environment's
    os.environ |= kernel_environment()
    if stored:
        take_stored_outputs(root)
    execute_in_parallel(root)
    command = [str(bin_folder / "jupyter-book"), "build", str(root), "-W", "-n", "--keep-going"]
    built = subprocess.run(command, cwd=root)
    if built.returncode == 0:
        built = subprocess.run([sys.executable, str(root / "tools" / "check_book.py"), str(root)])
    if built.returncode:
        print(
            "\nThe book was not built. Each WARNING or ERROR above names the page and what is wrong with it."
        )
        return 1
    record.write_text(json.dumps(new))
    print(f"\nBuilt in {time.monotonic() - start:.0f} s. Open:\n  {index}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(stored="--stored" in sys.argv[1:]))

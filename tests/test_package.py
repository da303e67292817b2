"""What is published works where the repository is not: every file is in the wheel, and no other is needed."""

from __future__ import annotations

import email
import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import least_versions
import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

#: A network is solved, a claim verified, and a figure drawn from what was computed once and stored.
USE = """
import pathlib, sys
import implicit_tutorial as it
from implicit_tutorial.book import explorers
from implicit_tutorial.explorer import STATIC, decode

assert pathlib.Path(it.__file__).is_relative_to(sys.argv[1]), it.__file__
X = it.data.sphere(8, 3, seed=0)
solution = it.EquilibriumNetwork(3, 16, implicit_scale=0.4).equilibrium(X)
assert solution.converged.all() and solution.certificate.well_posed
print(it.verify("C2"))
stored = explorers()["circle-scale"]()
assert set(decode(stored.html())) == set(decode(stored.html(), "circle-scale"))
assert {"explorer.js", "explorer.css"} <= {path.name for path in STATIC.iterdir()}
"""


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    return Path(next(WheelBuilder(str(root)).build(directory=str(folder), versions=["standard"])))


def test_the_wheel_holds_every_file_of_the_package(root: Path, wheel: Path) -> None:
    """Scripts, style sheets and stored results included, for whoever installs without `-e`."""
    package = root / "src" / "implicit_tutorial"
    files = {path.relative_to(package.parent).as_posix() for path in package.rglob("*") if path.is_file()}
    with zipfile.ZipFile(wheel) as inside:
        missing = {name for name in files if "__pycache__" not in name} - set(inside.namelist())
    assert missing == set()
    assert any(name.endswith(".js") for name in files)
    assert any(name.endswith(".json") for name in files)


def test_the_wheel_works_without_the_repository(wheel: Path, tmp_path: Path) -> None:
    """With the packages of this environment, but the library installed in a folder of its own."""
    installed = tmp_path / "site-packages"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target"]
    subprocess.run([*pip, str(installed), str(wheel)], check=True)
    environment = os.environ | {"PYTHONPATH": str(installed), "IMPLICIT_TUTORIAL_LIVE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", USE, str(installed)],
        cwd=tmp_path, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("C2 holds: ")


def test_what_is_said_of_the_package_is_what_there_is(root: Path, wheel: Path) -> None:
    """It shows the README, invents no address, and names those versions of Python that are tested."""
    with zipfile.ZipFile(wheel) as inside:
        (name,) = (name for name in inside.namelist() if name.endswith("/METADATA"))
        metadata = email.message_from_bytes(inside.read(name))
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert "# Implicit networks" in metadata.get_payload()
    assert not metadata.get_all("Project-URL")
    assert not metadata["Home-page"]
    named = [c.rpartition(" ")[2] for c in metadata.get_all("Classifier") if "Python :: 3." in c]
    workflow = (root / ".github" / "workflows" / "book.yml").read_text("utf-8")
    assert named
    assert all(f'"{version}"' in workflow for version in named), (
        "name in book.yml each Python of the classifiers"
    )
    assert metadata["Requires-Python"] == f">={named[0]}"


def test_the_least_versions_are_those_that_are_declared(root: Path, capsys: pytest.CaptureFixture) -> None:
    assert least_versions.main() == 0
    pins = dict(line.split("==") for line in capsys.readouterr().out.split())
    wanted = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    assert [f"{name}>={version}" for name, version in pins.items()] == wanted
    assert pins["torch"] == "2.6"


def test_the_source_holds_what_builds_the_wheel(root: Path, tmp_path: Path) -> None:
    source = Path(next(SdistBuilder(str(root)).build(directory=str(tmp_path), versions=["standard"])))
    with tarfile.open(source) as inside:
        names = {name.partition("/")[2] for name in inside.getnames()}
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    assert {"pyproject.toml", project["readme"], *project["license-files"], "CHANGELOG.md"} <= names
    assert {path for path in names if path.startswith("src/")} >= {
        path.relative_to(root).as_posix()
        for path in (root / "src").rglob("*.*")
        if path.is_file() and "__pycache__" not in path.parts
    }

"""Which PyTorch the set-up asks for, and how fast it decides."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import install_torch
import pytest

PLAIN = [f"torch=={install_torch.VERSION}"]
FROM_CPU_INDEX = [*PLAIN, "--index-url", install_torch.CPU_INDEX]


@pytest.mark.parametrize(
    ("build", "platform", "answers", "arguments"),
    [
        ("cpu", "linux", True, FROM_CPU_INDEX),
        ("cpu", "linux", False, PLAIN),
        ("gpu", "linux", True, PLAIN),
        ("cpu", "darwin", True, PLAIN),
        ("cpu", "win32", True, PLAIN),
    ],
)
def test_the_cpu_index_is_used_where_it_helps(build, platform, answers, arguments) -> None:
    assert install_torch.pip_arguments(build, platform, lambda _: answers) == arguments


@pytest.mark.parametrize(
    ("build", "installed", "enough"),
    [
        ("cpu", None, False),
        ("cpu", "2.13.0+cpu", True),
        ("cpu", "2.13.0", True),
        ("cpu", "2.12.1+cpu", False),
        ("gpu", "2.13.0", True),
        ("gpu", "2.13.0+cu130", True),
        ("gpu", "2.13.0+cpu", False),
    ],
)
def test_what_is_installed_is_kept_where_it_serves(build, installed, enough) -> None:
    assert install_torch.satisfied(build, installed) is enough


def test_the_version_is_the_pinned_one(root: Path) -> None:
    assert f"\ntorch=={install_torch.VERSION} " in (root / "requirements.txt").read_text()


def test_a_silent_host_costs_no_more_than_the_probe() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:  # accepts, and never says a word
        start = time.monotonic()
        assert not install_torch.reachable(f"http://127.0.0.1:{server.getsockname()[1]}/", seconds=0.3)
        assert time.monotonic() - start < 2


def test_a_host_that_answers_is_found(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("here")
    assert install_torch.reachable((tmp_path / "index.html").as_uri())


def test_an_unknown_build_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert install_torch.main("tpu") == 2
    assert "TORCH='tpu'" in capsys.readouterr().out

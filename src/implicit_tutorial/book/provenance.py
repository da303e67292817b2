"""What a stored file says of its origin: command, versions, machine."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch


def provenance(command: str, *packages: str) -> dict[str, Any]:
    """The command that writes a file, the versions of Python, torch and ``packages``, and the machine."""
    return {
        "command": command,
        "versions": {"python": platform.python_version(), **{p: version(p) for p in ("torch", *packages)}},
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "system": f"{platform.system()} {platform.machine()}",
            "kernels": torch.backends.cpu.get_cpu_capability(),
            "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        },
        "threads": torch.get_num_threads(),
    }


def _processor() -> str:
    """The processor's model, where the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    for line in cpuinfo.read_text().splitlines() if cpuinfo.exists() else ():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor() or "unknown"

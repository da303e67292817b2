"""Peak memory of a training, in a process of its own."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

import implicit_tutorial as it
from benchmarks.setting import Setting
from implicit_tutorial.training import Record


def peak(setting: Setting, width: int, n_samples: int, method: Any, steps: int) -> dict[str, float]:
    """Bytes that building the data and training a network add at their highest, the network's among them.

    On the CPU it is the process's resident memory (Linux), with all that the libraries take for themselves
    while they multiply; on a GPU what torch has allocated.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_train, setting, width, n_samples, method, steps, torch.get_num_threads()).result()


def _train(
    setting: Setting, width: int, n_samples: int, method: Any, steps: int, threads: int
) -> dict[str, float]:
    torch.set_num_threads(threads)
    record = Record(movement=False, norm=False, spectrum=False)
    until = it.Until(steps=steps)

    def train(setting: Setting, net: it.EquilibriumNetwork) -> dict[str, float]:
        X, y = setting.data()
        history = it.train(net, X, y, method=method, until=until, record=record)
        return {"sweeps": int(history.forward_sweeps.iloc[-1]), "residual": float(history.residual.iloc[-1])}

    setting = replace(setting, n_samples=n_samples)
    train(replace(setting, n_samples=8), setting.network(32))  # the libraries' own first calls
    before = _resident(setting)
    net = setting.network(width)  # drawn in float64: a peak of its own, before training
    _forget_peak(setting)
    result: dict[str, float] = {}
    seconds = setting.seconds(lambda: result.update(train(setting, net)))
    return result | {"seconds": seconds, "bytes": _peak(setting) - before}


def _resident(setting: Setting) -> int:
    return _status("VmRSS") if setting.device == "cpu" else torch.cuda.memory_allocated()


def _peak(setting: Setting) -> int:
    return _status("VmHWM") if setting.device == "cpu" else torch.cuda.max_memory_allocated()


def _forget_peak(setting: Setting) -> None:
    if setting.device == "cpu":
        Path("/proc/self/clear_refs").write_text("5")
    else:
        torch.cuda.reset_peak_memory_stats()


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return 1024 * int(line.split()[1])
    raise RuntimeError(f"the kernel does not say {field}")

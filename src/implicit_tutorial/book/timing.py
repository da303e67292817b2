"""How long something takes when nothing disturbs it.

Whatever is compared takes turns, so that a machine that is slower for a while is slower for all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

import numpy as np


def best_times(runs: Sequence[Callable[[], object]], *, rounds: int = 40) -> list[float]:
    """The shortest time of each of `runs`, in seconds of processor time."""
    best = [float("inf")] * len(runs)
    for _ in range(rounds + 1):  # the first round warms up
        for i, run in enumerate(runs):
            start = time.process_time()
            run()
            best[i] = min(best[i], time.process_time() - start)
    return best


def best_step_times(runs: Sequence[Callable[[], Iterable[object]]], *, rounds: int = 12) -> list[float]:
    """The mean over the steps between two items of each of `runs`, each step at its best of all rounds.

    In seconds of processor time; what follows the last item is not counted.
    """
    best: list[np.ndarray | float] = [float("inf")] * len(runs)
    for _ in range(rounds):
        for i, run in enumerate(runs):
            best[i] = np.minimum(best[i], np.diff([time.process_time() for _ in run()]))
    return [float(np.mean(steps)) for steps in best]

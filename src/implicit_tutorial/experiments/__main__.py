"""``python -m implicit_tutorial.experiments [NAME …]`` makes the stored sweeps, resuming what was begun."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from implicit_tutorial.experiments import stored
from implicit_tutorial.experiments.sweeps import SWEEPS
from implicit_tutorial.grid import run_grid


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m implicit_tutorial.experiments", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SWEEPS)}; all by default")
    parser.add_argument("--jobs", type=int, default=-1, help="worker processes; one a core by default")
    parser.add_argument(
        "--cache", type=Path, default=Path(".cache/sweeps"), help="where finished cells are kept"
    )
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(SWEEPS))
    if unknown:
        parser.error(f"no sweep {unknown[0]!r}; choose from {', '.join(SWEEPS)}")
    for name in arguments.names or SWEEPS:
        chosen, start = SWEEPS[name], time.perf_counter()
        print(f"{name}: {chosen.question} {len(chosen.cells)} cells", flush=True)
        frame = run_grid(
            chosen.cells, chosen.experiment, cache_dir=arguments.cache, n_jobs=arguments.jobs, progress=True
        )
        path = stored.write(name, frame, chosen.experiment, chosen.settings)
        counts = ", ".join(f"{k} {v}" for k, v in frame["status"].str.slice(0, 60).value_counts().items())
        seconds = time.perf_counter() - start
        print(f"  {seconds:.0f} s, {path.stat().st_size / 1024:.0f} kB; {counts}", flush=True)


if __name__ == "__main__":
    main()

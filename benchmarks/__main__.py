"""``python -m benchmarks [FIGURE …]`` measures the figures, all by default, stores and prints them."""

from __future__ import annotations

import argparse
import time

import torch

from benchmarks import stored
from benchmarks.figures import FIGURES
from benchmarks.setting import Setting
from implicit_tutorial.book import benchmarks as book


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=f"of {', '.join(FIGURES)}")
    parser.add_argument("--threads", type=int, default=1, help="of torch; 1 by default")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.figures) - set(FIGURES))
    if unknown:
        parser.error(f"no figure {unknown[0]!r}; choose from {', '.join(FIGURES)}")
    torch.set_num_threads(arguments.threads)
    devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    for name in arguments.figures or FIGURES:
        start, rows = time.perf_counter(), []
        for device in devices:
            for row in FIGURES[name](Setting(device=device)):
                rows.append({"device": device} | row)
                print(f"{name}: {stored.brief(rows[-1])}", flush=True)
        stored.replace(name, rows, seconds=time.perf_counter() - start)
    print(book.table())


if __name__ == "__main__":
    main()

"""``python -m benchmarks [RATIO …]`` measures ratios, all by default, stores them and prints the table."""

from __future__ import annotations

import argparse
import time

import torch

from benchmarks import stored
from benchmarks.frames import addresses
from benchmarks.ratios import RATIOS
from benchmarks.setting import Setting
from implicit_tutorial.book import benchmarks as book


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("ratios", nargs="*", metavar="RATIO", help=f"of {', '.join(RATIOS)}")
    parser.add_argument("--threads", type=int, default=1, help="of torch; 1 by default")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.ratios) - set(RATIOS))
    if unknown:
        parser.error(f"no ratio {unknown[0]!r}; choose from {', '.join(RATIOS)}")
    stored.origin()
    names = arguments.ratios or list(RATIOS)
    if {"frame", "spectrum"} & set(names):
        addresses()
    torch.set_num_threads(arguments.threads)
    devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    for name in names:
        start, rows = time.perf_counter(), []
        for device in devices:
            for row in RATIOS[name](Setting(device=device)):
                rows.append({"device": device} | row)
                print(f"{name}: {stored.brief(rows[-1])}", flush=True)
        stored.replace(name, rows, seconds=time.perf_counter() - start)
    print(book.table())


if __name__ == "__main__":
    main()

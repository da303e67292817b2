"""``python -m implicit_tutorial.book [STUDY …]`` makes stored studies anew, resuming what was begun.

Without a name, all that were made by other code than that of today, those that others need first.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from implicit_tutorial.book.study import Study, studies


def main() -> None:
    known = studies()
    parser = argparse.ArgumentParser(prog="python -m implicit_tutorial.book", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="STUDY", help="see --list")
    parser.add_argument("--list", action="store_true", help="say what there is, and what has changed since")
    parser.add_argument("--timings", action="store_true", help="also those that depend on the machine")
    parser.add_argument(
        "--confirm",
        type=float,
        metavar="SECONDS",
        help="run only cells that took no longer; where all agree, the stored table is today's",
    )
    parser.add_argument("--jobs", type=int, default=-1, help="worker processes; one a core by default")
    parser.add_argument("--cache", type=Path, default=Path(".cache/studies"), help="of finished cells")
    chosen = parser.parse_args()
    unknown = sorted(set(chosen.names) - set(known))
    if unknown:
        parser.error(f"no study {unknown[0]!r}; choose from {', '.join(known)}")
    now = chosen.timings or chosen.confirm is not None
    for name, study in known.items():
        if chosen.list:
            print(_line(study))
        elif name in chosen.names or (
            not chosen.names and study.changed and (now or not study.machine_bound)
        ):
            _make(study, chosen)


def _line(study: Study) -> str:
    state = ", ".join(study.changed) or "as the code of today makes it"
    kind = f"{len(study.cells)} cells{', timed' if study.machine_bound else ''}"
    return f"{study.name} ({kind}): {study.question}\n    {state}"


def _make(study: Study, chosen: argparse.Namespace) -> None:
    start = time.perf_counter()
    print(f"{study.name}: {study.question} {len(study.cells)} cells", flush=True)
    options = {"cache_dir": chosen.cache, "n_jobs": chosen.jobs, "progress": True}
    if chosen.confirm is None:
        rows = study.run(**options)
        failed = rows[rows["status"].str.startswith("failed")] if "status" in rows else ()
        said = f"{len(rows) - len(failed)} of them are stored"
    elif cells := study.quick(chosen.confirm):
        said = "; ".join(study.confirm(cells, **options)) or f"{len(cells)} of them agree"
    else:
        said = "none of them is so quick"
    print(f"  {time.perf_counter() - start:.0f} s: {said}", flush=True)


if __name__ == "__main__":
    main()

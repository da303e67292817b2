"""Print the oldest versions that pyproject.toml allows, as pip takes them: the library is tested with them.

python tools/least_versions.py > least.txt && pip install -r least.txt .
"""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for requirement in project["dependencies"]:
        print(requirement.replace(">=", "=="))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

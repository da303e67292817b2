"""Time of a step of gradient descent by each method of the field guide.

``python -m implicit_tutorial.results.field_guide_cost`` writes the JSON file beside this module.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from implicit_tutorial.figures.field_guide.measure import SCALE, network_of
from implicit_tutorial.figures.field_guide.systems import SYSTEMS
from implicit_tutorial.results.remedy_cost import origin, seconds_of_a_step


def measure() -> dict[str, Any]:
    """Every method on the common problem, on one thread."""
    torch.set_num_threads(1)
    rows = [
        {
            "method": name,
            "seconds": seconds_of_a_step(lambda s=s: network_of(s), s.find, penalty=s.penalty, repeats=5),
        }
        for name, s in SYSTEMS.items()
    ]
    return origin("field_guide_cost") | {"setting": {"implicit_scale": SCALE}, "rows": rows}


if __name__ == "__main__":
    target = Path(__file__).with_suffix(".json")
    target.write_text(json.dumps(measure(), indent=1) + "\n", encoding="utf-8")
    print(f"wrote {target.name}")

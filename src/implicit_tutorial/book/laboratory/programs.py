"""The laboratory's functions, written down for its page."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch

from implicit_tutorial.book.laboratory.arithmetic import advance, begin, limit, observe
from implicit_tutorial.explorer.computed import call, takes
from implicit_tutorial.explorer.program import export_program

#: The sizes of what an experiment begins with; m and n and so on vary.
SIZES: dict[str, tuple[str, ...]] = {
    "Theta": ("m", "m"), "W": ("m", "d"), "v": ("m",), "X": ("n", "d"), "seen": ("s", "d"), "y": ("n",),
    "other": ("n",), "y_seen": ("s",), "part": ("s",),
    "width": (), "implicit_scale": (), "output_scale": (),
}  # fmt: skip
#: Such that a trace can tell them apart, from one another and from constants.
_EXAMPLE = {"m": 17, "n": 11, "d": 7, "s": 13}


@cache
def programs() -> dict[str, dict[str, Any]]:
    """The documents of begin, advance, observe and limit."""
    generator = torch.Generator().manual_seed(0)
    state = {
        name: torch.randn([_EXAMPLE[size] for size in sizes], generator=generator, dtype=torch.float64)
        for name, sizes in SIZES.items()
    }
    state |= {name: torch.tensor(0.5, dtype=torch.float64) for name, sizes in SIZES.items() if not sizes}
    state["width"] = torch.tensor(float(_EXAMPLE["m"]), dtype=torch.float64)
    for name in ("X", "seen"):
        state[name] = state[name] / torch.linalg.vector_norm(state[name], dim=1, keepdim=True)
    by_number = {number: name for name, number in _EXAMPLE.items()}
    documents = {}
    for function in (begin, advance, observe, limit):
        example = {name: state[name] for name in takes(function)}
        sizes = {name: [by_number.get(size) for size in tensor.shape] for name, tensor in example.items()}
        documents[function.__name__] = export_program(function, example, sizes)
        state |= call(function, state)
    return documents

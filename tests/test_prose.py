"""Numbers for the prose are kept as what they are, whoever computed them."""

import ast

import IPython.display
import numpy as np
import pytest
import torch

from implicit_tutorial.prose import PREFIX, glue


@pytest.mark.parametrize(
    "value", [1.5, np.float64(1.5), np.array(1.5), torch.tensor(1.5), 3, np.int64(3), "m"]
)
def test_a_glued_value_can_be_read_again(monkeypatch, value) -> None:
    kept = []
    monkeypatch.setattr(
        IPython.display, "display", lambda data, **rest: kept.append((data, rest["metadata"]))
    )
    glue("name", value)
    [(data, metadata)] = kept
    assert ast.literal_eval(data[f"{PREFIX}text/plain"]) == value
    assert metadata["scrapbook"]["name"] == "name"

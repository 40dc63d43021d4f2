"""A merge that is worth something: real training, real git, and the same bytes by every way."""

from __future__ import annotations

import torch
from test_checkpoints import needs_lfs

from weights_end_to_end import RECIPES, WAYS, Steps, run


@needs_lfs
def test_the_merged_model_beats_both_parents() -> None:
    """Two branches fine-tune a language model on two kinds of text; git averages them."""
    threads = torch.get_num_threads()
    try:
        found = run(0, Steps(base=50, task=20), {"average": RECIPES["average"]}, WAYS)
    finally:
        torch.set_num_threads(threads)
    parents = found.losses["prose"], found.losses["code"]
    assert found.losses["average"].mean < min(parent.mean for parent in parents)
    assert found.same == {"average": True}

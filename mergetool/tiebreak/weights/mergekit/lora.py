"""``MODEL+ADAPTER``: a model with an adapter in it, as an input.

Only what the adapter changes is computed, into an unnamed file that is mapped; all else is the
model's own bytes. It is rounded to the model's type, as `tiebreak weights adapters apply` writes
it. mergekit writes the whole model into a cache first.
"""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

from tiebreak.weights.adapters.applying import Weighted, apply_adapters
from tiebreak.weights.blas import one_thread
from tiebreak.weights.checkpoint import open_shard
from tiebreak.weights.engine import write_checkpoint
from tiebreak.weights.tokenizer.overlay import Held, Overlay

if TYPE_CHECKING:
    from tiebreak.weights.adapters.adapter import Adapter
    from tiebreak.weights.checkpoint import Checkpoint


def with_adapter(model: Checkpoint, adapter: Adapter, scratch: str, threads: int) -> Overlay:
    """The model with the adapter in it. Both stay open, and the caller's to close.

    `scratch` is a folder with room for what changes. Raises `InputError` where they do not fit.
    """
    planned = [o for shard in apply_adapters(model, [Weighted(adapter)]) for o in shard]
    held = {
        output.name: Held(model.info(output.name), output.content)
        for output in planned
        if isinstance(output.content, memoryview)
    }
    computed = [output for output in planned if output.name not in held]
    with tempfile.TemporaryDirectory(prefix="tiebreak-", dir=scratch) as folder, one_thread():
        path = os.path.join(folder, "changed.safetensors")
        write_checkpoint(path, computed, None, threads)
        changed = open_shard(path)  # which stays, without a name
    start = changed.header.data_start
    for tensor in changed.header.tensors:
        raw = changed.view[start + tensor.start : start + tensor.end]
        held[tensor.name] = Held(tensor, raw)
    return Overlay(model, held)

"""What a model's ``config.json`` says that its tensors do not."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final

from tiebreak.weights.threeway import is_token_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tiebreak.weights.checkpoint import Checkpoint

OUTPUTS: Final = ("lm_head.weight", "embed_out.weight", "output.weight")

_GENERATES: Final = ("ForCausalLM", "LMHead", "ForConditionalGeneration")  # they have an output


def config_of(model: Checkpoint) -> Mapping[str, Any]:
    """The model's configuration; empty where there is none that can be read."""
    folder = model.path if os.path.isdir(model.path) else os.path.dirname(model.path)
    try:
        with open(os.path.join(folder, "config.json"), "rb") as file:
            found = json.loads(file.read())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def tied_table(model: Checkpoint) -> str | None:
    """The table that is the input's and the output's, where there is such a one."""
    return next((n for n in model.names if is_token_table(n) and is_tied(model, n)), None)


def is_tied(model: Checkpoint, name: str) -> bool:
    """Whether a tensor is the table of the input and of the output."""
    tables = [n for n in model.names if is_token_table(n) and model.info(n).shape[1:]]
    if tables != [name]:
        return False
    config = config_of(model)
    said = config.get("tie_word_embeddings")
    generates = any(word in str(config.get("architectures")) for word in _GENERATES)
    return said if isinstance(said, bool) else generates

"""The names of an adapter's tensors, and which tensor of a model each of them is about.

PEFT stores ``base_model.model.<module>.lora_A.weight`` and ``lora_B``; for embeddings
``lora_embedding_A`` and ``lora_embedding_B``. What it trained as a whole has the module's own name,
or that of the layer that it wrapped: ``<module>.weight``, ``<module>.base_layer.weight``.
Source: the checkpoint format in PEFT's developer guide.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tiebreak.errors import InputError
from tiebreak.weights.errors import shown

if TYPE_CHECKING:
    from tiebreak.weights.checkpoint import Checkpoint

PREFIX: Final = "base_model.model."
FACTOR: Final = re.compile(r"(?:base_model\.model\.)?(.+)\.lora_(embedding_)?([AB])(?:\.weight)?")

_WRAPPED: Final = ".base_layer."


def whole(name: str) -> str:
    """The model's name of a tensor that an adapter stores as a whole."""
    return name.removeprefix(PREFIX).replace(_WRAPPED, ".")


def tensor_of_model(model: Checkpoint, wanted: str) -> str:
    """The tensor of a model that an adapter means.

    A model may be stored without the prefix of the class that it was trained as (``transformer.``),
    or with one more; then the one tensor is taken whose name ends in the other. Raises `InputError`
    where there is none, or more than one.
    """
    if wanted in model:
        return wanted
    found = [n for n in model.names if n.endswith(f".{wanted}") or wanted.endswith(f".{n}")]
    if len(found) == 1 and "." in found[0]:
        return found[0]
    several = f" alone: {', '.join(map(shown, found[:3]))}" if found[1:] else ""
    raise InputError(
        f"{shown(model.path, 400)}: has no tensor {shown(wanted)!r}{several}; "
        "is it the model that the adapter was trained for?"
    )

"""Which tensors have one row for each token: by their shapes, not by a list of names.

In every model that has it, such a tensor is as long as the model's vocabulary. One inside of a
numbered layer may be so by chance (as wide as the vocabulary is large), and counts only where the
length follows the vocabulary from model to model.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tiebreak.errors import InputError
from tiebreak.weights.errors import shown
from tiebreak.weights.threeway import is_token_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.weights.checkpoint import Checkpoint
    from tiebreak.weights.safetensors import TensorInfo

_LAYER: Final = re.compile(r"(^|\.)\d+\.")


def tables_of(models: Sequence[Checkpoint], rows: Sequence[int]) -> tuple[str, ...]:
    """The tables, by name. Raises `InputError` where a name says that it is one, and it is not."""
    names = dict.fromkeys(name for model in models for name in model.names)
    found = tuple(name for name in names if _is_table(name, models, rows))
    for name in names:
        if name not in found and is_token_table(name):
            _refuse(name, models, rows)
    return found


def in_layer(name: str) -> bool:
    """Whether a tensor is one of many like it, by a number in its name."""
    return _LAYER.search(name) is not None


def length(info: TensorInfo) -> int:
    """How many tokens a tensor would have a row for: also a row of numbers is one for each."""
    shape = info.shape[1:] if info.shape[:1] == (1,) and len(info.shape) > 1 else info.shape
    return shape[0] if shape else 0


def resized(info: TensorInfo, rows: int) -> tuple[int, ...]:
    """The shape of the tensor with another number of rows."""
    if info.shape[:1] == (1,) and len(info.shape) > 1:
        return (1, rows, *info.shape[2:])
    return (rows, *info.shape[1:])


def _is_table(name: str, models: Sequence[Checkpoint], rows: Sequence[int]) -> bool:
    held = [(model.info(name), size) for model, size in zip(models, rows, strict=True)
            if name in model]  # fmt: skip
    if any(length(info) != size for info, size in held):
        return False
    return not in_layer(name) or len({size for _, size in held}) > 1


def _refuse(name: str, models: Sequence[Checkpoint], rows: Sequence[int]) -> None:
    for model, size in zip(models, rows, strict=True):
        if name in model and length(model.info(name)) != size:
            raise InputError(
                f"{shown(model.path)}: {shown(name)} has {length(model.info(name))} rows, and the "
                f"vocabulary {size}; tiebreak weights verify says more"
            )

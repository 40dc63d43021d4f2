"""Running variances of batch normalisation, which a sum of changes can make negative.

A layer divides by their square root: with one below 0 (and more so than its epsilon) all outputs of
the model are NaN, without any sign in the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.weights.dtypes import DTYPES

if TYPE_CHECKING:
    from tiebreak.weights.checkpoint import Checkpoint

NAME: Final = "running_var"


def negative(checkpoint: Checkpoint) -> list[str]:
    """The names of the running variances of a model that have an entry below 0."""
    return [
        name
        for name in checkpoint.names
        if name.rpartition(".")[2] == NAME and _has_negative(checkpoint, name)
    ]


def _has_negative(checkpoint: Checkpoint, name: str) -> bool:
    from tiebreak.weights.values import decode

    dtype = checkpoint.info(name).dtype
    return DTYPES[dtype].is_float and bool((decode(checkpoint.raw(name), dtype) < 0).any())

"""The diagonal Fisher information beside a checkpoint, and whether it is that checkpoint's.

    model.safetensors                -> model.fisher.safetensors
    model.safetensors.index.json     -> model.fisher.safetensors
    adapter_model.safetensors        -> adapter_model.fisher.safetensors

It is a safetensors file with a tensor of the same name and shape for every floating-point tensor of
the checkpoint, none negative, best stored as F32: the values span ten decades and more. Its
metadata may name the content of the checkpoint that it was estimated for (`MODEL`); of another
content it would be wrong without a sign, so it is refused then. ``tiebreak weights fisher`` writes
such files; what computes them otherwise may leave the name out.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from tiebreak.errors import InputError
from tiebreak.weights.checkpoint import FISHER_ENDING
from tiebreak.weights.dtypes import DTYPES
from tiebreak.weights.errors import shown
from tiebreak.weights.methods.method import fingerprint, in_turn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tiebreak.weights.checkpoint import Checkpoint
    from tiebreak.weights.methods.method import Each

MODEL: Final = "tiebreak.model"  # in the metadata: the content that it belongs to
ESTIMATE: Final = "tiebreak.fisher"  # in the metadata: how it was estimated

MAKE: Final = "tiebreak weights fisher FOLDER --data FILE makes it"


def beside(file: str) -> str:
    """The name of the Fisher file of a checkpoint that is in the file of that name."""
    return file.removesuffix(".index.json").removesuffix(".safetensors") + FISHER_ENDING


def content_of(checkpoint: Checkpoint, each: Each = in_turn) -> str:
    """A name for the tensors of a checkpoint, whatever their order and their files."""
    state = blake2b(digest_size=16)
    for name in sorted(checkpoint.names):
        info = checkpoint.info(name)
        data = fingerprint(checkpoint.raw(name), each)
        entry = f"{name}\0{info.dtype}\0{info.shape}\0{data}\0"
        state.update(entry.encode("utf-8", "surrogatepass"))
    return state.hexdigest()


def why_not(
    fisher: Checkpoint, model: Checkpoint, names: Iterable[str], each: Each = in_turn
) -> str | None:
    """Why a Fisher is not that of these tensors of a model; None if it is."""
    for name in names:
        info = model.info(name)
        if name not in fisher:
            return f"the Fisher lacks tensor {shown(name)!r}"
        found = fisher.info(name)
        if found.shape != info.shape or not DTYPES[found.dtype].is_float:
            is_, should = f"{found.dtype} {list(found.shape)}", f"{list(info.shape)}"
            return f"the Fisher of tensor {shown(name)!r} is {is_}, expected {should}"
    recorded = (fisher.metadata or {}).get(MODEL)
    if recorded is not None and recorded != content_of(model, each):
        return f"the Fisher is of another version of the model; {MAKE}"
    return None


def check_belongs(
    fisher: Checkpoint, model: Checkpoint, names: Iterable[str], each: Each = in_turn
) -> None:
    """Raise `InputError` unless the Fisher is that of these tensors of the model."""
    reason = why_not(fisher, model, names, each)
    if reason is not None:
        raise InputError(f"{shown(model.path, 400)}: {reason}")

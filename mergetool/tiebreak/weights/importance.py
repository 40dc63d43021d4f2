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


def misfit(fisher: Checkpoint, name: str, shape: tuple[int, ...]) -> str | None:
    """Why a Fisher has nothing to say of a tensor; None if it has."""
    if name not in fisher:
        return f"the Fisher lacks tensor {shown(name)!r}"
    found = fisher.info(name)
    if found.shape == shape and DTYPES[found.dtype].is_float:
        return None
    is_ = f"{found.dtype} {list(found.shape)}"
    return f"the Fisher of tensor {shown(name)!r} is {is_}, expected {list(shape)}"


def staleness(fisher: Checkpoint, model: Checkpoint, each: Each = in_turn) -> str | None:
    """Whether a Fisher is known to be of another content than the model's; then, a line."""
    recorded = (fisher.metadata or {}).get(MODEL)
    if recorded is None or recorded == content_of(model, each):
        return None
    return f"the Fisher is of another version of the model; {MAKE}"


def check_belongs(
    fisher: Checkpoint, model: Checkpoint, names: Iterable[str], each: Each = in_turn
) -> None:
    """Raise `InputError` unless the Fisher is that of these tensors of the model."""
    reasons = (misfit(fisher, name, model.info(name).shape) for name in names)
    reason = next(filter(None, reasons), None) or staleness(fisher, model, each)
    if reason is not None:
        raise InputError(f"{shown(model.path, 400)}: {reason}")

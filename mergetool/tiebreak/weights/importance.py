"""What a method asks for beside a checkpoint, and whether it is that checkpoint's.

    model.safetensors                -> model.fisher.safetensors, model.gram.safetensors
    model.safetensors.index.json     -> model.fisher.safetensors, ...
    adapter_model.safetensors        -> adapter_model.fisher.safetensors, ...

A safetensors file with tensors of the names of the checkpoint's, best stored as F32:

    Fisher   a tensor of the same shape for every floating-point tensor, none negative: the
             diagonal Fisher information; the values span ten decades and more
    Gram     for the weight of a linear layer, [out, in], the mean of x x' over its inputs x, of the
             shape [in, in]; [1, in, in] for a layer that keeps its weight as [in, out]. Of tensors
             that it does not have it says nothing

Its metadata may name the content of the checkpoint that it was estimated for (`MODEL`); of another
content it would be wrong without a sign, so it is refused then. ``tiebreak weights fisher`` and
``gram`` write such files; what computes them otherwise may leave the name out.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.errors import InputError
from tiebreak.weights.checkpoint import FISHER_ENDING, GRAM_ENDING
from tiebreak.weights.dtypes import DTYPES
from tiebreak.weights.errors import shown
from tiebreak.weights.methods.method import fingerprint, in_turn

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tiebreak.weights.checkpoint import Checkpoint
    from tiebreak.weights.methods.method import Each

MODEL: Final = "tiebreak.model"  # in the metadata: the content that it belongs to


class Kind(NamedTuple):
    """One kind of such files. `complete`: it has to speak of every tensor that is merged."""

    word: str
    name: str  # of the command, and of the method's `importance`
    ending: str
    complete: bool

    @property
    def estimate(self) -> str:
        """In the metadata: how it was estimated."""
        return f"tiebreak.{self.name}"

    @property
    def make(self) -> str:
        """What makes such a file, for messages."""
        return f"tiebreak weights {self.name} FOLDER --data FILE makes it"

    def beside(self, file: str) -> str:
        """The name of the file of a checkpoint that is in the file of that name."""
        return file.removesuffix(".index.json").removesuffix(".safetensors") + self.ending

    def shapes(self, shape: tuple[int, ...]) -> list[tuple[int, ...]]:
        """What may be said of a tensor of that shape."""
        if self.complete:
            return [shape]
        return [(shape[-1], shape[-1]), (1, shape[0], shape[0])] if len(shape) > 1 else []


FISHER: Final = Kind("Fisher", "fisher", FISHER_ENDING, complete=True)
GRAM: Final = Kind("Gram", "gram", GRAM_ENDING, complete=False)
KINDS: Final = {kind.name: kind for kind in (FISHER, GRAM)}


def content_of(checkpoint: Checkpoint, each: Each = in_turn) -> str:
    """A name for the tensors of a checkpoint, whatever their order and their files."""
    state = blake2b(digest_size=16)
    for name in sorted(checkpoint.names):
        info = checkpoint.info(name)
        data = fingerprint(checkpoint.raw(name), each)
        entry = f"{name}\0{info.dtype}\0{info.shape}\0{data}\0"
        state.update(entry.encode("utf-8", "surrogatepass"))
    return state.hexdigest()


def misfit(kind: Kind, found: Checkpoint, name: str, shape: tuple[int, ...]) -> str | None:
    """Why such a file has nothing to say of a tensor; None if it has, or need not."""
    if name not in found:
        return f"the {kind.word} lacks tensor {shown(name)!r}" if kind.complete else None
    info, expected = found.info(name), kind.shapes(shape)
    if info.shape in expected and DTYPES[info.dtype].is_float:
        return None
    wanted = " or ".join(str(list(one)) for one in expected) or "none"
    is_ = f"{info.dtype} {list(info.shape)}"
    return f"the {kind.word} of tensor {shown(name)!r} is {is_}, expected {wanted}"


def one_lacks(kind: Kind, files: Sequence[Checkpoint], name: str) -> str | None:
    """Whether some speak of a tensor and others do not; then, a line."""
    known = {name in found for found in files}
    return f"only some have a {kind.word} of tensor {shown(name)!r}" if len(known) > 1 else None


def is_transposed(found: Checkpoint, name: str) -> bool:
    """Whether what is said of a tensor is of the first of its two axes: see `Kind.shapes`."""
    shape = found.info(name).shape
    return len(shape) == len(("one", "in", "in")) and shape[0] == 1


def staleness(kind: Kind, found: Checkpoint, model: Checkpoint, each: Each = in_turn) -> str | None:
    """Whether such a file is known to be of another content than the model's; then, a line."""
    recorded = (found.metadata or {}).get(MODEL)
    if recorded is None or recorded == content_of(model, each):
        return None
    return f"the {kind.word} is of another version of the model; {kind.make}"


def check_belongs(
    kind: Kind, found: Checkpoint, model: Checkpoint, names: Iterable[str], each: Each = in_turn
) -> None:
    """Raise `InputError` unless the file is about these tensors of the model."""
    reasons = (misfit(kind, found, name, model.info(name).shape) for name in names)
    reason = next(filter(None, reasons), None) or staleness(kind, found, model, each)
    if reason is not None:
        raise InputError(f"{shown(model.path, 400)}: {reason}")

"""Tensors as the terms of a merge, and what can be wrong between three of them.

A `Tensor` is a reference: its bytes stay in the mapped file until someone looks. A
`TensorConflict` is what the trivial rule leaves open, with the reason in a word (`kind`) and in a
line (`why`); the pipeline treats it as it treats a hunk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.weights.kernels import host

if TYPE_CHECKING:
    from tiebreak.merge import Merge
    from tiebreak.weights.checkpoint import Checkpoint
    from tiebreak.weights.safetensors import TensorInfo
    from tiebreak.weights_recipe import Method

BOTH: Final = "both-changed"  # same shape and type; a recipe's method may merge it
PRESENCE: Final = "presence"  # one side removed what the other changed
SHAPE: Final = "shape"
DTYPE: Final = "dtype"
VOCABULARY: Final = "vocabulary"  # rows of a table of tokens were added or removed
TIED: Final = "tied"  # one side gave it values of its own, the other changed what it was tied to
NO_BASE: Final = "no-base"  # there is no common version to tell who changed what
UNRELATED: Final = "unrelated"  # the common version is of another model
OF_ANOTHER_MODEL: Final = "the common version is of another model, so nobody's change is known"
FACTORS: Final = "factors"  # of LoRA: the pair is one value, and both sides changed it
MOVED: Final = "moved"  # to another shard by one side, changed by the other
PAIRED: Final = (
    "both changed this pair of LoRA factors, whose product is what is to be merged: "
    "tiebreak weights adapters merge"
)
UNITE: Final = 'tiebreak solve matches them by token if the recipe says vocabulary = "union"'
METADATA: Final = "metadata"  # a text of the header, not a tensor
MERGEABLE: Final = frozenset({BOTH})  # kinds that leave anything for a method to do


class Tensor:
    """One tensor of one version. Equal by identity; `same` compares what it holds."""

    __slots__ = ("checkpoint", "info", "name")

    checkpoint: Checkpoint
    name: str
    info: TensorInfo

    def __init__(self, checkpoint: Checkpoint, name: str) -> None:
        """The tensor of that name. Raises `KeyError` when the checkpoint has none."""
        self.checkpoint, self.name = checkpoint, name
        self.info = checkpoint.info(name)

    @property
    def form(self) -> tuple[str, tuple[int, ...]]:
        """Its dtype and shape."""
        return self.info.dtype, self.info.shape

    def raw(self) -> memoryview:
        """Its bytes, where they lie."""
        return self.checkpoint.raw(self.name)

    def same(self, other: Tensor | None) -> bool:
        """Whether both have the same type, shape and bytes. Stops at the first difference."""
        if other is None or self.form != other.form:
            return False
        return host().equal(self.raw(), other.raw())

    def __str__(self) -> str:
        dtype, shape = self.form
        return f"{dtype} {list(shape)}"


class Copy(NamedTuple):
    """A settled value: this tensor's bytes."""

    tensor: Tensor


class Blend(NamedTuple):
    """A settled value: computed by a method when it is written, from the versions of a conflict.

    It has the type and shape of the sides, which have to agree for this.
    """

    conflict: TensorConflict
    method: Method

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the result."""
        ours = self.conflict.merge.ours
        return () if ours is None else ours.info.shape


class Stack(NamedTuple):
    """A settled value: rows below each other, each piece copied or computed."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    pieces: tuple[Copy | Blend, ...]


class Removed(NamedTuple):
    """A settled value: the tensor is not in the result."""

    name: str


Value = Copy | Blend | Stack | Removed


class TensorConflict:
    """A tensor that the trivial rule leaves open. Implements `tiebreak.conflict.Conflict`.

    `method` is what the recipe says of this tensor, None where it says nothing. `importances` are
    the Fisher of ours and of theirs where the method asks for them, or why they are not there.
    """

    __slots__ = ("importances", "kind", "merge", "method", "name", "path", "why")

    merge: Merge[Tensor | None]
    path: str
    name: str
    kind: str
    why: str
    method: Method | None
    importances: tuple[Tensor, ...] | str

    def __init__(
        self, merge: Merge[Tensor | None], path: str, name: str, kind: str, why: str
    ) -> None:
        """`merge` is ours - base + theirs; None stands for a version that does not have it."""
        self.merge, self.path, self.name = merge, path, name
        self.kind, self.why = kind, why
        self.method = None
        self.importances = ()

    def unrelate(self) -> None:
        """Note that the base is of another model, where that makes a difference."""
        if self.kind == BOTH:
            self.kind, self.why = UNRELATED, OF_ANOTHER_MODEL

"""The Fisher or Gram of both sides of a git merge, looked for when the first tensor needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiebreak.errors import InputError
from tiebreak.weights.conflict import Tensor
from tiebreak.weights.importance import KINDS, misfit, one_lacks, staleness
from tiebreak.weights.methods import method_named

if TYPE_CHECKING:
    from collections.abc import Callable

    from tiebreak.weights.checkpoint import Checkpoint
    from tiebreak.weights.conflict import TensorConflict
    from tiebreak.weights.importance import Kind


def unknown(_conflict: TensorConflict) -> str:
    """Where there is nowhere to look."""
    return "what the method asks for beside the sides is not known here"


class Fishers:
    """Opens each once. `find` opens that of "ours" or "theirs", or raises an `InputError`."""

    __slots__ = ("_find", "_opened")

    def __init__(self, find: Callable[[str, Kind], Checkpoint]) -> None:
        """Nothing is looked for yet."""
        self._find = find
        self._opened: dict[tuple[str, str], Checkpoint | str] = {}

    def __call__(self, conflict: TensorConflict) -> tuple[Tensor, ...] | str:
        """What ours and theirs have of one tensor, nothing, or why it is not known."""
        assert conflict.method is not None  # noqa: S101  (asked for by a method only)
        kind = KINDS[method_named(conflict.method.name).importance]
        found = []
        for side, tensor in (("ours", conflict.merge.ours), ("theirs", conflict.merge.theirs)):
            if tensor is None:
                return f"{side} has no such tensor"
            opened = self._of(side, kind, tensor.checkpoint)
            if isinstance(opened, str):
                return opened
            reason = misfit(kind, opened, conflict.name, tensor.info.shape)
            if reason is not None:
                return f"{side}: {reason}"
            found.append(opened)
        reason = one_lacks(kind, found, conflict.name)
        return reason or tuple(Tensor(one, conflict.name) for one in found if conflict.name in one)

    def _of(self, side: str, kind: Kind, model: Checkpoint) -> Checkpoint | str:
        place = (side, kind.name)
        if place not in self._opened:
            try:
                found = self._find(side, kind)
            except InputError as error:
                self._opened[place] = f"{side}: {error}"
            else:
                stale = staleness(kind, found, model)
                self._opened[place] = f"{side}: {stale}" if stale else found
        return self._opened[place]

    def close(self) -> None:
        """Give the files back."""
        for found in self._opened.values():
            if not isinstance(found, str):
                found.close()

"""The Fisher of both sides of a git merge, each looked for when the first tensor needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiebreak.errors import InputError
from tiebreak.weights.conflict import Tensor
from tiebreak.weights.importance import misfit, staleness

if TYPE_CHECKING:
    from collections.abc import Callable

    from tiebreak.weights.checkpoint import Checkpoint
    from tiebreak.weights.conflict import TensorConflict


def unknown(_conflict: TensorConflict) -> str:
    """Where there is nowhere to look."""
    return "the Fisher of its sides is not known here"


class Fishers:
    """Opens each once. `find` opens that of "ours" or "theirs", or raises an `InputError`."""

    __slots__ = ("_find", "_opened")

    def __init__(self, find: Callable[[str], Checkpoint]) -> None:
        """Nothing is looked for yet."""
        self._find = find
        self._opened: dict[str, Checkpoint | str] = {}

    def __call__(self, conflict: TensorConflict) -> tuple[Tensor, ...] | str:
        """The Fisher of ours and of theirs for one tensor, or why they are not known."""
        found = []
        for side, tensor in (("ours", conflict.merge.ours), ("theirs", conflict.merge.theirs)):
            if tensor is None:
                return f"{side} has no such tensor"
            fisher = self._of(side, tensor.checkpoint)
            if isinstance(fisher, str):
                return fisher
            reason = misfit(fisher, conflict.name, tensor.info.shape)
            if reason is not None:
                return f"{side}: {reason}"
            found.append(Tensor(fisher, conflict.name))
        return tuple(found)

    def _of(self, side: str, model: Checkpoint) -> Checkpoint | str:
        if side not in self._opened:
            try:
                fisher = self._find(side)
            except InputError as error:
                self._opened[side] = f"{side}: {error}"
            else:
                stale = staleness(fisher, model)
                self._opened[side] = f"{side}: {stale}" if stale else fisher
        return self._opened[side]

    def close(self) -> None:
        """Give the files back."""
        for fisher in self._opened.values():
            if not isinstance(fisher, str):
                fisher.close()

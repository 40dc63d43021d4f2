"""A folder of shards that is finished later: what is whole in it is not computed again.

It stands beside its place under a name of its own, and holds the digest of the plan: the method
with its parameters, and the inputs. Another plan is refused, so that no model is ever a mix of two
merges. A shard gets its name when it is whole and synced.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.errors import InputError
from tiebreak.weights.checkpoint import open_shard
from tiebreak.weights.errors import CheckpointError, shown
from tiebreak.weights.safetensors import lay_out

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tiebreak.weights.engine import Output

SUFFIX: Final = ".tiebreak-partial"
PLAN: Final = "tiebreak-plan"
_PART: Final = ".part"


class Partial(NamedTuple):
    """The folder, and the shards that it has already."""

    folder: str
    plan: str

    def part(self, name: str) -> str:
        """Where a shard is written while it is not whole."""
        return os.path.join(self.folder, name + _PART)

    def has(self, name: str, outputs: Sequence[Output]) -> bool:
        """Whether a shard is there, with these tensors."""
        path = os.path.join(self.folder, name)
        if not os.path.exists(path):
            return False
        try:
            shard = open_shard(path)
        except CheckpointError:
            return False
        with shard.view:
            return shard.header.tensors == lay_out((o.name, o.dtype, o.shape) for o in outputs)

    def finish(self, part: str) -> None:
        """Give a shard its name."""
        os.replace(part, part.removesuffix(_PART))


@contextmanager
def partial_folder(path: str, plan: str) -> Iterator[Partial]:
    """The folder that becomes `path`; whatever is whole in it stays when the body fails.

    Raises `InputError` when it is of another plan, or another process is at it.
    """
    folder = f"{path}{SUFFIX}"
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, PLAN), "a+", encoding="ascii") as file:
        _lock(file.fileno(), folder)
        file.seek(0)
        known = file.read()
        if known != plan and (known or set(os.listdir(folder)) != {PLAN}):
            raise InputError(
                f"{shown(folder, 400)}: begun with another method, other parameters or inputs;"
                " repeat that command, or remove the folder"
            )
        if not known:
            file.write(plan)
            file.flush()
            os.fsync(file.fileno())
        _clean(folder)
        try:
            yield Partial(folder, plan)
        finally:
            _clean(folder)


def _lock(descriptor: int, folder: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise InputError(f"{shown(folder, 400)}: another merge is writing to it") from error


def _clean(folder: str) -> None:
    """Remove what was not finished."""
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        if name.endswith(_PART):
            os.unlink(os.path.join(folder, name))

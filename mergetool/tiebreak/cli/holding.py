"""Whether a checkpoint still holds what was written into it, tensor by tensor."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from tiebreak.errors import TiebreakError
from tiebreak.journal import TENSORS

if TYPE_CHECKING:
    from tiebreak.journal import Entry


class Holding(NamedTuple):
    """How many of the recorded tensors are as they were written, and which are not."""

    path: str
    same: int
    changed: tuple[str, ...]
    problem: str = ""


def holding(entry: Entry, revision: str, top: str) -> Holding | None:
    """Compare a file with the digests of its entry; None where there are none to compare.

    With a `revision` (``HEAD``) the file of that commit, else that of the work tree.
    """
    from tiebreak.cli.weights.sources import opened
    from tiebreak.weights.digests import digest

    wanted = {d.name: d.chosen for d in entry.decisions if d.chosen and d.resolved}
    if entry.kind != TENSORS or not wanted:
        return None
    name = f"{revision}:{entry.path}" if revision else os.path.join(top, entry.path)
    try:
        with opened(name) as found:
            changed = tuple(
                tensor
                for tensor, chosen in wanted.items()
                if tensor not in found or digest(found.raw(tensor)) != chosen
            )
    except TiebreakError as error:
        return Holding(entry.path, 0, (), str(error))
    return Holding(entry.path, len(wanted) - len(changed), changed)

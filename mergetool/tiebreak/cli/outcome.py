"""What became of one file that `tiebreak solve` was asked to resolve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from tiebreak.journal import Decision

RESOLVED: Final = "resolved"  # nothing is left to do; staged
APPLIED: Final = "applied"  # resolved, for the user to look at and to stage
PARTLY: Final = "partly"  # some conflicts were resolved, others are still there
LEFT: Final = "left"  # untouched


class Outcome(NamedTuple):
    """What became of one file.

    `resolved` of its `conflicts` were resolved now and `smaller` made smaller, by the generators
    `by`; `left` blocks of markers are in it still. `id` is the journal entry's, empty when nothing
    was done. Of a checkpoint (`kind` "tensors") the tensors count that a side changed.
    """

    path: str
    status: str
    why: str
    conflicts: int = 0
    resolved: int = 0
    left: int = 0
    by: tuple[str, ...] = ()
    id: str = ""
    kind: str = "text"
    smaller: int = 0


def made_smaller(decision: Decision) -> bool:
    """Whether a conflict was replaced by one with markers around a part of it only."""
    from tiebreak.text.file import NARROWED

    return decision.resolved and decision.stratum == NARROWED

"""One side made all the edits of the other, and more: the larger side holds both.

Two people fix the same thing, and one of them goes on. Taking the larger side loses nothing: every
word the smaller side added is there as often, and every word it removed is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.conflict import Candidate
from tiebreak.text.document import OURS, THEIRS
from tiebreak.text.words import word_edits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tiebreak.text.document import Hunk, Region
    from tiebreak.text.words import WordEdit

NAME: Final = "subsumed"


def generate(hunk: Hunk) -> Iterator[Candidate[bytes]]:
    """The side whose edit includes the other's; nothing where neither or each does."""
    ours, theirs = word_edits(hunk.region)
    if not ours or not theirs or ours.within(theirs) == theirs.within(ours):
        return
    smaller, side, other = (theirs, OURS, THEIRS) if theirs.within(ours) else (ours, THEIRS, OURS)
    yield Candidate(
        hunk.region.side(side),
        NAME,
        f"{side} holds every edit of {other}, and more",
        f"{NAME}/{_kind(smaller, hunk.region, side, other)}",
    )


def _kind(smaller: WordEdit, region: Region, side: str, other: str) -> str:
    """What the smaller edit does; insertions tell least, unless the text is there in one piece."""
    if smaller.removed:
        return "replace" if smaller.added else "delete"
    return "insert-whole" if region.side(other).strip() in region.side(side) else "insert"

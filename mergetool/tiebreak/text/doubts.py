"""What makes a clean merge less likely to be what a person would have written.

Each doubt is a fact about the edits of the two sides. On real merges their number separates clean
token merges well: without any, eight to nine in ten are what people committed; with four, three in
ten. The counts are in ``precision.tsv``; the limits here were chosen on the tuning half.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from tiebreak.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NEAR: Final = 2  # tokens between edits of the two sides
LARGE: Final = 79  # bytes that one side takes out and puts in, blanks aside
SHORT: Final = 28  # tokens of base, blanks aside

_WORD = re.compile(rb"[A-Za-z_\x80-\xff][\w\x80-\xff]+|[0-9]+")
_BLANKS = re.compile(rb"\s+")


class Edit(NamedTuple):
    """One edit of one side: base tokens ``[start, end)``, `old`, become `new`.

    `side` is ``ours``, ``theirs``, or ``same`` where both sides did it.
    """

    side: str
    start: int
    end: int
    old: bytes
    new: bytes


class Edits(NamedTuple):
    """The edits of a clean merge that change more than blanks, in the order of base."""

    base: Sequence[bytes]
    ours: tuple[Edit, ...]
    theirs: tuple[Edit, ...]
    same: tuple[Edit, ...]

    @classmethod
    def of(cls, base: Sequence[bytes], edits: Sequence[Edit]) -> Edits:
        """Sort edits by side."""
        real = [edit for edit in edits if _squeezed(edit.old) != _squeezed(edit.new)]
        ours, theirs, same = (
            tuple(e for e in real if e.side == side) for side in ("ours", "theirs", "same")
        )
        return cls(base, ours, theirs, same)

    @property
    def one_sided(self) -> bool:
        """Whether all that one side changed was changed by the other in the same way."""
        return not self.ours or not self.theirs

    def doubts(self) -> list[str]:
        """The reasons for doubt, in words."""
        return [words for words, holds in DOUBTS if holds(self)]


def _squeezed(text: bytes) -> bytes:
    return _BLANKS.sub(b"", text)


def _near(edits: Edits) -> bool:
    """Whether hardly a token lies between an edit of the one side and one of the other."""
    ordered = sorted((*edits.ours, *edits.theirs), key=lambda edit: (edit.start, edit.end))
    return any(
        sum(1 for token in edits.base[a.end : b.start] if token.strip()) <= NEAR
        for a, b in pairwise(ordered)
        if a.side != b.side
    )


def _entangled(edits: Edits) -> bool:
    """Whether one side adds words that the other adds or removes."""
    ours_old, ours_new = _words(edits.ours)
    theirs_old, theirs_new = _words(edits.theirs)
    return bool(ours_new & theirs_new or ours_new & theirs_old or theirs_new & ours_old)


def _words(edits: Sequence[Edit]) -> tuple[set[bytes], set[bytes]]:
    old = b" ".join(edit.old for edit in edits)
    new = b" ".join(edit.new for edit in edits)
    return set(_WORD.findall(old)), set(_WORD.findall(new))


def _both_insert(edits: Edits) -> bool:
    return all(any(not e.old.strip() for e in side) for side in (edits.ours, edits.theirs))


def _large(edits: Edits) -> bool:
    return max(_size(edits.ours), _size(edits.theirs)) > LARGE


def _size(edits: Sequence[Edit]) -> int:
    return sum(len(_squeezed(edit.old)) + len(_squeezed(edit.new)) for edit in edits)


def _many(edits: Edits) -> bool:
    return min(len(edits.ours), len(edits.theirs)) > 1


def _short(edits: Edits) -> bool:
    return sum(1 for token in edits.base if token.strip()) <= SHORT


DOUBTS: Final[tuple[tuple[str, Callable[[Edits], bool]], ...]] = (
    ("the edits share words", _entangled),
    ("the edits are close", _near),
    ("both sides insert", _both_insert),
    ("an edit is large", _large),
    ("both sides edit in several places", _many),
    ("there is little text around the edits", _short),
)

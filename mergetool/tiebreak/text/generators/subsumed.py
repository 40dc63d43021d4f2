"""One side made all the edits of the other, and more: the larger side holds both.

Two people fix the same thing, and one of them goes on. Taking the larger side loses nothing: every
word the smaller side added is there as often, and every word it removed is gone.

It is the rule of identical edits, and taken for proof, where the smaller side replaced or removed
something and its edit is there at the same place, atom by atom. What only adds says less of what
its author meant, inside an atom (``1.0.0`` in ``1.0.0-rc4``) the larger side may be the older one,
and the same words at another place (``x = b`` there, ``y = b`` here) are another edit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.conflict import Candidate
from tiebreak.record import NamedTuple
from tiebreak.text.diff import diff
from tiebreak.text.document import OURS, THEIRS
from tiebreak.text.words import WordEdit, atoms, word_edits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tiebreak.text.document import Hunk, Region

NAME: Final = "subsumed"
ALGORITHM: Final = "myers"
MOST_ATOMS: Final = 2000  # of the three texts; beyond, finding the places is not worth its time
PROOFS: Final = frozenset({"replace", "delete"})


class _Pair(NamedTuple):
    """The side whose edit includes the other's, and that other."""

    larger: str
    smaller: str
    edit: WordEdit  # the smaller side's


class _Change(NamedTuple):
    """Atoms ``[start, end)`` of base became `new`."""

    start: int
    end: int
    new: list[bytes]


def generate(hunk: Hunk) -> Iterator[Candidate[bytes]]:
    """The side whose edit includes the other's; nothing where neither or each does."""
    pair = _pair(hunk.region)
    if pair is None:
        return
    kind = _kind(hunk.region, pair)
    yield Candidate(
        hunk.region.side(pair.larger),
        NAME,
        f"{pair.larger} holds every edit of {pair.smaller}, and more",
        f"{NAME}/{kind}",
        provable=kind in PROOFS,
    )


def _pair(region: Region) -> _Pair | None:
    ours, theirs = word_edits(region)
    if not ours or not theirs or ours.within(theirs) == theirs.within(ours):
        return None
    return _Pair(OURS, THEIRS, theirs) if theirs.within(ours) else _Pair(THEIRS, OURS, ours)


def _kind(region: Region, pair: _Pair) -> str:
    larger, smaller = region.side(pair.larger), region.side(pair.smaller)
    if not pair.edit.removed:
        return "insert-whole" if smaller.strip() in larger else "insert"
    kind = "replace" if pair.edit.added else "delete"
    if kind == "delete" and not larger.strip():
        return "delete-all"
    by_ours, by_theirs = word_edits(region, atoms)
    first, second = (by_ours, by_theirs) if pair.smaller == OURS else (by_theirs, by_ours)
    if not first.within(second):
        return "glued"
    texts = region.base.split(), smaller.split(), larger.split()
    in_place = sum(map(len, texts)) <= MOST_ATOMS and _in_place(*texts)
    return kind if in_place else "elsewhere"


def _in_place(base: list[bytes], smaller: list[bytes], larger: list[bytes]) -> bool:
    """Whether every change of the smaller side is part of one of the larger, in its place."""
    by_larger = _changes(base, larger)
    return all(any(_holds(c, change) for c in by_larger) for change in _changes(base, smaller))


def _changes(base: list[bytes], side: list[bytes]) -> list[_Change]:
    """Which atoms of base became which atoms."""
    found = diff(base, side, ALGORITHM)
    return [_Change(c.a_start, c.a_end, side[c.b_start : c.b_end]) for c in found]


def _holds(outer: _Change, inner: _Change) -> bool:
    """Whether `inner` is what `outer` does to these atoms, counted from either of its ends."""
    head, tail = inner.start - outer.start, outer.end - inner.end
    if head < 0 or tail < 0:
        return False
    size, end = len(inner.new), len(outer.new) - tail
    from_start = outer.new[head : head + size]
    return inner.new in (from_start, outer.new[max(end - size, 0) : max(end, 0)])

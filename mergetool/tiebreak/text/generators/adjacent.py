"""Edits on neighbouring lines: git calls them a conflict because they touch.

Where the line changes of the two sides, each aligned with base, are in different base lines,
applying both is the candidate. That alone proves little: on real merges two in five such candidates
with inserted lines are what people committed, and three in four that only replace lines. Provable
is the form that holds up: in a hunk of more than two lines each side turns one stretch of lines
into as many lines, still recognisable, and neither adds a word that the other adds or removes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tiebreak.conflict import Candidate
from tiebreak.record import NamedTuple
from tiebreak.text.diff import diff
from tiebreak.text.document import SIDES
from tiebreak.text.lines import split_lines
from tiebreak.text.weave import weave

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tiebreak.text.document import Hunk
    from tiebreak.text.weave import Change

NAME: Final = "adjacent"
LINES: Final = 3  # base lines of a provable hunk, at least
PLACES: Final = 2  # one changed stretch per side
KEPT: Final = 0.5  # of a line's words, in the side where it has fewer

_WORD = re.compile(rb"[\w\x80-\xff]+")
_BLANKS = re.compile(rb"\s+")


class _Edits(NamedTuple):
    """What one side did: its changes, and the words they bring and take away."""

    changes: Sequence[Change]
    olds: list[set[bytes]]
    news: list[set[bytes]]

    @property
    def added(self) -> set[bytes]:
        """Words that were nowhere in the lines it changed."""
        return set().union(*self.news) - set().union(*self.olds)

    @property
    def removed(self) -> set[bytes]:
        """Words that are nowhere in what it made of those lines."""
        return set().union(*self.olds) - set().union(*self.news)


def generate(hunk: Hunk) -> Iterator[Candidate[bytes]]:
    """Both sides' edits, where lines only become as many other lines and share no words."""
    yield from (c for c in _candidates(hunk) if c.stratum in {f"{NAME}/lines", f"{NAME}/pair"})


def generate_others(hunk: Hunk) -> Iterator[Candidate[bytes]]:
    """The same for all other edits. Their token merges, where clean, are better measured."""
    yield from (c for c in _candidates(hunk) if c.stratum not in {f"{NAME}/lines", f"{NAME}/pair"})


def _candidates(hunk: Hunk) -> Iterator[Candidate[bytes]]:
    base, ours, theirs = (split_lines(hunk.region.side(side)) for side in SIDES)
    by_ours, by_theirs = diff(base, ours), diff(base, theirs)
    lines = weave(base, (ours, by_ours), (theirs, by_theirs), (0, len(base)))
    if lines is None or not by_ours or not by_theirs:
        return
    value = b"".join(lines)
    kind = _kind(base, _edits(base, ours, by_ours), _edits(base, theirs, by_theirs))
    if _squeezed(value) in {_squeezed(hunk.region.ours), _squeezed(hunk.region.theirs)}:
        kind = "contained"
    why = "the sides edit different lines"
    yield Candidate(value, NAME, why, f"{NAME}/{kind}", provable=kind == "lines")


def _edits(base: Sequence[bytes], side: Sequence[bytes], changes: Sequence[Change]) -> _Edits:
    olds = [_words(base[start:end]) for start, end, _, _ in changes]
    return _Edits(changes, olds, [_words(side[first:last]) for _, _, first, last in changes])


def _words(lines: Sequence[bytes]) -> set[bytes]:
    return {word for line in lines for word in _WORD.findall(line)}


def _squeezed(text: bytes) -> bytes:
    return _BLANKS.sub(b"", text)


def _kind(base: Sequence[bytes], ours: _Edits, theirs: _Edits) -> str:
    """The stratum: what the edits do to lines, from the surest to the least sure."""
    changes = [*ours.changes, *theirs.changes]
    if any(start == end for start, end, _, _ in changes):
        return "insert"
    if any(first == last for _, _, first, last in changes):
        return "delete"
    if any(end - start != last - first for start, end, first, last in changes):
        return "replace"
    if ours.added & (theirs.added | theirs.removed) or theirs.added & ours.removed:
        return "replace"
    simple = len(changes) == PLACES and len(base) >= LINES
    return "lines" if simple and _kept(ours) and _kept(theirs) else "pair"


def _kept(edits: _Edits) -> bool:
    """Whether every changed stretch is an edit of the old text, not another text in its place."""
    return all(
        len(old & new) >= KEPT * min(len(old), len(new))
        for old, new in zip(edits.olds, edits.news, strict=True)
    )

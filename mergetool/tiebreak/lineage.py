"""What a file was on its way: the contents that each side gave it since the sides parted.

A version that the other side has been through is no news to it: a change that was picked, squashed
or merged from there, and gone on from. Three texts do not show that, the history does. `past` tells
of one hunk what a judge may look at.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from tiebreak.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_WORD: Final = re.compile(rb"\w")
_BLANKS: Final = b" \t\n\r\v\f"
SHORT: Final = 3  # bytes of a line that says too little to be known again
MARK: Final = 6  # bytes that stand for a line


class Branch(NamedTuple):
    """One side's changes of a file, from the merge base to its tip."""

    commits: int
    authors: int
    newest: int  # when the last of them was committed, in seconds since 1970; 0 without any
    versions: tuple[bytes, ...]  # the contents on the way, the newest first, without the tip's
    had_other: bool  # whether the other side's file is one of its versions


class Trace(NamedTuple):
    """What the history says of one side of a hunk."""

    commits: int
    authors: int
    newest: int
    whole: bool  # the other side has been through this side's file
    text: bool  # a version on the other side's way has this side's text of the hunk
    added: int  # lines that only this side has
    stale: frozenset[bytes]  # those of them that the other side had, and has no more; by `mark`


class Past(NamedTuple):
    """Both sides of a hunk."""

    ours: Trace
    theirs: Trace


class Lineage:
    """Both sides of one file; what is derived from their versions is kept."""

    __slots__ = ("_branches", "_lines", "_texts")

    def __init__(self, ours: Branch, theirs: Branch) -> None:
        """Without white space, versions are compared."""
        self._branches = (ours, theirs)
        self._texts = [[_bare(version) for version in branch.versions] for branch in self._branches]
        self._lines = [_lines(*branch.versions) for branch in self._branches]

    def past(self, base: bytes, ours: bytes, theirs: bytes) -> Past:
        """What it says of a hunk with these three texts."""
        sides = (ours, theirs)
        return Past(*(self._trace(base, sides, side) for side in range(len(sides))))

    def _trace(self, base: bytes, sides: Sequence[bytes], side: int) -> Trace:
        mine, other, branch = sides[side], sides[1 - side], self._branches[side]
        added = _lines(mine) - _lines(base) - _lines(other)
        bare = _bare(mine)
        seen = bare not in {b"", _bare(base), _bare(other)} and any(
            bare in text for text in self._texts[1 - side]
        )
        return Trace(
            branch.commits,
            branch.authors,
            branch.newest,
            self._branches[1 - side].had_other,
            seen,
            len(added),
            frozenset(mark(line) for line in added & self._lines[1 - side]),
        )


def marks(text: bytes) -> set[bytes]:
    """The marks of the lines of a text that can be known again."""
    return {mark(line) for line in _lines(text)}


def mark(line: bytes) -> bytes:
    """What stands for a line without its white space."""
    return blake2b(line, digest_size=MARK).digest()


def _lines(*texts: bytes) -> set[bytes]:
    """The lines that say something, without white space."""
    every = set[bytes]().union(*(text.splitlines() for text in texts))
    bare: Iterable[bytes] = map(_bare, every)
    return {line for line in bare if len(line) > SHORT and _WORD.search(line)}


def _bare(text: bytes) -> bytes:
    return text.translate(None, _BLANKS)

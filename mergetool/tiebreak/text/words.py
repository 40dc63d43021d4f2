"""A text as a bag of words: the coarsest view that still tells edits apart, and the cheapest.

Bytes above 127 are letters of some encoding; a word is a run of letters and digits, or one sign.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from tiebreak.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from tiebreak.text.document import Region

NAME = re.compile(rb"[A-Za-z_$\x80-\xff][\w$\x80-\xff]*")  # a word that can be a name
_WORD = re.compile(rb"[\w\x80-\xff]+|[^\w\s\x80-\xff]")


class WordEdit(NamedTuple):
    """What one side did to base: the words it has more often, and those it has less often."""

    added: Counter[bytes]
    removed: Counter[bytes]

    def within(self, other: WordEdit) -> bool:
        """Whether `other` added and removed all of this, as often."""
        return self.added <= other.added and self.removed <= other.removed

    def __bool__(self) -> bool:
        return bool(self.added or self.removed)


def words(text: bytes) -> Counter[bytes]:
    """How often each word occurs."""
    return Counter(_WORD.findall(text))


def atoms(text: bytes) -> Counter[bytes]:
    """How often each run of anything but blanks occurs: ``1.0.0-rc4`` is one atom."""
    return Counter(text.split())


def word_edits(
    region: Region, bag: Callable[[bytes], Counter[bytes]] = words
) -> tuple[WordEdit, WordEdit]:
    """What ours and theirs did to base, word by word (or atom by atom)."""
    base, ours, theirs = (bag(text) for text in (region.base, region.ours, region.theirs))
    return WordEdit(ours - base, base - ours), WordEdit(theirs - base, base - theirs)

"""What was made of earlier conflicts of the same repository, as evidence for the next one.

A precedent is a conflict of an earlier merge and the manner in which people settled it: how much of
what each side added and removed is in their text. Of a candidate it is then known how often
conflicts were settled in that manner: those of similar words, those of the same file, and the last
ones of the repository. `tiebreak.ranker.company` hands that to a second look of its own, which was
trained on many repositories; nothing is learned from this one.
"""

from __future__ import annotations

import re
from collections import Counter
from math import log, sqrt
from typing import TYPE_CHECKING, Final
from zlib import crc32

from tiebreak.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LATEST: Final = 1000  # precedents that are asked
SIMILAR: Final = 16  # of them, those with the most words in common
OF_FILE: Final = 30  # the latest of the same file
RECENT: Final = 200  # the latest of all
WORDS: Final = 40  # that stand for a conflict
NEAR: Final = 0.25  # shares that differ by no more are the same manner
FEW: Final = 1.0  # precedents that a share needs to weigh as much as none
SLIGHT: Final = 0.05  # the same for similar ones, which weigh less
UNKNOWN: Final = -1.0  # stands for the share where there is no precedent
COLUMNS: Final = 6  # of a row: `similar`, `of_file` and `recent`, a share and a weight each

Manner = tuple[float, ...]  # see `tiebreak.ranker.features.MANNER`; below 0 where it says nothing

_WORD: Final = re.compile(rb"[A-Za-z_]\w*|\d+")


class Precedent(NamedTuple):
    """A conflict that was settled; `words` are the marks of those that a side changed."""

    path: str
    manner: Manner
    words: frozenset[int]


class Group(NamedTuple):
    """Some precedents: what those of each manner weigh, and what is added to all weights."""

    weights: Mapping[Manner, float]
    few: float

    def share(self, manner: Manner) -> tuple[float, float]:
        """The share of them that were settled in that manner, and what they weigh."""
        total = sum(self.weights.values())
        if not total:
            return UNKNOWN, 0.0
        alike = sum(weight for one, weight in self.weights.items() if _alike(one, manner))
        return alike / (total + self.few), total


class Precedents:
    """The precedents of a repository, the earliest first."""

    def __init__(self, known: Sequence[Precedent]) -> None:
        """Keep the `LATEST`."""
        self._known = list(known[-LATEST:])

    def __len__(self) -> int:
        """How many there are."""
        return len(self._known)

    def extend(self, more: Sequence[Precedent]) -> None:
        """Take later ones into account."""
        self._known = [*self._known, *more][-LATEST:]

    def of(self, path: str, words: frozenset[int]) -> list[Group]:
        """Those that speak of a hunk, whose words are marked as `marks` does."""
        same = [one for one in self._known if one.path == path][-OF_FILE:]
        recent = self._known[-RECENT:]
        equal = (_group([(one.manner, 1.0) for one in some], FEW) for some in (same, recent))
        return [self._similar(words), *equal]

    def _similar(self, words: frozenset[int]) -> Group:
        """Those with the most words in common, rare ones first (Salton and Buckley, 1988).

        The cosine of two bags, but that the other's words weigh what this one's do on average.
        """
        shared = [(words & one.words, one) for one in self._known]
        spread = Counter(word for common, _ in shared for word in common)
        rare = {w: max(0.0, log((len(shared) + 1) / (spread[w] + 0.5))) ** 2 for w in words}
        total = sum(rare.values())
        if not total:
            return Group({}, SLIGHT)
        mean = total / len(words)
        found = [
            (min(1.0, sum(map(rare.__getitem__, common)) / sqrt(total * mean * len(one.words))), at)
            for at, (common, one) in enumerate(shared)
            if common
        ]
        best = sorted(found, reverse=True)[:SIMILAR]
        return _group([(self._known[at].manner, near * near) for near, at in best], SLIGHT)


def row(groups: Sequence[Group], manner: Manner) -> list[float]:
    """`COLUMNS` numbers of a candidate: how often conflicts were settled in its manner."""
    return [number for group in groups for number in group.share(manner)]


def marks(base: bytes, ours: bytes, theirs: bytes) -> frozenset[int]:
    """What stands for the words that a side has more or less often than base, at most `WORDS`.

    Always the same ones are left out, so that what is left of two conflicts can be compared.
    """
    before, *sides = (Counter(_WORD.findall(text)) for text in (base, ours, theirs))
    changed = {word for side in sides for word in (side - before) | (before - side)}
    return frozenset(sorted(map(crc32, changed))[:WORDS])


def _group(some: Sequence[tuple[Manner, float]], few: float) -> Group:
    weights: dict[Manner, float] = {}
    for manner, weight in some:
        weights[manner] = weights.get(manner, 0.0) + weight
    return Group(weights, few)


def _alike(one: Manner, other: Manner) -> bool:
    pairs = zip(one, other, strict=True)
    return all(a < 0 or b < 0 or abs(a - b) <= NEAR for a, b in pairs)

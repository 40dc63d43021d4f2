"""What the rest of its file says of a hunk: how often its words and lines stand where else.

A resolution has to agree with what the merge makes of the file around it. A name that one side has
done away with everywhere should not come back; a line that one side moved is there already; what is
new and used outside should not be dropped. As bags, a file is expected to be ours - base + theirs,
the rule of three-way merging without places; how far a candidate is from that is told by
`tiebreak.ranker.consistency`.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from tiebreak.record import NamedTuple
from tiebreak.text.document import BASE, OURS, SIDES, THEIRS, Document
from tiebreak.text.words import NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tiebreak.text.document import Hunk, Region

Counts = tuple[int, int, int, int, int, int]  # see `Elsewhere`
Bag = Counter[bytes]

LARGEST: Final = 1_000_000  # bytes of a version of a file; of a larger one the hunk alone is seen
_SAYS: Final = re.compile(rb"\w")


class Elsewhere(NamedTuple):
    """The words and lines of a hunk and its candidates, with how often the file has them.

    Six counts each: in base, ours and theirs, the whole files; in what is merged; and in the other
    conflicts, as ours and as theirs have them. What is nowhere is left out.
    """

    words: Mapping[bytes, Counts]
    lines: Mapping[bytes, Counts]
    size: int  # of what is merged, in bytes
    before: int  # bytes of it that come before the hunk
    alone: tuple[int, int]  # bytes that only ours changed, and only theirs, outside conflicts
    added: tuple[int, int]  # lines that a side put into the file, as a bag
    gone: tuple[int, int]  # lines that it took out


class Whole:
    """A document as bags of words and of lines, counted once for all of its hunks."""

    def __init__(self, document: Document) -> None:
        """Count."""
        sizes = (0 if r.result is None else len(r.result) for r in document.regions)
        self._starts = list(accumulate(sizes, initial=0))  # of the regions, in what is merged
        self._large = len(document.regions) > 1 and any(
            len(text) > LARGEST for text in document.texts.values()
        )
        clean = [r for r in document.regions if r.result is not None]
        self._alone = _changed(clean, OURS), _changed(clean, THEIRS)
        self._words, self._lines = _Bags(words_in), _Bags(lines_in)
        if not self._large:
            for bags in (self._words, self._lines):
                bags.count(document.regions)
        beyond = self._lines.beyond
        self._added = beyond(OURS, BASE), beyond(THEIRS, BASE)
        self._gone = beyond(BASE, OURS), beyond(BASE, THEIRS)

    def elsewhere(self, hunk: Hunk, values: Iterable[bytes]) -> Elsewhere:
        """What is told of one of its hunks, with candidates of these texts."""
        region = hunk.region
        if self._large:
            return alone(region, values)
        texts = {region.base, region.ours, region.theirs, *values}
        return Elsewhere(
            self._words.of(region, texts),
            self._lines.of(region, texts),
            self._starts[-1],
            self._starts[hunk.index],
            self._alone,
            self._added,
            self._gone,
        )


def alone(region: Region, values: Iterable[bytes]) -> Elsewhere:
    """What is told of a hunk of whose file nothing is known: as if it were all of it."""
    document = Document("", [region], None)
    return Whole(document).elsewhere(document.hunks[0], values)


def _changed(clean: Iterable[Region], side: str) -> int:
    """The bytes that only one side changed."""
    own = (r for r in clean if r.result == r.side(side) != r.base)
    return sum(max(len(region.base), len(region.side(side))) for region in own)


def words_in(text: bytes) -> list[bytes]:
    """The words of a text that can be names."""
    return NAME.findall(text)


def lines_in(text: bytes) -> list[bytes]:
    """The lines that say something, without white space."""
    return [b"".join(line.split()) for line in text.splitlines() if _SAYS.search(line)]


class _Bags:
    """One kind of things, words or lines, in the versions of a file."""

    def __init__(self, cut: Callable[[bytes], Sequence[bytes]]) -> None:
        self._cut = cut
        self._same = Bag()  # in regions that nobody changed
        self._in = {side: Bag() for side in SIDES}  # in the others
        self._merged = Bag()  # in those of the others that are no conflicts
        self._open = {side: Bag() for side in (OURS, THEIRS)}  # in conflicts

    def count(self, regions: Iterable[Region]) -> None:
        """Take a file's regions in."""
        for region in regions:
            if region.base == region.ours == region.theirs == region.result:
                self._same.update(self._cut(region.base))
                continue
            for side, bag in self._in.items():
                bag.update(self._cut(region.side(side)))
            if region.result is not None:
                self._merged.update(self._cut(region.result))
                continue
            for side, bag in self._open.items():
                bag.update(self._cut(region.side(side)))

    def of(self, region: Region, texts: Iterable[bytes]) -> dict[bytes, Counts]:
        """The counts of all things in some texts; `region` is the hunk, which is not elsewhere."""
        own = {side: Counter(self._cut(region.side(side))) for side in (OURS, THEIRS)}
        found = {}
        for thing in {thing for text in texts for thing in self._cut(text)}:
            same = self._same[thing]
            found[thing] = (
                same + self._in[BASE][thing],
                same + self._in[OURS][thing],
                same + self._in[THEIRS][thing],
                same + self._merged[thing],
                self._open[OURS][thing] - own[OURS][thing],
                self._open[THEIRS][thing] - own[THEIRS][thing],
            )
        return {thing: counts for thing, counts in found.items() if any(counts)}

    def beyond(self, side: str, other: str) -> int:
        """How many things a version of the file has more than another one."""
        return sum((self._in[side] - self._in[other]).values())

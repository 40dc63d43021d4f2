"""Find the conflicts of a merge again in a file that people have worked on, and replace them.

After a merge stopped, the work-tree file holds blocks of markers for some of the merge's hunks;
others were resolved by hand or by the driver, and anything else may have been edited. A block is
replaced only where it says, between its markers and around them, exactly what git (or the driver)
wrote for these hunks. Nothing else of the file changes.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from tiebreak.record import NamedTuple
from tiebreak.text.lines import split_lines
from tiebreak.text.markers import MOST_LINES_BETWEEN, STYLES, MarkedConflict, parse_markers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tiebreak.text.document import Document, Region
    from tiebreak.text.file import Settings, TextMerge

LEVELS: Final = ("zealous", "zealous_alnum")  # ort's, and that of the driver's `git merge-file`
LONGEST_RUN: Final = 8  # neighbouring hunks that are looked for as one block

Sides = tuple[bytes, bytes | None, bytes]  # ours, base, theirs
Said = bytes | Sides  # what a line or a block says


class Rewritten(NamedTuple):
    """The file afterwards.

    `matched` are the hunks, by number, whose block was found; `replaced` those of them that have a
    resolution. `found` of the `blocks` that there were are this merge's; `left` are there now.
    """

    text: bytes
    matched: frozenset[int]
    replaced: frozenset[int]
    blocks: int
    found: int
    left: int


class _Run(NamedTuple):
    """Neighbouring hunks by number, their regions by index, and what git writes for them."""

    hunks: range
    regions: slice
    said: tuple[Said, ...]


def rewrite(current: bytes, merge: TextMerge, settings: Settings) -> Rewritten:
    """Replace in `current` every block of the merge that has a resolution to put in its place."""
    page = _Page(_items(current, settings.marker_size))
    matched: set[int] = set()
    replaced: set[int] = set()
    if merge.document is not None and merge.resolutions:
        chosen = _chosen(merge)
        settled = _settled(merge.document, chosen)
        for how in _ways(page, settings):
            for run, place in page.places(_runs(merge.document, how)):
                if not matched.isdisjoint(run.hunks):
                    continue  # found already, as part of a longer run
                matched.update(run.hunks)
                labels = page.take(run, place).labels
                if not chosen.keys().isdisjoint(run.hunks):
                    text = _render(settled[run.regions], how._replace(labels=labels))
                    page.put(run, place, text)
                    replaced.update(chosen.keys() & set(run.hunks))
    text = page.text
    left = sum(isinstance(p, MarkedConflict) for p in parse_markers(text, settings.marker_size))
    return Rewritten(text, frozenset(matched), frozenset(replaced), page.blocks, page.found, left)


def _chosen(merge: TextMerge) -> dict[int, bytes]:
    """The text of every hunk, by number, whose resolution the policy lets be written."""
    return {
        number: resolution.chosen.candidate.value
        for number, resolution in enumerate(merge.resolutions)
        if resolution.chosen is not None
    }


def _settled(document: Document, chosen: dict[int, bytes]) -> list[Region]:
    regions = list(document.regions)
    for number, hunk in enumerate(document.hunks):
        if number in chosen:
            regions[hunk.index] = hunk.region._replace(result=chosen[number])
    return regions


def _ways(page: _Page, settings: Settings) -> Iterator[Settings]:
    """The ways in which what is in the file may have been written, the configured one first."""
    for style in sorted(page.styles, key=lambda s: s != settings.style):
        for level in sorted(LEVELS, key=lambda s: s != settings.level):
            if page.found < page.blocks:
                yield settings._replace(style=style, level=level, favor=None)


def _runs(document: Document, how: Settings) -> list[_Run]:
    """Every run of hunks that may have been written as one block, the longest first."""
    where = [hunk.index for hunk in document.hunks]
    runs = []
    for first in range(len(where)):
        for last in range(first, min(first + LONGEST_RUN, len(where))):
            if last > first and not _close(document.regions[where[last - 1] + 1 : where[last]]):
                break
            regions = slice(where[first], where[last] + 1)
            text = _render(_as_merged(document.regions[regions]), how)
            said = tuple(_said(item) for item in _items(text, how.marker_size))
            if any(isinstance(item, tuple) for item in said):
                runs.append(_Run(range(first, last + 1), regions, said))
    return sorted(runs, key=lambda run: -len(run.hunks))


def _as_merged(regions: Sequence[Region]) -> list[Region]:
    """The regions as the line merge made them: joined ones in their parts."""
    return [part for region in regions for part in (region.parts or (region,))]


def _close(between: Sequence[Region]) -> bool:
    """Whether git may join two conflicts: few lines between them, or none with a letter."""
    text = b"".join(region.result or b"" for region in between)
    few = text.count(b"\n") <= MOST_LINES_BETWEEN
    return few or not any(chr(byte).isalnum() for byte in set(text) if byte < 128)  # noqa: PLR2004  (ASCII)


def _render(regions: Sequence[Region], how: Settings) -> bytes:
    return how._replace(favor=None).render(regions).text


def _items(text: bytes, marker_size: int) -> list[bytes | MarkedConflict]:
    """Lines and blocks, in order."""
    items: list[bytes | MarkedConflict] = []
    for part in parse_markers(text, marker_size):
        items.extend(split_lines(part) if isinstance(part, bytes) else [part])
    return items


def _said(item: bytes | MarkedConflict) -> Said:
    """A line or block without what may differ between two writings of it: labels."""
    return (item.ours, item.base, item.theirs) if isinstance(item, MarkedConflict) else item


class _Page:
    """The file as lines and blocks, and what each has become."""

    __slots__ = ("_blocks", "_now", "_said", "_taken")

    def __init__(self, found: Sequence[bytes | MarkedConflict]) -> None:
        self._said = [_said(item) for item in found]
        self._now = [item.text if isinstance(item, MarkedConflict) else item for item in found]
        self._blocks = {i: item for i, item in enumerate(found) if isinstance(item, MarkedConflict)}
        self._taken: set[int] = set()

    @property
    def text(self) -> bytes:
        """The file as it is now."""
        return b"".join(self._now)

    @property
    def blocks(self) -> int:
        """How many blocks there were."""
        return len(self._blocks)

    @property
    def found(self) -> int:
        """How many blocks were found to be the merge's."""
        return len(self._taken)

    @property
    def styles(self) -> list[str]:
        """The styles its blocks may have: with the base shown, or without."""
        shown = {block.base is not None for block in self._blocks.values()}
        return [style for style in STYLES if (style != "merge") in shown]

    def places(self, runs: Sequence[_Run]) -> Iterator[tuple[_Run, int]]:
        """Where each run is. One that cannot be told from others of the same words is left out."""
        twins = Counter(run.said for run in runs)
        where = {said: self._find(said) for said in twins}
        seen: Counter[tuple[Said, ...]] = Counter()
        for run in runs:
            if len(where[run.said]) == twins[run.said]:
                yield run, where[run.said][seen[run.said]]
            seen[run.said] += 1

    def _find(self, said: tuple[Said, ...]) -> list[int]:
        first = next(i for i, item in enumerate(said) if isinstance(item, tuple))
        starts = (block - first for block in self._blocks)
        return [at for at in starts if at >= 0 and tuple(self._said[at : at + len(said)]) == said]

    def take(self, run: _Run, at: int) -> MarkedConflict:
        """Note that the run's blocks were found; gives the first of them."""
        blocks = [i for i in self._blocks if at <= i < at + len(run.said)]
        self._taken.update(blocks)
        return self._blocks[blocks[0]]

    def put(self, run: _Run, at: int, text: bytes) -> None:
        """Put a text where the run is."""
        self._now[at : at + len(run.said)] = [text] + [b""] * (len(run.said) - 1)

"""A text file under merge: its regions, its hunks, and how they are put together again.

`Document` is what all hunks of a file share (the three whole files, their language, their parse
trees); a `Hunk` is one conflict region of it and is what generators, checks and judges see.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Final

from tiebreak.merge import Merge
from tiebreak.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tree_sitter import Tree

    from tiebreak.lineage import Lineage
    from tiebreak.text.language import Language

    Ask = Callable[[], Lineage | None]

BASE: Final = "base"
OURS: Final = "ours"
THEIRS: Final = "theirs"
SIDES: Final = (BASE, OURS, THEIRS)


class Region(NamedTuple):
    """A stretch of whole lines of the three files that belong together.

    `result` is what the line merge made of it, None where it is a conflict. The concatenation of
    the `ours` of all regions is our file, and so for `base` and `theirs`. `parts` are the regions
    that were joined to make this one: see `tiebreak.text.joining`.
    """

    base: bytes
    ours: bytes
    theirs: bytes
    result: bytes | None
    parts: tuple[Region, ...] = ()

    @property
    def is_conflict(self) -> bool:
        """Whether the line merge left this region open."""
        return self.result is None

    def side(self, name: str) -> bytes:
        """The text of one side: ``base``, ``ours`` or ``theirs``."""
        if name == OURS:
            return self.ours
        return self.base if name == BASE else self.theirs


class Document:
    """One file, line-merged: regions in order, shared by its hunks. Trees come on first use."""

    __slots__ = (
        "_ask",
        "_filled",
        "_lineage",
        "_starts",
        "_trees",
        "chosen",
        "language",
        "parsed",
        "path",
        "regions",
        "texts",
    )

    path: str
    texts: Mapping[str, bytes]
    regions: Sequence[Region]
    language: Language | None
    chosen: dict[int, bytes]  # resolutions so far, by region index
    parsed: int  # bytes that checks have parsed so far

    def __init__(
        self,
        path: str,
        regions: Sequence[Region],
        language: Language | None,
        lineage: Ask | None = None,
    ) -> None:
        """Share `regions` (from `merge3.merge_lines`) of the file at `path`.

        `lineage` is asked where the versions come from, if anybody wants to know.
        """
        self.path = path
        self.regions = regions
        self.language = language
        self.chosen = {}
        self.texts = {side: b"".join(r.side(side) for r in regions) for side in SIDES}
        self.parsed = 0
        self._ask = lineage
        self._lineage: Lineage | None = None
        self._filled: dict[str, bytes] = {}
        self._starts: dict[str, list[int]] = {}
        self._trees: dict[bytes, Tree | None] = {}

    @property
    def lineage(self) -> Lineage | None:
        """Where the sides' versions come from; None where that is not known."""
        if self._ask is not None:
            self._lineage, self._ask = self._ask(), None
        return self._lineage

    @property
    def hunks(self) -> list[Hunk]:
        """The conflicts, in the order of the file."""
        return [
            Hunk(self, index) for index, region in enumerate(self.regions) if region.is_conflict
        ]

    def assemble(self, fill: str) -> bytes:
        """The merged file with what was chosen so far; other conflicts take side `fill`."""
        return b"".join(
            self.chosen[i] if i in self.chosen else _or(region.result, region.side(fill))
            for i, region in enumerate(self.regions)
        )

    def filled(self, fill: str) -> bytes:
        """The merged file with side `fill` in all its conflicts, whatever was chosen so far."""
        if fill not in self._filled:
            self._filled[fill] = b"".join(_or(r.result, r.side(fill)) for r in self.regions)
        return self._filled[fill]

    def filled_start(self, index: int, fill: str) -> int:
        """The byte at which a region starts in `filled`."""
        return sum(len(_or(r.result, r.side(fill))) for r in self.regions[:index])

    def starts(self, side: str) -> list[int]:
        """The byte at which each region starts in a side's file, and the file's length."""
        if side not in self._starts:
            sizes = (len(region.side(side)) for region in self.regions)
            self._starts[side] = list(accumulate(sizes, initial=0))
        return self._starts[side]

    def tree(self, source: bytes) -> Tree | None:
        """The syntax tree of a version of this file; None without a grammar. Cached by content."""
        if source not in self._trees:
            from tiebreak.text.parse import parse

            self._trees[source] = parse(self.language, source) if self.language else None
        return self._trees[source]


class Hunk:
    """One conflict region of a document. Implements `tiebreak.conflict.Conflict[bytes]`."""

    __slots__ = ("document", "index", "region")

    document: Document
    index: int
    region: Region

    def __init__(self, document: Document, index: int) -> None:
        """The conflict at `document.regions[index]`."""
        self.document = document
        self.index = index
        self.region = document.regions[index]

    @property
    def merge(self) -> Merge[bytes]:
        """The hunk's lines, ``ours - base + theirs``."""
        return Merge.three_way(self.region.base, self.region.ours, self.region.theirs)

    @property
    def path(self) -> str:
        """The file, relative to the top of the work tree."""
        return self.document.path

    @property
    def name(self) -> str:
        """Its lines in our file, 1-based: ``lines 12-18``, ``after line 7`` when ours is empty."""
        first = self.document.texts[OURS].count(b"\n", 0, self.span(OURS)[0]) + 1
        count = len(self.region.ours.splitlines())
        if count == 0:
            return f"after line {first - 1}"
        return f"line {first}" if count == 1 else f"lines {first}-{first + count - 1}"

    def span(self, side: str) -> tuple[int, int]:
        """The hunk's byte range, half-open, in a side's whole file (`document.texts[side]`)."""
        starts = self.document.starts(side)
        return starts[self.index], starts[self.index + 1]


def _or(result: bytes | None, otherwise: bytes) -> bytes:
    return otherwise if result is None else result

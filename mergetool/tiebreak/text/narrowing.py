"""Conflicts made smaller: what syntax trees settle of a hunk is settled, and the rest stays.

A structural merge that does not come out clean still knows which nodes are in conflict. Widened to
whole lines, these are what a person has to look at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiebreak.text.checks import parses
from tiebreak.text.document import OURS, THEIRS, Region
from tiebreak.text.generators import structure
from tiebreak.text.lines import split_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.text.document import Hunk
    from tiebreak.text.trees.slots import Clash


def narrowed(hunk: Hunk) -> list[Region] | None:
    """The hunk as settled regions and smaller conflicts; None where nothing is gained."""
    merged = structure.merge(hunk)
    if merged is None or merged.value is not None:
        return None
    regions = by_lines(merged.parts)
    before = len(split_lines(hunk.region.ours)) + len(split_lines(hunk.region.theirs))
    left = [region for region in regions if region.is_conflict]
    after = sum(len(split_lines(r.ours)) + len(split_lines(r.theirs)) for r in left)
    if after >= before or not left:
        return None
    for side in (OURS, THEIRS):
        text = b"".join(r.side(side) if r.result is None else r.result for r in regions)
        if parses.errors_with(hunk, text) is not None:
            return None
    return regions


def by_lines(parts: Sequence[bytes | Clash]) -> list[Region]:
    """Parts as regions of whole lines; conflicts on one line are one conflict."""
    regions: list[Region] = []
    line = _Line()
    for part in parts:
        if isinstance(part, bytes):
            for piece in split_lines(part):
                line.add(piece, piece, piece)
                if piece.endswith(b"\n"):
                    regions.append(line.region())
                    line = _Line()
        else:
            line.add(*part)
            line.clash = True
    if any(line.texts):
        regions.append(line.region())
    return _joined(regions)


class _Line:
    """What has been put on the current line, in three versions."""

    __slots__ = ("clash", "texts")

    def __init__(self) -> None:
        self.texts = [b"", b"", b""]
        self.clash = False

    def add(self, base: bytes, ours: bytes, theirs: bytes) -> None:
        """Go on with a text."""
        self.texts = [old + new for old, new in zip(self.texts, (base, ours, theirs), strict=True)]

    def region(self) -> Region:
        """The line as a region. Where a version has nothing on it, it has no line."""
        if not self.clash:
            return Region(self.texts[0], self.texts[0], self.texts[0], self.texts[0])
        base, ours, theirs = (text if text.strip() else b"" for text in self.texts)
        return Region(base, ours, theirs, None)


def _joined(regions: Sequence[Region]) -> list[Region]:
    """Neighbours that are settled made one."""
    found: list[Region] = []
    for region in regions:
        last = found[-1] if found else None
        if last is not None and last.result is not None and region.result is not None:
            text = last.result + region.result
            found[-1] = Region(text, text, text, text)
        else:
            found.append(region)
    return found

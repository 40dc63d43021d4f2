"""Taking a file's conflicts together, as one, with everything that was changed between them.

Some merges cannot be seen hunk by hunk: a function that one side moved and the other edited is a
conflict at its old place and a clean insertion at the new one. Joined, both are inside one region,
whose `parts` are what the line merge made of it. If it stays in conflict, the parts count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.conflict import Toolbox
from tiebreak.record import NamedTuple
from tiebreak.resolve import resolve
from tiebreak.text.checks import CHECKS, LATE_CHECKS
from tiebreak.text.document import Document, Region
from tiebreak.text.generators import structure
from tiebreak.text.judge import judge, may_use

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.conflict import Resolution
    from tiebreak.policy import Policy
    from tiebreak.text.audit import Objection
    from tiebreak.text.document import Hunk

TOOLBOX: Final[Toolbox[Hunk, bytes]] = Toolbox(
    ((structure.NAME, structure.generate),), CHECKS, LATE_CHECKS, judge
)


class Joined(NamedTuple):
    """The file with one joined region, and what became of it."""

    document: Document
    resolution: Resolution[bytes]


def resolve_joined(document: Document, policy: Policy) -> Joined | None:
    """Resolve all that was changed as one conflict, if more than a suggestion may come of it."""
    return joined_resolution(document, policy) if may_use(structure.NAME, policy) else None


def joined_resolution(document: Document, policy: Policy) -> Joined | None:
    """What the pipeline makes of all that was changed; None where that is no more than one hunk."""
    changed = [i for i, region in enumerate(document.regions) if _is_changed(region)]
    if document.language is None or len(changed) < 2:  # noqa: PLR2004  (nothing to join)
        return None
    return _resolved(document, join(document.regions, changed[0], changed[-1] + 1), policy)


def resolve_objections(
    document: Document, found: Sequence[Objection], policy: Policy
) -> Joined | None:
    """Take as one conflict what the audit objects to, though it is clean by lines."""
    changed = [i for i, region in enumerate(document.regions) if _is_changed(region)]
    lines = [line for objection in found for line in objection.lines]
    if all(objection.lines for objection in found):
        inside = _regions_of(document, lines)
        changed = [i for i in changed if inside[0] <= i <= inside[-1]] + inside
    if not changed:
        return None
    regions = join(document.regions, min(changed), max(changed) + 1)
    regions = [region._replace(parts=()) for region in regions]
    return _resolved(document, regions, policy)


def _regions_of(document: Document, lines: Sequence[int]) -> list[int]:
    """The regions of a clean document that hold lines of the merged file."""
    found: list[int] = []
    first = 1
    for index, region in enumerate(document.regions):
        count = (region.result or b"").count(b"\n")
        if any(first <= line < first + max(count, 1) for line in lines):
            found.append(index)
        first += count
    return found


def _resolved(document: Document, regions: Sequence[Region], policy: Policy) -> Joined:
    joined = Document(document.path, regions, document.language)
    (hunk,) = joined.hunks
    resolution = resolve(hunk, TOOLBOX, policy)
    if resolution.chosen is not None:
        joined.chosen[hunk.index] = resolution.chosen.candidate.value
    return Joined(joined, resolution)


def join(regions: Sequence[Region], first: int, last: int) -> list[Region]:
    """The regions with ``[first, last)`` of them made one, in conflict."""
    parts = tuple(regions[first:last])
    base, ours, theirs = (
        b"".join(part.side(side) for part in parts) for side in ("base", "ours", "theirs")
    )
    return [*regions[:first], Region(base, ours, theirs, None, parts), *regions[last:]]


def _is_changed(region: Region) -> bool:
    return region.result is None or not region.base == region.ours == region.theirs

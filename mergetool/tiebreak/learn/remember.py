"""Remember how people resolved the conflicts of a repository's past merges (`tiebreak.memory`).

Merges are replayed in memory (`tiebreak.learn.history`), and what people committed for each
conflict is located in their file (`tiebreak.learn.locate`); what cannot be located is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tiebreak.learn.history import Limits, opened
from tiebreak.learn.locate import locate
from tiebreak.memory import Memory, Shelf
from tiebreak.text.file import is_binary
from tiebreak.text.markers import has_markers
from tiebreak.text.merge3 import merge_lines
from tiebreak.text.recall import lessons

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pygit2

    from tiebreak.learn.history import ConflictedFile, History
    from tiebreak.text.document import Region

LARGEST = 20_000  # bytes of a conflict's texts; larger ones come back too seldom for their size


class Resolved(NamedTuple):
    """A conflict of a past merge and the text that people put in its place."""

    path: str
    region: Region
    text: bytes


def remember(
    path: Path, shelf: Shelf, limits: Limits, tick: Callable[[int, int], None]
) -> tuple[int, int]:
    """Read the merges behind HEAD that were not read yet; their number, and what was new."""
    new, known = 0, shelf.merges()
    with opened(path, limits) as (history, head):
        merges = [merge for merge in history.merges(head) if str(merge) not in known]
        for done, merge in enumerate(merges):
            tick(done, len(merges))
            new += shelf.add(memories(history, merge))
            shelf.mark(str(merge))
        tick(len(merges), len(merges))
    return len(merges), new


def memories(history: History, merge: pygit2.Oid) -> list[tuple[str, Memory]]:
    """All that one merge teaches, by digest."""
    when, who = history.time(merge), history.author(merge)
    return [
        (digest, Memory(text, str(merge), when, who, one.path))
        for one in resolved(history, merge)
        for digest, text in lessons(*one.region[:3], one.text)
    ]


def resolved(history: History, merge: pygit2.Oid) -> Iterator[Resolved]:
    """The conflicts of one merge whose resolution is known."""
    for file in history.conflicts(merge):
        yield from _of_file(file)


def _of_file(file: ConflictedFile) -> Iterator[Resolved]:
    sides = (file.base, file.ours, file.theirs)
    if any(map(is_binary, sides)) or any(map(has_markers, sides)):
        return
    regions = merge_lines(*sides)
    conflicts = (region for region in regions if region.is_conflict)
    for region, found in zip(conflicts, locate(regions, file.committed), strict=True):
        if found.text is not None and sum(map(len, region[:3])) <= LARGEST:
            yield Resolved(file.path, region, found.text)

"""Remember how people resolved the conflicts of a repository's past merges.

The texts are offered again (`tiebreak.memory`), and the manners are precedents for the judge
(`tiebreak.ranker.precedents`).

Merges are replayed in memory (`tiebreak.learn.history`), and what people committed for each
conflict is located in their file (`tiebreak.learn.locate`); what cannot be located is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tiebreak.learn.history import Limits, opened
from tiebreak.learn.locate import locate
from tiebreak.memory import Memory
from tiebreak.ranker.casebook import Entry
from tiebreak.ranker.encoding import Texts, aligned
from tiebreak.ranker.features import manner_of
from tiebreak.ranker.precedents import Precedent, marks
from tiebreak.text.file import is_binary
from tiebreak.text.markers import has_markers
from tiebreak.text.merge3 import merge_lines
from tiebreak.text.recall import lessons

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    import pygit2

    from tiebreak.learn.history import ConflictedFile, History
    from tiebreak.memory import Shelf
    from tiebreak.ranker.casebook import Casebook
    from tiebreak.text.document import Region

LARGEST = 20_000  # bytes of a conflict's texts; larger ones come back too seldom for their size
OF_MERGE = 20  # precedents, at the most


class Keeps(NamedTuple):
    """Where a repository keeps what was made of its conflicts: texts, and manners."""

    shelf: Shelf
    casebook: Casebook


class Resolved(NamedTuple):
    """A conflict of a past merge and the text that people put in its place."""

    path: str
    region: Region
    text: bytes


def remember(
    path: Path, keeps: Keeps, limits: Limits, tick: Callable[[int, int], None]
) -> tuple[int, int]:
    """Read the merges behind HEAD that were not read yet; their number, and what was new."""
    shelf, casebook = keeps
    new, known = 0, shelf.merges() if casebook.exists() else set[str]()
    with opened(path, limits) as (history, head):
        merges = [merge for merge in history.merges(head) if str(merge) not in known]
        for done, merge in enumerate(merges):
            tick(done, len(merges))
            found = list(resolved(history, merge))
            new += shelf.add(memories(history, merge, found))
            casebook.add(entries(history, merge, found))
            shelf.mark(str(merge))
        casebook.tidy()
        tick(len(merges), len(merges))
    return len(merges), new


def memories(
    history: History, merge: pygit2.Oid, found: Iterable[Resolved]
) -> list[tuple[str, Memory]]:
    """All that one merge teaches, by digest."""
    when, who = history.time(merge), history.author(merge)
    return [
        (digest, Memory(text, str(merge), when, who, one.path))
        for one in found
        for digest, text in lessons(*one.region[:3], one.text)
    ]


def entries(history: History, merge: pygit2.Oid, found: Iterable[Resolved]) -> Iterator[Entry]:
    """The precedents of one merge; as many as one merge may be, so that none crowds out others."""
    when, known = history.time(merge), 0
    for one in found:
        texts = Texts(*one.region[:3])
        alignment = aligned(texts) if known < OF_MERGE else None
        if alignment is not None:
            precedent = Precedent(one.path, manner_of(alignment, one.text), marks(*texts))
            yield Entry(when, str(merge), precedent)
            known += 1


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

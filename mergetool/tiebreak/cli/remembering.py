"""Where a merge finds what was resolved before: in its repository, and in its own other files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiebreak.git import settings
from tiebreak.memory import Memory, Shelf

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tiebreak.git.settings import Config
    from tiebreak.git.stages import Unmerged
    from tiebreak.journal import Journal
    from tiebreak.text.recall import Find

LARGEST = 1_000_000  # bytes of a file that is learned from


def remembered(config: Config, common_dir: str) -> Find | None:
    """The look-up by digest; None where nothing was remembered, or the user wants none of it."""
    if not settings.memory(config):
        return None
    shelf = Shelf(common_dir)
    return shelf.find if shelf.exists() else None


def with_this_merge(find: Find | None, config: Config, journal: Journal, top: str) -> Find | None:
    """The same, and before it what the user made of other files of the merge that is under way.

    As much of it as can be read in the time for one file.
    """
    from contextlib import suppress

    from tiebreak.cli.limits import OutOfTime, limited

    if not settings.memory(config):
        return None
    now: dict[str, list[Memory]] = {}
    with suppress(OutOfTime), limited(settings.timeout(config)):
        for digest, memory in _of_this_merge(journal, top):
            now.setdefault(digest, []).append(memory)
    if not now:
        return find
    return lambda digest: now.get(digest) or (find(digest) if find is not None else [])


def _of_this_merge(journal: Journal, top: str) -> Iterator[tuple[str, Memory]]:
    """What files teach that were in conflict and were added since."""
    from tiebreak.git.stages import read_objects, settled

    # cat-file is asked by lines
    files = [file for file in settled(top) if file.obstacle is None and "\n" not in file.path]
    names = [name for file in files for name in _names(file)]
    texts = read_objects(names, top)
    for place, file in enumerate(files):
        base, ours, theirs, now = texts[4 * place : 4 * place + 4]
        if ours is None or theirs is None or now is None:
            continue
        yield from _of_file(file.path, (base or b"", ours, theirs), now, journal)


def _names(file: Unmerged) -> tuple[str, ...]:
    sides = [version.oid if version is not None else "" for version in file[1:4]]
    return (*(oid or f":1:{file.path}" for oid in sides), f":0:{file.path}")


def _of_file(
    path: str, sides: Sequence[bytes], now: bytes, journal: Journal
) -> Iterator[tuple[str, Memory]]:
    from tiebreak.journal import TEXT, digest, entry_key
    from tiebreak.text.file import is_binary
    from tiebreak.text.located import locate
    from tiebreak.text.markers import has_markers
    from tiebreak.text.merge3 import merge_lines
    from tiebreak.text.recall import THIS_MERGE, lessons

    texts = (*sides, now)
    if max(map(len, texts)) > LARGEST or any(is_binary(t) or has_markers(t) for t in texts):
        return
    if journal.get(entry_key(TEXT, path, *map(digest, sides))) is not None:
        return  # ours, not the user's: nothing is to be learned from oneself
    regions = merge_lines(*sides)
    conflicts = [region for region in regions if region.is_conflict]
    for region, found in zip(conflicts, locate(regions, now), strict=True):
        if found.text is not None:
            memory = Memory(found.text, THIS_MERGE, 0, "you", path)
            for key, text in lessons(*region[:3], found.text):
                yield key, memory._replace(text=text)

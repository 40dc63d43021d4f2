"""Turn the merges of a repository into examples: conflicts, candidates, and what people committed.

Each merge is replayed in memory (`tiebreak.learn.history`), each conflicted file goes through the
line merge and the generators that the driver uses, and the people's resolution of every hunk is
located in the committed file (`tiebreak.learn.locate`). What cannot be located for certain is
dropped and counted.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.learn.equality import digest, normalised
from tiebreak.learn.examples import SUFFIX, Example, Proposal, read_counts, write
from tiebreak.learn.history import ConflictedFile, History, Limits, name_of, opened
from tiebreak.learn.locate import Located, locate
from tiebreak.learn.ordinary import conflicts
from tiebreak.learn.progress import progress
from tiebreak.ranker.elsewhere import Whole
from tiebreak.ranker.judge import past_of, setting_of
from tiebreak.resolve import propose
from tiebreak.text.document import Document
from tiebreak.text.file import is_binary
from tiebreak.text.language import language_for
from tiebreak.text.markers import has_markers
from tiebreak.text.merge3 import merge_lines
from tiebreak.text.surroundings import surroundings
from tiebreak.text.toolbox import TOOLBOX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import pygit2

    from tiebreak.text.document import Hunk

OTHER: Final = "(other)"  # files of no language that tiebreak knows
LARGEST: Final = 20_000  # bytes of a hunk's three texts; larger ones teach nothing about ranking


class Quota(NamedTuple):
    """How much is taken of a repository."""

    limits: Limits = Limits()
    hunks: int = 0  # of a repository; 0: all
    merge_hunks: int = 20  # of one merge, so that a huge one does not dominate
    ordinary: bool = False  # conflicts made from ordinary commits, instead of merges


class Mined(NamedTuple):
    """What came out of one repository; `counts` says what was left out, by reason."""

    repo: str
    examples: list[Example]
    counts: Counter[str]


def mine(path: Path, quota: Quota, tick: Callable[[int, int], None]) -> Mined:
    """Mine the repository at `path`; `tick` is told how many of how many merges are done."""
    mined, seen = Mined(name_of(path), [], Counter()), set[str]()
    with opened(path, quota.limits) as (history, head):
        merges = history.ordinary(head) if quota.ordinary else history.merges(head)
        for done, merge in enumerate(merges):
            tick(done, len(merges))
            if quota.hunks and len(mined.examples) >= quota.hunks:
                break
            mined.counts["merges replayed"] += 1
            for example in _merge(history, merge, quota, mined):
                if example.digest in seen:
                    mined.counts["hunks seen before"] += 1
                    continue
                seen.add(example.digest)
                mined.examples.append(example)
        tick(len(merges), len(merges))
        mined.counts.update(history.skipped)
    return mined


def _merge(history: History, merge: pygit2.Oid, quota: Quota, mined: Mined) -> list[Example]:
    files = sorted(_files(history, merge, quota), key=lambda file: digest(str(merge), file.path))
    mined.counts["merges with files in conflict"] += bool(files)
    time, found = history.time(merge), list[Example]()
    for number, file in enumerate(files):
        if len(found) >= quota.merge_hunks:
            mined.counts["files beyond the cap of their merge"] += len(files) - number
            break
        place = Place(mined.repo, str(merge), time, len(files), file)
        found += examples(place, mined.counts)
    return found[: quota.merge_hunks]


def _files(history: History, merge: pygit2.Oid, quota: Quota) -> Iterator[ConflictedFile]:
    if quota.ordinary:
        return chain.from_iterable(map(conflicts, history.changes(merge)))
    return history.conflicts(merge)


class Place(NamedTuple):
    """Where a hunk was found."""

    repo: str
    merge: str
    time: int
    files: int
    file: ConflictedFile


def examples(place: Place, counts: Counter[str]) -> Iterator[Example]:
    """The examples of one conflicted file."""
    file = place.file
    sides = (file.base, file.ours, file.theirs)
    if any(map(is_binary, sides)) or any(map(has_markers, sides)):
        counts["files with markers in an input"] += 1
        return
    regions = merge_lines(*sides)
    document = Document(file.path, regions, language_for(file.path), file.lineage)
    hunks, whole = document.hunks, Whole(document)
    for number, (hunk, found) in enumerate(
        zip(hunks, locate(regions, file.committed), strict=True)
    ):
        size = sum(map(len, hunk.region[:3]))
        if found.text is None or size > LARGEST:
            counts[f"hunks dropped: {found.reason or 'too large'}"] += 1
            continue
        counts["hunks"] += 1
        yield _example(place, hunk, whole, found, number)


def _example(place: Place, hunk: Hunk, whole: Whole, found: Located, number: int) -> Example:
    region, language, text = hunk.region, hunk.document.language, found.text or b""
    around, setting = surroundings(hunk), setting_of(hunk.document)
    proposals = tuple(_proposals(hunk, normalised(text)))
    four = (region.base, region.ours, region.theirs, text)
    return Example(
        repo=place.repo,
        merge=place.merge,
        time=place.time,
        path=place.file.path,
        language=language.name if language else OTHER,
        number=number,
        hunks=setting.hunks,
        files=place.files,
        ours_regions=setting.ours_regions,
        theirs_regions=setting.theirs_regions,
        whole=place.file.whole,
        digest=digest(*(normalised(part).decode("latin-1") for part in four)),
        before=around.before,
        after=around.after,
        base=region.base,
        ours=region.ours,
        theirs=region.theirs,
        resolution=text,
        proposals=proposals,
        past=past_of(hunk),
        elsewhere=whole.elsewhere(hunk, [proposal.value for proposal in proposals]),
    )


def _proposals(hunk: Hunk, wanted: bytes) -> Iterator[Proposal]:
    """The candidates that pass the checks which do not parse."""
    passed, _ = propose(hunk, TOOLBOX)
    for candidate in passed:
        yield Proposal(
            candidate.generator,
            candidate.stratum,
            candidate.provable,
            len(candidate.drops),
            candidate.value,
            normalised(candidate.value) == wanted,
        )


def mine_all(
    paths: Sequence[Path], output: Path, quota: Quota, jobs: int
) -> Iterator[tuple[str, dict[str, int]]]:
    """Mine repositories into a data folder, `jobs` at a time; their names and counts as they come.

    One that is there already is read for its counts only. A bar on standard error shows how many
    repositories are done, where somebody can see it.
    """
    with ProcessPoolExecutor(jobs) as pool, progress() as bar:
        task = bar.add_task("repositories", total=len(paths))
        for done in as_completed([pool.submit(_mine_into, p, output, quota) for p in paths]):
            yield done.result()
            bar.advance(task)


def _mine_into(path: Path, output: Path, quota: Quota) -> tuple[str, dict[str, int]]:
    name = name_of(path)
    target = output / f"{name.replace('/', '+')}{SUFFIX}"
    if not target.exists():
        mined = mine(path, quota, lambda _done, _total: None)
        write(target, mined.examples, dict(mined.counts))
    return name, read_counts(target)

"""Replay one repository: merge every conflicted file as the driver would, and record each hunk."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple, cast

from records import CandidateRecord, HunkRecord, distinct
from tiebreak.learn.equality import digest, normalised
from tiebreak.learn.history import ConflictedFile, History, Limits, name_of, opened
from tiebreak.learn.locate import Located, locate
from tiebreak.policy import Policy
from tiebreak.text.file import Settings, document_of, merge_text
from tiebreak.text.toolbox import TOOLBOX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import pygit2

    from tiebreak.conflict import Candidate, Ranked, Resolution
    from tiebreak.ranker.judge import Learned
    from tiebreak.ranker.model import Model
    from tiebreak.text.document import Hunk
    from tiebreak.text.language import Language

SURVEYED = 100  # files of a merge, at the most
CHECKED = 5  # candidates of a hunk that go through the costly checks, which parse the file
OTHER = "(other)"  # files of no language that tiebreak knows


class Options(NamedTuple):
    """How much of a repository is replayed."""

    limits: Limits = Limits()
    max_hunks: int = 0  # of a repository; 0: all
    merge_hunks: int = 50  # of one merge, so that a huge one does not dominate
    texts: bool = False  # keep the texts in the records, for debugging on this machine
    learned: bool = False  # whether the shipped model ranks, or the rules
    policy: Policy = Policy()

    def judge(self, files: Sequence[ConflictedFile]) -> Learned | None:
        """The learned judge, which has surveyed a merge; None for the rules."""
        if not self.learned:
            return None
        from tiebreak.ranker.judge import Learned

        judge, how = Learned(_model()), Settings(policy=self.policy)
        for file in files:
            texts = (file.base, file.ours, file.theirs)
            judge.survey(document_of(file.path, *texts, how._replace(lineage=file.lineage)))
        judge.surveyed()
        return judge


@cache
def _model() -> Model:
    """The shipped model, loaded once for each process."""
    from tiebreak.ranker.model import Model, folder

    return Model(folder())


@dataclass
class Replayed:
    """What came out of one repository."""

    repo: str
    hunks: list[HunkRecord] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)  # of `merge_text`, per conflicted file


class Merged(NamedTuple):
    """One conflicted file after `merge_text`."""

    hunks: list[HunkRecord]
    seconds: float
    outcome: str  # how the file came out, for the counts


def replay(path: Path, options: Options, tick: Callable[[int, int], None]) -> Replayed:
    """Replay the repository at `path`; `tick` is told how many of how many merges are done."""
    result, seen = Replayed(name_of(path)), set[str]()
    with opened(path, options.limits) as (history, head):
        merges = history.merges(head)
        for done, merge in enumerate(merges):
            tick(done, len(merges))
            if options.max_hunks and len(result.hunks) >= options.max_hunks:
                break
            result.counts["merges replayed"] += 1
            found = _merge(history, merge, options, result)
            result.hunks += distinct(found, seen)
        tick(len(merges), len(merges))
    result.counts.update(history.skipped)
    if options.max_hunks:
        del result.hunks[options.max_hunks :]
    return result


def _merge(
    history: History, merge: pygit2.Oid, options: Options, result: Replayed
) -> list[HunkRecord]:
    """The hunks of one merge, files in an order that is random but the same in every run."""
    files = sorted(history.conflicts(merge), key=lambda file: digest(str(merge), file.path))
    result.counts["merges with files in conflict"] += bool(files)
    hunks: list[HunkRecord] = []
    judge = options.judge(files[:SURVEYED])
    for number, file in enumerate(files):
        if len(hunks) >= options.merge_hunks:
            result.counts["files beyond the cap of their merge"] += len(files) - number
            break
        how = Settings(policy=options.policy, judge=judge, lineage=file.lineage)
        merged = _file(file, Place(result.repo, str(merge), file, None), options, how)
        hunks += merged.hunks
        result.seconds.append(merged.seconds)
        result.counts[merged.outcome] += 1
    return hunks[: options.merge_hunks]


def _file(file: ConflictedFile, place: Place, options: Options, how: Settings) -> Merged:
    start = perf_counter()
    merged = merge_text(file.path, file.base, file.ours, file.theirs, how)
    seconds = perf_counter() - start
    if merged.document is None or not merged.resolutions:
        outcome = "files with markers in an input" if merged.conflicts else "files clean by lines"
        return Merged([], seconds, outcome)
    located = locate(merged.document.regions, file.committed)
    place = place._replace(language=merged.document.language)
    hunks = [
        record(place, resolution, found, texts=options.texts)
        for resolution, found in zip(merged.resolutions, located, strict=True)
    ]
    outcome = "files left unmerged" if merged.unmerged else "files merged completely"
    return Merged(hunks, seconds, outcome)


class Place(NamedTuple):
    """Where a hunk was found."""

    repo: str
    merge: str
    file: ConflictedFile
    language: Language | None


def record(
    place: Place, resolution: Resolution[bytes], located: Located, *, texts: bool
) -> HunkRecord:
    """Write down one hunk: what was proposed for it, and what the people made of it."""
    terms = cast("Hunk", resolution.conflict).merge
    four = (terms.base, terms.ours, terms.theirs, located.text or b"")
    wanted = None if located.text is None else normalised(located.text)
    return HunkRecord(
        repo=place.repo,
        merge=place.merge,
        path=place.file.path,
        language=place.language.name if place.language else OTHER,
        lines=(_count(four[0]), _count(four[1]), _count(four[2]), _count(four[3])),
        whole=place.file.whole,
        dropped=located.reason,
        digest=digest(*(normalised(text).decode("latin-1") for text in four)),
        action=resolution.action,
        candidates=tuple(_candidates(resolution, wanted)),
        texts=tuple(text.decode("utf-8", "replace") for text in four) if texts else (),
    )


def _candidates(resolution: Resolution[bytes], wanted: bytes | None) -> Iterator[CandidateRecord]:
    """All candidates, best first, the vetoed ones last.

    The pipeline runs the costly checks down to the first candidate that passes; to measure strata
    on what would survive, they are run here on the next ones too.
    """
    for place, ranked in enumerate(resolution.ranked):
        veto = _late_veto(resolution, ranked.candidate) if 0 < place < CHECKED else ""
        yield _candidate(ranked.candidate, wanted, ranked, veto)
    for rejected in resolution.rejected:
        yield _candidate(rejected.candidate, wanted, None, rejected.veto.check)


def _late_veto(resolution: Resolution[bytes], candidate: Candidate[bytes]) -> str:
    hunk = cast("Hunk", resolution.conflict)
    refusing = (name for name, check in TOOLBOX.late_checks if check(hunk, candidate) is not None)
    return next(refusing, "")


def _candidate(
    candidate: Candidate[bytes], wanted: bytes | None, ranked: Ranked[bytes] | None, veto: str
) -> CandidateRecord:
    return CandidateRecord(
        generator=candidate.generator,
        stratum=candidate.stratum,
        provable=candidate.provable,
        drops=len(candidate.drops),
        equal=normalised(candidate.value) == wanted,
        veto=veto,
        probability=round(ranked.judgement.probability, 4) if ranked else 0.0,
        lower=round(ranked.judgement.lower, 4) if ranked else 0.0,
    )


def _count(text: bytes) -> int:
    return text.count(b"\n") + (not text.endswith(b"\n") and text != b"")

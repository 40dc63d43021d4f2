"""What replay writes down per conflict, and its file format: one JSON object a line, gzipped.

No text of any repository is in it unless asked for: paths, sizes, flags and hashes only.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class CandidateRecord:
    """One candidate of a hunk: who proposed it, what the checks said, and whether it was right."""

    generator: str
    stratum: str
    provable: bool
    drops: int  # edits it says it leaves out
    equal: bool  # to the people's resolution, modulo whitespace
    veto: str  # the check that refused it, or empty
    probability: float
    lower: float


@dataclass(frozen=True, slots=True)
class HunkRecord:
    """One conflict: where, how large, what became of it, and all its candidates, best first."""

    repo: str
    merge: str
    path: str
    language: str
    lines: tuple[int, int, int, int]  # base, ours, theirs, resolution
    whole: str  # the parent whose file was committed as it is, or empty
    dropped: str  # why the people's resolution could not be located, or empty
    digest: str  # of the normalised texts
    action: str  # what the policy made of it: commit, apply, suggest, leave
    candidates: tuple[CandidateRecord, ...]
    texts: tuple[str, ...] = field(default=())  # base, ours, theirs, resolution; only with --texts

    @property
    def survivors(self) -> list[CandidateRecord]:
        """The candidates that no check vetoed, best first."""
        return [candidate for candidate in self.candidates if not candidate.veto]

    @property
    def top(self) -> CandidateRecord | None:
        """What is offered first."""
        return next(iter(self.survivors), None)


def write(path: Path, hunks: Iterable[HunkRecord]) -> None:
    """Write a dump; the same records give the same bytes."""
    with path.open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed:
        for hunk in hunks:
            packed.write(json.dumps(asdict(hunk), separators=(",", ":")).encode() + b"\n")


def read(paths: Iterable[Path]) -> Iterator[HunkRecord]:
    """The records of dumps, in order."""
    for path in paths:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            yield from _parse(lines)


def _parse(lines: TextIO) -> Iterator[HunkRecord]:
    for line in lines:
        fields = json.loads(line)
        candidates = tuple(CandidateRecord(**candidate) for candidate in fields.pop("candidates"))
        lengths, texts = tuple(fields.pop("lines")), tuple(fields.pop("texts"))
        yield HunkRecord(**fields, lines=lengths, texts=texts, candidates=candidates)


def distinct(hunks: Iterable[HunkRecord], seen: set[str]) -> Iterator[HunkRecord]:
    """Leave out hunks seen before: forks and cherry-picked merges repeat whole conflicts."""
    for hunk in hunks:
        if hunk.digest not in seen:
            seen.add(hunk.digest)
            yield hunk

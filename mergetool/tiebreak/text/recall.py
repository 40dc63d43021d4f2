"""What was resolved before is offered again, where the conflict or its edits are the same.

Two conflicts are *the same* when base, ours and theirs are, modulo white space; the sides may have
changed places. They are *alike* when they are the same once the tokens are taken off that all three
versions begin and end with: one version number, one import, in another file. What the people made
of the middle is then put between the beginning and the end that the conflict has here.

    memory/same     every time this conflict was resolved, it was resolved so
    memory/alike    the same of the edits alone
    memory/now/...  the same of other files of the merge that is under way
    memory/divided  it was resolved in several ways; this is the latest

A memory is no proof. The precision of its stratum was measured on merges in the order in which they
were made, each knowing the earlier ones only (``benchmarks/memory.py``). The idea is git's rerere,
which asks for equal text and writes what it finds.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Final

from tiebreak.conflict import Candidate, Judgement
from tiebreak.record import NamedTuple
from tiebreak.text.checks import edits
from tiebreak.text.judge import measured

try:  # as in `tiebreak.journal`
    from _blake2 import blake2b
except ImportError:  # pragma: no cover  (an interpreter that is not CPython)
    from hashlib import blake2b

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tiebreak.conflict import Generator, Judge, Toolbox
    from tiebreak.memory import Memory
    from tiebreak.text.document import Hunk

    Find = Callable[[str], list[Memory]]

SAME: Final = "memory/same"
ALIKE: Final = "memory/alike"
NOW: Final = "memory/now"
THIS_MERGE: Final = ""  # stands for the id of a merge that is not committed yet
DIVIDED: Final = "memory/divided"  # not below the others, whose precision it has not

_TOKEN: Final = re.compile(rb"[\w$\x80-\xff]+|[^\w\s]")
_BYTES: Final = 16  # of a digest


class Recalled(NamedTuple):
    """A resolution made before, as it would be here."""

    text: bytes
    stratum: str
    memory: Memory


class Middle(NamedTuple):
    """What is left of three versions without `head` tokens before and `tail` tokens behind."""

    head: int
    tail: int
    sides: tuple[tuple[bytes, ...], ...]  # the tokens of base, ours, theirs


def lessons(
    base: bytes, ours: bytes, theirs: bytes, resolution: bytes
) -> Iterator[tuple[str, bytes]]:
    """What to remember of a resolved conflict: digests, and the text under each."""
    yield _digest(SAME, tuple(map(_tokens, (base, ours, theirs)))), resolution
    middle = _middle(base, ours, theirs)
    if middle is not None:
        text = _between(resolution, middle, _tokens(ours))
        if text is not None:
            yield _digest(ALIKE, middle.sides), text


def recalled(hunk: Hunk, find: Find) -> Iterator[Recalled]:
    """What was remembered of this conflict, or of its edits; at most one of each."""
    base, ours, theirs, *_ = hunk.region
    same = find(_digest(SAME, tuple(map(_tokens, (base, ours, theirs)))))
    if same:
        text = _respaced(same[-1].text, (ours, theirs, base))
        yield Recalled(text, _stratum(SAME, same), same[-1])
    middle = _middle(base, ours, theirs)
    alike = find(_digest(ALIKE, middle.sides)) if middle is not None else []
    if middle is not None and alike:
        placed = _placed(alike[-1].text, middle, (ours, theirs, base))
        if placed is not None:
            text = _respaced(placed, (ours, theirs, base))
            yield Recalled(text, _stratum(ALIKE, alike), alike[-1])


def with_memory(toolbox: Toolbox[Hunk, bytes], find: Find) -> Toolbox[Hunk, bytes]:
    """A toolbox that offers what was remembered, too.

    Behind all others: what another generator proposes as well keeps its stratum, by which judges
    know it.
    """
    return toolbox._replace(
        generators=(*toolbox.generators, ("memory", _generator(find))),
        judge=judge_with(toolbox.judge, find),
    )


def _generator(find: Find) -> Generator[Hunk, bytes]:

    def generate(hunk: Hunk) -> Iterator[Candidate[bytes]]:
        for one in recalled(hunk, find):
            candidate = Candidate(one.text, "memory", _why(one), one.stratum)
            lost = edits.check(hunk, candidate)
            yield candidate._replace(drops=(lost,)) if lost else candidate

    return generate


def judge_with(judge: Judge[Hunk, bytes], find: Find) -> Judge[Hunk, bytes]:
    """Another judge, but what was chosen before is at least as good as memories have proved to be.

    A candidate that other generators propose keeps their stratum; that it was chosen before is said
    in its evidence.
    """

    def remembering(hunk: Hunk, candidates: Sequence[Candidate[bytes]]) -> list[Judgement]:
        found = list(judge(hunk, candidates))
        for one in recalled(hunk, find):
            index = _index(one.text, candidates)
            if index is not None:
                found[index] = _raised(found[index], one)
        return found

    return remembering


def _raised(judgement: Judgement, one: Recalled) -> Judgement:
    known = measured(one.stratum)
    if known is None or judgement.provable:
        return judgement
    evidence = f"{_why(one)}; such were right in {known.right} of {known.seen} real conflicts"
    return judgement._replace(
        probability=max(judgement.probability, known.probability),
        lower=max(judgement.lower, known.lower),
        evidence=evidence,
    )


def _index(text: bytes, candidates: Sequence[Candidate[bytes]]) -> int | None:
    """The candidate with this text, or else the first that is like it but for white space."""
    values = [candidate.value for candidate in candidates]
    if text in values:
        return values.index(text)
    wanted = _tokens(text)
    alike = (index for index, value in enumerate(values) if _tokens(value) == wanted)
    return next(alike, None)


def _why(one: Recalled) -> str:
    """``resolved so in 1f2e3d4c5b6a (Jo, 2024-03-01, src/main.c)``."""
    same = "" if "/same" in one.stratum else "the same edits were "
    _, merge, when, who, path = one.memory
    if merge == THIS_MERGE:
        return f"{same}resolved so in {path}, in this merge"
    day = time.strftime("%Y-%m-%d", time.gmtime(when))
    return f"{same}resolved so in {merge[:12]} ({who}, {day}, {path})"


def _stratum(kind: str, memories: Sequence[Memory]) -> str:
    now = memories[-1].merge == THIS_MERGE
    several = len({_tokens(memory.text) for memory in memories}) > 1
    found = kind.replace("memory", NOW) if now else kind
    return found.replace("memory", DIVIDED, 1) if several else found


def _tokens(text: bytes) -> tuple[bytes, ...]:
    return tuple(_TOKEN.findall(text))


def _digest(kind: str, sides: tuple[tuple[bytes, ...], ...]) -> str:
    base, ours, theirs = (b"\0".join(tokens) for tokens in sides)
    parts = b"\1".join([kind.encode(), base, *sorted((ours, theirs))])
    return blake2b(parts, digest_size=_BYTES).hexdigest()


def _middle(base: bytes, ours: bytes, theirs: bytes) -> Middle | None:
    """Where three versions differ; None where they have no common beginning or end."""
    sides = tuple(map(_tokens, (base, ours, theirs)))
    shortest = min(map(len, sides))
    head = tail = 0
    while head < shortest and len({side[head] for side in sides}) == 1:
        head += 1
    while tail < shortest - head and len({side[-1 - tail] for side in sides}) == 1:
        tail += 1
    if not head and not tail:
        return None
    return Middle(head, tail, tuple(side[head : len(side) - tail] for side in sides))


def _between(text: bytes, middle: Middle, like: Sequence[bytes]) -> bytes | None:
    """The part of a resolution that stands for the middle; None if it begins or ends otherwise."""
    tokens = _tokens(text)
    head, tail = middle.head, middle.tail
    if len(tokens) < head + tail or tokens[:head] != like[:head]:
        return None
    if tokens[len(tokens) - tail :] != tuple(like[len(like) - tail :]):
        return None
    span = _span(text, middle)
    return b"" if span is None else text[slice(*span)]


def _span(text: bytes, middle: Middle) -> tuple[int, int] | None:
    """The bytes of a text between its first and its last tokens; None where nothing is."""
    spans = [found.span() for found in _TOKEN.finditer(text)]
    inner = spans[middle.head : len(spans) - middle.tail]
    return (inner[0][0], inner[-1][1]) if inner else None


def _placed(text: bytes, middle: Middle, sides: Sequence[bytes]) -> bytes | None:
    """A remembered middle between the beginning and the end that the conflict has here."""
    for side in sides:
        span = _span(side, middle)
        if text and span is not None:
            return side[: span[0]] + text + side[span[1] :]
        if not text and span is None:
            return side
    return None


def _respaced(text: bytes, sides: Sequence[bytes]) -> bytes:
    """Lines that a version has with other white space take the version's; all take its line end."""
    end = b"\r\n" if any(b"\r\n" in side for side in sides) else b"\n"
    lines = [line for side in reversed(sides) for line in side.splitlines()]
    here, by_tokens = set(lines), {_tokens(line): line for line in lines}
    found = []
    for line in text.splitlines(keepends=True):
        bare = line.rstrip(b"\r\n")
        known = bare if bare in here or not bare.strip() else by_tokens.get(_tokens(bare), bare)
        found.append(known + (end if bare != line else b""))
    return b"".join(found)

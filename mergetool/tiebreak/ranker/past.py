"""What is told of the history: whether a side has moved on from what the other one brings.

A hunk whose history is not known has `UNKNOWN` everywhere. In training it is hidden now and then,
so that a judge does without.
"""

from __future__ import annotations

from math import log1p
from typing import TYPE_CHECKING, Final

from tiebreak.lineage import marks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.lineage import Past, Trace

UNKNOWN: Final = -1.0
SIDES: Final = ("ours", "theirs")
OF_SIDE: Final = ("commits", "authors", "later", "was-file", "was-text", "only-lines", "was-lines")
HUNK: Final = tuple(f"{kind}/{side}" for kind in OF_SIDE for side in SIDES)
CANDIDATE: Final = tuple(f"stale/{side}" for side in SIDES)


def columns(names: Sequence[str]) -> list[int]:
    """Where these features stand among all."""
    return [index for index, name in enumerate(names) if name in {*HUNK, *CANDIDATE}]


def of_hunk(past: Past | None) -> dict[str, float]:
    """What is the same for all candidates of a hunk."""
    if past is None:
        return dict.fromkeys(HUNK, UNKNOWN)
    found: dict[str, float] = {}
    for side, mine, other in zip(SIDES, past, reversed(past), strict=True):
        values = _of_side(mine, other)
        found |= {f"{kind}/{side}": value for kind, value in zip(OF_SIDE, values, strict=True)}
    return {name: found[name] for name in HUNK}


def _of_side(mine: Trace, other: Trace) -> tuple[float, ...]:
    known = mine.newest and other.newest
    return (
        log1p(mine.commits),
        log1p(mine.authors),
        log1p(max(0, mine.newest - other.newest)) if known else UNKNOWN,
        float(mine.whole),
        float(mine.text),
        log1p(mine.added),
        len(mine.stale) / mine.added if mine.added else 0.0,
    )


def of_candidate(past: Past | None, value: bytes) -> dict[str, float]:
    """How many lines of a candidate one side brings that the other one has left behind."""
    if past is None:
        return dict.fromkeys(CANDIDATE, UNKNOWN)
    lines = marks(value) if any(trace.stale for trace in past) else set[bytes]()
    counts = [log1p(len(trace.stale & lines)) for trace in past]
    return dict(zip(CANDIDATE, counts, strict=True))

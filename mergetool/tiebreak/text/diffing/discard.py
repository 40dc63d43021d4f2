"""Before Myers: leave out what cannot match, or matches so often that it says nothing.

Equal ends are cut off. An element that the other side lacks is changed without a search. One that
the other side has very often is changed too when it stands in a run of elements that have no match
(a blank line in a new function). This is what keeps the search small on real files, and since it
decides which of several equal-cost diffs is found, it is git's rule to the letter.
"""

from __future__ import annotations

from typing import Final

MOST_REPEATS: Final = 1024
RUN_FACTOR: Final = 4
WINDOW: Final = 100

DISCARD: Final = 0
KEEP: Final = 1
INVESTIGATE: Final = 2


class Kept:
    """One side: the elements left to search, where they stood, and the flags of all elements."""

    __slots__ = ("changed", "positions", "values")

    changed: bytearray
    positions: list[int]
    values: list[int]

    def __init__(self, side: list[int]) -> None:
        """Nothing kept yet, and nothing changed."""
        self.changed = bytearray(len(side) + 1)
        self.positions = []
        self.values = []

    def flag(self, start: int, end: int) -> None:
        """Flag the kept elements `start` to `end` as changed."""
        changed = self.changed
        for position in self.positions[start:end]:
            changed[position] = 1


def bogus_sqrt(number: int) -> int:
    """The power of two that git takes for a square root."""
    root = 1
    while number > 0:
        root <<= 1
        number >>= 2
    return root


def discard(a: list[int], b: list[int], *, keep_repeats: bool = False) -> tuple[Kept, Kept]:
    """Cut equal ends, flag what has no match, and return what is left to search."""
    start, end = _common_ends(a, b)
    kept_a, kept_b = Kept(a), Kept(b)
    if start == len(a) - end and start == len(b) - end:
        return kept_a, kept_b
    counts_a, counts_b = _counts(a), _counts(b)
    _keep(kept_a, a, range(start, len(a) - end), counts_b, keep_repeats=keep_repeats)
    _keep(kept_b, b, range(start, len(b) - end), counts_a, keep_repeats=keep_repeats)
    return kept_a, kept_b


def _common_ends(a: list[int], b: list[int]) -> tuple[int, int]:
    shortest = min(len(a), len(b))
    start = 0
    while start < shortest and a[start] == b[start]:
        start += 1
    end = 0
    while end < shortest - start and a[-1 - end] == b[-1 - end]:
        end += 1
    return start, end


def _counts(side: list[int]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for element in side:
        counts[element] = counts.get(element, 0) + 1
    return counts


def _keep(
    kept: Kept, side: list[int], span: range, others: dict[int, int], *, keep_repeats: bool
) -> None:
    """Sort the elements of `span` into those to search and those that are changed anyway."""
    limit = min(bogus_sqrt(len(side)), MOST_REPEATS)
    if keep_repeats:
        limit = 1 << 62
    get = others.get
    actions = bytearray(len(span))
    for offset, position in enumerate(span):
        matches = get(side[position], 0)
        if matches:
            actions[offset] = KEEP if matches < limit else INVESTIGATE
    for offset, position in enumerate(span):
        action = actions[offset]
        if action == KEEP or (action == INVESTIGATE and not _lost(actions, offset)):
            kept.positions.append(position)
            kept.values.append(side[position])
        else:
            kept.changed[position] = 1


def _lost(actions: bytearray, offset: int) -> bool:
    """Whether an often-matching element stands in a run that is mostly without a match."""
    discarded_before, repeated_before = _run(actions[max(0, offset - WINDOW) : offset][::-1])
    if discarded_before == 0:
        return False
    discarded_after, repeated_after = _run(actions[offset + 1 : offset + 1 + WINDOW])
    if discarded_after == 0:
        return False
    discarded = discarded_before + discarded_after
    repeated = repeated_before + repeated_after + 2  # the element itself is counted on both sides
    return repeated * RUN_FACTOR < repeated + discarded


def _run(actions: bytearray) -> tuple[int, int]:
    """How many elements without a match, and with many, come before the first one to keep."""
    stop = actions.find(KEEP)
    run = actions if stop < 0 else actions[:stop]
    return run.count(DISCARD), run.count(INVESTIGATE)

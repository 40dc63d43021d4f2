"""The histogram algorithm: split at the longest common run among the rarest elements.

Patience diff extended to elements that occur more than once (first made for JGit). In a region,
occurrences in `a` are counted; for every element of `b` the common runs through it are measured; the
run whose rarest element is rarest, and then the longest, becomes common, and what is before and
after it is done in turn. A region whose common elements all occur too often is left to Myers.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from tiebreak.text.diffing import myers

MOST_OCCURRENCES: Final = 64


class _Box(NamedTuple):
    a_low: int
    a_high: int
    b_low: int
    b_high: int


TOO_COMMON: Final = _Box(-1, -1, -1, -1)


def mark(a: list[int], b: list[int]) -> tuple[bytearray, bytearray]:
    """Flag what changed between `a` and `b`."""
    changed_a, changed_b = bytearray(len(a) + 1), bytearray(len(b) + 1)
    boxes = [_Box(0, len(a), 0, len(b))]
    while boxes:
        box = boxes.pop()
        a_low, a_high, b_low, b_high = box
        if a_low == a_high or b_low == b_high:
            run = None
        else:
            run = _best_run(a, b, box)
        if run is None:
            changed_a[a_low:a_high] = b"\1" * (a_high - a_low)
            changed_b[b_low:b_high] = b"\1" * (b_high - b_low)
        elif run is TOO_COMMON:
            part_a, part_b = myers.mark(a[a_low:a_high], b[b_low:b_high])
            changed_a[a_low:a_high] = part_a[:-1]
            changed_b[b_low:b_high] = part_b[:-1]
        else:
            boxes.append(_Box(a_low, run.a_low, b_low, run.b_low))
            boxes.append(_Box(run.a_high, a_high, run.b_high, b_high))
    return changed_a, changed_b


def _best_run(a: list[int], b: list[int], box: _Box) -> _Box | None:
    """The common run to split the box at; None when nothing is common."""
    a_low, a_high, b_low, b_high = box
    places: dict[int, list[int]] = {}
    for position in range(a_low, a_high):
        places.setdefault(a[position], []).append(position)
    best: _Box | None = None
    length = 0
    rarest = MOST_OCCURRENCES + 1
    common = False
    j = b_low
    while j < b_high:
        following = j + 1
        at = places.get(b[j])
        if at is None:
            j = following
            continue
        common = True
        if len(at) > rarest:
            j = following
            continue
        done = -1
        for place in at:
            if place < done:
                continue
            low, b_start = place, j
            end, b_end = place + 1, j + 1
            count = len(at)
            while a_low < low and b_low < b_start and a[low - 1] == b[b_start - 1]:
                low -= 1
                b_start -= 1
                if count > 1:
                    count = min(count, len(places[a[low]]))
            while end < a_high and b_end < b_high and a[end] == b[b_end]:
                if count > 1:
                    count = min(count, len(places[a[end]]))
                end += 1
                b_end += 1
            following = max(following, b_end)
            if length < end - low - 1 or count < rarest:
                best = _Box(low, end, b_start, b_end)
                length = end - low - 1
                rarest = count
            done = end
        j = following
    if common and rarest > MOST_OCCURRENCES:
        return TOO_COMMON
    return best

"""The patience algorithm: match elements that are unique on both sides, then look between them.

Source: Bram Cohen's patience diff. The longest increasing chain of unique pairs is common; each gap
between two pairs is first narrowed from both ends and then done in turn. A gap without unique pairs
is left to Myers.
"""

from __future__ import annotations

from bisect import bisect_left

from tiebreak.text.diffing import myers
from tiebreak.text.diffing.box import Box


def mark(a: list[int], b: list[int]) -> tuple[bytearray, bytearray]:
    """Flag what changed between `a` and `b`."""
    changed_a, changed_b = bytearray(len(a) + 1), bytearray(len(b) + 1)
    boxes = [Box(0, len(a), 0, len(b))]
    while boxes:
        box = boxes.pop()
        part_a, part_b = box.cut(a, b)
        chain = _longest_chain(_unique_pairs(part_a, part_b))
        if chain:
            boxes += _gaps(a, b, box, [(box.a_low + i, box.b_low + j) for i, j in chain])
        elif set(part_a).isdisjoint(part_b):
            box.flag(changed_a, changed_b)
        else:
            box.paste(changed_a, changed_b, myers.mark(part_a, part_b))
    return changed_a, changed_b


def _unique_pairs(a: list[int], b: list[int]) -> list[tuple[int, int]]:
    """The elements that occur once in `a` and once in `b`, in the order of `a`."""
    once_a, once_b = _once(a), _once(b)
    return [(i, once_b[element]) for element, i in once_a.items() if element in once_b]


def _once(side: list[int]) -> dict[int, int]:
    seen: dict[int, int] = {}
    repeated: set[int] = set()
    for position, element in enumerate(side):
        if element in seen:
            repeated.add(element)
        else:
            seen[element] = position
    for element in repeated:
        del seen[element]
    return seen


def _longest_chain(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest chain that increases on both sides (patience sorting)."""
    ends: list[int] = []  # smallest end in `b` of a chain of each length
    tops: list[int] = []  # and the pair it is at
    before: list[int] = []
    for index, (_, j) in enumerate(pairs):
        length = bisect_left(ends, j)
        before.append(tops[length - 1] if length else -1)
        ends[length : length + 1] = [j]
        tops[length : length + 1] = [index]
    chain: list[tuple[int, int]] = []
    index = tops[-1] if tops else -1
    while index >= 0:
        chain.append(pairs[index])
        index = before[index]
    return chain[::-1]


def _gaps(a: list[int], b: list[int], box: Box, chain: list[tuple[int, int]]) -> list[Box]:
    """What is left between the pairs of the chain, narrowed by what is equal at either end."""
    gaps: list[Box] = []
    i, j = box.a_low, box.b_low
    for pair_i, pair_j in [*chain, (box.a_high, box.b_high)]:
        end_i, end_j = pair_i, pair_j
        if pair_i < box.a_high:
            while end_i > i and end_j > j and a[end_i - 1] == b[end_j - 1]:
                end_i -= 1
                end_j -= 1
        while i < end_i and j < end_j and a[i] == b[j]:
            i += 1
            j += 1
        if i < end_i or j < end_j:
            gaps.append(Box(i, end_i, j, end_j))
        i, j = pair_i + 1, pair_j + 1
    return gaps

"""Aligning two token sequences in bounded work, by what is rare first.

Common ends are trimmed; a small gap is aligned exactly, words counting more than punctuation and
neighbours more than strays; a large gap is cut at anchors (patience diff's idea: runs of tokens
that occur once on each side, long runs before short ones) and what is between is aligned again.
Work is counted in steps, never timed, so the same input gives the same answer on any machine.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from tiebreak.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

STEPS: Final = 8_000_000  # the budget of one file's hunks: about two seconds of Python
EXACT: Final = 40_000  # cells of the table that an exact alignment of a gap may take
GRAMS: Final = (16, 6, 3, 1)  # lengths of the runs tried as anchors, in this order
GRAM_COST: Final = 4  # steps charged per token for looking for anchors: a cell is one step

Cut = tuple[int, int, int, int]  # a range of the one sequence and a range of the other


class Block(NamedTuple):
    """Equal runs: ``a[a : a + size] == b[b : b + size]``."""

    a: int
    b: int
    size: int


class Budget:
    """Steps of work that are left, shared by everything done for one hunk."""

    __slots__ = ("left",)

    def __init__(self, steps: int) -> None:
        """Start with `steps` to spend."""
        self.left = steps

    def spend(self, steps: int) -> bool:
        """Take `steps`; False, and nothing is left, when there are not that many."""
        self.left -= steps
        if self.left < 0:
            self.left = -1
        return self.left >= 0


def align(
    a: Sequence[int], b: Sequence[int], weights: Sequence[int], budget: Budget
) -> list[Block] | None:
    """The matching runs of two sequences of token ids, in order; None when the budget is spent.

    `weights[id]` says how much a match of this token is worth in an exact alignment; ids that weigh
    `weights`' most are words, and only they are anchors alone.
    """
    found: list[Block] = []
    heaviest = max(weights, default=0)
    words = [weight == heaviest for weight in weights]
    gaps: list[Cut] = [(0, len(a), 0, len(b))]
    while gaps:
        gap = _trim(a, b, gaps.pop(), found)
        rows, columns = gap[1] - gap[0], gap[3] - gap[2]
        if not rows or not columns:
            continue
        if rows * columns <= EXACT:
            if not budget.spend(rows * columns):
                return None
            found += _exact(a, b, gap, weights)
            continue
        for size in GRAMS:
            if not budget.spend(GRAM_COST * (rows + columns)):
                return None
            chain = _anchors(a, b, gap, size, words)
            if chain:
                found += chain
                gaps += _between(gap, chain)
                break
    return _joined(sorted(found))


def _trim(a: Sequence[int], b: Sequence[int], gap: Cut, found: list[Block]) -> Cut:
    a0, a1, b0, b1 = gap
    head = 0
    limit = min(a1 - a0, b1 - b0)
    while head < limit and a[a0 + head] == b[b0 + head]:
        head += 1
    tail = 0
    while tail < limit - head and a[a1 - 1 - tail] == b[b1 - 1 - tail]:
        tail += 1
    if head:
        found.append(Block(a0, b0, head))
    if tail:
        found.append(Block(a1 - tail, b1 - tail, tail))
    return a0 + head, a1 - tail, b0 + head, b1 - tail


def _anchors(
    a: Sequence[int],
    b: Sequence[int],
    gap: Cut,
    size: int,
    words: Sequence[bool],
) -> list[Block]:
    """The longest chain of runs of `size` tokens that occur once in each side of the gap."""
    a0, a1, b0, b1 = gap
    in_a = _once(a, a0, a1, size)
    in_b = _once(b, b0, b1, size)
    pairs = [(i, in_b[gram]) for gram, i in in_a.items() if i >= 0 and in_b.get(gram, -1) >= 0]
    if size == 1:
        pairs = [pair for pair in pairs if words[a[pair[0]]]]
    chain: list[Block] = []
    for i, j in _increasing(sorted(pairs)):
        last = chain[-1] if chain else Block(a0, b0, 0)
        skip = max(last.a + last.size - i, last.b + last.size - j, 0)
        if skip < size:
            chain.append(Block(i + skip, j + skip, size - skip))
    return chain


def _once(tokens: Sequence[int], start: int, end: int, size: int) -> dict[object, int]:
    """Where each run of `size` tokens is, by the run; -1 for one that occurs more than once."""
    places: dict[object, int] = {}
    if end - start < size:
        return places
    runs = (
        tokens[start:end]
        if size == 1
        else zip(*(tokens[start + k : end - size + 1 + k] for k in range(size)), strict=True)
    )
    for place, run in enumerate(runs, start):
        places[run] = -1 if run in places else place
    return places


def _increasing(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest chain that increases in both (patience sorting); the first of equal ones."""
    tops: list[int] = []
    piles: list[int] = []
    before: list[int] = []
    for index, (_, j) in enumerate(pairs):
        pile = bisect_left(tops, j)
        before.append(piles[pile - 1] if pile else -1)
        if pile == len(tops):
            tops.append(j)
            piles.append(index)
        else:
            tops[pile], piles[pile] = j, index
    chain: list[tuple[int, int]] = []
    index = piles[-1] if piles else -1
    while index >= 0:
        chain.append(pairs[index])
        index = before[index]
    return chain[::-1]


def _between(gap: Cut, chain: list[Block]) -> list[Cut]:
    a0, a1, b0, b1 = gap
    edges = [Block(a0, b0, 0), *chain, Block(a1, b1, 0)]
    return [(x.a + x.size, y.a, x.b + x.size, y.b) for x, y in pairwise(edges)]


def _exact(a: Sequence[int], b: Sequence[int], gap: Cut, weights: Sequence[int]) -> list[Block]:
    """The heaviest common subsequence of a small gap, a match beside a match counting one more."""
    a0, a1, b0, b1 = gap
    other = b[b0:b1]
    columns = len(other)
    rows: list[list[int]] = [[0] * (columns + 1)]
    follows = [False] * (columns + 1)  # whether the tokens one further on each side match
    for i in range(a1 - 1, a0 - 1, -1):
        token, worth = a[i], 2 * weights[a[i]]
        below = rows[-1]
        row = [0] * (columns + 1)
        matches = [False] * (columns + 1)
        best = 0
        for j in range(columns - 1, -1, -1):
            if below[j] > best:  # noqa: PLR1730  (`max` would cost half of the whole alignment)
                best = below[j]
            if other[j] == token:
                matches[j] = True
                score = below[j + 1] + worth + follows[j + 1]
                if score > best:  # noqa: PLR1730
                    best = score
            row[j] = best
        rows.append(row)
        follows = matches
    rows.reverse()
    return _trace(a, b, gap, rows)


def _trace(a: Sequence[int], b: Sequence[int], gap: Cut, rows: list[list[int]]) -> list[Block]:
    a0, a1, b0, b1 = gap
    found: list[Block] = []
    i, j = a0, b0
    while i < a1 and j < b1:
        row, below = rows[i - a0], rows[i - a0 + 1]
        here = row[j - b0]
        if here == below[j - b0]:
            i += 1
        elif here == row[j - b0 + 1]:
            j += 1
        else:
            found.append(Block(i, j, 1))
            i, j = i + 1, j + 1
    return found


def _joined(blocks: list[Block]) -> list[Block]:
    """Touching blocks made one."""
    out: list[Block] = []
    for block in blocks:
        last = out[-1] if out else None
        if last and last.a + last.size == block.a and last.b + last.size == block.b:
            out[-1] = Block(last.a, last.b, last.size + block.size)
        else:
            out.append(block)
    return out

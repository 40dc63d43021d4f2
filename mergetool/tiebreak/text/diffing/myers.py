"""The O(ND) algorithm in linear space, with the short cuts git takes on large inputs.

Source: Eugene W. Myers, "An O(ND) Difference Algorithm and Its Variations", Algorithmica 1 (1986).
The box (a_low, a_high, b_low, b_high) is searched from both corners at once; where the two searches
meet it is split, and the halves are done in turn. To give git's results to the byte, the limits
after which a search settles for less than the best split are git's.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from tiebreak.text.diffing.discard import Kept, bogus_sqrt, discard

LEAST_COST_LIMIT: Final = 256  # give up looking for the best split after this many edits at least
HEURISTIC_COST: Final = 256  # from this many edits on, a good enough path is taken
SNAKE: Final = 20  # this many equal elements in a row make a path worth following
GOOD_ENOUGH: Final = 4  # progress per edit that makes a path good enough
FAR: Final = 1 << 62


class _Split(NamedTuple):
    """Where a box is cut, and which halves must be searched without short cuts."""

    a: int
    b: int
    low_minimal: bool
    high_minimal: bool


class _Box(NamedTuple):
    a_low: int
    a_high: int
    b_low: int
    b_high: int
    minimal: bool


def mark(
    a: list[int], b: list[int], *, minimal: bool = False, keep_repeats: bool = False
) -> tuple[bytearray, bytearray]:
    """Flag what changed between `a` and `b`.

    `minimal` searches without short cuts. `keep_repeats` also keeps elements that occur too often to
    be worth matching, as git does from 2.50 on when asked for a minimal diff.
    """
    kept_a, kept_b = discard(a, b, keep_repeats=keep_repeats)
    _compare(kept_a, kept_b, minimal=minimal)
    return kept_a.changed, kept_b.changed


def _compare(kept_a: Kept, kept_b: Kept, *, minimal: bool) -> None:
    """Split boxes until every one is empty on one side, and flag the other side's elements."""
    a, b = kept_a.values, kept_b.values
    search = _Search(a, b)
    boxes = [_Box(0, len(a), 0, len(b), minimal)]
    while boxes:
        a_low, a_high, b_low, b_high, minimal = boxes.pop()
        while a_low < a_high and b_low < b_high and a[a_low] == b[b_low]:
            a_low += 1
            b_low += 1
        while a_low < a_high and b_low < b_high and a[a_high - 1] == b[b_high - 1]:
            a_high -= 1
            b_high -= 1
        if a_low == a_high:
            kept_b.flag(b_low, b_high)
        elif b_low == b_high:
            kept_a.flag(a_low, a_high)
        else:
            cut = search.split(_Box(a_low, a_high, b_low, b_high, minimal))
            boxes.append(_Box(a_low, cut.a, b_low, cut.b, cut.low_minimal))
            boxes.append(_Box(cut.a, a_high, cut.b, b_high, cut.high_minimal))


class _Search:
    """The two searches of a box, on scratch arrays shared by all boxes of one comparison.

    The arrays are indexed by diagonal, ``position in a - position in b``; a negative diagonal counts
    from the end of the array, which is long enough for the two never to meet.
    """

    __slots__ = ("a", "b", "backward", "cost_limit", "forward")

    def __init__(self, a: list[int], b: list[int]) -> None:
        diagonals = len(a) + len(b) + 3
        self.a = a
        self.b = b
        self.forward = [0] * (diagonals + 2)
        self.backward = [0] * (diagonals + 2)
        self.cost_limit = max(bogus_sqrt(diagonals), LEAST_COST_LIMIT)

    def split(self, box: _Box) -> _Split:  # noqa: C901, PLR0912, PLR0915  (one hot loop; calls cost)
        """Find where to cut the box."""
        a, b, forward, backward = self.a, self.b, self.forward, self.backward
        a_low, a_high, b_low, b_high, minimal = box
        least, most = a_low - b_high, a_high - b_low
        forward_min = forward_max = a_low - b_low
        backward_min = backward_max = a_high - b_high
        odd = (forward_min - backward_min) & 1
        forward[forward_min] = a_low
        backward[backward_min] = a_high
        cost = 0
        while True:
            cost += 1
            snake = False
            if forward_min > least:
                forward_min -= 1
                forward[forward_min - 1] = -1
            else:
                forward_min += 1
            if forward_max < most:
                forward_max += 1
                forward[forward_max + 1] = -1
            else:
                forward_max -= 1
            for d in range(forward_max, forward_min - 1, -2):
                before, after = forward[d - 1], forward[d + 1]
                i = start = before + 1 if before >= after else after
                j = i - d
                while i < a_high and j < b_high and a[i] == b[j]:
                    i += 1
                    j += 1
                if i - start > SNAKE:
                    snake = True
                forward[d] = i
                if odd and backward_min <= d <= backward_max and backward[d] <= i:
                    return _Split(i, j, True, True)
            if backward_min > least:
                backward_min -= 1
                backward[backward_min - 1] = FAR
            else:
                backward_min += 1
            if backward_max < most:
                backward_max += 1
                backward[backward_max + 1] = FAR
            else:
                backward_max -= 1
            for d in range(backward_max, backward_min - 1, -2):
                before, after = backward[d - 1], backward[d + 1]
                i = start = before if before < after else after - 1
                j = i - d
                while i > a_low and j > b_low and a[i - 1] == b[j - 1]:
                    i -= 1
                    j -= 1
                if start - i > SNAKE:
                    snake = True
                backward[d] = i
                if not odd and forward_min <= d <= forward_max and i <= forward[d]:
                    return _Split(i, j, True, True)
            if minimal:
                continue
            if snake and cost > HEURISTIC_COST:
                cut = self._good_forward(box, range(forward_max, forward_min - 1, -2), cost)
                if cut is None:
                    cut = self._good_backward(box, range(backward_max, backward_min - 1, -2), cost)
                if cut is not None:
                    return cut
            if cost >= self.cost_limit:
                return self._furthest(
                    box,
                    range(forward_max, forward_min - 1, -2),
                    range(backward_max, backward_min - 1, -2),
                )

    def _good_forward(self, box: _Box, diagonals: range, cost: int) -> _Split | None:
        """The forward path that got furthest, if it is good enough and ends in a snake."""
        a, b = self.a, self.b
        best, cut = 0, None
        middle = box.a_low - box.b_low
        for d in diagonals:
            i = self.forward[d]
            j = i - d
            gain = (i - box.a_low) + (j - box.b_low) - abs(d - middle)
            if (
                gain > GOOD_ENOUGH * cost
                and gain > best
                and box.a_low + SNAKE <= i < box.a_high
                and box.b_low + SNAKE <= j < box.b_high
                and a[i - SNAKE : i] == b[j - SNAKE : j]
            ):
                best, cut = gain, _Split(i, j, True, False)
        return cut

    def _good_backward(self, box: _Box, diagonals: range, cost: int) -> _Split | None:
        """The backward path that got furthest, if it is good enough and ends in a snake."""
        a, b = self.a, self.b
        best, cut = 0, None
        middle = box.a_high - box.b_high
        for d in diagonals:
            i = self.backward[d]
            j = i - d
            gain = (box.a_high - i) + (box.b_high - j) - abs(d - middle)
            if (
                gain > GOOD_ENOUGH * cost
                and gain > best
                and box.a_low < i <= box.a_high - SNAKE
                and box.b_low < j <= box.b_high - SNAKE
                and a[i : i + SNAKE] == b[j : j + SNAKE]
            ):
                best, cut = gain, _Split(i, j, False, True)
        return cut

    def _furthest(self, box: _Box, forwards: range, backwards: range) -> _Split:
        """Enough searched: cut at whichever path got furthest from its corner."""
        a_low, a_high, b_low, b_high, _ = box
        forward_best = forward_a = -1
        for d in forwards:
            i = min(self.forward[d], a_high)
            j = i - d
            if b_high < j:
                i, j = b_high + d, b_high
            if forward_best < i + j:
                forward_best, forward_a = i + j, i
        backward_best = backward_a = FAR
        for d in backwards:
            i = max(a_low, self.backward[d])
            j = i - d
            if j < b_low:
                i, j = b_low + d, b_low
            if i + j < backward_best:
                backward_best, backward_a = i + j, i
        if (a_high + b_high) - backward_best < forward_best - (a_low + b_low):
            return _Split(forward_a, forward_best - forward_a, True, False)
        return _Split(backward_a, backward_best - backward_a, False, True)

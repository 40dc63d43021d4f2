"""The O(ND) algorithm in linear space, with the short cuts git takes on large inputs.

Source: Eugene W. Myers, "An O(ND) Difference Algorithm and Its Variations", Algorithmica 1 (1986).
A box is searched from both corners at once, and cut where the two searches meet; both parts are
done in turn. To give git's results to the byte, the limits after which a search settles for less
than the best cut are git's.
"""

from __future__ import annotations

from typing import Final

from tiebreak.record import NamedTuple
from tiebreak.text.diffing.box import Box
from tiebreak.text.diffing.discard import Kept, bogus_sqrt, discard

LEAST_COST_LIMIT: Final = 256  # give up looking for the best split after this many edits at least
HEURISTIC_COST: Final = 256  # from this many edits on, a good enough path is taken
SNAKE: Final = 20  # this many equal elements in a row make a path worth following
GOOD_ENOUGH: Final = 4  # progress per edit that makes a path good enough
FAR: Final = 1 << 62


class _Cut(NamedTuple):
    """Where a box is cut, and which of the two parts must be searched without short cuts."""

    a: int
    b: int
    minimal_before: bool = True
    minimal_after: bool = True


def mark(
    a: list[int], b: list[int], *, minimal: bool = False, keep_repeats: bool = False
) -> tuple[bytearray, bytearray]:
    """Flag what changed between `a` and `b`.

    `minimal` searches without short cuts. `keep_repeats` also searches elements that come too often
    to be worth matching, as git does from 2.50 on when asked for a minimal diff.
    """
    kept_a, kept_b = discard(a, b, keep_repeats=keep_repeats)
    _compare(kept_a, kept_b, minimal=minimal)
    return kept_a.changed, kept_b.changed


def _compare(kept_a: Kept, kept_b: Kept, *, minimal: bool) -> None:
    """Cut boxes until every one is empty on one side, and flag the other side's elements."""
    a, b = kept_a.values, kept_b.values
    search = _Search(a, b)
    boxes = [(Box(0, len(a), 0, len(b)), minimal)]
    while boxes:
        box, minimal = boxes.pop()
        a_low, a_high, b_low, b_high = box = _without_ends(a, b, box)
        if a_low == a_high:
            kept_b.flag(b_low, b_high)
        elif b_low == b_high:
            kept_a.flag(a_low, a_high)
        else:
            cut = search.cut(box, minimal=minimal)
            boxes.append((Box(a_low, cut.a, b_low, cut.b), cut.minimal_before))
            boxes.append((Box(cut.a, a_high, cut.b, b_high), cut.minimal_after))


def _without_ends(a: list[int], b: list[int], box: Box) -> Box:
    a_low, a_high, b_low, b_high = box
    while a_low < a_high and b_low < b_high and a[a_low] == b[b_low]:
        a_low += 1
        b_low += 1
    while a_low < a_high and b_low < b_high and a[a_high - 1] == b[b_high - 1]:
        a_high -= 1
        b_high -= 1
    return Box(a_low, a_high, b_low, b_high)


class _Search:
    """The two searches of a box, on scratch arrays shared by all boxes of one comparison.

    The arrays are indexed by diagonal, position in `a` minus position in `b`, and say how far in
    `a` a search has come on it. A negative diagonal counts from the end of the array, which is long
    enough for the two never to meet. A step visits every second diagonal, from the highest down.
    """

    __slots__ = ("a", "b", "backward", "cost_limit", "forward", "snake")

    def __init__(self, a: list[int], b: list[int]) -> None:
        """Make scratch arrays that are long enough for any box of the two."""
        diagonals = len(a) + len(b) + 3
        self.a = a
        self.b = b
        self.forward = [0] * (diagonals + 2)
        self.backward = [0] * (diagonals + 2)
        self.cost_limit = max(bogus_sqrt(diagonals), LEAST_COST_LIMIT)
        self.snake = False

    def cut(self, box: Box, *, minimal: bool) -> _Cut:
        """Find where to cut the box: where the searches meet, or as far as one of them got."""
        a_low, a_high, b_low, b_high = box
        ahead = _Diagonals(a_low - b_low, box)
        back = _Diagonals(a_high - b_high, box)
        odd = (ahead.low - back.low) & 1
        self.forward[ahead.low] = a_low
        self.backward[back.low] = a_high
        cost = 0
        while True:
            cost += 1
            self.snake = False
            ahead.widen(self.forward, -1)
            met = self._step_forward(box, ahead, back if odd else None)
            if met is None:
                back.widen(self.backward, FAR)
                met = self._step_backward(box, back, None if odd else ahead)
            if met is None and not minimal:
                met = self._short_cut(box, ahead, back, cost)
            if met is not None:
                return met

    def _step_forward(self, box: Box, ahead: _Diagonals, back: _Diagonals | None) -> _Cut | None:
        """One more edit on every diagonal; where the other search is met, if this is its turn."""
        a, b, forward, backward = self.a, self.b, self.forward, self.backward
        a_high, b_high = box.a_high, box.b_high
        met_low, met_high = (back.low, back.high) if back is not None else (FAR, FAR)
        after = forward[ahead.high + 1]
        for d in range(ahead.high, ahead.low - 1, -2):
            before = forward[d - 1]
            i = before + 1 if before >= after else after
            after = before
            j = i - d
            if i < a_high and j < b_high and a[i] == b[j]:
                start = i
                i += 1
                j += 1
                while i < a_high and j < b_high and a[i] == b[j]:
                    i += 1
                    j += 1
                if i - start > SNAKE:
                    self.snake = True
            forward[d] = i
            if met_low <= d <= met_high and backward[d] <= i:
                return _Cut(i, j)
        return None

    def _step_backward(self, box: Box, back: _Diagonals, ahead: _Diagonals | None) -> _Cut | None:
        """One more edit on every diagonal; where the other search is met, if this is its turn."""
        a, b, forward, backward = self.a, self.b, self.forward, self.backward
        a_low, b_low = box.a_low, box.b_low
        met_low, met_high = (ahead.low, ahead.high) if ahead is not None else (FAR, FAR)
        after = backward[back.high + 1]
        for d in range(back.high, back.low - 1, -2):
            before = backward[d - 1]
            i = before if before < after else after - 1
            after = before
            j = i - d
            if i > a_low and j > b_low and a[i - 1] == b[j - 1]:
                start = i
                i -= 1
                j -= 1
                while i > a_low and j > b_low and a[i - 1] == b[j - 1]:
                    i -= 1
                    j -= 1
                if start - i > SNAKE:
                    self.snake = True
            backward[d] = i
            if met_low <= d <= met_high and i <= forward[d]:
                return _Cut(i, j)
        return None

    def _short_cut(self, box: Box, ahead: _Diagonals, back: _Diagonals, cost: int) -> _Cut | None:
        """Where to cut although the searches have not met, when they cost too much."""
        cut = None
        if self.snake and cost > HEURISTIC_COST:
            cut = self._good_forward(box, ahead, cost) or self._good_backward(box, back, cost)
        if cut is None and cost >= self.cost_limit:
            cut = self._furthest(box, ahead, back)
        return cut

    def _good_forward(self, box: Box, ahead: _Diagonals, cost: int) -> _Cut | None:
        """The forward path that got furthest, if it is good enough and ends in a snake."""
        best, cut = GOOD_ENOUGH * cost, None
        middle = box.a_low - box.b_low
        for d in range(ahead.high, ahead.low - 1, -2):
            i = self.forward[d]
            j = i - d
            gain = (i - box.a_low) + (j - box.b_low) - abs(d - middle)
            if (
                gain > best
                and box.a_low + SNAKE <= i < box.a_high
                and box.b_low + SNAKE <= j < box.b_high
                and self.a[i - SNAKE : i] == self.b[j - SNAKE : j]
            ):
                best, cut = gain, _Cut(i, j, minimal_after=False)
        return cut

    def _good_backward(self, box: Box, back: _Diagonals, cost: int) -> _Cut | None:
        """The backward path that got furthest, if it is good enough and ends in a snake."""
        best, cut = GOOD_ENOUGH * cost, None
        middle = box.a_high - box.b_high
        for d in range(back.high, back.low - 1, -2):
            i = self.backward[d]
            j = i - d
            gain = (box.a_high - i) + (box.b_high - j) - abs(d - middle)
            if (
                gain > best
                and box.a_low < i <= box.a_high - SNAKE
                and box.b_low < j <= box.b_high - SNAKE
                and self.a[i : i + SNAKE] == self.b[j : j + SNAKE]
            ):
                best, cut = gain, _Cut(i, j, minimal_before=False)
        return cut

    def _furthest(self, box: Box, ahead: _Diagonals, back: _Diagonals) -> _Cut:
        """Enough searched: cut at whichever path got furthest from its corner."""
        a_low, a_high, b_low, b_high = box
        reached, reached_a = -1, -1
        for d in range(ahead.high, ahead.low - 1, -2):
            i = min(self.forward[d], a_high, b_high + d)
            if reached < i + i - d:
                reached, reached_a = i + i - d, i
        left, left_a = FAR, FAR
        for d in range(back.high, back.low - 1, -2):
            i = max(self.backward[d], a_low, b_low + d)
            if i + i - d < left:
                left, left_a = i + i - d, i
        if (a_high + b_high) - left < reached - (a_low + b_low):
            return _Cut(reached_a, reached - reached_a, minimal_after=False)
        return _Cut(left_a, left - left_a, minimal_before=False)


class _Diagonals:
    """The diagonals that one of the searches has come to, `low` to `high`."""

    __slots__ = ("high", "least", "low", "most")

    def __init__(self, start: int, box: Box) -> None:
        """Start on one diagonal; those of the box are the limits."""
        self.low = self.high = start
        self.least = box.a_low - box.b_high
        self.most = box.a_high - box.b_low

    def widen(self, reached: list[int], nowhere: int) -> None:
        """One diagonal more at either side, or one less at a limit: every second one is visited.

        `nowhere` is put on the diagonals outside, for the next step not to come from there.
        """
        if self.low > self.least:
            self.low -= 1
            reached[self.low - 1] = nowhere
        else:
            self.low += 1
        if self.high < self.most:
            self.high += 1
            reached[self.high + 1] = nowhere
        else:
            self.high -= 1

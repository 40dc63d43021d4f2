"""Slide groups of changes to where they read best, joining groups that meet.

When the element after a group equals the group's first one, the group can be moved down by one
without changing what the diff says, and up likewise. Each group goes as far down as it can, unless
somewhere on its way it stands beside a change of the other side: then it goes to the last such place.

A file is seen as groups of changed elements, most of them empty, one between any two unchanged
elements. Both sides have the same number of unchanged elements, so the n-th groups belong together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiebreak.text.diffing import myers

if TYPE_CHECKING:
    from collections.abc import Callable

    Choose = Callable[["Cursor", int, int], int]


class Cursor:
    """A group of one side, and how to get to its neighbours.

    `start` is its first changed element, `end` the unchanged element after it; equal when empty.
    """

    __slots__ = ("changed", "end", "size", "start", "values")

    def __init__(self, values: list[int], changed: bytearray) -> None:
        self.values = values
        self.changed = changed
        self.size = len(values)
        self.start = 0
        self.end = changed.find(0)

    def skip(self, unchanged: int) -> None:
        """Go on to the group that is this many unchanged elements further down."""
        changed, end = self.changed, self.end
        while True:
            follower = changed.find(1, end)
            if follower < 0 or follower - end >= unchanged:
                break
            unchanged -= follower - end
            end = changed.find(0, follower)
        self.start = end + unchanged
        self.end = changed.find(0, self.start)

    def back(self) -> None:
        """Go back to the group before the unchanged element above this one."""
        self.end = self.start - 1
        self.start = self.changed.rfind(0, 0, self.end) + 1

    def up(self) -> bool:
        """Slide up by one and take in a group that is met; False when that cannot be done."""
        start, end, values = self.start, self.end, self.values
        if start == 0 or values[start - 1] != values[end - 1]:
            return False
        self.changed[start - 1] = 1
        self.changed[end - 1] = 0
        self.end = end - 1
        self.start = self.changed.rfind(0, 0, start - 1) + 1
        return True

    def down(self) -> bool:
        """Slide down by one and take in a group that is met; False when that cannot be done."""
        start, end, values = self.start, self.end, self.values
        if end == self.size or values[start] != values[end]:
            return False
        self.changed[start] = 0
        self.changed[end] = 1
        self.start = start + 1
        self.end = self.changed.find(0, end + 1)
        return True


def compact(
    values: list[int],
    changed: bytearray,
    other_values: list[int],
    other_changed: bytearray,
    *,
    rediff: bool = False,
    choose: Choose | None = None,
) -> None:
    """Slide every group of one side, in place.

    `choose` picks the end of a group that is free to slide (the indent heuristic). `rediff` compares
    a moved group once more with the group it came to stand beside, as git does from 2.54 on after
    the histogram algorithm, whose groups may have slid over a common run.
    """
    here = Cursor(values, changed)
    there = Cursor(other_values, other_changed)
    while True:
        if here.start == here.end:
            follower = changed.find(1, here.end)
            if follower < 0:
                return
            there.skip(follower - here.end)
            here.start, here.end = follower, changed.find(0, follower)
        before = here.start, here.end
        size, highest, beside = _slide(here, there)
        if here.end != highest:
            if beside:
                while there.start == there.end:
                    here.up()
                    there.back()
            elif choose is not None:
                end = choose(here, size, highest)
                while here.end > end:
                    here.up()
                    there.back()
        if rediff and there.start != there.end and before != (here.start, here.end):
            _compare_again(here, there)
        if here.end == here.size:
            return
        there.skip(1)
        here.skip(1)


def _slide(here: Cursor, there: Cursor) -> tuple[int, int, bool]:
    """Slide up, then down, until no more groups are met.

    Returns the group's size, its end at the highest place, and whether it stood beside a change of
    the other side anywhere between there and the lowest place.
    """
    while True:
        size = here.end - here.start
        while here.up():
            there.back()
        highest = here.end
        beside = there.end > there.start
        while here.down():
            there.skip(1)
            beside = beside or there.end > there.start
        if size == here.end - here.start:
            return size, highest, beside


def _compare_again(here: Cursor, there: Cursor) -> None:
    mine, other = myers.mark(here.values[here.start : here.end], there.values[there.start : there.end])
    here.changed[here.start : here.end] = mine[:-1]
    there.changed[there.start : there.end] = other[:-1]

"""Slide groups of changes to where they read best, joining groups that meet.

When the element after a group equals the group's first one, the group can be moved down by one
without changing what the diff says, and up likewise. Each group goes as far down as it can, unless
somewhere on its way it stands beside a change of the other side: then to the last such place.

A file is seen as groups of changed elements, most of them empty, one between any two unchanged
elements. Both sides have the same number of unchanged elements, so the n-th groups belong together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiebreak.text.diffing import myers
from tiebreak.text.diffing.box import Box

if TYPE_CHECKING:
    from collections.abc import Callable

    Side = tuple[list[int], bytearray]
    Choose = Callable[[int, int, int], int]


class _Cursor:
    """A group of one side, and how to get to its neighbours.

    `start` is its first changed element, `end` the unchanged element after it; equal when empty.
    """

    __slots__ = ("changed", "end", "size", "start", "values")

    def __init__(self, values: list[int], changed: bytearray) -> None:
        """Stand on the first group."""
        self.values = values
        self.changed = changed
        self.size = len(values)
        self.start = 0
        self.end = changed.find(0)

    def find(self, other: _Cursor) -> bool:
        """Go on to the next group that is not empty, with the other side; False at the last one."""
        if self.start == self.end:
            follower = self.changed.find(1, self.end)
            if follower < 0:
                return False
            other._skip(follower - self.end)
            self.start, self.end = follower, self.changed.find(0, follower)
        return True

    def _skip(self, unchanged: int) -> None:
        """Go on to the group that is this many unchanged elements further down."""
        changed, end = self.changed, self.end
        follower = changed.find(1, end)
        while 0 <= follower < end + unchanged:
            unchanged -= follower - end
            end = changed.find(0, follower)
            follower = changed.find(1, end)
        self.start = end + unchanged
        self.end = changed.find(0, self.start)

    def on(self) -> None:
        """Go on to the group after the unchanged element below this one."""
        self.start = self.end + 1
        self.end = self.changed.find(0, self.start)

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


def compact(side: Side, other: Side, *, rediff: bool = False, choose: Choose | None = None) -> None:
    """Slide every group of one side: its elements, and their flags, which change in place.

    `choose` says where a group that is free to slide should end, given its start, its end at the
    lowest place and its end at the highest.
    `rediff` compares a moved group once more with the one it came to stand beside, as git does from
    2.54 on after the histogram algorithm, whose groups may have slid over a common run.
    """
    here, there = _Cursor(*side), _Cursor(*other)
    while here.find(there):
        before = here.start, here.end
        highest, beside = _slide(here, there)
        if beside:
            _slide_back(here, there)
        elif choose is not None and here.end != highest:
            _slide_to(here, there, choose(here.start, here.end, highest))
        if rediff and there.start != there.end and before != (here.start, here.end):
            _compare_again(here, there)
        if here.end == here.size:
            return
        here.on()
        there.on()


def _slide(here: _Cursor, there: _Cursor) -> tuple[int, bool]:
    """Slide up, then down, until no more groups are met.

    Returns the group's end at the highest place, and whether it stood beside a change of the other
    side anywhere between there and the lowest place.
    """
    while True:
        size = here.end - here.start
        while here.up():
            there.back()
        highest = here.end
        beside = there.end > there.start
        while here.down():
            there.on()
            beside = beside or there.end > there.start
        if size == here.end - here.start:
            return highest, beside


def _slide_back(here: _Cursor, there: _Cursor) -> None:
    """Up from the lowest place to the first one that is beside a change of the other side."""
    while there.start == there.end:
        here.up()
        there.back()


def _slide_to(here: _Cursor, there: _Cursor, end: int) -> None:
    """Up from the lowest place to the one where the group ends at `end`."""
    while here.end > end:
        here.up()
        there.back()


def _compare_again(here: _Cursor, there: _Cursor) -> None:
    box = Box(here.start, here.end, there.start, there.end)
    flags = myers.mark(*box.cut(here.values, there.values))
    box.paste(here.changed, there.changed, flags)

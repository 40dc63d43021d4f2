"""The histogram algorithm: split at the longest common run among the rarest elements.

Patience diff extended to elements that occur more than once (first made for JGit). In a box, every
element of `b` is looked up in `a` and the common runs through it are measured. The run whose rarest
element is rarest in `a`, and then the longest, becomes common, and what is before and after it is
done in turn. A box whose common elements all occur too often is left to Myers.

Looking through the box for each run takes quadratic time where runs come off its ends one by one: a
file with every second line changed. But once a run with a *unique* element is found, only longer
runs through unique elements can still win. After a lopsided split `_Region` therefore keeps those
in a heap, and lives on for the larger part. The result is that of looking through all.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush, heapreplace
from typing import Final

from tiebreak.record import NamedTuple
from tiebreak.text.diffing import myers
from tiebreak.text.diffing.box import Box

MOST_OCCURRENCES: Final = 64
LOPSIDED: Final = 8  # the larger part of a split is that many times the smaller
WORTH_A_HEAP: Final = 256  # elements
TOO_COMMON: Final = Box(-1, -1, -1, -1)


def mark(a: list[int], b: list[int]) -> tuple[bytearray, bytearray]:
    """Flag what changed between `a` and `b`."""
    changed_a, changed_b = bytearray(len(a) + 1), bytearray(len(b) + 1)
    boxes = [Box(0, len(a), 0, len(b))]
    while boxes:
        region = _Region(a, b, boxes.pop())
        while (run := region.best_run()) is not None and run is not TOO_COMMON:
            before, after = region.box.around(run)
            larger, smaller = (after, before) if after.size > before.size else (before, after)
            boxes.append(smaller)
            if region.heap is None and larger.size < max(WORTH_A_HEAP, LOPSIDED * smaller.size):
                region = _Region(a, b, larger)
            else:
                region.shrink(larger)
        if run is None:
            region.box.flag(changed_a, changed_b)
        else:
            region.box.paste(changed_a, changed_b, myers.mark(*region.box.cut(a, b)))
    return changed_a, changed_b


class _Run(NamedTuple):
    """``a[j + shift] == b[j]`` for `start` <= j < `end`."""

    shift: int
    start: int
    end: int

    def within(self, box: Box) -> _Run:
        """The part of the run that is inside the box; may be empty."""
        a_low, a_high, b_low, b_high = box
        shift, start, end = self
        return _Run(shift, max(start, b_low, a_low - shift), min(end, b_high, a_high - shift))

    def box(self) -> Box:
        """Where the run is."""
        return Box(self.start + self.shift, self.end + self.shift, self.start, self.end)


def _places(side: list[int], low: int, high: int) -> dict[int, list[int]]:
    """Where each element occurs between `low` and `high`, in order."""
    places: dict[int, list[int]] = {}
    for position, element in enumerate(side[low:high], low):
        if element in places:
            places[element].append(position)
        else:
            places[element] = [position]
    return places


class _Region:
    """A box to split, and where each element occurs in its part of `a`.

    `places` says where in `a`. Only a region that has been shrunk has `others`, the same for `b`,
    and a heap: of minus a run's length, the position in `b` of a unique element in it, and the run.
    A length may be out of date; then it is too long.
    """

    __slots__ = ("a", "b", "box", "heap", "others", "places")

    def __init__(self, a: list[int], b: list[int], box: Box) -> None:
        """Count the elements of `a` in the box."""
        self.a = a
        self.b = b
        self.box = box
        self.heap: list[tuple[int, int, _Run]] | None = None
        self.others: dict[int, list[int]] = {}
        self.places = _places(a, box.a_low, box.a_high if box.b_low < box.b_high else box.a_low)

    def best_run(self) -> Box | None:
        """The common run to split the box at; None when nothing is common."""
        if self.box.a_low == self.box.a_high or self.box.b_low == self.box.b_high:
            return None
        best, rarest, partial = self._scan()
        if rarest > MOST_OCCURRENCES:
            return TOO_COMMON
        if best is not None and partial and self.heap is not None:
            longest = self._longest_unique(self.heap)
            return longest if longest.size > best.size else best
        return best

    def _scan(self) -> tuple[Box | None, int, bool]:  # noqa: C901  (the hot loop; calls cost)
        """Look through `b`; with a heap, only until a run with a unique element is found.

        Returns the best run, how often its rarest element occurs (0: nothing is common), and
        whether a longer run with a unique element may come later. Git lets a longer run replace a
        rarer one; one with a unique element that was replaced so does not count any more, and as
        the heap still has it, all is looked through then.
        """
        a, b, places = self.a, self.b, self.places
        a_low, a_high, b_low, b_high = self.box
        enough = 0 if self.heap is None else 1
        best: Box | None = None
        length, rarest, common = 0, MOST_OCCURRENCES + 1, False
        following = b_low
        while following < b_high and rarest > enough:
            j = following
            following += 1
            at = places.get(b[j])
            if not at:
                continue
            common = True
            if len(at) > rarest:
                continue
            high = -1
            for i in at:
                if i < high:
                    continue
                count = len(at)
                low, start = i, j
                while a_low < low and b_low < start and a[low - 1] == b[start - 1]:
                    low -= 1
                    start -= 1
                    if count > 1:
                        count = min(count, len(places[a[low]]))
                high, end = i + 1, j + 1
                while high < a_high and end < b_high and a[high] == b[end]:
                    if count > 1:
                        count = min(count, len(places[a[high]]))
                    high += 1
                    end += 1
                following = max(following, end)
                if high - low > length or count < rarest:
                    if count > rarest == 1:
                        enough = 0
                    best = Box(low, high, start, end)
                    length, rarest = high - low, count
        return best, rarest if common else 0, rarest == enough

    def shrink(self, box: Box) -> None:
        """Go on with a part of the box; from now on with a heap."""
        old, self.box = self.box, box
        touched = set()
        for element in self.a[old.a_low : box.a_low]:
            del self.places[element][0]
            touched.add(element)
        for element in self.a[box.a_high : old.a_high]:
            del self.places[element][-1]
            touched.add(element)
        if self.heap is None:
            self.others = _places(self.b, box.b_low, box.b_high)
            self.heap = self._runs(set(self.places))
            heapify(self.heap)
        else:
            for item in self._runs(touched):
                heappush(self.heap, item)

    def _runs(self, elements: set[int]) -> list[tuple[int, int, _Run]]:
        """The heap's items for those of the elements that are unique in `a`."""
        b_low, b_high = self.box.b_low, self.box.b_high
        pairs = [
            (j, at[0])
            for element in elements
            if len(at := self.places[element]) == 1
            for j in self.others.get(element, ())
            if b_low <= j < b_high
        ]
        items: list[tuple[int, int, _Run]] = []
        run = _Run(0, 0, 0)
        for j, i in sorted(pairs):
            if run.shift != i - j or j >= run.end:
                run = self._through(i, j)
            items.append((run.start - run.end, j, run))
        return items

    def _through(self, i: int, j: int) -> _Run:
        """The run through ``a[i]`` and ``b[j]``, as far as the box goes."""
        a, b, shift = self.a, self.b, i - j
        _, first, last = _Run(shift, 0, len(b)).within(self.box)
        start, end = j, j + 1
        while start > first and a[start - 1 + shift] == b[start - 1]:
            start -= 1
        while end < last and a[end + shift] == b[end]:
            end += 1
        return _Run(shift, start, end)

    def _longest_unique(self, heap: list[tuple[int, int, _Run]]) -> Box:
        """The longest run through a unique element; of equally long ones the first."""
        while True:
            negative, j, run = heap[0]
            now = run.within(self.box)
            if not now.start <= j < now.end:
                heappop(heap)
            elif now.start - now.end != negative:
                heapreplace(heap, (now.start - now.end, j, now))
            else:
                return now.box()

"""Where what one side added goes among the items of the other.

Behind the item that it follows on its own side. Where both sides added at one place, the additions
are put one behind the other if none of them has an order, in a sorted list where they belong; else
they are in conflict. So are additions in the place of an item that both sides removed.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from tiebreak.text.trees.slots import OURS, Conflicted, Knot, Slot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tiebreak.text.trees.items import Item
    from tiebreak.text.trees.sequence import Sequencing
    from tiebreak.text.trees.slots import Place

SURE: Final = 3  # items in order that show that a list is kept sorted


class Placing:
    """Puts the guest's additions among the host's items."""

    def __init__(self, owner: Sequencing, order: list[Place], host: int, guest: int) -> None:
        """`order` is the host's, which is changed in place."""
        self.owner = owner
        self.order = order
        self.host = host
        self.guest = guest

    def insert(self, run: list[Slot], before: Slot | None, after: Slot | None) -> None:
        """Insert a run of the guest's items that stand behind `before` and in front of `after`."""
        at = self._place(before) + 1 if before is not None else 0
        stop = at
        row = {slot.id for slot in self.owner.rows[self.guest]}
        while stop < len(self.order) and self._only_hosts(self.order[stop], row):
            stop += 1
        rivals = [place for place in self.order[at:stop] if isinstance(place, Slot)]
        deleted = self._beside_deleted(run)
        replaced = bool(rivals) and any(s.base for s in self._knot(before, after).base)
        if replaced or ((rivals or deleted) and not self._free([*rivals, *run])):
            self.order[at:stop] = [self._knot(before, after)]
        elif rivals:
            self._among(run, at, stop)
        else:
            self.order[at:at] = run
        if deleted:
            self.owner.merger.notes.add("beside-deleted")

    def _place(self, slot: Slot) -> int:
        """Where a slot of both sides is by now: it may be in a knot."""
        for place, there in enumerate(self.order):
            if there is slot or (isinstance(there, Knot) and slot in (*there.ours, *there.theirs)):
                return place
        raise Conflicted

    def _only_hosts(self, place: Place, row: set[int]) -> bool:
        return isinstance(place, Slot) and place.id not in row

    def _beside_deleted(self, run: Sequence[Slot]) -> bool:
        """Whether what stood beside the additions was removed by the other side."""
        row = self.owner.rows[self.guest]
        here = {slot.id for slot in self.owner.rows[self.host]}
        places = (row.index(run[0]) - 1, row.index(run[-1]) + 1)
        return any(0 <= place < len(row) and row[place].id not in here for place in places)

    def _free(self, slots: Sequence[Slot]) -> bool:
        """Whether all are siblings without an order."""
        groups = {slot.any.group for slot in slots}
        return len(groups) == 1 and "" not in groups

    def _among(self, run: Sequence[Slot], at: int, stop: int) -> None:
        """Additions of both sides, without an order: sorted where the list is, else ours first."""
        group = run[0].any.group
        key = self._sort_key(group)
        notes = self.owner.merger.notes
        if key is None:
            notes.add(f"order-{group}")
            place = stop if self.host == OURS else at
            self.order[place:place] = run
            return
        notes.add("sorted")
        for slot in run:
            place = at
            while place < stop and key(_of(self.order[place])) <= key(slot.any):  # type: ignore[operator]
                place += 1
            self.order.insert(place, slot)
            stop += 1

    def _sort_key(self, group: str) -> Callable[[Item], object] | None:
        """What all versions of the group are sorted by, if by anything."""
        lists = [
            [slot.versions[which] for slot in row if slot.any.group == group]
            for which, row in enumerate(self.owner.rows)
        ]
        items = [[item for item in side if item is not None] for side in lists]
        if max(map(len, items)) < SURE:
            return None
        for key in KEYS:
            if all(key(a) <= key(b) for side in items for a, b in pairwise(side)):  # type: ignore[operator]
                return key
        return None

    def _knot(self, before: Slot | None, after: Slot | None) -> Knot:
        """All that the three versions have between two items that both sides have."""
        stretches: list[list[Slot]] = []
        for row in self.owner.rows:
            first = row.index(before) + 1 if before in row else 0
            last = row.index(after) if after in row else len(row)
            if (before is not None and before not in row) or (after and after not in row):
                first, last = 0, 0  # added by both sides: base has nothing there
            stretches.append(row[first:last])
        return Knot(*stretches)


def _of(place: Place) -> Item:
    return place.any if isinstance(place, Slot) else place.ours[0].any


def _core(item: Item) -> bytes:
    return item.source[item.core : item.end]


def _lower(item: Item) -> object:
    return _core(item).lower()


def _name(item: Item) -> object:
    return item.name or b""


KEYS: Final = (_core, _lower, _name)

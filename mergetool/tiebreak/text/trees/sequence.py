"""The merge of a node's items: which of them are one, which stay, and in which order.

One side's order rules: that of the side that reordered, else ours. What the other side added is put
among it by `placing`; the text is written by `writing`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from tiebreak.text.trees.matching import match
from tiebreak.text.trees.placing import Placing
from tiebreak.text.trees.slots import BASE, OURS, THEIRS, Conflicted, Slot
from tiebreak.text.trees.writing import Writing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.text.trees.items import Item, Items
    from tiebreak.text.trees.merging import Merger
    from tiebreak.text.trees.slots import Parts, Place


class Sequencing:
    """Merges the items of one node."""

    def __init__(self, merger: Merger, sides: tuple[Items, Items, Items], depth: int) -> None:
        """Base's, our and their items of a node `depth` levels below the root."""
        self.merger = merger
        self.sides = sides
        self.depth = depth
        self.slots: list[Slot] = []
        self.rows: list[list[Slot]] = [[], [], []]  # per side its slots, in order
        self.carried: set[int] = set()

    def run(self) -> Parts:
        """The merged node."""
        self._assign()
        self._carry()
        self._check_names()
        kept = [slot for slot in self.slots if not self._gone(slot)]
        self._check_deletions()
        self._note_meeting()
        order = self._order({slot.id for slot in kept})
        return self._written(order)

    def _assign(self) -> None:
        """Give the items of all sides their slots."""
        base, ours, theirs = (side.items for side in self.sides)
        for item in base:
            self._slot(BASE, item)
        for which, items in ((OURS, ours), (THEIRS, theirs)):
            partners = match(base, items, self.merger.effort)
            for item, partner in zip(items, partners, strict=True):
                self._slot(which, item, None if partner is None else self.rows[BASE][partner])
        self._share_additions()

    def _slot(self, which: int, item: Item, slot: Slot | None = None) -> None:
        if slot is None:
            slot = Slot(len(self.slots))
            self.slots.append(slot)
        slot.versions[which] = item
        self.rows[which].append(slot)

    def _share_additions(self) -> None:
        """What both sides added under one name, or with the same words, is one addition."""
        mine = [slot for slot in self.rows[OURS] if slot.added]
        other = [slot for slot in self.rows[THEIRS] if slot.added]
        if not mine or not other:
            return
        partners = match([s.any for s in mine], [s.any for s in other], self.merger.effort)
        for slot, partner in zip(other, partners, strict=True):
            if partner is None:
                continue
            twin = mine[partner]
            a, b = twin.any, slot.any
            if a.words != b.words and (a.name is None or a.name != b.name):
                continue  # alike is not the same: nothing says that they are versions of one
            twin.versions[THEIRS] = slot.versions[THEIRS]
            self.rows[THEIRS][self.rows[THEIRS].index(slot)] = twin
            self.slots.remove(slot)

    def _check_names(self) -> None:
        """Two items under one name that neither side has together are in conflict."""
        seen: dict[tuple[str, bytes], Slot] = {}
        for slot in self.slots:
            names = {
                (v.group, v.name) for v in slot.versions[1:] if v is not None and v.name is not None
            }
            for name in names:
                other = seen.setdefault(name, slot)
                if other is not slot and not (self._gone(other) or self._gone(slot)):
                    raise Conflicted

    def _note_meeting(self) -> None:
        """Note where both sides changed children of one node: what they are, and how near."""
        by_ours, by_theirs = ([s for s in self.slots if _changed(s, w)] for w in (OURS, THEIRS))
        if not by_ours or not by_theirs:
            return
        groups = {slot.any.group for slot in (*by_ours, *by_theirs)}
        if len(groups) == 1 and "" not in groups:
            self.merger.notes.add(groups.pop())
            return
        base = self.sides[BASE]
        lines = b"\n" in base.text(0, len(base.items))
        self.merger.notes.add("block" if lines else "inline")

    def _check_deletions(self) -> None:
        """Two neighbours with an order, one removed by each side, are in conflict."""
        for a, b in pairwise(self.rows[BASE]):
            if a.any.group or b.any.group or not (self._gone(a) and self._gone(b)):
                continue
            by = [{which for which in (OURS, THEIRS) if s.versions[which] is None} for s in (a, b)]
            if by[0] != by[1] and len(by[0]) == len(by[1]) == 1:
                raise Conflicted

    def _gone(self, slot: Slot) -> bool:
        """Whether a side removed what the other left alone, or both did."""
        base, ours, theirs = slot.versions
        if base is None or (ours is not None and theirs is not None):
            return False
        left = ours or theirs
        if left is None or left.words == base.words:
            return True
        return slot.id in self.carried

    def _carry(self) -> None:
        """Find what a side removed here and has elsewhere, with the other's edit to carry there."""
        for slot in self.slots:
            base, ours, theirs = slot.versions
            left = ours or theirs
            if base is None or left is None or self._gone(slot) or (ours and theirs):
                continue
            if self.merger.carrying.carry(base, left, THEIRS if ours else OURS):
                self.carried.add(slot.id)

    def _order(self, kept: set[int]) -> list[Place]:
        host, guest = self._host()
        order: list[Place] = [slot for slot in self.rows[host] if slot.id in kept]
        hosted = {slot.id for slot in self.rows[host]}
        placing = Placing(self, order, host, guest)
        run: list[Slot] = []
        before: Slot | None = None
        for slot in [*self.rows[guest], None]:
            if slot is not None and slot.id not in hosted:
                run += [slot] if slot.id in kept else []
                continue
            if run:
                placing.insert(run, before, slot)
                run = []
            before = slot
        return order

    def _host(self) -> tuple[int, int]:
        """Whose order rules, and the other side."""
        common = set.intersection(*({slot.id for slot in row} for row in self.rows))
        b, o, t = ([slot.id for slot in row if slot.id in common] for row in self.rows)
        if t in (b, o):
            if o != b:
                self.merger.notes.add("moved")
            return OURS, THEIRS
        if o == b:
            self.merger.notes.add("moved")
            return THEIRS, OURS
        raise Conflicted

    def _written(self, order: Sequence[Place]) -> Parts:
        """The items one after the other, with head, gaps and tail."""
        return Writing(self).run(order)


def _changed(slot: Slot, which: int) -> bool:
    """Whether a side added, removed or edited an item."""
    base, item = slot.versions[BASE], slot.versions[which]
    if base is None or item is None:
        return base is not item
    return not base.same(item) and base.squeezed != item.squeezed

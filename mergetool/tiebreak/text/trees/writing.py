"""The text of merged items, and of what lies between them.

A gap is written as a side has it that has the two items side by side, both sides' changes of it by
the exact rule. Between items that no side has together it is the gap that the second one has on its
own side, or one of the list's. Separators and indentation are those of the list.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from tiebreak.merge import Merge
from tiebreak.text.trees.slots import OURS, THEIRS, Clash, Conflicted, Knot, Slot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.text.trees.items import Item, Items
    from tiebreak.text.trees.sequence import Sequencing
    from tiebreak.text.trees.slots import Parts, Place


class Writing:
    """Writes items in their order."""

    def __init__(self, owner: Sequencing) -> None:
        """`owner` has the three versions of the node."""
        self.owner = owner
        self.merger = owner.merger
        self.parts: Parts = []
        self.trail = b""
        self.sign = self._separator()
        self.indents = [_indent_of(side) for side in owner.sides]
        found = [indent for indent in self.indents if indent is not None]
        self.indent: bytes | None = None
        if len(found) == len(owner.sides):
            terms = Merge.three_way(*found).resolve_trivial()
            self.indent = terms.value if terms.is_resolved else None

    def _separator(self) -> bytes:
        """The sign between items, where all gaps between named ones have the same."""
        signs: dict[bytes, int] = {}
        for side in self.owner.sides:
            for a, b in pairwise(side.items):
                if a.node.is_named and b.node.is_named:
                    sign = b.gap.strip()
                    signs[sign] = signs.get(sign, 0) + 1
        if not signs:
            return b""
        best = max(signs, key=lambda sign: signs[sign])
        return best if signs[best] > sum(signs.values()) // 2 else b""

    def run(self, order: Sequence[Place]) -> Parts:
        """The node's text."""
        sides = self.owner.sides
        if not order:
            heads, tails = zip(*((side.head, side.tail) for side in sides), strict=True)
            return [*self.merger.text(*heads), *self.merger.text(*tails)]
        before: Place | None = None
        for place in order:
            self._gap(before, place)
            if isinstance(place, Knot):
                self._knot(place)
            else:
                self._slot(place)
            before = place
        self._tail(order[-1])
        return self.parts

    def _put(self, parts: Parts) -> None:
        self.parts += parts

    def _gap(self, before: Place | None, place: Place) -> None:
        if before is None:
            heads = [side.head for side in self.owner.sides]
            self._put(self.merger.text(heads[0], heads[1], heads[2]))
            return
        gap = self._between(_last(before), _first(place))
        sign = len(gap.rstrip()) if self.trail else 0
        self._put([gap[:sign] + self.trail + gap[sign:]])
        self.trail = b""

    def _between(self, before: Slot, slot: Slot) -> bytes:
        """The gap of an item, with the list's last separator as the exact rule has it."""
        gap = self._found(before, slot)
        if not self.sign or slot.any.node.is_named or not before.any.node.is_named:
            return gap
        signs = [
            item.gap.strip()
            for side, item in zip(self.owner.sides, slot.versions, strict=True)
            if item is not None and item.place and side.items[item.place - 1].node.is_named
        ]
        if len(signs) < len(self.owner.sides):
            return gap
        terms = Merge.three_way(*signs).resolve_trivial()
        return _with_sign(gap, terms.value) if terms.is_resolved else gap

    def _found(self, before: Slot, slot: Slot) -> bytes:
        """As a side that has the two side by side writes it, else as the item has it."""
        found: list[bytes | None] = []
        for which, row in enumerate(self.owner.rows):
            item, old = slot.versions[which], before.versions[which]
            there = item is not None and old is not None and old.place + 1 == item.place
            there = there and row[item.place - 1] is before if item is not None else False
            found.append(item.gap if there and item is not None else None)
        base, ours, theirs = found
        if ours is not None and theirs is not None:
            return _either(base, ours, theirs)
        one = ours if ours is not None else theirs
        if one is not None:
            return self._fitted(one, OURS if ours is not None else THEIRS)
        return self._guessed(before, slot)

    def _guessed(self, before: Slot, slot: Slot) -> bytes:
        """The gap where no side has the two side by side."""
        if not slot.any.node.is_named or not before.any.node.is_named:
            gaps = (
                self._gaps_before(slot) if not slot.any.node.is_named else self._gaps_after(before)
            )
            return _either(gaps[0], gaps[-2 % len(gaps)], gaps[-1])
        gap = self._own(slot.any, slot) or self._borrowed() or slot.any.gap
        return self._fitted(gap or self._gaps_after(slot)[0] or b" ", _side_of(slot))

    def _own(self, item: Item, slot: Slot) -> bytes:
        """The gap that an item has to a neighbour on its own side; nothing where it has none."""
        side = next(s for s, v in zip(self.owner.sides, slot.versions, strict=True) if v is item)
        if item.place and side.items[item.place - 1].node.is_named:
            return item.gap if item.gap.strip() == self.sign else b""
        following = side.items[item.place + 1 : item.place + 2]
        if following and following[0].node.is_named and following[0].gap.strip() == self.sign:
            return following[0].gap
        return item.gap if not self.sign else b""

    def _gaps_before(self, slot: Slot) -> list[bytes]:
        """The gaps before a sign, without those of empty lists if there are others."""
        found: list[tuple[bool, bytes]] = []
        for side, item in zip(self.owner.sides, slot.versions, strict=True):
            if item is not None:
                full = item.place > 0 and side.items[item.place - 1].node.is_named
                found.append((full, item.gap))
        return _full_ones(found)

    def _gaps_after(self, slot: Slot) -> list[bytes]:
        found: list[tuple[bool, bytes]] = []
        for side, item in zip(self.owner.sides, slot.versions, strict=True):
            if item is not None:
                following = side.items[item.place + 1 : item.place + 2]
                full = bool(following) and following[0].node.is_named
                found.append((full, following[0].gap if following else side.tail))
        return _full_ones(found)

    def _borrowed(self) -> bytes | None:
        """The gap that two items of the list have most often."""
        counts: dict[bytes, int] = {}
        for side in self.owner.sides:
            for a, b in pairwise(side.items):
                if a.node.is_named and b.node.is_named and b.gap.strip() == self.sign:
                    counts[b.gap] = counts.get(b.gap, 0) + 1
        return max(counts, key=lambda gap: counts[gap]) if counts else None

    def _slot(self, slot: Slot) -> None:
        base, ours, theirs = slot.versions
        if ours is not None and theirs is not None:
            if base is None and ours.words != theirs.words:
                self._put([Clash(b"", ours.text + ours.trail, theirs.text + theirs.trail)])
                return
            parts, self.trail = self.merger.item(base, ours, theirs, self.owner.depth)
            self._put(parts)
            return
        one = ours or theirs
        if one is None:
            raise Conflicted
        if base is None:
            self._put([self._fitted(one.text, _side_of(slot))])
            self.trail = one.trail
            return
        texts = [v.text + v.trail if v is not None else b"" for v in slot.versions]
        self._put([Clash(texts[0], texts[1], texts[2])])

    def _fitted(self, text: bytes, which: int) -> bytes:
        """What one side wrote, in the indentation that the other gave to all of the list."""
        own = self.indents[which]
        if self.indent is None or own is None or own == self.indent:
            return text
        first, *rest = text.split(b"\n")
        lines = [self.indent + line[len(own) :] if line.startswith(own) else line for line in rest]
        return b"\n".join([first, *lines])

    def _knot(self, knot: Knot) -> None:
        base, ours, theirs = (
            b"" if not slots else _stretch(self.owner.sides[which], slots, which)
            for which, slots in enumerate(knot)
        )
        self._put([Clash(base, ours, theirs)])

    def _tail(self, last: Place) -> None:
        slot = _last(last)
        tails: list[bytes | None] = []
        for side, item in zip(self.owner.sides, slot.versions, strict=True):
            is_last = item is not None and item.place == len(side.items) - 1
            tails.append(side.tail if is_last else None)
        base, ours, theirs = tails
        if ours is not None and theirs is not None:
            texts = self.merger.text(base if base is not None else ours, ours, theirs)
        else:
            one = ours if ours is not None else theirs
            texts = [one if one is not None else self.owner.sides[OURS].tail]
        text = texts[0]
        if self.trail and isinstance(text, bytes):
            sign = len(text.rstrip())
            self._put([text[:sign] + self.trail + text[sign:]])
        else:
            self._put([self.trail, *texts])


def _either(base: bytes | None, ours: bytes, theirs: bytes) -> bytes:
    """A gap by the exact rule; where only its blanks differ, ours."""
    terms = Merge.three_way(base, ours, theirs).resolve_trivial()
    if terms.is_resolved and terms.value is not None:
        return terms.value
    if ours.split() != theirs.split():
        raise Conflicted
    return ours


def _with_sign(gap: bytes, sign: bytes) -> bytes:
    """A gap with another separator."""
    there = gap.strip()
    if there == sign:
        return gap
    return sign + gap.replace(there, b"") if there else sign + gap


def _side_of(slot: Slot) -> int:
    return OURS if slot.versions[OURS] is not None else THEIRS


def _indent_of(side: Items) -> bytes | None:
    """The indentation of a side's items that have a line of their own; None where it varies."""
    found = {
        item.gap.rpartition(b"\n")[2]
        for item in side.items
        if b"\n" in item.gap and item.node.is_named
    }
    return found.pop() if len(found) == 1 else None


def _full_ones(gaps: Sequence[tuple[bool, bytes]]) -> list[bytes]:
    return [gap for full, gap in gaps if full] or [gap for _, gap in gaps]


def _stretch(side: Items, slots: Sequence[Slot], which: int) -> bytes:
    places = [v.place for slot in slots if (v := slot.versions[which]) is not None]
    return side.text(min(places), max(places) + 1) if places else b""


def _first(place: Place) -> Slot:
    return place if isinstance(place, Slot) else (place.ours or place.theirs)[0]


def _last(place: Place) -> Slot:
    return place if isinstance(place, Slot) else (place.theirs or place.ours)[-1]

"""The order of merged items, and the text between them.

One side's order rules: that of the side that reordered, else ours. What the other side added comes
behind the item that it follows there. Where both sides added at one place, the additions are put
one behind the other if none of them has an order (`groups`); in a sorted list, where they belong.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from tiebreak.merge import Merge
from tiebreak.record import NamedTuple
from tiebreak.text.trees.matching import match

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tiebreak.text.trees.items import Item, Items
    from tiebreak.text.trees.merging import Merger

BASE, OURS, THEIRS = 0, 1, 2
SURE: Final = 3  # items in order that show that a list is kept sorted


class Clash(NamedTuple):
    """A stretch that stays in conflict."""

    base: bytes
    ours: bytes
    theirs: bytes


class Conflicted(Exception):  # noqa: N818  (a value that ends a computation)
    """These items cannot be put in one order: their parent is in conflict as a whole."""


class Slot:
    """One item through the three versions."""

    __slots__ = ("id", "versions")

    def __init__(self, number: int) -> None:
        self.id = number
        self.versions: list[Item | None] = [None, None, None]

    @property
    def base(self) -> Item | None:
        return self.versions[BASE]

    @property
    def any(self) -> Item:
        """A version of it: ours, else theirs, else base's."""
        return next(v for v in (self.versions[i] for i in (OURS, THEIRS, BASE)) if v is not None)

    @property
    def added(self) -> bool:
        return self.versions[BASE] is None


class Knot(NamedTuple):
    """Additions of both sides at one place, in conflict: they take the place of one item."""

    base: list[Slot]
    ours: list[Slot]
    theirs: list[Slot]


Place = Slot | Knot
Parts = list["bytes | Clash"]


class Sequencing:
    """Merges the items of one node."""

    def __init__(self, merger: Merger, sides: tuple[Items, Items, Items], depth: int) -> None:
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
            partners = match(base, items)
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
        partners = match([s.any for s in mine], [s.any for s in other])
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


class Placing:
    """Puts the guest's additions among the host's items."""

    def __init__(self, owner: Sequencing, order: list[Place], host: int, guest: int) -> None:
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
            self._among(rivals, run, at, stop)
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

    def _among(self, rivals: Sequence[Slot], run: Sequence[Slot], at: int, stop: int) -> None:
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


def _changed(slot: Slot, which: int) -> bool:
    """Whether a side added, removed or edited an item."""
    base, item = slot.versions[BASE], slot.versions[which]
    if base is None or item is None:
        return base is not item
    return not base.same(item) and base.words != item.words


def _of(place: Place) -> Item:
    return place.any if isinstance(place, Slot) else place.ours[0].any


def _core(item: Item) -> bytes:
    return item.source[item.core : item.end]


def _lower(item: Item) -> object:
    return _core(item).lower()


def _name(item: Item) -> object:
    return item.name or b""


KEYS: Final = (_core, _lower, _name)


class Writing:
    """Writes items in their order."""

    def __init__(self, owner: Sequencing) -> None:
        self.owner = owner
        self.merger = owner.merger
        self.parts: Parts = []
        self.trail = b""
        self.sign = self._separator()
        self.indents = [_indent_of(side) for side in owner.sides]
        found = [indent for indent in self.indents if indent is not None]
        terms = Merge.three_way(*found).resolve_trivial() if len(found) == len(owner.sides) else None
        self.indent = terms.value if terms is not None and terms.is_resolved else None

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
        signs = []
        for side, item in zip(self.owner.sides, slot.versions, strict=True):
            if item is not None and item.place and side.items[item.place - 1].node.is_named:
                signs.append(item.gap.strip())
        if len(signs) == len(self.owner.sides):
            terms = Merge.three_way(*signs).resolve_trivial()
            if terms.is_resolved and gap.strip() != terms.value:
                return terms.value + gap.replace(gap.strip(), b"") if gap.strip() else terms.value + gap
        return gap

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
            gaps = self._gaps_before(slot) if not slot.any.node.is_named else self._gaps_after(before)
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


def _side_of(slot: Slot) -> int:
    return OURS if slot.versions[OURS] is not None else THEIRS


def _indent_of(side: Items) -> bytes | None:
    """The indentation of a side's items that have a line of their own; None where it varies."""
    found = {
        item.gap.rpartition(b"\n")[2] for item in side.items if b"\n" in item.gap and item.node.is_named
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


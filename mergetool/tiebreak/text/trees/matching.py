"""Which items of one side are which items of another.

Equal content first, in order (a longest common subsequence); then equal names, wherever they are;
then the only child in a field (a function's body); then, between two matched neighbours, children
of one kind that share most of their words; last, equal content that was moved.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from tiebreak.text.diff import diff

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tiebreak.text.trees.items import Item

ALIKE: Final = 0.5  # of the words of both together, for two items to be versions of one
LEAST: Final = 0.2  # of the size of the larger; what is smaller can hardly be alike
MOST_WORDS: Final = 300_000  # bytes to compare between two neighbours, in all pairs; else nothing
RENAMED: Final = frozenset({"", "members"})  # groups whose items have a name that may change
MOST_BYTES: Final = 3_000_000  # the same in a whole merge
MOVED: Final = 2  # blanks between words of what is found again at another place

Match = list[int | None]  # for each item of the side, its partner's place in base


class Effort:
    """How many bytes may still be compared for being alike, in one merge."""

    __slots__ = ("left",)

    def __init__(self, left: int = MOST_BYTES) -> None:
        """So many."""
        self.left = left

    def spend(self, cost: int) -> bool:
        """Whether there is enough left for a comparison, which is then paid for."""
        enough = cost <= min(self.left, MOST_WORDS)
        self.left -= cost if enough else 0
        return enough


def match(base: Sequence[Item], side: Sequence[Item], effort: Effort) -> Match:
    """The base item of each of the side's items, None for what the side added."""
    matching = _Matching(base, side, effort)
    matching.equal()
    matching.named()
    matching.only_in_field()
    matching.alike()
    matching.moved()
    return matching.partner


class _Matching:
    __slots__ = ("base", "effort", "names", "partner", "side", "taken")

    def __init__(self, base: Sequence[Item], side: Sequence[Item], effort: Effort) -> None:
        self.effort = effort
        self.base = base
        self.side = side
        self.partner: Match = [None] * len(side)
        self.taken = [False] * len(base)
        self.names = tuple({item.name for item in items} for items in (base, side))

    def _pair(self, b: int, s: int) -> None:
        self.partner[s], self.taken[b] = b, True

    def equal(self) -> None:
        """Items with the same text but for blanks, in order."""
        base, side = self.base, self.side
        first, most = 0, min(len(base), len(side))
        while first < most and base[first].same(side[first]):
            self._pair(first, first)
            first += 1
        last = 0
        while last < most - first and base[-1 - last].same(side[-1 - last]):
            self._pair(len(base) - 1 - last, len(side) - 1 - last)
            last += 1
        olds = [(i.kind, i.squeezed) for i in base[first : len(base) - last]]
        news = [(i.kind, i.squeezed) for i in side[first : len(side) - last]]
        if not olds or not news:
            return
        b = s = 0
        for change in [*diff(olds, news), None]:
            stop = change.a_start if change else len(olds)
            while b < stop:
                self._pair(first + b, first + s)
                b, s = b + 1, s + 1
            if change:
                b, s = change.a_end, change.b_end

    def _open(self) -> tuple[list[int], list[int]]:
        olds = [i for i, taken in enumerate(self.taken) if not taken]
        return olds, [i for i, partner in enumerate(self.partner) if partner is None]

    def named(self) -> None:
        """Items of one name; names are unique among siblings."""
        olds, news = self._open()
        names = {(self.base[i].group, self.base[i].name): i for i in olds if self.base[i].name}
        for s in news:
            item = self.side[s]
            b = names.get((item.group, item.name)) if item.name else None
            if b is not None and not self.taken[b]:
                self._pair(b, s)

    def only_in_field(self) -> None:
        """The one child in a field, whatever has become of it."""
        olds, news = self._open()
        before = Counter(item.field for item in self.base)
        after = Counter(item.field for item in self.side)
        fields = {self.base[i].field: i for i in olds}
        for s in news:
            field = self.side[s].field
            if field and before[field] == after[field] == 1 and field in fields:
                self._pair(fields[field], s)

    def alike(self) -> None:
        """Between matched neighbours, in order, what shares most words."""
        for olds, news in list(self._gaps()):
            chosen: list[tuple[int, int]] = []
            if self.effort.spend(self._cost(olds, news)):
                pairs = sorted(
                    (-share, b, s)
                    for b in olds
                    for s in news
                    if (share := self._share(b, s)) >= ALIKE
                )
                for _, b, s in pairs:
                    if all((b < x) == (s < y) and b != x and s != y for x, y in chosen):
                        chosen.append((b, s))
            if not chosen and len(olds) == len(news) == 1 and self._lone(olds[0], news[0]):
                chosen = [(olds[0], news[0])]
            for b, s in chosen:
                self._pair(b, s)

    def _cost(self, olds: Sequence[int], news: Sequence[int]) -> int:
        """About how many bytes have to be looked at to compare all with all."""
        sizes = (sum(i.end - i.start for i in items) for items in self._both(olds, news))
        before, after = sizes
        return len(news) * before + len(olds) * after

    def _both(self, olds: Sequence[int], news: Sequence[int]) -> tuple[list[Item], list[Item]]:
        return [self.base[i] for i in olds], [self.side[i] for i in news]

    def _lone(self, b: int, s: int) -> bool:
        """Whether one item may have taken the place of another, however unlike: of its kind."""
        old, new = self.base[b], self.side[s]
        return old.kind == new.kind and (old.name == new.name or not (old.name and new.name))

    def _share(self, b: int, s: int) -> float:
        """How much of their words two items share; none where they cannot be one."""
        old, new = self.base[b], self.side[s]
        if (
            old.kind != new.kind
            or not old.node.is_named
            or not (self._lone(b, s) or self._renamed(old, new))
        ):
            return 0.0
        small, large = sorted((old.end - old.start, new.end - new.start))
        if small < large * LEAST:
            return 0.0
        x, y = old.bag, new.bag
        return 2 * sum((x & y).values()) / (sum(x.values()) + sum(y.values()))

    def _renamed(self, old: Item, new: Item) -> bool:
        """Whether one name can have become the other: members of code, not keys or imports."""
        if old.group not in RENAMED or new.group not in RENAMED:
            return False
        return old.name not in self.names[1] and new.name not in self.names[0]

    def _gaps(self) -> Iterator[tuple[list[int], list[int]]]:
        """The unmatched items between two neighbours that are matched to neighbours."""
        b = 0
        news: list[int] = []
        for s, partner in enumerate([*self.partner, len(self.base)]):
            if partner is None:
                news.append(s)
                continue
            if partner >= b:
                olds = [i for i in range(b, partner) if not self.taken[i]]
                if olds and news:
                    yield olds, news
                b = partner + 1
            news = []

    def moved(self) -> None:
        """What is there once on both sides, word for word, at another place."""
        olds, news = self._open()
        if not olds or not news:
            return
        there = Counter(self.base[i].words for i in olds)
        here = Counter(self.side[i].words for i in news)
        places = {self.base[i].words: i for i in olds}
        for s in news:
            text = self.side[s].words
            if there[text] == here[text] == 1 and text.count(b" ") >= MOVED:
                self._pair(places[text], s)

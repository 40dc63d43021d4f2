"""Three-way merge of chunks by key: which stay, what becomes of them, and in which order.

A chunk that one side added, removed or changed alone is taken so. Order is that of the side
which reordered, else ours; what the other side added goes behind the chunk it followed there, or
where the sort order of the list wants it. Sorted stays sorted.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from tiebreak.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tiebreak.merge import Merge
    from tiebreak.text.structure import Chunk

    Lists = Merge[Sequence[Chunk]]
    Resolve = Callable[[Chunk | None, Chunk, Chunk], Chunk | None]
    SortKey = Callable[[Chunk], object]


SURE: Final = 6  # chunks in order that show that a list is kept sorted


class Merged(NamedTuple):
    """The chunks in order, and what was done to get there, for strata."""

    chunks: Sequence[Chunk]
    added_by_both: bool
    removed: bool  # a side removed something
    resolved: bool  # both sides changed one chunk
    sorted: bool  # the list is kept sorted, and so are the additions
    adjacent: bool  # additions of both sides follow one another, in an order nothing asks for


class Order(NamedTuple):
    """What a list may be sorted by, and its chunks before and after the piece, which show it."""

    keys: Sequence[SortKey] = ()
    before: Sequence[Chunk] = ()
    after: Sequence[Chunk] = ()


UNSORTED: Final = Order()


def never(base: Chunk | None, ours: Chunk, theirs: Chunk) -> None:
    """The resolver of lists whose chunks cannot be merged any further."""
    del base, ours, theirs


def merge(terms: Lists, resolve: Resolve = never, order: Order = UNSORTED) -> Merged | None:
    """Merge lists of chunks; None when a key comes twice or a chunk is truly in conflict.

    `resolve` is asked for a chunk that both sides changed.
    """
    base, ours, theirs = ({c.key: c for c in side} for side in _sides(terms))
    if [len(base), len(ours), len(theirs)] != [len(side) for side in _sides(terms)]:
        return None
    kept: dict[bytes, Chunk] = {}
    resolved = False
    for key in {**ours, **theirs}:
        b, o, t = base.get(key), ours.get(key), theirs.get(key)
        if _is_gone(b, o, t):
            continue
        chunk = _three_way(b, o, t)
        if chunk is None and o and t:
            chunk, resolved = resolve(b, o, t), True
        if chunk is None:
            return None
        kept[key] = chunk
    host = _host(terms)
    if host is None:
        return None
    sort_key = _sort_key(terms, order)
    placed = _Placing(kept, host, sort_key)
    added = ours.keys() - base.keys(), theirs.keys() - base.keys()
    return Merged(
        placed.run(),
        added_by_both=bool(added[0] - added[1]) and bool(added[1] - added[0]),
        removed=bool(base.keys() - kept.keys()),
        resolved=resolved,
        sorted=sort_key is not None and _evidence(terms, order) >= SURE,
        adjacent=placed.adjacent,
    )


def _sides(terms: Lists) -> tuple[Sequence[Chunk], Sequence[Chunk], Sequence[Chunk]]:
    return terms.base, terms.ours, terms.theirs


def _is_gone(base: Chunk | None, ours: Chunk | None, theirs: Chunk | None) -> bool:
    """Whether one side removed what the other left as it was."""
    if base is None:
        return False
    left = ours or theirs
    return (ours is None or theirs is None) and (left is None or left.value == base.value)


def _three_way(base: Chunk | None, ours: Chunk | None, theirs: Chunk | None) -> Chunk | None:
    """The exact rule by value; None is a conflict."""
    if ours is None or theirs is None:
        return None if base is not None else (ours or theirs)
    if ours.value == theirs.value:
        return theirs if base and ours.body == base.body else ours
    if base is not None and base.value in {ours.value, theirs.value}:
        return theirs if ours.value == base.value else ours
    return None


class _Host(NamedTuple):
    """Whose order rules, whose additions are put into it, and whose come first in a tie."""

    host: Sequence[Chunk]
    guest: Sequence[Chunk]
    guest_first: bool


def _host(terms: Lists) -> _Host | None:
    """The side that reordered, else ours; nobody when both did, differently."""
    keys = [{c.key for c in side} for side in _sides(terms)]
    common = keys[0] & keys[1] & keys[2]
    b, o, t = ([c.key for c in side if c.key in common] for side in _sides(terms))
    if t in (b, o):
        return _Host(terms.ours, terms.theirs, guest_first=False)
    return _Host(terms.theirs, terms.ours, guest_first=True) if o == b else None


def _sort_key(terms: Lists, order: Order) -> SortKey | None:
    """The first key by which all three versions are sorted; None when nothing shows an order."""
    lists = [[*order.before, *side, *order.after] for side in _sides(terms)]
    enough = sum(len(chunks) - 1 for chunks in lists if chunks) > 1  # one pair may be so by chance
    return next((k for k in order.keys if enough and all(_sorted(c, k) for c in lists)), None)


def _evidence(terms: Lists, order: Order) -> int:
    """How many chunks there are to show an order: by chance few are sorted."""
    return len(order.before) + max(map(len, _sides(terms))) + len(order.after)


def _sorted(chunks: Sequence[Chunk], key: SortKey) -> bool:
    """Whether each group (empty lines divide groups) is in order."""
    return all(b.blank or key(a) <= key(b) for a, b in pairwise(chunks))  # type: ignore[operator]


class _Placing:
    """Puts the guest's additions among the host's chunks."""

    __slots__ = ("adjacent", "guest", "guest_first", "kept", "order", "sort_key")

    def __init__(self, kept: dict[bytes, Chunk], host: _Host, sort_key: SortKey | None) -> None:
        self.kept = kept
        self.guest = host.guest
        self.guest_first = host.guest_first
        self.sort_key = sort_key
        self.adjacent = False
        self.order = [kept[c.key]._replace(blank=c.blank) for c in host.host if c.key in kept]

    def run(self) -> list[Chunk]:
        """The merged order."""
        there = {chunk.key for chunk in self.order}
        guest_keys = {chunk.key for chunk in self.guest}
        before: bytes | None = None  # the chunk that the guest's next one follows
        for index, chunk in enumerate(self.guest):
            if chunk.key in self.kept and chunk.key not in there:
                after = next((c.key for c in self.guest[index + 1 :] if c.key in there), None)
                self._insert(self.kept[chunk.key], before, after, guest_keys)
                there.add(chunk.key)
            if chunk.key in there:
                before = chunk.key
        return self.order

    def _insert(
        self, chunk: Chunk, before: bytes | None, after: bytes | None, guest_keys: set[bytes]
    ) -> None:
        keys = [c.key for c in self.order]
        at = keys.index(before) + 1 if before is not None else 0
        if before is None and after is not None and not self.guest_first:
            at = keys.index(after)
        elif not self.guest_first:
            while at < len(keys) and keys[at] not in guest_keys:  # the host's own additions
                at += 1
        if self.sort_key is not None and self.order and not chunk.blank:
            self._insert_sorted(chunk, at)
            return
        near = self.order[max(at - 1, 0) : at + 1]
        self.adjacent = self.adjacent or any(c.key not in guest_keys for c in near)
        self._put(at, chunk, opens=at == 0)

    def _insert_sorted(self, chunk: Chunk, at: int) -> None:
        """Within the group around `at`, behind every chunk that sorts before."""
        assert self.sort_key is not None  # noqa: S101
        first = min(at, len(self.order) - 1)
        while first > 0 and not self.order[first].blank:
            first -= 1
        end = first + 1
        while end < len(self.order) and not self.order[end].blank:
            end += 1
        start, wanted = first, self.sort_key(chunk)
        while first < end and self.sort_key(self.order[first]) <= wanted:  # type: ignore[operator]
            first += 1
        self._put(first, chunk, opens=first == start)

    def _put(self, at: int, chunk: Chunk, *, opens: bool) -> None:
        """Insert; what comes first in a group takes over the empty lines before the group."""
        if opens and at < len(self.order) and not chunk.blank:
            chunk = chunk._replace(blank=self.order[at].blank)
            self.order[at] = self.order[at]._replace(blank=b"")
        self.order.insert(at, chunk)

"""Three-way merge of chunks by key: which stay, what becomes of them, and in which order.

A chunk that one side added, removed or changed alone is taken so. Order is that of the side which
reordered, else ours; what the other side added goes behind the chunk it followed there, or where the
sort order of the list wants it. Sorted stays sorted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tiebreak.text.structure import Chunk

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


class Context(NamedTuple):
    """The chunks of the list that lie before and after the piece, which tell whether it is sorted."""

    before: Sequence[Chunk] = ()
    after: Sequence[Chunk] = ()


def never(base: Chunk | None, ours: Chunk, theirs: Chunk) -> None:
    """The resolver of lists whose chunks cannot be merged any further."""
    del base, ours, theirs


def merge(
    base: Sequence[Chunk],
    ours: Sequence[Chunk],
    theirs: Sequence[Chunk],
    resolve: Resolve = never,
    sort_keys: Sequence[SortKey] = (),
    context: Context = Context(),  # noqa: B008  (immutable)
) -> Merged | None:
    """Merge three lists of chunks; None when a key comes twice or a chunk is truly in conflict."""
    sides = [{chunk.key: chunk for chunk in side} for side in (base, ours, theirs)]
    if any(len(side) != len(chunks) for side, chunks in zip(sides, (base, ours, theirs), strict=True)):
        return None
    kept: dict[bytes, Chunk] = {}
    resolved = False
    for key in {**sides[1], **sides[2]}:
        terms = [side.get(key) for side in sides]
        if _is_gone(*terms):
            continue
        chunk = _three_way(*terms)
        if chunk is None and terms[1] and terms[2]:
            chunk, resolved = resolve(terms[0], terms[1], terms[2]), True
        if chunk is None:
            return None
        kept[key] = chunk
    host, guest, ours_first = _host(base, ours, theirs)
    if host is None or guest is None:
        return None
    placed = _Placing(kept, host, guest, _sort_key(sort_keys, base, ours, theirs, context), ours_first)
    added = [side.keys() - sides[0].keys() for side in sides[1:]]
    return Merged(
        placed.run(),
        bool(added[0] - added[1]) and bool(added[1] - added[0]),
        bool(sides[0].keys() - kept.keys()),
        resolved,
        placed.sort_key is not None and _evidence(base, ours, theirs, context) >= SURE,
        placed.adjacent,
    )


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


Host = tuple["Sequence[Chunk] | None", "Sequence[Chunk] | None", bool]


def _host(base: Sequence[Chunk], ours: Sequence[Chunk], theirs: Sequence[Chunk]) -> Host:
    """Whose order rules: the side that reordered, else ours; nobody's when both did, differently."""
    common = {c.key for c in base} & {c.key for c in ours} & {c.key for c in theirs}
    b, o, t = ([c.key for c in side if c.key in common] for side in (base, ours, theirs))
    if t in (b, o):
        return ours, theirs, True
    return (theirs, ours, False) if o == b else (None, None, False)


def _sort_key(
    sort_keys: Sequence[SortKey],
    base: Sequence[Chunk],
    ours: Sequence[Chunk],
    theirs: Sequence[Chunk],
    context: Context,
) -> SortKey | None:
    """The first key by which all three versions are sorted; None when nothing shows an order."""
    lists = [[*context.before, *side, *context.after] for side in (base, ours, theirs)]
    enough = sum(len(chunks) - 1 for chunks in lists if chunks) > 1  # one pair may be so by chance
    return next((k for k in sort_keys if enough and all(_sorted(c, k) for c in lists)), None)


def _evidence(base: Sequence[Chunk], ours: Sequence[Chunk], theirs: Sequence[Chunk], context: Context) -> int:
    """How many chunks there are to show an order: by chance few are sorted."""
    sides = (len(base), len(ours), len(theirs))
    return len(context.before) + max(sides) + len(context.after)


def _sorted(chunks: Sequence[Chunk], key: SortKey) -> bool:
    """Whether each group (empty lines divide groups) is in order."""
    pairs = zip(chunks, chunks[1:], strict=False)
    return all(b.blank or key(a) <= key(b) for a, b in pairs)  # type: ignore[operator]


class _Placing:
    """Puts the guest's additions among the host's chunks."""

    __slots__ = ("adjacent", "guest", "guest_first", "kept", "order", "sort_key")

    def __init__(
        self,
        kept: dict[bytes, Chunk],
        host: Sequence[Chunk],
        guest: Sequence[Chunk],
        sort_key: SortKey | None,
        ours_first: bool,  # noqa: FBT001
    ) -> None:
        self.kept = kept
        self.guest = guest
        self.sort_key = sort_key
        self.guest_first = not ours_first
        self.adjacent = False
        self.order = [kept[c.key]._replace(blank=c.blank) for c in host if c.key in kept]

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

"""Entries found by name: both sides changed different keys of one mapping, or added members.

In data (JSON, YAML, TOML) the order of keys carries no meaning, so different keys are different
edits. The same key changed on both sides is a conflict, unless its value is a mapping in which the
sides changed different keys again. Members of code are put one side after the other.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tiebreak.conflict import Candidate
from tiebreak.merge import Merge
from tiebreak.record import NamedTuple
from tiebreak.text.document import SIDES
from tiebreak.text.ordering import Order, merge
from tiebreak.text.structure import (
    Chunk,
    Grammar,
    Piece,
    chunks,
    end_of,
    follow,
    piece_of,
    put_together,
    remarks,
    separated,
    surroundings,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tree_sitter import Node

    from tiebreak.text.document import Hunk
    from tiebreak.text.language import Keyed, Language
    from tiebreak.text.ordering import Merged
    from tiebreak.text.structure import Chunked

NAME: Final = "keyed"
VALUE: Final = re.compile(rb"[\w.*+/@~^<>=-]*[\w*][\w.*+/@~^<>=-]*")
VERSION: Final = re.compile(rb"\d\.\d")
DEEPEST: Final = 20  # mappings within mappings


class Cut(NamedTuple):
    """The three sides of a piece as entries under one rule."""

    rule: Keyed
    sides: Sequence[Chunked]


def generate(hunk: Hunk) -> Iterator[Candidate[bytes]]:
    """The entries of both sides, key by key."""
    language = hunk.document.language
    if language is None or not language.keyed:
        return
    pieces = [piece for side in SIDES if (piece := piece_of(hunk, side))]
    if len(pieces) < len(SIDES):
        return
    for rule in language.keyed:
        if rule.ordered:
            continue
        found = _Mapping(language, rule, pieces)
        merged = found.merged()
        if merged is None:
            continue
        value = found.text(merged)
        if value is not None:
            stratum, provable = _stratum(rule, found.sides, merged)
            why = (
                "the sides changed different entries" if not rule.members else "both sides' members"
            )
            yield Candidate(value, NAME, why, f"{NAME}/{stratum}", provable=provable)
            return


def _stratum(rule: Keyed, sides: Sequence[Chunked], merged: Merged) -> tuple[str, bool]:
    """Which population the candidate belongs to, and whether it is proven."""
    order = "/order" if merged.adjacent and not merged.sorted else ""
    if rule.members:
        kind = "removed" if merged.removed else "added" if merged.added_by_both else "changed"
        return f"members/{kind}{order}", False
    if _echoes(sides[0], sides[1], sides[2]) or _echoes(sides[0], sides[2], sides[1]):
        return "echo", False
    if all(any(VERSION.search(b) for b in _new(sides[0], side)) for side in sides[1:]):
        return "versions", False
    if _is_doubtful(rule, sides):
        return "doubtful", False
    return f"entries{order}", not order


def _is_doubtful(rule: Keyed, sides: Sequence[Chunked]) -> bool:
    """Whether different keys may still be one edit, or depend on each other."""
    base, ours, theirs = ({chunk.key for chunk in side.chunks} for side in sides)
    by_ours, by_theirs = _touched(sides[0], sides[1]), _touched(sides[0], sides[2])
    if base - ours - theirs and (ours | theirs) - base:
        return True  # what both took away, one may have renamed, or both differently
    if any(_nested(one, other) for one in by_ours for other in by_theirs):
        return True
    kinds = set(rule.references)
    return bool(kinds) and any(_has(c.node, kinds) for s in sides for c in s.chunks if c.node)


def _touched(base: Chunked, side: Chunked) -> set[bytes]:
    """The keys that a side added, changed or took away."""
    before, after = ({(c.key, c.value) for c in chunked.chunks} for chunked in (base, side))
    return {key for key, _ in before ^ after}


def _nested(one: bytes, other: bytes) -> bool:
    """Whether one dotted key is inside the other: TOML's ``a`` and ``a.b``."""
    return one.startswith(other + b".") or other.startswith(one + b".")


def _has(node: Node, kinds: set[str]) -> bool:
    pending = [node]
    while pending:
        here = pending.pop()
        if here.type in kinds:
            return True
        pending += here.named_children
    return False


def _echoes(base: Chunked, side: Chunked, other: Chunked) -> bool:
    """Whether `other` changed or added entries with a value that `side` replaced elsewhere.

    A version that one side raises everywhere is meant for the other side's new entries too.
    """
    before, after = ({x for c in s.chunks for x in VALUE.findall(c.body)} for s in (base, side))
    new = {x for body in _new(base, other) for x in VALUE.findall(body)}
    return bool((before - after) & new)


def _new(base: Chunked, side: Chunked) -> list[bytes]:
    """What a side added or changed."""
    known = {chunk.key: chunk.value for chunk in base.chunks}
    return [chunk.body for chunk in side.chunks if known.get(chunk.key) != chunk.value]


class _Mapping:
    """A piece of a mapping under one rule; values that are mappings are merged the same way."""

    def __init__(
        self, language: Language, rule: Keyed, pieces: Sequence[Piece], depth: int = 0
    ) -> None:
        self.language = language
        self.rule = rule
        self.pieces = pieces
        self.depth = depth
        self.sides: list[Chunked] = []

    def merged(self) -> Merged | None:
        """The entries in order, or None."""
        separator = self.rule.separator.encode()
        grammar = Grammar(self.rule.entries, self.language.comments, separator)
        found = [chunks(piece, grammar, self.key) for piece in self.pieces]
        self.sides = [side for side in found if side is not None]
        if len(self.sides) < len(SIDES) or not self._same_parent():
            return None
        if any(remarks(side) != remarks(self.sides[0]) for side in self.sides):
            return None
        terms = Merge.three_way(*(side.chunks for side in self.sides))
        around = surroundings(self.sides, self.pieces, self.rule.entries)
        return merge(terms, self.resolve, Order(SORT_KEYS, *around))

    def _same_parent(self) -> bool:
        pairs = zip(self.sides, self.pieces, strict=True)
        places = {self._place(s.parent, p) for s, p in pairs if s.parent}
        kinds = {side.parent.type for side in self.sides if side.parent}
        within = {s.parent.parent.type for s in self.sides if s.parent and s.parent.parent}
        fits = not self.rule.within or within <= set(self.rule.within)
        return len(places) == 1 and kinds <= set(self.rule.parents) and fits

    def _place(self, parent: Node, piece: Piece) -> tuple[object, ...]:
        """Which mapping of the file it is: the keys that lead there, and the kinds of the nodes."""
        place: list[object] = [parent.start_byte < piece.start]
        here: Node | None = parent
        while here is not None:
            place += [here.type, self._label(here, piece.source)]
            here = here.parent
        return tuple(place)

    def _label(self, node: Node, source: bytes) -> tuple[bytes, ...]:
        """What a node is called: an entry by its key, ``[[table]]`` by its first child."""
        rules = self.language.keyed
        entry = next((rule for rule in rules if node.type in rule.entries), None)
        first = node.named_child(0)
        if entry is not None:
            found = follow(node, entry.key)
        elif first is None or any(first.type in rule.entries for rule in rules):
            found = []
        else:
            found = [first] if any(node.type in rule.parents for rule in rules) else []
        return tuple(source[n.start_byte : n.end_byte] for n in found)

    def key(self, node: Node, source: bytes) -> bytes | None:
        """An entry's name."""
        found = follow(node, self.rule.key)
        if not found:
            return None
        return b" ".join(source[n.start_byte : n.end_byte].strip(b"\"' \t\r\n") for n in found)

    def resolve(self, base: Chunk | None, ours: Chunk, theirs: Chunk) -> Chunk | None:
        """Both sides changed one entry: merge its value, a mapping on lines of its own."""
        same_comment = base is not None and base.comment == ours.comment == theirs.comment
        if base is None or not same_comment or self.rule.members or self.depth > DEEPEST:
            return None
        terms = (base, ours, theirs)
        parts = [_inside(c, p, self.language) for c, p in zip(terms, self.pieces, strict=True)]
        inner = [part for part in parts if part is not None]
        if len(inner) < len(parts) or len({i.shell for i in inner}) > 1:
            return None
        pieces = [i.piece for i in inner]
        for rule in self.language.keyed:
            mapping = _Mapping(self.language, rule, pieces, self.depth + 1)
            merged = mapping.merged()
            value = mapping.text(merged) if merged else None
            if value is not None:
                body = inner[1].before + value + inner[1].after
                return ours._replace(body=body, end=ours.end + len(body) - len(ours.body))
        return None

    def text(self, merged: Merged) -> bytes | None:
        """The entries as text, with the separators that the place wants."""
        found = merged.chunks
        if not found:
            return None  # an empty mapping is written otherwise: ``a: {}``, no comma before it
        if self.rule.separator:
            last = self._last_separated()
            if last is None:
                return None
            found = separated(found, self.rule.separator.encode(), last=last)
        return put_together(found, self.sides[1].tail or self.sides[2].tail)

    def _last_separated(self) -> bool | None:
        """Whether the last entry has a separator behind it; None when the sides disagree."""
        seen = {side.chunks[-1].separated for side in self.sides if side.chunks}
        if len(seen) == 1:
            return seen.pop()
        return True if self.rule.trailing else None


class Inside(NamedTuple):
    """The lines of a mapping between its first and its last: `shell` is what is around them."""

    before: bytes
    piece: Piece
    after: bytes

    @property
    def shell(self) -> tuple[bytes, bytes]:
        """The lines around, but for blanks at their ends."""
        return self.before.rstrip(), self.after.rstrip()


def _inside(chunk: Chunk, piece: Piece, language: Language) -> Inside | None:
    """Where an entry's value is a mapping, the whole lines within it."""
    if chunk.node is None:
        return None
    parents = {kind for rule in language.keyed for kind in rule.parents}
    node = _first(chunk.node, parents)
    if node is None:
        return None
    entries = {kind for rule in language.keyed for kind in rule.entries}
    items = [child for child in node.children if child.type in entries]
    if not items:
        return None
    source = piece.source
    line = source.rfind(b"\n", 0, chunk.node.start_byte) + 1
    start = source.rfind(b"\n", 0, items[0].start_byte) + 1
    end = source.find(b"\n", end_of(items[-1], source)) + 1
    if start <= line or end == 0:
        return None
    before, after = source[line:start], chunk.body[end - line :]
    return Inside(before, Piece(source, piece.tree, start, end), after)


def _first(node: Node, kinds: set[str]) -> Node | None:
    pending = list(node.named_children)
    while pending:
        found = pending.pop(0)
        if found.type in kinds:
            return found
        pending += found.named_children
    return None


def _by_key(chunk: Chunk) -> object:
    return chunk.body.strip()


def _by_letters(chunk: Chunk) -> object:
    return chunk.body.strip().lower()


SORT_KEYS: Final = (_by_key, _by_letters)

"""Lists inside one statement, ``from x import a, b``: merged as sets, written back into its text."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tiebreak.text.ordering import merge
from tiebreak.text.structure import Chunk, end_of, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tree_sitter import Node

    from tiebreak.text.language import Commutative


class Listing(NamedTuple):
    """A statement's text cut at the items of its list: ``before item gap item gap item after``."""

    before: bytes
    items: Sequence[bytes]
    gaps: Sequence[bytes]
    after: bytes

    @property
    def head(self) -> bytes:
        """The statement without its items: what it has in common with another of the same list."""
        return words(self.before.rstrip(b" \t\r\n({")) + b" " + words(self.after.lstrip(b" \t\r\n,)}"))

    @property
    def broken(self) -> bool:
        """Whether the list is spread over lines."""
        return any(b"\n" in gap for gap in (self.before, *self.gaps))


def find_list(statement: Node, rules: Sequence[Commutative]) -> tuple[Node, Commutative] | None:
    """The first list in a statement that has a rule, outermost first."""
    by_kind = {rule.parent: rule for rule in rules if rule.when is None}
    pending = [statement]
    while pending:
        node = pending.pop(0)
        if node.type in by_kind:
            return node, by_kind[node.type]
        pending += node.named_children
    return None


def items_of(node: Node, rule: Commutative) -> Iterator[Node]:
    """The items of a list node."""
    for index, child in enumerate(node.children):
        if child.type in rule.items and rule.field in ("", node.field_name_for_child(index)):
            yield child


def listing(chunk: Chunk, source: bytes, rules: Sequence[Commutative]) -> Listing | None:
    """A statement's list; None when it has none, or more than items and separators in it."""
    assert chunk.node is not None  # noqa: S101
    found = find_list(chunk.node, rules)
    if found is None:
        return None
    items = list(items_of(*found))
    if not items or not _plain(items, source, found[1].separator.encode()):
        return None
    first = source.rfind(b"\n", 0, chunk.node.start_byte) + 1
    return Listing(
        source[first : items[0].start_byte],
        [source[item.start_byte : item.end_byte] for item in items],
        [source[a.end_byte : b.start_byte] for a, b in zip(items, items[1:], strict=False)],
        source[items[-1].end_byte : end_of(chunk.node, source)] + b"\n",
    )


def _plain(items: Sequence[Node], source: bytes, separator: bytes) -> bool:
    """Whether nothing but separators lies between the items: comments there belong to someone."""
    pairs = zip(items, items[1:], strict=False)
    return all(source[a.end_byte : b.start_byte].strip() == separator for a, b in pairs)


def merge_listings(
    base: Listing | None, ours: Listing, theirs: Listing, separator: bytes
) -> bytes | None:
    """The merged statement, written as the side that spreads it over lines, else as ours."""
    sides = [_chunks(side) for side in (base, ours, theirs)]
    merged = merge(*sides, sort_keys=SORT_KEYS)
    if merged is None or not merged.chunks:
        return None
    model = theirs if theirs.broken and not ours.broken else ours
    gap = model.gaps[0] if model.gaps else _gap(model, separator)
    own = dict(zip(model.items, model.gaps, strict=False))
    parts = [model.before]
    for chunk in merged.chunks[:-1]:
        parts += [chunk.body, own.get(chunk.body, gap)]
    return b"".join([*parts, merged.chunks[-1].body, model.after])


def _gap(model: Listing, separator: bytes) -> bytes:
    """How a list of one item would go on."""
    line = model.before.rpartition(b"\n")[2]
    if model.broken and not line.strip():
        return separator + b"\n" + line
    return separator + b" "


def _chunks(side: Listing | None) -> list[Chunk]:
    return [Chunk(words(item), b"", b"", item) for item in side.items] if side else []


def _plain_order(chunk: Chunk) -> object:
    return chunk.body


def _by_letters(chunk: Chunk) -> object:
    return chunk.body.lower()


def _by_case(chunk: Chunk) -> object:
    """isort's order: CONSTANTS, Classes, functions."""
    name = chunk.body
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2, name.lower())


SORT_KEYS = (_by_letters, _plain_order, _by_case)

"""Lists inside one statement, ``from x import a, b``: merged as sets, written back into it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from tiebreak.merge import Merge
from tiebreak.record import NamedTuple
from tiebreak.text.ordering import Order, merge
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
    separator: bytes

    @property
    def frame(self) -> bytes:
        """The lines without items, brackets and separators: the same for two forms of one list."""
        return words((self.before + b" " + self.after).translate(None, b"(){},"))

    @property
    def broken(self) -> bool:
        """Whether the list is spread over lines."""
        return any(b"\n" in gap for gap in (self.before, *self.gaps))


def find_list(
    statement: Node, rules: Sequence[Commutative], source: bytes = b""
) -> tuple[Node, Commutative] | None:
    """The first list in a statement that has a rule, outermost first.

    Lists that are sets only under a condition are looked for when there is a `source` to check it.
    """
    pending = [statement]
    while pending:
        node = pending.pop(0)
        for rule in rules:
            if node.type == rule.parent and meets(rule, node, source):
                return node, rule
        pending += node.named_children
    return None


def meets(rule: Commutative, node: Node, source: bytes) -> bool:
    """Whether a list is where its rule wants it: ``__all__ = [...]``, ``derive(...)``."""
    when = rule.when
    if when is None:
        return True
    around: Node | None = node
    for _ in range(when.up):
        around = around.parent if around is not None else None
    if not source or around is None or around.type != when.kind:
        return False
    named = around.child_by_field_name(when.field) if when.field else around.named_child(0)
    text = source[named.start_byte : named.end_byte] if named is not None else b""
    return "*" in when.texts or text.decode("utf-8", "replace") in when.texts


def items_of(node: Node, rule: Commutative) -> Iterator[Node]:
    """The items of a list node. Grammars nest ``a | b | c``: what is nested is of the same list."""
    pending: list[tuple[Node, str | None]] = [(node, None)]  # a stack: they nest by the thousand
    while pending:
        here, field = pending.pop()
        if here.type == rule.parent:
            inside = [(c, here.field_name_for_child(i)) for i, c in enumerate(here.children)]
            pending += reversed(inside)
        elif here.type in rule.items and rule.field in ("", field):
            yield here


def listing(statement: Node, source: bytes, rules: Sequence[Commutative]) -> Listing | None:
    """A statement's list; None when it has none, or more than items and separators in it."""
    found = find_list(statement, rules, source)
    if found is None:
        return None
    items = list(items_of(*found))
    if not items or not _plain(items, source, found[1].separator.encode()):
        return None
    first = source.rfind(b"\n", 0, statement.start_byte) + 1
    end = source.find(b"\n", end_of(statement, source)) + 1 or len(source)
    return Listing(
        source[first : items[0].start_byte],
        [source[item.start_byte : item.end_byte] for item in items],
        [source[a.end_byte : b.start_byte] for a, b in pairwise(items)],
        source[items[-1].end_byte : end],
        found[1].separator.encode(),
    )


def _plain(items: Sequence[Node], source: bytes, separator: bytes) -> bool:
    """Whether nothing but separators lies between the items: comments there belong to someone."""
    pairs = pairwise(items)
    return all(source[a.end_byte : b.start_byte].strip() == separator for a, b in pairs)


def merge_listings(base: Listing | None, ours: Listing, theirs: Listing) -> bytes | None:
    """The merged statement, written as the side that spreads it over lines, else as ours."""
    terms = Merge.three_way(_chunks(base), _chunks(ours), _chunks(theirs))
    merged = merge(terms, order=Order(SORT_KEYS))
    if merged is None or not merged.chunks or ours.frame != theirs.frame:
        return None
    model = theirs if theirs.broken and not ours.broken else ours
    gap = model.gaps[0] if model.gaps else _gap(model)
    own = dict(zip(model.items, model.gaps, strict=False))
    parts = [model.before]
    for chunk in merged.chunks[:-1]:
        parts += [chunk.body, own.get(chunk.body, gap)]
    return b"".join([*parts, merged.chunks[-1].body, model.after])


def _gap(model: Listing) -> bytes:
    """How a list of one item would go on."""
    line = model.before.rpartition(b"\n")[2]
    if model.broken and not line.strip():
        return model.separator + b"\n" + line
    return model.separator + b" "


def _chunks(side: Listing | None) -> Sequence[Chunk]:
    return [Chunk(words(item), b"", b"", item) for item in side.items] if side else []


def _plain_order(chunk: Chunk) -> object:
    return chunk.body


def _by_letters(chunk: Chunk) -> object:
    return chunk.body.lower()


def _by_case(chunk: Chunk) -> object:
    """Order of isort: CONSTANTS, Classes, functions."""
    name = chunk.body
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2, name.lower())


SORT_KEYS = (_by_letters, _plain_order, _by_case)

"""Carrying an edit over to where the other side moved the code to.

A node that one side edited and the other removed is no conflict if it is found again elsewhere in
the other's file, word for word, once there and once in base: it was moved. Then the merge starts
again from other inputs: the edit is made at the new place, and undone at the old one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.record import NamedTuple
from tiebreak.text.structure import words
from tiebreak.text.trees.items import items_of
from tiebreak.text.trees.matching import match

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tree_sitter import Node

    from tiebreak.text.trees.items import Item
    from tiebreak.text.trees.merging import Merger

LEAST: Final = 5  # words of what may be found again
DEEPEST: Final = 30


class Edit(NamedTuple):
    """Bytes ``[start, end)`` of a version are replaced."""

    which: int
    start: int
    end: int
    text: bytes


class Carrying:
    """The edits to be carried, for one merge."""

    def __init__(self, merger: Merger) -> None:
        """Nothing is carried yet."""
        self.merger = merger
        self.edits: list[Edit] = []
        self._found: dict[tuple[int, str], list[tuple[Node, bytes]]] = {}

    def carry(self, base: Item, changed: Item, which: int) -> bool:
        """Whether all that `changed` did to `base` could be carried into version `which`."""
        if (
            base.trail != changed.trail
            or base.source[base.start : base.core] != (changed.source[changed.start : changed.core])
        ):
            return False
        before = len(self.edits)
        if self._carry(base.node, changed.node, which, 0):
            return True
        del self.edits[before:]
        return False

    def _carry(self, base: Node, changed: Node, which: int, depth: int) -> bool:
        sources, other = self.merger.sources, 3 - which
        old, new = _text(base, sources[0]), _text(changed, sources[other])
        if words(old) == words(new):
            return True
        place = self._place(base, which)
        if place is not None:
            source = sources[which]
            moved = _indented(new, _indent(sources[other], changed), _indent(source, place))
            self._add(
                Edit(which, place.start_byte, place.start_byte + len(_text(place, source)), moved)
            )
            self._add(Edit(other, changed.start_byte, changed.start_byte + len(new), old))
            return True
        return (
            depth < DEEPEST
            and base.type == changed.type
            and self._parts(base, changed, which, depth)
        )

    def _parts(self, base: Node, changed: Node, which: int, depth: int) -> bool:
        """Carry what changed inside: no part may have been added or removed."""
        groups, sources = self.merger.groups, self.merger.sources
        if not base.child_count:
            return False
        sides = [
            items_of(node, source, groups.kinds(node.type))
            for node, source in ((base, sources[0]), (changed, sources[3 - which]))
        ]
        if sides[0] is None or sides[1] is None or len(sides[0].items) != len(sides[1].items):
            return False
        olds, news = sides[0].items, sides[1].items
        partners = match(olds, news, self.merger.effort)
        if None in partners:
            return False
        pairs = [(olds[p], news[i]) for i, p in enumerate(partners) if p is not None]
        return all(self._carry(old.node, new.node, which, depth + 1) for old, new in pairs)

    def _add(self, edit: Edit) -> None:
        self.edits.append(edit)

    def _place(self, base: Node, which: int) -> Node | None:
        """Where version `which` has the node: once, and base has it once too."""
        text = words(_text(base, self.merger.sources[0]))
        if text.count(b" ") < LEAST:
            return None
        here = [node for node, there in self._all(which, base.type) if there == text]
        twins = [node for node, there in self._all(0, base.type) if there == text]
        return here[0] if len(here) == len(twins) == 1 else None

    def _all(self, which: int, kind: str) -> list[tuple[Node, bytes]]:
        """The nodes of a kind in a version, with their words."""
        if (which, kind) not in self._found:
            from tree_sitter import Query, QueryCursor

            tree, source = self.merger.trees[which], self.merger.sources[which]
            query = Query(tree.language, f"({kind}) @found")
            nodes = QueryCursor(query).captures(tree.root_node).get("found", [])
            self._found[which, kind] = [(node, words(_text(node, source))) for node in nodes]
        return self._found[which, kind]


def applied(text: bytes, edits: Sequence[Edit]) -> bytes | None:
    """A version with its edits made; None where they overlap."""
    parts: list[bytes] = []
    position = 0
    for edit in sorted(set(edits), key=lambda edit: edit.start):
        if edit.start < position:
            return None
        parts += [text[position : edit.start], edit.text]
        position = edit.end
    return b"".join([*parts, text[position:]])


def _text(node: Node, source: bytes) -> bytes:
    return source[node.start_byte : node.end_byte].rstrip()


def _indent(source: bytes, node: Node) -> bytes:
    line = source[source.rfind(b"\n", 0, node.start_byte) + 1 : node.start_byte]
    return line[: len(line) - len(line.lstrip())]


def _indented(text: bytes, before: bytes, after: bytes) -> bytes:
    """A text whose lines, but for the first, get another indentation."""
    first, *rest = text.split(b"\n")
    moved = [after + line[len(before) :] if line.startswith(before) else line for line in rest]
    return b"\n".join([first, *moved])

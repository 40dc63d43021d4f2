"""The children of a syntax node as items, and what lies between them.

An item is a child with what belongs to it: the comments and attributes on the lines directly above,
and a comment that follows on its last line. Between two items lies the *gap* of the second one:
blanks, and the signs that only separate. Head, items with their gaps, and tail, put together, are
the node's text again, byte for byte.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from tiebreak.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from tree_sitter import Node

_WORD: Final = re.compile(
    rb"\"(?:[^\"\\\n]|\\.)*+\"|'(?:[^'\\\n]|\\.)*+'|[\w$\x80-\xff]++|[^\w$\s\x80-\xff]"
)
LARGE: Final = 4_000  # bytes of an item from which its lines are compared, not its words
SIGNS: Final = frozenset({",", ";"})
BETWEEN: Final = b",;\\ \t\r\n\f\v"  # all that may lie between children: other text is content


class Item:
    """One child. `start` is where what stands above it begins, `core` where the child itself does.

    `trail` is a comment behind it on its last line, with the blanks before it; a separator between
    the two belongs to the gap that follows. `name` is its key where the language's data gives one,
    `group` the siblings that have no order among themselves.
    """

    __slots__ = (
        "_bag", "_squeezed", "_words", "core", "end", "field", "gap", "group", "kind", "leads",
        "name", "node",
        "place", "source", "start", "trail",
    )  # fmt: skip

    def __init__(self, node: Node, source: bytes, field: str | None = None) -> None:
        """A child alone; what belongs to it is added by the cutter."""
        self.node = node
        self.source = source
        self.kind = node.type
        self.field = field
        self.start = self.core = node.start_byte
        self.end = _end(node, source)
        self.gap = b""
        self.trail = b""
        self.leads: list[Item] = []
        self.name: bytes | None = None
        self.group = ""
        self.place = 0  # among its siblings
        self._words: bytes | None = None
        self._squeezed: bytes | None = None
        self._bag: Counter[bytes] | None = None

    @property
    def text(self) -> bytes:
        """The child with what stands above it, without its trail."""
        return self.source[self.start : self.end]

    @property
    def words(self) -> bytes:
        """The text and trail less the blanks between tokens: equal words, equal content."""
        if self._words is None:
            self._words = b" ".join(_WORD.findall(self.text + b"\n" + self.trail))
        return self._words

    @property
    def squeezed(self) -> bytes:
        """The text and trail without any blanks, for finding what is probably the same, fast."""
        if self._squeezed is None:
            self._squeezed = b"".join((self.text + self.trail).split())
        return self._squeezed

    @property
    def bag(self) -> Counter[bytes]:
        """How often each word occurs, or each line of a large item."""
        if self._bag is None:
            large = self.end - self.start > LARGE
            parts = [line.strip() for line in self.text.splitlines()] if large else None
            self._bag = Counter(self.words.split() if parts is None else parts)
        return self._bag

    def same(self, other: Item) -> bool:
        """Whether both are written the same, byte for byte."""
        return self.text == other.text and self.trail == other.trail


class Items:
    """A node's items, with the text before the first (`head`) and after the last (`tail`)."""

    __slots__ = ("head", "items", "kind", "source", "tail")

    def __init__(
        self, kind: str, source: bytes, head: bytes, items: list[Item], tail: bytes
    ) -> None:
        """The items of a node of a kind."""
        self.kind = kind
        self.source = source
        self.head = head
        self.items = items
        self.tail = tail

    def text(self, first: int, last: int) -> bytes:
        """Items ``[first, last)`` with the gaps between them and the last one's trail."""
        if first >= last:
            return b""
        a, b = self.items[first], self.items[last - 1]
        return self.source[a.start : b.end] + b.trail


class Kinds(NamedTuple):
    """What is special among the children of a node, from the language's data.

    `sign` separates the items of a list besides commas and semicolons; grammars nest such lists
    (``a | b | c``), and nested ones are taken apart.
    """

    comments: Collection[str]
    attached: Collection[str]
    sign: str = ""


def items_of(node: Node, source: bytes, kinds: Kinds) -> Items | None:
    """Cut a node.

    None where a parse error is a child, where children overlap, and where text lies between them
    that is in none of them.
    """
    cutter = _Cutter(source, node.start_byte)
    signs = SIGNS | {kinds.sign}
    for child, field in _children(node, flat=bool(kinds.sign)):
        if child.is_error or child.is_missing:
            return None
        item = Item(child, source, field)
        if item.start >= item.end or (not child.is_named and child.type in signs):
            continue  # what separates is part of the gap
        if item.start < cutter.position:
            return None
        cutter.take(
            item, comment=child.type in kinds.comments, attached=child.type in kinds.attached
        )
    tail = cutter.finish(_end(node, source))
    gaps = [*(item.gap for item in cutter.items), tail]
    if any(gap.strip(BETWEEN + kinds.sign.encode()) for gap in gaps):
        return None
    head = cutter.items[0].gap if cutter.items else b""
    return Items(node.type, source, head, cutter.items, tail)


def _children(node: Node, *, flat: bool) -> Iterator[tuple[Node, str | None]]:
    cursor = node.walk()
    more = cursor.goto_first_child()
    while more and cursor.node is not None:
        if flat and cursor.node.type == node.type:
            yield from _children(cursor.node, flat=True)
        else:
            yield cursor.node, cursor.field_name
        more = cursor.goto_next_sibling()


def _end(node: Node, source: bytes) -> int:
    """Where a node's text ends; grammars differ in whether the line end is part of the node."""
    text = source[node.start_byte : node.end_byte]
    return node.start_byte + len(text.rstrip())


class _Cutter:
    """Collects items; `position` is where the last ended, `held` what may belong to the next."""

    __slots__ = ("held", "items", "position", "source")

    def __init__(self, source: bytes, start: int) -> None:
        self.source = source
        self.position = start
        self.items: list[Item] = []
        self.held: list[Item] = []

    def take(self, item: Item, *, comment: bool, attached: bool) -> None:
        """Add a child."""
        if comment and not self.held and self._trails(item):
            return
        if comment or attached:
            self.held.append(item)
            return
        self._release(item)
        if self.held:
            item.leads, self.held = self.held, []
            item.start = item.leads[0].start
            for before, lead in zip(item.leads, item.leads[1:], strict=False):
                lead.gap = self.source[before.end : lead.start]
        self._add(item)

    def finish(self, end: int) -> bytes:
        """What is held stands alone; gives what follows the last item."""
        for item in self.held:
            self._add(item)
        self.held = []
        return self._gap(end)

    def _release(self, item: Item) -> None:
        """Let go of what is held but does not belong to `item`."""
        keep = len(self.held)
        after = item
        while keep and item.node.is_named and self._belongs(self.held[keep - 1], after):
            keep -= 1
            after = self.held[keep]
        for lead in self.held[:keep]:
            self._add(lead)
        self.held = self.held[keep:]

    def _belongs(self, lead: Item, after: Item) -> bool:
        between = self.source[lead.end : after.start]
        return not between.strip() and between.count(b"\n") <= 1

    def _trails(self, comment: Item) -> bool:
        """Whether a comment follows the last item on its line; it is then its trail."""
        if not self.items or self.items[-1].trail or not self.items[-1].node.is_named:
            return False
        last = self.items[-1]
        between = self.source[last.end : comment.start]
        if b"\n" in between:
            return False
        sign = between.rstrip()
        last.trail = between[len(sign) :] + comment.text
        self.position = comment.end
        return True

    def _add(self, item: Item) -> None:
        item.gap = self._gap(item.start)
        item.place = len(self.items)
        self.items.append(item)
        self.position = item.end

    def _gap(self, start: int) -> bytes:
        """The text up to an item, without the trail of the one before."""
        if not self.items or not self.items[-1].trail:
            return self.source[self.position : start]
        last = self.items[-1]
        sign = self.source[last.end : self.position - len(last.trail)]
        return sign + self.source[self.position : start]


def join(before: bytes, trail: bytes, gap: bytes) -> bytes:
    """A text, its trail and the gap after it: a separator comes before the trail."""
    sign = len(gap.rstrip()) if trail else 0
    return before + gap[:sign] + trail + gap[sign:]

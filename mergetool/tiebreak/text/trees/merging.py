"""The three-way merge of syntax trees, node by node, by the algebra of `tiebreak.merge`.

What only one side changed is taken as it is, byte for byte; a node that both changed is merged
child by child; a leaf that both changed is in conflict, unless its lines merge. An item that one
side removed is gone only if the other left it alone, or if it is found again at the place that the
side moved it to: then the other's edit goes there. Additions of both sides at one place are put
together where the language's data says that these siblings have no order, and are a conflict
everywhere else.

`notes` collects what was done that does not simply follow; `tiebreak.text.generators.structure`
makes strata of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tiebreak.merge import Merge
from tiebreak.record import NamedTuple
from tiebreak.text.merge3 import merge_lines
from tiebreak.text.parse import parse
from tiebreak.text.trees.carrying import Carrying, applied
from tiebreak.text.trees.groups import Groups, groups_of
from tiebreak.text.trees.items import Item, Items, items_of
from tiebreak.text.trees.matching import Effort
from tiebreak.text.trees.sequence import Sequencing
from tiebreak.text.trees.slots import Clash, Conflicted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tree_sitter import Node, Tree

    from tiebreak.text.language import Language

DEEPEST: Final = 60  # levels of a tree; each takes seven calls, of the thousand that Python allows
ROUNDS: Final = 4  # of carrying edits over to where the code was moved
MOST_NODES: Final = 60_000  # items of one merge; beyond, it is given up
# Kinds whose children are of no interest: the grammar cuts them for highlighting.
_LEAF: Final = re.compile(
    r"comment|scalar|heredoc|raw_text|regex|(?<!concatenated_)(string|char\w*)(_literal)?$"
)

Nodes = tuple["Node | None", "Node", "Node"]


class Source(NamedTuple):
    """One version of a file and its tree."""

    text: bytes
    tree: Tree


class Result(NamedTuple):
    """The merged text, conflicts in it where there are any, and what was done."""

    parts: list[bytes | Clash]
    notes: frozenset[str]

    @property
    def text(self) -> bytes | None:
        """The text of a clean merge."""
        texts = [part for part in self.parts if isinstance(part, bytes)]
        return b"".join(texts) if len(texts) == len(self.parts) else None


def merge_trees(language: Language, base: Source, ours: Source, theirs: Source) -> Result | None:
    """Merge three versions of a file; None where the trees are too large or too broken."""
    sources = (base, ours, theirs)
    notes: set[str] = set()
    for _ in range(ROUNDS):
        merger = Merger(language, sources)
        try:
            parts = merger.run()
        except (TooMuch, RecursionError):  # a union of a thousand types is a thousand levels deep
            return None
        again = _carried(language, sources, merger.carrying)
        if again is None:
            return Result(_joined(parts), frozenset(notes | merger.notes))
        notes.add("relocated")
        sources = again
    return None


def _carried(
    language: Language, sources: tuple[Source, Source, Source], carrying: Carrying
) -> tuple[Source, Source, Source] | None:
    """The versions with the edits made at the places that the code was moved to."""
    found: list[Source] = []
    for which, source in enumerate(sources):
        edits = [edit for edit in carrying.edits if edit.which == which]
        text = applied(source.text, edits)
        tree = parse(language, text) if text is not None and edits else source.tree
        if text is None or tree is None:
            return None
        found.append(Source(text, tree))
    return (found[0], found[1], found[2]) if carrying.edits else None


def _joined(parts: Sequence[bytes | Clash]) -> list[bytes | Clash]:
    found: list[bytes | Clash] = []
    for part in parts:
        last = found[-1] if found else None
        if isinstance(part, bytes) and isinstance(last, bytes):
            found[-1] = last + part
        elif part != b"":
            found.append(part)
    return found


class TooMuch(Exception):  # noqa: N818  (a limit, not an error)
    """The merge would take too long."""


class Merger:
    """One merge: its sources, and what is known of it so far."""

    def __init__(self, language: Language, versions: tuple[Source, Source, Source]) -> None:
        """Base, ours and theirs, in this order."""
        self.groups: Groups = groups_of(language)
        self.sources = tuple(version.text for version in versions)
        self.trees = tuple(version.tree for version in versions)
        self.notes: set[str] = set()
        self.carrying = Carrying(self)
        self.effort = Effort()
        self.count = 0

    def run(self) -> list[bytes | Clash]:
        """The whole files, with what is outside of the root nodes."""
        base, ours, theirs = (tree.root_node for tree in self.trees)
        heads = [s[: t.root_node.start_byte] for s, t in zip(self.sources, self.trees, strict=True)]
        tails = [
            s[len(s[: t.root_node.end_byte].rstrip()) :] if s.strip() else s
            for s, t in zip(self.sources, self.trees, strict=True)
        ]
        return [
            *self.text(*heads),
            *self.node((base, ours, theirs), 0),
            *self.text(*tails),
        ]

    def text(self, base: bytes, ours: bytes, theirs: bytes) -> list[bytes | Clash]:
        """A text by the exact rule, then by lines. Where only blanks differ, ours."""
        terms = Merge.three_way(base, ours, theirs).resolve_trivial()
        if terms.is_resolved:
            return [terms.value]
        if not (base + ours + theirs).strip():
            return [ours]
        if b"\n" in base and b"\n" in ours and b"\n" in theirs:
            regions = merge_lines(base, ours, theirs)
            results = [region.result for region in regions]
            if None not in results:
                self.notes.add("lines")
                return [result for result in results if result is not None]
        return [Clash(base, ours, theirs)]

    def node(self, nodes: Nodes, depth: int) -> list[bytes | Clash]:
        """One node in three versions; without a base, both sides added it."""
        base, ours, theirs = (
            b"" if n is None else s[n.start_byte : n.end_byte]
            for n, s in zip(nodes, self.sources, strict=True)
        )
        base, ours, theirs = base.rstrip(), ours.rstrip(), theirs.rstrip()
        terms = Merge.three_way(base, ours, theirs).resolve_trivial()
        if terms.is_resolved:
            return [terms.value]
        if nodes[0] is None or depth > DEEPEST or not self._inner(nodes):
            return self.text(base, ours, theirs)
        sides = [
            items_of(n, s, self.groups.kinds(n.type)) if n is not None else None
            for n, s in zip(nodes, self.sources, strict=True)
        ]
        found = [side for side in sides if side is not None]
        if len(found) < len(sides):
            return self.text(base, ours, theirs)
        for side, node in zip(found, nodes, strict=True):
            self.count += len(side.items)
            if self.count > MOST_NODES:
                raise TooMuch
            if node is not None:
                self.groups.name(side, node)
        try:
            return self.items((found[0], found[1], found[2]), depth)
        except Conflicted:
            return [Clash(base, ours, theirs)]

    def _inner(self, nodes: Nodes) -> bool:
        """Whether all three are of one kind that has parts."""
        kinds = {node.type for node in nodes if node is not None}
        return len(kinds) == 1 and all(
            node is not None and node.child_count and not _LEAF.search(node.type) for node in nodes
        )

    def items(self, sides: tuple[Items, Items, Items], depth: int) -> list[bytes | Clash]:
        """The children of three versions of a node, merged."""
        sequencing = Sequencing(self, sides, depth)
        return sequencing.run()

    def item(
        self, base: Item | None, ours: Item, theirs: Item, depth: int
    ) -> tuple[list[bytes | Clash], bytes]:
        """One item that both sides have, and its trail."""
        trails = self.text(base.trail if base else b"", ours.trail, theirs.trail)
        trail = trails[0]
        if not isinstance(trail, bytes):
            raise Conflicted
        lead = self.leads(base, ours, theirs, depth)
        core = self.node((base.node if base else None, ours.node, theirs.node), depth + 1)
        return [*lead, *core], trail

    def leads(self, base: Item | None, ours: Item, theirs: Item, depth: int) -> list[bytes | Clash]:
        """What stands above an item: comments and attributes."""
        texts = [
            item.source[item.start : item.core] if item else b"" for item in (base, ours, theirs)
        ]
        terms = Merge.three_way(*texts).resolve_trivial()
        if terms.is_resolved:
            return [terms.value]
        sides = [
            Items("", item.source, b"", item.leads, item.source[item.leads[-1].end : item.core])
            if item and item.leads
            else Items("", b"", b"", [], b"")
            for item in (base, ours, theirs)
        ]
        try:
            return Sequencing(self, (sides[0], sides[1], sides[2]), depth).run()
        except Conflicted:
            return [Clash(*texts)]

"""What a stretch of source says, layout aside: the syntax tree over it, with its leaves' text.

Comparing tokens is not enough to call a change layout. ``return x`` on two lines is another program
in JavaScript, and ``a  b`` is another value in a YAML scalar, a shell heredoc or a string whose
quotes are elsewhere. Only a tree knows.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tiebreak.text.structure import overlapping

if TYPE_CHECKING:
    from tree_sitter import Node

    from tiebreak.text.structure import Piece

    Part = tuple[str, bytes]  # a kind of node and, of a leaf, its text

LARGEST: Final = 64 * 1024  # bytes of a piece; beyond, no proof is worth its time
DEEPEST: Final = 200
# In these kinds blanks are content, or, of comments, the grammar's smaller nodes do not matter.
_TEXT: Final = re.compile("string|text|template|scalar|char|regex|preproc_arg|heredoc|comment")


def shape(piece: Piece) -> list[Part] | None:
    """The nodes of a piece in order; None where the tree does not say.

    That is where it has errors, where a leaf reaches over the edge of the piece, and where the
    piece is too large.
    """
    text = piece.text
    start = piece.start + len(text) - len(text.lstrip())
    end = piece.start + len(text.rstrip())
    if end - start > LARGEST:
        return None
    walk = _Walk(piece.source, start, end)
    walk.enter(piece.tree.root_node, 0)
    return walk.parts if walk.sound else None


class _Walk:
    """Collects the parts of ``source[start:end]``; `position` is the end of the last leaf."""

    __slots__ = ("end", "parts", "position", "sound", "source", "start")

    def __init__(self, source: bytes, start: int, end: int) -> None:
        self.source = source
        self.start = start
        self.end = end
        self.position = start
        self.parts: list[Part] = []
        self.sound = True

    def enter(self, node: Node, depth: int) -> None:
        """Add a node and what is in it, as far as the piece goes."""
        if node.is_error or node.is_missing or depth > DEEPEST:
            self.sound = False
        elif not node.children or _TEXT.search(node.type):
            self._leaf(node)
        else:
            self.parts.append((node.type, b"("))
            for child in overlapping(node, self.start, self.end):
                if self.sound:
                    self.enter(child, depth + 1)
            self.parts.append((node.type, b")"))

    def _leaf(self, node: Node) -> None:
        first, last = node.start_byte, node.end_byte
        self.sound = self.sound and self.start <= first and last <= self.end
        text = self.source[first:last]
        between = self.source[
            self.position : first
        ].strip()  # what grammars skip: a `\\` at a line end
        if between:
            self.parts.append(("", between))
        if "comment" in node.type:
            text = b" ".join(text.split())
        if text.strip() or node.is_named:
            self.parts.append((node.type, text))
        self.position = last

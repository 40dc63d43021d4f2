"""Stretches of whole lines cut into the units that a syntax tree finds there: statements, entries.

A `Piece` is such a stretch of one side's file. `level` finds the one node whose children make it
up; `chunks` cuts the lines between those children, so that the chunks, put together, are the piece
again. Where a node reaches over the edge of the piece, or two units share a line, there is no
answer (None).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tiebreak.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from tree_sitter import Node, Tree

    from tiebreak.text.document import Hunk
    from tiebreak.text.language import Imports

    Key = Callable[[Node, bytes], bytes | None]  # a unit's identity, from its node and the source

WORD: Final = re.compile(rb"[\w$\x80-\xff]+|[^\w$\s\x80-\xff]")
NEAR_BYTES: Final = 2000  # where those are looked for
NEAR: Final = 8  # units around a piece that tell whether the list is sorted


class Piece(NamedTuple):
    """Bytes ``[start, end)`` of a parsed file."""

    source: bytes
    tree: Tree
    start: int
    end: int

    @property
    def text(self) -> bytes:
        """The bytes themselves."""
        return self.source[self.start : self.end]


class Level(NamedTuple):
    """The node whose `children` a piece consists of; no parent when the piece is blank."""

    parent: Node | None
    children: Sequence[Node]


class Grammar(NamedTuple):
    """What `chunks` has to know: the kinds of units and of comments, and what separates units."""

    units: Collection[str]
    comments: Collection[str]
    separator: bytes = b""


class Chunk(NamedTuple):
    """A unit with what belongs to it. `body` is whole lines, with the separator taken out."""

    key: bytes
    blank: bytes  # empty lines before it
    comment: bytes  # comment lines directly above it
    body: bytes
    separated: bool = False
    node: Node | None = None  # None for a comment that stands alone
    end: int = 0  # where in `body` the unit ends, and a separator goes

    @property
    def value(self) -> bytes:
        """What is compared: comment and body, less blanks at line ends."""
        return b"\n".join(line.rstrip() for line in (self.comment + self.body).splitlines())


class Chunked(NamedTuple):
    """The chunks of a piece, the empty lines after them, and the node whose children they are."""

    parent: Node | None
    chunks: Sequence[Chunk]
    tail: bytes


LARGEST: Final = 64 * 1024
"""Bytes of a hunk's three texts above which it is not taken apart: people keep no such lists,
and the time goes up with the square of what is on one line."""


def piece_of(hunk: Hunk, side: str) -> Piece | None:
    """A hunk's lines on one side; None when it is too large, or the file has no syntax tree."""
    if sum(map(len, hunk.merge)) > LARGEST:
        return None
    source = hunk.document.texts[side]
    tree = hunk.document.tree(source)
    return Piece(source, tree, *hunk.span(side)) if tree else None


def words(text: bytes) -> bytes:
    """The words and signs of a text, one blank between them: equal texts mean the same."""
    return b" ".join(WORD.findall(text))


def end_of(node: Node, source: bytes) -> int:
    """Where a node's text ends; grammars differ in whether the line end is part of the node."""
    text = source[node.start_byte : node.end_byte]
    return node.start_byte + len(text.rstrip())


def level(piece: Piece, units: Collection[str]) -> Level | None:
    """The children that make up a piece, found from the root down."""
    text = piece.text
    start = piece.start + len(text) - len(text.lstrip())
    end = piece.start + len(text.rstrip())
    if start >= end:
        return Level(None, ())
    node = piece.tree.root_node
    while True:
        inside = overlapping(node, start, end)
        fitting = all(c.start_byte >= start and end_of(c, piece.source) <= end for c in inside)
        if len(inside) == 1 and not (fitting and inside[0].type in units):
            node = inside[0]
        else:
            return Level(node, inside) if inside and fitting else None


def overlapping(node: Node, start: int, end: int) -> list[Node]:
    """The children of a node that overlap bytes ``[start, end)``, in order."""
    # A cursor finds the first of many children in C, and does not crash as `next_sibling` does
    # (tree-sitter 0.26, on some trees with errors).
    cursor = node.walk()
    found: list[Node] = []
    more = cursor.goto_first_child_for_byte(start) is not None
    while more and cursor.node is not None and cursor.node.start_byte < end:
        if cursor.node.end_byte > start:
            found.append(cursor.node)
        more = cursor.goto_next_sibling()
    return found


def chunks(piece: Piece, grammar: Grammar, key: Key) -> Chunked | None:
    """Cut a piece into chunks; None where it does not consist of units, one or more lines each."""
    found = level(piece, grammar.units)
    if found is None:
        return None
    cutter = _Cutter(piece, grammar, key)
    if not all(cutter.take(node) for node in found.children):
        return None
    tail = cutter.rest()
    return None if tail is None else Chunked(found.parent, cutter.chunks, tail)


class _Cutter:
    """Walks the children of one level; `position` is where the next chunk begins."""

    __slots__ = ("chunks", "grammar", "key", "piece", "position")

    def __init__(self, piece: Piece, grammar: Grammar, key: Key) -> None:
        self.piece = piece
        self.grammar = grammar
        self.key = key
        self.chunks: list[Chunk] = []
        self.position = piece.start

    def take(self, node: Node) -> bool:
        """Add one child; False when it does not fit."""
        if node.type in self.grammar.units:
            return self._unit(node)
        if node.start_byte < self.position:  # on the last line of the chunk before
            return self._same_line(node)
        return node.type in self.grammar.comments and self._starts_line(node)

    def rest(self) -> bytes | None:
        """What follows the last chunk: empty lines, after turning comments into chunks."""
        return self._lead(self.piece.end, attach=False)

    def _unit(self, node: Node) -> bool:
        source = self.piece.source
        if node.start_byte < self.position or not self._starts_line(node):
            return False
        line = source.rfind(b"\n", 0, node.start_byte) + 1
        lead = self._lead(line, attach=True)
        key = self.key(node, source)
        if lead is None or key is None:
            return False
        end = source.find(b"\n", end_of(node, source)) + 1 or len(source)
        if end > self.piece.end:
            return False
        blank, comment = _split_lead(lead)
        body, stop = source[line:end], end_of(node, source) - line
        self.chunks.append(Chunk(key, blank, comment, body, node=node, end=stop))
        self.position = end
        return True

    def _same_line(self, node: Node) -> bool:
        """A separator, which is taken out of the body, or a comment, which stays."""
        last = self.chunks[-1]
        if node.type in self.grammar.comments:
            return end_of(node, self.piece.source) <= self.position
        sign = self.grammar.separator
        if last.separated or last.node is None or not sign or node.type.encode() != sign:
            return False
        at = node.start_byte - self.position + len(last.body)
        body = last.body[:at] + last.body[at + len(sign) :]
        self.chunks[-1] = last._replace(body=body, separated=True)
        return True

    def _starts_line(self, node: Node) -> bool:
        source, start = self.piece.source, node.start_byte
        return not source[source.rfind(b"\n", 0, start) + 1 : start].strip()

    def _lead(self, end: int, *, attach: bool) -> bytes | None:
        """Comments that stand alone before `end` become chunks; the lines after them are given."""
        text = self.piece.source[self.position : end]
        self.position = end
        paragraphs = _paragraphs(text)
        kept = paragraphs.pop() if paragraphs and (attach or not paragraphs[-1].strip()) else b""
        for paragraph in paragraphs:
            blank, comment = _split_lead(paragraph)
            self.chunks.append(Chunk(b"#" + words(comment), blank, b"", comment))
        return kept


def _paragraphs(text: bytes) -> list[bytes]:
    """Cut before every empty line that follows a line that is not."""
    parts: list[bytes] = []
    current = b""
    for line in text.splitlines(keepends=True):
        if not line.strip() and current.strip():
            parts.append(current)
            current = b""
        current += line
    return [*parts, current] if current else parts


def _split_lead(lead: bytes) -> tuple[bytes, bytes]:
    comment = lead
    while comment and not comment.partition(b"\n")[0].strip():
        comment = comment.partition(b"\n")[2]
    return lead[: len(lead) - len(comment)], comment


def remarks(side: Chunked) -> list[bytes]:
    """The comments that stand alone. What they are about is not known, so they must not change."""
    return [chunk.key for chunk in side.chunks if chunk.node is None]


def surroundings(
    sides: Sequence[Chunked], pieces: Sequence[Piece], kinds: Collection[str]
) -> tuple[Sequence[Chunk], Sequence[Chunk]]:
    """The chunks before and after the pieces, as ours, or else theirs, has them."""
    for side, piece in list(zip(sides, pieces, strict=True))[1:]:
        nodes = [chunk.node for chunk in side.chunks if chunk.node]
        if nodes:
            return neighbours(nodes[0], nodes[-1], kinds, piece.source)
    return (), ()


def neighbours(
    first: Node, last: Node, kinds: Collection[str], source: bytes
) -> tuple[list[Chunk], list[Chunk]]:
    """The units right before `first` and right after `last`, at most `NEAR` each way, in order."""
    if first.parent is None:
        return [], []
    around = overlapping(
        first.parent, max(first.start_byte - NEAR_BYTES, 0), last.end_byte + NEAR_BYTES
    )
    places = [child.start_byte for child in around]
    at, behind = places.index(first.start_byte), places.index(last.start_byte) + 1
    before = _run(around[max(at - 2 * NEAR, 0) : at][::-1], kinds)
    after = _run(around[behind : behind + 2 * NEAR], kinds)
    return _as_chunks(before[::-1], source), _as_chunks(after, source)


def _run(nodes: Sequence[Node], kinds: Collection[str]) -> list[Node]:
    """The units up to the first node that is none; separators do not count."""
    found: list[Node] = []
    for node in nodes:
        if node.is_named and node.type not in kinds:
            break
        if node.is_named:
            found.append(node)
    return found[:NEAR]


def _as_chunks(nodes: Sequence[Node], source: bytes) -> list[Chunk]:
    found: list[Chunk] = []
    end = 0
    for node in nodes:
        blank = b"\n" if source.count(b"\n", end, node.start_byte) > 1 else b""
        end = end_of(node, source)
        found.append(Chunk(b"", blank, b"", source[node.start_byte : end], node=node))
    return found


def separated(chunks: Sequence[Chunk], sign: bytes, *, last: bool) -> list[Chunk]:
    """The chunks with separators put back: behind all, or all but the last one."""
    units = [index for index, chunk in enumerate(chunks) if chunk.node is not None]
    bare = units[-1:] if not last else []
    return [
        c._replace(body=c.body[: c.end] + sign + c.body[c.end :])
        if i in units and i not in bare
        else c
        for i, c in enumerate(chunks)
    ]


def put_together(chunks: Sequence[Chunk], tail: bytes) -> bytes | None:
    """The chunks as text; None when one that lacks its line end would run into the next."""
    texts = [chunk.blank + chunk.comment + chunk.body for chunk in chunks]
    if any(not text.endswith(b"\n") for text in (texts if tail else texts[:-1])):
        return None
    return b"".join(texts) + tail


def follow(node: Node, path: Sequence[str]) -> list[Node]:
    """The nodes that a path leads to, in the order of its steps that name one.

    A step is a field's name, or ``:kind`` for the first child of a kind; ``0`` is the first named
    child. ``name*`` goes into what it finds as long as there is something, ``name?`` once if it is
    there; after a plain step the next starts from the same node: ``["receiver", "name"]`` is both.
    ``:kind+`` are all children of a kind; ``@id`` is what a pair or attribute called ``id`` holds,
    where there is one. Empty where the path breaks off; the node itself where there was no need to
    move.
    """
    found: list[Node] = []
    here = node
    optional = False
    for step in path:
        if step[0] == "@" or step[-1] == "+":
            found += _attribute(here, step[1:]) if step[0] == "@" else _all(here, step[1:-1])
            optional = True
            continue
        nearest = _step(here, step.rstrip("*?"))
        if step[-1] in "*?":
            while nearest is not None:
                here = nearest
                nearest = _step(here, step[:-1]) if step[-1] == "*" else None
            continue
        if nearest is None:
            return []
        found.append(nearest)
    return found or ([] if optional else [here])


def _step(node: Node, step: str) -> Node | None:
    if step == "0":
        return node.named_child(0)
    if step[0] == ":":
        return next(iter(_all(node, step[1:])), None)
    return node.child_by_field_name(step)


def _all(node: Node, kind: str) -> list[Node]:
    return [child for child in node.named_children if child.type == kind]


def _attribute(node: Node, name: str) -> list[Node]:
    """The value of the pair or attribute of a name, among a node's children."""
    for child in node.named_children:
        parts = child.named_children
        label = parts[0].text if len(parts) > 1 else None
        if label and label.strip(b"\"'").decode("utf-8", "replace") == name:
            return [parts[-1]]
    return []


def is_import(node: Node, source: bytes, rules: Imports) -> bool:
    """Whether a node of an import's kind is one: it has what the language's data requires."""
    if rules.require and node.child_by_field_name(rules.require) is None:
        return False
    if not rules.calls:
        return True
    word = WORD.match(source, node.start_byte)
    return word is not None and word[0].decode("utf-8", "replace") in rules.calls

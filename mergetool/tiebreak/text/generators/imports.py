"""Imports as sets: what either side added is there, what either side removed is not.

Statements with a list of names (``from x import a, b``) are one import per name. As sets the union
follows from the inputs; but on real merges people also drop what their merged code no longer uses,
and choose other orders. So only one case counts as proof: both sides only added, the merged file
uses every name that was added, and a sorted list says where each belongs (`PROOF`). The rest is
measured by stratum.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from tiebreak.conflict import Candidate
from tiebreak.merge import Merge
from tiebreak.record import NamedTuple
from tiebreak.text.document import SIDES
from tiebreak.text.lists import find_list, items_of, listing, merge_listings
from tiebreak.text.ordering import Order, merge
from tiebreak.text.structure import (
    Chunk,
    Chunked,
    Grammar,
    chunks,
    is_import,
    piece_of,
    put_together,
    remarks,
    surroundings,
    words,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tree_sitter import Node

    from tiebreak.text.document import Document, Hunk, Region
    from tiebreak.text.language import Language
    from tiebreak.text.ordering import Merged
    from tiebreak.text.structure import Piece

NAME: Final = "imports"
PROOF: Final = "imports/added/sorted"
KEYWORDS: Final = re.compile(
    rb"^\s*(?:(?:import|from|using|use|pub|export|type|static|global|extern|crate|#\s*include)\b\s*)+"
)
NAMES: Final = re.compile(rb"[\w$\x80-\xff]+")
WILDCARD: Final = re.compile(rb"\*(?!\s*as\b)|^\s*(?:import\s+)?\.\s")  # Go's too: `import . "x"`
EFFECT: Final = re.compile(rb"\s*import\s*[\"']")
QUOTED: Final = re.compile(rb"""["'<]([^"'>]*)["'>]\s*;?\s*$""")


def generate(hunk: Hunk) -> Iterator[Candidate[bytes]]:
    """The union of both sides' imports, less what either removed."""
    language = hunk.document.language
    if language is None or not language.imports.statements:
        return
    pieces = [piece for side in SIDES if (piece := piece_of(hunk, side))]
    if len(pieces) < len(SIDES):
        return
    yield from _Imports(hunk, language, pieces).candidates()


class _Imports:
    """One hunk of imports: three pieces and what they share."""

    def __init__(self, hunk: Hunk, language: Language, pieces: Sequence[Piece]) -> None:
        self.outside = _outside(hunk.document)
        self.region = hunk.region
        self.language = language
        self.rules = language.imports
        self.pieces = pieces
        self.single: set[bytes] = set()  # heads that some side writes as several statements

    def candidates(self) -> Iterator[Candidate[bytes]]:
        """The merged imports."""
        sides = self.cut()
        if sides is None:
            return
        if any(remarks(side) != remarks(sides[0]) for side in sides):
            return
        plain = self.merged(sides)
        if plain is None:
            return
        value = put_together(plain.chunks, sides[1].tail or sides[2].tail)
        why = "both sides changed imports; they are put together as a set"
        if value is not None:
            stratum = f"{NAME}/{self.stratum(sides, plain)}"
            yield Candidate(value, NAME, why, stratum, provable=stratum == PROOF)

    def merged(self, sides: Sequence[Chunked]) -> Merged | None:
        """The three sides as one list of imports."""
        terms = Merge.three_way(*(side.chunks for side in sides))
        around = surroundings(sides, self.pieces, self.rules.statements)
        found = merge(terms, self.resolve, Order(SORT_KEYS, *around))
        if found is None:
            return None
        kept = [
            c for c in found.chunks if c.node is None or words(c.body) not in self.outside.imports
        ]
        return found._replace(chunks=self.first_in_front(kept))

    def cut(self) -> list[Chunked] | None:
        """The three sides as import statements; None when there is more than that in the hunk."""
        grammar = Grammar(self.rules.statements, self.language.comments)
        for _ in range(2):  # again, once it is known which modules take one statement per name
            sides = [chunks(piece, grammar, self.key) for piece in self.pieces]
            found = [side for side in sides if side is not None]
            if len(found) < len(SIDES) or len({s.parent.type for s in found if s.parent}) > 1:
                return None
            repeated = {head for side in found for head in _repeated(side)}
            if repeated <= self.single:
                break
            self.single |= repeated
        return found if any(s.parent for s in found) else None

    def key(self, node: Node, source: bytes) -> bytes | None:
        """A statement's identity: its text without the names of its list."""
        if not is_import(node, source, self.rules):
            return None
        text = _normal(source[node.start_byte : node.end_byte])
        found = find_list(node, self.language.commutative)
        if found is None:
            return text
        names = [(n.start_byte, n.end_byte) for n in items_of(*found)]
        head = _normal(_without(source, node, names).translate(None, b",(){}"))
        return text if head in self.single else head

    def resolve(self, base: Chunk | None, ours: Chunk, theirs: Chunk) -> Chunk | None:
        """Both sides changed the names of one list."""
        rules = self.language.commutative
        sides = [
            listing(chunk.node, piece.source, rules) if chunk and chunk.node else None
            for chunk, piece in zip((base, ours, theirs), self.pieces, strict=True)
        ]
        if sides[1] is None or sides[2] is None:
            return None
        if sides[0] is None and base and base.node and find_list(base.node, rules):
            return None  # base has names too, but not in a form that can be read
        comment = (
            ours.comment if theirs.comment == (base.comment if base else b"") else theirs.comment
        )
        if ours.comment not in (comment, base.comment if base else b""):
            return None
        body = merge_listings(sides[0], sides[1], sides[2])
        return None if body is None else ours._replace(body=body, comment=comment)

    def first_in_front(self, chunks_: Sequence[Chunk]) -> list[Chunk]:
        """``from __future__`` and its like before all others; empty lines stay where they are."""
        first = self.rules.first
        ordered = sorted(chunks_, key=lambda c: c.node is None or c.node.type not in first)
        return [c._replace(blank=old.blank) for c, old in zip(ordered, chunks_, strict=True)]

    def stratum(self, sides: Sequence[Chunked], merged: Merged) -> str:
        """Which population the candidate belongs to."""
        if self.rules.order:
            return "ordered"
        if self.rules.binds and _clash(merged.chunks, sides):
            return "clash"
        removed = [{c.key for c in sides[0].chunks} - {c.key for c in s.chunks} for s in sides[1:]]
        if removed[0] & removed[1] and merged.added_by_both:
            return "replaced"
        kind = "names" if merged.resolved else "removed" if merged.removed else "added"
        if self.rules.binds and not self.is_used(sides, merged):
            return f"{kind}/unsure"
        return f"{kind}/sorted" if merged.sorted else kind

    def is_used(self, sides: Sequence[Chunked], merged: Merged) -> bool:
        """Whether the merged file surely uses what was added and does without what was removed."""
        known = {chunk.key for chunk in sides[0].chunks}
        new = [chunk for chunk in merged.chunks if chunk.key not in known]
        if any(self.is_opaque(chunk) for chunk in new):
            return False
        names = [{n for c in s.chunks for n in _local_names(c)} for s in sides]
        final = {n for c in merged.chunks for n in _local_names(c)}
        added, gone = final - names[0], set().union(*names) - final
        sure = self.outside.words
        own = _open_words(self.region)
        perhaps = {name for name in gone if self.outside.open_words[name] > (name in own)}
        return added <= sure and not added & self.outside.bound and not gone & sure and not perhaps

    def is_opaque(self, chunk: Chunk) -> bool:
        """Whether a statement does not say which names it brings: its place may have a meaning."""
        effect = self.rules.effects and EFFECT.match(chunk.body)
        return bool(effect) or WILDCARD.search(chunk.body) is not None


class Outside(NamedTuple):
    """The file around its hunks: merged words and imports, and the words still open."""

    words: set[bytes]
    imports: set[bytes]
    bound: set[bytes]  # the last words of the imports' parts
    open_words: Counter[bytes]  # in how many hunks each is


@lru_cache(maxsize=1)  # a file's hunks are asked for one after the other
def _outside(document: Document) -> Outside:
    found = Outside(set(), set(), set(), Counter())
    for region in document.regions:
        if region.result is None:
            found.open_words.update(_open_words(region))
            continue
        for line in region.result.splitlines():
            if KEYWORDS.match(line):
                found.imports.add(words(line))
                found.bound.update(_names_in(line))
            else:
                found.words.update(NAMES.findall(line))
    return found


def _open_words(region: Region) -> set[bytes]:
    return {*NAMES.findall(region.ours), *NAMES.findall(region.theirs)}


def _repeated(side: Chunked) -> set[bytes]:
    keys = [chunk.key for chunk in side.chunks]
    return {key for key in keys if keys.count(key) > 1}


def _normal(text: bytes) -> bytes:
    return words(text.replace(b"'", b'"').rstrip(b"; \t\r\n"))


def _without(source: bytes, node: Node, spans: Sequence[tuple[int, int]]) -> bytes:
    parts: list[bytes] = []
    position = node.start_byte
    for start, end in spans:
        parts.append(source[position:start])
        position = end
    return b" ".join([*parts, source[position : node.end_byte]])


def _clash(merged: Sequence[Chunk], sides: Sequence[Chunked]) -> bool:
    """Whether a local name is bound by two statements that no side has together."""
    known = [{c.key for c in side.chunks} for side in sides[1:]]
    bound: dict[bytes, bytes] = {}
    for chunk in merged:
        for name in _local_names(chunk):
            other = bound.setdefault(name, chunk.key)
            if other != chunk.key and not any({other, chunk.key} <= keys for keys in known):
                return True
    return False


def _local_names(chunk: Chunk) -> list[bytes]:
    """The last word of each comma-separated part; quotes and what comes after ``from`` aside."""
    return [] if chunk.key.startswith(b"#") else _names_in(chunk.body)


def _names_in(body: bytes) -> list[bytes]:
    text = re.sub(rb"\bfrom\s+[\"'].*", b"", body.strip())
    text = re.sub(rb"^\s*from\s+\S+\s+import\b", b"", text)
    found = [re.findall(rb"[\w$]+", part) for part in re.split(rb"[,{}()]", text)]
    return [part[-1] for part in found if part and part[-1] not in (b"import", b"type")]


def _as_written(chunk: Chunk) -> object:
    return chunk.body.strip().rstrip(b";")


def _without_case(chunk: Chunk) -> object:
    return chunk.body.strip().rstrip(b";").lower()


def _by_module(chunk: Chunk) -> object:
    return KEYWORDS.sub(b"", chunk.body).strip(b"\"'<>; \t\r\n")


def _by_module_without_case(chunk: Chunk) -> object:
    return KEYWORDS.sub(b"", chunk.body).strip(b"\"'<>; \t\r\n").lower()


def _by_source(chunk: Chunk) -> object:
    found = QUOTED.search(chunk.body)
    return found[1].lower() if found else chunk.body


def _system_first(chunk: Chunk) -> object:
    module = KEYWORDS.sub(b"", chunk.body).strip(b"; \t\r\n")
    return (not re.match(rb"System\b", module), module)


SORT_KEYS: Final = (
    _as_written,
    _without_case,
    _by_module,
    _by_module_without_case,
    _system_first,
    _by_source,
)

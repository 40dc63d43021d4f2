"""Lists without order, as sets: ``__all__``, derives, union types, names of an import.

Which lists those are is the language's data (`Commutative`); arrays of data and enumerations are
ordered and never among them. Lists with one item a line are merged line by line, lists on one line
within it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.conflict import Candidate
from tiebreak.merge import Merge
from tiebreak.text.document import SIDES
from tiebreak.text.lists import SORT_KEYS, Listing, listing, meets, merge_listings
from tiebreak.text.ordering import Order, merge
from tiebreak.text.structure import (
    Grammar,
    chunks,
    end_of,
    piece_of,
    put_together,
    separated,
    surroundings,
    words,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tree_sitter import Node

    from tiebreak.text.document import Hunk
    from tiebreak.text.language import Commutative, Language
    from tiebreak.text.structure import Piece

NAME: Final = "sets"


def generate(hunk: Hunk) -> Iterator[Candidate[bytes]]:
    """The items of both sides, less what either removed."""
    language = hunk.document.language
    if language is None or not language.commutative:
        return
    pieces = [piece for side in SIDES if (piece := piece_of(hunk, side))]
    if len(pieces) < len(SIDES):
        return
    found = next(filter(None, (_by_line(language, r, pieces) for r in language.commutative)), None)
    if found is None:
        found = _in_line(language, pieces)
    if found is not None:
        value, stratum = found
        why = "both sides changed a list without order; it is put together as a set"
        yield Candidate(value, NAME, why, f"{NAME}/{stratum}")


def _by_line(
    language: Language, rule: Commutative, pieces: Sequence[Piece]
) -> tuple[bytes, str] | None:
    """Items with lines of their own, inside a list that begins and ends outside the hunk."""
    grammar = Grammar(rule.items, language.comments, rule.separator.encode())
    cut = [chunks(piece, grammar, _text) for piece in pieces]
    sides = [side for side in cut if side is not None]
    parents = [side.parent for side in sides if side.parent is not None]
    if len(sides) < len(SIDES) or not parents or any(p.type != rule.parent for p in parents):
        return None
    if any(
        side.parent is not None and not meets(rule, side.parent, piece.source)
        for side, piece in zip(sides, pieces, strict=True)
    ):
        return None
    terms = Merge.three_way(*(side.chunks for side in sides))
    merged = merge(terms, order=Order(SORT_KEYS, *surroundings(sides, pieces, rule.items)))
    last = {side.chunks[-1].separated for side in sides if side.chunks}
    keys = [{chunk.key for chunk in side.chunks} for side in sides]
    if merged is not None and merged.added_by_both and keys[0] - keys[1] - keys[2]:
        return None  # both put something in the place of the same item
    if merged is None or not merged.chunks or (len(last) > 1 and not rule.trailing):
        return None
    lines = separated(merged.chunks, rule.separator.encode(), last=any(last))
    value = put_together(lines, sides[1].tail or sides[2].tail)
    kind = "removed" if merged.removed else "added"
    order = "/sorted" if merged.sorted else ""
    return None if value is None else (value, f"lines/{kind}{order}")


def _text(node: Node, source: bytes) -> bytes:
    return words(source[node.start_byte : node.end_byte])


def _in_line(language: Language, pieces: Sequence[Piece]) -> tuple[bytes, str] | None:
    """One statement on each side, the same but for the items of its list."""
    found = [_only_list(language, piece) for piece in pieces]
    base, ours, theirs = found
    if base is None or ours is None or theirs is None or base.frame != ours.frame:
        return None
    value = merge_listings(base, ours, theirs)
    return None if value is None else (value, "inline")


def _only_list(language: Language, piece: Piece) -> Listing | None:
    """The list of the one node that a piece consists of."""
    start = piece.start + len(piece.text) - len(piece.text.lstrip())
    node = piece.tree.root_node.descendant_for_byte_range(start, start + len(piece.text.strip()))
    if (
        node is None
        or node.start_byte != start
        or end_of(node, piece.source) != start + len(piece.text.strip())
    ):
        return None
    if node.type in language.imports.statements:  # the imports generator's, with its own strata
        return None
    return listing(node, piece.source, language.commutative)

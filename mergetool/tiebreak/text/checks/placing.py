"""The merged file with one candidate in place, parsed: what the structural checks look at.

Hunks that are still open take one side. A hunk has many candidates and a file many hunks, so the
file is parsed once per side and each candidate only where it differs.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from tiebreak.text.parse import parse

if TYPE_CHECKING:
    from tree_sitter import Tree

    from tiebreak.text.document import Document, Hunk


class Placed(NamedTuple):
    """A file with a candidate in it; ``[start, end)`` is where the candidate is."""

    source: bytes
    tree: Tree
    start: int
    end: int


@lru_cache(maxsize=4)  # two checks, two sides
def place(hunk: Hunk, value: bytes, fill: str) -> Placed | None:
    """The file with `value` for the hunk, side `fill` for the others; None without a grammar."""
    document = hunk.document
    if document.language is None:
        return None
    before = document.assemble({}, fill)
    source = document.assemble({hunk.index: value}, fill)
    old = document.tree(before)
    tree = parse(document.language, source, old, before) if old else None
    if tree is None:
        return None
    start = _start(document, hunk.index, fill)
    return Placed(source, tree, start, start + len(value))


def _start(document: Document, index: int, fill: str) -> int:
    regions = document.regions[:index]
    return sum(len(r.side(fill) if r.result is None else r.result) for r in regions)

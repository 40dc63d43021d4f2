"""The merged file with one candidate in place, parsed: what the structural checks look at.

Hunks that are still open take one side. A hunk has many candidates and a file many hunks, so the
file is parsed once per side and each candidate only where it differs; and all of that is bounded.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from tiebreak.record import NamedTuple
from tiebreak.text.parse import parse

if TYPE_CHECKING:
    from tree_sitter import Tree

    from tiebreak.text.document import Document, Hunk


BUDGET: Final = 24_000_000
"""Bytes that may be parsed for the checks of one file: some two seconds. What then is not checked
yet stays a conflict. Small files never come near: 500 conflicts in a file of 1,500 lines."""


def exhausted(document: Document) -> bool:
    """Whether the file is too large for one more of its many conflicts to be checked."""
    return document.parsed > BUDGET


class Placed(NamedTuple):
    """A file with a candidate in it; ``[start, end)`` is where the candidate is."""

    source: bytes
    tree: Tree
    start: int
    end: int


@lru_cache(maxsize=4)  # two checks, two sides
def place(hunk: Hunk, value: bytes, fill: str) -> Placed | None:
    """The file with `value` for the hunk, side `fill` for all others; None without a grammar."""
    document = hunk.document
    if document.language is None:
        return None
    before = document.filled(fill)
    start = document.filled_start(hunk.index, fill)
    source = before[:start] + value + before[start + len(hunk.region.side(fill)) :]
    old = document.tree(before)
    document.parsed += len(source)
    tree = parse(document.language, source, old, before) if old else None
    if tree is None:
        return None
    return Placed(source, tree, start, start + len(value))

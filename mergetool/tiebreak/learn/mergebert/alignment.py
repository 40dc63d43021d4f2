"""One side of a sub-conflict laid beside base, with an edit type for every column (section 5.1)."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.text.anchors import STEPS, Block, Budget, align

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PAD: Final = 0  # the piece that fills a column of a sequence that has nothing there
EQUAL: Final = 1  # edit types; 0 is for columns beyond the end
INSERTED: Final = 2
DELETED: Final = 3
REPLACED: Final = 4


class Column(NamedTuple):
    """A piece of a side, the piece of base beside it, and what happened between them."""

    side: int
    base: int
    edit: int


def columns(side: Sequence[int], base: Sequence[int]) -> list[Column]:
    """Align the pieces of a side with those of base.

    Where a run is replaced by a longer or shorter one, the surplus is inserted or deleted.
    """
    numbers: dict[int, int] = {}
    b, s = ([numbers.setdefault(x, len(numbers)) for x in part] for part in (base, side))
    blocks = align(b, s, [1] * len(numbers), Budget(STEPS)) or []
    found: list[Column] = []
    i = j = 0
    for block in [*blocks, Block(len(b), len(s), 0)]:
        found += _gap(side[j : block.b], base[i : block.a])
        i, j = block.a + block.size, block.b + block.size
        found += (Column(piece, piece, EQUAL) for piece in base[block.a : i])
    return found


def _gap(side: Sequence[int], base: Sequence[int]) -> Iterator[Column]:
    both = min(len(side), len(base))
    yield from map(Column, side, base, repeat(REPLACED, both))
    yield from (Column(piece, PAD, INSERTED) for piece in side[both:])
    yield from (Column(PAD, piece, DELETED) for piece in base[both:])


def shortened(columns: Sequence[Column], most: int) -> list[Column]:
    """At most `most` columns: the first and the last ones."""
    if len(columns) <= most:
        return list(columns)
    head = most // 2
    return [*columns[:head], *columns[len(columns) - (most - head) :]]

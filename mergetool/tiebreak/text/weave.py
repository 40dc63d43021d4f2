"""Applying the changes of both sides when they lie in different parts of base."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Change = tuple[int, int, int, int]  # base items [start, end) become side items [first, last)


def weave(
    base: Sequence[bytes],
    ours: tuple[Sequence[bytes], Sequence[Change]],
    theirs: tuple[Sequence[bytes], Sequence[Change]],
    span: tuple[int, int],
) -> list[bytes] | None:
    """Base items ``[start, end)`` with the changes of both sides, each given as (items, changes).

    None when they overlap, or when both insert at one place, which leaves the order open.
    """
    edits = sorted((change, side is theirs) for side in (ours, theirs) for change in side[1])
    position, end = span
    last_insert = -1
    parts: list[bytes] = []
    for (start, stop, first, last), from_theirs in edits:
        if start < position or (start == stop == last_insert):
            return None
        if start == stop:
            last_insert = start
        parts += base[position:start]
        parts += (theirs if from_theirs else ours)[0][first:last]
        position = stop
    return [*parts, *base[position:end]]

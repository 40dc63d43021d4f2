"""Whole sides less the lines of base: MergeBERT's other primitives, on the hunk as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.text.generators.combos.draft import Draft, bare, filled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tiebreak.text.generators.combos.draft import Sides

LOST: Final = "lines of base that a side kept"


def propose(sides: Sides) -> Iterator[Draft]:
    """One side alone, then one after the other, each without base's lines."""
    gone = filled(sides.base)
    if not gone:
        return
    ours, theirs = _without(sides.ours, gone), _without(sides.theirs, gone)
    for kind, text in (
        ("ours", ours),
        ("theirs", theirs),
        ("ours-theirs", ours + theirs),
        ("theirs-ours", theirs + ours),
    ):
        yield Draft(text, kind, f"{kind.replace('-', ' then ')}, without base's lines", LOST)


def _without(lines: Sequence[bytes], gone: set[bytes]) -> bytes:
    return b"".join(line for line in lines if bare(line) not in gone)

"""The lines of both sides as a set: each once, less what a side removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.text.generators.combos.draft import Draft, bare, filled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tiebreak.text.generators.combos.draft import Sides

REPEATS: Final = "lines that are there twice, the second time"
ORDER: Final = "the order of each side's lines"
TWO: Final = 2  # lines that can be called sorted


def propose(sides: Sides) -> Iterator[Draft]:
    """What is left of the set, sorted if both sides are, else in the order of either side first.

    Of a line that both have the first is kept, or the last. First without the lines that a side
    removed, then with all lines of both.
    """
    left = _left(sides)
    orders = (
        ("ours-theirs", _once([*sides.ours, *sides.theirs])),
        ("theirs-ours", _once([*sides.theirs, *sides.ours])),
        ("ours-theirs-late", _once([*sides.ours, *sides.theirs][::-1])[::-1]),
        ("theirs-ours-late", _once([*sides.theirs, *sides.ours][::-1])[::-1]),
    )
    is_sorted = _sorted(sides.ours) and _sorted(sides.theirs)
    for kept, tail in ((left, ""), (filled(sides.ours) | filled(sides.theirs), "/all")):
        if is_sorted:
            lines = sorted(line for line in orders[0][1] if bare(line) in kept)
            why = "the lines of both sides as a set, sorted"
            yield Draft(b"".join(lines), f"sorted{tail}", why, ORDER)
        for kind, once in orders:
            lines = [line for line in once if not line.strip() or bare(line) in kept]
            why = "the lines of both sides as a set"
            yield Draft(b"".join(lines), f"{kind}{tail}", why, REPEATS)


def _left(sides: Sides) -> set[bytes]:
    """The three-way merge of the lines as sets."""
    base, ours, theirs = (filled(lines) for lines in sides)
    return ((ours | theirs) - base) | (ours & theirs)


def _once(lines: Sequence[bytes]) -> list[bytes]:
    """The lines without repetitions; empty ones may repeat."""
    seen: set[bytes] = set()
    kept: list[bytes] = []
    for line in lines:
        text = bare(line)
        if not text or text not in seen:
            seen.add(text)
            kept.append(line)
    return kept


def _sorted(lines: Sequence[bytes]) -> bool:
    return len(lines) >= TWO and all(map(bare, lines)) and list(lines) == sorted(lines)

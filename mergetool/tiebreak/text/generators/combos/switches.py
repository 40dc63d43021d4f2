"""Interleavings that keep the order of lines and switch sides once, and stretches of one side.

A start of one side, then an end of the other. Real ones leave out little at the seam: a closing
line that both sides have, a comment that was replaced. The fewer lines are left out that are
nowhere else, the likelier.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tiebreak.text.generators.combos.draft import Draft, bare

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tiebreak.text.generators.combos.draft import Sides

SEAM: Final = 6  # lines left out at the seam, at most
END: Final = 5  # lines left out at one end of a side that is taken alone
FEW: Final = 2  # lines of the one side next to all of the other
LATER: Final = 0.7  # what a line costs in the side that comes second
ALONE: Final = 2.0  # what it costs to leave out the other side
WHOLE: Final = 3.0  # what it costs to leave out all but a few lines of a side
LOST: Final = "lines of ours after the switch and of theirs before it, or the reverse"

_WORD = re.compile(rb"[\w\x80-\xff]")


# What it costs, its kind, and how it is put together: the first so many lines of the one side, then
# the other's from that line on.
_Switch = tuple[float, str, int, int]


def propose(sides: Sides) -> Iterator[Draft]:
    """The cheapest first; of both sides alike."""
    base = {bare(line) for line in sides.base}
    found = [
        (switch, name, first, second)
        for name, first, second in sides.both
        for switch in _switches(_costs(first, second, base), _costs(second, first, base))
    ]
    found.sort(key=lambda some: (some[0][0], some[1]))
    for (cost, kind, head, tail), name, first, second in found:
        text = b"".join([*first[:head], *second[tail:]])
        why = f"a start of {name}, then an end of the other side"
        yield Draft(text, f"{kind}/{min(round(cost), 4)}", why, LOST)


def _costs(lines: Sequence[bytes], other: Sequence[bytes], base: set[bytes]) -> list[float]:
    """What it costs to leave out each line: less if it is elsewhere too, or says nothing."""
    there = {bare(line) for line in other}
    return [_cost(bare(line), there, base) for line in lines]


def _cost(line: bytes, there: set[bytes], base: set[bytes]) -> float:
    if not line:
        return 0.05
    cost = 1.0 if _WORD.search(line) else 0.5
    return cost * (0.4 if line in there else 1.0) * (0.7 if line in base else 1.0)


def _switches(first: Sequence[float], second: Sequence[float]) -> Iterator[_Switch]:
    """Switches from one side to the other, given what their lines cost."""
    n, m = len(first), len(second)
    if n and m:
        for left in range(min(n, SEAM)):
            for right in range(min(m, SEAM - left)):
                cost = sum(first[n - left :]) + LATER * sum(second[:right])
                yield cost, "seam", n - left, right
        for few in range(1, FEW + 1):
            yield few + WHOLE, "few", few, 0
            yield few + WHOLE, "few", n, max(0, m - few)
    for less in range(1, min(n, END)):
        yield sum(first[n - less :]) + ALONE, "start", n - less, m
        yield (less - 1) * WHOLE + 1, "short-start", less, m
    for less in range(1, min(m, END)):
        yield sum(second[:less]) + ALONE, "end", 0, less
        yield (less - 1) * WHOLE + 1, "short-end", 0, m - less

"""One side with a single line of the other, or less a single line that it added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.text.generators.combos.draft import Draft, bare, filled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tiebreak.text.generators.combos.draft import Sides

OTHERS: Final = "all but one line of the other side"
ONE: Final = "the other side, and one line"
LONG: Final = 60  # lines of a side from which none is taken out


def propose(sides: Sides) -> Iterator[Draft]:
    """The first line of a side before the other, the last after it; then sides less a line."""
    base = filled(sides.base)
    for kind, which in (("before", 0), ("after", -1)):
        for name, side, other in sides.both:
            known = filled(side) | base
            new = [line for line in other if bare(line) and bare(line) not in known]
            if new:
                text = b"".join(side)
                text = new[which] + text if kind == "before" else text + new[which]
                yield Draft(text, kind, f"a line of the other side {kind} all of {name}", OTHERS)
    for name, side, other in sides.both:
        there = filled(other) | base
        for at in _own(side, there) if len(side) <= LONG else ():
            why = f"{name} without one of its lines"
            yield Draft(b"".join([*side[:at], *side[at + 1 :]]), "less", why, ONE)


def _own(side: list[bytes], there: set[bytes]) -> list[int]:
    """The places of the lines that only this side has, those at its ends first."""
    own = [at for at, line in enumerate(side) if bare(line) and bare(line) not in there]
    return sorted(own, key=lambda at: min(at, len(side) - 1 - at))

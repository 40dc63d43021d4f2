"""No text at all: both sides' lines are gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiebreak.text.generators.combos.draft import Draft

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tiebreak.text.generators.combos.draft import Sides


def propose(sides: Sides) -> Iterator[Draft]:
    """The empty text."""
    yield Draft(b"", "nothing", "leaves nothing of either side", "all of ours and theirs")

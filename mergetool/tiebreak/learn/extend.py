"""Candidates for conflicts known by their three texts alone, such as rows already mined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.resolve import propose
from tiebreak.text.checks import CHECKS
from tiebreak.text.document import Document, Region
from tiebreak.text.generators import combos, sides
from tiebreak.text.language import language_for
from tiebreak.text.toolbox import TOOLBOX

if TYPE_CHECKING:
    from tiebreak.conflict import Candidate

TEXT_ONLY: Final = TOOLBOX._replace(
    generators=(("sides", sides.generate), ("combos", combos.generate)), checks=CHECKS
)


def proposals_for(base: bytes, ours: bytes, theirs: bytes, path: str) -> list[Candidate[bytes]]:
    """What the generators that look at a hunk's three texts alone propose, and no check vetoes."""
    document = Document(path, [Region(base, ours, theirs, None)], language_for(path))
    passed, _ = propose(document.hunks[0], TEXT_ONLY)
    return passed

"""Candidates for conflicts known by their three texts alone, such as rows already mined.

A row mined before a generator was there can be given its candidates without mining again, if the
generator looks at nothing but the texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.learn.equality import normalised
from tiebreak.learn.examples import Proposal
from tiebreak.resolve import propose
from tiebreak.text.checks import CHECKS
from tiebreak.text.document import Document, Region
from tiebreak.text.generators import combos, renames, sides
from tiebreak.text.language import language_for
from tiebreak.text.toolbox import TOOLBOX

if TYPE_CHECKING:
    from tiebreak.conflict import Candidate
    from tiebreak.learn.examples import Example

TEXT_ONLY: Final = TOOLBOX._replace(
    generators=(
        ("renames", renames.generate),
        ("sides", sides.generate),
        ("combos", combos.generate),
    ),
    checks=CHECKS,
)

PLACES: Final = {name: place for place, (name, _) in enumerate(TOOLBOX.generators)}


def proposals_for(base: bytes, ours: bytes, theirs: bytes, path: str) -> list[Candidate[bytes]]:
    """What the generators that look at a hunk's three texts alone propose, and no check vetoes."""
    document = Document(path, [Region(base, ours, theirs, None)], language_for(path))
    passed, _ = propose(document.hunks[0], TEXT_ONLY)
    return passed


def extended(example: Example) -> Example:
    """The example with the candidates that its row lacks.

    They come behind those that it has, but for the name: as in `tiebreak.resolve.propose`, what is
    no proof is named by the first generator of the table.
    """
    found = {proposal.value: proposal for proposal in example.proposals}
    wanted = normalised(example.resolution)
    for c in proposals_for(example.base, example.ours, example.theirs, example.path):
        known = found.get(c.value)
        if known is None or (_place(c.generator) < _place(known.generator) and not known.provable):
            equal = normalised(c.value) == wanted
            found[c.value] = Proposal(
                c.generator, c.stratum, c.provable, len(c.drops), c.value, equal
            )
    return example._replace(proposals=tuple(found.values()))


def _place(generator: str) -> int:
    """Where a generator stands in the table; what is no longer there comes last."""
    return PLACES.get(generator, len(PLACES))

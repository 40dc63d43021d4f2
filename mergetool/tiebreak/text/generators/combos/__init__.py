"""Combinations of what is in a hunk: everything people make of it that no surer generator proposes.

They look at the three texts alone, prove nothing, and are there to be ranked; the rule judge only
suggests them. Each idea is a module whose ``propose(sides)`` yields drafts, the likeliest first;
the table says how many of them are taken. Texts that differ in blanks only count as one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.conflict import Candidate
from tiebreak.record import NamedTuple
from tiebreak.text.generators.combos import (
    edit_subsets,
    line_merge,
    nothing,
    one_line,
    primitives,
    switches,
    unions,
)
from tiebreak.text.generators.combos.draft import bare, cut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tiebreak.text.document import Hunk, Region
    from tiebreak.text.generators.combos.draft import Draft, Sides

NAME: Final = "combos"
LARGE: Final = 20_000  # bytes of the three texts: larger hunks are not combined


class Idea(NamedTuple):
    """A way to combine: its name in the stratum, and how many of its new texts are taken."""

    name: str
    propose: Callable[[Sides], Iterator[Draft]]
    most: int


# By how often what they add is right, per text; measured by `tiebreak.learn.oracle`.
IDEAS: Final = (
    Idea("line-merge", line_merge.propose, 3),
    Idea("unions", unions.propose, 5),
    Idea("empty", nothing.propose, 1),
    Idea("line-edits", edit_subsets.propose_lines, 3),
    Idea("primitives", primitives.propose, 2),
    Idea("token-edits", edit_subsets.propose_tokens, 5),
    Idea("switches", switches.propose, 10),
    Idea("one-line", one_line.propose, 4),
)


def generate(hunk: Hunk) -> Iterator[Candidate[bytes]]:
    """The texts of all ideas that are neither a side, nor base, nor one side after the other."""
    region = hunk.region
    if len(region.base) + len(region.ours) + len(region.theirs) > LARGE:
        return
    sides = cut(region.base, region.ours, region.theirs)
    seen = _plain(region)
    ended = any(map(_ended, (region.ours, region.theirs)))
    for idea in IDEAS:
        left = idea.most
        for draft in idea.propose(sides):
            text = bare(draft.text)
            if text in seen:
                continue
            seen.add(text)
            value = draft.text if ended else draft.text.rstrip(b"\r\n")
            drops = (draft.drops,) if draft.drops else ()
            yield Candidate(value, NAME, draft.why, f"{NAME}/{idea.name}/{draft.kind}", drops=drops)
            left -= 1
            if not left:
                break


def _plain(region: Region) -> set[bytes]:
    """What the generator of plain answers has, without blanks."""
    base, ours, theirs = (bare(text) for text in (region.base, region.ours, region.theirs))
    return {base, ours, theirs, ours + theirs, theirs + ours}


def _ended(text: bytes) -> bool:
    return not text or text.endswith(b"\n")

"""The three-way merge of a hunk's lines, compared without the blanks around them.

Where sub-conflicts are left they are filled as those of tokens are: MergeBERT's nine primitives by
a beam (arXiv 2109.00084, section 4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.text.anchors import Budget
from tiebreak.text.fillings import fillings
from tiebreak.text.generators.combos.draft import Draft
from tiebreak.text.lexer import CODE
from tiebreak.text.tokens import merge_token_lists

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tiebreak.text.fillings import Filling
    from tiebreak.text.generators.combos.draft import Sides

STEPS: Final = 60_000
MOST: Final = 12  # fillings made; most of them other generators have too


def propose(sides: Sides) -> Iterator[Draft]:
    """The clean merge, or the likeliest fillings of its sub-conflicts."""
    merged = merge_token_lists(*sides, CODE, Budget(STEPS))
    if merged is None:
        return
    if merged.value is not None:
        yield Draft(merged.value, "clean", "the edits do not overlap, line by line", "")
        return
    yield from map(_draft, fillings(merged, MOST))


def _draft(filling: Filling) -> Draft:
    choices = filling.choices
    kind = choices[0].stratum.partition("/")[0] if len(choices) == 1 else "several"
    why = "line merge; where the edits overlap: " + ", ".join(choice.words for choice in choices)
    drops = dict.fromkeys(choice.drops for choice in choices if choice.drops)
    return Draft(filling.text, kind, why, "; ".join(drops))

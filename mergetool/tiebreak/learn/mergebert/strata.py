"""What people made of a hunk: the kinds that results are reported by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.learn.mergebert.labels import bare
from tiebreak.text.lexer import SPACE, tokenise

if TYPE_CHECKING:
    from tiebreak.learn.examples import Example

ONE_SIDE: Final = "one side"
BASE: Final = "base"
BOTH: Final = "one side after the other"
MIXED: Final = "mixed"  # other arrangements of tokens that the three sides have
NEW: Final = "new tokens"


def stratum_of(example: Example) -> str:
    """The kind of a hunk's resolution, modulo white space."""
    base, ours, theirs, made = map(
        bare, (example.base, example.ours, example.theirs, example.resolution)
    )
    if made in {ours, theirs}:
        return ONE_SIDE
    if made == base:
        return BASE
    if made in {ours + theirs, theirs + ours}:
        return BOTH
    known = {
        token
        for side in (example.base, example.ours, example.theirs)
        for token in tokenise(side, SPACE)
    }
    made_of = {token for token in tokenise(example.resolution, SPACE) if token.strip()}
    return MIXED if made_of <= known else NEW

"""The nine ways in which a token sub-conflict may be resolved (MergeBERT, section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.text.tokens import TokenConflict

NAMES: Final = (
    "ours",
    "theirs",
    "base",
    "ours theirs",
    "theirs ours",
    "ours less base",
    "theirs less base",
    "ours theirs less base",
    "theirs ours less base",
)
SWAPPED: Final = (1, 0, 2, 4, 3, 6, 5, 8, 7)  # the label of each when the sides change places
OTHER: Final = 255  # where a label is stored: the resolution is none of the nine


def fillings(conflict: TokenConflict) -> tuple[bytes, ...]:
    """What each of the nine puts in place of a sub-conflict, in the order of `NAMES`.

    >>> fillings(TokenConflict((b"max",), (b"min",), (b"max", b"x")))[5:7]
    (b'min', b'x')
    """
    base, ours, theirs = conflict.base, conflict.ours, conflict.theirs
    known = set(base)
    mine, other = _without(ours, known), _without(theirs, known)
    chosen = (ours, theirs, base, ours + theirs, theirs + ours)
    fewer = (mine, other, mine + other, other + mine)
    return tuple(b"".join(tokens) for tokens in chosen + fewer)


def _without(tokens: Sequence[bytes], known: set[bytes]) -> tuple[bytes, ...]:
    """The tokens that are not `known`; blanks stay, or what is left would run together."""
    return tuple(token for token in tokens if token not in known or not token.strip())

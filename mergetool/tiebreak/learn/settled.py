"""How people settled a conflict: what of the three versions their resolution is made of.

The kinds exclude each other and every resolution has one; white space is left out, as everywhere
where resolutions are compared. They are known afterwards alone: of a judge they tell where it errs,
not when to trust it. Whether the tokens of the sides can be merged without a conflict is known
before (MergeBERT, Svyatkovskiy et al., ESEC/FSE 2022, section 4, resolves those by that merge).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.learn.equality import normalised
from tiebreak.ranker.columns import lex
from tiebreak.text.generators.combos.draft import filled
from tiebreak.text.lexer import CODE
from tiebreak.text.tokens import merge_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tiebreak.learn.examples import Example

SIDE: Final = "one side"
NEITHER: Final = "base, or nothing"
TURNS: Final = "one side after the other"
LINES: Final = "other lines of the versions"
TOKENS: Final = "other tokens of the versions"
NEW: Final = "new tokens"
KINDS: Final = (SIDE, NEITHER, TURNS, LINES, TOKENS, NEW)


def settled(base: bytes, ours: bytes, theirs: bytes, resolution: bytes) -> str:
    r"""Which of `KINDS` a resolution is.

    >>> settled(b"a\n", b"b\n", b"c\n", b" b\n"), settled(b"a\n", b"b\n", b"c\n", b"c\nb\n")
    ('one side', 'one side after the other')
    >>> settled(b"a = 1\n", b"a = 2\n", b"b = 1\n", b"b = 2\n")
    'other tokens of the versions'
    """
    versions = (base, ours, theirs)
    wanted = normalised(resolution)
    if wanted in {normalised(ours), normalised(theirs)}:
        return SIDE
    if wanted in {normalised(base), b""}:
        return NEITHER
    if wanted in {normalised(ours + theirs), normalised(theirs + ours)}:
        return TURNS
    if _made_of(resolution, versions, _lines):
        return LINES
    return TOKENS if _made_of(resolution, versions, lex) else NEW


def clean(example: Example) -> bool:
    """Whether the tokens of the sides merge without a conflict."""
    merged = merge_tokens(example.base, example.ours, example.theirs, CODE)
    return merged is not None and merged.value is not None


def _made_of(
    resolution: bytes, versions: Iterable[bytes], cut: Callable[[bytes], Iterable[bytes]]
) -> bool:
    return set(cut(resolution)) <= {part for version in versions for part in cut(version)}


def _lines(text: bytes) -> set[bytes]:
    return filled(text.splitlines())

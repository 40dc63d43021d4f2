"""Filling the sub-conflicts of a token merge with what people usually choose.

MergeBERT's nine primitives: a side, base, the sides one after the other, the same without base's
tokens; and both edits where they only touch. What a side did to base, next to what the other did,
says far more than which side it is: of two insertions the one that holds the other is right three
times in four.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tiebreak.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tiebreak.text.tokens import TokenConflict, TokenMerge

ALIKE: Final = 0.75  # of the words of the smaller of two insertions
TAKEN: Final = {"edits": 0.25, "alike": 0.42, "apart": 0.16}  # how often one side is taken
IN_TURN: Final = {"edits": (0.05, 0.03), "alike": (0.05, 0.04), "apart": (0.33, 0.24)}
LARGER: Final = "larger-insertion"
RETURNS: Final = "each side's deletions, where the edits overlap"
LESS: Final = "words of base that a side kept, where the edits overlap"

_WORD = re.compile(rb"[\w\x80-\xff]{2,}")


class Choice(NamedTuple):
    """One way to fill one sub-conflict; `share` is about how often people choose it."""

    words: str
    stratum: str
    share: float
    text: bytes
    drops: str = ""  # what it leaves out, in words


class Filling(NamedTuple):
    """A whole text: every sub-conflict filled; `share` is the product over the choices."""

    share: float
    text: bytes
    choices: tuple[Choice, ...]


def fillings(merged: TokenMerge, most: int) -> list[Filling]:
    """The `most` likeliest combinations of choices, by a beam over the sub-conflicts."""
    beam = [Filling(1.0, b"", ())]
    for part in merged.parts:
        if isinstance(part, bytes):
            beam = [f._replace(text=f.text + part) for f in beam]
            continue
        choices = _choices(part)
        longer = [
            Filling(f.share * choice.share, f.text + choice.text, (*f.choices, choice))
            for f in beam
            for choice in choices
        ]
        beam = sorted(longer, key=lambda f: -f.share)[:most]
    return beam


def _choices(conflict: TokenConflict) -> list[Choice]:
    """The choices for one sub-conflict, one per text: the likeliest."""
    found: dict[bytes, Choice] = {}
    for choice in sorted(_all(conflict), key=lambda choice: -choice.share):
        found.setdefault(choice.text, choice)
    return list(found.values())


def _all(conflict: TokenConflict) -> Iterator[Choice]:
    base, ours, theirs, both = conflict
    if both is not None:
        yield Choice("both edits", "both", 0.5, both)
    yield _side(("ours", "theirs"), ours, theirs, base)
    yield _side(("theirs", "ours"), theirs, ours, base)
    yield from _concatenations(ours, theirs, base)
    yield Choice("base", "base", 0.004, b"".join(base), "both sides' edits, where they overlap")


def _concatenations(
    ours: Sequence[bytes], theirs: Sequence[bytes], base: Sequence[bytes]
) -> Iterator[Choice]:
    """One side after the other, and one or both without base's tokens."""
    kind = _kind(ours, theirs, base)
    in_turn, in_reverse = IN_TURN[kind]
    less = [_without(side, base) for side in (ours, theirs)]
    full = [b"".join(side) for side in (ours, theirs)]
    drops = RETURNS if base else ""
    for name, stratum, share, (first, second), lost in (
        ("ours then theirs", f"in-turn/{kind}", in_turn, full, drops),
        ("theirs then ours", f"in-reverse/{kind}", in_reverse, full[::-1], drops),
        ("ours then theirs less base", "less-base", 0.010, less, LESS),
        ("theirs then ours less base", "less-base", 0.008, less[::-1], LESS),
        ("ours less base", "less-base", 0.006, (less[0], b""), LESS),
        ("theirs less base", "less-base", 0.006, (less[1], b""), LESS),
    ):
        glued = _WORD.fullmatch(first[-1:] + second[:1])  # the seam would make one word of two
        if not glued:
            yield Choice(name, stratum, share, first + second, lost)


def _without(tokens: Sequence[bytes], base: Sequence[bytes]) -> bytes:
    gone = {token for token in base if token.strip()}
    return b"".join(token for token in tokens if token not in gone)


class Bare(NamedTuple):
    """A sub-conflict seen from one side, its tokens without blanks."""

    mine: list[bytes]
    other: list[bytes]
    base: list[bytes]


class Relation(NamedTuple):
    """What the edit of the side taken is to the other's, and how often taking it is right."""

    stratum: str
    share: float
    holds: Callable[[Bare], bool]


def _within(a: Sequence[bytes], b: Sequence[bytes]) -> bool:
    """Whether `a` is left of `b` when some tokens are taken out."""
    rest = iter(b)
    return all(token in rest for token in a)


# In this order. Shares measured on the tuning half of the replayed repositories.
RELATIONS: Final = (
    Relation(LARGER, 0.75, lambda x: not x.base and bool(x.other) and _within(x.other, x.mine)),
    Relation("smaller-insertion", 0.15, lambda x: not x.base and _within(x.mine, x.other)),
    Relation("deletion-of-grown", 0.45, lambda x: not x.mine and _within(x.base, x.other)),
    Relation("deletion", 0.70, lambda x: not x.mine),
    Relation("undeleted", 0.20, lambda x: not x.other),
    Relation("grown", 0.09, lambda x: _within(x.base, x.mine) and not _within(x.base, x.other)),
    Relation("rewritten", 0.43, lambda x: _within(x.base, x.other) and not _within(x.base, x.mine)),
)


def _side(
    names: tuple[str, str], side: Sequence[bytes], other: Sequence[bytes], base: Sequence[bytes]
) -> Choice:
    """One side of a sub-conflict, by the first relation that holds, else by its name."""
    name, other_name = names
    text = b"".join(side)
    bare = Bare(*([t for raw in tokens if (t := raw.strip())] for tokens in (side, other, base)))
    drops = f"{other_name}, where the edits overlap"
    for relation in RELATIONS:
        if relation.holds(bare):
            lost = "" if relation.stratum == LARGER else drops  # it holds the other's
            return Choice(name, relation.stratum, relation.share, text, lost)
    kind = _kind(side, other, base)
    share = TAKEN[kind] + (0.01 if name == "ours" else 0.0)
    return Choice(name, f"{name}/{kind}", share, text, drops)


def _kind(side: Sequence[bytes], other: Sequence[bytes], base: Sequence[bytes]) -> str:
    """Two edits of base; or two insertions of the same words (one replaces the other), or not."""
    if base:
        return "edits"
    here, there = (set(_WORD.findall(b"".join(tokens))) for tokens in (side, other))
    alike = len(here & there) >= ALIKE * min(len(here), len(there)) > 0
    return "alike" if alike else "apart"

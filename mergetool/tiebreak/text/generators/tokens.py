"""Candidates from the token-level three-way merge under three tokenisations.

A clean merge is one candidate; its stratum says how many doubts there are about it
(`tiebreak.text.doubts`). Where sub-conflicts are left, each is filled with what MergeBERT calls
primitives (one side, base, one side after the other, the same without base's tokens), the most
likely combinations first: those are suggestions.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from tiebreak.conflict import Candidate
from tiebreak.text.anchors import STEPS, Budget
from tiebreak.text.coarse import LARGE, merge_large
from tiebreak.text.document import SIDES
from tiebreak.text.doubts import Edits
from tiebreak.text.fillings import Filling, fillings
from tiebreak.text.lexer import CODE, PIECES, SPACE, tokenise, tokenise_leaves
from tiebreak.text.tokens import TokenMerge, merge_token_lists
from tiebreak.text.words import words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tiebreak.text.document import Document, Hunk

NAME: Final = "tokens"
MOST: Final = 16  # candidates per hunk
FILLED: Final = 6  # sub-conflicts; of hunks that are not clean, 93 % leave one or two
EXACT_STEPS: Final = 240_000  # enough to merge a small hunk exactly under all tokenisations
LEAST_STEPS: Final = 20_000  # for each of very many hunks
PREFERRED: Final = (CODE, SPACE, PIECES)  # by the precision of their clean merges
STRATA: Final = ("clear", "one-doubt", "two-doubts", "three-doubts", "many-doubts")

# Where the generic lexer may be wrong, and a syntax tree is worth its time: strings and comments of
# several lines, Rust's lifetimes. Elsewhere the leaves gave the same merges on real conflicts.
_HARD = re.compile(rb"\"\"\"|'''|`|/\*|\*/|[<&]'")


def generate(hunk: Hunk) -> Iterator[Candidate[bytes]]:
    """Clean merges of the three tokenisations, then fillings of what is left, at most `MOST`."""
    merges = merge(hunk)
    seen: set[bytes] = set()
    for candidate in [*_clean(hunk, merges), *_filled(merges)]:
        if candidate.value not in seen and len(seen) < MOST:
            seen.add(candidate.value)
            yield candidate


def merge(hunk: Hunk) -> dict[str, TokenMerge]:
    """The token merges of a hunk, by tokenisation, as far as the work budget goes."""
    document, region = hunk.document, hunk.region
    size = len(region.base) + len(region.ours) + len(region.theirs)
    budget = _budget(document, size)
    if size > LARGE:
        texts = (region.base, region.ours, region.theirs)
        return merge_large(texts, PREFERRED, budget)
    merges: dict[str, TokenMerge] = {}
    hard = any(_HARD.search(region.side(side)) for side in SIDES)
    for how in PREFERRED:
        base, ours, theirs = (_tokens(hunk, side, how, hard=hard) for side in SIDES)
        merged = merge_token_lists(base, ours, theirs, how, budget)
        if merged is not None:
            merges[how] = merged
    return merges


def _budget(document: Document, size: int) -> Budget:
    """A hunk's part of its file's budget: by its size, but enough for a small one among large."""
    hunks, total = _conflicts(document)
    least = max(LEAST_STEPS, min(EXACT_STEPS, STEPS // hunks))
    return Budget(max(STEPS * size // max(1, total), least))


@lru_cache(maxsize=1)
def _conflicts(document: Document) -> tuple[int, int]:
    """The number of all conflicts of a file, and their bytes."""
    hunks = [region for region in document.regions if region.is_conflict]
    return len(hunks), sum(len(region.side(side)) for region in hunks for side in SIDES)


def _tokens(hunk: Hunk, side: str, how: str, *, hard: bool) -> list[bytes]:
    document = hunk.document
    tree = document.tree(document.texts[side]) if hard else None
    if tree is None:
        return tokenise(hunk.region.side(side), how)
    return tokenise_leaves(tree, document.texts[side], hunk.span(side), how)


def _clean(hunk: Hunk, merges: dict[str, TokenMerge]) -> Iterator[Candidate[bytes]]:
    """The distinct clean merges, that of the most precise tokenisation first."""
    all_clean = all(merged.value is not None for merged in merges.values())
    for how, merged in merges.items():
        if merged.value is not None:
            stratum, why = _judged(how, merged, all_clean=all_clean)
            drops = _respelled(hunk, merged.value) if how == PIECES else ()
            yield Candidate(merged.value, NAME, why, f"{NAME}/{stratum}", drops=drops)


def _respelled(hunk: Hunk, value: bytes) -> tuple[str, ...]:
    """The names that a side added and a merge inside names made into other names."""
    kept = words(value).keys() | words(hunk.region.base).keys()
    lost = (words(hunk.region.ours).keys() | words(hunk.region.theirs).keys()) - kept
    return tuple(f"the spelling {word.decode('utf-8', 'replace')}" for word in sorted(lost))


def _judged(how: str, merged: TokenMerge, *, all_clean: bool) -> tuple[str, str]:
    """The stratum of a clean merge, and the words for it."""
    edits = Edits.of(merged.base, merged.edits)
    if edits.one_sided:
        blanks = not edits.same
        why = "one side changed only white space" if blanks else "one side has all of the other"
        return ("blanks" if blanks else "contained"), why
    doubts = edits.doubts()
    if not all_clean:
        doubts.append(f"clean by {how} tokens only")
    stratum = STRATA[min(len(doubts), len(STRATA) - 1)]
    return stratum, "; ".join(["the edits do not overlap, token by token", *doubts])


def _filled(merges: dict[str, TokenMerge]) -> list[Candidate[bytes]]:
    """Fillings of the merges that are not clean, most likely first.

    Not where many sub-conflicts are left, or large ones: nobody would find the one that is right.
    """
    found = [
        filling
        for merged in merges.values()
        if 0 < len(merged.conflicts) <= FILLED and sum(map(len, merged.base)) <= LARGE
        for filling in fillings(merged, MOST)
    ]
    found.sort(key=lambda filling: -filling.share)
    return [_candidate(filling) for filling in found]


def _candidate(filling: Filling) -> Candidate[bytes]:
    choices = filling.choices
    stratum = choices[0].stratum if len(choices) == 1 else "several"
    drops = tuple(dict.fromkeys(choice.drops for choice in choices if choice.drops))
    why = "token merge; where the edits overlap: " + ", ".join(choice.words for choice in choices)
    return Candidate(filling.text, NAME, why, f"{NAME}/filled/{stratum}", drops=drops)

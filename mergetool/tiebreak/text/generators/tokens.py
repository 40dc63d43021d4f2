"""Candidates from the token-level three-way merge under three tokenisations.

A clean merge is one candidate. Where sub-conflicts are left, each is filled with what MergeBERT
calls primitives (one side, base, one side after the other, the same without base's tokens), the
most likely combinations first: those are suggestions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from tiebreak.conflict import Candidate
from tiebreak.text.anchors import Budget
from tiebreak.text.lexer import TOKENISATIONS, tokenise
from tiebreak.text.tokens import STEPS, TokenConflict, TokenMerge, merge_token_lists

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tiebreak.text.document import Hunk

NAME: Final = "tokens"
MOST: Final = 16  # candidates per hunk


class Filling(NamedTuple):
    """One way to fill sub-conflicts: its share among people's choices, and the words for it."""

    share: float
    text: bytes
    names: tuple[str, ...]


def generate(hunk: Hunk) -> Iterator[Candidate[bytes]]:
    """Clean merges of the three tokenisations, then fillings of what is left, at most `MOST`."""
    budget = Budget(STEPS)
    merges = {how: merge(hunk, how, budget) for how in TOKENISATIONS}
    seen: dict[bytes, None] = {}
    found: list[Candidate[bytes]] = []
    for candidate in [*_clean(merges), *_filled(merges)]:
        if candidate.value not in seen:
            seen[candidate.value] = None
            found.append(candidate)
    yield from found[:MOST]


def merge(hunk: Hunk, how: str, budget: Budget) -> TokenMerge | None:
    """The token merge of a hunk."""
    language = hunk.document.language
    base, ours, theirs = (
        tokenise(hunk.region.side(side), language, how) for side in ("base", "ours", "theirs")
    )
    return merge_token_lists(base, ours, theirs, how, budget)


def _clean(merges: dict[str, TokenMerge | None]) -> Iterator[Candidate[bytes]]:
    clean = {how: m.value for how, m in merges.items() if m is not None and m.value is not None}
    agree = len(clean) == len(merges) and len(set(clean.values())) == 1
    for how, value in clean.items():
        why = "the edits do not overlap, token by token"
        yield Candidate(value, NAME, why, f"tokens/{'all' if agree else how}")


def _filled(merges: dict[str, TokenMerge | None]) -> list[Candidate[bytes]]:
    """Fillings of all merges that are not clean, most likely first."""
    fillings = [
        (filling, how)
        for how, merged in merges.items()
        if merged is not None and merged.value is None
        for filling in _beam(merged)
    ]
    fillings.sort(key=lambda pair: -pair[0].share)
    return [_candidate(filling, how) for filling, how in fillings]


def _candidate(filling: Filling, how: str) -> Candidate[bytes]:
    names = sorted(set(filling.names))
    stratum = names[0] if len(filling.names) == 1 else "several"
    drops = tuple(DROPS[name] for name in names if DROPS[name])
    why = "token merge, filling what overlaps with " + ", ".join(filling.names)
    return Candidate(filling.text, NAME, why, f"tokens-filled/{stratum}", drops=drops)


def _beam(merged: TokenMerge) -> list[Filling]:
    """The `MOST` likeliest combinations of primitives over the sub-conflicts."""
    beam = [Filling(1.0, b"", ())]
    for part in merged.parts:
        if isinstance(part, bytes):
            beam = [f._replace(text=f.text + part) for f in beam]
            continue
        options = _options(part)
        longer = [
            Filling(f.share * share, f.text + text, (*f.names, name))
            for f in beam
            for name, share, text in options
        ]
        beam = sorted(longer, key=lambda f: -f.share)[:MOST]
    return beam


def _options(conflict: TokenConflict) -> list[tuple[str, float, bytes]]:
    """The distinct texts that the primitives give for one sub-conflict, likeliest first."""
    found: dict[bytes, tuple[str, float]] = {}
    for name, share, fill in PRIMITIVES:
        text = fill(conflict)
        if text is not None:
            found.setdefault(text, (name, share))
    return [(name, share, text) for text, (name, share) in found.items()]


def _without(tokens: Sequence[bytes], base: Sequence[bytes]) -> bytes:
    gone = {token for token in base if token.strip()}
    return b"".join(token for token in tokens if token not in gone)


# Shares of people's choices among sub-conflicts of real merges: ours 44.5 %, theirs 39.7 %, both in
# order 8.2 %, in reverse 4.2 %, the others 3.4 % together.
PRIMITIVES: Final[tuple[tuple[str, float, Callable[[TokenConflict], bytes | None]], ...]] = (
    ("both edits", 0.5, lambda c: c.both if c.disjoint else None),
    ("ours", 0.445, lambda c: b"".join(c.ours)),
    ("theirs", 0.397, lambda c: b"".join(c.theirs)),
    ("ours then theirs", 0.082, lambda c: b"".join((*c.ours, *c.theirs))),
    ("theirs then ours", 0.042, lambda c: b"".join((*c.theirs, *c.ours))),
    ("ours then theirs less base", 0.010, lambda c: _without((*c.ours, *c.theirs), c.base)),
    ("theirs then ours less base", 0.008, lambda c: _without((*c.theirs, *c.ours), c.base)),
    ("ours less base", 0.006, lambda c: _without(c.ours, c.base)),
    ("theirs less base", 0.006, lambda c: _without(c.theirs, c.base)),
    ("base", 0.004, lambda c: b"".join(c.base)),
)
DROPS: Final = {
    "both edits": "",
    "ours": "theirs, where the edits overlap",
    "theirs": "ours, where the edits overlap",
    "ours then theirs": "each side's deletions, where the edits overlap",
    "theirs then ours": "each side's deletions, where the edits overlap",
    "ours then theirs less base": "words of base that a side kept, where the edits overlap",
    "theirs then ours less base": "words of base that a side kept, where the edits overlap",
    "ours less base": "theirs, where the edits overlap",
    "theirs less base": "ours, where the edits overlap",
    "base": "both sides' edits, where they overlap",
}

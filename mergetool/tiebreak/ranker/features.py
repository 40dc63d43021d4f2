"""What is counted about a candidate: plain numbers, beside the sequence of its tokens.

Every feature that speaks of one side has a partner that says the same of the other; `swap_order`
gives the order of the features after the sides have changed places, so that a judge can be trained
on both views of a conflict.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from math import log1p
from typing import TYPE_CHECKING, Final

from tiebreak.ranker.columns import (
    ADDED,
    ALL,
    BASE,
    CONTEXT,
    OURS,
    TAKEN,
    THEIRS,
    lex,
    swapped,
)
from tiebreak.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tiebreak.ranker.columns import Alignment, Placed

_WORD: Final = re.compile(rb"[^\W\d]")
_NUMBER: Final = re.compile(rb"\d+")
IMPORT: Final = re.compile(rb"\s*(import|from|use|using|#include|require|package)\b")
_COMMENT: Final = re.compile(rb"\s*(//|#|\*|/\*|--|;|\"\"\")")
OPENING: Final = (b"(", b"[", b"{")
CLOSING: Final = (b")", b"]", b"}")
SIDES: Final = ((OURS, "ours"), (THEIRS, "theirs"))


class Setting(NamedTuple):
    """What is known about a hunk's file and merge."""

    hunks: int  # in conflict in this file
    ours_regions: int  # of this file, that only ours changed
    theirs_regions: int
    code: bool  # a language with a grammar, not a plain text


class Texts(NamedTuple):
    """The three texts of a hunk."""

    base: bytes
    ours: bytes
    theirs: bytes


class Known(NamedTuple):
    """What is counted once for all candidates of a hunk."""

    texts: Texts
    alignment: Alignment
    words: tuple[Counter[bytes], ...]  # of base, ours, theirs
    lines: Counter[bytes]  # as often as the version has each that has it most often

    @classmethod
    def of(cls, texts: Texts, alignment: Alignment) -> Known:
        """Count."""
        lines: Counter[bytes] = Counter()
        for text in texts:
            lines |= _lines(text)
        return cls(texts, alignment, tuple(map(Counter, alignment.sides)), lines)


class Hand(NamedTuple):
    """What the generators and the rule judge say of one candidate."""

    value: bytes
    stratum: str
    prior: float  # the measured precision of its stratum
    place: int  # in the rule judge's order, from 0
    proposals: int  # of generators, of this text modulo white space
    provable: bool
    drops: int


def of_hunk(known: Known, setting: Setting, hands: int) -> dict[str, float]:
    """What is the same for all candidates of a hunk."""
    texts, alignment = known.texts, known.alignment
    found = {
        "hunks": log1p(setting.hunks),
        "regions/ours": log1p(setting.ours_regions),
        "regions/theirs": log1p(setting.theirs_regions),
        "grammar": float(setting.code),
        "candidates": log1p(hands),
    }
    versions = Counter(alignment.versions)
    for bits in range(1, ALL + 1):
        found[f"columns/{bits}"] = log1p(versions[bits])
    lines = {name: text.splitlines() for name, text in texts._asdict().items()}
    for name, all_lines in lines.items():
        found[f"lines/{name}"] = log1p(len(all_lines))
        found[f"imports/{name}"] = _share(all_lines, IMPORT.match)
        found[f"comments/{name}"] = _share(all_lines, _COMMENT.match)
    for bit, name in SIDES:
        new = [
            t
            for t, v in zip(alignment.tokens, alignment.versions, strict=True)
            if v & bit and not v & BASE
        ]
        found[f"new-numbers/{name}"] = _share(new, _NUMBER.fullmatch)
        found[f"new-words/{name}"] = _share(new, _WORD.match)
        side = getattr(texts, name)
        found[f"blanks-only/{name}"] = float(b"".join(side.split()) == b"".join(texts.base.split()))
    ours, theirs = (Counter(getattr(texts, name).split()) for name in ("ours", "theirs"))
    found["alike"] = _alike(ours, theirs)
    return found


def of_candidate(known: Known, placed: Placed, hand: Hand) -> dict[str, float]:
    """What is told of one candidate."""
    codes = Counter(placed.codes)
    found = {f"code/{code}": log1p(codes[code]) for code in range(1, CONTEXT) if code != TAKEN}
    for bit, name in SIDES:
        other = ALL & ~BASE & ~bit
        found[f"kept/{name}"] = _ratio(codes[bit | TAKEN], codes[bit])
        gone = _either(codes, BASE | other)
        found[f"removed/{name}"] = _ratio(gone[1], gone[0])
    found["kept/both"] = _ratio(codes[ALL & ~BASE | TAKEN], codes[ALL & ~BASE])
    has = zip(placed.tokens, placed.codes, strict=True)
    words = Counter(token for token, code in has if code & (TAKEN | ADDED))
    seams = [token for token, seam in zip(placed.tokens, placed.seams, strict=True) if seam]
    found["seams"] = log1p(len(seams))
    found["word-seams"] = log1p(sum(_WORD.match(token) is not None for token in seams))
    found["tokens"] = log1p(words.total())
    for name, there in zip(Texts._fields, known.words, strict=True):
        found[f"alike/{name}"] = _alike(words, there)
        found[f"same/{name}"] = float(words == there)
    found |= _balance(words, known.words)
    found["repeated-lines"] = log1p(sum((_lines(hand.value) - known.lines).values()))
    found["prior"] = hand.prior
    found["place"] = log1p(hand.place)
    found["proposals"] = log1p(hand.proposals)
    found["provable"] = float(hand.provable)
    found["drops"] = log1p(hand.drops)
    return found


def _either(codes: Counter[int], versions: int) -> tuple[int, int]:
    return codes[versions | TAKEN], codes[versions]


def _ratio(part: int, rest: int) -> float:
    """The share of `part`; -1 where there is nothing to have a share of."""
    return part / (part + rest) if part + rest else -1.0


def _share(items: Sequence[bytes], holds: Callable[[bytes], object]) -> float:
    return sum(holds(item) is not None for item in items) / len(items) if items else 0.0


def _alike(a: Counter[bytes], b: Counter[bytes]) -> float:
    """Jaccard similarity of two bags."""
    union = sum((a | b).values())
    return sum((a & b).values()) / union if union else 1.0


def _balance(words: Counter[bytes], bags: Sequence[Counter[bytes]]) -> dict[str, float]:
    """How far the brackets of a candidate are from those of the version that is nearest to it."""
    distance = 0
    for opening, closing in zip(OPENING, CLOSING, strict=True):
        mine = words[opening] - words[closing]
        distance += min(abs(mine - (bag[opening] - bag[closing])) for bag in bags)
    return {"unbalanced": log1p(distance)}


def _lines(text: bytes) -> Counter[bytes]:
    return Counter(line for raw in text.splitlines() if _WORD.search(line := raw.strip()))


def names() -> list[str]:
    """The names of all features, in the order in which the model takes them."""
    return list(_names())


@cache
def _names() -> tuple[str, ...]:
    from tiebreak.ranker import consistency, past
    from tiebreak.ranker.columns import Alignment
    from tiebreak.ranker.elsewhere import alone
    from tiebreak.text.document import Region

    texts = Texts(b"a\n", b"b\n", b"c\n")
    known = Known.of(texts, Alignment(*map(lex, texts)))
    hand = Hand(b"b\n", "", 0.0, 0, 1, provable=False, drops=0)
    hunk = of_hunk(known, Setting(1, 0, 0, code=True), 1) | past.of_hunk(None)
    own = of_candidate(known, known.alignment.place(b"b\n"), hand)
    around = consistency.Around.of(texts, alone(Region(*texts, None), ()))
    return (*hunk, *own, *past.of_candidate(None, b""), *consistency.of_candidate(around, b"b\n"))


def of_network() -> list[str]:
    """Those that the network reads: all but what is told of the rest of the file."""
    return names()[: names().index("size")]


def partner(name: str) -> str:
    """The feature that says of theirs what this one says of ours, and the reverse."""
    kind, _, rest = name.partition("/")
    if kind in {"columns", "code"}:
        return f"{kind}/{swapped(int(rest))}"
    return f"{kind}/{ {'ours': 'theirs', 'theirs': 'ours'}.get(rest, rest) }" if rest else name


def swap_order(all_names: Iterable[str]) -> list[int]:
    """For each feature the index of its partner."""
    known = list(all_names)
    where = {name: index for index, name in enumerate(known)}
    return [where[partner(name)] for name in known]

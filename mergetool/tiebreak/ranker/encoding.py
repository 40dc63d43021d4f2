"""A hunk and its candidates as arrays, the same in training and at merge time.

A sequence is a candidate's columns (`tiebreak.ranker.columns`), cut to what is near an edit, each
token as a few pieces of a byte-level BPE vocabulary. Beside the piece stand the code of its column
(who has it), a number for its word (so that the same rare name is seen to be the same wherever it
occurs in the hunk), and whether it is a seam.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.ranker.columns import (
    ALL,
    CODES,
    CONTEXT,
    GAP,
    TAKEN,
    Alignment,
    Mark,
    lex,
)
from tiebreak.ranker.features import Hand, Known, Setting, Texts, of_candidate, of_hunk
from tiebreak.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Pieces = Callable[[bytes], list[int]]

__all__ = ["CODES", "Case", "Encoded", "Hand", "Sequence_", "Setting", "Texts", "encode"]

MOST: Final = 20  # candidates that are judged, the rule judge's best first
LONGEST: Final = 256  # pieces of a sequence
NEAR: Final = 6  # shared tokens that stay on each side of an edit
AROUND: Final = 12  # tokens of context before and after
PIECES: Final = 4  # of one token
WORDS: Final = 255  # numbers for words; 0 is for those beyond
TOKENS: Final = 1500  # of the three versions; larger hunks are not judged
PADDING: Final = 0  # the pieces that stand for no text
GAP_PIECE: Final = 1
SPECIAL: Final = ("[PAD]", "[GAP]")
WIDE: Final = LONGEST // 2


class Case(NamedTuple):
    """All that the judge may look at."""

    texts: Texts
    before: bytes
    after: bytes
    setting: Setting
    hands: Sequence[Hand]  # the candidates, at most `MOST`, no two alike modulo white space


class Sequence_(NamedTuple):  # noqa: N801  (`Sequence` is Python's)
    """One candidate: four numbers a piece, and its features."""

    pieces: list[int]
    codes: list[int]
    words: list[int]
    seams: list[bool]
    columns: list[int]  # of the three-way columns, -1 for none; for training only
    features: list[float]


class Encoded(NamedTuple):
    """A hunk as the model takes it."""

    sequences: list[Sequence_]
    alignment: Alignment


def encode(case: Case, pieces: Pieces) -> Encoded | None:
    """Encode a hunk; None when it is too large to be judged."""
    if sum(len(lex(text)) for text in case.texts) > TOKENS:
        return None
    alignment = Alignment(*case.texts)
    before, after = lex(case.before)[-AROUND:], lex(case.after)[:AROUND]
    numbers: dict[bytes, int] = {}
    for column in alignment.columns:
        numbers.setdefault(column.token, len(numbers) + 1)
    known = Known.of(case.texts, alignment)
    shared = of_hunk(known, case.setting, len(case.hands))
    sequences = []
    for hand in case.hands:
        marks = alignment.place(hand.value)
        own = of_candidate(known, marks, hand)
        framed = [*(Mark(t, CONTEXT) for t in before), *_near(marks), *(Mark(t, CONTEXT) for t in after)]
        sequences.append(_sequence(framed, numbers, pieces, [*shared.values(), *own.values()]))
    return Encoded(sequences, alignment)


def _near(marks: Sequence[Mark]) -> list[Mark]:
    """Leave out the middle of long stretches that all versions and the candidate share."""
    kept: list[Mark] = []
    start = 0
    same = ALL | TAKEN
    while start < len(marks):
        end = start
        while end < len(marks) and marks[end].code == same:
            end += 1
        if end == start:
            kept.append(marks[start])
            start += 1
            continue
        run = marks[start:end]
        head = NEAR if start else 0
        tail = NEAR if end < len(marks) else 0
        if len(run) > head + tail + 1:
            run = [*run[:head], Mark(b"", GAP), *run[len(run) - tail :]]
        kept += run
        start = end
    return kept


def _sequence(
    marks: Sequence[Mark], numbers: dict[bytes, int], pieces: Pieces, features: list[float]
) -> Sequence_:
    rows: list[tuple[int, int, int, bool, int]] = []
    for mark in marks:
        number = numbers.setdefault(mark.token, len(numbers) + 1)
        found = pieces(mark.token) if mark.token else [GAP_PIECE]
        if len(found) > PIECES:
            found = [*found[: PIECES - 1], found[-1]]
        word = number if number <= WORDS else 0
        rows += [(piece, mark.code, word, mark.seam, mark.column) for piece in found]
    if len(rows) > LONGEST:
        rows = [*rows[:WIDE], *rows[-WIDE:]]
    columns = [list(column) for column in zip(*rows, strict=True)] if rows else [[], [], [], [], []]
    return Sequence_(*columns, features=features)

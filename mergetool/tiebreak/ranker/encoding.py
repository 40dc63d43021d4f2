"""A hunk and its candidates as arrays, the same in training and at merge time.

A sequence is a candidate's columns (`tiebreak.ranker.columns`), cut to what is near an edit, each
token as a few pieces of a byte-level BPE vocabulary. Beside the piece stand the code of its column
(who has it), a number for its word (so that the same rare name is seen to be the same wherever it
occurs in the hunk), and whether it is a seam.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.ranker import consistency, past
from tiebreak.ranker.columns import (
    ALL,
    CODES,
    CONTEXT,
    GAP,
    TAKEN,
    Alignment,
    Placed,
    lex,
)
from tiebreak.ranker.elsewhere import alone
from tiebreak.ranker.features import Hand, Known, Setting, Texts, of_candidate, of_hunk
from tiebreak.record import NamedTuple
from tiebreak.text.document import Region

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tiebreak.lineage import Past
    from tiebreak.ranker.elsewhere import Elsewhere

    Pieces = Callable[[bytes], list[int]]

__all__ = ["CODES", "Case", "Encoded", "Hand", "Sequence_", "Setting", "Texts", "encode"]

MOST: Final = 24  # candidates that are judged, the rule judge's best first
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
    past: Past | None = None  # what the history says of the sides, where it is known
    elsewhere: Elsewhere | None = None  # the rest of the file, where it is known


class Sequence_(NamedTuple):  # noqa: N801  (`Sequence` is Python's)
    """One candidate: four numbers a piece, and its features."""

    pieces: list[int]
    codes: list[int]
    words: list[int]
    seams: list[int]
    columns: list[int]  # of the three-way columns, -1 for none; for training only
    features: list[float]


class Encoded(NamedTuple):
    """A hunk as the model takes it."""

    sequences: list[Sequence_]
    alignment: Alignment


def encode(case: Case, pieces: Pieces) -> Encoded | None:
    """Encode a hunk; None when it is too large to be judged."""
    alignment = _aligned(case)
    if alignment is None:
        return None
    before, after = lex(case.before)[-AROUND:], lex(case.after)[:AROUND]
    numbers: dict[bytes, int] = {}
    for token in alignment.tokens:
        numbers.setdefault(token, len(numbers) + 1)
    sequences = []
    for placed, features in _described(case, alignment):
        framed = _framed(before, _near(placed), after)
        sequences.append(_sequence(framed, numbers, pieces, features))
    return Encoded(sequences, alignment)


def features_of(case: Case) -> list[list[float]] | None:
    """The features of every candidate alone; None when the hunk is too large to be judged."""
    alignment = _aligned(case)
    return None if alignment is None else [found for _, found in _described(case, alignment)]


def _aligned(case: Case) -> Alignment | None:
    sides = [lex(text) for text in case.texts]
    return None if sum(map(len, sides)) > TOKENS else Alignment(*sides)


def _described(case: Case, alignment: Alignment) -> Iterator[tuple[Placed, list[float]]]:
    """Each candidate's place in the columns, and its features."""
    known = Known.of(case.texts, alignment)
    shared = of_hunk(known, case.setting, len(case.hands)) | past.of_hunk(case.past)
    elsewhere = case.elsewhere or alone(
        Region(*case.texts, None), [hand.value for hand in case.hands]
    )
    around = consistency.Around.of(case.texts, elsewhere)
    for hand in case.hands:
        placed = alignment.place(hand.value)
        own = of_candidate(known, placed, hand) | past.of_candidate(case.past, hand.value)
        fits = consistency.of_candidate(around, hand.value)
        yield placed, [*shared.values(), *own.values(), *fits.values()]


def _near(placed: Placed) -> Placed:
    """Leave out the middle of long stretches that all versions and the candidate share."""
    same = ALL | TAKEN
    codes = placed.codes
    near = Placed([], [], [], [])
    start = 0
    while start < len(codes):
        end = start
        while end < len(codes) and (codes[end] == same) == (codes[start] == same):
            end += 1
        head = NEAR if start else 0
        tail = NEAR if end < len(codes) else 0
        if codes[start] != same or end - start <= head + tail + 1:
            _extend(near, placed, start, end)
        else:
            _extend(near, placed, start, start + head)
            _extend(near, Placed([b""], [GAP], [False], [-1]), 0, 1)
            _extend(near, placed, end - tail, end)
        start = end
    return near


def _extend(into: Placed, placed: Placed, start: int, end: int) -> None:
    into.tokens.extend(placed.tokens[start:end])
    into.codes.extend(placed.codes[start:end])
    into.seams.extend(placed.seams[start:end])
    into.columns.extend(placed.columns[start:end])


def _framed(before: list[bytes], placed: Placed, after: list[bytes]) -> Placed:
    """With the tokens of the lines around."""
    outer, inner = [len(before), len(after)], len(placed.tokens)
    return (
        Placed(
            [*before, *placed.tokens, *after],
            [*[CONTEXT] * outer[0], *placed.codes, *[CONTEXT] * outer[1]],
            [*[False] * outer[0], *placed.seams, *[False] * outer[1]],
            [*[-1] * outer[0], *placed.columns, *[-1] * outer[1]],
        )
        if inner or any(outer)
        else Placed([b""], [GAP], [False], [-1])
    )


def _sequence(
    placed: Placed, numbers: dict[bytes, int], pieces: Pieces, features: list[float]
) -> Sequence_:
    found: list[list[int]] = []
    words: list[int] = []
    for token in placed.tokens:
        number = numbers.setdefault(token, len(numbers) + 1)
        words.append(number if number <= WORDS else 0)
        parts = pieces(token) if token else [GAP_PIECE]
        found.append(parts if len(parts) <= PIECES else [*parts[: PIECES - 1], parts[-1]])

    def spread(values: Sequence[int]) -> list[int]:
        """One value a piece; of a sequence that is too long, both ends."""
        every = [value for value, parts in zip(values, found, strict=True) for _ in parts]
        return every if len(every) <= LONGEST else [*every[:WIDE], *every[-WIDE:]]

    flat = [piece for parts in found for piece in parts]
    return Sequence_(
        flat if len(flat) <= LONGEST else [*flat[:WIDE], *flat[-WIDE:]],
        spread(placed.codes),
        spread(words),
        spread(placed.seams),
        spread(placed.columns),
        features,
    )

"""One candidate beside the three versions: a single sequence of tokens, each with who has it.

Every token of base, ours, theirs and the candidate stands in exactly one column; what several of
them share stands there once. MergeBERT (Svyatkovskiy et al., ESEC/FSE 2022, section 4) encodes four
sequences and never lets them see each other; here an edit of ours, what theirs did at that place,
and what the candidate made of it are neighbours.

White space is left out, as in the comparison of resolutions, but for the ends of lines.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

from tiebreak.ranker.subsequence import common
from tiebreak.record import NamedTuple
from tiebreak.text.anchors import Budget, align

BASE: Final = 1
OURS: Final = 2
THEIRS: Final = 4
ALL: Final = BASE | OURS | THEIRS
TAKEN: Final = 8  # the candidate has this token too
ADDED: Final = 16  # only the candidate has it here; the lower bits say who has it elsewhere
CONTEXT: Final = 24  # a merged line before or after the hunk
GAP: Final = 25  # stands for a long stretch that all four share
CODES: Final = 26

STEPS: Final = 400_000  # of aligning the sides with base; about a tenth of a second at the most
NEWLINE: Final = b"\n"

_TOKEN: Final = re.compile(rb"[\w$\x80-\xff]+|\n|[^\w\s]")
_WORD: Final = 3  # what a match is worth in the alignment of a side
_SIGN: Final = 1
_SWAPPED: Final = (0, 1, 4, 5, 2, 3, 6, 7)


class Placed(NamedTuple):
    """A candidate's sequence, one entry a token in each list."""

    tokens: list[bytes]
    codes: list[int]
    seams: list[bool]  # it follows here what it follows in no version
    columns: list[int]  # its number among the three-way columns; -1 where it has none


def lex(text: bytes) -> list[bytes]:
    r"""Words, signs, and the ends of lines that hold something.

    >>> lex(b"a1 +=\n\n  b")
    [b'a1', b'+', b'=', b'\n', b'b']
    """
    tokens: list[bytes] = []
    for token in _TOKEN.findall(text):
        if token != NEWLINE or (tokens and tokens[-1] != NEWLINE):
            tokens.append(token)
    return tokens


def swapped(code: int) -> int:
    """The code of the same token when ours and theirs change places."""
    return code if code >= CONTEXT else (code & ~ALL) | _SWAPPED[code & ALL]


class Alignment:
    """The columns of base, ours and theirs, and every candidate's place in them."""

    __slots__ = ("_followers", "_known", "sides", "tokens", "versions")

    sides: tuple[list[bytes], ...]  # the tokens of base, ours, theirs
    tokens: list[bytes]  # one a column
    versions: list[int]  # which of the three have it there: a sum of `BASE`, `OURS`, `THEIRS`

    def __init__(self, base: list[bytes], ours: list[bytes], theirs: list[bytes]) -> None:
        """Align the two sides with base and with each other; texts as `lex` gives them."""
        self.sides = base, ours, theirs
        self.tokens, self.versions = [], []
        self._align(*self.sides)
        self._followers = {pair for side in self.sides for pair in pairwise(side)}
        self._known: dict[bytes, int] = {}
        for bit, side in zip((BASE, OURS, THEIRS), self.sides, strict=True):
            for token in side:
                self._known[token] = self._known.get(token, 0) | bit

    def _align(self, base: list[bytes], ours: list[bytes], theirs: list[bytes]) -> None:
        """Go through base; what a side put in comes before the next token that it kept."""
        partners = _partners(base, ours), _partners(base, theirs)
        at = [0, 0]
        for index in range(len(base) + 1):
            last = index == len(base)
            pending: list[list[bytes]] = [[], []]
            versions = BASE
            for number, (side, bit) in enumerate(((ours, OURS), (theirs, THEIRS))):
                partner = len(side) if last else partners[number].get(index, -1)
                if partner >= 0:
                    pending[number] = side[at[number] : partner]
                    at[number] = partner + 1
                    versions |= bit
            self._insert(*pending)
            if not last:
                self.tokens.append(base[index])
                self.versions.append(versions)

    def _insert(self, ours: list[bytes], theirs: list[bytes]) -> None:
        """What both sides put in at one place of base, their common tokens once."""
        here = there = 0
        pairs = common(ours, theirs) if ours and theirs else []
        for i, j in [*pairs, (len(ours), len(theirs))]:
            self.tokens += [*ours[here:i], *theirs[there:j], *ours[i : i + 1]]
            self.versions += [OURS] * (i - here) + [THEIRS] * (j - there)
            self.versions += [OURS | THEIRS] * (i < len(ours))
            here, there = i + 1, j + 1

    def place(self, candidate: bytes) -> Placed:
        """The columns with the tokens of a candidate marked, and those that only it has put in."""
        tokens = lex(candidate)
        placed = Placed([], [], [], [])
        seams = [False, *(pair not in self._followers for pair in pairwise(tokens))]
        at = here = 0
        for column, index in [*common(self.tokens, tokens), (len(self.tokens), len(tokens))]:
            self._untaken(placed, at, column)
            placed.tokens.extend(tokens[here:index])
            placed.codes.extend(ADDED | self._known.get(token, 0) for token in tokens[here:index])
            placed.seams.extend(seams[here:index])
            placed.columns.extend([-1] * (index - here))
            if index < len(tokens):
                placed.tokens.append(tokens[index])
                placed.codes.append(self.versions[column] | TAKEN)
                placed.seams.append(seams[index])
                placed.columns.append(column)
            at, here = column + 1, index + 1
        return placed

    def _untaken(self, placed: Placed, start: int, end: int) -> None:
        """Columns that the candidate does not have."""
        placed.tokens.extend(self.tokens[start:end])
        placed.codes.extend(self.versions[start:end])
        placed.seams.extend([False] * (end - start))
        placed.columns.extend(range(start, end))

    def kept(self, text: bytes) -> list[bool]:
        """Which columns a text has: what the people's resolution kept."""
        kept = {column for column, _ in common(self.tokens, lex(text))}
        return [column in kept for column in range(len(self.tokens))]


def _partners(base: list[bytes], side: list[bytes]) -> dict[int, int]:
    """For each token of base that a side kept, where it is there.

    Words count more than signs: the alignment is the one of `tiebreak.text.tokens`.
    """
    numbers: dict[bytes, int] = {}
    numbered = [
        [numbers.setdefault(token, len(numbers)) for token in text] for text in (base, side)
    ]
    weights = [_WORD if token[:1].isalnum() else _SIGN for token in numbers]
    blocks = align(numbered[0], numbered[1], weights, Budget(STEPS))
    if blocks is None:
        return dict(common(base, side))
    return {block.a + step: block.b + step for block in blocks for step in range(block.size)}

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
from typing import TYPE_CHECKING, Final

from tiebreak.record import NamedTuple
from tiebreak.text.anchors import Budget, align
from tiebreak.text.diff import diff

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
_SWAPPED: Final = (0, 1, 4, 5, 2, 3, 6, 7)


class Column(NamedTuple):
    """A token and which of the versions have it here, as a sum of `BASE`, `OURS` and `THEIRS`."""

    token: bytes
    versions: int


class Mark(NamedTuple):
    """A token of a candidate's sequence: its code, and whether it follows what it never followed."""

    token: bytes
    code: int
    seam: bool = False
    column: int = -1  # of the three-way columns; -1 where there is none


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

    __slots__ = ("_followers", "_numbers", "_versions", "columns")

    def __init__(self, base: bytes, ours: bytes, theirs: bytes) -> None:
        """Align the two sides with base and with each other."""
        sides = [lex(text) for text in (base, ours, theirs)]
        self._numbers: dict[bytes, int] = {}
        numbered = [self._number(side) for side in sides]
        self.columns = _columns(sides, numbered, len(self._numbers))
        self._followers = {pair for side in sides for pair in pairwise(side)}
        self._versions: dict[bytes, int] = {}
        for bit, side in zip((BASE, OURS, THEIRS), sides, strict=True):
            for token in side:
                self._versions[token] = self._versions.get(token, 0) | bit

    def _number(self, tokens: Sequence[bytes]) -> list[int]:
        numbers = self._numbers
        return [numbers.setdefault(token, len(numbers)) for token in tokens]

    def place(self, candidate: bytes) -> list[Mark]:
        """The columns with the tokens of a candidate marked, and those that only it has put in."""
        tokens, columns = lex(candidate), self.columns
        seams = self._seams(tokens)
        marks: list[Mark] = []
        at = here = 0
        changes = diff([column.token for column in columns], tokens, "myers")
        for a_start, a_end, b_start, b_end in [*changes, (len(columns), len(columns), len(tokens), len(tokens))]:
            for step in range(a_start - at):
                token, versions = columns[at + step]
                marks.append(Mark(token, versions | TAKEN, here + step in seams, at + step))
            marks += [Mark(*columns[index], column=index) for index in range(a_start, a_end)]
            for index in range(b_start, b_end):
                token = tokens[index]
                code = ADDED | self._versions.get(token, 0)
                marks.append(Mark(token, code, index in seams))
            at, here = a_end, b_end
        return marks

    def kept(self, text: bytes) -> list[bool]:
        """Which columns a text has: what the people's resolution kept."""
        gone = {
            index
            for change in diff([column.token for column in self.columns], lex(text), "myers")
            for index in range(change.a_start, change.a_end)
        }
        return [index not in gone for index in range(len(self.columns))]

    def _seams(self, tokens: Sequence[bytes]) -> set[int]:
        """The places in a candidate where two tokens meet that meet in no version."""
        return {
            index
            for index, pair in enumerate(pairwise(tokens), 1)
            if pair not in self._followers
        }


def _columns(sides: list[list[bytes]], numbered: list[list[int]], tokens: int) -> list[Column]:
    base, ours, theirs = sides
    weights = [1] * tokens
    budget = Budget(STEPS)
    partners = [_partners(numbered[0], side, weights, budget) for side in numbered[1:]]
    columns: list[Column] = []
    at = [0, 0]
    for index, token in enumerate([*base, b""]):
        last = index == len(base)
        pending: list[list[bytes]] = [[], []]
        versions = BASE
        for number, (side, bit) in enumerate(((ours, OURS), (theirs, THEIRS))):
            partner = len(side) if last else partners[number].get(index, -1)
            if partner >= 0:
                pending[number] = side[at[number] : partner]
                at[number] = partner + 1
                versions |= bit
        columns += _insertions(*pending)
        if not last:
            columns.append(Column(token, versions))
    return columns


def _partners(
    base: list[int], side: list[int], weights: Sequence[int], budget: Budget
) -> dict[int, int]:
    """For each token of base that a side kept, where it is there."""
    blocks = align(base, side, weights, budget)
    if blocks is None:  # too much work for an exact answer: git's
        return _by_diff(base, side)
    return {block.a + step: block.b + step for block in blocks for step in range(block.size)}


def _by_diff(a: Sequence[object], b: Sequence[object]) -> dict[int, int]:
    partners: dict[int, int] = {}
    at = here = 0
    changes = diff(a, b, "myers")
    for a_start, a_end, _, b_end in [*changes, (len(a), len(a), len(b), len(b))]:
        partners.update((at + step, here + step) for step in range(a_start - at))
        at, here = a_end, b_end
    return partners


def _insertions(ours: list[bytes], theirs: list[bytes]) -> Iterator[Column]:
    """What both sides put in at one place of base, their common tokens once."""
    common = _by_diff(ours, theirs) if ours and theirs else {}
    there = 0
    for index, token in enumerate(ours):
        partner = common.get(index)
        if partner is None:
            yield Column(token, OURS)
            continue
        yield from (Column(other, THEIRS) for other in theirs[there:partner])
        yield Column(token, OURS | THEIRS)
        there = partner + 1
    yield from (Column(other, THEIRS) for other in theirs[there:])

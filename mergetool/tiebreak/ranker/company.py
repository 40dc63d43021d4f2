"""What else is in conflict beside a hunk: who settles several conflicts mostly settles them alike.

A merge that keeps our side in one place keeps it in the next one too, far more often than not. So
every hunk is judged by itself first; what that expects of the other hunks of the file, and of the
merge, is then evidence for this one (`tiebreak.ranker.model`). So is how a candidate compares with
its rivals, the others of its hunk: the first look scores each of them as if it were alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.ranker.odds import chance_of, log_odds
from tiebreak.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

OURS, THEIRS, OTHER = range(3)  # kinds of candidates: as ours is, as theirs is, anything else
Stance = tuple[float, float, float]  # what is expected of one hunk: the share of each kind
ALONE: Final = -1.0  # stands for the shares where there is no other hunk
COLUMNS: Final = 13  # of a row


class Scored(NamedTuple):
    """A hunk's candidates: how sure the judge is of each by itself, and of which kind it is."""

    chances: list[float]
    kinds: list[int]


class Shares(NamedTuple):
    """What is expected of some hunks: the share of each kind, and how many hunks they are."""

    ours: float
    theirs: float
    other: float
    hunks: int


class Beside(NamedTuple):
    """What is expected of the other hunks of the file, and of the whole merge."""

    file: Shares
    merge: Shares


NOBODY: Final = Shares(ALONE, ALONE, ALONE, 0)


class Company:
    """The hunks of a merge, as far as they are known."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._stances: dict[str, dict[int, Stance]] = {}
        self._sums: dict[str, Stance] = {}  # of whole files, for as long as nothing is added

    def forget(self, path: str) -> None:
        """Leave a file out again."""
        self._stances.pop(path, None)
        self._sums.pop(path, None)

    def add(self, path: str, index: int, scored: Scored) -> None:
        """Take a hunk of the file at `path` into account; one known by that number is replaced."""
        total = sum(scored.chances) or 1.0
        shares = [0.0, 0.0, 0.0]
        for chance, kind in zip(scored.chances, scored.kinds, strict=True):
            shares[kind] += chance / total
        ours, theirs, other = shares
        self._stances.setdefault(path, {})[index] = ours, theirs, other
        self._sums.pop(path, None)

    def beside(self, path: str, index: int) -> Beside:
        """What is expected of all others than this hunk."""
        file = [s for i, s in self._stances.get(path, {}).items() if i != index]
        away = [p for p in self._stances if p != path]
        hunks = len(file) + sum(len(self._stances[p]) for p in away)
        here = _sum(file)
        return Beside(_mean(here, len(file)), _mean(_sum([here, *map(self._sum_of, away)]), hunks))

    def _sum_of(self, path: str) -> Stance:
        """What is expected of all hunks of a file, added up once."""
        if path not in self._sums:
            self._sums[path] = _sum(list(self._stances[path].values()))
        return self._sums[path]


def _sum(stances: Sequence[Stance]) -> Stance:
    ours, theirs, other = map(sum, zip((0.0, 0.0, 0.0), *stances, strict=True))
    return ours, theirs, other


def _mean(total: Stance, hunks: int) -> Shares:
    if not hunks:
        return NOBODY
    ours, theirs, other = (share / hunks for share in total)
    return Shares(ours, theirs, other, hunks)


def kind_of(as_ours: bool, as_theirs: bool) -> int:  # noqa: FBT001  (one for each side)
    """The kind of a candidate that has the words of ours, of theirs, of both or of none."""
    return OTHER if as_ours == as_theirs else OURS if as_ours else THEIRS


def rows(odds: Sequence[float], kinds: Sequence[int], beside: Beside) -> list[list[float]]:
    """One row of `COLUMNS` numbers a candidate: what it is, and what is expected around it."""
    around = [
        [*_agreement(kind, beside.file), *_agreement(kind, beside.merge), lead, rest]
        for kind, (lead, rest) in zip(kinds, _rivals(odds), strict=True)
    ]
    return described(odds, kinds, around)


def _rivals(odds: Sequence[float]) -> list[tuple[float, float]]:
    """How far each candidate leads the best of the others, and what those are given together."""
    best, second = sorted([log_odds(0), log_odds(0), *odds])[:-3:-1]
    chances = [chance_of(own) for own in odds]
    total = sum(chances)
    return [
        (own - (second if own == best else best), total - chance)
        for own, chance in zip(odds, chances, strict=True)
    ]


def described(
    odds: Sequence[float], kinds: Sequence[int], around: Sequence[Sequence[float]]
) -> list[list[float]]:
    """One row a candidate: what it is, how sure it is, and what else is known."""
    return [
        [float(kind == OURS), float(kind == THEIRS), own, *more]
        for own, kind, more in zip(odds, kinds, around, strict=True)
    ]


def _agreement(kind: int, shares: Shares) -> list[float]:
    """How much is expected of the same kind, how much of its opposite, and of how many hunks."""
    same, other = shares[kind], opposite(kind, shares)
    return [same, other, float(shares.hunks), same - other]


def opposite(kind: int, shares: Sequence[float]) -> float:
    """The share of the other side's kind; of what is neither, that of the stronger side."""
    return max(shares[OURS], shares[THEIRS]) if kind == OTHER else shares[THEIRS - kind]

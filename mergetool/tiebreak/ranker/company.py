"""What else is in conflict beside a hunk: who settles several conflicts mostly settles them alike.

A merge that keeps our side in one place keeps it in the next one too, far more often than not. So
every hunk is judged by itself first; what that expects of the other hunks of the file, and of the
merge, is then evidence for this one (`tiebreak.ranker.model`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

OURS, THEIRS, OTHER = range(3)  # kinds of candidates: as ours is, as theirs is, anything else
ALONE: Final = -1.0  # stands for the shares where there is no other hunk
COLUMNS: Final = 11  # of a row


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
        self._stances: dict[str, dict[int, tuple[float, ...]]] = {}

    def forget(self, path: str) -> None:
        """Leave a file out again."""
        self._stances.pop(path, None)

    def add(self, path: str, index: int, scored: Scored) -> None:
        """Take a hunk of the file at `path` into account; one known by that number is replaced."""
        total = sum(scored.chances) or 1.0
        shares = [0.0, 0.0, 0.0]
        for chance, kind in zip(scored.chances, scored.kinds, strict=True):
            shares[kind] += chance / total
        self._stances.setdefault(path, {})[index] = tuple(shares)

    def beside(self, path: str, index: int) -> Beside:
        """What is expected of all others than this hunk."""
        file = [s for i, s in self._stances.get(path, {}).items() if i != index]
        away = [s for p, own in self._stances.items() if p != path for s in own.values()]
        return Beside(_mean(file), _mean(file + away))


def _mean(stances: Sequence[tuple[float, ...]]) -> Shares:
    if not stances:
        return NOBODY
    ours, theirs, other = (sum(column) / len(stances) for column in zip(*stances, strict=True))
    return Shares(ours, theirs, other, len(stances))


def rows(log_odds: Sequence[float], kinds: Sequence[int], beside: Beside) -> list[list[float]]:
    """One row of `COLUMNS` numbers a candidate: what it is, and what is expected around it."""
    return [
        [
            float(kind == OURS),
            float(kind == THEIRS),
            own,
            *_agreement(kind, beside.file),
            *_agreement(kind, beside.merge),
        ]
        for own, kind in zip(log_odds, kinds, strict=True)
    ]


def _agreement(kind: int, shares: Shares) -> list[float]:
    """How much is expected of the same kind, how much of its opposite, and of how many hunks."""
    same = shares[kind]
    opposite = max(shares.ours, shares.theirs) if kind == OTHER else shares[THEIRS - kind]
    return [same, opposite, float(shares.hunks), same - opposite]

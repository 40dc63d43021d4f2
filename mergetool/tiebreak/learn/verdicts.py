"""What a judge said of each hunk, and how good that was: the same table for every model."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.learn.packed import Packed

LEVELS: Final = (0.90, 0.95, 0.98)
SAMPLES: Final = 1000  # of the bootstrap


class Verdicts(NamedTuple):
    """One row a hunk."""

    sure: Any  # the probability of the first choice
    right: Any  # whether it was right
    among3: Any  # whether one of the first three was
    groups: Any  # the number of each hunk's repository, or merge: what is drawn anew as one

    def where(self, wanted: Any) -> Verdicts:
        """Some of the hunks."""
        return Verdicts(*(column[wanted] for column in self))


class Summary(NamedTuple):
    """Accuracy and coverage, each with its 95 % bootstrap interval over the groups."""

    hunks: int
    top1: tuple[float, float, float]
    top3: tuple[float, float, float]
    coverage: dict[float, tuple[float, float, float]]  # at a precision of `LEVELS`


def verdicts(packed: Packed, scores: Any) -> Verdicts:
    """The choices that `scores`, one a candidate, make."""
    firsts, repos = packed.firsts, [hunk["repo"] for hunk in packed.hunks]
    sure, right, among3 = [], [], []
    for first, last in itertools.pairwise(firsts):
        order = np.argsort(-scores[first:last], kind="stable")
        good = packed.right[first:last][order]
        sure.append(scores[first:last][order[0]])
        right.append(good[0])
        among3.append(good[:3].any())
    number = {repo: index for index, repo in enumerate(sorted(set(repos)))}
    return Verdicts(
        np.array(sure), np.array(right), np.array(among3), np.array([number[r] for r in repos])
    )


def summary(found: Verdicts, samples: int = SAMPLES) -> Summary:
    """Figures of some hunks, and intervals from drawing their groups anew."""
    draws = [_figures(found)]
    random = np.random.default_rng(0)
    groups = [np.nonzero(found.groups == group)[0] for group in np.unique(found.groups)]
    for _ in range(samples):
        chosen = random.integers(len(groups), size=len(groups))
        draws.append(_figures(found.where(np.concatenate([groups[i] for i in chosen]))))
    table = np.array(draws)
    low, high = np.quantile(table[1:], [0.025, 0.975], axis=0) if samples else (table[0], table[0])
    rows = [(float(table[0, i]), float(low[i]), float(high[i])) for i in range(table.shape[1])]
    return Summary(len(found.sure), rows[0], rows[1], dict(zip(LEVELS, rows[2:], strict=True)))


def _figures(found: Verdicts) -> list[float]:
    return [
        float(found.right.mean()),
        float(found.among3.mean()),
        *(coverage(found, level) for level in LEVELS),
    ]


def coverage(found: Verdicts, level: float) -> float:
    """The largest share of hunks, the surest first, of which at least `level` are right.

    Hunks that are equally sure stand or fall together.
    """
    order = np.argsort(-found.sure, kind="stable")
    precision = found.right[order].cumsum() / np.arange(1, len(order) + 1)
    sure = found.sure[order]
    last_of_ties = np.append(sure[1:] != sure[:-1], True)
    good = np.nonzero((precision >= level) & last_of_ties)[0]
    return float((good[-1] + 1) / len(order)) if len(good) else 0.0


def curve(found: Verdicts, shares: Sequence[float]) -> list[tuple[float, float]]:
    """Precision among the surest hunks, for each share of them: the risk-coverage curve."""
    order = np.argsort(-found.sure, kind="stable")
    precision = found.right[order].cumsum() / np.arange(1, len(order) + 1)
    return [(share, float(precision[max(0, round(share * len(order)) - 1)])) for share in shares]

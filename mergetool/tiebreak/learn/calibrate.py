"""Calibrate a judge on hunks of repositories that it has not seen.

Probabilities: isotonic regression of right on score (Zadrozny and Elkan, KDD 2002), over all
candidates, as a short table. Bounds: for a fixed ladder of scores, the share of right first choices
among hunks at least that sure, and its lower confidence bound, clustered by repository
(`tiebreak.learn.intervals`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tiebreak.learn.intervals import clustered_lower
from tiebreak.learn.verdicts import summary, verdicts
from tiebreak.ranker import calibration
from tiebreak.ranker.calibration import Calibration, Step
from tiebreak.ranker.situation import MERGE, situation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tiebreak.learn.packed import Packed
    from tiebreak.learn.verdicts import Verdicts

KNOTS: Final = 40  # of the table of probabilities, at the most
LADDER: Final = (0.01, 0.02, 0.04, 0.07, 0.10, 0.15, 0.20, 0.30, 0.40, 0.50, 0.70, 1.0)
PROVEN: Final = 0.92  # of the proofs that are not doubted people chose at least as many
FEW: Final = 60  # proofs that say something of their precision


def tables(packed: Packed, scores: Mapping[str, Any]) -> dict[str, Any]:
    """The calibration of each situation, as `about.json` has it; `scores` are by scope."""
    found, of_source = dict[str, Any](), np.array([hunk["source"] for hunk in packed.hunks])
    for scope, own in scores.items():
        parts = _apart(packed, own, of_source)
        limit = doubt(packed, _probabilities(own, packed.rows_of(of_source), parts))
        for source, of_part in parts.items():
            name = situation(scope, source=source)
            found[name] = calibration.to_json(of_part._replace(doubt=limit))
    return found


def _apart(packed: Packed, scores: Any, of_source: Any) -> dict[bool, Calibration]:
    """Probabilities and bounds for source code and for other files, without a doubt yet."""
    found = {}
    for source in (True, False):
        wanted = of_source == source
        if wanted.any():
            part, own = packed.where(wanted), scores[packed.rows_of(wanted)]
            steps = ladder(verdicts(part, own))
        else:  # probabilities of other files may do; a bound was not measured
            part, own, steps = packed, scores, []
        found[source] = Calibration(isotonic(own, part.right), steps, 0.0)
    return found


def _probabilities(scores: Any, of_source: Any, parts: Mapping[bool, Calibration]) -> Any:
    """What the scores of all candidates stand for."""
    pairs = zip(of_source.tolist(), scores.tolist(), strict=True)
    return np.array([parts[source].probability(score) for source, score in pairs])


def trained(packed: Packed, scores: Mapping[str, Any]) -> dict[str, Any]:
    """On what a model learned, and how good its scores are out of fold."""
    figures = summary(verdicts(packed, scores[MERGE]))
    return {
        "hunks": len(packed.hunks),
        "repositories": sorted({hunk["repo"] for hunk in packed.hunks}),
        "out_of_fold": {
            "top1": figures.top1,
            "top3": figures.top3,
            "coverage": {str(level): value for level, value in figures.coverage.items()},
        },
    }


def isotonic(scores: Any, right: Any) -> list[tuple[float, float]]:
    """Rising pairs (score, share right), as few as keep the shape."""
    from sklearn.isotonic import IsotonicRegression

    model = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(scores, right)
    where = np.unique(np.quantile(scores, np.linspace(0, 1, 10 * KNOTS)))
    where = where[:: max(1, len(where) // KNOTS)]
    where = np.unique(np.append(where, [scores.min(), scores.max()]))
    return [(float(x), float(y)) for x, y in zip(where, model.predict(where), strict=True)]


def ladder(found: Verdicts) -> list[Step]:
    """The steps, the surest first: each speaks of all hunks at least as sure."""
    order = np.sort(found.sure)[::-1]
    steps = []
    for share in LADDER:
        least = order[max(0, round(share * len(order)) - 1)]
        sure = found.sure >= least
        clusters = [
            (int(found.right[of].sum()), int(of.sum()))
            for group in np.unique(found.groups)
            if (of := sure & (found.groups == group)).any()
        ]
        lower = clustered_lower(clusters)
        steps.append(Step(float(least), int(found.right[sure].sum()), int(sure.sum()), lower))
    return steps


def doubt(packed: Packed, probabilities: Any) -> float:
    """The probability below which what is provable is not taken for proof.

    The lowest at which the provable candidates above it are right in `PROVEN` of the cases.
    """
    provable = packed.features[:, packed.names.index("provable")] > 0
    order = np.argsort(-probabilities[provable], kind="stable")
    sure, right = probabilities[provable][order], packed.right[provable][order]
    shares = right.cumsum() / np.arange(1, len(right) + 1)
    last_of_ties = np.append(sure[1:] < sure[:-1], True)
    good = np.nonzero((shares >= PROVEN)[FEW:] & last_of_ties[FEW:])[0]
    if not len(good):
        return 1.0
    last = good[-1] + FEW
    return 0.0 if last + 1 == len(sure) else float(sure[last])

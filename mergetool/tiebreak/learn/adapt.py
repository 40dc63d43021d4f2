"""Adapt the shipped judge to one repository: a few trees on top of its second look.

They see what a candidate is, what the shipped judge thinks of it, and how conflicts of the
repository, the top folder and the file ending were settled before (`tiebreak.ranker.own`).

Whether that helps is measured on later merges only (`forward`), and mostly it does not: the
correction is kept if the log loss is better with a 95 % interval, by drawing merges anew (Efron,
1979), that does not reach zero, and more first choices are right.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from tiebreak.learn import boosting, company
from tiebreak.learn.calibrate import isotonic, ladder
from tiebreak.learn.evaluate import looked
from tiebreak.learn.intervals import exact_lower
from tiebreak.learn.verdicts import Verdicts
from tiebreak.ranker.calibration import Calibration, Step
from tiebreak.ranker.company import OTHER, Beside
from tiebreak.ranker.odds import log_odds
from tiebreak.ranker.own import NOTHING, Habit, Own, places, rows, shares
from tiebreak.ranker.situation import FILE, MERGE, SCOPES, SITUATIONS
from tiebreak.text.source import is_source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tiebreak.learn.examples import Example
    from tiebreak.ranker.model import Model

LEAST: Final = 40  # merges with conflicts; with fewer nothing could be shown
CUTS: Final = ((0.6, 0.8), (0.8, 1.0))  # trained before the first, measured up to the second
SAMPLES: Final = 1000  # of the bootstrap
SHRUNK: Final = 200  # hunks that the shipped probabilities weigh
TREES: Final = 60
SETTINGS: Final = {
    **company.SETTINGS,
    "num_leaves": 4,
    "min_data_in_leaf": 40,
    "lambda_l2": 20.0,
}


class Settled(NamedTuple):
    """A hunk of a past merge; one entry a candidate in `kinds`, `right` and each of `scores`."""

    merge: int  # its place in the order of time
    path: str
    kinds: Sequence[int]
    right: Sequence[bool]
    scores: Mapping[str, Sequence[float]]  # of the shipped judge's second look, by scope

    @property
    def way(self) -> int:
        """How it was settled: the kind of the candidate that was right."""
        pairs = zip(self.kinds, self.right, strict=True)
        return next((kind for kind, right in pairs if right), OTHER)


class Trained(NamedTuple):
    """The nodes of the trees, and the habits at the end of what they learned from."""

    nodes: Any
    habits: dict[str, Habit]


class Tried(NamedTuple):
    """A hunk that the correction had not seen, and the corrected scores, by scope."""

    hunk: Settled
    scores: Mapping[str, Sequence[float]]


class Figures(NamedTuple):
    """Both judges on the same later merges. A loss is that of a hunk's candidates, in nats."""

    merges: int
    hunks: int
    top1: tuple[float, float]  # shipped, corrected
    loss: tuple[float, float]
    gain: tuple[float, float]  # the interval of the difference of losses; above 0 is better

    @property
    def better(self) -> bool:
        """Whether the correction is worth keeping."""
        return self.gain[0] > 0 and self.top1[1] > self.top1[0]


class Outcome(NamedTuple):
    """What came of adapting: the figures, and the calibrations where they are worth it."""

    trained: Trained
    figures: Figures
    calibrations: dict[str, Calibration]


def settled(model: Model, examples: Iterable[Example]) -> list[Settled]:
    """Ask the shipped judge about every example; in the order of time, numbered by merge."""
    found = sorted(
        looked(model, examples),
        key=lambda one: (one[0].example.time, one[0].example.merge, one[0].example.path),
    )
    merges: dict[str, int] = {}
    hunks = []
    for (example, held, scored), beside in found:
        views = {MERGE: beside, FILE: Beside(beside.file, beside.file)}
        hunks.append(
            Settled(
                merges.setdefault(example.merge, len(merges)),
                example.path,
                scored.kinds,
                [example.proposals[one.members[0]].equal for one in held],
                {scope: model.seconded(scored, views[scope]) for scope in SCOPES},
            )
        )
    return hunks


def adapt(model: Model, hunks: Sequence[Settled], threads: int) -> Outcome:
    """Try a correction on later merges, then train it on all."""
    tried = list(forward(hunks, threads))
    tables = dict[str, Calibration]()
    for situation, (scope, source) in SITUATIONS.items():
        of_kind = [one for one in tried if is_source(one.hunk.path) == source]
        tables[situation] = calibrated(of_kind, scope, model.calibrations[situation])
    return Outcome(train(hunks, threads), compared(tried), tables)


def merges_of(hunks: Sequence[Settled]) -> int:
    """How many merges the hunks come from."""
    return len({hunk.merge for hunk in hunks})


def forward(hunks: Sequence[Settled], threads: int) -> Iterator[Tried]:
    """Train on the earlier merges, try on the next ones; as often as there are `CUTS`.

    As in use, the habits stay what they were when the training ended.
    """
    count = merges_of(hunks)
    for start, end in CUTS:
        trained = train([hunk for hunk in hunks if hunk.merge < round(start * count)], threads)
        own = Own(trained.nodes.tolist(), trained.habits, {})
        for hunk in hunks:
            if round(start * count) <= hunk.merge < round(end * count):
                found = {
                    scope: own.corrected(scores, hunk.kinds, hunk.path)
                    for scope, scores in hunk.scores.items()
                }
                yield Tried(hunk, found)


def train(hunks: Sequence[Settled], threads: int) -> Trained:
    """Fit the trees; each merge is seen with the habits of strictly earlier ones."""
    import lightgbm

    habits: dict[str, Habit] = {}
    table, start, right = [], list[float](), list[bool]()
    for _, merge in groupby(hunks, key=lambda hunk: hunk.merge):
        of_merge = list(merge)
        for hunk in of_merge:
            odds = [log_odds(score) for score in hunk.scores[MERGE]]
            table += rows(odds, hunk.kinds, shares(habits, hunk.path))
            start += odds
            right += hunk.right
        _add(habits, of_merge)
    data = lightgbm.Dataset(
        np.array(table, np.float32), np.array(right, np.int8), init_score=np.array(start)
    )
    fitted = lightgbm.train({**SETTINGS, "num_threads": threads}, data, TREES)
    return Trained(boosting.flat([fitted]), habits)


def _add(habits: dict[str, Habit], merge: Sequence[Settled]) -> None:
    """A merge counts once in every place, however many of its hunks are there."""
    ways: dict[str, list[int]] = defaultdict(list)
    for hunk in merge:
        for place in places(hunk.path):
            ways[place].append(hunk.way)
    for place, of_place in ways.items():
        ours, theirs, other = (
            before + of_place.count(kind) / len(of_place)
            for kind, before in enumerate(habits.get(place, NOTHING))
        )
        habits[place] = ours, theirs, other


def compared(tried: Sequence[Tried]) -> Figures:
    """The shipped judge and the corrected one on the hunks that were tried."""
    both = [(one.hunk.scores[MERGE], one.scores[MERGE], one.hunk.right) for one in tried]
    losses = np.array([[_loss(a, right), _loss(b, right)] for a, b, right in both])
    first = np.array([[_first(a, right), _first(b, right)] for a, b, right in both])
    _, merge = np.unique([one.hunk.merge for one in tried], return_inverse=True)
    gains = np.bincount(merge, losses[:, 0] - losses[:, 1])
    sizes = np.bincount(merge)
    chosen = np.random.default_rng(0).integers(len(sizes), size=(SAMPLES, len(sizes)))
    low, high = np.quantile(gains[chosen].sum(1) / sizes[chosen].sum(1), [0.025, 0.975])
    (loss, own_loss), (top1, own_top1) = losses.mean(0), first.mean(0)
    return Figures(
        len(sizes),
        len(tried),
        (float(top1), float(own_top1)),
        (float(loss), float(own_loss)),
        (float(low), float(high)),
    )


def _loss(scores: Sequence[float], right: Sequence[bool]) -> float:
    odds = np.array([log_odds(score) for score in scores])
    return float(np.logaddexp(0, np.where(right, -odds, odds)).mean())


def _first(scores: Sequence[float], right: Sequence[bool]) -> bool:
    return right[max(range(len(scores)), key=lambda index: scores[index])]


def calibrated(tried: Sequence[Tried], scope: str, shipped: Calibration) -> Calibration:
    """The tables of corrected scores, from scores of merges that the correction had not seen.

    Probabilities lean on the shipped ones as on `SHRUNK` hunks. A bound is the lesser of two: by
    hunks in clusters of merges, and by merges all of whose sure hunks were right. Without any hunk
    there is none.
    """
    if not tried:
        return shipped._replace(steps=[])
    scores = np.array([score for one in tried for score in one.scores[scope]])
    right = np.array([right for one in tried for right in one.hunk.right])
    weight = len(tried) / (len(tried) + SHRUNK)
    knots = [
        (score, weight * share + (1 - weight) * shipped.probability(score))
        for score, share in isotonic(scores, right)
    ]
    sure = np.array([max(one.scores[scope]) for one in tried])
    first = np.array([_first(one.scores[scope], one.hunk.right) for one in tried])
    merges = np.array([one.hunk.merge for one in tried])
    steps = [
        _careful(step, merges, sure, first) for step in ladder(Verdicts(sure, first, first, merges))
    ]
    return Calibration(knots, steps, shipped.doubt)


def _careful(step: Step, merges: Any, sure: Any, first: Any) -> Step:
    reached = sure >= step.score
    wrong = np.unique(merges[reached & ~first])
    every = len(np.unique(merges[reached]))
    by_merge = exact_lower(every - len(wrong), every)
    return step._replace(lower=min(step.lower, by_merge))

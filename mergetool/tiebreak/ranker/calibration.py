"""From a model's score to what the policy needs: a probability, and a lower bound of precision.

Both are tables measured on repositories that the model had not seen (`tiebreak.learn.calibrate`).
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any

from tiebreak.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Step(NamedTuple):
    """Of hunks whose first choice scored at least `score`, `right` of `seen` were right."""

    score: float
    right: int
    seen: int
    lower: float  # the lower confidence bound of that share, clustered by repository


class Calibration(NamedTuple):
    """`knots`: scores and the probabilities they stand for, both rising. `steps`: by score."""

    knots: Sequence[tuple[float, float]]
    steps: Sequence[Step]
    doubt: float  # a proof whose probability is lower is not taken for one
    most: Calibration | None = None  # whose bounds are never exceeded

    def probability(self, score: float) -> float:
        """The calibrated chance of a candidate with this score, between the knots by line."""
        at = bisect_right([knot[0] for knot in self.knots], score)
        if at == 0:
            return self.knots[0][1]
        if at == len(self.knots):
            return self.knots[-1][1]
        (low, p), (high, q) = self.knots[at - 1], self.knots[at]
        return p + (q - p) * (score - low) / (high - low)

    def lower(self, score: float) -> float:
        """The bound for the policy of a first choice with this score.

        A step speaks of all that are at least as sure; the least sure of them is below it.
        """
        step = self.step(score)
        most = 1.0 if self.most is None else self.most.lower(score)
        return 0.0 if step is None else min(step.lower, self.probability(score), most)

    def step(self, score: float) -> Step | None:
        """The step with the best bound of those that a first choice with this score has reached."""
        reached = [step for step in self.steps if score >= step.score]
        return max(reached, key=lambda step: (step.lower, step.score), default=None)


def from_json(found: Mapping[str, Any]) -> Calibration:
    """The calibration as `about.json` of a model has it."""
    return Calibration(
        [(score, probability) for score, probability in found["knots"]],
        [Step(*step) for step in found["steps"]],
        found["doubt"],
    )


def to_json(calibration: Calibration) -> dict[str, Any]:
    """The reverse."""
    return {
        "knots": [list(knot) for knot in calibration.knots],
        "steps": [list(step) for step in calibration.steps],
        "doubt": calibration.doubt,
    }

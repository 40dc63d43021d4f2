"""The learned judge: the rule judge's opinion, and the model's beside it.

What is provable stays so unless the model is sure enough that people choose otherwise. What is not
has the model's calibrated probability; the first choice alone has a lower bound, that of all hunks
with a first choice as sure as this one. The bounds were counted where the history was known, and so
they hold there alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.conflict import Candidate, Judgement
from tiebreak.ranker.encoding import Case
from tiebreak.ranker.features import Setting, Texts
from tiebreak.ranker.hands import Offer, hold
from tiebreak.ranker.model import Model, folder
from tiebreak.text import judge as rules
from tiebreak.text.document import BASE, OURS, THEIRS
from tiebreak.text.surroundings import surroundings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.conflict import Judge
    from tiebreak.lineage import Past
    from tiebreak.ranker.hands import Held
    from tiebreak.text.document import Document, Hunk

UNRANKED: Final = "too far behind to be ranked"
TWIN: Final = "like a candidate above but for white space"


def judge_with(model: Model) -> Judge[Hunk, bytes]:
    """A judge that asks this model; hunks that it cannot judge are the rule judge's alone."""

    def judge(hunk: Hunk, candidates: Sequence[Candidate[bytes]]) -> list[Judgement]:
        ruled = rules.judge(hunk, candidates)
        held = hold([Offer(c.value, c.stratum, c.provable, len(c.drops)) for c in candidates])
        if not held:
            return ruled
        case = case_of(hunk, held)
        scores = model.scores(case)
        if scores is None:
            return ruled
        return _combined(model, ruled, held, scores, bounded=case.past is not None)

    return judge


def shipped() -> Judge[Hunk, bytes]:
    """The judge with the model that comes with tiebreak."""
    return judge_with(Model(folder()))


def case_of(hunk: Hunk, held: Sequence[Held]) -> Case:
    """What the model is shown of a hunk."""
    region, document = hunk.region, hunk.document
    around = surroundings(hunk)
    return Case(
        Texts(region.base, region.ours, region.theirs),
        around.before,
        around.after,
        setting_of(document),
        [one.hand for one in held],
        past_of(hunk),
    )


def past_of(hunk: Hunk) -> Past | None:
    """What the history says of a hunk's sides, where it is known."""
    lineage, region = hunk.document.lineage, hunk.region
    return None if lineage is None else lineage.past(region.base, region.ours, region.theirs)


def setting_of(document: Document) -> Setting:
    """What is known of a hunk's file."""
    regions = document.regions
    alone = {
        side: sum(region.result == region.side(side) != region.side(BASE) for region in regions)
        for side in (OURS, THEIRS)
    }
    hunks = sum(region.is_conflict for region in regions)
    return Setting(hunks, alone[OURS], alone[THEIRS], code=document.language is not None)


def _combined(
    model: Model,
    ruled: Sequence[Judgement],
    held: Sequence[Held],
    scores: Sequence[float],
    *,
    bounded: bool,
) -> list[Judgement]:
    found = [Judgement(0.0, 0.0, UNRANKED) for _ in ruled]
    best = max(range(len(held)), key=lambda index: scores[index])
    for index, one in enumerate(held):
        first, *twins = one.members
        place = 1 + sum(score > scores[index] for score in scores)
        counted = bounded and index == best and model.knows(one.hand.stratum)
        found[first] = _judgement(model, scores[index], place, counted=counted)
        provable = ruled[first].provable and found[first].probability >= model.calibration.doubt
        found[first] = found[first]._replace(provable=provable)
        for twin in twins:
            found[twin] = Judgement(found[first].probability, 0.0, TWIN)
    return found


def _judgement(model: Model, score: float, place: int, *, counted: bool) -> Judgement:
    """The opinion of one candidate; bounds were counted for first choices of known strata."""
    probability = model.calibration.probability(score)
    step = model.calibration.step(score) if counted else None
    evidence = f"the model's choice {place}"
    if step is None:
        return Judgement(probability, 0.0, evidence)
    evidence += f"; first choices at least as sure were right in {step.right} of {step.seen} real"
    return Judgement(probability, model.calibration.lower(score), f"{evidence} conflicts")

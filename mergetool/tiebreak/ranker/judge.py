"""The learned judge: the rule judge's opinion, and the model's beside it.

What is provable stays so unless the model is sure enough that people choose otherwise. What is not
has the model's calibrated probability; the first choice alone has a lower bound, that of all hunks
with a first choice as sure as this one.
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
    from tiebreak.ranker.hands import Held
    from tiebreak.text.document import Document, Hunk

UNRANKED: Final = "too far behind to be ranked"


def judge_with(model: Model) -> Judge[Hunk, bytes]:
    """A judge that asks this model; hunks that it cannot judge are the rule judge's alone."""

    def judge(hunk: Hunk, candidates: Sequence[Candidate[bytes]]) -> list[Judgement]:
        ruled = rules.judge(hunk, candidates)
        held = hold([Offer(c.value, c.stratum, c.provable, len(c.drops)) for c in candidates])
        chances = model.probabilities(case_of(hunk, held)) if held else None
        if chances is None:
            return ruled
        return _combined(model, ruled, held, chances[1:])

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
    )


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
    model: Model, ruled: Sequence[Judgement], held: Sequence[Held], chances: Sequence[float]
) -> list[Judgement]:
    calibration = model.calibration
    found = [rule._replace(probability=0.0, lower=0.0, evidence=UNRANKED) for rule in ruled]
    best = max(range(len(held)), key=lambda index: chances[index])
    for index, (one, chance) in enumerate(zip(held, chances, strict=True)):
        probability = calibration.probability(chance)
        step = calibration.step(chance) if index == best else None
        evidence = f"the model's choice {_rank(chances, index)}"
        if step is not None:
            evidence += f"; as sure as this, it was right in {step.right} of {step.seen} real conflicts"
        for member in one.members:
            found[member] = Judgement(
                probability,
                step.lower if step else 0.0,
                evidence,
                ruled[member].provable and probability >= calibration.doubt,
            )
    return found


def _rank(chances: Sequence[float], index: int) -> int:
    return 1 + sum(chance > chances[index] for chance in chances)

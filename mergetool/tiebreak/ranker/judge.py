"""The learned judge: the rule judge's opinion, and the model's beside it.

What is provable stays so unless the model is sure enough that people choose otherwise. What is not
has the model's calibrated probability; the first choice alone has a lower bound, that of all hunks
with a first choice as sure as this one. The bounds were counted where the history was known, and so
they hold there alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiebreak.conflict import Candidate, Judgement
from tiebreak.ranker.company import Beside, Company
from tiebreak.ranker.elsewhere import Whole
from tiebreak.ranker.encoding import Case
from tiebreak.ranker.features import Setting, Texts
from tiebreak.ranker.hands import Offer, hold
from tiebreak.ranker.light import Light
from tiebreak.ranker.model import Model, folder
from tiebreak.ranker.situation import FILE, MERGE, situation
from tiebreak.record import NamedTuple
from tiebreak.resolve import propose
from tiebreak.text import judge as rules
from tiebreak.text.document import BASE, OURS, THEIRS
from tiebreak.text.source import is_source
from tiebreak.text.surroundings import surroundings
from tiebreak.text.toolbox import TOOLBOX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.lineage import Past
    from tiebreak.ranker.calibration import Calibration
    from tiebreak.ranker.company import Scored
    from tiebreak.ranker.hands import Held
    from tiebreak.ranker.own import Own
    from tiebreak.text.document import Document, Hunk

SURVEYED: Final = 100  # hunks of a file, at the most
UNRANKED: Final = "too far behind to be ranked"
DOUBTED: Final = "provable, but people settle such conflicts otherwise too often"
TWIN: Final = "like a candidate above but for white space"


class Learned:
    """A judge that asks a model; hunks that it cannot judge are the rule judge's alone.

    What the other hunks of a file speak for is looked at with its first hunk. Who knows all files
    of the merge tells of them first (`survey`, `surveyed`): then the whole merge speaks. Until all
    of them are known none of them speaks for another file: what is said of a file must not depend
    on which files came before it.
    """

    def __init__(self, model: Model | Light, own: Own | None = None) -> None:
        """Nothing is surveyed yet; `own` is what this repository's merges add to the model."""
        self._model, self._own, self._scope, self._company = model, own, FILE, Company()
        self._taken: dict[str, Document] = {}
        self._scored: dict[str, dict[tuple[int, tuple[bytes, ...]], Scored | None]] = {}
        self._whole: tuple[Document, Whole] | None = None  # of the file that was last looked at

    def survey(self, document: Document) -> None:
        """Take the hunks of one file of the merge into account."""
        self._take(document, alone=True)

    def _take(self, document: Document, *, alone: bool) -> None:
        """The same, once; a hunk that has no other beside it only if it may be `alone`."""
        known = self._taken.get(document.path)
        if known is document:
            return
        hunks = document.hunks
        if known is not None and [h.region for h in known.hunks] == [h.region for h in hunks]:
            self._taken[document.path] = document
            return
        self._taken.pop(document.path, None)  # until all of them are, should time run out
        self._scored[document.path] = {}
        self._company.forget(document.path)
        for hunk in hunks[:SURVEYED] if alone or len(hunks) > 1 else ():
            held = _held(propose(hunk, TOOLBOX)[0])
            scored = self._first_look(hunk, held)
            if scored is not None:
                self._company.add(document.path, hunk.index, scored)
        self._taken[document.path] = document

    def surveyed(self) -> None:
        """Say that all files of the merge have been surveyed."""
        self._scope = MERGE

    def __call__(self, hunk: Hunk, candidates: Sequence[Candidate[bytes]]) -> list[Judgement]:
        """Judge the candidates of one hunk."""
        self._take(hunk.document, alone=False)
        ruled = rules.judge(hunk, candidates)
        held = _held(candidates)
        scored = self._first_look(hunk, held)
        if scored is None:
            return ruled
        beside = self._company.beside(hunk.path, hunk.index)
        if self._scope == FILE:
            beside = Beside(beside.file, beside.file)
        scores = self._model.seconded(scored, beside)
        return _combined(ruled, held, self._both(hunk, held, scores, scored.kinds))

    def _first_look(self, hunk: Hunk, held: Sequence[Held]) -> Scored | None:
        """The scores by the hunk alone; asked again, the model need not run again.

        The same texts elsewhere have other surroundings and another history.
        """
        known = self._scored[hunk.path]
        key = (hunk.index, tuple(one.hand.value for one in held))
        if key not in known:
            known[key] = self._model.scores(self._case_of(hunk, held)) if held else None
        return known[key]

    def _case_of(self, hunk: Hunk, held: Sequence[Held]) -> Case:
        """What the model is shown of a hunk."""
        if self._whole is None or self._whole[0] is not hunk.document:
            self._whole = hunk.document, Whole(hunk.document)
        return case_of(hunk, held, self._whole[1])

    def _both(
        self, hunk: Hunk, held: Sequence[Held], scores: Sequence[float], kinds: Sequence[int]
    ) -> list[Opinion]:
        """The model's opinions, as this repository's merges correct them. A doubt stays one."""
        bounded = hunk.document.lineage is not None
        source = is_source(hunk.path)
        name = situation(self._scope, source=source)
        tables = self._model.calibrations[name]
        kind = "source code" if source else "other files"
        by_model = Measure(tables, "the model's choice", f"real conflicts in {kind}")
        opinions = self._opinions(held, scores, by_model, bounded=bounded)
        if self._own is None or not bounded:
            return opinions
        own = self._own.tables(self._model.calibrations, name)
        by_own = Measure(own, "the adapted model's choice", "conflicts of this repository")
        corrected = self._own.corrected(scores, kinds, hunk.path)
        return [
            adapted._replace(doubted=adapted.doubted or shipped.doubted)
            for adapted, shipped in zip(
                self._opinions(held, corrected, by_own, bounded=True), opinions, strict=True
            )
        ]

    def _opinions(
        self, held: Sequence[Held], scores: Sequence[float], by: Measure, *, bounded: bool
    ) -> list[Opinion]:
        opinions = list[Opinion]()
        best = max(range(len(held)), key=lambda index: scores[index])
        for index, one in enumerate(held):
            place = 1 + sum(score > scores[index] for score in scores)
            counted = bounded and self._model.knows(one.hand.stratum)
            step = by.tables.step(scores[index]) if counted and index == best else None
            probability = by.tables.probability(scores[index])
            evidence = f"{by.who} {place}"
            if step is not None:
                sure = f"{step.right} of {step.seen} {by.where}"
                evidence += f"; first choices at least as sure were right in {sure}"
            bound = 0.0 if step is None else by.tables.lower(scores[index])
            doubted = probability < by.tables.doubt
            opinions.append(Opinion(Judgement(probability, bound, evidence), doubted))
        return opinions


class Measure(NamedTuple):
    """What scores stand for, and the words for evidence."""

    tables: Calibration
    who: str
    where: str


class Opinion(NamedTuple):
    """What the model says of one text; what it doubts is not taken for proof."""

    judgement: Judgement
    doubted: bool


def shipped(own: Own | None = None) -> Learned:
    """The judge with the model that comes with tiebreak, and what a repository adds to it."""
    return Learned(Model(folder()), own)


def light() -> Learned:
    """The judge that needs no package, quick to begin."""
    return Learned(Light(folder()))


def _held(candidates: Sequence[Candidate[bytes]]) -> list[Held]:
    return hold([Offer(c.value, c.stratum, c.provable, len(c.drops)) for c in candidates])


def case_of(hunk: Hunk, held: Sequence[Held], whole: Whole) -> Case:
    """What the model is shown of a hunk of this file."""
    region, document = hunk.region, hunk.document
    around = surroundings(hunk)
    return Case(
        Texts(region.base, region.ours, region.theirs),
        around.before,
        around.after,
        setting_of(document),
        [one.hand for one in held],
        past_of(hunk),
        whole.elsewhere(hunk, [one.hand.value for one in held]),
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
    ruled: Sequence[Judgement], held: Sequence[Held], opinions: Sequence[Opinion]
) -> list[Judgement]:
    found = [Judgement(0.0, 0.0, UNRANKED) for _ in ruled]
    for one, (judgement, doubted) in zip(held, opinions, strict=True):
        first, *twins = one.members
        provable, evidence = ruled[first].provable, judgement.evidence
        found[first] = judgement._replace(
            provable=provable and not doubted,
            evidence=f"{evidence}; {DOUBTED}" if provable and doubted else evidence,
        )
        for twin in twins:
            found[twin] = Judgement(judgement.probability, 0.0, TWIN)
    return found

"""Judge recorded hunks again, with the precision table as it is now, without merging again."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, cast

from tiebreak.conflict import Candidate
from tiebreak.policy import APPLY, COMMIT, LEAVE, SUGGEST, Policy
from tiebreak.text.judge import judge

if TYPE_CHECKING:
    from records import CandidateRecord, HunkRecord
    from tiebreak.conflict import Judgement
    from tiebreak.text.document import Hunk


_RANK = attrgetter("provable", "lower", "probability")


def rejudge(hunk: HunkRecord, policy: Policy | None = None) -> HunkRecord:
    """The same hunk with its surviving candidates judged, ordered and decided anew."""
    judged = _judged(hunk.survivors)
    vetoed = tuple(candidate for candidate in hunk.candidates if candidate.veto)
    action = _action(*judged[0], policy or Policy()) if judged else LEAVE
    survivors = tuple(record for record, _ in judged)
    return replace(hunk, action=action, candidates=(*survivors, *vetoed))


def _judged(survivors: list[CandidateRecord]) -> list[tuple[CandidateRecord, Judgement]]:
    """In the pipeline's order: see `tiebreak.resolve.resolve`."""
    verdicts = judge(cast("Hunk", None), [_candidate(record) for record in survivors])
    pairs = [
        (replace(record, probability=verdict.probability, lower=verdict.lower), verdict)
        for record, verdict in zip(survivors, verdicts, strict=True)
    ]
    return sorted(pairs, key=lambda pair: _RANK(pair[1]), reverse=True)


def _candidate(record: CandidateRecord) -> Candidate[bytes]:
    drops = ("",) * record.drops
    return Candidate(b"", record.generator, "", record.stratum, record.provable, drops)


def _action(best: CandidateRecord, verdict: Judgement, policy: Policy) -> str:
    action = policy.action(verdict)
    careful = best.drops and verdict.lower < policy.commit
    return SUGGEST if careful and action in {APPLY, COMMIT} else action

"""Judge recorded hunks again, with the precision table as it is now, without merging again."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple, cast

from tiebreak.conflict import Candidate
from tiebreak.policy import APPLY, COMMIT, LEAVE, SUGGEST, Policy
from tiebreak.text.judge import judge
from tiebreak.text.language import Language

if TYPE_CHECKING:
    from records import CandidateRecord, HunkRecord
    from tiebreak.conflict import Judgement
    from tiebreak.text.document import Hunk


_RANK = attrgetter("provable", "lower", "probability")


def rejudge(hunk: HunkRecord, policy: Policy | None = None) -> HunkRecord:
    """The same hunk with its surviving candidates judged, ordered and decided anew."""
    judged = _judged(hunk)
    vetoed = tuple(candidate for candidate in hunk.candidates if candidate.veto)
    action = _action(*judged[0], policy or Policy()) if judged else LEAVE
    survivors = tuple(record for record, _ in judged)
    return replace(hunk, action=action, candidates=(*survivors, *vetoed))


class _Recorded(NamedTuple):
    """Stands for a hunk and its document: all that is known of one that was recorded."""

    document: _Recorded | None
    language: Language | None


def _judged(hunk: HunkRecord) -> list[tuple[CandidateRecord, Judgement]]:
    """In the pipeline's order: see `tiebreak.resolve.resolve`."""
    survivors = hunk.survivors
    language = Language(hunk.language, hunk.language)
    recorded = _Recorded(_Recorded(None, language), None)
    verdicts = judge(cast("Hunk", recorded), [_candidate(record) for record in survivors])
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

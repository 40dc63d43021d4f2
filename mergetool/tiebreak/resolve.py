"""The one pipeline: propose candidates -> check -> judge -> policy.

It takes any `Conflict` and the `Toolbox` of its domain; it never looks inside a value. What follows
(writing, the journal) belongs to the caller, which knows about files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from tiebreak.conflict import Candidate, Conflict, Ranked, Rejected, Resolution, Veto
from tiebreak.policy import LEAVE, SUGGEST, USED, Policy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiebreak.conflict import Check, Toolbox

T = TypeVar("T")
C = TypeVar("C", bound="Conflict[object]")


def resolve(conflict: C, toolbox: Toolbox[C, T], policy: Policy) -> Resolution[T]:
    """Rank a conflict's candidates and decide what the policy allows to be done.

    The best-ranked candidate that survives every check decides; late checks are run only on what
    would be used. A candidate that drops an edit and
    is not measured to reach `policy.commit` is never applied, whatever `policy.apply` says, unless
    the user trusts its stratum.
    """
    passed, rejected = propose(conflict, toolbox, policy)
    judgements = toolbox.judge(conflict, passed)
    ranked = sorted(
        (Ranked(c, j) for c, j in zip(passed, judgements, strict=True)),
        key=lambda r: (
            r.judgement.provable,
            policy.favour(r.candidate.stratum),
            r.judgement.lower,
            r.judgement.probability,
        ),
        reverse=True,
    )
    while ranked and _decide(ranked[0], policy) in USED:
        veto = _first_veto(conflict, ranked[0].candidate, toolbox.late_checks)
        if veto is None:
            break
        rejected.append(Rejected(ranked.pop(0).candidate, veto))
    action = _decide(ranked[0], policy) if ranked else LEAVE
    chosen = ranked[0] if action in USED else None
    return Resolution(conflict, action, chosen, tuple(ranked), tuple(rejected))


def propose(
    conflict: C, toolbox: Toolbox[C, T], policy: Policy | None = None
) -> tuple[list[Candidate[T]], list[Rejected[T]]]:
    """The distinct candidates of all generators: those that pass the cheap checks, and the others.

    Of the proposals of one value the first that passes names it, a provable one before all others,
    then one that `policy` trusts: one generator may say what the value leaves out where another did
    not notice.
    """

    def late(candidate: Candidate[T]) -> tuple[bool, int]:
        trusted = policy.favour(candidate.stratum) if policy is not None else 0
        return not candidate.provable, -trusted

    by_value: dict[T, list[Candidate[T]]] = {}
    for _, generate in toolbox.generators:
        for candidate in generate(conflict):
            by_value.setdefault(candidate.value, []).append(candidate)
    passed: list[Candidate[T]] = []
    rejected: list[Rejected[T]] = []
    for proposals in by_value.values():
        vetoed: list[Rejected[T]] = []
        for candidate in sorted(proposals, key=late):
            veto = _first_veto(conflict, candidate, toolbox.checks)
            if veto is None:
                passed.append(candidate)
                break
            vetoed.append(Rejected(candidate, veto))
        else:
            rejected.append(vetoed[0])
    return passed, rejected


def _first_veto(
    conflict: C, candidate: Candidate[T], checks: Sequence[tuple[str, Check[C, T]]]
) -> Veto | None:
    for name, check in checks:
        reason = check(conflict, candidate)
        if reason is not None:
            return Veto(name, reason)
    return None


def _decide(best: Ranked[T], policy: Policy) -> str:
    trusted = policy.trusts(best.candidate.stratum)
    action = policy.action(best.judgement, trusted=trusted)
    careful = best.candidate.drops and not trusted and best.judgement.lower < policy.commit
    return SUGGEST if careful and action in USED else action
